#include "services/fileserver/backends/footer.h"

#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

constexpr std::string_view kBlobMagic = "SRBLOB1\n";
constexpr std::string_view kRenditionMagic = "SRREND1\n";
constexpr size_t kMd5Bytes = 16;
constexpr size_t kCheckBytes = 8;
constexpr size_t kSizeAt = 8;
constexpr size_t kRestAt = 16;

std::string EncodeSize(int64_t size) {
  std::string bytes(8, '\0');
  auto rest = static_cast<uint64_t>(size);
  for (char& byte : bytes) {
    byte = static_cast<char>(rest & 0xff);
    rest >>= 8;
  }
  return bytes;
}

int64_t DecodeSize(std::string_view bytes) {
  uint64_t size = 0;
  for (size_t i = 8; i-- > 0;) size = size << 8 | static_cast<unsigned char>(bytes[i]);
  return static_cast<int64_t>(size);
}

std::string Checked(std::string fields) {
  const Digest digest = Digest::Of(fields);
  fields += digest.bytes().substr(0, kCheckBytes);
  return fields;
}

absl::Status Check(std::string_view footer, std::string_view magic, size_t bytes) {
  if (footer.size() != bytes || !footer.starts_with(magic)) {
    return absl::DataLossError("the file does not end with a footer of ours");
  }
  const std::string_view fields = footer.substr(0, bytes - kCheckBytes);
  if (Digest::Of(fields).bytes().substr(0, kCheckBytes) != footer.substr(fields.size())) {
    return absl::DataLossError("the file's footer is damaged");
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeFooter(const BlobInfo& info) {
  std::string fields(kBlobMagic);
  fields += EncodeSize(info.size);
  fields += info.md5;
  fields += info.sha256.bytes();
  return Checked(std::move(fields));
}

std::string EncodeFooter(const RenditionInfo& info) {
  std::string fields(kRenditionMagic);
  fields += EncodeSize(info.size);
  fields += info.sha256.bytes();
  return Checked(std::move(fields));
}

absl::StatusOr<BlobInfo> DecodeBlobFooter(std::string_view footer) {
  SR_RETURN_IF_ERROR(Check(footer, kBlobMagic, kBlobFooterBytes));
  SR_ASSIGN_OR_RETURN(const Digest digest,
                      Digest::FromBytes(footer.substr(kRestAt + kMd5Bytes, Digest::kSize)));
  return BlobInfo{.sha256 = digest,
                  .md5 = std::string(footer.substr(kRestAt, kMd5Bytes)),
                  .size = DecodeSize(footer.substr(kSizeAt))};
}

absl::StatusOr<RenditionInfo> DecodeRenditionFooter(std::string_view footer) {
  SR_RETURN_IF_ERROR(Check(footer, kRenditionMagic, kRenditionFooterBytes));
  SR_ASSIGN_OR_RETURN(const Digest digest,
                      Digest::FromBytes(footer.substr(kRestAt, Digest::kSize)));
  return RenditionInfo{.sha256 = digest, .size = DecodeSize(footer.substr(kSizeAt))};
}

}  // namespace stockroom::fileserver
