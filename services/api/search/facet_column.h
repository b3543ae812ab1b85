// One value an image, such as its format: by slot, as small numbers, so that counting is a walk
// over an array. Not thread-safe: const members may run at once, the others alone.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace stockroom::api {

class FacetColumn {
 public:
  // Of the next slot; "" for none.
  void Append(const std::string& value) {
    if (value.empty()) return ids_.push_back(kNone);
    const auto [it, added] = numbers_.try_emplace(value, static_cast<uint32_t>(values_.size()));
    if (added) values_.push_back(value);
    ids_.push_back(it->second);
  }

  static constexpr uint32_t kNone = 0xffffffff;
  uint32_t IdAt(uint32_t slot) const { return ids_[slot]; }
  const std::string& value(uint32_t id) const { return values_[id]; }
  // How many different values.
  size_t size() const { return values_.size(); }

 private:
  std::vector<uint32_t> ids_;  // by slot, removed ones too
  std::vector<std::string> values_;
  std::unordered_map<std::string, uint32_t> numbers_;
};

}  // namespace stockroom::api
