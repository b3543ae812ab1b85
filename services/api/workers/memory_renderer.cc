#include "services/api/workers/memory_renderer.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "services/api/workers/rendezvous.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kStandIns = 2;

}  // namespace

std::string MemoryRenderer::FakeBytes(const RenderOrder& order) {
  return order.original.hex() + "/" + order.key;
}

RenderedPicture MemoryRenderer::Picture(const RenderOrder& order, std::string bytes) {
  RenderedPicture picture{
      .sha256 = Digest::Of(bytes),
      .media_type = std::string(FormatMediaType(order.recipe.format)),
      .size = {std::max(1, order.recipe.width), std::max(1, order.recipe.height)}};
  picture.bytes = std::make_shared<const std::string>(std::move(bytes));
  return picture;
}

MemoryRenderer::MemoryRenderer()
    : answer_([](const RenderOrder& order) { return Picture(order, FakeBytes(order)); }) {}

MemoryRenderer::~MemoryRenderer() {
  std::vector<uint64_t> ids;
  {
    MutexLock lock(mu_);
    for (const auto& [id, waiting] : waiting_) ids.push_back(id);
  }
  for (const uint64_t id : ids) End(id, absl::CancelledError("the renderer is going away"));
  timers_.Stop();
}

void MemoryRenderer::Render(const CallContext& context, RenderOrder order, Done done) {
  const absl::Status status = context.Check();
  if (!status.ok()) return done(status);
  bool holding = false;
  {
    MutexLock lock(mu_);
    holding = holding_ && !workers_.empty();
  }
  if (holding) return Wait(context, std::move(order), std::move(done));
  done(Ask(order));
}

absl::StatusOr<RenderedPicture> MemoryRenderer::Ask(const RenderOrder& order) {
  std::vector<std::string> ranked;
  Answer answer;
  {
    MutexLock lock(mu_);
    ranked = RankWorkers(order.original, order.key, workers_);
    answer = answer_;
  }
  absl::StatusOr<RenderedPicture> result = Unavailable("NO_WORKER", "no worker is connected");
  for (int i = 0; i <= kStandIns && i < static_cast<int>(ranked.size()); ++i) {
    {
      MutexLock lock(mu_);
      asked_.push_back({ranked[static_cast<size_t>(i)], order});
    }
    result = answer(order);
    if (!absl::IsUnavailable(result.status())) break;
  }
  return result;
}

void MemoryRenderer::Wait(const CallContext& context, RenderOrder order, Done done) {
  uint64_t id = 0;
  {
    MutexLock lock(mu_);
    id = next_++;
    waiting_[id] = {.order = std::move(order), .done = std::move(done)};
    changed_.NotifyAll();
  }
  auto cancel = context.cancellation->OnCancel(
      [this, id] { End(id, absl::CancelledError("nobody waits for it")); });
  const TimerQueue::Id overdue = timers_.RunAt(
      context.deadline, [this, id] { End(id, absl::DeadlineExceededError("it took too long")); });
  {
    MutexLock lock(mu_);
    const auto found = waiting_.find(id);
    if (found != waiting_.end()) {
      found->second.cancel = std::move(cancel);
      found->second.overdue = overdue;
      return;
    }
  }
  timers_.Cancel(overdue);
}

void MemoryRenderer::End(uint64_t id, absl::StatusOr<RenderedPicture> result) {
  Waiting waiting;
  {
    MutexLock lock(mu_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return;
    waiting = std::move(found->second);
    waiting_.erase(found);
    changed_.NotifyAll();
  }
  timers_.Cancel(waiting.overdue);
  waiting.done(std::move(result));
}

void MemoryRenderer::AddWorker(const std::string& name) {
  MutexLock lock(mu_);
  workers_.push_back(name);
}

void MemoryRenderer::RemoveWorker(const std::string& name) {
  MutexLock lock(mu_);
  std::erase(workers_, name);
}

void MemoryRenderer::SetAnswer(Answer answer) {
  MutexLock lock(mu_);
  answer_ = std::move(answer);
}

void MemoryRenderer::Hold() {
  MutexLock lock(mu_);
  holding_ = true;
}

void MemoryRenderer::Release() {
  std::vector<std::pair<uint64_t, RenderOrder>> waiting;
  {
    MutexLock lock(mu_);
    holding_ = false;
    for (const auto& [id, one] : waiting_) waiting.emplace_back(id, one.order);
  }
  for (const auto& [id, order] : waiting) End(id, Ask(order));
}

std::vector<MemoryRenderer::Asked> MemoryRenderer::asked() const {
  MutexLock lock(mu_);
  return asked_;
}

bool MemoryRenderer::AwaitWaiting(int orders) {
  const absl::Time end = absl::Now() + absl::Seconds(10);
  MutexLock lock(mu_);
  while (static_cast<int>(waiting_.size()) != orders) {
    if (absl::Now() >= end) return false;
    changed_.WaitFor(mu_, end - absl::Now());
  }
  return true;
}

}  // namespace stockroom::api
