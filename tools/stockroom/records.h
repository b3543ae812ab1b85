// Images as JSON, as rows and as a page.
#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

#include "stockroom/v1/images.pb.h"
#include "stockroom/v1/search.pb.h"
#include "tools/stockroom/output.h"

namespace stockroom::cli {

// proto3 JSON, as the REST gateway answers.
nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

std::string_view StateName(v1::State state);            // ready
std::string_view VisibilityName(v1::Visibility value);  // public

// Many images: a line of JSON each, or a table whose columns depend on the width.
class ImageTable {
 public:
  enum class Extra {
    kNone,
    kState,    // for lists in which not every image is READY
    kSimilar,  // how many near duplicates each stands for
  };
  ImageTable(Output& out, Extra extra);
  // `hit`: what the search says of it, null for none. In JSON a member of that name.
  void Add(const v1::Image& image, const v1::SearchHit* hit = nullptr);
  // Call after every page.
  void Flush();

 private:
  std::vector<Column> Choose() const;

  Output& out_;
  const Extra extra_;
  const bool with_date_;
  const bool with_tags_;
  Table table_;
};

// Everything about one image. `gateway` is put before paths.
void PrintImage(Output& out, const v1::Image& image, const std::string& gateway);

}  // namespace stockroom::cli
