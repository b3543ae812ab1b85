// Pictures and index for the tests of the search.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/api/search/memory_search_index.h"

namespace stockroom::api {

inline const absl::Time kStart = absl::FromUnixSeconds(1'600'000'000);  // 2020-09-13

inline Image Picture(const std::string& id, const std::string& title = "",
                     std::vector<std::string> tags = {}) {
  Image image;
  image.id = id;
  image.owner = "ann";
  image.described.title = title;
  image.described.tags = std::move(tags);
  image.state = ImageState::kReady;
  image.create_time = kStart;
  image.revision = 1;
  return image;
}

class IndexTest : public ::testing::Test {
 protected:
  absl::StatusOr<SearchResult> Search(const std::string& query, int page_size = 50,
                                      const std::string& token = "",
                                      const std::string& subject = "bob") const {
    return index_.Search({.subject = subject, .anonymous = false}, {query, page_size, token});
  }
  // Ids of the first page; "ERROR …" for an error.
  std::vector<std::string> Found(const std::string& query,
                                 const std::string& subject = "bob") const {
    const auto result = Search(query, 500, "", subject);
    if (!result.ok()) return {"ERROR " + result.status().ToString()};
    EXPECT_EQ(result->total, static_cast<int64_t>(result->hits.size()));
    std::vector<std::string> ids;
    for (const SearchHit& hit : result->hits) ids.push_back(hit.id);
    return ids;
  }

  Metrics metrics_;
  MemorySearchIndex index_{metrics_};
};

}  // namespace stockroom::api
