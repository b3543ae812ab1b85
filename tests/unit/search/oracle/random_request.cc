#include "tests/unit/search/oracle/random_request.h"

#include <algorithm>

#include "services/api/search/text/text_fold.h"

namespace stockroom::api {
namespace {

// The first `most` characters or fewer, at least one.
std::string Beginning(Draws& draws, const std::string& text) {
  std::vector<size_t> ends;
  for (size_t i = 1; i <= text.size(); ++i) {
    if (i == text.size() || (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ends.push_back(i);
    }
  }
  return ends.empty() ? text : text.substr(0, PickOf(draws, ends));
}

std::string Word(Draws& draws) {
  while (true) {
    const std::vector<std::string> words = SplitWords(FoldText(PickOf(draws, pool::Words())));
    if (!words.empty()) return PickOf(draws, words);
  }
}

// A wrong letter somewhere but at the beginning.
std::string Misspelt(Draws& draws, std::string word) {
  if (word.size() < 3) return word;
  const size_t at = 1 + draws.Below(word.size() - 2);
  if ((static_cast<unsigned char>(word[at]) | static_cast<unsigned char>(word[at + 1])) >= 0x80) {
    return word;
  }
  switch (draws.Below(4)) {
    case 0:
      word.erase(at, 1);
      break;
    case 1:
      word.insert(at, 1, 'q');
      break;
    case 2:
      word[at] = 'q';
      break;
    default:
      std::swap(word[at], word[at + 1]);
  }
  return word;
}

FieldMask Fields(Draws& draws) {
  if (draws.Chance(0.6)) return kEveryField;
  if (draws.Chance(0.5)) return static_cast<FieldMask>(1u << draws.Below(5));
  return static_cast<FieldMask>(1 + draws.Below(kEveryField));
}

QueryNode Words(Draws& draws) {
  WordsNode node{.fields = Fields(draws)};
  node.last_is_prefix = draws.Chance(0.6);
  for (uint64_t n = draws.Chance(0.75) ? 1 : 2 + draws.Below(2); n > 0; --n) {
    node.words.push_back(Word(draws));
  }
  if (node.words.size() == 1 && draws.Chance(0.25)) {
    node.typos = static_cast<int>(1 + draws.Below(2));
    node.words[0] = Misspelt(draws, node.words[0]);
  } else if (draws.Chance(0.1)) {
    node.words[0] = Misspelt(draws, node.words[0]);
  }
  if (node.last_is_prefix && draws.Chance(0.7)) {
    node.words.back() = Beginning(draws, node.words.back());
  }
  return {node};
}

QueryNode Tag(Draws& draws) {
  std::string tag;
  while (tag.empty()) tag = FoldLine(PickOf(draws, pool::Tags()));
  const bool is_prefix = draws.Chance(0.3);
  if (is_prefix) tag = FoldLine(Beginning(draws, tag));
  return {TagNode{tag, is_prefix}};
}

QueryNode DescriptionHas(Draws& draws) {
  std::string line;
  while (line.empty()) {
    line = FoldLine(pool::Text(draws, 2));
    if (line.size() > 2 && draws.Chance(0.5)) line = FoldLine(Beginning(draws, line));
  }
  return {DescriptionNode{line}};
}

QueryNode Value(Draws& draws) {
  ValueNode node{.field = static_cast<ValueField>(draws.Below(7))};
  switch (node.field) {
    case ValueField::kOwner:
      node.value = PickOf(draws, pool::Owners());
      break;
    case ValueField::kLicense:
      node.value = FoldLine(PickOf(draws, pool::Licenses()));
      break;
    case ValueField::kFormat:
      node.value = PickOf(draws, pool::Formats());
      break;
    case ValueField::kCamera: {
      const auto& [make, model] = PickOf(draws, pool::Cameras());
      node.value = FoldLine(draws.Chance(0.5) ? make : model);
      break;
    }
    case ValueField::kLens:
      node.value = FoldLine(PickOf(draws, pool::Lenses()));
      break;
    case ValueField::kDataset:
      node.value = FoldLine(PickOf(draws, pool::Datasets()));
      break;
    case ValueField::kState: {
      static const std::vector<std::string> states = {
          "uploading", "pending", "processing", "ready", "flagged", "rejected", "failed", "ready"};
      node.value = PickOf(draws, states);
      break;
    }
  }
  if (node.value.empty()) return {HasNode{HasField::kLicense}};
  const bool has_prefix = node.field == ValueField::kLicense || node.field == ValueField::kFormat ||
                          node.field == ValueField::kDataset;
  if (has_prefix && draws.Chance(0.4)) {
    node.is_prefix = true;
    node.value = FoldLine(Beginning(draws, node.value));
  }
  if ((node.field == ValueField::kCamera || node.field == ValueField::kLens) && draws.Chance(0.5)) {
    node.value = FoldLine(Beginning(draws, node.value));
  }
  return {node};
}

int64_t DateNear(Draws& draws) {
  const absl::CivilDay day = absl::ToCivilDay(pool::Time(draws), absl::UTCTimeZone());
  return day.year() * 10000 + day.month() * 100 + day.day();
}

QueryNode Range(Draws& draws) {
  RangeNode node{.field = static_cast<NumberField>(draws.Below(7))};
  const auto some = [&]() -> int64_t {
    switch (node.field) {
      case NumberField::kWidth:
      case NumberField::kHeight:
        return PickOf(draws, pool::Sides());
      case NumberField::kPixels:
        return int64_t{PickOf(draws, pool::Sides())} * PickOf(draws, pool::Sides());
      case NumberField::kBytes:
        return static_cast<int64_t>(1 + draws.Below(5) * 1'000'000);
      case NumberField::kTaken:
      case NumberField::kDate:
        return DateNear(draws);
      case NumberField::kCreated:
        return absl::ToUnixMicros(pool::Time(draws));
    }
    return 0;
  };
  const int64_t a = some();
  const int64_t b = some();
  const uint64_t ends = draws.Below(4);
  if (ends != 0) node.min = ends == 3 ? std::min(a, b) : a;
  if (ends != 1) node.max = ends == 3 ? std::max(a, b) : b;
  if (ends == 2) node.max = node.min = a;
  return {node};
}

QueryNode Date(Draws& draws) {
  const int64_t date = DateNear(draws);
  DatePattern node;
  if (draws.Chance(0.5)) node.day = static_cast<int>(date % 100);
  if (draws.Chance(0.5)) node.month = static_cast<int>(date / 100 % 100);
  if (draws.Chance(0.5) || (node.day == 0 && node.month == 0)) {
    node.year = static_cast<int>(date / 10000);
  }
  return {node};
}

QueryNode Near(Draws& draws) {
  static const std::vector<double> radii = {0, 0.5, 1, 10, 100, 1000, 10007.5, 20000, 20100};
  const auto& [latitude, longitude] = PickOf(draws, pool::Places());
  NearNode node{latitude, longitude, PickOf(draws, radii)};
  if (draws.Chance(0.3)) {
    node.latitude = std::clamp(latitude + draws.Unit() - 0.5, -90.0, 90.0);
    node.longitude = std::clamp(longitude + draws.Unit() - 0.5, -180.0, 180.0);
  }
  return {node};
}

QueryNode Leaf(Draws& draws, const RandomCatalogue& catalogue) {
  static const std::vector<int> radii = {0, 3, 15, 31, 31, 31, 45, 64};
  switch (draws.Below(20)) {
    case 0:
    case 1:
      return Tag(draws);
    case 2:
      return DescriptionHas(draws);
    case 3:
    case 4:
    case 5:
      return Value(draws);
    case 6:
      return {OrientationNode{static_cast<Orientation>(draws.Below(4))}};
    case 7:
    case 8:
      return Range(draws);
    case 9:
      return Date(draws);
    case 10:
      return Near(draws);
    case 11:
      return {HasNode{static_cast<HasField>(draws.Below(12))}};
    case 12:
      return {ColorNode{PickOf(draws, pool::Colors())}};
    case 13:
      return {HashNode{PickOf(draws, pool::Hashes()), PickOf(draws, radii)}};
    case 14:
      return {SimilarNode{catalogue.SomeId(draws), PickOf(draws, radii)}};
    case 15:
      return {Md5Node{pool::Md5(draws)}};
    default:
      return Words(draws);
  }
}

QueryNode Node(Draws& draws, const RandomCatalogue& catalogue, int levels) {
  if (levels == 0 || draws.Chance(0.45)) return Leaf(draws, catalogue);
  if (draws.Chance(0.25)) return {NotNode{{Node(draws, catalogue, levels - 1)}}};
  std::vector<QueryNode> parts;
  for (uint64_t n = 1 + draws.Below(3); n > 0; --n) {
    parts.push_back(Node(draws, catalogue, levels - 1));
  }
  if (draws.Chance(0.5)) return {AndNode{std::move(parts)}};
  return {OrNode{std::move(parts)}};
}

}  // namespace

Query RandomQuery(Draws& draws, const RandomCatalogue& catalogue) {
  if (draws.Chance(0.06)) return {};
  return {Node(draws, catalogue, static_cast<int>(draws.Below(4)))};
}

Principal RandomPrincipal(Draws& draws) {
  static const std::vector<std::string> subjects = {"ann", "ann", "bob", "eve", "Zoë"};
  if (draws.Chance(0.2)) return Principal::Anonymous();
  Principal who{.subject = PickOf(draws, subjects), .anonymous = false};
  if (draws.Chance(0.2)) who.scopes = Scope::kRead | Scope::kModerate;
  return who;
}

SearchRequest RandomRequest(Draws& draws, const RandomCatalogue& catalogue) {
  SearchRequest request;
  request.page_size = static_cast<int>(1 + draws.Below(draws.Chance(0.5) ? 5 : 60));
  request.sort = draws.Chance(0.3) ? SortOrder::kDefault : static_cast<SortOrder>(draws.Below(7));
  request.seed = draws.Below(3);
  if (request.sort == SortOrder::kSimilar) {
    if (draws.Chance(0.8)) request.similar_to = catalogue.SomeId(draws);
  }
  if (draws.Chance(0.3)) {
    std::vector<FacetField> fields;
    for (int field = 0; field <= static_cast<int>(FacetField::kState); ++field) {
      if (draws.Chance(0.3)) fields.push_back(static_cast<FacetField>(field));
    }
    std::rotate(fields.begin(), fields.begin() + (fields.size() > 1 ? 1 : 0), fields.end());
    request.facets = fields;
  }
  request.exact_total = draws.Chance(0.5);
  request.collapse = draws.Chance(0.2);
  request.highlight = draws.Chance(0.1);
  request.explain = draws.Chance(0.1);
  if (draws.Chance(0.2)) request.typos = static_cast<int>(1 + draws.Below(2));
  if (draws.Chance(0.15)) request.stemming = draws.Chance(0.7) ? "english" : "german";
  static const std::vector<Fetch> fetches = {Fetch::kImages, Fetch::kImages, Fetch::kIds,
                                             Fetch::kWireBasic, Fetch::kWireFull};
  request.fetch = PickOf(draws, fetches);
  return request;
}

std::string Describe(const Principal& who, const SearchRequest& request) {
  std::string text = "for \"" + who.subject + "\"" +
                     (who.scopes.Has(Scope::kModerate) ? " (moderator)" : "") + ": " +
                     (request.parsed ? "tree of " + CanonicalText(*request.parsed) : request.query);
  text += "\n  sort " + std::to_string(static_cast<int>(request.sort)) + " seed " +
          std::to_string(request.seed) + " page of " + std::to_string(request.page_size);
  if (!request.similar_to.empty()) text += " similar to " + request.similar_to;
  if (!request.facets.empty()) {
    text += " facets";
    for (const FacetField field : request.facets) {
      text += " " + std::to_string(static_cast<int>(field));
    }
  }
  if (request.exact_total) text += " exact";
  if (request.collapse) text += " collapse";
  if (request.typos > 0) text += " typos " + std::to_string(request.typos);
  if (!request.stemming.empty()) text += " stemming " + request.stemming;
  return text + " fetch " + std::to_string(static_cast<int>(request.fetch));
}

}  // namespace stockroom::api
