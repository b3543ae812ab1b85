// One image as the definitions of query/query.h see it, derived without the index's own code (but
// folding, looks and colours, which have tests of their own).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/api/domain/image.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/query/query.h"
#include "services/api/search/similar/looks.h"

namespace stockroom::api {

struct NaiveEntry {
  Image image;
  uint32_t popularity = 0;

  // Words by field; each tag and attribute is one.
  std::vector<std::pair<TextField, std::vector<std::string>>> fields;
  std::vector<std::string> tags;  // FoldLine, none empty, sorted, each once
  std::string description;        // FoldLine
  std::string license;
  std::string camera;
  std::string lens;
  std::string dataset;
  int64_t created_us = 0;
  int32_t created_date = 0;
  std::optional<int32_t> taken_date;
  struct Point {
    double latitude = 0;
    double longitude = 0;
  };
  std::optional<Point> location;
  std::optional<PdqWords> pdq;
  std::optional<Looks> looks;

  int32_t date() const { return taken_date.value_or(created_date); }
  int64_t pixels() const { return int64_t{image.facts.width} * image.facts.height; }
  bool Has(HasField field) const;
  bool Is(Orientation orientation) const;
  // In none: nullopt.
  std::optional<int64_t> Number(NumberField field) const;
  // What it counts for in a facet, tags folded.
  std::vector<std::string> FacetValues(FacetField field) const;
};

NaiveEntry NaiveEntryOf(const Image& image);

// "ready", "flagged", …
std::string StateName(ImageState state);

}  // namespace stockroom::api
