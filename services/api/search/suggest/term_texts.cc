#include "services/api/search/suggest/term_texts.h"

#include <bit>

#include "absl/hash/hash.h"

namespace stockroom::api {

size_t TermTexts::SlotOf(std::string_view text) const {
  size_t slot = absl::Hash<std::string_view>()(text) & (slots_.size() - 1);
  while (slots_[slot] != kNoTermId && this->text(slots_[slot]) != text) {
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

TermId TermTexts::Find(std::string_view text) const { return slots_[SlotOf(text)]; }

TermId TermTexts::Add(std::string_view text) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const TermId id = size();
  const uint64_t room = sizeof(uint16_t) + text.size();
  uint64_t place = used_.load(kRelaxed);
  // No text lies across two chunks.
  if (place % kChunk + room > kChunk) place = (place / kChunk + 1) * kChunk;
  if (place / kChunk >= kMostChunks || id / kPlaces >= kMostChunks) return kNoTermId;
  auto& chunk = chunks_[place / kChunk];
  if (chunk == nullptr) chunk = std::make_unique_for_overwrite<char[]>(kChunk);
  auto& places = places_[id / kPlaces];
  if (places == nullptr) places = std::make_unique_for_overwrite<uint32_t[]>(kPlaces);
  const auto length = static_cast<uint16_t>(text.size());
  char* const at = chunk.get() + place % kChunk;
  std::memcpy(at, &length, sizeof(length));
  std::memcpy(at + sizeof(length), text.data(), text.size());
  places[id % kPlaces] = static_cast<uint32_t>(place);
  used_.store(place + room, kRelaxed);
  if ((uint64_t{id} + 1) * 3 > slots_.size() * 2) Resize(slots_.size() * 2);
  slots_[SlotOf(text)] = id;
  size_.store(id + 1, kRelaxed);
  return id;
}

void TermTexts::Reserve(uint64_t texts) {
  const uint64_t slots = std::bit_ceil((size() + texts) * 3 / 2 + 1);
  if (slots > slots_.size()) Resize(slots);
}

void TermTexts::Resize(size_t slots) {
  slots_.assign(slots, kNoTermId);
  slots_size_.store(slots_.size(), std::memory_order_relaxed);
  for (TermId id = 0; id < size(); ++id) slots_[SlotOf(text(id))] = id;
}

uint64_t TermTexts::bytes() const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  return used_.load(kRelaxed) + uint64_t{size()} * sizeof(uint32_t) +
         slots_size_.load(kRelaxed) * sizeof(TermId);
}

}  // namespace stockroom::api
