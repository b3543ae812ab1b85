// Execute over small hand-made catalogues: every kind of node, who may find what, orders, pages,
// totals, facets, near duplicates.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "services/api/search/exec/cursor.h"
#include "services/api/search/exec/facets.h"
#include "services/api/search/query/words.h"
#include "services/common/base/status.h"
#include "tests/unit/search/exec_fixture.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr char kThumbhash[] = R"({"base64":"1QcSHQRnh493V4dIh4eXh1h4kJUI"})";

// A picture of some distance to the one with 0 flipped bits.
Image Hashed(const std::string& id, int flipped_bits) {
  std::string hash(64, '0');
  for (int i = 0; i < flipped_bits; ++i) hash[63 - i] = '1';
  Image image = Photo(id);
  image.analysis["pdq"] = R"({"hash":")" + hash + R"(","quality":100})";
  return image;
}

TEST_F(ExecTest, FindsWordsPhrasesTagsAndPartsOfDescriptions) {
  Image a = Photo("a", "Crème brûlée", {"Dessert", "New York"});
  a.described.description = "made in Kraków,\n in the  SNOW";
  a.described.attributes = {{"camera", "Nikon D850"}};
  a.filename = "IMG_1234.jpg";
  catalogue_.Put({a, Photo("b", "in the snow brulee creme", {"newyork"})});
  for (const char* query :
       {"creme dess", "CREM krakow", "nikon", "img_12", "\"creme brulee\"", "\"made in krakow\"",
        "title:creme dessert", "tag:dessert", "tags:\"new york\",DESSERT", "tag:dess*",
        "tag:\"new y\"*", "desc:\"w, in the sn\"", "desc:akow", "desc:made", "dessert~1",
        "desert~1 -\"the snow brulee\"", "NOT newyork", "-tag:newyork", "nikon OR nothing"}) {
    EXPECT_THAT(Found(query), ElementsAre("a")) << query;
  }
  for (const char* query : {"reme", "creme missing", "\"crem\"", "\"brulee made\"", "title:krakow",
                            "tag:des", "desc:\"the fox\"", "desc:creme", "tag:new",
                            "description:creme", "dezzertt~1", "title:\"made in\"", "-a* -in"}) {
    EXPECT_THAT(Found(query), Not(testing::Contains("a"))) << query;
  }
  EXPECT_THAT(Found("\"brulee creme\""), ElementsAre("b"));
  EXPECT_THAT(Found("creme OR dessert"), ElementsAre("b", "a"));
  EXPECT_THAT(Found("-nothing"), ElementsAre("b", "a"));
  EXPECT_THAT(Found("NOT (creme snow)"), IsEmpty());
  EXPECT_THAT(Found("(creme OR nothing) NOT (dessert snow)"), ElementsAre("b"));
}

TEST_F(ExecTest, FindsRunsOfCharacters) {
  catalogue_.Put({Photo("a", "富士山の写真", {"日本"}), Photo("b", "山士富", {"本", "日"}),
                  Photo("c", "富士 士山")});
  EXPECT_THAT(Found("富士"), ElementsAre("c", "a"));
  EXPECT_THAT(Found("士富"), ElementsAre("b"));
  EXPECT_THAT(Found("富士山"), ElementsAre("a"));
  EXPECT_THAT(Found("富士*"), ElementsAre("c", "a"));
  EXPECT_THAT(Found("日本"), ElementsAre("a"));
  EXPECT_THAT(Found("title:日本"), IsEmpty());
  EXPECT_THAT(Found("title:の写"), ElementsAre("a"));
  EXPECT_THAT(Found("-富士"), ElementsAre("b"));
}

TEST_F(ExecTest, FindsFormsOfWordsOnRequest) {
  catalogue_.Put({Photo("a", "running foxes"), Photo("b", "runner"), Photo("c", "run")});
  const ExecuteRequest english{.query = kNoQuery, .stemming = "english"};
  EXPECT_THAT(Found("runs", english), ElementsAre("c", "a"));
  EXPECT_THAT(Found("\"runs\"", english), IsEmpty());
  EXPECT_THAT(Found("runs"), IsEmpty());
  EXPECT_THAT(Found("runs", {.query = kNoQuery, .stemming = "klingon"}),
              ElementsAre(HasSubstr("english")));
}

