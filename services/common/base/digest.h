// SHA-256: digests, the addresses of blobs, and authentication codes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stockroom {

class Digest {
 public:
  static constexpr size_t kSize = 32;

  Digest() = default;  // all zero; never the digest of anything real

  // INVALID_ARGUMENT unless exactly 32 bytes / 64 lower-case hex digits.
  static absl::StatusOr<Digest> FromBytes(std::string_view bytes);
  static absl::StatusOr<Digest> FromHex(std::string_view hex);
  static Digest Of(std::string_view content);

  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  std::string hex() const;

  friend auto operator<=>(const Digest&, const Digest&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Digest& d) {
    return H::combine(std::move(h), d.bytes_);
  }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

// HMAC-SHA256 (RFC 2104): 32 bytes. The key may have any length.
std::string HmacSha256(std::string_view key, std::string_view text);

// Whether two secrets, or codes made with one, are the same. Takes the same time wherever they
// differ, but less if their lengths do.
bool SameSecret(std::string_view a, std::string_view b);

// SHA-256 and MD5 of a stream, in one pass. Not thread-safe.
class StreamHasher {
 public:
  enum class Md5 { kNo, kYes };
  explicit StreamHasher(Md5 md5 = Md5::kNo);
  ~StreamHasher();
  StreamHasher(StreamHasher&&) noexcept;
  StreamHasher& operator=(StreamHasher&&) noexcept;

  void Update(std::string_view bytes);
  // Call once each, last.
  Digest FinishSha256();
  std::string FinishMd5();  // 16 bytes; requires Md5::kYes

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stockroom
