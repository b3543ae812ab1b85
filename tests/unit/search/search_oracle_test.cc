// The index against a naive scan, on random catalogues and queries.
#include <algorithm>
#include <map>
#include <tuple>

#include "services/api/search/query/date.h"
#include "services/api/search/query/query_parser.h"
#include "services/api/search/text/text_fold.h"
#include "services/common/base/strings.h"
#include "tests/unit/search/random_images.h"

namespace stockroom::api {
namespace {

bool FieldHas(const std::string& field, const WordsNode& node) {
  const std::vector<std::string> words = SplitWords(FoldText(field));
  for (size_t i = 0; i + node.words.size() <= words.size(); ++i) {
    bool all = true;
    for (size_t k = 0; k < node.words.size(); ++k) {
      const bool prefix = node.last_is_prefix && k + 1 == node.words.size();
      all =
          all && (prefix ? words[i + k].starts_with(node.words[k]) : words[i + k] == node.words[k]);
    }
    if (all) return true;
  }
  return false;
}

// What RandomQuery makes, and no more.
class Matcher {
 public:
  explicit Matcher(const Image& image) : image_(image) {}

  bool Matches(const QueryNode& node) const {
    return std::visit([this](const auto& is) { return Is(is); }, node.is);
  }

 private:
  bool Is(const EverythingNode&) const { return true; }
  bool Is(const AndNode& node) const {
    return std::all_of(node.parts.begin(), node.parts.end(),
                       [this](const QueryNode& part) { return Matches(part); });
  }
  bool Is(const WordsNode& node) const {
    std::vector<std::string> fields = image_.described.tags;
    fields.insert(fields.end(),
                  {image_.described.title, image_.described.description, image_.filename});
    for (const auto& [key, value] : image_.described.attributes) fields.push_back(value);
    return std::any_of(fields.begin(), fields.end(),
                       [&](const std::string& field) { return FieldHas(field, node); });
  }
  bool Is(const TagNode& node) const {
    return std::any_of(image_.described.tags.begin(), image_.described.tags.end(),
                       [&](const std::string& own) { return FoldLine(own) == node.tag; });
  }
  bool Is(const DescriptionNode& node) const {
    return FoldLine(image_.described.description).find(node.line) != std::string::npos;
  }
  bool Is(const Md5Node& node) const { return image_.md5 == node.md5; }
  bool Is(const ValueNode& node) const {
    const std::string& value =
        node.field == ValueField::kLicense ? image_.described.license : image_.facts.format;
    return !value.empty() && FoldLine(value) == node.value;
  }
  bool Is(const OrientationNode& node) const {
    return OrientationsOf(image_).contains(std::vector<std::string>{
        "landscape", "portrait", "square", "panorama"}[static_cast<size_t>(node.orientation)]);
  }
  bool Is(const DatePattern& node) const { return api::Matches(node, Date()); }
  bool Is(const RangeNode& node) const {
    EXPECT_EQ(node.field, NumberField::kDate);
    return Date() >= node.min && Date() <= node.max;
  }
  template <typename Node>
  bool Is(const Node&) const {
    ADD_FAILURE() << "a node that this test does not ask for";
    return false;
  }
  int32_t Date() const { return DateNumber(image_.facts.taken_time.value_or(image_.create_time)); }

  const Image& image_;
};

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
        const auto query = ParseSearchQuery(text);
        const Principal who = RandomPrincipal(dice);
        const auto result = index.Search(who, {text, 1 + dice.Below(20), ""});
        ASSERT_EQ(query.ok(), result.ok()) << text;
        if (!query.ok()) continue;
        std::vector<const Image*> expected;
        for (const auto& [id, image] : truth) {
          if (image.revision > 0 && image.state == ImageState::kReady && MayFind(who, image) &&
              Matcher(image).Matches(query->root)) {
            expected.push_back(&image);
          }
        }
        std::sort(expected.begin(), expected.end(), [](const Image* a, const Image* b) {
          return std::tie(b->create_time, b->id) < std::tie(a->create_time, a->id);
        });
        ASSERT_EQ(result->total, static_cast<int64_t>(expected.size())) << text;
        for (size_t i = 0; i < result->hits.size(); ++i) {
          ASSERT_EQ(*result->hits[i].image, *expected[i]) << text;
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
