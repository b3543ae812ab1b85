#include "services/api/search/segment/term_table.h"

#include <algorithm>

#include "services/api/search/segment/segment_format.h"

namespace stockroom::api::segment_format {
namespace {

constexpr size_t kFirstSlots = 64;

// The first eight bytes as a number that is ordered as they are.
uint64_t Beginning(std::string_view text) {
  uint64_t bytes = 0;
  if (!text.empty()) std::memcpy(&bytes, text.data(), std::min<size_t>(8, text.size()));
  return __builtin_bswap64(bytes);
}

}  // namespace

uint32_t TermTable::Prepare(std::string_view text) const {
  const auto hash = static_cast<uint32_t>(HashBytes(text));
  if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
  return hash;
}

void TermTable::Fetch(uint32_t prepared) const {
  if (slots_.empty()) return;
  const Slot& slot = slots_[prepared & (slots_.size() - 1)];
  if (slot.number != 0) __builtin_prefetch(&starts_[slot.number - 1]);
}

uint32_t TermTable::Number(std::string_view text, uint32_t prepared) {
  if (slots_.size() < 2 * (size_t{size()} + 1)) Grow();
  const size_t mask = slots_.size() - 1;
  size_t at = prepared & mask;
  for (; slots_[at].number != 0; at = (at + 1) & mask) {
    const uint32_t number = slots_[at].number - 1;
    if (slots_[at].hash == prepared && this->text(number) == text) return number;
  }
  const uint32_t number = size();
  slots_[at] = {.hash = prepared, .number = number + 1};
  text_ += text;
  starts_.push_back(text_.size());
  return number;
}

void TermTable::Grow() {
  std::vector<Slot> slots(std::max(kFirstSlots, slots_.size() * 2));
  const size_t mask = slots.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.number == 0) continue;
    size_t at = slot.hash & mask;
    while (slots[at].number != 0) at = (at + 1) & mask;
    slots[at] = slot;
  }
  slots_ = std::move(slots);
}

std::vector<uint32_t> TermTable::Sorted() const {
  struct Entry {
    uint64_t beginning;
    uint32_t number;
  };
  std::vector<Entry> entries;
  entries.reserve(size());
  for (uint32_t number = 0; number < size(); ++number) {
    entries.push_back({Beginning(text(number)), number});
  }
  std::sort(entries.begin(), entries.end(), [this](const Entry& a, const Entry& b) {
    if (a.beginning != b.beginning) return a.beginning < b.beginning;
    return text(a.number) < text(b.number);
  });
  std::vector<uint32_t> numbers;
  numbers.reserve(size());
  for (const Entry& entry : entries) numbers.push_back(entry.number);
  return numbers;
}

}  // namespace stockroom::api::segment_format
