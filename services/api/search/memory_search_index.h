// SearchIndex in memory: immutable segments under a snapshot that readers take without a lock, and
// the documents in mapped files beside them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/index_loading.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/store/document_store.h"
#include "services/common/base/metrics.h"
#include "services/common/base/shared_cell.h"

namespace stockroom::api {

class IndexCore;

// A search works on the snapshot that it found when it began: later changes neither disturb it nor
// wait for it. An Apply becomes a small segment; merges keep the segments few (merge_policy.h), the
// larger ones on a thread of the index's own, which starts when first needed. Near duplicates are
// grouped on that thread as well, about a second after they came.
//
// Apply may be called from several threads at once: only deciding who replaces whom is done one
// after the other.
//
// Over its budget of memory the index leaves out how new images look (looks and hash: they are not
// found by colour, similarity or as duplicates), says so in the log, in Memory() and in
// stockroom_search_over_budget, and takes in everything else.
//
// Metrics: stockroom_search_images, _indexed_images, _terms, _segments, _memory_bytes,
// _over_budget, _without_looks_total, _lost_images_total, _searches_total, _suggestions_total,
// _similar_total, _rebuilds_total, _merges_total, _merged_documents_total, _held_up_total,
// _unclustered_images, _clusters, and those of the document store.
class MemorySearchIndex final : public SearchIndex, public IndexLoading {
 public:
  struct Options {
    // Its folder also takes the checkpoints; without one there are none.
    DocumentStore::Options documents;
    // What hits are answered with (Fetch::kWireBasic, kWireFull); none: with nothing.
    WireEncoder encoder;
    // Identifies the database: a checkpoint of another one is not loaded.
    std::string catalogue_id;
    // What the encoder makes; a checkpoint of another one is not loaded.
    uint32_t encoder_version = 0;
    // Bytes of memory, without the documents' files. 0: no bound.
    uint64_t memory_budget_bytes = 0;
    // Documents that a thread which loads collects to a segment: a large one costs less than small
    // ones and their merge. 30 MB a thread until it is built; 30 segments per million images.
    uint32_t loaded_at_once = 32'768;
  };

  // As DocumentStore::Open. Empty; LoadCheckpoint fills it, if there is something to fill it with.
  static absl::StatusOr<std::unique_ptr<MemorySearchIndex>> Open(Options options, Metrics& metrics);
  // For tests: with nameless files, without an encoder. Ends the program if there is no $TMPDIR.
  explicit MemorySearchIndex(Metrics& metrics);
  ~MemorySearchIndex() override;

  std::vector<std::string> Apply(std::vector<Image> changed,
                                 const std::vector<std::string>& deleted) override;
  void BeginLoading() override;
  void EndLoading() override;
  std::vector<std::string> KeepOnly(const std::unordered_set<std::string>& ids) override;
  std::shared_ptr<const Image> Find(const std::string& id) const override;
  // INVALID_ARGUMENT also for a page_size outside of 0 (which means 50) to 500.
  absl::StatusOr<SearchResult> Search(const Principal& who,
                                      const SearchRequest& request) const override;
  std::optional<absl::StatusOr<SearchResult>> SearchIfCheap(
      const Principal& who, const SearchRequest& request) const override;
  absl::StatusOr<std::vector<Suggestion>> Suggest(const Principal& who, const std::string& prefix,
                                                  int limit) const override;
  absl::StatusOr<std::vector<SimilarImage>> FindSimilar(const Principal& who, const std::string& id,
                                                        int limit) const override;
  int64_t size() const override;
  void SetPopularity(const std::vector<std::pair<std::string, uint32_t>>& counts) override;
  std::vector<IndexSum> Sums() const override;
  std::map<size_t, ImageHashes> Buckets(const std::set<size_t>& buckets) const override;
  ImageHashes HashesOf(std::span<const std::string> ids) const override;
  std::vector<MemoryPart> Memory() const override;

  // Takes over what SaveCheckpoint left in the folder, and gives the feed position up to which it
  // goes. Before the first Apply. NOT_FOUND: there is none; DATA_LOSS: it is damaged, or of another
  // database or program; either way the index is empty, and so is the folder.
  absl::StatusOr<int64_t> LoadCheckpoint();
  // Every change up to `feed_position` has been applied. Writes only what the checkpoint before did
  // not hold. Blocks Apply while it looks at the state (some ten milliseconds per million images).
  // FAILED_PRECONDITION without a folder; DATA_LOSS (DOCUMENTS_DAMAGED): see damaged();
  // RESOURCE_EXHAUSTED, INTERNAL: the one before still holds.
  absl::Status SaveCheckpoint(int64_t feed_position);

  // What was replaced. Its end stops its thread, waits for the searches that still run on it and
  // frees it, which may take seconds: not on a thread that others wait for.
  class Retired {
   public:
    explicit Retired(std::shared_ptr<IndexCore> core);
    ~Retired();
    Retired(const Retired&) = delete;
    Retired& operator=(const Retired&) = delete;

   private:
    std::shared_ptr<IndexCore> core_;
  };
  // Puts the other index, which was filled beside, in the place of this one, at once (readers have
  // one or the other), with the popularity that this one knows. No Apply may run on either.
  std::unique_ptr<Retired> ReplaceWith(std::unique_ptr<MemorySearchIndex> other);

  // Reads that met a damaged document since the index was opened. Above 0 it has to be rebuilt: it
  // can not show all that it holds, writes no checkpoint, and Sums() looks at every image.
  int64_t damaged() const;

  // Does all merging and grouping that is due, here and now: before measuring, and for tests.
  void Settle();

 private:
  explicit MemorySearchIndex(std::shared_ptr<IndexCore> core);

  SharedCell<IndexCore> core_;
};

}  // namespace stockroom::api
