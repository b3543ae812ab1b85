// Renderer in memory: the twin of GrpcRenderer, for tests.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/api/domain/renderer.h"
#include "services/common/base/mutex.h"
#include "services/common/base/timer.h"

namespace stockroom::api {

// Thread-safe. Begins with one worker, "memory". A worker that answers does so before Render
// returns; one that holds still leaves its orders waiting, until they are released, cancelled, or
// their deadline has passed. The destructor cancels those that still wait.
class MemoryRenderer final : public Renderer {
 public:
  MemoryRenderer();
  ~MemoryRenderer() override;

  void Render(const CallContext& context, RenderOrder order, Done done) override;

  // ---- the workers' side ----

  void AddWorker(const std::string& name);
  void RemoveWorker(const std::string& name);
  // What a worker says to an order. At first: a picture whose bytes are FakeBytes(order).
  using Answer = std::function<absl::StatusOr<RenderedPicture>(const RenderOrder&)>;
  void SetAnswer(Answer answer);
  void Hold();
  // Answers what waits, and from then on at once.
  void Release();

  struct Asked {
    std::string worker;
    RenderOrder order;
  };
  // Every order that reached a worker, in order; stand-ins' too.
  std::vector<Asked> asked() const;
  // Waits until so many orders wait; false after ten seconds.
  bool AwaitWaiting(int orders);

  // "<original's hex>/<key>"
  static std::string FakeBytes(const RenderOrder& order);
  static RenderedPicture Picture(const RenderOrder& order, std::string bytes);

 private:
  struct Waiting {
    RenderOrder order;
    Done done;
    std::unique_ptr<Cancellation::Registration> cancel;
    TimerQueue::Id overdue;
  };

  absl::StatusOr<RenderedPicture> Ask(const RenderOrder& order);
  void Wait(const CallContext& context, RenderOrder order, Done done);
  // Nothing if it has ended already.
  void End(uint64_t id, absl::StatusOr<RenderedPicture> result);

  mutable Mutex mu_;
  CondVar changed_;
  std::vector<std::string> workers_ SR_GUARDED_BY(mu_) = {"memory"};
  Answer answer_ SR_GUARDED_BY(mu_);
  bool holding_ SR_GUARDED_BY(mu_) = false;
  std::vector<Asked> asked_ SR_GUARDED_BY(mu_);
  uint64_t next_ SR_GUARDED_BY(mu_) = 1;
  std::map<uint64_t, Waiting> waiting_ SR_GUARDED_BY(mu_);
  TimerQueue timers_;
};

}  // namespace stockroom::api
