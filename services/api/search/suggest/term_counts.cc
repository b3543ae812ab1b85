#include "services/api/search/suggest/term_counts.h"

#include <cstring>

namespace stockroom::api {
namespace {

constexpr std::string_view kMagic = "SRsugg1\n";

template <typename Number>
void Append(std::string& out, Number number) {
  char bytes[sizeof(Number)];
  std::memcpy(bytes, &number, sizeof(Number));
  out.append(bytes, sizeof(Number));
}

// Takes from the front; false at the end.
template <typename Number>
bool Take(std::string_view& in, Number& number) {
  if (in.size() < sizeof(Number)) return false;
  std::memcpy(&number, in.data(), sizeof(Number));
  in.remove_prefix(sizeof(Number));
  return true;
}
bool TakeText(std::string_view& in, std::string_view& text) {
  uint16_t length = 0;
  if (!Take(in, length) || in.size() < length) return false;
  text = in.substr(0, length);
  in.remove_prefix(length);
  return true;
}
void AppendText(std::string& out, std::string_view text) {
  Append(out, static_cast<uint16_t>(text.size()));
  out += text;
}

// (number of terms, terms with their counts)
void AppendRanks(std::string& out, const TermTexts& texts, const RankedTerms& ranks) {
  const size_t place = out.size();
  Append(out, uint32_t{0});
  uint32_t terms = 0;
  RankedTerms::Stream(ranks, "").ForEach([&](RankedTerms::Change change) {
    AppendText(out, texts.text(change.id));
    Append(out, change.delta);
    ++terms;
  });
  std::memcpy(out.data() + place, &terms, sizeof(terms));
}

}  // namespace

TermId TermCounts::IdOf(std::string_view text) {
  const TermId known = texts_.Find(text);
  return known == kNoTermId ? texts_.Add(text) : known;
}

std::vector<RankedTerms::Change> TermCounts::ChangesOf(const Deltas& deltas) {
  std::vector<RankedTerms::Change> changes;
  for (const auto& [text, delta] : deltas) {
    if (delta == 0) continue;
    const TermId id = IdOf(text);
    if (id != kNoTermId) changes.push_back({id, delta});
  }
  return changes;
}

TermCounts::Batch TermCounts::Prepare(const std::vector<Suggestions::Entry>& added,
                                      const std::vector<Suggestions::Entry>& removed) {
  Deltas open;
  Deltas hidden;
  absl::flat_hash_map<std::string_view, Deltas> own;
  const auto count = [&](const Suggestions::Entry& entry, int32_t delta) {
    Deltas* const of_owner = entry.seen_by_all ? nullptr : &own[entry.owner];
    for (const std::string& key : entry.keys) {
      if (of_owner == nullptr) {
        open[key] += delta;
      } else {
        hidden[key] += delta;
        (*of_owner)[key] += delta;
      }
    }
  };
  // About as many different words as entries bring: growing step by step costs more.
  constexpr size_t kKeysEach = 12;
  open.reserve((added.size() + removed.size()) * kKeysEach);
  for (const Suggestions::Entry& entry : added) count(entry, 1);
  for (const Suggestions::Entry& entry : removed) count(entry, -1);

  Batch batch;
  const auto prepare = [&](RankedTerms& ranks, const Deltas& deltas) {
    const std::vector<RankedTerms::Change> changes = ChangesOf(deltas);
    if (!changes.empty()) batch.parts.emplace_back(&ranks, ranks.Prepare(changes));
  };
  prepare(open_, open);
  prepare(hidden_, hidden);
  for (const auto& [owner, deltas] : own) {
    const auto it = own_.find(std::string(owner));
    if (it != own_.end()) {
      prepare(*it->second, deltas);
      continue;
    }
    auto fresh = std::make_unique<RankedTerms>(texts_, false);
    const size_t parts = batch.parts.size();
    prepare(*fresh, deltas);
    if (batch.parts.size() > parts) batch.new_owners.emplace_back(owner, std::move(fresh));
  }
  return batch;
}

void TermCounts::Commit(Batch& batch) {
  for (auto& [owner, ranks] : batch.new_owners) own_[owner] = std::move(ranks);
  for (auto& [ranks, prepared] : batch.parts) ranks->Commit(*prepared);
}

void TermCounts::Forget(const Batch& batch) {
  for (const auto& part : batch.parts) {
    const RankedTerms* const ranks = part.first;
    if (ranks == &open_ || ranks == &hidden_ || !ranks->empty()) continue;
    absl::erase_if(own_, [&](const auto& own) { return own.second.get() == ranks; });
  }
}

std::vector<const RankedTerms*> TermCounts::RanksOf(const Viewer& viewer) const {
  if (viewer.sees_all) return {&open_, &hidden_};
  const auto own = own_.find(viewer.subject);
  if (own == own_.end()) return {&open_};
  return {&open_, own->second.get()};
}

bool TermCounts::IsMostlyDead() const {
  uint32_t live = 0;
  for (TermId id = 0; id < texts_.size(); ++id) {
    live += open_.Count(id) != 0 || hidden_.Count(id) != 0 ? 1 : 0;
  }
  return live < texts_.size() / 2;
}

void TermCounts::Add(Whose whose, const std::string& owner,
                     const std::vector<RankedTerms::Change>& changes) {
  if (changes.empty()) return;
  RankedTerms* to = whose == Whose::kOpen ? &open_ : &hidden_;
  if (whose == Whose::kOwner) {
    auto& own = own_[owner];
    if (own == nullptr) own = std::make_unique<RankedTerms>(texts_, false);
    to = own.get();
  }
  to->Commit(*to->Prepare(changes));
}

std::unique_ptr<TermCounts> TermCounts::Rebuilt(std::string_view prefix) const {
  auto fresh = std::make_unique<TermCounts>();
  const auto copy = [&](Whose whose, const std::string& owner, const RankedTerms& from) {
    std::vector<RankedTerms::Change> changes;
    from.ForEachTable(prefix, [&](const RankedTerms::Table& table, uint32_t begin, uint32_t end) {
      // Counts below 0, too: what they wait for is still to come.
      for (uint32_t at = begin; at < end; ++at) {
        if (table.counts[at] == 0) continue;
        const TermId id = fresh->IdOf(texts_.text(table.ids[at]));
        if (id != kNoTermId) changes.push_back({id, table.counts[at]});
      }
    });
    fresh->Add(whose, owner, changes);
  };
  copy(Whose::kOpen, "", open_);
  copy(Whose::kHidden, "", hidden_);
  for (const auto& [owner, ranks] : own_) copy(Whose::kOwner, owner, *ranks);
  return fresh;
}

std::string TermCounts::Save() const {
  std::string out(kMagic);
  AppendRanks(out, texts_, open_);
  AppendRanks(out, texts_, hidden_);
  for (const auto& [owner, ranks] : own_) {
    AppendText(out, owner);
    AppendRanks(out, texts_, *ranks);
  }
  return out;
}

absl::StatusOr<std::unique_ptr<TermCounts>> TermCounts::Load(std::string_view saved) {
  const absl::Status lost = absl::DataLossError("the saved suggestions are not whole");
  if (!saved.starts_with(kMagic)) return lost;
  saved.remove_prefix(kMagic.size());
  auto loaded = std::make_unique<TermCounts>();
  const auto take = [&](Whose whose, const std::string& owner) {
    uint32_t terms = 0;
    // Each takes its length and its count at least.
    if (!Take(saved, terms) || terms > saved.size() / (sizeof(uint16_t) + sizeof(int32_t))) {
      return false;
    }
    // What owners have is mostly there already: in what all of them have.
    if (whose != Whose::kOwner) loaded->texts_.Reserve(terms);
    std::vector<RankedTerms::Change> changes;
    changes.reserve(terms);
    for (uint32_t i = 0; i < terms; ++i) {
      std::string_view text;
      int32_t count = 0;
      if (!TakeText(saved, text) || !Take(saved, count)) return false;
      const TermId id = loaded->IdOf(text);
      if (id != kNoTermId) changes.push_back({id, count});
    }
    loaded->Add(whose, owner, changes);
    return true;
  };
  if (!take(Whose::kOpen, "") || !take(Whose::kHidden, "")) return lost;
  while (!saved.empty()) {
    std::string_view owner;
    if (!TakeText(saved, owner)) return lost;
    if (!take(Whose::kOwner, std::string(owner))) return lost;
  }
  return loaded;
}

uint64_t TermCounts::bytes() const {
  uint64_t bytes = texts_.bytes() + open_.bytes() + hidden_.bytes();
  for (const auto& [owner, ranks] : own_) {
    bytes += sizeof(owner) + sizeof(ranks) + owner.capacity() + ranks->bytes();
  }
  return bytes;
}

}  // namespace stockroom::api
