// How often images were looked at and taken, as the database keeps it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stockroom::api {

struct Popularity {
  std::string image_id;
  int64_t views = 0;
  int64_t downloads = 0;

  friend bool operator==(const Popularity&, const Popularity&) = default;
};

// Beside the images' rows: counting changes no image, no revision, and tells nobody by an event.
// Thread-safe and blocking; errors as of MetadataStore.
class PopularityStore {
 public:
  virtual ~PopularityStore() = default;

  // Adds these numbers to what is there, in one transaction: a few hundred at a time, as others who
  // add wait. Of one image several add up; images that do not exist (any more) are passed over, and
  // an image's numbers go with it. A call that fails may nevertheless have counted.
  virtual absl::Status AddPopularity(std::span<const Popularity> increments) = 0;

  // How far somebody has read. Every change has a number, greater than those of all that were
  // committed before it.
  struct Cursor {
    int64_t change = 0;
    std::string image_id;

    friend bool operator==(const Cursor&, const Cursor&) = default;
  };
  struct Page {
    std::vector<Popularity> images;  // what they have in all
    Cursor next;
  };
  // Images that were counted after `after`, at most `limit` (1 or more), in the order of their last
  // change. Who reads on from `next` misses none; an image that is counted meanwhile comes again.
  // Fewer than `limit`: that is all for now.
  virtual absl::StatusOr<Page> ReadPopularity(const Cursor& after, int limit) = 0;
};

}  // namespace stockroom::api
