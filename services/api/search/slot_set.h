// A set of document slots as a bitmap.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace stockroom::api {

class SlotSet {
 public:
  explicit SlotSet(size_t slots = 0) : words_((slots + 63) / 64) {}

  void Resize(size_t slots) { words_.resize((slots + 63) / 64); }
  void Set(uint32_t slot) { words_[slot / 64] |= uint64_t{1} << slot % 64; }
  void Clear(uint32_t slot) { words_[slot / 64] &= ~(uint64_t{1} << slot % 64); }
  bool Test(uint32_t slot) const { return (words_[slot / 64] >> slot % 64 & 1) != 0; }

  // How many slots there is room for.
  size_t slots() const { return words_.size() * 64; }

  // Both of equal size. Returns whether anything is left.
  bool IntersectWith(const SlotSet& other) {
    uint64_t any = 0;
    for (size_t i = 0; i < words_.size(); ++i) any |= words_[i] &= other.words_[i];
    return any != 0;
  }
  int64_t Count() const {
    int64_t count = 0;
    for (const uint64_t word : words_) count += std::popcount(word);
    return count;
  }
  // Keeps the slots for which `keep(slot)` is true.
  template <typename Keep>
  void Filter(Keep keep) {
    ForEach([&](uint32_t slot) {
      if (!keep(slot)) Clear(slot);
    });
  }
  template <typename Visit>
  void ForEach(Visit visit) const {
    ForEachIn(0, words_.size() * 64, visit);
  }
  // From slot `begin` up to `end`, both multiples of 64; `end` may lie behind the last.
  template <typename Visit>
  void ForEachIn(size_t begin, size_t end, Visit visit) const {
    for (size_t i = begin / 64; i < std::min(end / 64, words_.size()); ++i) {
      for (uint64_t word = words_[i]; word != 0; word &= word - 1) {
        visit(static_cast<uint32_t>(i * 64 + std::countr_zero(word)));
      }
    }
  }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace stockroom::api
