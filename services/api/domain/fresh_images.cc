#include "services/api/domain/fresh_images.h"

#include <algorithm>
#include <limits>

#include "absl/time/clock.h"

namespace stockroom::api {
namespace {

// No revision reaches it.
constexpr int64_t kGone = std::numeric_limits<int64_t>::max();

}  // namespace

int64_t FreshImages::Least(const std::string& id) const {
  if (noted_.load(std::memory_order_acquire) == 0) return 0;
  MutexLock lock(mu_);
  const auto it = notes_.find(id);
  if (it != notes_.end()) return it->second.revision;
  return overflowed_ ? kGone : 0;
}

std::shared_ptr<const Image> FreshImages::Find(const std::string& id) const {
  // What was written before this call is noted before it: so the notes are read first.
  const int64_t least = Least(id);
  if (least == kGone) return nullptr;
  std::shared_ptr<const Image> image = index_.Find(id);
  return image != nullptr && image->revision >= least ? image : nullptr;
}

bool FreshImages::IsCurrent(const Image& image) const {
  if (image.revision < Least(image.id)) return false;
  const std::shared_ptr<const Image> there = index_.Find(image.id);
  // One that is not in the index may be new, or not READY: that its reader has judged.
  return there == nullptr || there->revision <= image.revision;
}

void FreshImages::Wrote(const std::string& id, int64_t revision) { Add(id, revision); }
void FreshImages::Deleted(const std::string& id) { Add(id, kGone); }

void FreshImages::Add(const std::string& id, int64_t revision) {
  const absl::Time now = absl::Now();
  MutexLock lock(mu_);
  ForgetOld(now);
  if (notes_.size() >= options_.most_noted && !notes_.contains(id)) {
    // The newest stands for all that are not noted: when the index has it, it has them.
    if (overflowed_) notes_.erase(newest_);
    overflowed_ = true;
    newest_ = id;
  }
  Note& note = notes_[id];
  note.revision = std::max(note.revision, revision);
  note.serial = next_++;
  note.since = now;
  Show();
}

void FreshImages::ForgetOld(absl::Time now) {
  if (now - forgot_old_ < options_.longest_noted) return;
  forgot_old_ = now;
  std::erase_if(notes_,
                [&](const auto& note) { return now - note.second.since > options_.longest_noted; });
}

void FreshImages::Followed(const std::string& id, int64_t revision) {
  if (noted_.load(std::memory_order_acquire) == 0) return;
  MutexLock lock(mu_);
  const auto it = notes_.find(id);
  if (it == notes_.end() || it->second.revision > revision) return;
  notes_.erase(it);
  Show();
}

void FreshImages::FollowedDeletion(const std::string& id) { Followed(id, kGone); }

uint64_t FreshImages::Mark() const {
  MutexLock lock(mu_);
  return next_;
}

void FreshImages::FollowedAll(uint64_t mark) {
  MutexLock lock(mu_);
  std::erase_if(notes_, [&](const auto& note) { return note.second.serial < mark; });
  Show();
}

void FreshImages::Show() {
  if (notes_.empty()) overflowed_ = false;
  noted_.store(notes_.size(), std::memory_order_release);
}

}  // namespace stockroom::api
