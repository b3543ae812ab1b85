// An array of counts, most of which are small. For this folder only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace stockroom::api {

// A byte each, and what does not fit by its place in order: an owner's hidden images have nearly
// all of their words once or twice. Where many do not fit, as among those of everybody, four bytes
// each. May be read by many, or changed by one.
class PackedCounts {
 public:
  size_t size() const { return wide_.empty() ? narrow_.size() : wide_.size(); }
  int32_t operator[](size_t at) const {
    if (!wide_.empty()) return wide_[at];
    return narrow_[at] != kElsewhere ? narrow_[at] : Find(at)->second;
  }
  // Before Pack.
  void Reserve(size_t size) { wide_.reserve(size); }
  void Add(int32_t count) { wide_.push_back(count); }
  // Once all are there.
  void Pack() {
    const auto large = static_cast<size_t>(
        std::count_if(wide_.begin(), wide_.end(), [](int32_t count) { return !Fits(count); }));
    if (large > MostLarge(wide_.size())) return;
    narrow_.reserve(wide_.size());
    large_.reserve(large);
    for (size_t at = 0; at < wide_.size(); ++at) {
      narrow_.push_back(Fits(wide_[at]) ? static_cast<int8_t>(wide_[at]) : kElsewhere);
      if (!Fits(wide_[at])) large_.emplace_back(static_cast<uint32_t>(at), wide_[at]);
    }
    wide_ = {};
  }
  void Set(size_t at, int32_t count) {
    if (!wide_.empty()) {
      wide_[at] = count;
    } else if (!Fits(count)) {
      SetLarge(at, count);
    } else {
      if (narrow_[at] == kElsewhere) large_.erase(Find(at));
      narrow_[at] = static_cast<int8_t>(count);
    }
  }
  uint64_t bytes() const {
    return wide_.capacity() * sizeof(int32_t) + narrow_.capacity() +
           large_.capacity() * sizeof(large_[0]);
  }

 private:
  using Large = std::vector<std::pair<uint32_t, int32_t>>;
  static constexpr int8_t kElsewhere = -128;
  static bool Fits(int32_t count) { return count > kElsewhere && count < 128; }
  // Finding them costs more.
  static size_t MostLarge(size_t size) { return size / 16; }

  static bool IsBefore(const Large::value_type& large, size_t at) { return large.first < at; }
  Large::const_iterator Find(size_t at) const {
    return std::lower_bound(large_.begin(), large_.end(), at, IsBefore);
  }
  void SetLarge(size_t at, int32_t count) {
    const auto place = large_.begin() + (Find(at) - large_.cbegin());
    if (narrow_[at] == kElsewhere) {
      place->second = count;
      return;
    }
    if (large_.size() < MostLarge(narrow_.size())) {
      large_.emplace(place, static_cast<uint32_t>(at), count);
      narrow_[at] = kElsewhere;
      return;
    }
    std::vector<int32_t> wide(narrow_.begin(), narrow_.end());
    for (const auto& [other, other_count] : large_) wide[other] = other_count;
    wide[at] = count;
    wide_ = std::move(wide);
    narrow_ = {};
    large_ = {};
  }

  // The one or the other.
  std::vector<int32_t> wide_;
  std::vector<int8_t> narrow_;
  Large large_;
};

}  // namespace stockroom::api
