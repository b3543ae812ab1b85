#include "services/common/base/ids.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "services/common/base/mutex.h"
#include "services/common/base/random.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

// (millisecond, counter) of the next id; strictly grows within the process even if the clock does
// not.
uint64_t NextTick(uint64_t unix_ms) {
  static Mutex mu;
  static uint64_t last = 0;
  MutexLock lock(mu);
  last = std::max(unix_ms << 12, last + 1);
  return last;
}

}  // namespace

std::string NewUuidV7(absl::Time now) {
  const uint64_t tick =
      NextTick(static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMillis(now))));
  std::array<uint8_t, 16> id{};
  const std::string random = RandomIdBytes(8);
  const uint64_t ms = tick >> 12;
  for (int i = 0; i < 6; ++i) id[i] = static_cast<uint8_t>(ms >> (8 * (5 - i)));
  id[6] = static_cast<uint8_t>(0x70 | ((tick >> 8) & 0x0F));
  id[7] = static_cast<uint8_t>(tick & 0xFF);
  std::copy(random.begin(), random.end(), id.begin() + 8);
  id[8] = static_cast<uint8_t>(0x80 | (id[8] & 0x3F));
  const std::string hex = ToHex({reinterpret_cast<const char*>(id.data()), id.size()});
  return hex.substr(0, 8) + '-' + hex.substr(8, 4) + '-' + hex.substr(12, 4) + '-' +
         hex.substr(16, 4) + '-' + hex.substr(20);
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::string NewRandomId() { return ToHex(RandomIdBytes(8)); }

std::string CleanRequestId(std::string_view from_outside, std::string_view otherwise) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  const bool clean = !from_outside.empty() && from_outside.size() <= 64 &&
                     std::all_of(from_outside.begin(), from_outside.end(), allowed);
  if (clean) return std::string(from_outside);
  return otherwise.empty() ? NewRandomId() : std::string(otherwise);
}

}  // namespace stockroom
