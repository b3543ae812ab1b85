// Which slots have a digest: chains of those whose digest begins alike, 20 bytes an image. Not
// thread-safe: const members may run at once, the others alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace stockroom::api {

class DigestChains {
 public:
  // Of the next slot.
  void Append(std::string_view digest) {
    const auto slot = static_cast<uint32_t>(before_.size());
    const auto [it, added] = last_.try_emplace(KeyOf(digest), slot);
    before_.push_back(added ? kNone : it->second);
    it->second = slot;
  }
  // Every slot that may have it, removed ones too: compare.
  template <typename Visit>
  void ForEach(std::string_view digest, Visit visit) const {
    const auto it = last_.find(KeyOf(digest));
    if (it == last_.end()) return;
    for (uint32_t slot = it->second; slot != kNone; slot = before_[slot]) visit(slot);
  }

 private:
  static constexpr uint32_t kNone = 0xffffffff;

  static uint64_t KeyOf(std::string_view digest) {
    uint64_t key = 0;
    std::memcpy(&key, digest.data(), std::min(digest.size(), sizeof(key)));
    return key;
  }

  absl::flat_hash_map<uint64_t, uint32_t> last_;
  std::vector<uint32_t> before_;  // by slot
};

}  // namespace stockroom::api
