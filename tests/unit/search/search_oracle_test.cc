// The index against a naive scan, on random catalogues and queries.
#include <algorithm>
#include <map>
#include <tuple>

#include "services/api/search/query_parser.h"
#include "services/api/search/text_fold.h"
#include "services/common/base/strings.h"
#include "tests/unit/search/random_images.h"

namespace stockroom::api {
namespace {

bool FieldHas(const std::string& field, const WordsTerm& term) {
  const std::vector<std::string> words = SplitWords(FoldText(field));
  for (size_t i = 0; i + term.words.size() <= words.size(); ++i) {
    bool all = true;
    for (size_t k = 0; k < term.words.size(); ++k) {
      const bool prefix = term.last_is_prefix && k + 1 == term.words.size();
      all =
          all && (prefix ? words[i + k].starts_with(term.words[k]) : words[i + k] == term.words[k]);
    }
    if (all) return true;
  }
  return false;
}

bool ImageMatches(const Image& image, const ParsedQuery& query) {
  std::vector<std::string> fields = image.described.tags;
  fields.insert(fields.end(), {image.described.title, image.described.description, image.filename});
  for (const auto& [key, value] : image.described.attributes) fields.push_back(value);
  for (const WordsTerm& term : query.words) {
    if (std::none_of(fields.begin(), fields.end(),
                     [&](const std::string& field) { return FieldHas(field, term); })) {
      return false;
    }
  }
  for (const std::string& tag : query.tags) {
    if (std::none_of(image.described.tags.begin(), image.described.tags.end(),
                     [&](const std::string& own) { return FoldLine(own) == tag; })) {
      return false;
    }
  }
  for (const std::string& text : query.description) {
    if (FoldLine(image.described.description).find(text) == std::string::npos) return false;
  }
  for (const std::string& md5 : query.md5) {
    if (image.md5 != md5) return false;
  }
  const auto& [width, height] = std::tie(image.facts.width, image.facts.height);
  for (const ValueTerm& term : query.values) {
    std::string value = image.facts.format;
    if (term.field == FacetField::kLicense) value = image.described.license;
    if (term.field == FacetField::kOrientation) {
      value = width == 0 || height == 0 ? ""
              : width > height          ? "landscape"
              : width < height          ? "portrait"
                                        : "square";
    }
    if (value.empty() || FoldLine(value) != term.value) return false;
  }
  const int32_t date = DateNumber(image.facts.taken_time.value_or(image.create_time));
  for (const DatePattern& pattern : query.dates) {
    if (!Matches(pattern, date)) return false;
  }
  return (!query.from || date >= *query.from) && (!query.to || date <= *query.to);
}

std::string RandomQuery(Dice& dice) {
  std::string query;
  for (int n = dice.Below(4); n > 0; --n) {
    switch (dice.Below(10)) {
      case 0:
        query += "\"" + dice.Text(2) + "\" ";
        break;
      case 1:
        query += "tags:" + dice.Pick({"fox", "red,fox", "\"red fox\"", "山"}) + " ";
        break;
      case 2:
        query += "desc:" + dice.Pick({"ox", "\"x r\"", "\"fox red\"", "sno"}) + " ";
        break;
      case 3:
        query += dice.Pick({"date:*-09-2020", "date:13-*-*", "date:*-*-2020", "from:01-09-2020",
                            "to:2020-09-10"}) +
                 " ";
        break;
      case 4:
        query += "md5:" + ToHex(RandomMd5(dice)) + " ";
        break;
      case 5:
        query += dice.Pick({"format:jpeg", "format:JPG", "format:png", "license:cc0-1.0",
                            "license:\"CC-BY-4.0\"", "license:CC", "orientation:square",
                            "orientation:portrait"}) +
                 " ";
        break;
      default:
        query += dice.Pick({"f", "fo", "fox", "r", "re", "red", "s", "富", "img_1", "n"}) + " ";
    }
  }
  return query;
}

TEST(SearchOracle, AgreesWithANaiveScanTenThousandTimes) {
  Dice dice(20201224);
  int compared = 0;
  int found = 0;
  while (compared < 10000) {
    Metrics metrics;
    MemorySearchIndex index(metrics);
    std::map<std::string, Image> truth;
    for (int step = 1; step <= 20; ++step) {
      std::vector<Image> changed;
      for (int n = dice.Below(8); n > 0; --n) changed.push_back(RandomImage(dice, step));
      // A deleted id never comes back, so few are deleted.
      std::vector<std::string> deleted;
      if (dice.Below(4) == 0) deleted.push_back("id" + std::to_string(20 + dice.Below(10)));
      index.Apply(changed, deleted);
      for (const Image& image : changed) {
        // Of equal revisions in one call the last counts.
        if (!truth.contains(image.id) || truth[image.id].revision >= 0) truth[image.id] = image;
      }
      for (const std::string& id : deleted) truth[id].revision = -1;

      for (int q = 0; q < 10; ++q, ++compared) {
        const std::string text = RandomQuery(dice);
        const auto query = ParseQuery(text);
        const Principal who = RandomPrincipal(dice);
        const auto result = index.Search(who, {text, 1 + dice.Below(20), ""});
        ASSERT_EQ(query.ok(), result.ok()) << text;
        if (!query.ok()) continue;
        std::vector<const Image*> expected;
        for (const auto& [id, image] : truth) {
          if (image.revision > 0 && image.state == ImageState::kReady && MayFind(who, image) &&
              ImageMatches(image, *query)) {
            expected.push_back(&image);
          }
        }
        std::sort(expected.begin(), expected.end(), [](const Image* a, const Image* b) {
          return std::tie(b->create_time, b->id) < std::tie(a->create_time, a->id);
        });
        ASSERT_EQ(result->total, static_cast<int64_t>(expected.size())) << text;
        for (size_t i = 0; i < result->images.size(); ++i) {
          ASSERT_EQ(*result->images[i], *expected[i]) << text;
        }
        found += result->total > 0 ? 1 : 0;
      }
    }
  }
  // The queries are worth something only if many find something.
  EXPECT_GT(found, 3000);
}

}  // namespace
}  // namespace stockroom::api
