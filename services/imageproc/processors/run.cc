#include <exception>

#include "services/imageproc/processors/processor.h"

namespace stockroom::imageproc {
namespace {

absl::StatusOr<nlohmann::json> Execute(const Processor& processor, const AnalysisInput& input) {
  try {
    return processor.execute(input);
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

}  // namespace

std::map<std::string, std::string> RunProcessors(std::span<const Processor> processors,
                                                 const AnalysisInput& input) {
  std::map<std::string, std::string> results;
  for (const Processor& processor : processors) {
    absl::StatusOr<nlohmann::json> result = Execute(processor, input);
    if (result.ok() && !result->is_object()) result = absl::InternalError("no JSON object");
    const nlohmann::json json =
        result.ok() ? *std::move(result)
                    : nlohmann::json{{"error", std::string(result.status().message())}};
    results.emplace(processor.name,
                    json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return results;
}

}  // namespace stockroom::imageproc