TEST_F(ExecTest, FindsByEveryValue) {
  Image a = Photo("a");
  a.owner = "carl";
  a.described.license = "CC-BY 4.0";
  a.described.attributes["dataset"] = "Foxes";
  a.facts = {.width = 4000, .height = 2000, .format = "jpeg"};
  a.facts.taken_time = absl::FromCivil(absl::CivilSecond(2019, 12, 24), absl::UTCTimeZone());
  a.size_bytes = 3'000'000;
  a.md5 = std::string(15, '\x01') + '\xab';
  a.analysis["facts"] =
      R"({"camera":{"make":"Canon","model":"EOS R5","lens":"RF 50mm"},"gps":{"latitude":52.5,"longitude":13.4}})";
  a.analysis["thumbhash"] = kThumbhash;
  a.analysis["palette"] = R"({"colors":[{"hex":"#008080","weight":1.0}]})";
  Image b = Photo("b");
  b.md5 = std::string(15, '\x01') + '\xac';
  b.create_time += absl::Hours(24);
  catalogue_.Put({a, b});
  for (const char* query : {"owner:carl",
                            "license:\"cc-by 4.0\"",
                            "license:cc-by*",
                            "type:JPEG",
                            "camera:canon",
                            "camera:\"eos r\"",
                            "lens:50",
                            "dataset:foxes",
                            "orientation:landscape",
                            "orientation:panorama",
                            "w>=4000",
                            "h:1000..2000",
                            "mp:8",
                            "size>2mb",
                            "taken:2019",
                            "date:*-12-2019",
                            "to:24-12-2019",
                            "created<=2020-09-13",
                            "near:52.51,13.4,2km",
                            "has:location",
                            "has:camera",
                            "color:teal",
                            "color:#007f7f",
                            "md5:010101010101010101010101010101ab"}) {
    EXPECT_THAT(Found(query), ElementsAre("a")) << query;
    EXPECT_THAT(Found(std::string("NOT ") + query), ElementsAre("b")) << query;
    EXPECT_THAT(Found(std::string("nothing OR ") + query), ElementsAre("a")) << query;
  }
  for (const char* query :
       {"owner:Carl", "camera:anon", "orientation:portrait", "w>4000", "near:52.6,13.4,2km",
        "color:red", "md5:00000000000000000000000000000000", "lens:canon", "taken>2019"}) {
    EXPECT_THAT(Found(query), IsEmpty()) << query;
  }
  EXPECT_THAT(Found("has:none(location)"), ElementsAre("b"));
}

TEST_F(ExecTest, FindsWhatLooksAlike) {
  catalogue_.Put({Hashed("x0", 0), Hashed("x10", 10), Hashed("x31", 31)});
  catalogue_.Put({Hashed("x32", 32), Photo("none")});
  const std::string zeros(64, '0');
  EXPECT_THAT(Found("hash:" + zeros), ElementsAre("x31", "x10", "x0"));
  EXPECT_THAT(Found("NOT hash:" + zeros), ElementsAre("x32", "none"));
  EXPECT_THAT(Sorted("hash:" + zeros, SortOrder::kSimilar), ElementsAre("x0", "x10", "x31"));
  ExecuteRequest request{.query = kNoQuery, .sort = SortOrder::kSimilar, .similar_to = "x31"};
  EXPECT_THAT(Found("", request), ElementsAre("x31", "x32", "x10", "x0", "none"));
  request.limit = 2;
  EXPECT_THAT(Found("", request), ElementsAre("x31", "x32", "x10", "x0", "none"));
  request.similar_to = "nobody";
  EXPECT_THAT(Found("", request), ElementsAre(HasSubstr("NOT_FOUND")));
  EXPECT_THAT(Sorted("x0", SortOrder::kSimilar), ElementsAre(HasSubstr("similar_to")));
}

