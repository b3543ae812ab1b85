// What a client of the cluster was told, and what it therefore may expect.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "services/common/base/mutex.h"

namespace stockroom::chaos {

// One upload that was acknowledged.
struct Known {
  std::string id;
  std::string sha256;  // hex
  bool good = true;    // a whole picture: must become READY
  // Titles that it may have: the last that was acknowledged, and those sent since whose outcome is
  // not known.
  std::set<std::string> titles;
  bool delete_sent = false;
  bool delete_acknowledged = false;
  int round = 0;
};

// Thread-safe.
class Ledger {
 public:
  void Uploaded(const std::string& id, const std::string& sha256, const std::string& title,
                bool deduplicated, bool good, int round) {
    MutexLock lock(mu_);
    ++uploads_;
    auto [it, added] = known_.try_emplace(id);
    if (!added || deduplicated) {
      // Somebody's upload of the same bytes may have been the first, with another title.
      it->second.titles.insert(maybe_titles_[sha256].begin(), maybe_titles_[sha256].end());
    }
    it->second.id = id;
    it->second.sha256 = sha256;
    it->second.good = good;
    it->second.titles.insert(title);
    it->second.round = round;
  }
  // About to be sent: it may be stored whatever becomes of the answer.
  void Sending(const std::string& sha256, const std::string& title) {
    MutexLock lock(mu_);
    maybe_titles_[sha256].insert(title);
  }
  void OutcomeUnknown() {
    MutexLock lock(mu_);
    ++unknown_;
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
    known_[id].titles.insert(title);
  }
  void TitleAcknowledged(const std::string& id, const std::string& title) {
    MutexLock lock(mu_);
    known_[id].titles = {title};
    ++updates_;
  }
  void DeleteSent(const std::string& id) {
    MutexLock lock(mu_);
    known_[id].delete_sent = true;
  }
  void DeleteAcknowledged(const std::string& id) {
    MutexLock lock(mu_);
    known_[id].delete_acknowledged = true;
    ++deletes_;
  }

  std::map<std::string, Known> known() const {
    MutexLock lock(mu_);
    return known_;
  }
  bool MayExist(const std::string& sha256) const {
    MutexLock lock(mu_);
    return maybe_titles_.contains(sha256);
  }
  struct Counts {
    int uploads = 0;
    int updates = 0;
    int deletes = 0;
    int unknown = 0;
  };
  Counts counts() const {
    MutexLock lock(mu_);
    return {uploads_, updates_, deletes_, unknown_};
  }

 private:
  mutable Mutex mu_;
  std::map<std::string, Known> known_ SR_GUARDED_BY(mu_);
  std::map<std::string, std::set<std::string>> maybe_titles_ SR_GUARDED_BY(mu_);  // by digest
  std::set<std::string> borrowed_ SR_GUARDED_BY(mu_);
  int uploads_ SR_GUARDED_BY(mu_) = 0;
  int updates_ SR_GUARDED_BY(mu_) = 0;
  int deletes_ SR_GUARDED_BY(mu_) = 0;
  int unknown_ SR_GUARDED_BY(mu_) = 0;
};

}  // namespace stockroom::chaos
