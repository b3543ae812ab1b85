#include "services/api/domain/uploads.h"

#include <utility>

#include "services/api/domain/await_processed.h"
#include "services/api/domain/blob_admission.h"
#include "services/api/domain/upload_rules.h"
#include "services/api/domain/validation.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/media/sniff.h"

namespace stockroom::api {
namespace {

absl::Status TooLarge(int64_t limit) {
  return MakeStatus(
      absl::StatusCode::kOutOfRange,
      "the image has more than " + std::to_string(limit) + " bytes, which is the limit",
      {.reason = "TOO_LARGE", .metadata = {{"limit_bytes", std::to_string(limit)}}});
}

// The first upload under the key was committed and then taken back; see AdmitBlob.
absl::Status RevokedAnswer() {
  return Unavailable(kBlobCollected,
                     "the upload with this idempotency key was lost before it was acknowledged; "
                     "send it again with a new key");
}

}  // namespace

// The state that callbacks share outlives the session object, so that an abandoned upload whose
// commit is under way can end in peace.
class Uploads::Session final : public UploadSession {
 public:
  Session(Uploads& uploads, const CallContext& context, const Principal& who, UploadRequest request)
      : state_(std::make_shared<State>(uploads, context, who, std::move(request))) {}
  ~Session() override { state_->Abandon(); }

  void Write(std::string chunk, absl::AnyInvocable<void(absl::Status)> done) override {
    state_->Write(std::move(chunk), std::move(done));
  }
  void Finish(absl::AnyInvocable<void(absl::StatusOr<UploadResult>)> done) override {
    state_->Finish(std::move(done));
  }

 private:
  struct State : std::enable_shared_from_this<State> {
    State(Uploads& u, const CallContext& c, const Principal& w, UploadRequest r)
        : uploads(u), context(c), who(w), request(std::move(r)) {
      writer = uploads.blobs_.PutBlob(context, {.max_bytes = uploads.options_.max_bytes,
                                                .expected_sha256 = request.expected_sha256});
    }
    ~State() { LeavePlace(); }

    // Before the answer, so that whoever has it may begin the next upload.
    void LeavePlace() {
      if (!left_place.exchange(true)) uploads.in_flight_gauge_.Set(--uploads.in_flight_);
    }

    // Without a Finish under way nothing refers to this state any more and it goes, and its writer
    // with it; otherwise the upload ends in peace and nobody is told.
    void Abandon() {
      MutexLock lock(mu);
      done_cb = nullptr;
    }

    // The first bytes are kept back until there are enough to tell what they are.
    void Write(std::string chunk, absl::AnyInvocable<void(absl::Status)> done) {
      received += static_cast<int64_t>(chunk.size());
      uploads.bytes_total_.Add(chunk.size());
      if (received > uploads.options_.max_bytes) return done(TooLarge(uploads.options_.max_bytes));
      if (!sniffed) {
        beginning += chunk;
        if (beginning.size() < kSniffBytes) return done(absl::OkStatus());
        if (SniffMedia(beginning, uploads.options_.svg) == MediaKind::kUnknown)
          return done(UploadFailure(kNotAnImage));
        sniffed = true;
        chunk = std::exchange(beginning, {});
      }
      writer->Write(std::move(chunk), std::move(done));
    }

    void Finish(absl::AnyInvocable<void(absl::StatusOr<UploadResult>)> done) {
      if (received == 0) return done(InvalidArgument("EMPTY_UPLOAD", "the upload has no bytes"));
      if (!sniffed && SniffMedia(beginning, uploads.options_.svg) == MediaKind::kUnknown)
        return done(UploadFailure(kNotAnImage));
      {
        MutexLock lock(mu);
        done_cb = std::move(done);
      }
      if (sniffed) return FinishBlob();
      writer->Write(std::exchange(beginning, {}), [self = shared_from_this()](absl::Status status) {
        status.ok() ? self->FinishBlob() : self->Answer(std::move(status));
      });
    }

    void FinishBlob() {
      writer->Finish(
          [self = shared_from_this(), put = BootTimeNow()](absl::StatusOr<StoredBlob> blob) {
            if (!blob.ok()) return self->Answer(blob.status());
            const bool queued = self->uploads.executor_.SubmitAdmitted(
                [self, put, info = blob->info] { self->Commit(info, put); });
            if (!queued) self->Answer(Unavailable("SHUTTING_DOWN", "the api is shutting down"));
          });
    }

    // On the executor. Only reached once the bytes are durable.
    void Commit(const BlobInfo& info, absl::Duration put_time) {
      if (absl::Status status = context.Check(); !status.ok()) return Answer(std::move(status));
      if (absl::Status status = HoldKeyFor(info); !status.ok()) return Answer(std::move(status));
      if (stored_answer) {
        if (stored_answer->empty()) return Answer(RevokedAnswer());
        UploadResult repeated;
        repeated.stored_answer = *std::move(stored_answer);
        repeated.waited = request.wait;
        return Answer(std::move(repeated));
      }
      Quotas* const quotas = uploads.options_.quotas;
      const absl::Status room =
          quotas == nullptr ? absl::OkStatus() : quotas->Take(who.subject, info.size);
      const absl::Time now = uploads.clock_.Now();
      absl::StatusOr<CreatedImage> created =
          AdmitBlob(context, uploads.store_, uploads.blobs_, uploads.clock_,
                    {.put_time = put_time, .grace = uploads.options_.grace},
                    {.id = NewUuidV7(now),
                     .owner = who.subject,
                     .described = request.described,
                     .filename = request.filename,
                     .sha256 = info.sha256,
                     .md5 = info.md5,
                     .size_bytes = info.size,
                     .allow_duplicate = request.allow_duplicate,
                     .unless_duplicate = room,
                     .request_id = context.request_id,
                     .once = held ? std::optional(held->write()) : std::nullopt});
      const bool stored = created.ok() && !created->deduplicated;
      if (quotas != nullptr && room.ok()) {
        stored ? quotas->Keep(who.subject, info.size) : quotas->GiveBack(who.subject, info.size);
      }
      if (!created.ok()) {
        if (held && DetailsOf(created.status()).reason == kBlobCollected) held->Revoke();
        held.reset();  // before the answer, so that whoever has it may try again
        return Answer(created.status());
      }
      if (held) held->Written();
      (created->deduplicated ? uploads.deduplicated_total_ : uploads.stored_total_).Add();
      LogInfo("image stored",
              {{"image", created->image.id},
               {"bytes", info.size},
               {"deduplicated", created->deduplicated}},
              context.request_id);
      if (!request.wait || IsProcessed(created->image)) return AnswerWith(*std::move(created));
      WaitForProcessing(*std::move(created));
    }

