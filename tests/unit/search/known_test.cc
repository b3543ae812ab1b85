// What an older revision says of an unchanged analysis is taken over, and of a changed one it is
// not.
#include <functional>

#include "services/api/search/store/document_store.h"
#include "tests/unit/search/random_images.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kHash[] = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
constexpr char kOtherHash[] = "ffffffffffffffffffffffffffffffff00000000000000000000000000000000";

Image Analysed(const std::string& id, int64_t revision, const std::string& title) {
  Image image = Picture(id, title);
  image.revision = revision;
  image.analysis = {{"facts", R"({"camera":{"make":"Acme","model":"One","lens":"50mm"},)"
                              R"("gps":{"latitude":52.5,"longitude":13.4}})"},
                    {"palette", R"({"colors":[{"hex":"#0000ff","weight":1}]})"},
                    {"pdq", std::string(R"({"hash":")") + kHash + R"(","quality":90})"},
                    {"thumbhash", R"({"base64":"1QcSHQRnh493V4dIh4eXh1h4kJUI"})"}};
  return image;
}

class KnownTest : public ::testing::Test {
 protected:
  KnownTest() {
    MemorySearchIndex::Options options;
    options.encoder = {.basic = [](const Image& image) { return image.described.title; },
                       .rest =
                           [this](const Image& image) {
                             ++read_;
                             return "|" + image.analysis.at("facts");
                           }};
    index_ = *MemorySearchIndex::Open(std::move(options), metrics_);
  }

  std::vector<std::string> Found(const std::string& query) {
    SearchRequest request{query, 10, ""};
    request.fetch = Fetch::kWireFull;
    const auto result = index_->Search(Principal::Anonymous(), request);
    EXPECT_TRUE(result.ok()) << result.status();
    std::vector<std::string> wires;
    for (const SearchHit& hit : result->hits) wires.emplace_back(hit.wire);
    return wires;
  }
  void ExpectEverythingIsFound(const std::string& wire) {
    for (const std::string query :
         {"camera:acme", "lens:50mm", "near:52.5,13.4,1km", "color:#0000ff", "has:palette"}) {
      EXPECT_THAT(Found(query), ElementsAre(wire)) << query;
    }
    EXPECT_THAT(Found(std::string("hash:") + kHash + "~0"), ElementsAre(wire));
  }

  Metrics metrics_;
  int read_ = 0;  // analyses
  std::unique_ptr<MemorySearchIndex> index_;
};

TEST_F(KnownTest, AnAnalysisIsReadOnceHoweverOftenTheTitleChanges) {
  const std::string facts = "|" + Analysed("a", 1, "").analysis.at("facts");
  index_->Apply({Analysed("a", 1, "fox")}, {});
  for (int revision = 2; revision < 60; ++revision) {
    const std::string title = "fox" + std::to_string(revision);
    // Others, so that it moves about in segments that hold more.
    Image other = Picture("b" + title, "wolf");
    other.analysis["facts"] = "{}";
    index_->Apply({Analysed("a", revision, title), other}, {});
    ASSERT_NO_FATAL_FAILURE(ExpectEverythingIsFound(title + facts));
  }
  EXPECT_EQ(read_, 1 + 58);
}

TEST_F(KnownTest, AChangedAnalysisIsReadAnew) {
  index_->Apply({Analysed("a", 1, "fox")}, {});
  Image changed = Analysed("a", 2, "fox");
  changed.analysis["facts"] = R"({"camera":{"make":"Other"}})";
  changed.analysis["palette"] = R"({"colors":[{"hex":"#ff0000","weight":1}]})";
  changed.analysis["pdq"] = std::string(R"({"hash":")") + kOtherHash + R"(","quality":90})";
  index_->Apply({changed}, {});
  for (const std::string query :
       {"camera:acme", "lens:50mm", "near:52.5,13.4,1km", "color:#0000ff"}) {
    EXPECT_THAT(Found(query), IsEmpty()) << query;
  }
  const std::string wire = "fox|" + changed.analysis["facts"];
  EXPECT_THAT(Found("camera:other"), ElementsAre(wire));
  EXPECT_THAT(Found("color:#ff0000"), ElementsAre(wire));
  EXPECT_THAT(Found(std::string("hash:") + kOtherHash + "~0"), ElementsAre(wire));
  EXPECT_EQ(read_, 2);
}

TEST_F(KnownTest, OneResultMoreOrLessIsAChange) {
  Image image = Analysed("a", 1, "fox");
  index_->Apply({image}, {});
  image.revision = 2;
  image.analysis["sharpness"] = "{}";
  index_->Apply({image}, {});
  EXPECT_EQ(read_, 2);
  image.revision = 3;
  image.analysis.erase("sharpness");
  index_->Apply({image}, {});
  EXPECT_EQ(read_, 3);
}

TEST(HasAnalysisOfTest, IsFalseOfBytesThatAreNoImage) {
  const Image image = Analysed("a", 1, "fox");
  const std::string bytes = EncodeImage(image);
  EXPECT_TRUE(HasAnalysisOf(image, bytes));
  // Of another title, with a time taken, renditions and tags.
  Image other = image;
  other.described = {.title = "another", .description = "text", .tags = {"x", "y"}};
  other.facts.taken_time = absl::FromUnixSeconds(5);
  other.renditions.resize(2);
  EXPECT_TRUE(HasAnalysisOf(image, EncodeImage(other)));
  EXPECT_FALSE(HasAnalysisOf(image, ""));
  EXPECT_FALSE(HasAnalysisOf(image, "\x7f" + bytes.substr(1)));
  const size_t analysis_ends = bytes.find("kJUI\"}") + 6;
  for (size_t size = 0; size < analysis_ends; ++size) {
    EXPECT_FALSE(HasAnalysisOf(image, bytes.substr(0, size))) << size;
  }
  Image without = image;
  without.analysis.clear();
  for (size_t size = 0; size < 20; ++size) {
    EXPECT_FALSE(HasAnalysisOf(without, EncodeImage(without).substr(0, size))) << size;
  }
}

TEST(IsFoundLikeTest, LooksAtOwnerTagsAndWhoSeesIt) {
  Image image = Analysed("a", 1, "fox");
  image.owner = "bob";
  image.described.tags = {"red", "fox"};
  image.described.attributes = {{"k", "v"}};
  image.state = ImageState::kReady;
  const std::string bytes = EncodeImage(image);
  EXPECT_TRUE(IsFoundLike(image, bytes));
  Image other = image;
  other.described.title = "another";
  other.described.attributes.clear();
  other.filename = "x";
  other.state = ImageState::kFailed;
  EXPECT_TRUE(IsFoundLike(other, bytes));
  const auto expect_other = [&](auto change) {
    Image changed = image;
    change(changed);
    EXPECT_FALSE(IsFoundLike(changed, bytes));
    EXPECT_FALSE(IsFoundLike(image, EncodeImage(changed)));
  };
  expect_other([](Image& i) { i.owner = "bop"; });
  expect_other([](Image& i) { i.owner = ""; });
  expect_other([](Image& i) { i.described.tags = {"red"}; });
  expect_other([](Image& i) { i.described.tags = {"red", "fox", "fox"}; });
  expect_other([](Image& i) { i.described.tags = {"fox", "red"}; });
  expect_other([](Image& i) { i.described.visibility = Visibility::kUnlisted; });
  expect_other([](Image& i) { i.state = ImageState::kFlagged; });
  // What is hidden counts as private.
  other = image;
  other.described.visibility = Visibility::kPrivate;
  Image hidden = image;
  hidden.state = ImageState::kRejected;
  EXPECT_TRUE(IsFoundLike(other, EncodeImage(hidden)));
  EXPECT_FALSE(IsFoundLike(image, ""));
  for (size_t size = 0; size < bytes.find("fox", bytes.find("red")); ++size) {
    EXPECT_FALSE(IsFoundLike(image, bytes.substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace stockroom::api
