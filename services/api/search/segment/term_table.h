// Numbers for texts, in the order of their coming. For this folder only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stockroom::api::segment_format {

class TermTable {
 public:
  // The number of `text`: the next one if it is new.
  uint32_t Number(std::string_view text) { return Number(text, Prepare(text)); }
  // The same in steps: memory is fetched between them, while the same is done for others.
  uint32_t Prepare(std::string_view text) const;
  void Fetch(uint32_t prepared) const;  // may be left out
  uint32_t Number(std::string_view text, uint32_t prepared);
  uint32_t size() const { return static_cast<uint32_t>(starts_.size() - 1); }
  std::string_view text(uint32_t number) const {
    return {text_.data() + starts_[number],
            static_cast<size_t>(starts_[number + 1] - starts_[number])};
  }
  // Numbers by ascending text.
  std::vector<uint32_t> Sorted() const;

 private:
  void Grow();

  struct Slot {
    uint32_t hash = 0;
    uint32_t number = 0;  // and 1; 0 is free
  };
  // A power of two, at most half full.
  std::vector<Slot> slots_;
  std::vector<uint64_t> starts_ = {0};
  std::string text_;
};

}  // namespace stockroom::api::segment_format
