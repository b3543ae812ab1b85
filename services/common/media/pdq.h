// PDQ: a picture's perceptual hash of 256 bits. Copies that were scaled, recompressed or changed a
// little have hashes that differ in few bits.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace stockroom {

// How a picture was turned or mirrored.
enum class PdqTurn {
  kNone,
  kRotate90,  // clockwise
  kRotate180,
  kRotate270,
  kFlipHorizontal,  // left and right have changed places
  kFlipVertical,
  kTranspose,      // mirrored at the diagonal from the top left corner
  kAntiTranspose,  // at the other one
};
inline constexpr std::array<PdqTurn, 8> kPdqTurns = {
    PdqTurn::kNone,           PdqTurn::kRotate90,     PdqTurn::kRotate180, PdqTurn::kRotate270,
    PdqTurn::kFlipHorizontal, PdqTurn::kFlipVertical, PdqTurn::kTranspose, PdqTurn::kAntiTranspose};

class Pdq {
 public:
  static constexpr size_t kSize = 32;
  static constexpr int kBits = 256;
  // At most so many bits differ between pictures that people take for the same; what PDQ's authors
  // recommend. Hashes of random pictures differ in 128 on average, practically never in less
  // than 90.
  static constexpr int kSamePicture = 31;

  Pdq() = default;  // all zero: also the hash of a picture too small to have one

  // INVALID_ARGUMENT (BAD_PDQ) unless exactly 64 hex digits, of any case / 32 bytes.
  static absl::StatusOr<Pdq> FromHex(std::string_view hex);
  static absl::StatusOr<Pdq> FromBytes(std::string_view bytes);

  // Lower case, in the order that others exchange: bit 255 is the highest of the first byte.
  std::string hex() const;
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

  // Bit 16 * i + j belongs to vertical frequency i + 1 and horizontal frequency j + 1.
  bool bit(int index) const;
  void set_bit(int index, bool value);

  // The hash of the picture turned like this, as far as the bits alone tell: exact for kTranspose;
  // of the others some bits differ, those of frequencies that are hardly there (18 for published
  // hashes, twice that for drawings).
  Pdq Turned(PdqTurn turn) const;

  friend auto operator<=>(const Pdq&, const Pdq&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Pdq& pdq) {
    return H::combine(std::move(h), pdq.bytes_);
  }

 private:
  std::array<uint8_t, kSize> bytes_{};  // as in hex()
};

// In how many of 256 bits they differ.
int HammingDistance(const Pdq& a, const Pdq& b);

}  // namespace stockroom
