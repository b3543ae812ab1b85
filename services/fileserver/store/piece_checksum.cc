#include "services/fileserver/store/piece_checksum.h"

#include <openssl/evp.h>
#include <zlib.h>

#include <array>
#include <new>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::fileserver {
namespace {

struct Algorithm {
  std::string_view name;
  size_t bytes;
  const EVP_MD* (*evp)();  // null: a CRC
};
constexpr std::array<Algorithm, 5> kAlgorithms = {{{"sha1", 20, EVP_sha1},
                                                   {"md5", 16, EVP_md5},
                                                   {"sha256", 32, EVP_sha256},
                                                   {"crc32", 4, nullptr},
                                                   {"crc32c", 4, nullptr}}};

const Algorithm* Find(std::string_view name) {
  for (const Algorithm& algorithm : kAlgorithms) {
    if (algorithm.name == name) return &algorithm;
  }
  return nullptr;
}

absl::Status Bad(std::string_view what) { return InvalidArgument("BAD_CHECKSUM", what); }

}  // namespace

absl::StatusOr<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  // Abseil takes white space, the URL alphabet and missing padding as well; we take what we would
  // write.
  if (!absl::Base64Unescape(Av(text), &bytes) || absl::Base64Escape(bytes) != Av(text)) {
    return InvalidArgument("BAD_BASE64", "not base64 with padding");
  }
  return bytes;
}

absl::StatusOr<PieceChecksum> ParsePieceChecksum(std::string_view text) {
  const size_t space = text.find(' ');
  const Algorithm* algorithm = Find(text.substr(0, space));
  if (algorithm == nullptr) {
    return Bad(absl::StrCat("the checksum's algorithm must be one of ", Av(kPieceChecksums)));
  }
  const absl::StatusOr<std::string> value =
      FromBase64(space == std::string_view::npos ? "" : text.substr(space + 1));
  if (!value.ok() || value->size() != algorithm->bytes) {
    return Bad(absl::StrCat("a checksum of ", Av(algorithm->name), " is the base64 of ",
                            algorithm->bytes, " bytes"));
  }
  return PieceChecksum{std::string(algorithm->name), *value};
}

class PieceHasher::Impl {
 public:
  explicit Impl(const Algorithm& algorithm) : algorithm_(algorithm) {
    if (algorithm.evp == nullptr) return;
    context_ = EVP_MD_CTX_new();
    // Without memory there is nothing sensible to go on with.
    if (context_ == nullptr || EVP_DigestInit_ex(context_, algorithm.evp(), nullptr) != 1) {
      throw std::bad_alloc();
    }
  }
  ~Impl() { EVP_MD_CTX_free(context_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void Update(std::string_view bytes) {
    if (context_ != nullptr) {
      EVP_DigestUpdate(context_, bytes.data(), bytes.size());
    } else if (algorithm_.name == "crc32c") {
      crc_ = Crc32c(bytes, crc_);
    } else {
      crc_ = static_cast<uint32_t>(
          crc32_z(crc_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
    }
  }

  std::string Finish() {
    if (context_ == nullptr) {
      return {static_cast<char>(crc_ >> 24), static_cast<char>(crc_ >> 16),
              static_cast<char>(crc_ >> 8), static_cast<char>(crc_)};
    }
    std::string value(algorithm_.bytes, '\0');
    EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(value.data()), nullptr);
    return value;
  }

 private:
  const Algorithm& algorithm_;
  EVP_MD_CTX* context_ = nullptr;
  uint32_t crc_ = 0;
};

PieceHasher::PieceHasher(std::string_view algorithm)
    : impl_(std::make_unique<Impl>(*Find(algorithm))) {}
PieceHasher::~PieceHasher() = default;
PieceHasher::PieceHasher(PieceHasher&&) noexcept = default;
PieceHasher& PieceHasher::operator=(PieceHasher&&) noexcept = default;

void PieceHasher::Update(std::string_view bytes) { impl_->Update(bytes); }

std::string PieceHasher::Finish() { return impl_->Finish(); }

}  // namespace stockroom::fileserver
