// An honest client under way: uploads, changes, deletes, searches and views, and writes down what
// it was told.
#pragma once

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/chaos/ledger.h"
#include "tests/support/cluster.h"

namespace stockroom::chaos {

class Load {
 public:
  Load(testing::Cluster& cluster, Ledger& ledger) : cluster_(cluster), ledger_(ledger) {}
  ~Load() { Stop(); }

  void Start(int threads, uint32_t seed, int round);
  void Stop();

  // Answers that no fault excuses, for people. Thread-safe.
  std::vector<std::string> complaints() const;

 private:
  class Actor;
  void Complain(const std::string& what);
  // Never the same twice; larger than the numbers of the repeated pictures.
  uint32_t Unique() { return ++last_unique_; }

  testing::Cluster& cluster_;
  Ledger& ledger_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint32_t> last_unique_{1000};
  std::vector<std::thread> threads_;
  mutable Mutex mu_;
  std::vector<std::string> complaints_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::chaos
