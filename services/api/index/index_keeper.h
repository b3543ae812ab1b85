// The search index of this process in its surroundings: where it lives on disk, how it starts, is
// compared with the database and built anew.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/feed_position.h"
#include "services/api/domain/index_care.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/events/feed_follower.h"
#include "services/api/search/memory_search_index.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/backoff.h"
#include "services/common/base/cancellation.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

// Thread-safe. One thread of its own, which writes checkpoints, and which rebuilds an index that
// was found damaged (a flipped bit of a document's file, say): such an index can neither show all
// it holds nor be saved. What fails, or is damaged again, is rebuilt after growing pauses.
//
// On disk: FOLDER/index-N, a folder for each index that was built. A rebuild begins the next one,
// and the one before goes with the index that it belonged to. FOLDER/lock is held as long as the
// keeper lives: two processes in one folder would take each other's files away.
//
// Metrics: stockroom_index_checkpoints_total, _checkpoint_failures_total, _verifications_total,
// _differing_images (of the last verification), _repairs_total (rebuilds of damaged indexes that
// were begun).
class IndexKeeper final : public IndexCare {
 public:
  struct Options {
    // Its documents.folder is FOLDER; empty: nothing is kept. Its catalogue_id is set here.
    MemorySearchIndex::Options index;
    // A restart reads what happened since the last checkpoint from the feed, at some ten thousand
    // events a second.
    absl::Duration checkpoint_every = absl::Minutes(5);
    // Until a damaged index that could not be rebuilt, or that was damaged again before it could be
    // saved, is rebuilt the next time; doubled with each, at most an hour. A rebuild reads the
    // whole database.
    absl::Duration first_repair_pause = absl::Seconds(30);
  };

  // Reads which database this is. Errors: those of the store and of MemorySearchIndex::Open.
  static absl::StatusOr<std::unique_ptr<IndexKeeper>> Open(Options options, MetadataStore& store,
                                                           FeedPosition& position,
                                                           Metrics& metrics);
  ~IndexKeeper() override;

  MemorySearchIndex& index() { return *index_; }

  // For FeedFollower::Options::restore. A checkpoint that the database does not know (it was put
  // back to an earlier state) is thrown away: its rows would count as newer.
  absl::StatusOr<std::optional<int64_t>> Restore();
  // From now on there are checkpoints, and care can be taken. `follower` feeds index().
  // `on_rebuilt` runs when a rebuilt index has taken its place: what is not of the database's rows
  // (popularity) must be put in again. On any thread.
  void Start(FeedFollower& follower, std::function<void()> on_rebuilt);
  // Writes a last checkpoint. The follower must have stopped. Idempotent.
  void Stop();

  absl::StatusOr<IndexVerdict> Verify(const CallContext& context) override;
  absl::StatusOr<IndexRebuilt> Rebuild(const CallContext& context) override;
  IndexInfo Info() const override;

 private:
  IndexKeeper(Options options, std::string root, MetadataStore& store, FeedPosition& position,
              Metrics& metrics);

  absl::Status LockRoot();
  absl::Status OpenNewest();
  // The next number, for what is built beside index_.
  absl::StatusOr<std::unique_ptr<MemorySearchIndex>> OpenNext(int64_t& number) const;
  // `next` in the place of what index_ holds, whose folder goes; gives what takes time to end.
  std::unique_ptr<MemorySearchIndex::Retired> Replace(std::unique_ptr<MemorySearchIndex> next,
                                                      int64_t number);
  // The event at the position, in words; empty before the first. NOT_FOUND: it is gone, or not
  // there yet.
  absl::StatusOr<std::string> EventAt(int64_t position) const;
  absl::StatusOr<std::unique_ptr<MemorySearchIndex>> OpenNumber(int64_t number) const;
  std::string FolderOf(int64_t number) const;
  void CareLoop();
  // Not while the follower could not put everything into the index: the next process would never
  // learn of what is missing.
  void Checkpoint();
  // Rebuilds a damaged index, if it is time to.
  void Repair();
  absl::Status CheckReady() const;

  // By bucket.
  struct Content {
    int64_t images = 0;
    std::vector<IndexSum> sums = std::vector<IndexSum>(kIndexBuckets);
    // Of `wanted` buckets only.
    std::vector<std::unordered_map<std::string, uint64_t>> hashes =
        std::vector<std::unordered_map<std::string, uint64_t>>(kIndexBuckets);
  };
  // Returns when the index is at least as far as what was read.
  absl::StatusOr<Content> ReadDatabase(const CallContext& context, const std::set<size_t>& wanted);
  absl::Status AwaitIndex(const CallContext& context);
  std::set<std::string> Differing(const Content& database, const std::set<size_t>& buckets) const;
  // Content hashes of one image; 0: it is not there.
  struct Difference {
    uint64_t index = 0;
    uint64_t database = 0;
  };
  // Of `ids`, those that still differ when they are looked at once more.
  absl::StatusOr<std::map<std::string, Difference>> StillDiffering(
      const CallContext& context, const std::set<std::string>& ids);
  // By image, as far as the sums of the buckets do not agree.
  absl::StatusOr<std::map<std::string, Difference>> FindDifferences(const CallContext& context,
                                                                    int64_t& images);
  // Follows the feed from `position` into `fresh` until nothing is left, and returns how far.
  // RESOURCE_EXHAUSTED (INDEX_FULL): not everything could be put in.
  absl::StatusOr<int64_t> CatchUp(const CallContext& context, SearchIndex& fresh,
                                  int64_t position) const;

  const Options options_;
  const std::string root_;
  MetadataStore& store_;
  FeedPosition& position_;
  Metrics& metrics_;
  Counter& checkpoints_;
  Counter& failures_;
  Counter& verifications_;
  Gauge& differing_;
  Counter& repairs_;

  int lock_ = -1;  // file descriptor
  std::unique_ptr<MemorySearchIndex> index_;
  std::atomic<int64_t> number_{0};
  FeedFollower* follower_ = nullptr;
  std::function<void()> on_rebuilt_;
  std::atomic<bool> busy_{false};  // somebody verifies or rebuilds
  std::atomic<bool> save_soon_{false};
  int64_t saved_position_ = -1;  // the loop's thread, or after it
  int64_t saved_number_ = -1;
  Backoff repair_backoff_;        // the loop's thread only, as the two below
  absl::Duration repair_at_;      // BootTimeNow
  absl::Duration checkpoint_at_;  // BootTimeNow
  // Of what the loop is at; cancelled when it has to stop.
  const std::shared_ptr<Cancellation> stop_ = std::make_shared<Cancellation>();

  BackgroundLoop loop_;
};

}  // namespace stockroom::api
