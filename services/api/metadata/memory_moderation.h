// What the in-memory store keeps about moderation.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/moderation_store.h"

namespace stockroom::api {

// As ModerationStore says. Not thread-safe: under the lock of the store.
class MemoryModeration {
 public:
  absl::StatusOr<ModerationStore::Added> AddHashes(std::span<const BlockedHash> hashes, int max);
  int RemoveHashes(std::span<const std::string> hashes);
  std::vector<BlockedHash> ListHashes(const std::string& after, int limit) const;
  BlockListRows ReadBlockList() const;
  const SweepState& sweep() const { return sweep_; }
  absl::Status MoveSweep(const SweepState& from, const SweepState& to);

  std::optional<int64_t> Approved(const std::string& image_id) const;
  void Record(const Decision& decision, std::optional<int64_t> approved);
  // By a person, without a decision of its own: what a backup says.
  void Approve(const std::string& image_id) { approved_[image_id] = kArchivedApproval; }
  // With every hash.
  void RestartSweep() {
    sweep_.done = 0;
    sweep_.target = 0;
    sweep_.cursor.clear();
  }
  // The image is deleted. Decisions stay.
  void Forget(const std::string& image_id) { approved_.erase(image_id); }
  std::vector<Decision> ListDecisions(const std::string& image_id, const std::string& before,
                                      int limit) const;

 private:
  SweepState sweep_;
  std::map<std::string, BlockedHash> hashes_;
  std::map<std::string, int64_t> approved_;  // image to version
  std::map<std::string, Decision> decisions_;
};

}  // namespace stockroom::api
