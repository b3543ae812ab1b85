#include "services/api/search/suggest/suggestions.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "services/api/search/suggest/near_terms.h"
#include "services/api/search/suggest/reader_writer_lock.h"
#include "services/api/search/suggest/recount.h"
#include "services/api/search/suggest/term_counts.h"
#include "services/api/search/suggest/term_keys.h"
#include "services/api/search/text/text_fold.h"

namespace stockroom::api {
namespace {

using Change = RankedTerms::Change;
using Sources = std::vector<const RankedTerms*>;

using term_keys::AddKey;
using term_keys::AddSpelled;
using term_keys::AddSpelling;
using term_keys::kCamera;
using term_keys::kCameraSpelling;
using term_keys::kSpelled;
using term_keys::kTag;
using term_keys::kTagSpelling;

// Terms looked at where two counts have to be added: some 100 us.
constexpr uint64_t kExamined = 2048;
// Steps of a correction, in which nothing may be changed: a millisecond or two. A dictionary of
// 300,000 words takes some thousand.
constexpr uint32_t kCorrectionSteps = 1 << 15;
// Spellings of one tag that are told apart.
constexpr size_t kSpellings = 32;
// Terms before it is first asked how many of them are dead.
constexpr uint32_t kCheckAtLeast = 1 << 14;

struct Ranked {
  TermId id = 0;
  std::string_view text;
  int32_t count = 0;
};

bool Before(const Ranked& a, const Ranked& b) {
  return std::tie(b.count, a.text) < std::tie(a.count, b.text);
}

// The best `limit` of the terms with this prefix, in order.
std::vector<Ranked> Top(const TermTexts& texts, const Sources& sources, std::string_view prefix,
                        size_t limit) {
  std::vector<Ranked> best;
  RankedTerms::Stream stream(*sources[0], prefix);
  if (sources.size() == 1) {
    while (best.size() < limit) {
      const auto next = stream.Next();
      if (!next) break;
      best.push_back({next->id, texts.text(next->id), next->delta});
    }
    return best;
  }
  std::vector<TermId> seen;
  const auto consider = [&](Change change, const RankedTerms& other) {
    const int32_t count = change.delta + std::max(0, other.Count(change.id));
    const Ranked ranked{change.id, texts.text(change.id), count};
    if (best.size() == limit && !Before(ranked, best.back())) return;
    if (std::any_of(best.begin(), best.end(), [&](const Ranked& b) { return b.id == change.id; })) {
      return;
    }
    best.insert(std::upper_bound(best.begin(), best.end(), ranked, Before), ranked);
    if (best.size() > limit) best.pop_back();
  };
  RankedTerms::Stream second(*sources[1], prefix);
  const bool all_of_second = second.size() <= kExamined;
  if (all_of_second) {
    second.ForEach([&](Change change) { consider(change, *sources[0]); });
    // The rest are in the first only: its best come next, whatever the second holds.
    for (size_t alone = 0; alone < limit;) {
      const auto next = stream.Next();
      if (!next) break;
      alone += sources[1]->Count(next->id) <= 0 ? 1 : 0;
      consider(*next, *sources[1]);
    }
    return best;
  }
  for (uint64_t examined = 0; examined < kExamined; ++examined) {
    // What neither has given has no more than this.
    const int64_t unseen = int64_t{stream.bound()} + second.bound();
    if (unseen == 0 || (best.size() == limit && best.back().count > unseen)) break;
    const bool from_first = stream.bound() >= second.bound();
    const auto next = from_first ? stream.Next() : second.Next();
    if (next) consider(*next, *sources[from_first ? 1 : 0]);
  }
  return best;
}

// How most of the images spell it.
std::string SpellingOf(const TermTexts& texts, const Sources& sources, char spelling_key,
                       std::string_view line, int64_t count) {
  std::string prefix(1, spelling_key);
  prefix.append(line);
  prefix += kSpelled;
  const std::vector<Ranked> spellings = Top(texts, sources, prefix, kSpellings);
  if (spellings.empty()) return std::string(line);
  // The others spell it as it is folded.
  for (const Ranked& spelling : spellings) count -= spelling.count;
  if (count > spellings[0].count) return std::string(line);
  return std::string(spellings[0].text.substr(prefix.size()));
}

class SuggestionsInMemory final : public Suggestions {
 public:
  void Apply(const std::vector<Entry>& added, const std::vector<Entry>& removed) override {
    MutexLock write(write_mu_);
    TermCounts::Batch batch = counts_->Prepare(added, removed);
    {
      WriteLock exclusive(lock_);
      counts_->Commit(batch);
    }
    for (auto& [ranks, prepared] : batch.parts) {
      prepared = ranks->Tidy();
      if (prepared == nullptr) continue;
      WriteLock exclusive(lock_);
      ranks->CommitTidy(*prepared);
    }
    {
      WriteLock exclusive(lock_);
      counts_->Forget(batch);
    }
    if (counts_->texts().size() < check_at_) return;
    if (counts_->IsMostlyDead()) Replace(counts_->Rebuilt(""));
    check_at_ = std::max(kCheckAtLeast, counts_->texts().size()) * 2;
  }

