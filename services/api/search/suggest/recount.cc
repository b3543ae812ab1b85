#include "services/api/search/suggest/recount.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "services/api/search/suggest/term_keys.h"
#include "services/api/search/text/text_fold.h"

namespace stockroom::api {
namespace {

// Those of owners that others do not see, by owner and term.
struct Hidden {
  uint64_t owner_and_term = 0;
  int32_t count = 0;
};

// Calls `visit(Doc, Payload)` for every posting of the term.
template <typename Visit>
void ForEachPosting(const Segment& segment, TermOrd term, Visit visit) {
  uint32_t left = segment.Frequency(term);
  for (uint32_t chunk = 0; left > 0 && chunk < segment.chunks(); ++chunk) {
    const ChunkPostings postings = segment.Postings(term, chunk);
    left -= postings.count;
    const Doc base = chunk * kChunkDocs;
    if (postings.bitmap == nullptr) {
      for (uint32_t i = 0; i < postings.count; ++i) {
        visit(base + postings.docs[i], postings.PayloadAt(i));
      }
      continue;
    }
    uint32_t rank = 0;
    for (uint32_t word = 0; word < kChunkWords; ++word) {
      for (uint64_t bits = postings.bitmap[word]; bits != 0; bits &= bits - 1) {
        const auto low = word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
        visit(base + low, postings.PayloadAt(rank++));
      }
    }
  }
}

class Counting {
 public:
  explicit Counting(TermCounts& counts) : counts_(counts) {}

  void Add(const SegmentState& state) {
    const Segment& segment = *state.segment;
    NumberOwners(segment);
    segment.VisitTerms(0, segment.terms(), [&](TermOrd term, std::string_view text) {
      if (!text.starts_with(kPairPrefix)) AddTerm(state, term, text);
      return true;
    });
    AddCameras(state);
    Compact();
  }

  void Finish() {
    std::sort(hidden_.begin(), hidden_.end(),
              [](const Hidden& a, const Hidden& b) { return a.owner_and_term < b.owner_and_term; });
    std::vector<int32_t> of_all(open_.size());
    std::vector<RankedTerms::Change> changes;
    for (size_t i = 0; i < hidden_.size();) {
      const auto owner = static_cast<uint32_t>(hidden_[i].owner_and_term >> 32);
      changes.clear();
      for (; i < hidden_.size() && hidden_[i].owner_and_term >> 32 == owner; ++i) {
        const auto id = static_cast<TermId>(hidden_[i].owner_and_term);
        if (changes.empty() || changes.back().id != id) changes.push_back({id, 0});
        changes.back().delta += hidden_[i].count;
        of_all[id] += hidden_[i].count;
      }
      counts_.Add(TermCounts::Whose::kOwner, owners_[owner], changes);
    }
    counts_.Add(TermCounts::Whose::kOpen, "", ChangesOf(open_));
    counts_.Add(TermCounts::Whose::kHidden, "", ChangesOf(of_all));
  }

 private:
  static std::vector<RankedTerms::Change> ChangesOf(const std::vector<int32_t>& counts) {
    std::vector<RankedTerms::Change> changes;
    for (TermId id = 0; id < counts.size(); ++id) {
      if (counts[id] != 0) changes.push_back({id, counts[id]});
    }
    return changes;
  }

  void NumberOwners(const Segment& segment) {
    const OrdinalColumn& column = segment.ordinals(Ordinal::kOwner);
    owner_of_.clear();
    for (uint32_t ord = 0; ord < column.values(); ++ord) {
      const auto [it, is_new] =
          owner_numbers_.try_emplace(std::string(column.value(ord)), owners_.size());
      if (is_new) owners_.emplace_back(column.value(ord));
      owner_of_.push_back(static_cast<uint32_t>(it->second));
    }
  }
  uint64_t OwnerOf(const Segment& segment, Doc doc) const {
    return uint64_t{owner_of_[segment.ordinals(Ordinal::kOwner).At(doc)]} << 32;
  }