    absl::Status HoldKeyFor(const BlobInfo& info) {
      if (context.idempotency_key.empty()) return absl::OkStatus();
      const Digest fingerprint = Digest::Of(request.fingerprint + std::string(info.sha256.bytes()));
      const auto answer = [render = request.answer](const Image& image, bool deduplicated) {
        return render({.image = image, .deduplicated = deduplicated});
      };
      SR_ASSIGN_OR_RETURN(KeyOutcome key, HoldKey(uploads.store_, uploads.clock_, context, who,
                                                  fingerprint, answer));
      if (auto* first = std::get_if<StoredAnswer>(&key)) stored_answer = std::move(first->answer);
      if (auto* hold = std::get_if<HeldKey>(&key)) held.emplace(std::move(*hold));
      return absl::OkStatus();
    }

    // On the executor. What a repetition is told is stored first.
    void AnswerWith(CreatedImage created) {
      if (held) held->Answered(request.answer(created));
      held.reset();
      UploadResult result;
      static_cast<CreatedImage&>(result) = std::move(created);
      Answer(std::move(result));
    }

    // Takes neither a thread nor a place: workers may be away for long.
    void WaitForProcessing(CreatedImage created) {
      LeavePlace();
      AwaitProcessed(uploads.store_, uploads.completions_, uploads.executor_, context,
                     std::move(created), request.wait_timeout,
                     [self = shared_from_this()](absl::StatusOr<CreatedImage> current) {
                       if (!current.ok()) return self->Answer(current.status());
                       self->AnswerProcessed(*std::move(current));
                     });
    }

    void AnswerProcessed(CreatedImage created) {
      if (created.image.state != ImageState::kFailed) return AnswerWith(std::move(created));
      if (held) held->Answered(request.answer(created));
      held.reset();
      Answer(ProcessingFailed(created.image.id, created.image.failure_reason));
    }

    void Answer(absl::StatusOr<UploadResult> result) {
      absl::AnyInvocable<void(absl::StatusOr<UploadResult>)> done;
      {
        MutexLock lock(mu);
        done = std::exchange(done_cb, nullptr);
      }
      LeavePlace();
      if (done) done(std::move(result));
    }

    Uploads& uploads;
    const CallContext context;
    const Principal who;
    const UploadRequest request;
    std::atomic<bool> left_place{false};
    int64_t received = 0;
    bool sniffed = false;
    std::string beginning;
    // Of the idempotency key; touched by one executor task after another.
    std::optional<HeldKey> held;
    std::optional<std::string> stored_answer;
    Mutex mu;
    // Set by Finish, taken by the one answer or dropped by Abandon.
    absl::AnyInvocable<void(absl::StatusOr<UploadResult>)> done_cb SR_GUARDED_BY(mu);
    std::unique_ptr<BlobWriter> writer;
  };

  std::shared_ptr<State> state_;
};

Uploads::Uploads(Options options, BlobClient& blobs, MetadataStore& store, Completions& completions,
                 Executor& executor, Clock& clock, Metrics& metrics)
    : options_(options),
      blobs_(blobs),
      store_(store),
      completions_(completions),
      executor_(executor),
      clock_(clock),
      in_flight_gauge_(metrics.GetGauge("stockroom_uploads_in_flight", "Uploads under way.")),
      bytes_total_(
          metrics.GetCounter("stockroom_upload_bytes_total", "Bytes of uploads received.")),
      stored_total_(metrics.GetCounter("stockroom_uploads_stored_total", "Images recorded.")),
      deduplicated_total_(metrics.GetCounter("stockroom_uploads_deduplicated_total",
                                             "Uploads whose bytes the owner had already.")) {}

absl::StatusOr<std::unique_ptr<UploadSession>> Uploads::Begin(const CallContext& context,
                                                              const Principal& who,
                                                              UploadRequest request) {
  // One that is sent again may be stored already.
  if (options_.quotas != nullptr && context.idempotency_key.empty() && request.allow_duplicate) {
    SR_RETURN_IF_ERROR(options_.quotas->CheckKnown(who.subject));
  }
  for (const auto& [name, value] : who.attributes) request.described.attributes[name] = value;
  SR_RETURN_IF_ERROR(NormaliseDescription(request.described));
  request.filename = CleanFilename(request.filename);
  const int running = ++in_flight_;
  if (running > options_.max_in_flight) {
    --in_flight_;
    return Overloaded("too many uploads are under way; try again shortly", absl::Milliseconds(500));
  }
  in_flight_gauge_.Set(running);
  return std::make_unique<Session>(*this, context, who, std::move(request));
}

}  // namespace stockroom::api
