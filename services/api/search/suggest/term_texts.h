// Texts by number, without the cost of a string each.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace stockroom::api {

using TermId = uint32_t;
inline constexpr TermId kNoTermId = 0xffffffff;

// One thread adds and looks up; others may meanwhile read the texts of numbers that they were given
// before (by way of a lock).
class TermTexts {
 public:
  static constexpr size_t kLongest = 0xffff;

  std::string_view text(TermId id) const {
    const uint32_t place = places_[id / kPlaces][id % kPlaces];
    const char* at = chunks_[place / kChunk].get() + place % kChunk;
    uint16_t length = 0;
    std::memcpy(&length, at, sizeof(length));
    return {at + sizeof(length), length};
  }

  // Also while another thread adds; so may bytes().
  uint32_t size() const { return size_.load(std::memory_order_relaxed); }
  TermId Find(std::string_view text) const;  // kNoTermId
  // Of a text that Find did not find, at most kLongest bytes. kNoTermId: 4 GiB are full.
  TermId Add(std::string_view text);
  // That many more are going to be added.
  void Reserve(uint64_t texts);
  uint64_t bytes() const;

 private:
  static constexpr uint32_t kChunk = 1 << 20;  // bytes of text
  static constexpr uint32_t kPlaces = 1 << 16;
  static constexpr size_t kMostChunks = 4096;  // 4 GiB, as places_ can address

  size_t SlotOf(std::string_view text) const;
  void Resize(size_t slots);

  // Of fixed size, so that adding moves nothing that others read.
  std::array<std::unique_ptr<char[]>, kMostChunks> chunks_;
  std::array<std::unique_ptr<uint32_t[]>, kMostChunks> places_;
  std::atomic<uint32_t> size_{0};
  std::atomic<uint64_t> used_{0};  // of the chunks' bytes, gaps too
  // Open addressing; a power of two, at most two thirds full.
  std::vector<TermId> slots_ = std::vector<TermId>(64, kNoTermId);
  std::atomic<uint64_t> slots_size_{64};
};

}  // namespace stockroom::api
