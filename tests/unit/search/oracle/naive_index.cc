#include "tests/unit/search/oracle/naive_index.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include "services/api/search/similar/color.h"
#include "services/api/search/similar/pdq_scan.h"
#include "services/api/search/text/stem.h"
#include "services/api/search/text/text_fold.h"
#include "services/api/search/text/typo.h"

namespace stockroom::api {
namespace {

// How far from a circle's edge rounding decides, in kilometres.
constexpr double kDoubt = 1e-6;

double Radians(double degrees) { return degrees * std::numbers::pi / 180; }

double Kilometres(double latitude, double longitude, const NaiveEntry::Point& to) {
  const double half_latitude = std::sin(Radians(to.latitude - latitude) / 2);
  const double half_longitude = std::sin(Radians(to.longitude - longitude) / 2);
  const double h = half_latitude * half_latitude + std::cos(Radians(latitude)) *
                                                       std::cos(Radians(to.latitude)) *
                                                       half_longitude * half_longitude;
  return 2 * 6371.0088 * std::asin(std::min(1.0, std::sqrt(h)));
}

size_t Characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string_view FirstCharacter(std::string_view text) {
  size_t end = 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
  return text.substr(0, end);
}

// One image and one query.
class Matcher {
 public:
  Matcher(const NaiveIndex& index, const Principal& who, const NaiveEntry& entry, int typos,
          const std::string& stemming)
      : index_(index), who_(who), entry_(entry), typos_(typos), stemming_(stemming) {}

  bool doubtful() const { return doubtful_; }

  bool Matches(const QueryNode& node) {
    return std::visit([this](const auto& is) { return Is(is); }, node.is);
  }

 private:
  bool Is(const EverythingNode&) { return true; }
  // Every part is looked at, so that each may cast doubt.
  bool Is(const AndNode& node) {
    bool all = true;
    for (const QueryNode& part : node.parts) all &= Matches(part);
    return all;
  }
  bool Is(const OrNode& node) {
    bool any = false;
    for (const QueryNode& part : node.parts) any |= Matches(part);
    return any;
  }
  bool Is(const NotNode& node) {
    is_positive_ = !is_positive_;
    const bool matches = Matches(node.part.at(0));
    is_positive_ = !is_positive_;
    return !matches;
  }

  bool Is(const WordsNode& node) {
    return std::any_of(entry_.fields.begin(), entry_.fields.end(), [&](const auto& field) {
      return (node.fields & MaskOf(field.first)) != 0 && FieldHas(field.second, node);
    });
  }
  bool FieldHas(const std::vector<std::string>& words, const WordsNode& node) const {
    for (size_t i = 0; i + node.words.size() <= words.size(); ++i) {
      bool all = true;
      for (size_t k = 0; k < node.words.size() && all; ++k) {
        const bool is_last = k + 1 == node.words.size();
        all = WordFits(words[i + k], node.words[k], node, is_last);
      }
      if (all) return true;
    }
    return false;
  }
  bool WordFits(const std::string& there, const std::string& wanted, const WordsNode& node,
                bool is_last) const {
    if (there == wanted) return true;
    if (is_last && node.last_is_prefix && there.starts_with(wanted)) return true;
    if (node.words.size() != 1) return false;
    const int typos = TyposOf(node);
    if (typos > 0 && FirstCharacter(there) == FirstCharacter(wanted) &&
        TypoDistance(there, wanted, typos) <= typos) {
      return true;
    }
    const bool is_bare = node.last_is_prefix;
    return is_bare && !stemming_.empty() && Stem(stemming_, there) == Stem(stemming_, wanted);
  }
  // What is excluded is excluded as it is written.
  int TyposOf(const WordsNode& node) const {
    if (node.typos > 0 || !node.last_is_prefix || !is_positive_) return node.typos;
    // One digit more or less is another number, no slip.
    if (node.words.front().find_first_of("0123456789") != std::string::npos) return 0;
    const size_t letters = Characters(node.words[0]);
    return std::min(typos_, letters >= 8 ? 2 : letters >= 4 ? 1 : 0);
  }

  bool Is(const TagNode& node) {
    return std::any_of(entry_.tags.begin(), entry_.tags.end(), [&](const std::string& tag) {
      return node.is_prefix ? tag.starts_with(node.tag) : tag == node.tag;
    });
  }
  bool Is(const DescriptionNode& node) {
    return entry_.description.find(node.line) != std::string::npos;
  }

  bool Is(const ValueNode& node) {
    const auto line_fits = [&](const std::string& value) {
      if (value.empty()) return false;
      const std::string line = FoldLine(value);
      const std::string wanted = FoldLine(node.value);
      return node.is_prefix ? line.starts_with(wanted) : line == wanted;
    };
    const auto words_fit = [&](const std::string& value) {
      return FieldHas(SplitWords(FoldText(value)),
                      {.words = SplitWords(FoldText(node.value)), .last_is_prefix = true});
    };
    switch (node.field) {
      case ValueField::kOwner:
        return entry_.image.owner == node.value;
      case ValueField::kLicense:
        return line_fits(entry_.license);
      case ValueField::kFormat:
        return line_fits(entry_.image.facts.format);
      case ValueField::kCamera:
        return words_fit(entry_.camera);
      case ValueField::kLens:
        return words_fit(entry_.lens);
      case ValueField::kDataset:
        return line_fits(entry_.dataset);
      case ValueField::kState:
        return line_fits(StateName(entry_.image.state));
    }
    return false;
  }

