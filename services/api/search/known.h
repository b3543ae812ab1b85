// What an image's older revision already says about its analysis: most changes are of titles, tags
// and visibility, and reading the analysis was a sixth of the work of an update.
#pragma once

#include <optional>
#include <string_view>

#include "services/api/domain/image.h"
#include "services/api/search/exec/snapshot.h"
#include "services/api/search/segment/document.h"

namespace stockroom::api {

struct Known {
  AnalysisFacts facts;
  std::string_view wire_rest;  // WireEncoder::rest; in the snapshot's files
};

// From the document at `place`, if it is of an equal analysis. Nothing, too, if it lacks looks or
// hash: they may have been left out for want of memory.
std::optional<Known> KnownOf(const Image& image, const Snapshot& snapshot, Snapshot::Place place);

}  // namespace stockroom::api
