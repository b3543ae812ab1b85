// The in-memory search cache: answers from memory only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/image.h"
#include "services/api/domain/principal.h"

namespace stockroom::api {

// What matching images can be counted by.
enum class FacetField { kTag, kFormat, kLicense, kYear, kOrientation };

struct SearchRequest {
  std::string query;  // grammar: proto/stockroom/v1/search.proto
  int page_size = 50;
  std::string page_token;
  // No field twice. Counting visits every match: a search with facets belongs on an executor.
  std::vector<FacetField> facets = {};
};

struct FacetValue {
  std::string value;
  int64_t count = 0;

  friend bool operator==(const FacetValue&, const FacetValue&) = default;
};
// The most frequent values, at most 20; equally frequent ones by value (tags: folded). Images that
// have no value (no license, size not known) are in none.
using Facet = std::vector<FacetValue>;

struct SearchResult {
  // Shared with the index: immutable.
  std::vector<std::shared_ptr<const Image>> images;
  std::string next_page_token;
  int64_t total = 0;
  // As asked for. Of the very set that `total` counts.
  std::vector<Facet> facets;
};

struct Suggestion {
  // A word as it is searched (folded), a tag as one of those images spells it.
  std::string text;
  bool is_tag = false;
  int64_t count = 0;

  friend bool operator==(const Suggestion&, const Suggestion&) = default;
};

struct SimilarImage {
  std::shared_ptr<const Image> image;
  double distance = 0;  // 0 to 1; the formula: services/api/search/looks.h
};

// Only READY images are found, and only those that MayFind allows; what may not be found leaves no
// trace in counts, facets and suggestions either. Thread-safe; no call waits for anything but other
// threads' short updates.
class SearchIndex {
 public:
  virtual ~SearchIndex() = default;

  // Puts in the images (replacing older revisions; an older one than is there is ignored) and takes
  // out the deleted ids. One step for readers.
  virtual void Apply(std::vector<Image> changed, const std::vector<std::string>& deleted) = 0;

  // Takes out every image that is not in `ids`, and returns which: for a reader of the feed that
  // missed deletions. Not at the same time as Apply.
  virtual std::vector<std::string> KeepOnly(const std::unordered_set<std::string>& ids) = 0;

  // Newest first (create_time, then id). INVALID_ARGUMENT with the position for a bad query, also
  // for a bad token or one of another query.
  virtual absl::StatusOr<SearchResult> Search(const Principal& who,
                                              const SearchRequest& request) const = 0;

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
};

}  // namespace stockroom::api
