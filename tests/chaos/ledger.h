// What a client of the cluster was told, and what it therefore may expect.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>

#include "services/common/base/mutex.h"

namespace stockroom::chaos {

// One image whose upload was acknowledged.
struct Known {
  std::string sha256;  // hex
  // A whole picture: must become READY. Others may also end as FAILED.
  bool good = true;
  // The title that was acknowledged last.
  std::string title;
  // Titles that were sent and whose fate is not known: it may have any of these as well.
  std::set<std::string> maybe_titles;
  bool delete_sent = false;
  bool delete_acknowledged = false;
  int round = 0;
};

// Thread-safe.
class Ledger {
 public:
  // About to be sent: it may be stored whatever becomes of the answer.
  void Sending(const std::string& sha256, const std::string& title) {
    MutexLock lock(mu_);
    sent_titles_[sha256].insert(title);
  }
  void Uploaded(const std::string& id, const std::string& sha256, const std::string& title,
                bool deduplicated, bool good, int round) {
    MutexLock lock(mu_);
    ++counts_.uploads;
    auto [it, added] = known_.try_emplace(id);
    it->second.round = round;
    if (!added) return;
    it->second.sha256 = sha256;
    it->second.good = good;
    it->second.title = title;
    // Another upload of these bytes, whose answer was lost, may have made it.
    if (deduplicated) it->second.maybe_titles = sent_titles_[sha256];
  }
  void OutcomeUnknown() {
    MutexLock lock(mu_);
    ++counts_.unknown;
  }

  // An image to do something to; each is given to one caller at a time, until GiveBack. Empty if
  // there is none.
  std::string Borrow(std::mt19937& random) {
    MutexLock lock(mu_);
    if (known_.empty()) return "";
    auto it = known_.begin();
    std::advance(it, random() % known_.size());
    if (it->second.delete_sent || !borrowed_.insert(it->first).second) return "";
    return it->first;
  }
  void GiveBack(const std::string& id) {
    MutexLock lock(mu_);
    borrowed_.erase(id);
  }

  void TitleSent(const std::string& id, const std::string& title) {
    MutexLock lock(mu_);
    known_[id].maybe_titles.insert(title);
  }
  void TitleAcknowledged(const std::string& id, const std::string& title) {
    MutexLock lock(mu_);
    known_[id].maybe_titles.erase(title);
    known_[id].title = title;
    ++counts_.updates;
  }
  void DeleteSent(const std::string& id) {
    MutexLock lock(mu_);
    known_[id].delete_sent = true;
  }
  void DeleteAcknowledged(const std::string& id) {
    MutexLock lock(mu_);
    known_[id].delete_acknowledged = true;
    ++counts_.deletes;
  }

  std::map<std::string, Known> known() const {
    MutexLock lock(mu_);
    return known_;
  }
  bool WasSent(const std::string& sha256) const {
    MutexLock lock(mu_);
    return sent_titles_.contains(sha256);
  }
  struct Counts {
    int uploads = 0;
    int updates = 0;
    int deletes = 0;
    int unknown = 0;
  };
  Counts counts() const {
    MutexLock lock(mu_);
    return counts_;
  }

 private:
  mutable Mutex mu_;
  std::map<std::string, Known> known_ SR_GUARDED_BY(mu_);
  std::map<std::string, std::set<std::string>> sent_titles_ SR_GUARDED_BY(mu_);  // by digest
  std::set<std::string> borrowed_ SR_GUARDED_BY(mu_);
  Counts counts_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::chaos
