// What processors found of an image, as far as it is indexed. For this folder only.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "services/api/search/segment/document.h"

namespace stockroom::api {

struct DocumentFacts {
  std::string camera;
  std::string lens;
  std::optional<GeoPoint> location;
  std::optional<PdqWords> pdq;
};
// From the results of "facts" and "pdq". Anything may stand there: what can not be read is left
// out.
DocumentFacts DocumentFactsOf(const std::map<std::string, std::string>& analysis);

}  // namespace stockroom::api
