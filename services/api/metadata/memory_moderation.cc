#include "services/api/metadata/memory_moderation.h"

#include "services/api/metadata/moderation_transitions.h"

namespace stockroom::api {

absl::StatusOr<ModerationStore::Added> MemoryModeration::AddHashes(
    std::span<const BlockedHash> hashes, int max) {
  ModerationStore::Added result;
  std::map<std::string, BlockedHash> after = hashes_;
  const int64_t version = sweep_.version + 1;
  for (const BlockedHash& wanted : hashes) {
    const auto there = after.find(wanted.hash);
    if (there == after.end()) {
      ++result.added;
      after.emplace(wanted.hash, StoredHash(wanted, version));
      continue;
    }
    BlockedHash& row = there->second;
    if (IsSameHash(row, wanted)) continue;
    ++result.changed;
    if (MatchesMore(row, wanted)) row.version = version;
    row.threshold = wanted.threshold;
    row.label = wanted.label;
    row.note = wanted.note;
  }
  if (result.added > 0 && static_cast<int>(after.size()) > max) return TooManyHashes(max);
  if (result.added + result.changed > 0) sweep_.version = version;
  hashes_ = std::move(after);
  result.version = sweep_.version;
  return result;
}

int MemoryModeration::RemoveHashes(std::span<const std::string> hashes) {
  int removed = 0;
  for (const std::string& hash : hashes) removed += static_cast<int>(hashes_.erase(hash));
  if (removed > 0) ++sweep_.version;
  return removed;
}

std::vector<BlockedHash> MemoryModeration::ListHashes(const std::string& after, int limit) const {
  std::vector<BlockedHash> page;
  for (auto it = hashes_.upper_bound(after);
       it != hashes_.end() && static_cast<int>(page.size()) < limit; ++it) {
    page.push_back(it->second);
  }
  return page;
}

BlockListRows MemoryModeration::ReadBlockList() const {
  BlockListRows rows{.version = sweep_.version, .hashes = {}};
  for (const auto& [text, hash] : hashes_) rows.hashes.push_back(hash);
  return rows;
}

absl::Status MemoryModeration::MoveSweep(const SweepState& from, const SweepState& to) {
  if (sweep_.done != from.done || sweep_.target != from.target || sweep_.cursor != from.cursor) {
    return SweepMoved();
  }
  sweep_.done = to.done;
  sweep_.target = to.target;
  sweep_.cursor = to.cursor;
  return absl::OkStatus();
}

std::optional<int64_t> MemoryModeration::Approved(const std::string& image_id) const {
  const auto it = approved_.find(image_id);
  return it == approved_.end() ? std::nullopt : std::optional(it->second);
}

void MemoryModeration::Record(const Decision& decision, std::optional<int64_t> approved) {
  decisions_[decision.id] = decision;
  if (approved) approved_[decision.image_id] = *approved;
}

std::vector<Decision> MemoryModeration::ListDecisions(const std::string& image_id,
                                                      const std::string& before, int limit) const {
  std::vector<Decision> page;
  for (auto it = decisions_.rbegin();
       it != decisions_.rend() && static_cast<int>(page.size()) < limit; ++it) {
    if (!before.empty() && it->first >= before) continue;
    if (image_id.empty() || it->second.image_id == image_id) page.push_back(it->second);
  }
  return page;
}

}  // namespace stockroom::api