  void Recount(const Snapshot& snapshot) override {
    MutexLock write(write_mu_);
    Replace(api::Recount(snapshot, *counts_));
  }

  std::vector<Suggestion> Complete(const Viewer& viewer, std::string_view prefix,
                                   size_t limit) const override {
    const std::string line = FoldLine(prefix);
    const std::vector<std::string> words = SplitWords(FoldText(prefix));
    struct Found {
      Ranked ranked;
      int place = 0;  // among those of equal count and text
      Suggestion suggestion;
    };
    std::vector<Found> found;
    ReadLock shared(lock_);
    const Sources sources = counts_->RanksOf(viewer);
    const TermTexts& texts = counts_->texts();
    const auto find = [&](const std::string& with, int place, Suggestion::Kind kind) {
      for (Ranked ranked : Top(texts, sources, with, limit)) {
        if (kind != Suggestion::Kind::kWord) ranked.text.remove_prefix(1);
        found.push_back({ranked, place, {std::string(ranked.text), kind, ranked.count}});
      }
    };
    find(kTag + line, 0, Suggestion::Kind::kTag);
    if (words.size() == 1) find(words[0], 1, Suggestion::Kind::kWord);
    if (!line.empty()) find(kCamera + line, 2, Suggestion::Kind::kCamera);
    std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
      return std::tie(b.ranked.count, a.ranked.text, a.place) <
             std::tie(a.ranked.count, b.ranked.text, b.place);
    });
    found.resize(std::min(found.size(), limit));
    std::vector<Suggestion> suggestions;
    for (Found& one : found) {
      if (one.suggestion.kind != Suggestion::Kind::kWord) {
        const bool is_tag = one.suggestion.kind == Suggestion::Kind::kTag;
        one.suggestion.text = SpellingOf(texts, sources, is_tag ? kTagSpelling : kCameraSpelling,
                                         one.ranked.text, one.ranked.count);
      }
      suggestions.push_back(std::move(one.suggestion));
    }
    return suggestions;
  }

  std::optional<std::string> Correct(const Viewer& viewer, std::string_view word,
                                     int typos) const override {
    ReadLock shared(lock_);
    const Sources sources = counts_->RanksOf(viewer);
    const TermTexts& texts = counts_->texts();
    for (const RankedTerms* source : sources) {
      if (RankedTerms::Stream(*source, word).Next()) return std::nullopt;
    }
    Ranked best;
    int nearest = typos + 1;
    uint32_t steps = kCorrectionSteps;
    for (size_t s = 0; s < sources.size(); ++s) {
      VisitNearTerms(*sources[s], texts, word, typos, steps, [&](Change change, int distance) {
        if (distance > nearest) return;
        int32_t count = change.delta;
        for (size_t other = 0; other < sources.size(); ++other) {
          if (other != s) count += std::max(0, sources[other]->Count(change.id));
        }
        const Ranked ranked{change.id, texts.text(change.id), count};
        if (distance == nearest && !Before(ranked, best)) return;
        best = ranked;
        nearest = distance;
      });
    }
    if (nearest > typos) return std::nullopt;
    return std::string(best.text);
  }

  std::string Save() const override {
    ReadLock shared(lock_);
    return counts_->Save();
  }
  absl::Status Load(std::string_view saved) override {
    absl::StatusOr<std::unique_ptr<TermCounts>> loaded = TermCounts::Load(saved);
    if (!loaded.ok()) return loaded.status();
    MutexLock write(write_mu_);
    Replace(*std::move(loaded));
    return absl::OkStatus();
  }
  uint64_t terms() const override {
    ReadLock shared(lock_);
    return counts_->texts().size();
  }
  uint64_t bytes() const override {
    ReadLock shared(lock_);
    return counts_->bytes();
  }

 private:
  void Replace(std::unique_ptr<TermCounts> next) {
    WriteLock exclusive(lock_);
    counts_.swap(next);
  }

  // Held by whoever changes something, while others read.
  Mutex write_mu_;
  uint32_t check_at_ SR_GUARDED_BY(write_mu_) = 2 * kCheckAtLeast;
  mutable ReaderWriterLock lock_;
  // Read under lock_ or write_mu_, changed under both: hence no annotation.
  std::unique_ptr<TermCounts> counts_ = std::make_unique<TermCounts>();
};

}  // namespace

std::unique_ptr<Suggestions> Suggestions::Create() {
  return std::make_unique<SuggestionsInMemory>();
}

