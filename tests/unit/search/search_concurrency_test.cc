#include <atomic>
#include <thread>

#include "tests/unit/search/search_fixture.h"

namespace stockroom::api {
namespace {

// Every Apply replaces all ten images at once, so a reader sees ten of one generation.
TEST_F(IndexTest, ReadersSeeEachApplyWhollyOrNotAtAll) {
  constexpr int kImages = 10;
  constexpr int kGenerations = 400;
  const auto generation = [](int g) {
    std::vector<Image> images;
    for (int i = 0; i < kImages; ++i) {
      images.push_back(Picture("id" + std::to_string(i), "fox generation" + std::to_string(g)));
      images.back().revision = g;
    }
    return images;
  };
  index_.Apply(generation(1), {});
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&, r] {
      const std::string query = r == 0 ? "" : r == 1 ? "fox gen" : "\"fox\" to:31-12-2020";
      int64_t newest = 0;
      while (!done) {
        const auto result = Search(query);
        ASSERT_TRUE(result.ok()) << result.status();
        ASSERT_EQ(result->total, kImages);
        for (const SearchHit& hit : result->hits) {
          ASSERT_EQ(hit.image->revision, result->hits[0].image->revision);
        }
        ASSERT_GE(result->hits[0].image->revision, newest);
        newest = result->hits[0].image->revision;
      }
    });
  }
  for (int g = 2; g <= kGenerations; ++g) index_.Apply(generation(g), {});
  done = true;
  for (std::thread& reader : readers) reader.join();
  // The holes were collected under the readers' eyes.
  EXPECT_GE(metrics_.GetCounter("stockroom_search_rebuilds_total", "").value(), 1u);
}

TEST_F(IndexTest, WritersMayRaceOverRevisions) {
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      for (int g = 0; g < 100; ++g) {
        Image image = Picture("a", "writer");
        image.revision = 1 + g * 4 + w;
        index_.Apply({image}, {});
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const auto result = Search("writer");
  ASSERT_EQ(result->total, 1);
  EXPECT_EQ(result->hits[0].image->revision, 400);
}

}  // namespace
}  // namespace stockroom::api
