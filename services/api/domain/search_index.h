// The in-memory search cache: answers from memory only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/image.h"
#include "services/api/domain/principal.h"

namespace stockroom::api {

struct Query;

// What matching images can be counted by. kOrientation: a panorama counts as landscape, too.
enum class FacetField {
  kTag,
  kFormat,
  kLicense,
  kYear,
  kOrientation,
  kCamera,
  kLens,
  kColor,
  kDataset,
  kOwner,
  kState
};

// Ties: newest first, then descending id. Stable while nothing changes; see also Cursor.
enum class SortOrder : uint8_t {
  kDefault,    // kNewest
  kRelevance,  // of the query's words: BM25 over weighted fields, docs/search.md has the formula
  kNewest,     // by create_time
  kPopular,    // views and downloads
  kLargest,    // pixels
  kSimilar,    // to an image: `similar_to`, else the query's only `similar:` or `hash:`
  kRandom,     // the same seed gives the same order
};

// What a search gives of each image. Ids cost least; kWire hands out bytes that were serialised
// when the image was indexed.
enum class Fetch : uint8_t { kIds, kWireBasic, kWireFull, kImages };

// Serialised v1.Image: `basic` is the BASIC view, and `basic` + `rest` the FULL view (protobuf
// messages that are concatenated are merged).
struct WireImage {
  std::string basic;
  std::string rest;
};
struct WireEncoder {
  std::function<std::string(const Image&)> basic;
  // Of the analysis alone: equal ones give equal bytes.
  std::function<std::string(const Image&)> rest;
};

struct SearchRequest {
  std::string query;  // grammar: docs/search.md
  int page_size = 50;
  std::string page_token;
  // No field twice.
  std::vector<FacetField> facets = {};
  // Instead of `query`, if not null: the JSON form.
  std::shared_ptr<const Query> parsed = nullptr;
  SortOrder sort = SortOrder::kDefault;
  uint64_t seed = 0;
  std::string similar_to = {};
  // An exact total visits every match; else it may be an estimate (and is exact when that is
  // cheap).
  bool exact_total = false;
  // Of near duplicates that match, only the best: most pixels, then most bytes, then newest.
  bool collapse = false;
  bool highlight = false;
  bool explain = false;
  // Of bare words that do not say so themselves: 0, or letters that may be wrong (1 from four
  // letters on, 2 from eight).
  int typos = 0;
  // "" or a language of text/stem.h.
  std::string stemming = {};
  Fetch fetch = Fetch::kImages;
};

struct FacetValue {
  std::string value;
  int64_t count = 0;

  friend bool operator==(const FacetValue&, const FacetValue&) = default;
};
// The most frequent values, at most 20; equally frequent ones by value (tags: folded). Images that
// have no value (no license, size not known) are in none.
using Facet = std::vector<FacetValue>;

// Bytes [begin, end) of `text` match.
struct Highlight {
  std::string field;  // "title", "description", "tags"
  std::string text;   // the whole field, of a description the part around the matches, one tag
  std::vector<std::pair<uint32_t, uint32_t>> ranges;

  friend bool operator==(const Highlight&, const Highlight&) = default;
};

struct SearchHit {
  std::string id;
  double score = 0;       // what the order is by
  int64_t collapsed = 0;  // near duplicates that match as well and are not shown
  // As `fetch` asks; `wire` stays valid with `SearchResult::pin`.
  std::string_view wire = {};
  std::shared_ptr<const Image> image = nullptr;
  std::vector<Highlight> highlights = {};
};

struct SearchResult {
  std::vector<SearchHit> hits;
  std::string next_page_token;
  int64_t total = 0;
  bool total_is_exact = true;
  // As asked for. Of the very set that an exact total counts (before collapsing).
  std::vector<Facet> facets;
  // If nothing was found: the query with its unknown words corrected, "" if there is none.
  std::string did_you_mean;
  std::string explanation;  // for people; empty if not asked for
  std::shared_ptr<const void> pin;
};

struct Suggestion {
  enum class Kind { kWord, kTag, kCamera };
  // A word as it is searched (folded), a tag or camera as one of those images spells it.
  std::string text;
  Kind kind = Kind::kWord;
  int64_t count = 0;

