#include "services/common/base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

// What letters stand for: whoever loads a catalogue reads millions of digests, and a look at a
// table does not have to be guessed by the processor.
constexpr uint8_t kNoHexDigit = 0x80;
constexpr auto kHexDigits = [] {
  std::array<uint8_t, 256> digits{};
  for (size_t c = 0; c < digits.size(); ++c) {
    const bool is_number = c >= '0' && c <= '9';
    const bool is_letter = c >= 'a' && c <= 'f';
    digits[c] = static_cast<uint8_t>(is_number ? c - '0' : is_letter ? c - 'a' + 10 : kNoHexDigit);
  }
  return digits;
}();

}  // namespace

absl::StatusOr<Digest> Digest::FromBytes(std::string_view bytes) {
  if (bytes.size() != kSize) {
    return InvalidArgument("NOT_A_DIGEST",
                           "a SHA-256 digest has 32 bytes, not " + std::to_string(bytes.size()));
  }
  Digest digest;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(digest.bytes_.data()));
  return digest;
}

absl::StatusOr<Digest> Digest::FromHex(std::string_view hex) {
  Digest digest;
  if (hex.size() == 2 * kSize) {
    uint8_t any = 0;
    for (size_t i = 0; i < kSize; ++i) {
      const uint8_t high = kHexDigits[static_cast<uint8_t>(hex[2 * i])];
      const uint8_t low = kHexDigits[static_cast<uint8_t>(hex[2 * i + 1])];
      any |= high | low;
      digest.bytes_[i] = static_cast<uint8_t>(high << 4 | (low & 15));
    }
    if ((any & kNoHexDigit) == 0) return digest;
  }
  return InvalidArgument("NOT_A_DIGEST", "a SHA-256 digest is 64 lower-case hex digits");
}

Digest Digest::Of(std::string_view content) {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  // Looking up the algorithm and making a context take longer than hashing what is short.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  Digest digest;
  // Fails only without memory or with an OpenSSL that lacks the algorithm: nothing to go on with.
  if (algorithm == nullptr || context == nullptr ||
      EVP_DigestInit_ex2(context.get(), algorithm, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), content.data(), content.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.bytes_.data()),
                         nullptr) != 1) {
    std::abort();
  }
  return digest;
}

std::string Digest::hex() const { return ToHex(bytes()); }

std::string HmacSha256(std::string_view key, std::string_view text) {
  std::string mac(Digest::kSize, '\0');
  // Fails only without memory or with an OpenSSL that lacks the algorithm: nothing to go on with.
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           reinterpret_cast<unsigned char*>(mac.data()), nullptr) == nullptr) {
    std::abort();
  }
  return mac;
}

bool SameSecret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct StreamHasher::Impl {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_MD_CTX, Free>;

  static Context Make(const EVP_MD* algorithm) {
    Context context(EVP_MD_CTX_new());
    // Fails only without memory or with an OpenSSL that lacks the algorithm: nothing to go on with.
    if (!context || EVP_DigestInit_ex(context.get(), algorithm, nullptr) != 1) std::abort();
    return context;
  }

  Context sha256 = Make(EVP_sha256());
  Context md5;
};

StreamHasher::StreamHasher(Md5 md5) : impl_(std::make_unique<Impl>()) {
  if (md5 == Md5::kYes) impl_->md5 = Impl::Make(EVP_md5());
}
StreamHasher::~StreamHasher() = default;
StreamHasher::StreamHasher(StreamHasher&&) noexcept = default;
StreamHasher& StreamHasher::operator=(StreamHasher&&) noexcept = default;

void StreamHasher::Update(std::string_view bytes) {
  EVP_DigestUpdate(impl_->sha256.get(), bytes.data(), bytes.size());
  if (impl_->md5) EVP_DigestUpdate(impl_->md5.get(), bytes.data(), bytes.size());
}

Digest StreamHasher::FinishSha256() {
  std::string bytes(Digest::kSize, '\0');
  EVP_DigestFinal_ex(impl_->sha256.get(), reinterpret_cast<unsigned char*>(bytes.data()), nullptr);
  return *Digest::FromBytes(bytes);
}

std::string StreamHasher::FinishMd5() {
  std::string bytes(16, '\0');
  EVP_DigestFinal_ex(impl_->md5.get(), reinterpret_cast<unsigned char*>(bytes.data()), nullptr);
  return bytes;
}

}  // namespace stockroom
