#include "tests/support/step_scheduler.h"

#include <utility>

namespace stockroom::testing {

void StepScheduler::Add(std::function<void()> actor) {
  auto added = std::make_unique<Actor>();
  added->body = std::move(actor);
  actors_.push_back(std::move(added));
}

bool StepScheduler::Run() {
  for (size_t i = 0; i < actors_.size(); ++i) {
    actors_[i]->thread = std::thread([this, i] {
      Actor& self = *actors_[i];
      {
        std::unique_lock lock(mu_);
        changed_.wait(lock, [&] { return running_ == static_cast<int>(i); });
      }
      try {
        if (!stuck_) self.body();
      } catch (const Stuck&) {
      }
      std::lock_guard lock(mu_);
      self.over = true;
      running_ = -1;
      changed_.notify_all();
    });
  }
  std::unique_lock lock(mu_);
  for (;;) {
    std::vector<int> able;
    int left = 0;
    for (size_t i = 0; i < actors_.size(); ++i) {
      if (actors_[i]->over) continue;
      ++left;
      if (stuck_ || actors_[i]->ready()) able.push_back(static_cast<int>(i));
    }
    if (left == 0) break;
    if (able.empty()) {
      stuck_ = true;
      continue;
    }
    running_ = able[random_() % able.size()];
    changed_.notify_all();
    changed_.wait(lock, [&] { return running_ == -1; });
  }
  lock.unlock();
  for (const auto& actor : actors_) actor->thread.join();
  return !stuck_;
}

void StepScheduler::Await(std::function<bool()> ready) {
  std::unique_lock lock(mu_);
  const int self = running_;
  actors_[self]->ready = std::move(ready);
  running_ = -1;
  changed_.notify_all();
  changed_.wait(lock, [&] { return running_ == self; });
  if (stuck_) throw Stuck{};
}

}  // namespace stockroom::testing
