// SearchIndex in memory: sorted dictionary, posting lists, bitmaps.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "services/api/domain/search_index.h"
#include "services/api/search/reader_writer_lock.h"
#include "services/api/search/search_core.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// Readers share a lock; a writer prepares everything beforehand and holds it only to put the result
// in. Once half of the index is holes, Apply rebuilds it beside the readers and swaps.
//
// What looks at every image (facets, similar images) does so in pieces of `kPiece` slots, so that
// neither a writer nor the readers behind it wait longer than for one piece.
//
// Late arrivals: the revision of every image that was applied is remembered, also of those that are
// not READY, and the ids of the last `kTombstones` deleted ones, which stay deleted whatever comes
// (ids are never used again). An older deletion than that would have to be overtaken by an Apply
// that is tens of thousands of deletions late to be undone.
//
// Metrics: stockroom_search_images, _terms, _searches_total, _suggestions_total, _similar_total,
// _rebuilds_total.
class MemorySearchIndex final : public SearchIndex {
 public:
  static constexpr size_t kTombstones = 65536;
  static constexpr size_t kPiece = 16384;

  explicit MemorySearchIndex(Metrics& metrics);

  void Apply(std::vector<Image> changed, const std::vector<std::string>& deleted) override;
  std::vector<std::string> KeepOnly(const std::unordered_set<std::string>& ids) override;
  // INVALID_ARGUMENT also for a page_size outside of 0 (which means 50) to 500.
  absl::StatusOr<SearchResult> Search(const Principal& who,
                                      const SearchRequest& request) const override;
  absl::StatusOr<std::vector<Suggestion>> Suggest(const Principal& who, const std::string& prefix,
                                                  int limit) const override;
  absl::StatusOr<std::vector<SimilarImage>> FindSimilar(const Principal& who, const std::string& id,
                                                        int limit) const override;
  int64_t size() const override;

 private:
  // Who may know of an image that can not be found: as many as wait for a worker or have failed.
  struct Unready {
    std::string owner;
    Visibility visibility = Visibility::kPublic;
  };
  struct Change {
    std::vector<SearchCore::ImagePtr> added;
    std::vector<std::string> removed;
    std::vector<std::pair<std::string, Unready>> unready;
  };
  void Bury(const std::string& id) SR_REQUIRES(write_mu_);
  // What of `changed` is news.
  Change Sift(std::vector<Image> changed) SR_REQUIRES(write_mu_);

  // Each takes the lock piece by piece.
  std::vector<Facet> CountFacets(const SearchCore& core, const Viewer& viewer,
                                 const std::vector<FacetField>& fields, const SlotSet& found) const;
  // Under the lock. NOT_FOUND, FAILED_PRECONDITION.
  absl::Status CheckMayCompare(const Principal& who, const std::string& id) const;

  Gauge& images_;
  Gauge& terms_;
  Counter& searches_;
  Counter& suggestions_;
  Counter& similar_;
  Counter& rebuilds_;

  // One Apply at a time.
  Mutex write_mu_;
  std::unordered_map<std::string, int64_t> revisions_ SR_GUARDED_BY(write_mu_);
  std::unordered_set<std::string> deleted_ SR_GUARDED_BY(write_mu_);
  std::deque<std::string> deleted_in_order_ SR_GUARDED_BY(write_mu_);

  mutable ReaderWriterLock lock_;
  // Both read under lock_ or write_mu_, changed under both: hence no annotation. Shared with those
  // who walk over it piece by piece, with the lock for each piece; a rebuild leaves them the old
  // one, which then changes no more.
  std::shared_ptr<SearchCore> core_ = std::make_shared<SearchCore>();
  std::unordered_map<std::string, Unready> unready_;
};

}  // namespace stockroom::api
