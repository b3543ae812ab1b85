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

struct SearchRequest {
  std::string query;  // grammar: proto/stockroom/v1/search.proto
  int page_size = 50;
  std::string page_token;
};

struct SearchResult {
  // Shared with the index: immutable.
  std::vector<std::shared_ptr<const Image>> images;
  std::string next_page_token;
  int64_t total = 0;
};

// Only READY images are found, and only those that MayFind allows. Thread-safe; Search never waits
// for anything but other threads' short updates.
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

  virtual int64_t size() const = 0;
};

}  // namespace stockroom::api
