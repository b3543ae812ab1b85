// Facets, suggestions and similar images: who may see what, bounds, readers beside a writer.
#include <atomic>
#include <thread>

#include "services/common/base/status.h"
#include "tests/unit/search/search_fixture.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Principal Named(const std::string& subject) { return {.subject = subject, .anonymous = false}; }
Principal Moderator() {
  return {.subject = "mod", .anonymous = false, .scopes = Scope::kRead | Scope::kModerate};
}

// 24 bytes of a hash without alpha; its first byte is most of the lightness.
Image Looking(Image image, const std::string& first) {
  image.analysis["thumbhash"] = R"({"base64":")" + first + R"(AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})";
  return image;
}

class FindingTest : public IndexTest {
 protected:
  std::vector<Suggestion> Suggest(const Principal& who, const std::string& prefix,
                                  int limit = 0) const {
    const auto suggestions = index_.Suggest(who, prefix, limit);
    EXPECT_TRUE(suggestions.ok()) << suggestions.status();
    return suggestions.value_or(std::vector<Suggestion>());
  }
  Facet Tags(const Principal& who) const {
    const auto result = index_.Search(who, {"", 1, "", {FacetField::kTag}});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->facets.at(0) : Facet();
  }
  std::vector<std::string> Similar(const Principal& who, const std::string& id) const {
    const auto similar = index_.FindSimilar(who, id, 0);
    if (!similar.ok()) return {DetailsOf(similar.status()).reason};
    std::vector<std::string> ids;
    for (const SimilarImage& one : *similar) ids.push_back(one.image->id);
    return ids;
  }
};

TEST_F(FindingTest, WhatMayNotBeFoundLeavesNoTrace) {
  Image shown = Looking(Picture("shown", "", {"sea"}), "A");
  Image secret = Looking(Picture("secret", "seahorse", {"SEA", "seal"}), "B");
  secret.described.visibility = Visibility::kPrivate;
  Image linked = Looking(Picture("linked", "seaside", {"Sea"}), "C");
  linked.described.visibility = Visibility::kUnlisted;
  index_.Apply({shown, secret, linked}, {});

  EXPECT_THAT(Suggest(Named("bob"), "sea"),
              ElementsAre(Suggestion{"sea", Suggestion::Kind::kTag, 1},
                          Suggestion{"sea", Suggestion::Kind::kWord, 1}));
  EXPECT_THAT(Tags(Named("bob")), ElementsAre(FacetValue{"sea", 1}));
  EXPECT_THAT(Similar(Named("bob"), "shown"), IsEmpty());
  EXPECT_THAT(Similar(Named("bob"), "secret"), ElementsAre("IMAGE_NOT_FOUND"));
  // Whoever has the link may ask what looks like it.
  EXPECT_THAT(Similar(Named("bob"), "linked"), ElementsAre("shown"));

  for (const Principal& who : {Named("ann"), Moderator()}) {
    EXPECT_EQ(Suggest(who, "sea").at(0).count, 3);
    EXPECT_EQ(Suggest(who, "sea").size(), 6u);
    EXPECT_EQ(Tags(who).size(), 2u);
    EXPECT_EQ(Similar(who, "shown").size(), 2u);
    EXPECT_EQ(index_.Search(who, {"sea", 50, ""})->total, 3);
    EXPECT_EQ(index_.Search(who, {"", 50, ""})->total, 3);
  }

  // What becomes private is forgotten by the others at once.
  shown.described.visibility = Visibility::kPrivate;
  shown.revision = 2;
  index_.Apply({shown}, {});
  EXPECT_THAT(Suggest(Named("bob"), "sea"), IsEmpty());
  EXPECT_THAT(Suggest(Named("bob"), ""), IsEmpty());
  EXPECT_THAT(Tags(Named("bob")), IsEmpty());
  EXPECT_EQ(Suggest(Named("ann"), "sea").at(0).count, 3);
}

TEST_F(FindingTest, ASpellingOfOthersIsNotTold) {
  Image secret = Picture("b", "", {"SEA-of-Ann"});
  secret.described.visibility = Visibility::kPrivate;
  index_.Apply({Picture("a", "", {"Sea-of-ann"})}, {});
  index_.Apply({secret}, {});
  EXPECT_EQ(Suggest(Named("bob"), "sea-o").at(0).text, "Sea-of-ann");
  EXPECT_EQ(Suggest(Named("ann"), "sea-o").at(0).text, "SEA-of-Ann");
  EXPECT_THAT(Tags(Named("bob")), ElementsAre(FacetValue{"Sea-of-ann", 1}));
}

TEST_F(FindingTest, AnImageThatIsNotReadyIsToldApartFromNone) {
  Image waiting = Picture("waiting");
  waiting.state = ImageState::kProcessing;
  Image hidden = waiting;
  hidden.id = "hidden";
  hidden.described.visibility = Visibility::kPrivate;
  index_.Apply({waiting, hidden, Picture("plain")}, {});
  EXPECT_THAT(Similar(Named("bob"), "waiting"), ElementsAre("IMAGE_NOT_READY"));
  EXPECT_THAT(Similar(Named("bob"), "hidden"), ElementsAre("IMAGE_NOT_FOUND"));
  EXPECT_THAT(Similar(Named("ann"), "hidden"), ElementsAre("IMAGE_NOT_READY"));
  EXPECT_THAT(Similar(Moderator(), "hidden"), ElementsAre("IMAGE_NOT_READY"));
  EXPECT_THAT(Similar(Named("bob"), "none"), ElementsAre("IMAGE_NOT_FOUND"));
  EXPECT_THAT(Similar(Named("bob"), "plain"), IsEmpty());
  waiting.state = ImageState::kReady;
  waiting.revision = 2;
  index_.Apply({waiting}, {"hidden"});
  EXPECT_THAT(Similar(Named("bob"), "waiting"), IsEmpty());
  EXPECT_THAT(Similar(Named("ann"), "hidden"), ElementsAre("IMAGE_NOT_FOUND"));
}