TEST_F(ExecTest, LooksOnlyLikeWhatMayBeRead) {
  const std::string id = "01912345-89ab-7def-8123-456789abcdef";
  Image secret = Hashed(id, 0);
  secret.described.visibility = Visibility::kPrivate;
  catalogue_.Put({Hashed("x", 3), secret});
  EXPECT_THAT(Found("similar:" + id), IsEmpty());
  EXPECT_THAT(Found("similar:" + id, "ann"), ElementsAre("x", id));
  secret.described.visibility = Visibility::kUnlisted;
  catalogue_.Put({secret});
  EXPECT_THAT(Found("similar:" + id), ElementsAre("x"));
}

TEST_F(ExecTest, WhatMayNotBeFoundLeavesNoTrace) {
  Image hidden = Photo("hidden", "fox", {"Secret"});
  hidden.described.visibility = Visibility::kPrivate;
  Image linked = Photo("linked", "fox", {"linked"});
  linked.described.visibility = Visibility::kUnlisted;
  Image pending = Photo("pending", "fox", {"later"});
  pending.state = ImageState::kPending;
  Image flagged = Photo("flagged", "fox", {"bad"});
  flagged.state = ImageState::kFlagged;
  catalogue_.Put({Photo("shown", "fox", {"sea"}), hidden, linked, pending, flagged,
                  Photo("gone", "fox", {"past"})});
  catalogue_.Remove("gone");
  const Viewer moderator{.subject = "mod", .sees_all = true};
  for (const char* query : {"fox", "", "NOT nothing", "-tag:x", "fox OR dog", "desc:x OR fox"}) {
    SCOPED_TRACE(query);
    EXPECT_THAT(Found(query), ElementsAre("shown"));
    EXPECT_THAT(Found(query, ""), ElementsAre("shown"));
    EXPECT_THAT(Found(query, "ann"), ElementsAre("shown", "linked", "hidden"));
    EXPECT_THAT(Found(query, {.query = kNoQuery, .viewer = moderator}),
                ElementsAre("shown", "linked", "hidden"));
    ExecuteRequest request{.query = kNoQuery,
                           .viewer = {.subject = "bob"},
                           .facets = {FacetField::kTag, FacetField::kOwner, FacetField::kState}};
    const ExecuteResult stranger = Run(query, request);
    EXPECT_EQ(stranger.total, 1);
    EXPECT_THAT(stranger.facets,
                ElementsAre(Facet{{"sea", 1}}, Facet{{"ann", 1}}, Facet{{"ready", 1}}));
    request.viewer = {.subject = "ann"};
    EXPECT_EQ(Run(query, request).facets[0].size(), 3u);
  }
  // Who names a state gets their own that are not ready, too; moderators everybody's.
  for (const std::string state : {"pending", "flagged"}) {
    EXPECT_THAT(Found("state:" + state), IsEmpty());
    EXPECT_THAT(Found("state:" + state, "ann"), ElementsAre(state));
    EXPECT_THAT(Found("state:" + state, {.query = kNoQuery, .viewer = moderator}),
                ElementsAre(state));
  }
  EXPECT_THAT(Found("NOT state:ready"), IsEmpty());
  EXPECT_THAT(Found("NOT state:ready", "ann"), ElementsAre("pending", "flagged"));
  EXPECT_THAT(Found("state:ready"), ElementsAre("shown"));
}

// What words are worth must not tell how often they stand where one may not look.
TEST_F(ExecTest, WeightsTellNothingAboutWhatMayNotBeFound) {
  catalogue_.Put({Photo("a", "fox"), Photo("b", "fox hound"), Photo("c", "dog")});
  ExecuteRequest request{
      .query = kNoQuery, .viewer = {.subject = "bob"}, .sort = SortOrder::kRelevance, .limit = 1};
  const ExecuteResult before = Run("fox OR hound", request);
  Image hidden = Photo("h", "fox fox hound dog");
  hidden.described.visibility = Visibility::kPrivate;
  catalogue_.Put({hidden});
  const ExecuteResult after = Run("fox OR hound", request);
  ASSERT_TRUE(before.next && after.next);
  EXPECT_EQ(*before.next, *after.next);
}

