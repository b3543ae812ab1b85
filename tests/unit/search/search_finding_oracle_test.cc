// Facets, suggestions and similar images against a naive scan, on random catalogues.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "services/api/search/similar/looks.h"
#include "services/api/search/text/text_fold.h"
#include "tests/unit/search/random_images.h"

namespace stockroom::api {
namespace {

using ::testing::Contains;

// The catalogue as it should be found.
class Truth {
 public:
  void Apply(const std::vector<Image>& changed, const std::vector<std::string>& deleted) {
    for (const Image& image : changed) {
      if (!gone_.contains(image.id)) images_[image.id] = image;
    }
    for (const std::string& id : deleted) {
      images_.erase(id);
      gone_.insert(id);
    }
  }
  std::vector<const Image*> Visible(const Principal& who) const {
    std::vector<const Image*> visible;
    for (const auto& [id, image] : images_) {
      if (image.state == ImageState::kReady && MayFind(who, image)) visible.push_back(&image);
    }
    return visible;
  }
  const std::map<std::string, Image>& images() const { return images_; }

 private:
  std::map<std::string, Image> images_;
  std::set<std::string> gone_;
};

std::set<std::string> TagsOf(const Image& image) {
  std::set<std::string> tags;
  for (const std::string& tag : image.described.tags) {
    if (const std::string line = FoldLine(tag); !line.empty()) tags.insert(line);
  }
  return tags;
}

std::set<std::string> WordsOf(const Image& image) {
  std::vector<std::string> fields = image.described.tags;
  fields.insert(fields.end(), {image.described.title, image.described.description, image.filename});
  for (const auto& [key, value] : image.described.attributes) fields.push_back(value);
  std::set<std::string> words;
  for (const std::string& field : fields) {
    for (const std::string& word : SplitWords(FoldText(field))) words.insert(word);
  }
  return words;
}

std::set<std::string> ValuesOf(const Image& image, FacetField field) {
  std::string value;
  const ImageFacts& facts = image.facts;
  switch (field) {
    case FacetField::kTag:
      return TagsOf(image);
    case FacetField::kFormat:
      value = facts.format;
      break;
    case FacetField::kLicense:
      value = image.described.license;
      break;
    case FacetField::kYear:
      value =
          absl::FormatTime("%Y", facts.taken_time.value_or(image.create_time), absl::UTCTimeZone());
      break;
    case FacetField::kOrientation:
      return OrientationsOf(image);
    default:
      ADD_FAILURE() << "a field that this test does not ask for";
  }
  return value.empty() ? std::set<std::string>() : std::set<std::string>{value};
}

// Most frequent first, then by text.
std::vector<std::pair<std::string, int64_t>> Ranked(const std::map<std::string, int64_t>& counts) {
  std::vector<std::pair<std::string, int64_t>> ranked(counts.begin(), counts.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return ranked;
}

// Somebody that the viewer may know of spells the tag so.
bool IsSpelledSo(const std::vector<const Image*>& visible, const std::string& tag) {
  return std::any_of(visible.begin(), visible.end(), [&](const Image* image) {
    const auto& tags = image->described.tags;
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
  });
}

class FindingOracle : public IndexTest {
 protected:
  // Changes both at random, then compares.
  template <typename Compare>
  void Run(uint64_t seed, int steps, Compare compare) {
    Dice dice(seed);
    for (int step = 1; step <= steps; ++step) {
      std::vector<Image> changed;
      for (int n = dice.Below(8); n > 0; --n) changed.push_back(RandomImage(dice, step));
      std::vector<std::string> deleted;
      if (dice.Below(40) == 0) deleted.push_back("id" + std::to_string(20 + dice.Below(10)));
      index_.Apply(changed, deleted);
      truth_.Apply(changed, deleted);
      const Principal who = RandomPrincipal(dice);
      compare(dice, who, truth_.Visible(who));
      if (HasFatalFailure()) return;
    }
    // Rebuilt more than once, too.
    EXPECT_GE(metrics_.GetCounter("stockroom_search_rebuilds_total", "").value(), 2u);
  }

  Truth truth_;
};

TEST_F(FindingOracle, FacetsCountWhatANaiveScanCounts) {
  const std::vector<FacetField> fields = {FacetField::kYear, FacetField::kTag, FacetField::kFormat,
                                          FacetField::kOrientation, FacetField::kLicense};
  int64_t counted = 0;
  Run(1, 1000, [&](Dice& dice, const Principal& who, const std::vector<const Image*>& visible) {
    const std::string tag = dice.Pick({"", "fox", "re", "snow"});
    const auto result =
        index_.Search(who, {tag.empty() ? "" : "tags:" + tag, 1 + dice.Below(3), "", fields});
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->facets.size(), fields.size());
    for (size_t i = 0; i < fields.size(); ++i) {
      std::map<std::string, int64_t> counts;
      for (const Image* image : visible) {
        if (!tag.empty() && !TagsOf(*image).contains(tag)) continue;
        for (const std::string& value : ValuesOf(*image, fields[i])) ++counts[value];
      }
      const auto expected = Ranked(counts);
      const Facet& facet = result->facets[i];
      ASSERT_EQ(facet.size(), std::min<size_t>(expected.size(), 20));
      for (size_t v = 0; v < facet.size(); ++v) {
        ASSERT_EQ(facet[v].count, expected[v].second);
        counted += facet[v].count;
        if (fields[i] == FacetField::kTag) {
          ASSERT_EQ(FoldLine(facet[v].value), expected[v].first);
          ASSERT_TRUE(IsSpelledSo(visible, facet[v].value)) << facet[v].value;
        } else {
          ASSERT_EQ(facet[v].value, expected[v].first);
        }
      }
    }
  });
  EXPECT_GT(counted, 5000);
}

TEST_F(FindingOracle, SuggestionsAreThoseOfANaiveScan) {
  int64_t suggested = 0;
  Run(2, 1200, [&](Dice& dice, const Principal& who, const std::vector<const Image*>& visible) {
    const std::string prefix = dice.Pick({"", "f", "Fó", "r", "red f", "s", "富", "1", "n", "x"});
    const int limit = 1 + dice.Below(6);
    const auto suggestions = index_.Suggest(who, prefix, limit);
    ASSERT_TRUE(suggestions.ok()) << suggestions.status();
    // By folded text; "" before " " puts a tag before its word.
    std::map<std::pair<std::string, std::string>, int64_t> counts;
    for (const Image* image : visible) {
      for (const std::string& tag : TagsOf(*image)) {
        if (tag.starts_with(FoldLine(prefix))) ++counts[{tag, ""}];
      }
      for (const std::string& word : WordsOf(*image)) {
        if (!prefix.empty() && word.starts_with(FoldText(prefix))) ++counts[{word, "word"}];
      }
    }
    std::vector<std::pair<std::pair<std::string, std::string>, int64_t>> expected(counts.begin(),
                                                                                  counts.end());
    std::stable_sort(expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    ASSERT_EQ(suggestions->size(), std::min<size_t>(expected.size(), limit)) << prefix;
    for (size_t i = 0; i < suggestions->size(); ++i) {
      const Suggestion& one = (*suggestions)[i];
      ASSERT_EQ(one.count, expected[i].second) << prefix;
      ASSERT_EQ(FoldLine(one.text), expected[i].first.first) << prefix;
      ASSERT_EQ((one.kind == Suggestion::Kind::kTag), expected[i].first.second.empty()) << prefix;
      ASSERT_TRUE(!(one.kind == Suggestion::Kind::kTag) || IsSpelledSo(visible, one.text))
          << one.text;
      ++suggested;
    }
  });
  EXPECT_GT(suggested, 1500);
}

TEST_F(FindingOracle, SimilarImagesAreThoseOfANaiveScan) {
  std::map<absl::StatusCode, int> codes;
  int64_t compared = 0;
  Run(3, 1200, [&](Dice& dice, const Principal& who, const std::vector<const Image*>& visible) {
    const std::string id = "id" + std::to_string(dice.Below(30));
    const int limit = 1 + dice.Below(8);
    const auto similar = index_.FindSimilar(who, id, limit);
    ++codes[similar.status().code()];
    const auto it = truth_.images().find(id);
    if (it == truth_.images().end() || !MayRead(who, it->second)) {
      ASSERT_EQ(similar.status().code(), absl::StatusCode::kNotFound);
      return;
    }
    if (it->second.state != ImageState::kReady) {
      ASSERT_EQ(similar.status().code(), absl::StatusCode::kFailedPrecondition);
      return;
    }
    ASSERT_TRUE(similar.ok()) << similar.status();
    std::vector<std::pair<double, const Image*>> expected;
    if (const auto target = LooksOf(it->second.analysis)) {
      for (const Image* image : visible) {
        const auto looks = LooksOf(image->analysis);
        if (looks && image->id != id) {
          expected.emplace_back(LooksDistance(*target, *looks), image);
        }
      }
    }
    std::sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) {
      return std::tie(a.first, b.second->create_time, b.second->id) <
             std::tie(b.first, a.second->create_time, a.second->id);
    });
    ASSERT_EQ(similar->size(), std::min<size_t>(expected.size(), limit));
    for (size_t i = 0; i < similar->size(); ++i) {
      ASSERT_EQ((*similar)[i].distance, expected[i].first);
      ASSERT_EQ(*(*similar)[i].image, *expected[i].second);
      ASSERT_GE((*similar)[i].distance, 0);
      ASSERT_LE((*similar)[i].distance, 1);
      ++compared;
    }
  });
  EXPECT_GT(compared, 500);
  EXPECT_GT(codes[absl::StatusCode::kNotFound], 40);
  EXPECT_GT(codes[absl::StatusCode::kFailedPrecondition], 40);
}

}  // namespace
}  // namespace stockroom::api
