// ModerationStore on an SQL database: which transaction each call is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/moderation_rows.h"
#include "services/api/metadata/store_transactions.h"

namespace stockroom::api {

// `Store` is a SQL store: Read<T>(work on its connection), Write<T>(work in a transaction),
// Change(work in a transaction, which answers the image and the position of its event).
template <typename Store>
class SqlModerationStore final : public ModerationStore {
 public:
  explicit SqlModerationStore(Store& store) : store_(store) {}

  absl::StatusOr<Added> AddHashes(std::span<const BlockedHash> hashes, int max) override {
    return store_.template Write<Added>(
        [&](auto& write) { return AddHashRows(write.db, hashes, max); });
  }
  absl::StatusOr<int> RemoveHashes(std::span<const std::string> hashes) override {
    return store_.template Write<int>(
        [&](auto& write) { return RemoveHashRows(write.db, hashes); });
  }
  absl::StatusOr<std::vector<BlockedHash>> ListHashes(const std::string& after,
                                                      int limit) override {
    return store_.template Read<std::vector<BlockedHash>>([&](auto& db) {
      auto query = db.Query("SELECT " SR_HASH_COLUMNS
                            " FROM blocked_hashes WHERE hash > ? ORDER BY hash LIMIT ?");
      query.Bind(after, std::max(limit, 0));
      return ReadHashRows(query);
    });
  }
  absl::StatusOr<BlockListRows> ReadBlockList() override {
    return store_.template Read<BlockListRows>([](auto& db) { return ReadBlockListRows(db); });
  }

  absl::StatusOr<SweepState> ReadSweep() override {
    return store_.template Read<SweepState>([](auto& db) { return ReadSweepRow(db); });
  }
  absl::Status MoveSweep(const SweepState& from, const SweepState& to) override {
    return store_
        .template Write<bool>([&](auto& write) -> absl::StatusOr<bool> {
          SR_RETURN_IF_ERROR(MoveSweepRow(write.db, from, to));
          return true;
        })
        .status();
  }
  absl::StatusOr<std::vector<HashedImage>> ListVisible(const std::string& after,
                                                       int limit) override {
    return store_.template Read<std::vector<HashedImage>>(
        [&](auto& db) { return ListVisibleRows(db, after, limit); });
  }
  absl::StatusOr<bool> FlagVisible(const std::string& image_id, const Finding& finding,
                                   absl::Time now) override {
    bool flagged = false;
    const absl::Status status = store_
                                    .Change([&](auto& write) {
                                      return FlagVisibleIn(write, image_id, finding, now, flagged);
                                    })
                                    .status();
    if (absl::IsNotFound(status)) return false;
    SR_RETURN_IF_ERROR(status);
    return flagged;
  }

  absl::StatusOr<std::optional<int64_t>> ApprovedVersion(const std::string& image_id) override {
    return store_.template Read<std::optional<int64_t>>(
        [&](auto& db) { return ApprovedRow(db, image_id); });
  }
  absl::StatusOr<ChangedImage> Decide(const std::string& image_id, const DecisionRequest& request,
                                      absl::Time now,
                                      const std::optional<IdempotentWrite>& once) override {
    return store_.Change(
        [&](auto& write) { return DecideIn(write, image_id, request, now, once); });
  }
  absl::StatusOr<std::vector<Image>> ListHidden(ImageState state, const std::string& before,
                                                int limit) override {
    return store_.template Read<std::vector<Image>>(
        [&](auto& db) { return ListHiddenRows(db, state, before, limit); });
  }
  absl::StatusOr<std::vector<Decision>> ListDecisions(const std::string& image_id,
                                                      const std::string& before,
                                                      int limit) override {
    return store_.template Read<std::vector<Decision>>(
        [&](auto& db) { return ListDecisionRows(db, image_id, before, limit); });
  }

 private:
  Store& store_;
};

}  // namespace stockroom::api
