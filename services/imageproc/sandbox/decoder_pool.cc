#include "services/imageproc/sandbox/decoder_pool.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/backoff.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/imageproc/sandbox/reply_check.h"
#include "services/imageproc/sandbox/wire.h"

namespace stockroom::imageproc {
namespace {

// A healthy zygote forks in a few milliseconds, under heavy load in some hundred.
constexpr absl::Duration kForkTimeout = absl::Seconds(10);

std::string BesideThisProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "stockroom-decoder").string();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DecoderPool>> DecoderPool::Start(DecoderPoolOptions options,
                                                                Metrics& metrics) {
  if (options.path.empty()) options.path = BesideThisProgram();
  std::unique_ptr<DecoderPool> pool(new DecoderPool(std::move(options), metrics));
  MutexLock lock(pool->mu_);
  while (!pool->tried_) pool->changed_.Wait(pool->mu_);
  absl::Status trouble = pool->trouble_;
  if (trouble.ok()) return pool;
  return trouble;
}

DecoderPool::DecoderPool(DecoderPoolOptions options, Metrics& metrics)
    : options_(std::move(options)),
      spares_gauge_(metrics.GetGauge("stockroom_decoder_spares", "Decoders that wait for work.")),
      running_gauge_(metrics.GetGauge("stockroom_decoder_running", "Decoders at work.")),
      started_(metrics.GetCounter("stockroom_decoder_started_total", "Decoders started.")),
      died_(metrics.GetCounter("stockroom_decoder_died_total",
                               "Decoders that died or answered nonsense at work.")),
      killed_(metrics.GetCounter("stockroom_decoder_killed_total",
                                 "Decoders killed at work, by deadline or cancellation.")),
      wait_seconds_(metrics.GetHistogram("stockroom_decoder_wait_seconds",
                                         "Wait for a free decoder.", Histogram::LatencyBounds())),
      keeper_([this] { Keep(); }) {}

DecoderPool::~DecoderPool() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  // Ends the zygote, which takes every decoder with it, so that waiting Decode calls return.
  keeper_.join();
  MutexLock lock(mu_);
  while (running_ > 0) changed_.Wait(mu_);
}

pid_t DecoderPool::zygote_pid() const {
  MutexLock lock(mu_);
  return zygote_pid_;
}

bool DecoderPool::WantsSpare() const {
  return spares_.size() < static_cast<size_t>(options_.spares) || !tried_;
}

absl::StatusOr<DecoderChild> DecoderPool::ForkFrom(std::unique_ptr<Zygote>& zygote) {
  if (zygote != nullptr) {
    auto child = zygote->Fork(absl::Now() + kForkTimeout);
    if (child.ok()) return child;
    LogWarning("the decoders' parent is lost and started anew", {{"error", child.status()}});
    zygote.reset();
  }
  SR_ASSIGN_OR_RETURN(
      zygote, Zygote::Start(options_.path, {absl::StrCat("--memory-bytes=", options_.memory_bytes)},
                            absl::Now() + options_.start_timeout));
  {
    MutexLock lock(mu_);
    zygote_pid_ = zygote->pid();
  }
  return zygote->Fork(absl::Now() + kForkTimeout);
}

absl::Status DecoderPool::AddSpare(std::unique_ptr<Zygote>& zygote) {
  auto child = ForkFrom(zygote);
  if (!child.ok()) {
    zygote.reset();
    return child.status();
  }
  started_.Add();
  MutexLock lock(mu_);
  spares_.push_back(*std::move(child));
  spares_gauge_.Set(static_cast<int64_t>(spares_.size()));
  return absl::OkStatus();
}

void DecoderPool::Keep() {
  std::unique_ptr<Zygote> zygote;  // belongs to this thread, see Zygote
  Backoff backoff({});
  for (;;) {
    {
      MutexLock lock(mu_);
      while (!stopping_ && !WantsSpare()) changed_.Wait(mu_);
      if (stopping_) break;
    }
    const absl::Status added = AddSpare(zygote);
    MutexLock lock(mu_);
    if (zygote == nullptr) zygote_pid_ = 0;
    if (!added.ok()) LogError("no decoder", {{"error", added}});
    trouble_ = added;
    tried_ = true;
    changed_.NotifyAll();
    if (added.ok()) {
      backoff.Reset();
      continue;
    }
    const absl::Time again = absl::Now() + backoff.Next();
    while (!stopping_ && absl::Now() < again) changed_.WaitFor(mu_, again - absl::Now());
  }
}

