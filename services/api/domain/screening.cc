#include "services/api/domain/screening.h"

#include <future>
#include <memory>
#include <utility>

#include "services/common/base/backoff.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

absl::Status Stopping() {
  return Unavailable("SHUTTING_DOWN", "this api stops before the image was moderated");
}

// Waits for a callback, on a thread that may block. The context's deadline ends every stream.
template <typename T, typename Start>
absl::StatusOr<T> Await(Start start) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<T>>>();
  std::future<absl::StatusOr<T>> future = promise->get_future();
  start([promise](absl::StatusOr<T> result) { promise->set_value(std::move(result)); });
  return future.get();
}

absl::StatusOr<std::string> ReadAll(RenditionReader& reader) {
  SR_RETURN_IF_ERROR(
      Await<RenditionInfo>([&](auto done) { reader.Open(std::move(done)); }).status());
  std::string bytes;
  for (;;) {
    SR_ASSIGN_OR_RETURN(
        std::optional<std::string> piece,
        Await<std::optional<std::string>>([&](auto done) { reader.Read(std::move(done)); }));
    if (!piece) return bytes;
    bytes += *piece;
  }
}

std::optional<Finding> FindingOf(const ModeratorAnswer& answer) {
  if (answer.verdict == ModeratorAnswer::Verdict::kAllow) return std::nullopt;
  const bool rejects = answer.verdict == ModeratorAnswer::Verdict::kReject;
  return Finding{.to = rejects ? ImageState::kRejected : ImageState::kFlagged,
                 .by = DecidedBy::kModerator,
                 .reason = answer.reason.empty() ? "the moderator gave no reason" : answer.reason,
                 .hash = {},
                 .labels = answer.labels};
}

Finding WithoutAnswer() {
  return {.by = DecidedBy::kPolicy,
          .reason = "the moderator gave no answer, so a person has to look",
          .hash = {},
          .labels = {}};
}

}  // namespace

Screening::Screening(Options options, BlockList& list, Moderator* moderator, MetadataStore& store,
                     BlobClient& blobs, Metrics& metrics)
    : options_(options),
      list_(list),
      moderator_(moderator),
      store_(store.moderation()),
      blobs_(blobs),
      metrics_(metrics),
      waiting_gauge_(metrics.GetGauge("stockroom_moderator_waiting",
                                      "Images that wait for the external moderator.")),
      executor_({.name = "moderator", .threads = moderator == nullptr ? 1 : options.concurrency},
                metrics) {}

Screening::~Screening() { Stop(); }

bool Screening::MustAsk(const Image& image) const {
  return moderator_ != nullptr && image.state != ImageState::kReady && !IsHidden(image.state);
}

bool Screening::saturated() const {
  MutexLock lock(mu_);
  return waiting_ >= options_.concurrency * 4;
}

void Screening::Ask(const Image& image, const ProcessingResult& result,
                    const std::string& request_id, Answered done) {
  auto question = std::make_shared<Question>();
  question->text = {
      .request_id = request_id, .image = image, .preview = {}, .preview_media_type = {}};
  question->text.image.facts = result.facts;
  for (const auto& [name, text] : result.analysis) question->text.image.analysis[name] = text;
  question->renditions = result.renditions;
  question->done = std::move(done);
  {
    MutexLock lock(mu_);
    waiting_gauge_.Set(++waiting_);
  }
  // Bounded by saturated(): each is a job that was leased for a credit.
  if (executor_.SubmitAdmitted([this, question] { Answer(*question); })) return;
  question->done(Stopping());
  MutexLock lock(mu_);
  waiting_gauge_.Set(--waiting_);
}

void Screening::Answer(Question& question) {
  question.done(Decide(question));
  MutexLock lock(mu_);
  waiting_gauge_.Set(--waiting_);
}

absl::StatusOr<std::optional<Finding>> Screening::Decide(Question& question) {
  const Image& image = question.text.image;
  // What a person or the list has decided is nobody else's business.
  const absl::StatusOr<std::optional<int64_t>> approved = store_.ApprovedVersion(image.id);
  if (approved.ok() && *approved) return std::nullopt;
  const auto pdq = image.analysis.find("pdq");
  if (pdq != image.analysis.end() && list_.Match(*list_.Get(), pdq->second)) return std::nullopt;
  FetchPreview(question);
  return AskUntilPolicy(question.text);
}

absl::StatusOr<std::optional<Finding>> Screening::AskUntilPolicy(
    const ModeratorQuestion& question) {
  Backoff backoff({.floor = options_.first_pause / 2,
                   .first = options_.first_pause,
                   .longest = options_.longest_pause});
  const auto count = [&](const char* answer) {
    metrics_
        .GetCounter("stockroom_moderator_answers_total", "What the external moderator answered.",
                    {{"answer", answer}})
        .Add();
  };
  for (;;) {
    {
      MutexLock lock(mu_);
      if (stopping_) return Stopping();
    }
    const absl::StatusOr<ModeratorAnswer> answer = moderator_->Ask(question, options_.patience);
    if (answer.ok()) {
      const std::optional<Finding> finding = FindingOf(*answer);
      count(!finding ? "allow" : finding->to == ImageState::kRejected ? "reject" : "flag");
      return finding;
    }
    count("none");
    LogWarning("the external moderator gave no answer",
               {{"image", question.image.id}, {"error", answer.status()}}, question.request_id);
    if (options_.policy == ModeratorPolicy::kAllow) return std::nullopt;
    if (options_.policy == ModeratorPolicy::kFlag) return WithoutAnswer();
    if (!Sleep(backoff.Next())) return Stopping();
  }
}

// Without one the moderator still hears of the image, and can fetch it.
void Screening::FetchPreview(Question& question) {
  const Rendition* best = nullptr;
  for (const Rendition& rendition : question.renditions) {
    if (rendition.size_bytes > options_.max_preview_bytes) continue;
    if (best == nullptr || rendition.size_bytes > best->size_bytes) best = &rendition;
  }
  if (best == nullptr) return;
  CallContext context = CallContext::WithTimeout(options_.patience);
  context.request_id = question.text.request_id;
  const auto reader =
      blobs_.GetRendition(context, {.original = question.text.image.sha256, .key = best->key}, {});
  absl::StatusOr<std::string> bytes = ReadAll(*reader);
  if (!bytes.ok()) {
    LogWarning("the external moderator gets no preview",
               {{"image", question.text.image.id}, {"error", bytes.status()}}, context.request_id);
    return;
  }
  question.text.preview = *std::move(bytes);
  question.text.preview_media_type = best->media_type;
}

bool Screening::Sleep(absl::Duration pause) {
  const absl::Time end = absl::Now() + pause;
  MutexLock lock(mu_);
  while (!stopping_ && absl::Now() < end) wake_.WaitFor(mu_, end - absl::Now());
  return !stopping_;
}

absl::Status Screening::Check(ProcessingResult& result) {
  std::shared_ptr<const BlockListSnapshot> list = list_.Get();
  if (list->version() < 0) {
    SR_ASSIGN_OR_RETURN(list, list_.AtLeast(0));
  }
  result.block_list_version = list->version();
  const auto pdq = result.analysis.find("pdq");
  std::optional<Finding> match =
      list_.Match(*list, pdq == result.analysis.end() ? "" : pdq->second);
  // Of two findings the one that refuses counts.
  const bool rejected = result.finding && result.finding->to == ImageState::kRejected;
  if (match && !rejected) result.finding = std::move(match);
  return absl::OkStatus();
}

void Screening::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  executor_.Shutdown();
}

}  // namespace stockroom::api