TEST_F(ExecTest, OrdersByRelevanceOfFieldsFrequencyAndRarity) {
  Image description = Photo("description");
  description.described.description = "fox";
  Image filename = Photo("filename");
  filename.filename = "fox";
  catalogue_.Put({description, filename, Photo("tag", "", {"red fox"}), Photo("whole", "", {"fox"}),
                  Photo("title", "fox"), Photo("twice", "fox fox"), Photo("longer", "foxes")});
  EXPECT_THAT(Sorted("fox", SortOrder::kRelevance),
              ElementsAre("twice", "whole", "title", "tag", "longer", "filename", "description"));
  // A rare word weighs more than a frequent one, an unwanted one nothing.
  catalogue_.Put({Photo("rare", "zebra"), Photo("both", "zebra fox")});
  EXPECT_THAT(Sorted("title:zebra OR title:\"fox\"", SortOrder::kRelevance),
              ElementsAre("both", "rare", "twice", "title"));
  EXPECT_THAT(Sorted("title:zebra -title:fox", SortOrder::kRelevance), ElementsAre("rare"));
}

TEST_F(ExecTest, OrdersByPopularitySizeAndChance) {
  std::vector<Image> images;
  for (int i = 0; i < 6; ++i) {
    images.push_back(Photo("i" + std::to_string(i)));
    images.back().facts.width = 100 * (i % 3);
    images.back().facts.height = 100;
    // Of one moment, and some of the same bytes or without any.
    if (i > 1) images.back().md5 = std::string(16, static_cast<char>('a' + i / 4));
  }
  catalogue_.Put({images[0], images[1], images[2]});
  catalogue_.Put({images[3], images[4], images[5]});
  EXPECT_THAT(Sorted("", SortOrder::kLargest), ElementsAre("i5", "i2", "i4", "i1", "i3", "i0"));
  catalogue_.loose(0).popularity.Set(0, 7);  // i2
  catalogue_.loose(1).popularity.Set(2, 9);  // i3
  EXPECT_THAT(Sorted("", SortOrder::kPopular), ElementsAre("i3", "i2", "i5", "i4", "i1", "i0"));
  ExecuteRequest request{.query = kNoQuery, .sort = SortOrder::kRandom, .seed = 1, .limit = 2};
  const std::vector<std::string> once = Found("", request);
  EXPECT_EQ(once, Found("", request));
  EXPECT_THAT(once, UnorderedElementsAre("i0", "i1", "i2", "i3", "i4", "i5"));
  std::set<std::vector<std::string>> orders;
  for (request.seed = 0; request.seed < 20; ++request.seed) orders.insert(Found("", request));
  EXPECT_GT(orders.size(), 10u);
}

// Whatever comes, goes and changes between two pages: what stays is shown once.
TEST_F(ExecTest, PagesNeitherSkipNorRepeatWhileImagesComeAndGo) {
  for (const SortOrder sort : {SortOrder::kNewest, SortOrder::kRelevance, SortOrder::kLargest,
                               SortOrder::kRandom, SortOrder::kSimilar}) {
    SCOPED_TRACE(static_cast<int>(sort));
    catalogue_ = Catalogue();
    std::mt19937 random(5);
    std::vector<Image> images;
    std::set<std::string> stay;
    for (int i = 0; i < 60; ++i) {
      Image image = Hashed("stay" + std::to_string(i), static_cast<int>(random() % 4));
      image.described.title = random() % 2 == 0 ? "fox" : "fox fox dog";
      image.facts.width = static_cast<int>(random() % 3);
      image.facts.height = 1;
      image.create_time += absl::Seconds(random() % 5);
      stay.insert(image.id);
      images.push_back(image);
    }
    catalogue_.Put(images);
    std::vector<std::string> seen;
    ExecuteRequest request{.query = kNoQuery,
                           .sort = sort,
                           .seed = 3,
                           .similar_to = sort == SortOrder::kSimilar ? "stay0" : "",
                           .limit = 7};
    for (int round = 0;; ++round) {
      const ExecuteResult page = Run("fox", request);
      for (const ExecuteHit& hit : page.hits) {
        const std::string id = catalogue_.IdOf(hit.place);
        if (id.starts_with("stay")) seen.push_back(id);
      }
      if (!page.next) break;
      request.after = page.next;
      // Rare words become frequent, documents move to other segments.
      std::vector<Image> changes;
      for (int i = 0; i < 20; ++i) {
        Image other = images[random() % images.size()];
        other.id = "other" + std::to_string(round * 10 + i);
        other.described.title = "fox dog dog";
        changes.push_back(other);
      }
      for (int i = 0; i < 5; ++i) changes.push_back(images[i * 7 + round % 7]);
      catalogue_.Put(changes);
      catalogue_.Remove("other" + std::to_string(round * 10));
    }
    EXPECT_EQ(seen.size(), stay.size());
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), stay);
  }
}

