#include "services/imageproc/sandbox/decoder_program.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "services/common/base/backoff.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::imageproc {
namespace {

// A healthy zygote forks in a few milliseconds, under heavy load in some hundred.
constexpr absl::Duration kForkTimeout = absl::Seconds(10);

std::vector<std::string> MissingWalls(const internal::DecoderReady& ready) {
  std::vector<std::string> missing;
  for (const auto& wall : ready.walls()) {
    if (!wall.stands()) missing.push_back(absl::StrCat(wall.name(), " (", wall.reason(), ")"));
  }
  return missing;
}

}  // namespace

DecoderProgram::DecoderProgram(DecoderProgramOptions options, Metrics& metrics)
    : options_(std::move(options)),
      metrics_(metrics),
      spares_gauge_(metrics.GetGauge("stockroom_decoder_spares", "Decoders that wait for work.",
                                     {{"program", options_.name}})),
      started_(metrics.GetCounter("stockroom_decoder_started_total", "Decoders started.",
                                  {{"program", options_.name}})),
      lost_parents_(metrics.GetCounter("stockroom_decoder_lost_parents_total",
                                       "Times that the parent of all decoders was lost.",
                                       {{"program", options_.name}})),
      wait_seconds_(metrics.GetHistogram("stockroom_decoder_wait_seconds",
                                         "Wait for a process to be started.",
                                         Histogram::LatencyBounds(), {{"program", options_.name}})),
      keeper_([this] { Keep(); }) {}

DecoderProgram::~DecoderProgram() { Stop(); }

absl::Status DecoderProgram::AwaitStart() {
  MutexLock lock(mu_);
  while (!tried_) changed_.Wait(mu_);
  return trouble_;
}

void DecoderProgram::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (keeper_.joinable()) keeper_.join();
}

std::optional<internal::Engine> DecoderProgram::engine() const {
  MutexLock lock(mu_);
  return engine_;
}

bool DecoderProgram::Reads(std::string_view format) const {
  MutexLock lock(mu_);
  return engine_ && std::find(engine_->reads().begin(), engine_->reads().end(), format) !=
                        engine_->reads().end();
}

absl::Status DecoderProgram::trouble() const {
  MutexLock lock(mu_);
  return trouble_;
}

pid_t DecoderProgram::zygote_pid() const {
  MutexLock lock(mu_);
  return zygote_pid_;
}

bool DecoderProgram::WantsSpare() const {
  return spares_.size() < static_cast<size_t>(options_.spares) || !tried_;
}

absl::Status DecoderProgram::Welcome(const Zygote& zygote) {
  const internal::DecoderReady& ready = zygote.ready();
  const std::vector<std::string> missing = MissingWalls(ready);
  for (const auto& wall : ready.walls()) {
    metrics_
        .GetGauge("stockroom_decoder_walls", "Walls around decoders: 1 stands, 0 is missing here.",
                  {{"program", options_.name}, {"wall", wall.name()}})
        .Set(wall.stands() ? 1 : 0);
  }
  if (options_.all_walls && !missing.empty()) {
    return Unavailable("DECODER_UNAVAILABLE",
                       absl::StrCat("decoder.walls is strict, but around ", options_.name,
                                    " are missing: ", absl::StrJoin(missing, ", ")));
  }
  const internal::Engine& engine = ready.engine();
  const std::string reads = absl::StrJoin(engine.reads(), ",");
  const std::string writes = absl::StrJoin(engine.writes(), ",");
  metrics_
      .GetGauge("stockroom_decoder_engine_info", "What each decoder program is for.",
                {{"program", options_.name},
                 {"libvips", engine.libvips()},
                 {"reads", reads},
                 {"writes", writes}})
      .Set(1);
  LogInfo("decoders run", {{"program", options_.name},
                           {"libvips", engine.libvips()},
                           {"reads", reads},
                           {"writes", writes}});
  if (!missing.empty()) {
    LogWarning("this machine does not allow all walls around decoders, see docs/operations.md",
               {{"program", options_.name}, {"missing", absl::StrJoin(missing, ", ")}});
  }
  MutexLock lock(mu_);
  trouble_ = absl::OkStatus();
  engine_ = engine;
  zygote_pid_ = zygote.pid();
  return absl::OkStatus();
}

absl::StatusOr<DecoderChild> DecoderProgram::ForkFrom(std::unique_ptr<Zygote>& zygote) {
  if (zygote != nullptr) {
    auto child = zygote->Fork(absl::Now() + kForkTimeout);
    if (child.ok()) return child;
    LogWarning("the decoders' parent is lost and started anew",
               {{"program", options_.name}, {"error", child.status()}});
    lost_parents_.Add();
    zygote.reset();
  }
  SR_ASSIGN_OR_RETURN(
      zygote, Zygote::Start(options_.path, {absl::StrCat("--memory-bytes=", options_.memory_bytes)},
                            absl::Now() + options_.start_timeout));
  SR_RETURN_IF_ERROR(Welcome(*zygote));
  return zygote->Fork(absl::Now() + kForkTimeout);
}

absl::Status DecoderProgram::AddSpare(std::unique_ptr<Zygote>& zygote) {
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

void DecoderProgram::Keep() {
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
    // It is tried for ever; saying the same again helps nobody.
    if (!added.ok() && added != trouble_) {
      LogError("no decoder", {{"program", options_.name}, {"error", added}});
    }
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

absl::StatusOr<DecoderChild> DecoderProgram::Take(const CallContext& context) {
  const absl::Time began = absl::Now();
  const auto wake = context.cancellation->OnCancel([this] {
    MutexLock lock(mu_);
    changed_.NotifyAll();
  });
  MutexLock lock(mu_);
  for (;;) {
    if (stopping_) return Unavailable("DRAINING", "the worker is shutting down");
    SR_RETURN_IF_ERROR(context.Check());
    // A spare may have died with its zygote; it has not seen the original yet.
    bool dropped = false;
    while (!spares_.empty() && !spares_.front().IsAlive()) {
      spares_.pop_front();
      dropped = true;
    }
    if (!spares_.empty()) break;
    if (!trouble_.ok()) return trouble_;
    if (dropped) changed_.NotifyAll();  // the keeper does not know yet
    changed_.WaitFor(mu_, context.TimeLeft());
  }
  DecoderChild child = std::move(spares_.front());
  spares_.pop_front();
  spares_gauge_.Set(static_cast<int64_t>(spares_.size()));
  wait_seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - began));
  changed_.NotifyAll();
  return child;
}

}  // namespace stockroom::imageproc
