#include "services/api/search/exec/tag_runs.h"

#include <algorithm>

namespace stockroom::api {

void TagRuns::Add(const uint32_t* begin, const uint32_t* end, uint32_t base) {
  const size_t first = numbers_.size();
  if (begin == end) numbers_.push_back(kNone);
  for (; begin < end; ++begin) numbers_.push_back(static_cast<uint8_t>(*begin - base));
  firsts_.resize((numbers_.size() + 63) / 64);
  firsts_[first / 64] |= uint64_t{1} << first % 64;
  // It begins in what is the last group up to now.
  begun_.resize(first / kGroup + 2, begun_.back());
  ++begun_.back();
}

void TagRuns::End() {
  // They are read 64 at a time.
  numbers_.resize((numbers_.size() + 63) / 64 * 64, kNone);
  begun_.resize((numbers_.size() + kGroup - 1) / kGroup + 1, begun_.back());
  numbers_.shrink_to_fit();
  firsts_.shrink_to_fit();
  begun_.shrink_to_fit();
}

TagRuns::Group TagRuns::group(uint32_t number) const {
  constexpr size_t kWords = kGroup / 64;
  const size_t word = number * kWords;
  const Doc begun = begun_[number];
  const bool is_inside = (firsts_[word] & 1) == 0;
  return {.first = begun - (is_inside ? 1 : 0),
          .behind = begun_[number + 1],
          .begun = begun,
          .numbers = &numbers_[word * 64],
          .firsts = &firsts_[word],
          .words = static_cast<uint32_t>(std::min(kWords, firsts_.size() - word))};
}

}  // namespace stockroom::api
