// Puts changes into the index.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "services/api/domain/image.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/index_state.h"
#include "services/api/search/known.h"
#include "services/api/search/segment/document.h"

namespace stockroom::api {

// Thread-safe. Calls at once work side by side: documents are read, stored and packed into a
// segment without a lock; only what decides who replaces whom is done one call after the other.
class IndexWriter {
 public:
  // `block`: see MemorySearchIndex::Options::loaded_at_once.
  IndexWriter(IndexState& state, WireEncoder encoder, uint32_t block)
      : state_(state), encoder_(std::move(encoder)), block_(block) {}

  // As SearchIndex. An image whose document can not be stored is left out, its older revision, too,
  // which might show what is hidden by now; it is logged, counted and returned.
  std::vector<std::string> Apply(std::vector<Image> changed,
                                 const std::vector<std::string>& deleted);
  // What Apply kept back while state.loading. Nobody applies anything meanwhile.
  void FinishLoading();
  void SetPopularity(const std::vector<std::pair<std::string, uint32_t>>& counts);

 private:
  // An image on its way in.
  struct Draft {
    // Of the batch's images, or while loading of its spellings.
    size_t image = 0;
    std::string id;
    int64_t revision = 0;
    uint64_t content_hash = 0;
    size_t bucket = 0;
    Locator locator = 0;
    Doc doc = 0;  // in the new segment
    bool is_ready = false;
    std::optional<PdqWords> pdq;
    std::string words;
    std::string camera;
    bool has_spellings = false;
    // What it replaced.
    std::optional<Snapshot::Place> before;
  };
  struct Batch {
    std::vector<Draft> drafts;
    std::shared_ptr<const Segment> segment;  // null: nothing
    // Where those that are replaced stood in the snapshot of this version.
    uint64_t version = 0;
    std::vector<std::optional<Snapshot::Place>> places;
    // Images (id, revision) whose documents could not be stored.
    std::vector<std::pair<std::string, int64_t>> lost;
  };
  // Loaded images that are to be a segment.
  struct Block {
    SegmentBuilder builder;
    Batch batch;
    std::vector<Suggestions::Entry> spellings;
    absl::flat_hash_set<size_t> ids;  // hashes of them: a segment has no id twice
  };
  // What was taken out of the snapshot that is pinned, and not replaced.
  struct Removed {
    std::shared_ptr<const Snapshot> from;
    std::vector<Snapshot::Place> places;
  };

  // Images that are to be indexed.
  struct News {
    std::vector<Image> images;
    // Where their older revisions stand in the snapshot.
    std::shared_ptr<const Snapshot> from;
    std::vector<std::optional<Snapshot::Place>> places;
  };
  using KnownOfImage = absl::FunctionRef<std::optional<Known>(size_t image)>;

  // The newest of each id that is not older than what is there, nor the same.
  News Sift(std::vector<Image> changed) const;
  Batch Prepare(const News& news) const;
  // Builds the segment of the batch's drafts, which are of `news`, or of what is loaded.
  void Build(SegmentBuilder& builder, const News* news, Batch& batch) const;
  // Puts images that are loaded into a block of the caller's own.
  std::vector<std::string> Load(const std::vector<Image>& images);
  void LoadSome(std::span<const Image> images, Block& block, std::vector<std::string>& lost) const;
  void PublishBlock(Block& block);
  // Stores their documents and adds them to the builder, some at a time: so many that it pays and
  // so few that they still lie in the processor's cache. Calls `use` for each in turn; without a
  // draft it could not be stored.
  void Prepare(std::span<const Image> images, KnownOfImage known_of, SegmentBuilder& builder,
               absl::FunctionRef<void(size_t image, std::optional<Draft> draft)> use) const;
  void PrepareSome(std::span<const Image> images, KnownOfImage known_of, SegmentBuilder& builder,
                   absl::FunctionRef<void(size_t image, std::optional<Draft> draft)> use) const;
  IndexedDocument DocumentWithinBudget(const Image& image, std::optional<Known>& known) const;
  WireImage WireOfImage(const Image& image, const std::optional<Known>& known) const;
  Removed Publish(Batch& batch, const std::vector<std::string>& deleted);
  // Puts the draft in the place of what is there; false if that is newer.
  bool Replace(Draft& draft, std::optional<Snapshot::Place> place, const Snapshot& before,
               Snapshot& next, SegmentState& fresh) SR_REQUIRES(state_.mu);
  // Gives the cluster that it was in, or 0.
  uint32_t TakeOut(Snapshot::Place place, const Snapshot& before, Snapshot& next)
      SR_REQUIRES(state_.mu);
  void Suggest(const std::vector<Image>& images, const Batch& batch, const Removed& removed) const;
  // Calls `use` with what was suggested of the place; false if nothing was.
  static bool WithOld(const Removed& removed, Snapshot::Place place,
                      absl::FunctionRef<void(const Suggestions::Shown&)> use);
  // Appends what changes in the suggestions when `shown` takes that place; false if nothing was
  // suggested of it.
  static bool AppendChange(const Removed& removed, Snapshot::Place place,
                           const Suggestions::Shown& shown, std::vector<Suggestions::Entry>& added,
                           std::vector<Suggestions::Entry>& gone);
  // While loading: only what will not be counted at its end.
  void SuggestSpellings(const std::vector<Suggestions::Entry>& spellings, const Batch& batch,
                        const Removed& removed) const;

  IndexState& state_;
  const WireEncoder encoder_;
  const uint32_t block_;
  Mutex blocks_mu_;
  std::vector<std::unique_ptr<Block>> blocks_ SR_GUARDED_BY(blocks_mu_);  // as many as threads
};

}  // namespace stockroom::api
