#include "services/common/base/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>

#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom {

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
  const auto lower = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (hex.size() != 2 * kSize || !std::all_of(hex.begin(), hex.end(), lower)) {
    return InvalidArgument("NOT_A_DIGEST", "a SHA-256 digest is 64 lower-case hex digits");
  }
  SR_ASSIGN_OR_RETURN(const std::string bytes, stockroom::FromHex(hex));
  return FromBytes(bytes);
}

Digest Digest::Of(std::string_view content) {
  StreamHasher hasher;
  hasher.Update(content);
  return hasher.FinishSha256();
}

std::string Digest::hex() const { return ToHex(bytes()); }

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
