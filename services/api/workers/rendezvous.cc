#include "services/api/workers/rendezvous.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace stockroom::api {
namespace {

// FNV-1a: not absl::Hash, which differs from process to process.
uint64_t Hash(uint64_t hash, std::string_view text) {
  for (const char c : text) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

// FNV alone leaves its high bits alike for texts that differ at the end, as addresses do: the
// finalizer of MurmurHash3 spreads them.
uint64_t Spread(uint64_t hash) {
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53;
  hash ^= hash >> 33;
  return hash;
}

}  // namespace

std::vector<std::string> RankWorkers(const Digest& original, std::string_view key,
                                     std::vector<std::string> workers) {
  const uint64_t what = Hash(Hash(0xcbf29ce484222325, original.bytes()), key);
  std::vector<std::pair<uint64_t, std::string>> weighed;
  weighed.reserve(workers.size());
  for (std::string& worker : workers) {
    const uint64_t weight = Spread(Hash(what, worker));
    weighed.emplace_back(weight, std::move(worker));
  }
  std::sort(weighed.begin(), weighed.end(), std::greater<>());
  workers.clear();
  for (auto& [weight, worker] : weighed) workers.push_back(std::move(worker));
  return workers;
}

}  // namespace stockroom::api
