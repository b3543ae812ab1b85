// URLs that were understood before. Internal to delivery.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "services/api/domain/picture_plan.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// A URL and what it means for one revision of its image.
struct KnownPicture {
  int64_t image_revision = 0;
  PictureUrl url;
  PicturePlan plan;
};

// Thread-safe. Holds at most twice `half` URLs: what was not asked for while the younger half
// filled up is forgotten.
class PlanMemo {
 public:
  explicit PlanMemo(size_t half = 4096) : half_(half) {}

  // Null if it is not known.
  std::shared_ptr<const KnownPicture> Find(const std::string& url) {
    MutexLock lock(mu_);
    const auto young = young_.find(url);
    if (young != young_.end()) return young->second;
    const auto old = old_.find(url);
    if (old == old_.end()) return nullptr;
    std::shared_ptr<const KnownPicture> known = std::move(old->second);
    old_.erase(old);
    Add(url, known);
    return known;
  }
  void Put(const std::string& url, std::shared_ptr<const KnownPicture> known) {
    MutexLock lock(mu_);
    Add(url, std::move(known));
  }

 private:
  void Add(const std::string& url, std::shared_ptr<const KnownPicture> known) SR_REQUIRES(mu_) {
    if (young_.size() >= half_) {
      old_.swap(young_);
      young_.clear();
    }
    young_.insert_or_assign(url, std::move(known));
  }

  const size_t half_;
  Mutex mu_;
  std::unordered_map<std::string, std::shared_ptr<const KnownPicture>> young_ SR_GUARDED_BY(mu_);
  std::unordered_map<std::string, std::shared_ptr<const KnownPicture>> old_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