absl::StatusOr<DecoderChild> DecoderPool::Take(const CallContext& context) {
  const absl::Time began = absl::Now();
  const auto wake = context.cancellation->OnCancel([this] {
    MutexLock lock(mu_);
    changed_.NotifyAll();
  });
  MutexLock lock(mu_);
  for (;;) {
    if (stopping_) return Unavailable("DRAINING", "the worker is shutting down");
    SR_RETURN_IF_ERROR(context.Check());
    if (running_ < options_.concurrent) {
      // A spare may have died with its zygote; it has not seen the original yet.
      bool dropped = false;
      while (!spares_.empty() && !spares_.front().IsAlive()) {
        spares_.pop_front();
        dropped = true;
      }
      if (!spares_.empty()) break;
      if (!trouble_.ok()) return trouble_;
      if (dropped) changed_.NotifyAll();  // the keeper does not know yet
    }
    changed_.WaitFor(mu_, context.TimeLeft());
  }
  DecoderChild child = std::move(spares_.front());
  spares_.pop_front();
  ++running_;
  spares_gauge_.Set(static_cast<int64_t>(spares_.size()));
  running_gauge_.Set(running_);
  wait_seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - began));
  changed_.NotifyAll();
  return child;
}

void DecoderPool::GiveBack() {
  MutexLock lock(mu_);
  --running_;
  running_gauge_.Set(running_);
  changed_.NotifyAll();
}

absl::Status DecoderPool::WhyItEnded(const CallContext& context, const absl::Status& seen) {
  if (context.cancellation->cancelled()) {
    killed_.Add();
    return absl::CancelledError("cancelled; the decoder was stopped");
  }
  if (absl::IsDeadlineExceeded(seen)) {
    killed_.Add();
    return absl::DeadlineExceededError("the decoder was stopped because it took too long");
  }
  {
    MutexLock lock(mu_);
    if (stopping_) return Unavailable("DRAINING", "the worker is shutting down");
  }
  died_.Add();
  if (absl::IsUnavailable(seen)) {
    return absl::AbortedError("the decoder died while it worked on this image");
  }
  return absl::AbortedError(seen.message());
}

absl::StatusOr<DecodedImage> DecoderPool::Converse(const CallContext& context,
                                                   const DecoderChild& child,
                                                   const internal::DecodeRequest& request,
                                                   std::string_view original) {
  SR_ASSIGN_OR_RETURN(const UniqueFd memory, MakeSealedMemory("original", original));
  const auto on_cancel = context.cancellation->OnCancel([&child] { child.Kill(); });
  absl::Status sent = SendWireMessage(child.socket(), request.SerializeAsString(), {memory.get()},
                                      context.deadline);
  if (!sent.ok()) return WhyItEnded(context, sent);
  auto received = ReceiveWireMessage(child.socket(), context.deadline);
  if (!received.ok()) return WhyItEnded(context, received.status());
  internal::DecodeReply reply;
  if (!reply.ParseFromString(received->bytes)) {
    return WhyItEnded(context, absl::AbortedError("the decoder's answer makes no sense"));
  }
  std::optional<SealedView> view;
  if (!received->fds.empty()) {
    auto mapped = SealedView::Map(received->fds.front().get(), kMaxRenditionBytes);
    if (!mapped.ok()) return WhyItEnded(context, mapped.status());
    view.emplace(*std::move(mapped));
  }
  auto decoded = CheckReply(request, std::move(reply), view ? view->bytes() : std::string_view());
  if (absl::IsAborted(decoded.status())) return WhyItEnded(context, decoded.status());
  return decoded;
}

absl::StatusOr<DecodedImage> DecoderPool::Decode(const CallContext& context,
                                                 const internal::DecodeRequest& request,
                                                 std::string_view original) {
  SR_ASSIGN_OR_RETURN(const DecoderChild child, Take(context));
  auto decoded = Converse(context, child, request, original);
  child.Kill();
  GiveBack();
  return decoded;
}

}  // namespace stockroom::imageproc
