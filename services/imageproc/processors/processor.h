// A processor looks at one image and says something about it. To add one: write one file with an
// execute function, and add a line to list.cc. What it returns is stored as JSON with the image.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/imageproc/core/picture.h"

namespace stockroom::imageproc {

struct AnalysisInput {
  const SourceFacts& facts;
  const Pixels& small;  // at most kAnalysisSide on a side, never empty
  const Pixels& large;  // at most kLargeAnalysisSide on a side, never empty
};

struct Processor {
  // 1 to 64 characters of a-z, 0-9, dash and underscore; the key of its result.
  std::string_view name;
  // Returns a JSON object. Must be deterministic, must not keep anything between calls.
  absl::StatusOr<nlohmann::json> (*execute)(const AnalysisInput& input);
};

// The explicit list, in the order of execution.
std::span<const Processor> Processors();

// Every processor's result as JSON text, by name. One that fails (or throws) gives
// {"error": "..."}; the others and the image are not affected.
std::map<std::string, std::string> RunProcessors(std::span<const Processor> processors,
                                                 const AnalysisInput& input);

}  // namespace stockroom::imageproc