TEST_F(ExecTest, APageOfAnotherOrderIsRefused) {
  catalogue_.Put({Photo("a", "fox"), Photo("b", "fox")});
  const Query query = Parsed("fox");
  for (const Cursor& cursor :
       {Cursor{.sort = SortOrder::kNewest}, Cursor{.sort = SortOrder::kRelevance},
        Cursor{.sort = SortOrder::kRelevance, .weights = {1, 2}}}) {
    const auto refused =
        Execute(catalogue_.snapshot(),
                {.query = query, .viewer = {}, .sort = SortOrder::kRelevance, .after = cursor});
    EXPECT_EQ(DetailsOf(refused.status()).reason, "BAD_PAGE_TOKEN");
  }
}

TEST_F(ExecTest, CollapsesNearDuplicatesToTheBest) {
  std::vector<Image> images;
  for (const auto& [id, width, bytes] : std::vector<std::tuple<std::string, int, int>>{
           {"a1", 10, 5}, {"a2", 20, 1}, {"a3", 20, 2}, {"b1", 5, 1}, {"c", 1, 1}, {"d", 1, 1}}) {
    Image image = Hashed(id, 0);
    image.described.title = id == "a3" ? "" : "fox";
    image.facts.width = width;
    image.facts.height = 1;
    image.size_bytes = bytes;
    images.push_back(image);
  }
  catalogue_.Put({images[0], images[1], images[3]});
  catalogue_.Put({images[2], images[4], images[5]});
  // Newest first: b1 a2 a1, and d c a3.
  catalogue_.loose(0).cluster[1] = 1;
  catalogue_.loose(0).cluster[2] = 1;
  catalogue_.loose(1).cluster[2] = 1;
  catalogue_.loose(0).cluster[0] = 2;
  ExecuteRequest request{.query = kNoQuery, .collapse = true, .facets = {FacetField::kOwner}};
  const ExecuteResult all = Run("", request);
  std::vector<std::pair<std::string, uint32_t>> hits;
  for (const ExecuteHit& hit : all.hits) {
    hits.emplace_back(catalogue_.IdOf(hit.place), hit.collapsed);
  }
  EXPECT_THAT(hits, ElementsAre(testing::Pair("d", 0), testing::Pair("c", 0),
                                testing::Pair("b1", 0), testing::Pair("a3", 2)));
  // Totals and facets are of all that match.
  EXPECT_EQ(all.total, 6);
  EXPECT_THAT(all.facets, ElementsAre(Facet{{"ann", 6}}));
  request.limit = 1;
  EXPECT_THAT(Found("fox", request), ElementsAre("d", "c", "b1", "a2"));
}

// What is not near the best would show that something hidden brought them together.
TEST_F(ExecTest, OnlyWhatMayBeFoundBringsNearDuplicatesTogether) {
  Image best = Hashed("best", 0);
  best.facts.width = best.facts.height = 10;
  Image founder = Hashed("founder", 15);
  founder.described.visibility = Visibility::kPrivate;
  catalogue_.Put({best, Hashed("near", 15), Hashed("far", 16), founder});
  for (auto& cluster : catalogue_.loose(0).cluster) cluster = 1;
  const ExecuteRequest request{.query = kNoQuery, .viewer = {.subject = "bob"}, .collapse = true};
  const ExecuteResult found = Run("", request);
  ASSERT_EQ(found.hits.size(), 2u);
  EXPECT_EQ(catalogue_.IdOf(found.hits[0].place), "far");
  EXPECT_EQ(found.hits[0].collapsed, 0u);
  EXPECT_EQ(catalogue_.IdOf(found.hits[1].place), "best");
  EXPECT_EQ(found.hits[1].collapsed, 1u);
}

