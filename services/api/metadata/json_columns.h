// Lists and maps as JSON text in a column. Texts must be UTF-8 (CheckStorable); what is read back
// equals what was written.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/api/domain/image.h"

namespace stockroom::api {

std::string ToJson(const std::vector<std::string>& list);
std::string ToJson(const std::map<std::string, std::string>& pairs);
std::string ToJson(const std::vector<Rendition>& renditions);

// DATA_LOSS on any other shape.
absl::Status ListFromJson(const std::string& text, std::vector<std::string>& list);
absl::Status MapFromJson(const std::string& text, std::map<std::string, std::string>& pairs);
absl::Status RenditionsFromJson(const std::string& text, std::vector<Rendition>& renditions);

}  // namespace stockroom::api
