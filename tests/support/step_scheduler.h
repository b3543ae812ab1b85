// Runs actors one step at a time in an order drawn from a seed: the same seed, the same schedule.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace stockroom::testing {

// Each actor is a thread, of which exactly one runs at any time; it hands over in Step() and
// Await(). Actors must not block on anything else.
class StepScheduler {
 public:
  explicit StepScheduler(uint64_t seed) : random_(seed) {}

  // Before Run.
  void Add(std::function<void()> actor);
  // Until all actors have returned. False if those left all wait for ever.
  bool Run();

  // Called by actors. A point where another may go on.
  void Step() {
    Await([] { return true; });
  }
  // Goes on at some time when `ready` holds. Throws Stuck when Run gives up.
  void Await(std::function<bool()> ready);
  // Uniform in [0, n).
  int Choose(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }

  struct Stuck {};

 private:
  struct Actor {
    std::function<void()> body;
    std::function<bool()> ready = [] { return true; };
    bool over = false;
    std::thread thread;
  };

  std::mt19937_64 random_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Actor>> actors_;
  int running_ = -1;  // index of the actor that may run, -1: the scheduler
  bool stuck_ = false;
};

}  // namespace stockroom::testing
