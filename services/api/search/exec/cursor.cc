#include "services/api/search/exec/cursor.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

// Version 1 was the token of an index that knew one order only, 2 did not hold the target.
constexpr char kVersion = 3;
constexpr float kWeightUnit = 1024;
constexpr size_t kLongestId = 128;
// Two bytes a weight, maybe the target, and all else but the id.
constexpr size_t kHeader = 1 + 8 + 1 + 8 + 8 + 8 + 1 + 1;
constexpr size_t kLongestToken =
    (kHeader + 2 * kMostWeights + sizeof(PdqWords) + kLongestId) * 4 / 3 + 4;

// FNV-1a: equal on every api replica, unlike std::hash.
class Fingerprint {
 public:
  void Add(std::string_view bytes) {
    for (const char c : bytes) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  void Add(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) {
      hash_ = (hash_ ^ (number >> shift & 0xff)) * 1099511628211u;
    }
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 14695981039346656037u;
};

uint64_t FingerprintOf(const PageBinding& binding) {
  Fingerprint print;
  // Lengths first, so that no two bindings give the same bytes.
  for (const std::string* text : {&binding.query, &binding.similar_to, &binding.stemming}) {
    print.Add(text->size());
    print.Add(*text);
  }
  print.Add(static_cast<uint64_t>(binding.sort));
  print.Add(binding.seed);
  print.Add(binding.collapse ? 1 : 0);
  return print.value();
}

void Append(std::string& out, uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
}

// Takes numbers from the front of bytes that are known to be long enough.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  uint64_t Take(int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(bytes_[i]);
    bytes_.remove_prefix(bytes);
    return value;
  }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

absl::Status NotAToken() {
  return InvalidArgument("BAD_PAGE_TOKEN",
                         "page_token is not one that a search gave; start without one");
}

}  // namespace

float RoundedWeight(double weight) {
  return static_cast<float>(std::clamp(std::round(weight * kWeightUnit), 0.0, 65535.0)) /
         kWeightUnit;
}

std::string EncodePageToken(const Cursor& cursor, const PageBinding& binding) {
  std::string bytes(1, kVersion);
  Append(bytes, FingerprintOf(binding), 8);
  Append(bytes, static_cast<uint64_t>(cursor.sort), 1);
  Append(bytes, cursor.seed, 8);
  Append(bytes, std::bit_cast<uint64_t>(cursor.key), 8);
  Append(bytes, static_cast<uint64_t>(cursor.created_us), 8);
  Append(bytes, cursor.weights.size(), 1);
  Append(bytes, cursor.target ? 1 : 0, 1);
  for (const float weight : cursor.weights) {
    Append(bytes, static_cast<uint64_t>(std::lround(weight * kWeightUnit)), 2);
  }
  if (cursor.target) {
    for (const uint64_t word : *cursor.target) Append(bytes, word, 8);
  }
  return ToBase64Url(bytes + cursor.id);
}

absl::StatusOr<Cursor> DecodePageToken(std::string_view token, const PageBinding& binding) {
  if (token.size() > kLongestToken) return NotAToken();
  const absl::StatusOr<std::string> bytes = FromBase64Url(token);
  if (!bytes.ok() || bytes->size() < kHeader || bytes->front() != kVersion) return NotAToken();
  Reader reader(std::string_view(*bytes).substr(1));
  if (reader.Take(8) != FingerprintOf(binding)) {
    return InvalidArgument("BAD_PAGE_TOKEN",
                           "page_token belongs to another search; keep the query, the order and "
                           "what else was asked for unchanged between pages");
  }
  Cursor cursor;
  cursor.sort = static_cast<SortOrder>(reader.Take(1));
  cursor.seed = reader.Take(8);
  cursor.key = std::bit_cast<double>(reader.Take(8));
  cursor.created_us = static_cast<int64_t>(reader.Take(8));
  const size_t weights = reader.Take(1);
  const uint64_t has_target = reader.Take(1);
  const size_t fixed = 2 * weights + has_target * sizeof(PdqWords);
  if (cursor.sort != binding.sort || cursor.seed != binding.seed || !std::isfinite(cursor.key) ||
      has_target > 1 || reader.rest().size() < fixed || reader.rest().size() > fixed + kLongestId) {
    return NotAToken();
  }
  for (size_t i = 0; i < weights; ++i) {
    cursor.weights.push_back(static_cast<float>(reader.Take(2)) / kWeightUnit);
  }
  if (has_target == 1) {
    for (uint64_t& word : cursor.target.emplace()) word = reader.Take(8);
  }
  cursor.id = reader.rest();
  return cursor;
}

}  // namespace stockroom::api