  friend bool operator==(const Suggestion&, const Suggestion&) = default;
};

struct SimilarImage {
  std::shared_ptr<const Image> image;
  double distance = 0;  // 0 to 1; the formula: services/api/search/similar/looks.h
};

// Content of the index, or of the database, in a sum: search/store/content_hash.h.
inline constexpr size_t kIndexBuckets = 256;
struct IndexSum {
  uint64_t images = 0;
  uint64_t sum = 0;

  friend bool operator==(const IndexSum&, const IndexSum&) = default;
};

using ImageHashes = std::vector<std::pair<std::string, uint64_t>>;

// Bytes by part: "postings", "dictionary", "columns", "ids", "looks", "live", "tags",
// "suggestions", "clusters", and of files "documents".
struct MemoryPart {
  std::string name;
  uint64_t bytes = 0;
  bool is_file = false;
};

// Only READY images are found, and only those that MayFind allows; a query that names `state:`
// looks among one's own images that are not READY, too (moderators: everybody's). What may not be
// found leaves no trace in counts, facets and suggestions either. Thread-safe; no call waits for
// anything but other threads' short updates.
class SearchIndex {
 public:
  virtual ~SearchIndex() = default;

  // Puts in the images (replacing older revisions; an older one than is there is ignored) and takes
  // out the deleted ids. One step for readers. Gives the ids of images that could not be taken in
  // (the disk is full) and are not there now in any revision that is older: the caller has to apply
  // them again.
  virtual std::vector<std::string> Apply(std::vector<Image> changed,
                                         const std::vector<std::string>& deleted) = 0;

  // Takes out every image that is not in `ids`, and returns which: for a reader of the feed that
  // missed deletions. Not at the same time as Apply.
  virtual std::vector<std::string> KeepOnly(const std::unordered_set<std::string>& ids) = 0;

  // A READY image, whoever may see it; null if there is none. Immutable.
  virtual std::shared_ptr<const Image> Find(const std::string& id) const = 0;

  // INVALID_ARGUMENT with the position for a bad query, also for a bad token or one of another
  // query or order; NOT_FOUND for a `similar_to` that may not be read.
  virtual absl::StatusOr<SearchResult> Search(const Principal& who,
                                              const SearchRequest& request) const = 0;
  // The same on a gRPC reaction: what Search answers, or refuses, within a fraction of a
  // millisecond. nullopt, within another: Search needs a thread that it may keep.
  virtual std::optional<absl::StatusOr<SearchResult>> SearchIfCheap(
      const Principal& who, const SearchRequest& request) const = 0;

  // What begins with `prefix` (folded; of words only if it is one word), the most frequent first,
  // then by folded text, a tag before the word. An empty prefix gives tags only. The work is
  // bounded: fit for a gRPC reaction. Exact up to some thousand candidates of about the same
  // frequency; of more, the alphabetically first are considered.
  // INVALID_ARGUMENT: limit outside of 0 (which means 10) to 50, more than 100 bytes of prefix.
  virtual absl::StatusOr<std::vector<Suggestion>> Suggest(const Principal& who,
                                                          const std::string& prefix,
                                                          int limit) const = 0;

  // The most similar first, equally similar ones newest first; without the image itself. Empty if
  // nothing is known of how the image looks. Looks at every image: belongs on an executor.
  // NOT_FOUND (there is none, or it may not be read: MayRead), FAILED_PRECONDITION
  // (IMAGE_NOT_READY), INVALID_ARGUMENT: limit outside of 0 (which means 20) to 100.
  virtual absl::StatusOr<std::vector<SimilarImage>> FindSimilar(const Principal& who,
                                                                const std::string& id,
                                                                int limit) const = 0;

  virtual int64_t size() const = 0;

  // Views and downloads of images (weighted counts, absolute), for SortOrder::kPopular. Unknown ids
  // are ignored.
  virtual void SetPopularity(const std::vector<std::pair<std::string, uint32_t>>& counts) = 0;

  // Of all images, READY or not, as the index holds them: sums; (id, ContentHash) by bucket, an
  // entry for each that is asked for, which looks at every image once; and of those of `ids` that
  // are there, each found by its id. An image whose document is damaged has the hash 0.
  virtual std::vector<IndexSum> Sums() const = 0;
  virtual std::map<size_t, ImageHashes> Buckets(const std::set<size_t>& buckets) const = 0;
  virtual ImageHashes HashesOf(std::span<const std::string> ids) const = 0;

  virtual std::vector<MemoryPart> Memory() const = 0;
};

}  // namespace stockroom::api
