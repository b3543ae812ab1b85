// Suggestions, similar images, and what is in there at all.
#include <algorithm>
#include <map>
#include <tuple>

#include "services/api/search/similar/looks.h"
#include "services/api/search/store/content_hash.h"
#include "services/api/search/text/text_fold.h"
#include "tests/unit/search/oracle/difference.h"

namespace stockroom::api {
namespace {

// Equally frequent ones come by their folded text, a tag before the word.
using Counted = std::map<std::pair<std::string, Suggestion::Kind>, int64_t>;

int Rank(Suggestion::Kind kind) { return kind == Suggestion::Kind::kTag ? 0 : 1; }

Counted CountSuggestions(const std::vector<const NaiveEntry*>& visible, const std::string& prefix) {
  Counted counts;
  const std::string line = FoldLine(prefix);
  const std::string text = FoldText(prefix);
  for (const NaiveEntry* entry : visible) {
    for (const std::string& tag : entry->tags) {
      if (tag.starts_with(line)) ++counts[{tag, Suggestion::Kind::kTag}];
    }
    if (line.empty()) continue;
    std::set<std::string> words;
    for (const auto& [field, in_field] : entry->fields) {
      words.insert(in_field.begin(), in_field.end());
    }
    for (const std::string& word : words) {
      if (word.starts_with(text)) ++counts[{word, Suggestion::Kind::kWord}];
    }
    const std::string camera = FoldLine(entry->camera);
    if (!camera.empty() && camera.starts_with(line)) ++counts[{camera, Suggestion::Kind::kCamera}];
  }
  return counts;
}

// Somebody that the viewer may know of spells it so.
bool IsSpelledSo(const std::vector<const NaiveEntry*>& visible, const Suggestion& suggestion) {
  return std::any_of(visible.begin(), visible.end(), [&](const NaiveEntry* entry) {
    const auto& tags = entry->image.described.tags;
    switch (suggestion.kind) {
      case Suggestion::Kind::kTag:
        return std::find(tags.begin(), tags.end(), suggestion.text) != tags.end();
      case Suggestion::Kind::kCamera:
        return entry->camera == suggestion.text;
      case Suggestion::Kind::kWord:
        return true;
    }
    return false;
  });
}

std::string TextOf(const Suggestion& suggestion) {
  return "\"" + suggestion.text + "\" (" + std::to_string(static_cast<int>(suggestion.kind)) +
         ") " + std::to_string(suggestion.count);
}

}  // namespace

std::string SuggestDifference(const SearchIndex& index, const NaiveIndex& truth,
                              const Principal& who, const std::string& prefix, int limit) {
  const auto suggestions = index.Suggest(who, prefix, limit);
  if (!suggestions.ok()) return "suggestions refused: " + suggestions.status().ToString();
  const std::vector<const NaiveEntry*> visible = truth.Visible(who);
  const Counted counts = CountSuggestions(visible, prefix);
  using Wanted = std::pair<std::pair<std::string, Suggestion::Kind>, int64_t>;
  std::vector<Wanted> wanted(counts.begin(), counts.end());
  std::sort(wanted.begin(), wanted.end(), [](const Wanted& a, const Wanted& b) {
    return std::tuple(-a.second, a.first.first, Rank(a.first.second)) <
           std::tuple(-b.second, b.first.first, Rank(b.first.second));
  });
  if (wanted.size() > static_cast<size_t>(limit)) wanted.resize(static_cast<size_t>(limit));
  std::string got;
  bool is_same = suggestions->size() == wanted.size();
  for (size_t i = 0; i < suggestions->size(); ++i) {
    const Suggestion& one = (*suggestions)[i];
    got += "\n    " + TextOf(one);
    if (!IsSpelledSo(visible, one)) return "nobody spells it so: " + TextOf(one);
    is_same = is_same && one.count == wanted[i].second &&
              FoldLine(one.text) == FoldLine(wanted[i].first.first) &&
              Rank(one.kind) == Rank(wanted[i].first.second);
  }
  if (is_same) return "";
  std::string expected;
  for (const Wanted& one : wanted) {
    expected += "\n    " + TextOf({one.first.first, one.first.second, one.second});
  }
  return "suggestions for \"" + prefix + "\":" + got + "\n  not" + expected;
}

std::string SimilarDifference(const SearchIndex& index, const NaiveIndex& truth,
                              const Principal& who, const std::string& id, int limit) {
  const auto similar = index.FindSimilar(who, id, limit);
  const NaiveEntry* target = truth.Get(id);
  absl::StatusCode wanted_code = absl::StatusCode::kOk;
  if (target == nullptr || !MayRead(who, target->image)) {
    wanted_code = absl::StatusCode::kNotFound;
  } else if (target->image.state != ImageState::kReady) {
    wanted_code = absl::StatusCode::kFailedPrecondition;
  }
  if (similar.status().code() != wanted_code) {
    return "similar to " + id + ": " + similar.status().ToString();
  }
  if (!similar.ok()) return "";
  std::vector<std::pair<double, const NaiveEntry*>> wanted;
  for (const NaiveEntry* entry : truth.Visible(who)) {
    if (target->looks && entry->looks && entry != target) {
      wanted.emplace_back(LooksDistance(*target->looks, *entry->looks), entry);
    }
  }
  std::sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : NewerThan(*a.second, *b.second);
  });
  if (wanted.size() > static_cast<size_t>(limit)) wanted.resize(static_cast<size_t>(limit));
  if (similar->size() != wanted.size()) {
    return std::to_string(similar->size()) + " similar to " + id + ", not " +
           std::to_string(wanted.size());
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    const SimilarImage& one = (*similar)[i];
    if (one.image == nullptr || *one.image != wanted[i].second->image ||
        one.distance != wanted[i].first) {
      return "similar to " + id + ": number " + std::to_string(i) + " is not " +
             wanted[i].second->image.id;
    }
  }
  return "";
}

std::string ContentDifference(const SearchIndex& index, const NaiveIndex& truth) {
  int64_t ready = 0;
  std::vector<IndexSum> sums(kIndexBuckets);
  for (const auto& [id, entry] : truth.entries()) {
    const bool is_ready = entry.image.state == ImageState::kReady;
    ready += is_ready ? 1 : 0;
    const auto there = index.Find(id);
    if ((there != nullptr) != is_ready) return "Find of " + id;
    if (is_ready && *there != entry.image) return "Find gives another " + id;
    IndexSum& sum = sums[BucketOf(id)];
    ++sum.images;
    sum.sum += ContentHash(entry.image);
  }
  if (index.size() != ready) {
    return "size " + std::to_string(index.size()) + ", not " + std::to_string(ready);
  }
  if (index.Sums() != sums) return "the checksums differ";
  return "";
}

}  // namespace stockroom::api
