// The images that look most like another one.
#pragma once

#include <cstddef>
#include <vector>

#include "services/api/search/exec/snapshot.h"

namespace stockroom::api {

struct SimilarPlace {
  Snapshot::Place place;
  float distance = 0;
};

// Of all that the viewer may find, the `limit` nearest by LooksDistance, equally near ones newest
// first; without `target` itself. None if nothing is known of its looks. Looks at every image: some
// 10 ms per million.
std::vector<SimilarPlace> ScanSimilar(const Snapshot& snapshot, const Viewer& viewer,
                                      Snapshot::Place target, size_t limit);

}  // namespace stockroom::api