namespace {

// Fields begin with a byte that is no word.
bool BeginsField(char c) { return static_cast<unsigned char>(c) < 0x20; }

// No word twice.
std::vector<std::string_view> WordsIn(std::string_view words) {
  std::vector<std::string_view> found;
  for (size_t begin = 0; begin < words.size();) {
    const size_t end = std::min(words.find(' ', begin), words.size());
    if (end > begin && !BeginsField(words[begin]))
      found.push_back(words.substr(begin, end - begin));
    begin = end + 1;
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

// Words of two revisions of an image, cut at fields: `head` and `tail` are in both.
struct WordsApart {
  std::string_view head;
  std::string_view tail;
  std::string_view before;
  std::string_view after;
};

WordsApart Compare(std::string_view before, std::string_view after) {
  const size_t shorter = std::min(before.size(), after.size());
  auto head = static_cast<size_t>(
      std::mismatch(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(shorter),
                    after.begin())
          .first -
      before.begin());
  // A word may go on, and so may a field.
  do {
    if (head == 0) break;
    --head;
  } while (!BeginsField(before[head]));
  const std::string_view whole = before;
  before.remove_prefix(head);
  after.remove_prefix(head);
  const size_t rest = std::min(before.size(), after.size());
  auto tail = static_cast<size_t>(std::mismatch(before.rbegin(),
                                                before.rbegin() + static_cast<std::ptrdiff_t>(rest),
                                                after.rbegin())
                                      .first -
                                  before.rbegin());
  while (tail > 0 && !BeginsField(before[before.size() - tail])) --tail;
  return {.head = whole.substr(0, head),
          .tail = before.substr(before.size() - tail),
          .before = before.substr(0, before.size() - tail),
          .after = after.substr(0, after.size() - tail)};
}

bool HasWord(std::string_view words, std::string_view spaced) {
  return !words.empty() &&
         memmem(words.data(), words.size(), spaced.data(), spaced.size()) != nullptr;
}

}  // namespace

void Suggestions::AppendChange(const Shown& before, const Shown& after, std::vector<Entry>& added,
                               std::vector<Entry>& removed) {
  if (before.image.owner == after.image.owner && SeenAs(before.image) == SeenAs(after.image) &&
      before.image.described.tags == after.image.described.tags && before.camera == after.camera) {
    return AppendChangeOfWords(after.image, before.words, after.words, added, removed);
  }
  added.push_back(EntryOf(after.image, after.words, after.camera));
  removed.push_back(EntryOf(before.image, before.words, before.camera));
}

void Suggestions::AppendChangeOfWords(const Image& image, std::string_view before,
                                      std::string_view after, std::vector<Entry>& added,
                                      std::vector<Entry>& removed) {
  if (before == after) return;
  const WordsApart apart = Compare(before, after);
  const std::vector<std::string_view> old_words = WordsIn(apart.before);
  const std::vector<std::string_view> new_words = WordsIn(apart.after);
  const auto append = [&](const std::vector<std::string_view>& words,
                          const std::vector<std::string_view>& others, std::vector<Entry>& to) {
    Entry entry{
        .owner = image.owner, .seen_by_all = SeenAs(image) == Visibility::kPublic, .keys = {}};
    for (const std::string_view word : words) {
      const std::string spaced = ' ' + std::string(word) + ' ';
      if (std::binary_search(others.begin(), others.end(), word) || HasWord(apart.head, spaced) ||
          HasWord(apart.tail, spaced)) {
        continue;
      }
      AddKey(entry.keys, std::string(word));
    }
    if (!entry.keys.empty()) to.push_back(std::move(entry));
  };
  append(new_words, old_words, added);
  append(old_words, new_words, removed);
}

Suggestions::Entry Suggestions::SpellingsOf(const Image& image) {
  Entry entry{
      .owner = image.owner, .seen_by_all = SeenAs(image) == Visibility::kPublic, .keys = {}};
  const std::vector<std::string>& tags = image.described.tags;
  std::vector<std::string> folded;
  for (size_t i = 0; i < tags.size(); ++i) {
    if (IsFoldedLine(tags[i])) continue;
    std::string line = FoldLine(tags[i]);
    // The first spelling counts, also where that is the line itself.
    const auto end = tags.begin() + static_cast<std::ptrdiff_t>(i);
    if (line.empty() || std::find(folded.begin(), folded.end(), line) != folded.end() ||
        std::any_of(tags.begin(), end,
                    [&](const std::string& tag) { return tag == line && IsFoldedLine(tag); })) {
      continue;
    }
    AddSpelling(entry.keys, kTagSpelling, tags[i], line);
    folded.push_back(std::move(line));
  }
  return entry;
}

Suggestions::Entry Suggestions::EntryOf(const Image& image, std::string_view words,
                                        std::string_view camera) {
  Entry entry{
      .owner = image.owner, .seen_by_all = SeenAs(image) == Visibility::kPublic, .keys = {}};
  const std::vector<std::string_view> found = WordsIn(words);
  entry.keys.reserve(found.size() + image.described.tags.size());
  for (const std::string_view word : found) AddKey(entry.keys, std::string(word));
  std::vector<std::string> lines;
  for (const std::string& tag : image.described.tags) {
    std::string line = FoldLine(tag);
    if (line.empty() || std::find(lines.begin(), lines.end(), line) != lines.end()) continue;
    AddSpelled(entry.keys, kTag, kTagSpelling, tag, line);
    lines.push_back(std::move(line));
  }
  if (!camera.empty()) {
    AddSpelled(entry.keys, kCamera, kCameraSpelling, camera, FoldLine(camera));
  }
  return entry;
}

}  // namespace stockroom::api