TEST_F(FindingTest, BoundsAreKept) {
  for (const int limit : {-1, 51}) {
    EXPECT_EQ(DetailsOf(index_.Suggest(Named("bob"), "a", limit).status()).violations.at(0).field,
              "limit");
  }
  for (const int limit : {-1, 101}) {
    const auto refused = index_.FindSimilar(Named("bob"), "a", limit);
    EXPECT_EQ(DetailsOf(refused.status()).violations.at(0).field, "page_size");
  }
  EXPECT_EQ(Suggest(Named("bob"), std::string(100, 'a')).size(), 0u);
  EXPECT_EQ(DetailsOf(index_.Suggest(Named("bob"), std::string(101, 'a'), 1).status())
                .violations.at(0)
                .field,
            "prefix");
}

// Many rare words do not hide the frequent one behind them.
TEST_F(FindingTest, FrequentWordsAreFoundBehindManyRareOnes) {
  std::vector<Image> images;
  for (int i = 0; i < 500; ++i) {
    std::string title = i < 3 ? "zzz" : "";
    for (int w = 0; w < 20; ++w) title += " z" + std::to_string(100000 + i * 20 + w);
    images.push_back(Picture("id" + std::to_string(i), title));
  }
  index_.Apply(std::move(images), {});
  EXPECT_THAT(Suggest(Named("bob"), "z", 2),
              ElementsAre(Suggestion{"zzz", Suggestion::Kind::kWord, 3},
                          Suggestion{"z100000", Suggestion::Kind::kWord, 1}));
}

TEST_F(FindingTest, AnImageIsFoundByTheMd5OfItsBytes) {
  Image a = Picture("a");
  a.md5 = std::string(15, '\x01') + '\xab';
  Image b = a;
  b.id = "b";
  Image other = Picture("other");
  other.md5 = std::string(15, '\x01') + '\xac';  // begins alike
  index_.Apply({a, b, other, Picture("none")}, {});
  EXPECT_THAT(Found("md5:010101010101010101010101010101ab"), ElementsAre("b", "a"));
  EXPECT_THAT(Found("MD5:010101010101010101010101010101AC"), ElementsAre("other"));
  EXPECT_THAT(Found("md5:" + std::string(32, '0')), IsEmpty());
  index_.Apply({}, {"b"});
  EXPECT_THAT(Found("md5:010101010101010101010101010101ab"), ElementsAre("a"));
}

TEST_F(FindingTest, FacetsShowTheTwentyMostFrequent) {
  std::vector<Image> images;
  for (int i = 0; i < 30; ++i) {
    images.push_back(Picture("id" + std::to_string(i), "", {"t" + std::to_string(100 + i), "all"}));
  }
  index_.Apply(std::move(images), {});
  const Facet facet = Tags(Named("bob"));
  ASSERT_EQ(facet.size(), 20u);
  EXPECT_EQ(facet[0], (FacetValue{"all", 30}));
  EXPECT_EQ(facet[19], (FacetValue{"t118", 1}));
}

// Every Apply replaces all images, so each answer is of one generation; rebuilds come in between.
TEST_F(FindingTest, CountsAreOfOneMomentWhileImagesChange) {
  constexpr int kImages = 20;
  const auto generation = [](int g) {
    std::vector<Image> images;
    for (int i = 0; i < kImages; ++i) {
      images.push_back(Looking(Picture("id" + std::to_string(i), "", {"g" + std::to_string(g)}),
                               std::string(1, static_cast<char>('A' + i))));
      images.back().revision = g;
    }
    return images;
  };
  index_.Apply(generation(1), {});
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  readers.emplace_back([&] {
    while (!done) {
      const Facet facet = Tags(Named("bob"));
      ASSERT_EQ(facet.size(), 1u);
      ASSERT_EQ(facet[0].count, kImages);
    }
  });
  readers.emplace_back([&] {
    while (!done) {
      const auto suggestions = Suggest(Named("bob"), "g");
      ASSERT_EQ(suggestions.size(), 2u);
      ASSERT_EQ(suggestions[0].count, kImages);
    }
  });
  readers.emplace_back([&] {
    while (!done) {
      const auto similar = index_.FindSimilar(Named("bob"), "id0", 5);
      ASSERT_TRUE(similar.ok()) << similar.status();
      // Those that were replaced while it looked are shown as they are by now.
      ASSERT_EQ(similar->size(), 5u);
    }
  });
  for (int g = 2; g <= 300; ++g) index_.Apply(generation(g), {});
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GE(metrics_.GetCounter("stockroom_search_rebuilds_total", "").value(), 1u);
}

}  // namespace
}  // namespace stockroom::api
