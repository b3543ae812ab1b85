#include "services/fileserver/backends/footer.h"

#include <utility>

#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

constexpr size_t kMagicBytes = 8;
constexpr size_t kMd5Bytes = 16;
constexpr size_t kCrcBytes = 4;
constexpr size_t kCheckBytes = 8;
constexpr size_t kSizeAt = kMagicBytes;
constexpr size_t kRestAt = kSizeAt + 8;
constexpr int64_t kBytesOfSum = 4;

// One layout: what stands between the size and the check.
struct Layout {
  std::string_view magic;
  size_t fixed_bytes;  // without the sums
  bool sums;
};
constexpr size_t kRenditionFixed = kRestAt + Digest::kSize + kCheckBytes;
constexpr size_t kOldBlobFixed = kRenditionFixed + kMd5Bytes;
constexpr size_t kBlobFixed = kOldBlobFixed + kCrcBytes;
constexpr Layout kBlobLayouts[] = {{"SRBLOB2\n", kBlobFixed, true},
                                   {"SRBLOB1\n", kOldBlobFixed, false}};
constexpr Layout kRenditionLayouts[] = {{"SRREND2\n", kRenditionFixed, true},
                                        {"SRREND1\n", kRenditionFixed, false}};

constexpr const auto& LayoutsOf(const BlobInfo*) { return kBlobLayouts; }
constexpr const auto& LayoutsOf(const RenditionInfo*) { return kRenditionLayouts; }

std::string EncodeNumber(uint64_t number, size_t bytes) {
  std::string encoded(bytes, '\0');
  for (char& byte : encoded) {
    byte = static_cast<char>(number & 0xff);
    number >>= 8;
  }
  return encoded;
}

uint64_t DecodeNumber(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = bytes.size(); i-- > 0;)
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

int64_t SumBytesOf(const Layout& layout, int64_t size) {
  return layout.sums ? kBytesOfSum * ((size + kSumBytes - 1) / kSumBytes) : 0;
}

std::string Checked(std::string footer) {
  const Digest digest = Digest::Of(footer);
  footer += digest.bytes().substr(0, kCheckBytes);
  return footer;
}

// Null if `tail` does not end with one of them. No two can fit: their magics would overlap.
template <typename Info>
const Layout* FindLayout(std::string_view tail) {
  for (const Layout& layout : LayoutsOf(static_cast<const Info*>(nullptr))) {
    if (tail.size() >= layout.fixed_bytes &&
        tail.substr(tail.size() - layout.fixed_bytes).starts_with(layout.magic)) {
      return &layout;
    }
  }
  return nullptr;
}

absl::Status NoFooter() {
  return absl::DataLossError("the file does not end with a footer of ours");
}

// `rest` follows the size.
absl::StatusOr<BlobInfo> DecodeInfo(const Layout& layout, int64_t size, std::string_view rest,
                                    const BlobInfo*) {
  SR_ASSIGN_OR_RETURN(const Digest digest,
                      Digest::FromBytes(rest.substr(kMd5Bytes, Digest::kSize)));
  BlobInfo info{.sha256 = digest, .md5 = std::string(rest.substr(0, kMd5Bytes)), .size = size};
  if (layout.sums) {
    info.crc32c =
        static_cast<uint32_t>(DecodeNumber(rest.substr(kMd5Bytes + Digest::kSize, kCrcBytes)));
  }
  return info;
}

absl::StatusOr<RenditionInfo> DecodeInfo(const Layout&, int64_t size, std::string_view rest,
                                         const RenditionInfo*) {
  SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(rest.substr(0, Digest::kSize)));
  return RenditionInfo{.sha256 = digest, .size = size};
}

}  // namespace

absl::StatusOr<std::string> EncodeFooter(const BlobInfo& info, const ChunkSums& sums) {
  if (!sums.Fits(info.size) || info.md5.size() != kMd5Bytes || !info.crc32c) {
    return absl::InternalError("a blob is to be stored without all of its sums");
  }
  std::string footer = sums.Encode();
  footer += kBlobLayouts[0].magic;
  footer += EncodeNumber(static_cast<uint64_t>(info.size), 8);
  footer += info.md5;
  footer += info.sha256.bytes();
  footer += EncodeNumber(*info.crc32c, kCrcBytes);
  return Checked(std::move(footer));
}

absl::StatusOr<std::string> EncodeFooter(const RenditionInfo& info, const ChunkSums& sums) {
  if (!sums.Fits(info.size)) {
    return absl::InternalError("a rendition is to be stored without its sums");
  }
  std::string footer = sums.Encode();
  footer += kRenditionLayouts[0].magic;
  footer += EncodeNumber(static_cast<uint64_t>(info.size), 8);
  footer += info.sha256.bytes();
  return Checked(std::move(footer));
}

template <typename Info>
absl::StatusOr<int64_t> FooterBytes(std::string_view tail, int64_t file_size) {
  const Layout* layout = FindLayout<Info>(tail);
  if (layout == nullptr) return NoFooter();
  const auto size = static_cast<int64_t>(
      DecodeNumber(tail.substr(tail.size() - layout->fixed_bytes + kSizeAt, 8)));
  // Not checked yet: it may be any number.
  if (size < 0 || size > file_size) return absl::DataLossError("the file's footer is damaged");
  const int64_t footer = SumBytesOf(*layout, size) + static_cast<int64_t>(layout->fixed_bytes);
  if (size + footer != file_size) {
    return absl::DataLossError("the file has another length than its footer says");
  }
  return footer;
}

template <typename Info>
absl::StatusOr<Footer<Info>> DecodeFooter(std::string_view footer) {
  const Layout* layout = FindLayout<Info>(footer);
  if (layout == nullptr) return NoFooter();
  const std::string_view checked = footer.substr(0, footer.size() - kCheckBytes);
  if (Digest::Of(checked).bytes().substr(0, kCheckBytes) != footer.substr(checked.size())) {
    return absl::DataLossError("the file's footer is damaged");
  }
  const size_t sum_bytes = footer.size() - layout->fixed_bytes;
  const std::string_view fixed = footer.substr(sum_bytes);
  const auto size = static_cast<int64_t>(DecodeNumber(fixed.substr(kSizeAt, 8)));
  if (SumBytesOf(*layout, size) != static_cast<int64_t>(sum_bytes)) return NoFooter();
  Footer<Info> result;
  SR_ASSIGN_OR_RETURN(result.sums, ChunkSums::Decode(footer.substr(0, sum_bytes)));
  SR_ASSIGN_OR_RETURN(result.info, DecodeInfo(*layout, size, fixed.substr(kRestAt),
                                              static_cast<const Info*>(nullptr)));
  return result;
}

template absl::StatusOr<int64_t> FooterBytes<BlobInfo>(std::string_view, int64_t);
template absl::StatusOr<int64_t> FooterBytes<RenditionInfo>(std::string_view, int64_t);
template absl::StatusOr<Footer<BlobInfo>> DecodeFooter(std::string_view);
template absl::StatusOr<Footer<RenditionInfo>> DecodeFooter(std::string_view);

int64_t BlobPayloadBytes(int64_t file_size) {
  const int64_t with_sums = file_size - static_cast<int64_t>(kBlobFixed);
  if (with_sums <= 0) return 0;
  constexpr int64_t kPieceAndSum = kSumBytes + kBytesOfSum;
  return with_sums - kBytesOfSum * ((with_sums + kPieceAndSum - 1) / kPieceAndSum);
}

}  // namespace stockroom::fileserver