TEST_F(ExecTest, PagesGoOnByTheHashTheyBeganWith) {
  catalogue_.Put({Hashed("a", 0), Hashed("b", 10), Hashed("c", 20), Hashed("d", 30)});
  ExecuteRequest request{
      .query = kNoQuery, .sort = SortOrder::kSimilar, .similar_to = "a", .limit = 2};
  request.after = Run("", request).next;
  ASSERT_TRUE(request.after);
  catalogue_.Put({Hashed("a", 30)});
  const ExecuteResult page = Run("", request);
  ASSERT_EQ(page.hits.size(), 2u);
  EXPECT_EQ(catalogue_.IdOf(page.hits[0].place), "c");
}

TEST_F(ExecTest, CountsEveryFacet) {
  Image a = Photo("a", "fox", {"Sea", "sea", "New York"});
  a.described.license = "CC0";
  a.facts = {.width = 400, .height = 100, .format = "jpeg"};
  a.analysis["facts"] = R"({"camera":{"make":"Canon","model":"R5","lens":"L1"}})";
  a.described.attributes["dataset"] = "d1";
  a.analysis["thumbhash"] = kThumbhash;
  a.analysis["palette"] = R"({"colors":[{"hex":"#008080","weight":1.0}]})";
  Image b = Photo("b", "fox", {"SEA"});
  b.create_time += absl::Seconds(1);
  b.facts = {.width = 100, .height = 100, .format = "png"};
  b.facts.taken_time = absl::FromCivil(absl::CivilSecond(2019, 1, 1), absl::UTCTimeZone());
  catalogue_.Put({a, Photo("other", "dog", {"sea", "dog"})});
  catalogue_.Put({b});
  const ExecuteResult result =
      Run("fox", {.query = kNoQuery,
                  .facets = {FacetField::kTag, FacetField::kFormat, FacetField::kLicense,
                             FacetField::kYear, FacetField::kOrientation, FacetField::kCamera,
                             FacetField::kLens, FacetField::kColor, FacetField::kDataset}});
  ASSERT_EQ(result.facets.size(), 9u);
  // As the newest of the matches spells it.
  EXPECT_EQ(result.facets[0], (Facet{{"SEA", 2}, {"New York", 1}}));
  EXPECT_EQ(result.facets[1], (Facet{{"jpeg", 1}, {"png", 1}}));
  EXPECT_EQ(result.facets[2], (Facet{{"CC0", 1}}));
  EXPECT_EQ(result.facets[3], (Facet{{"2019", 1}, {"2020", 1}}));
  EXPECT_EQ(result.facets[4], (Facet{{"landscape", 1}, {"panorama", 1}, {"square", 1}}));
  EXPECT_EQ(result.facets[5], (Facet{{"Canon R5", 1}}));
  EXPECT_EQ(result.facets[6], (Facet{{"L1", 1}}));
  EXPECT_THAT(result.facets[7], testing::Contains(FacetValue{"teal", 1}));
  EXPECT_EQ(result.facets[8], (Facet{{"d1", 1}}));
}

