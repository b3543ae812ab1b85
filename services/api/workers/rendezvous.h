// Who makes a rendition: highest random weight of (original, key) over the workers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/digest.h"

namespace stockroom::api {

// The workers by falling weight: the first owns the rendition, the next ones stand in for it. The
// order of any two workers depends on nobody else, so when one goes only what it owned moves, and
// when one comes it takes its share only. The same in every process and version.
std::vector<std::string> RankWorkers(const Digest& original, std::string_view key,
                                     std::vector<std::string> workers);

}  // namespace stockroom::api
