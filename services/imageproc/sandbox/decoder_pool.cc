#include "services/imageproc/sandbox/decoder_pool.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/media/sniff.h"
#include "services/imageproc/sandbox/conversation.h"
#include "services/imageproc/sandbox/serve.h"

namespace stockroom::imageproc {
namespace {

std::filesystem::path BesideThisProgram(const char* name) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / name;
}

// Rungs are made as JPEG (services/common/recipe/ladder.h); the other two are safe to grow into.
bool IsRungFormat(MediaKind kind) {
  return kind == MediaKind::kJpeg || kind == MediaKind::kPng || kind == MediaKind::kWebp;
}

// What stands between a stranger's bytes and a process that others' pictures go through.
absl::Status CheckRung(const internal::DecodeRequest& request, std::string_view source) {
  if (!AsksAboutRung(request)) {
    return InvalidArgument("NOT_A_RUNG", "The request is not one about a rung.");
  }
  if (!IsRungFormat(SniffMedia(source))) {
    return InvalidArgument("NOT_A_RUNG", "The rung is no JPEG, PNG or WebP.");
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<DecoderProgramChoice> UsualDecoderPrograms(const std::string& path, int spares,
                                                       const std::string& wide_path,
                                                       int wide_spares) {
  const std::string usual = BesideThisProgram("stockroom-decoder").string();
  std::vector<DecoderProgramChoice> programs = {
      {.path = path.empty() ? usual : path, .name = "stockroom-decoder", .spares = spares}};
  const std::filesystem::path wide = BesideThisProgram("stockroom-decoder-wide");
  std::error_code error;
  // Not built where one libvips reads everything.
  if (!wide_path.empty() || std::filesystem::exists(wide, error)) {
    programs.push_back({.path = wide_path.empty() ? wide.string() : wide_path,
                        .name = "stockroom-decoder-wide",
                        .spares = wide_spares});
  }
  return programs;
}

// The right to decode, given back at the end.
class DecoderPool::Slot {
 public:
  explicit Slot(DecoderPool& pool) : pool_(pool) {}
  ~Slot() { pool_.GiveBackSlot(); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

 private:
  DecoderPool& pool_;
};

absl::StatusOr<std::unique_ptr<DecoderPool>> DecoderPool::Start(DecoderPoolOptions options,
                                                                Metrics& metrics) {
  if (options.programs.empty()) return absl::InvalidArgumentError("no decoder program is named");
  std::unique_ptr<DecoderPool> pool(new DecoderPool(std::move(options), metrics));
  SR_RETURN_IF_ERROR(pool->programs_.front()->AwaitStart());
  for (size_t i = 1; i < pool->programs_.size(); ++i) {
    const absl::Status started = pool->programs_[i]->AwaitStart();
    if (started.ok()) continue;
    LogWarning("the worker runs without one of its decoder programs",
               {{"program", pool->programs_[i]->name()}, {"error", started}});
  }
  return pool;
}

DecoderPool::DecoderPool(DecoderPoolOptions options, Metrics& metrics)
    : options_(std::move(options)),
      metrics_(metrics),
      running_gauge_(metrics.GetGauge("stockroom_decoder_running", "Decoders at work.")),
      lasting_gauge_(metrics.GetGauge("stockroom_decoder_lasting",
                                      "Decoders that have served rungs and wait for the next.")) {
  for (const DecoderProgramChoice& choice : options_.programs) {
    programs_.push_back(std::make_unique<DecoderProgram>(
        DecoderProgramOptions{.path = choice.path,
                              .name = choice.name,
                              .spares = choice.spares,
                              .memory_bytes = options_.memory_bytes,
                              .all_walls = options_.all_walls,
                              .start_timeout = options_.start_timeout},
        metrics));
  }
}

DecoderPool::~DecoderPool() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  // Takes every decoder along, so that waiting Decode calls return.
  for (const auto& program : programs_) program->Stop();
  MutexLock lock(mu_);
  while (running_ > 0) changed_.Wait(mu_);
}

std::vector<internal::Engine> DecoderPool::Engines() {
  std::vector<internal::Engine> engines;
  for (const auto& program : programs_) {
    if (auto engine = program->engine()) engines.push_back(*std::move(engine));
  }
  return engines;
}

absl::StatusOr<DecoderProgram*> DecoderPool::ProgramFor(std::string_view source,
                                                        SvgPolicy svg) const {
  const MediaKind kind = SniffMedia(source, svg);
  if (kind == MediaKind::kUnknown) {
    return InvalidArgument("BAD_IMAGE", "The file is not an image of a kind that is read here.");
  }
  const std::string_view format = MediaName(kind);
  for (const auto& program : programs_) {
    if (program->Reads(format)) return program.get();
  }
  for (const auto& program : programs_) {
    // Perhaps it reads this, once it starts.
    if (!program->engine()) return program->trouble();
  }
  return InvalidArgument("BAD_IMAGE", absl::StrCat("Images of the format ", std::string(format),
                                                   " are not read here."));
}

absl::Status DecoderPool::TakeSlot(const CallContext& context) {
  const auto wake = context.cancellation->OnCancel([this] {
    MutexLock lock(mu_);
    changed_.NotifyAll();
  });
  MutexLock lock(mu_);
  for (;;) {
    if (stopping_) return Unavailable("DRAINING", "the worker is shutting down");
    SR_RETURN_IF_ERROR(context.Check());
    if (running_ < options_.concurrent) break;
    changed_.WaitFor(mu_, context.TimeLeft());
  }
  ++running_;
  return absl::OkStatus();
}

void DecoderPool::GiveBackSlot() {
  MutexLock lock(mu_);
  --running_;
  changed_.NotifyAll();
}

absl::StatusOr<DecoderPool::Lasting> DecoderPool::TakeLasting(const CallContext& context,
                                                              DecoderProgram& program) {
  {
    MutexLock lock(mu_);
    // The one that was used last has its memory still in the caches.
    for (auto it = lasting_.rbegin(); it != lasting_.rend(); ++it) {
      if (it->program != &program || !it->child.IsAlive()) continue;
      Lasting found = std::move(*it);
      lasting_.erase(std::next(it).base());
      lasting_gauge_.Set(static_cast<int64_t>(lasting_.size()));
      return found;
    }
  }
  SR_ASSIGN_OR_RETURN(DecoderChild child, program.Take(context));
  return Lasting{.program = &program, .child = std::move(child)};
}

void DecoderPool::PutBack(Lasting lasting) {
  ++lasting.served;
  if (lasting.served >= options_.lasting_uses) return;
  const int64_t resident = lasting.child.ResidentBytes();
  if (resident == 0 || resident > options_.lasting_bytes) return;
  MutexLock lock(mu_);
  std::erase_if(lasting_, [](const Lasting& other) { return !other.child.IsAlive(); });
  // More than decode at one time would never be used.
  if (lasting_.size() < static_cast<size_t>(options_.concurrent)) {
    lasting_.push_back(std::move(lasting));
  }
  lasting_gauge_.Set(static_cast<int64_t>(lasting_.size()));
}

absl::Status DecoderPool::WhyItEnded(const CallContext& context, const DecoderProgram& program,
                                     const DecoderChild& child, const absl::Status& seen) {
  const auto count = [&](const char* name, const char* help) {
    metrics_.GetCounter(name, help, {{"program", program.name()}}).Add();
  };
  const bool cancelled = context.cancellation->cancelled();
  if (cancelled || absl::IsDeadlineExceeded(seen)) {
    count("stockroom_decoder_killed_total",
          "Decoders killed at work, by deadline or cancellation.");
    if (cancelled) return absl::CancelledError("cancelled; the decoder was stopped");
    // Whichever of the two came first.
    return absl::DeadlineExceededError(
        context.TimeLeft() > absl::ZeroDuration()
            ? absl::StrCat("the decoder was stopped because it took longer than ",
                           absl::FormatDuration(options_.max_decode_time))
            : "the decoder was stopped because the time for its job was over");
  }
  {
    MutexLock lock(mu_);
    if (stopping_) return Unavailable("DRAINING", "the worker is shutting down");
  }
  count("stockroom_decoder_died_total", "Decoders that died or answered nonsense at work.");
  if (!absl::IsUnavailable(seen)) return absl::AbortedError(seen.message());
  const std::string how = child.HowItEnded();
  return absl::AbortedError(
      absl::StrCat("the decoder died while it worked on this image", how.empty() ? "" : ": ", how));
}

absl::StatusOr<DecodedImage> DecoderPool::Converse(const CallContext& context,
                                                   const DecoderProgram& program,
                                                   const DecoderChild& child,
                                                   const internal::DecodeRequest& request,
                                                   const DecoderInput& input) {
  running_gauge_.Add(1);
  const absl::Time deadline = std::min(context.deadline, absl::Now() + options_.max_decode_time);
  const auto on_cancel = context.cancellation->OnCancel([&child] { child.Kill(); });
  Conversation conversation = HaveConversation(child.socket(), deadline, request, input);
  running_gauge_.Add(-1);
  if (conversation.answered) return std::move(conversation.result);
  return WhyItEnded(context, program, child, conversation.result.status());
}

absl::StatusOr<DecodedImage> DecoderPool::DecodeOnce(const CallContext& context,
                                                     const internal::DecodeRequest& request,
                                                     const DecoderInput& input,
                                                     DecoderProgram& program) {
  // Killed as it goes out of scope, whatever it answered.
  SR_ASSIGN_OR_RETURN(const DecoderChild child, program.Take(context));
  return Converse(context, program, child, request, input);
}

absl::StatusOr<DecodedImage> DecoderPool::DecodeRung(const CallContext& context,
                                                     const internal::DecodeRequest& request,
                                                     const DecoderInput& input,
                                                     DecoderProgram& program) {
  SR_ASSIGN_OR_RETURN(Lasting lasting, TakeLasting(context, program));
  auto decoded = Converse(context, program, lasting.child, request, input);
  // Who could not serve a picture of our own making is not given another.
  if (decoded.ok()) PutBack(std::move(lasting));
  return decoded;
}

absl::StatusOr<DecodedImage> DecoderPool::Decode(const CallContext& context,
                                                 const internal::DecodeRequest& request,
                                                 const DecoderInput& input) {
  if (input.own_rung) SR_RETURN_IF_ERROR(CheckRung(request, input.source));
  SR_ASSIGN_OR_RETURN(
      DecoderProgram* const program,
      ProgramFor(input.source, request.allow_svg() ? SvgPolicy::kAllowed : SvgPolicy::kRefused));
  SR_RETURN_IF_ERROR(TakeSlot(context));
  const Slot slot(*this);
  if (input.own_rung) return DecodeRung(context, request, input, *program);
  return DecodeOnce(context, request, input, *program);
}

}  // namespace stockroom::imageproc