  bool Is(const OrientationNode& node) { return entry_.Is(node.orientation); }
  bool Is(const RangeNode& node) {
    const auto value = entry_.Number(node.field);
    return value && *value >= node.min && *value <= node.max;
  }
  bool Is(const DatePattern& node) {
    const int32_t date = entry_.date();
    return (node.day == 0 || node.day == date % 100) &&
           (node.month == 0 || node.month == date / 100 % 100) &&
           (node.year == 0 || node.year == date / 10000);
  }
  bool Is(const NearNode& node) {
    if (!entry_.location) return false;
    const double km = Kilometres(node.latitude, node.longitude, *entry_.location);
    // At the very place there is nothing to round.
    doubtful_ |= std::abs(km - node.km) < kDoubt && km > 0;
    return km <= node.km;
  }
  bool Is(const HasNode& node) { return entry_.Has(node.field); }
  bool Is(const ColorNode& node) { return entry_.looks && HasColor(*entry_.looks, node.rgb); }
  bool Is(const HashNode& node) {
    return entry_.pdq && PdqDistance(*entry_.pdq, node.hash) <= node.radius;
  }
  bool Is(const SimilarNode& node) {
    const NaiveEntry* other = index_.Get(node.id);
    return other != nullptr && MayRead(who_, other->image) && other->pdq && entry_.pdq &&
           PdqDistance(*entry_.pdq, *other->pdq) <= node.radius;
  }
  bool Is(const Md5Node& node) { return entry_.image.md5 == node.md5; }

  const NaiveIndex& index_;
  const Principal& who_;
  const NaiveEntry& entry_;
  const int typos_;
  const std::string& stemming_;
  bool is_positive_ = true;
  bool doubtful_ = false;
};

}  // namespace

bool NewerThan(const NaiveEntry& a, const NaiveEntry& b) {
  return std::tie(a.created_us, a.image.id) > std::tie(b.created_us, b.image.id);
}

bool NamesState(const QueryNode& node) {
  const auto any = [](const std::vector<QueryNode>& parts) {
    return std::any_of(parts.begin(), parts.end(), NamesState);
  };
  if (const auto* is = std::get_if<AndNode>(&node.is)) return any(is->parts);
  if (const auto* is = std::get_if<OrNode>(&node.is)) return any(is->parts);
  if (const auto* is = std::get_if<NotNode>(&node.is)) return any(is->part);
  const auto* is = std::get_if<ValueNode>(&node.is);
  return is != nullptr && is->field == ValueField::kState;
}

void NaiveIndex::Apply(const std::vector<Image>& changed, const std::vector<std::string>& deleted) {
  for (const std::string& id : deleted) {
    entries_.erase(id);
    deleted_.insert(id);
  }
  for (const Image& image : changed) {
    if (deleted_.contains(image.id)) continue;
    const auto it = entries_.find(image.id);
    if (it != entries_.end() && image.revision < it->second.image.revision) continue;
    const uint32_t popularity = it == entries_.end() ? 0 : it->second.popularity;
    NaiveEntry entry = NaiveEntryOf(image);
    entry.popularity = popularity;
    entries_.insert_or_assign(image.id, std::move(entry));
  }
}

std::vector<std::string> NaiveIndex::KeepOnly(const std::unordered_set<std::string>& ids) {
  std::vector<std::string> gone;
  for (const auto& [id, entry] : entries_) {
    if (!ids.contains(id)) gone.push_back(id);
  }
  Apply({}, gone);
  return gone;
}

void NaiveIndex::SetPopularity(const std::vector<std::pair<std::string, uint32_t>>& counts) {
  for (const auto& [id, count] : counts) {
    if (const auto it = entries_.find(id); it != entries_.end()) it->second.popularity = count;
  }
}

const NaiveEntry* NaiveIndex::Get(const std::string& id) const {
  const auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : &it->second;
}

NaiveIndex::Found NaiveIndex::Find(const Principal& who, const Query& query, int typos,
                                   const std::string& stemming) const {
  const bool any_state = NamesState(query.root);
  Found found;
  for (const auto& [id, entry] : entries_) {
    if (!MayFind(who, entry.image)) continue;
    const bool is_theirs = who.scopes.Has(Scope::kModerate) || who.subject == entry.image.owner;
    if (entry.image.state != ImageState::kReady && !(any_state && is_theirs)) continue;
    Matcher matcher(*this, who, entry, typos, stemming);
    if (matcher.Matches(query.root)) found.entries.push_back(&entry);
    found.doubtful |= matcher.doubtful();
  }
  std::sort(found.entries.begin(), found.entries.end(),
            [](const NaiveEntry* a, const NaiveEntry* b) { return NewerThan(*a, *b); });
  return found;
}

std::vector<const NaiveEntry*> NaiveIndex::Visible(const Principal& who) const {
  return Find(who, Query{}).entries;
}

Facet NaiveIndex::FacetOf(const std::vector<const NaiveEntry*>& found, FacetField field) {
  std::map<std::string, int64_t> counts;
  for (const NaiveEntry* entry : found) {
    for (const std::string& value : entry->FacetValues(field)) ++counts[value];
  }
  Facet facet;
  for (const auto& [value, count] : counts) facet.push_back({value, count});
  std::stable_sort(facet.begin(), facet.end(),
                   [](const FacetValue& a, const FacetValue& b) { return a.count > b.count; });
  if (facet.size() > 20) facet.resize(20);
  return facet;
}

}  // namespace stockroom::api