// Few matches are counted in their documents, more in lists of tags, most in postings.
TEST_F(ExecTest, CountsTagsAlikeHoweverManyMatch) {
  std::map<std::string, std::map<std::string, int64_t>> counts;  // by word, then tag
  const auto put = [&](int images, int tags, int seed) {
    std::vector<Image> all;
    for (int i = 0; i < images; ++i) {
      std::string title = "every";
      if (i % 3 != 0) title += " most";
      if (i % 11 == 0) title += " some";
      if (i % 83 == 0) title += " few";
      std::set<std::string> tagged;
      for (int k = 0; k < tags; ++k) {
        const int draw = (i * tags + k) * 7919 % 90'001;
        // Some often, most of them seldom; some of two words.
        const int number = k < 5 ? draw % (3 << k) : draw + seed;
        tagged.insert(absl::StrCat(number % 2 == 0 ? "t" : "big t", number));
      }
      for (const char* word : {"every", "most", "some", "few"}) {
        if (title.find(word) == std::string::npos) continue;
        for (const std::string& tag : tagged) ++counts[word][tag];
      }
      all.push_back(Photo(absl::StrCat("i", seed, "-", i), title, {tagged.begin(), tagged.end()}));
    }
    catalogue_.Put(all);
  };
  // More different tags than two bytes tell apart.
  put(900, 90, 0);
  put(400, 7, 1000);
  put(60, 4, 500);
  for (const auto& [word, of_word] : counts) {
    Facet expected;
    for (const auto& [tag, count] : of_word) expected.push_back({tag, count});
    std::stable_sort(expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
    expected.resize(20);
    EXPECT_EQ(Run(word, {.query = kNoQuery, .facets = {FacetField::kTag}}).facets[0], expected)
        << word;
  }
}

// Neither the order of the parts nor any figure depends on what is hidden or gone.
TEST_F(ExecTest, ExplainsWithoutTellingWhatMayNotBeFound) {
  ExecuteRequest request{.query = kNoQuery, .viewer = {.subject = "bob"}, .explain = true};
  const auto explained = [&](const std::string& of_hidden, const std::string& of_deleted) {
    catalogue_ = Catalogue();
    Image hidden = Photo("h", of_hidden);
    hidden.described.visibility = Visibility::kPrivate;
    catalogue_.Put({Photo("a", "fox"), hidden, Photo("d", of_deleted)});
    catalogue_.Remove("d");
    return Run("(fox OR secret) -dog hidden", request).explanation;
  };
  const std::string text = explained("secret hidden", "fox dog");
  EXPECT_EQ(text, explained("nothing", "nothing"));
  EXPECT_EQ(text,
            "order: newest\n0 match\nAND\n  OR\n    fox\n    secret\n  NOT\n    dog\n  hidden\n");
  request.viewer.sees_all = true;
  EXPECT_THAT(Run("nothing", request).explanation, HasSubstr("nothing: estimated 2, kept 1 of 2"));
}

TEST_F(ExecTest, AnEstimatedTotalTellsNothingAboutWhatMayNotBeFound) {
  std::vector<IndexedDocument> many;
  for (int i = 0; i < 70'000; ++i) {
    many.push_back(DocumentOf(Photo("i" + std::to_string(i), i % 3 == 0 ? "fox" : "dog")));
  }
  const auto run = [&](const std::string& of_hidden) {
    catalogue_ = Catalogue();
    catalogue_.set_keeps_ids(false);
    catalogue_.PutDocuments(many);
    Image hidden = Photo("h", of_hidden);
    hidden.described.visibility = Visibility::kPrivate;
    std::vector<Image> others = {hidden};
    for (int i = 0; i < 40'000; ++i) others.push_back(Photo("o" + std::to_string(i), "dog"));
    for (Image& image : others) image.create_time -= absl::Hours(1);
    catalogue_.Put(others);
    return Run("fox", {.query = kNoQuery, .viewer = {.subject = "bob"}, .limit = 10});
  };
  const ExecuteResult there = run("fox");
  const ExecuteResult not_there = run("dog");
  EXPECT_FALSE(there.total_is_exact);
  EXPECT_FALSE(not_there.total_is_exact);
  EXPECT_EQ(there.total, not_there.total);
}

TEST_F(ExecTest, AnEmptyIndexAnswers) {
  EXPECT_THAT(Found("fox"), IsEmpty());
  const ExecuteResult result =
      Run("", {.query = kNoQuery, .collapse = true, .facets = {FacetField::kTag}});
  EXPECT_EQ(result.total, 0);
  EXPECT_THAT(result.facets, ElementsAre(IsEmpty()));
}

}  // namespace
}  // namespace stockroom::api
