// Pictures that are not wanted, in memory: what a result is compared with before it is visible.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/moderation_store.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/media/pdq.h"

namespace stockroom::api {

// What the processor "pdq" found: {"hash": 64 hexadecimal digits, "quality": 0 to 100}.
struct FoundPdq {
  Pdq hash;
  int quality = 0;
};
// Nothing if the text is not that.
std::optional<FoundPdq> ParsePdq(std::string_view json);

// The list as of one version. Immutable.
class BlockListSnapshot {
 public:
  BlockListSnapshot() = default;
  // Hashes that are no hashes are left out.
  explicit BlockListSnapshot(const BlockListRows& rows);

  // -1: none was loaded.
  int64_t version() const { return version_; }
  size_t size() const { return entries_.size(); }

  // What to do about a picture if it, or it turned or mirrored, matches hashes of versions after
  // `after`: the finding names the closest of them, and the newest version among them. Looks at
  // every hash: some milliseconds for 100,000 of them.
  std::optional<Finding> Match(const Pdq& picture, int64_t after = 0) const;

 private:
  using Words = std::array<uint64_t, 4>;
  struct Entry {
    Words hash;
    int threshold = 0;
    uint32_t label = 0;
    int64_t version = 0;
  };
  static Words WordsOf(const Pdq& pdq);
  int64_t version_ = -1;
  std::vector<Entry> entries_;
  std::vector<std::string> texts_;  // of the entries' hashes
  std::vector<std::string> labels_;
};

// Thread-safe.
class BlockList {
 public:
  struct Options {
    // Of pictures with less detail (PDQ's own measure, 0 to 100) the hash says nothing: flat ones
    // resemble one another. 50 is what the authors advise.
    int min_quality = 50;
  };
  BlockList(Options options, ModerationStore& store, Metrics& metrics);

  // As last loaded. Never blocks.
  std::shared_ptr<const BlockListSnapshot> Get() const;
  // Loads the list if that of the store is another. Blocks.
  absl::Status Refresh();
  // At least of that version. Blocks if it has to load.
  absl::StatusOr<std::shared_ptr<const BlockListSnapshot>> AtLeast(int64_t version);

  // What the list says about a picture with this result of "pdq" (empty: there is none).
  std::optional<Finding> Match(const BlockListSnapshot& list, std::string_view pdq,
                               int64_t after = 0) const;

 private:
  const Options options_;
  ModerationStore& store_;
  Gauge& hashes_gauge_;
  Gauge& version_gauge_;
  Counter& unhashed_total_;
  mutable Mutex mu_;
  std::shared_ptr<const BlockListSnapshot> list_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
