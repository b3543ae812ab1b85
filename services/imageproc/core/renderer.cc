#include "services/imageproc/core/renderer.h"

#include <utility>
#include <vector>

#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::imageproc {
namespace {

// A cancelled render's decoder is dead at once; what is left is its thread's way back.
constexpr absl::Duration kCancelTime = absl::Seconds(5);

}  // namespace

Renderer::Renderer(const Options& options, RenditionMaker& maker, BackgroundStore& store,
                   Metrics& metrics)
    : options_(options),
      maker_(maker),
      store_(store),
      metrics_(metrics),
      shared_(metrics.GetCounter("stockroom_renders_shared_total",
                                 "Requests that another's computation answered.")),
      running_gauge_(metrics.GetGauge("stockroom_renders_running",
                                      "Renditions that are being made, fetching included.")),
      executor_({.name = "render", .threads = options.threads, .max_queued = options.threads},
                metrics) {}

Renderer::~Renderer() {
  Drain(absl::ZeroDuration());
  executor_.Shutdown();
  timers_.Stop();
}

void Renderer::Render(const CallContext& context, const internal::RenderRequest& request,
                      Done done) {
  auto plan = PlanRender(request);
  if (!plan.ok()) return Answer({.done = std::move(done)}, plan.status());
  const absl::Status in_time = context.Check();
  if (!in_time.ok()) return Answer({.done = std::move(done)}, in_time);
  const Key key{plan->original, plan->key};
  uint64_t id = 0;
  absl::Status refused;
  {
    MutexLock lock(mu_);
    std::shared_ptr<Work>& work = works_[key];
    if (draining_) {
      refused = Unavailable("DRAINING", "the worker is shutting down");
    } else if (work != nullptr) {
      shared_.Add();
    } else if (auto ticket = maker_.Admit(*plan); !ticket.ok()) {
      refused = ticket.status();
    } else {
      work = std::make_shared<Work>();
      work->context = context;
      work->context.cancellation = std::make_shared<Cancellation>();
      work->context.deadline = absl::Now() + options_.max_time;
      running_gauge_.Set(++running_);
      // Never refused: admission bounds their number, and draining ends before the executor does.
      executor_.SubmitAdmitted(
          [this, work, plan = *std::move(plan), ticket = *std::move(ticket)]() mutable {
            Run(plan, work, std::move(ticket));
          });
    }
    if (refused.ok()) {
      id = next_++;
      work->waiters[id].done = std::move(done);
    } else if (work == nullptr) {
      works_.erase(key);
    }
  }
  if (!refused.ok()) return Answer({.done = std::move(done)}, refused);
  Join(context, key, id);
}

// Sees to it that the waiter leaves in time. It may have been answered already.
void Renderer::Join(const CallContext& context, const Key& key, uint64_t id) {
  auto cancel = context.cancellation->OnCancel(
      [this, key, id] { Leave(key, id, absl::CancelledError("nobody waits for it")); });
  const TimerQueue::Id overdue = timers_.RunAt(context.deadline, [this, key, id] {
    Leave(key, id, absl::DeadlineExceededError("the rendition was not ready in time"));
  });
  {
    MutexLock lock(mu_);
    const auto work = works_.find(key);
    if (work != works_.end()) {
      const auto waiter = work->second->waiters.find(id);
      if (waiter != work->second->waiters.end()) {
        waiter->second.cancel = std::move(cancel);
        waiter->second.overdue = overdue;
        return;
      }
    }
  }
  timers_.Cancel(overdue);
}

void Renderer::Leave(const Key& key, uint64_t id, const absl::Status& why) {
  Waiter waiter;
  std::shared_ptr<Work> left;
  {
    MutexLock lock(mu_);
    const auto found = works_.find(key);
    if (found == works_.end()) return;
    auto& waiters = found->second->waiters;
    const auto one = waiters.find(id);
    if (one == waiters.end()) return;
    waiter = std::move(one->second);
    waiters.erase(one);
    if (waiters.empty()) {
      // Whoever asks from now on begins anew.
      left = std::move(found->second);
      works_.erase(found);
    }
  }
  if (left != nullptr) left->context.cancellation->Cancel();
  Answer(std::move(waiter), why);
}

void Renderer::Run(const RenderPlan& plan, const std::shared_ptr<Work>& work,
                   RenditionMaker::Ticket ticket) {
  absl::StatusOr<RenderResult> result = maker_.Make(work->context, plan, std::move(ticket));
  std::map<uint64_t, Waiter> waiters;
  {
    MutexLock lock(mu_);
    waiters.swap(work->waiters);
    const auto found = works_.find({plan.original, plan.key});
    if (found != works_.end() && found->second == work) works_.erase(found);
  }
  for (auto& [id, waiter] : waiters) {
    if (result.ok()) {
      Answer(std::move(waiter), result->rendition);
    } else {
      Answer(std::move(waiter), result.status());
    }
  }
  if (result.ok()) {
    store_.Store(work->context, {plan.original, plan.key}, result->rendition.bytes);
    if (result->rung) {
      store_.Store(work->context, {plan.original, plan.rung->key}, result->rung->bytes);
    }
  }
  MutexLock lock(mu_);
  running_gauge_.Set(--running_);
  if (running_ == 0) idle_.NotifyAll();
}

void Renderer::Answer(Waiter waiter, absl::StatusOr<MadeRendition> result) {
  waiter.cancel.reset();
  timers_.Cancel(waiter.overdue);
  metrics_
      .GetCounter("stockroom_renders_total", "Renditions asked for.",
                  {{"code", absl::StatusCodeToString(result.status().code())}})
      .Add();
  waiter.done(std::move(result));
}

void Renderer::Drain(absl::Duration limit) {
  const auto wait = [this](absl::Duration time) SR_REQUIRES(mu_) {
    const absl::Time end = absl::Now() + time;
    while (running_ > 0 && absl::Now() < end) idle_.WaitFor(mu_, end - absl::Now());
    return running_ == 0;
  };
  std::vector<std::shared_ptr<Work>> late;
  {
    MutexLock lock(mu_);
    draining_ = true;
    if (wait(limit)) return;
    for (const auto& [key, work] : works_) late.push_back(work);
  }
  for (const auto& work : late) work->context.cancellation->Cancel();
  MutexLock lock(mu_);
  if (!wait(kCancelTime)) LogWarning("renders do not end", {{"running", running_}});
}

}  // namespace stockroom::imageproc