  // kNoTermId: too long, or there is no room.
  TermId IdOf(std::string_view key) {
    if (key.size() > TermTexts::kLongest) return kNoTermId;
    const TermId id = counts_.IdOf(key);
    if (id != kNoTermId && id >= open_.size()) open_.resize(id + 1);
    return id;
  }
  void Put(std::string_view key, int32_t open, const std::vector<uint64_t>& hidden) {
    if (open == 0 && hidden.empty()) return;
    const TermId id = IdOf(key);
    if (id == kNoTermId) return;
    open_[id] += open;
    for (const uint64_t owner : hidden) fresh_.push_back(owner | id);
  }

  void AddTerm(const SegmentState& state, TermOrd term, std::string_view text) {
    const Segment& segment = *state.segment;
    int32_t words = 0;
    int32_t tags = 0;
    hidden_words_.clear();
    hidden_tags_.clear();
    ForEachPosting(segment, term, [&](Doc doc, Payload payload) {
      const bool is_tag = (payload & kWholeTag) != 0;
      if (state.open.Test(doc)) {
        ++words;
        tags += is_tag ? 1 : 0;
      } else if (state.ready.Test(doc)) {
        hidden_words_.push_back(OwnerOf(segment, doc));
        if (is_tag) hidden_tags_.push_back(hidden_words_.back());
      }
    });
    key_.assign(1, term_keys::kTag);
    if (text.starts_with(kTagPrefix)) {
      text.remove_prefix(1);
    } else {
      Put(text, words, hidden_words_);
    }
    Put(key_.append(text), tags, hidden_tags_);
  }

  void AddCameras(const SegmentState& state) {
    const Segment& segment = *state.segment;
    const OrdinalColumn& cameras = segment.ordinals(Ordinal::kCamera);
    std::vector<int32_t> open(cameras.values());
    std::vector<std::vector<uint64_t>> hidden(cameras.values());
    for (Doc doc = 0; doc < segment.docs(); ++doc) {
      const uint32_t ord = cameras.At(doc);
      if (ord == 0 || !state.ready.Test(doc)) continue;
      if (state.open.Test(doc)) {
        ++open[ord];
      } else {
        hidden[ord].push_back(OwnerOf(segment, doc));
      }
    }
    for (uint32_t ord = 1; ord < cameras.values(); ++ord) {
      std::vector<std::string> keys;
      term_keys::AddSpelled(keys, term_keys::kCamera, term_keys::kCameraSpelling,
                            cameras.value(ord), FoldLine(cameras.value(ord)));
      for (const std::string& key : keys) Put(key, open[ord], hidden[ord]);
    }
  }

  // What one segment brought is often the same owner's same term.
  void Compact() {
    std::sort(fresh_.begin(), fresh_.end());
    for (size_t i = 0; i < fresh_.size();) {
      const size_t begin = i;
      while (i < fresh_.size() && fresh_[i] == fresh_[begin]) ++i;
      hidden_.push_back({fresh_[begin], static_cast<int32_t>(i - begin)});
    }
    fresh_.clear();
  }

  TermCounts& counts_;
  std::vector<int32_t> open_;  // by TermId
  std::vector<Hidden> hidden_;
  std::vector<uint64_t> fresh_;  // of this segment: owner and term, one for each image
  absl::flat_hash_map<std::string, size_t> owner_numbers_;
  std::vector<std::string> owners_;
  std::vector<uint32_t> owner_of_;  // by the segment's ordinal
  std::vector<uint64_t> hidden_words_;
  std::vector<uint64_t> hidden_tags_;
  std::string key_;
};

}  // namespace

std::unique_ptr<TermCounts> Recount(const Snapshot& snapshot, const TermCounts& before) {
  std::unique_ptr<TermCounts> counts =
      before.Rebuilt(std::string_view(&term_keys::kTagSpelling, 1));
  Counting counting(*counts);
  for (const SegmentState& state : snapshot.segments) counting.Add(state);
  counting.Finish();
  return counts;
}

}  // namespace stockroom::api
