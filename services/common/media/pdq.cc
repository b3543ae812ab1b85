#include "services/common/media/pdq.h"

#include <bit>
#include <cstring>

#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

constexpr int kSide = 16;  // frequencies each way

absl::Status BadPdq() {
  return InvalidArgument("BAD_PDQ", "a PDQ hash: expected 64 hexadecimal digits");
}

// What turning does to the cosine transform: rows and columns may change places, and mirroring
// negates every odd frequency of its direction, those at even index. A bit says whether its
// coefficient is above the median, which is close to 0, so negated coefficients have the other bit.
struct Effect {
  bool transposed = false;
  bool negates_rows = false;     // of the result, those at even index
  bool negates_columns = false;  // likewise
};

Effect EffectOf(PdqTurn turn) {
  switch (turn) {
    case PdqTurn::kNone:
      return {};
    case PdqTurn::kRotate90:
      return {.transposed = true, .negates_columns = true};
    case PdqTurn::kRotate180:
      return {.negates_rows = true, .negates_columns = true};
    case PdqTurn::kRotate270:
      return {.transposed = true, .negates_rows = true};
    case PdqTurn::kFlipHorizontal:
      return {.negates_columns = true};
    case PdqTurn::kFlipVertical:
      return {.negates_rows = true};
    case PdqTurn::kTranspose:
      return {.transposed = true};
    case PdqTurn::kAntiTranspose:
      return {.transposed = true, .negates_rows = true, .negates_columns = true};
  }
  return {};
}

}  // namespace

absl::StatusOr<Pdq> Pdq::FromBytes(std::string_view bytes) {
  Pdq pdq;
  if (bytes.size() != kSize) {
    return InvalidArgument("BAD_PDQ", "a PDQ hash: expected 32 bytes");
  }
  std::memcpy(pdq.bytes_.data(), bytes.data(), kSize);
  return pdq;
}

absl::StatusOr<Pdq> Pdq::FromHex(std::string_view hex) {
  if (hex.size() != 2 * kSize) return BadPdq();
  std::string lower(hex);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto bytes = stockroom::FromHex(lower);
  if (!bytes.ok()) return BadPdq();
  return FromBytes(*bytes);
}

std::string Pdq::hex() const { return ToHex(bytes()); }

bool Pdq::bit(int index) const {
  return (bytes_[kSize - 1 - static_cast<size_t>(index / 8)] >> (index % 8) & 1) != 0;
}

void Pdq::set_bit(int index, bool value) {
  uint8_t& byte = bytes_[kSize - 1 - static_cast<size_t>(index / 8)];
  const auto mask = static_cast<uint8_t>(1 << (index % 8));
  byte = static_cast<uint8_t>(value ? byte | mask : byte & ~mask);
}

Pdq Pdq::Turned(PdqTurn turn) const {
  const Effect effect = EffectOf(turn);
  Pdq turned;
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      const bool was = bit(effect.transposed ? column * kSide + row : row * kSide + column);
      const bool negated =
          (effect.negates_rows && row % 2 == 0) != (effect.negates_columns && column % 2 == 0);
      turned.set_bit(row * kSide + column, was != negated);
    }
  }
  return turned;
}

int HammingDistance(const Pdq& a, const Pdq& b) {
  int distance = 0;
  for (size_t i = 0; i < Pdq::kSize; i += sizeof(uint64_t)) {
    uint64_t x = 0;
    uint64_t y = 0;
    std::memcpy(&x, a.bytes().data() + i, sizeof x);
    std::memcpy(&y, b.bytes().data() + i, sizeof y);
    distance += std::popcount(x ^ y);
  }
  return distance;
}

}  // namespace stockroom
