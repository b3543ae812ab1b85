#include "services/fileserver/backends/s3_record.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::fileserver {
namespace {

constexpr std::string_view kSha256 = "sr-sha256";
constexpr std::string_view kMd5 = "sr-md5";
constexpr std::string_view kSize = "sr-size";
constexpr std::string_view kCrc32c = "sr-crc32c";
constexpr std::string_view kSums = "sr-sums";
constexpr std::string_view kCheck = "sr-check";
constexpr std::string_view kElsewhere = "object:";
constexpr size_t kCheckDigits = 16;
constexpr size_t kMd5Bytes = 16;

absl::Status Damaged(std::string_view what) {
  return MakeStatus(absl::StatusCode::kDataLoss,
                    "what S3 has recorded about the object is " + std::string(what),
                    {.reason = "BLOB_DAMAGED"});
}

std::string CheckOf(const s3::Fields& fields) {
  std::string text;
  for (const std::string_view name : {kSha256, kMd5, kSize, kCrc32c, kSums}) {
    for (const auto& [field, value] : fields) {
      if (field == name) absl::StrAppend(&text, field, ":", value, "\n");
    }
  }
  return Digest::Of(text).hex().substr(0, kCheckDigits);
}

s3::Fields Checked(s3::Fields fields) {
  std::string check = CheckOf(fields);
  fields.emplace_back(kCheck, std::move(check));
  return fields;
}

std::string CrcText(uint32_t crc) { return absl::StrCat(absl::Hex(crc, absl::kZeroPad8)); }

// What both kinds of record have in common.
struct Common {
  Digest sha256;
  int64_t size = 0;
  ChunkSums sums;
  std::optional<Digest> sums_object;
};

absl::Status ReadSums(std::string_view text, Common& common) {
  if (text.empty()) return absl::OkStatus();
  if (text.starts_with(kElsewhere)) {
    const absl::StatusOr<Digest> digest = Digest::FromHex(text.substr(kElsewhere.size()));
    if (!digest.ok()) return Damaged("damaged (sums)");
    common.sums_object = *digest;
    return absl::OkStatus();
  }
  std::string bytes;
  if (!absl::Base64Unescape(Av(text), &bytes)) return Damaged("damaged (sums)");
  absl::StatusOr<ChunkSums> sums = ChunkSums::Decode(bytes);
  if (!sums.ok() || !sums->Fits(common.size)) return Damaged("damaged (sums)");
  common.sums = *std::move(sums);
  return absl::OkStatus();
}

absl::StatusOr<Common> DecodeCommon(const s3::ObjectInfo& object) {
  Common common;
  if (object.Metadata(kCheck).empty()) {
    return Damaged("missing: did something else than Stockroom write or copy it?");
  }
  if (object.Metadata(kCheck) != CheckOf(object.metadata)) return Damaged("damaged");
  const absl::StatusOr<Digest> digest = Digest::FromHex(object.Metadata(kSha256));
  if (!digest.ok() || !absl::SimpleAtoi(Av(object.Metadata(kSize)), &common.size)) {
    return Damaged("incomplete");
  }
  common.sha256 = *digest;
  if (common.size != object.size) {
    return Damaged(absl::StrCat("of ", common.size, " bytes, but it has ", object.size));
  }
  SR_RETURN_IF_ERROR(ReadSums(object.Metadata(kSums), common));
  return common;
}

// A plain MD5, as servers give for objects that were put in one piece.
bool IsMd5(std::string_view etag) {
  return etag.size() == 2 * kMd5Bytes && std::all_of(etag.begin(), etag.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

s3::Fields EncodeRecord(const BlobInfo& info, const ChunkSums& sums, size_t inline_sums) {
  s3::Fields fields = {{std::string(kSha256), info.sha256.hex()},
                       {std::string(kMd5), ToHex(info.md5)},
                       {std::string(kSize), absl::StrCat(info.size)}};
  if (info.crc32c.has_value()) fields.emplace_back(kCrc32c, CrcText(*info.crc32c));
  if (sums.sums().size() > inline_sums) {
    fields.emplace_back(kSums, std::string(kElsewhere) + Digest::Of(sums.Encode()).hex());
  } else if (!sums.empty()) {
    fields.emplace_back(kSums, absl::Base64Escape(sums.Encode()));
  }
  return Checked(std::move(fields));
}

s3::Fields EncodeRecord(const RenditionInfo& info, const ChunkSums& sums) {
  s3::Fields fields = {{std::string(kSha256), info.sha256.hex()},
                       {std::string(kSize), absl::StrCat(info.size)}};
  if (!sums.empty() && sums.sums().size() <= kMostInlineSums) {
    fields.emplace_back(kSums, absl::Base64Escape(sums.Encode()));
  }
  return Checked(std::move(fields));
}

absl::StatusOr<S3Record<BlobInfo>> DecodeBlobRecord(const s3::ObjectInfo& object,
                                                    const Digest& digest) {
  SR_ASSIGN_OR_RETURN(Common common, DecodeCommon(object));
  if (common.sha256 != digest) return Damaged("of another blob");
  S3Record<BlobInfo> record{.info = {.sha256 = common.sha256, .md5 = {}, .size = common.size},
                            .sums = std::move(common.sums),
                            .sums_object = common.sums_object};
  const absl::StatusOr<std::string> md5 = FromHex(object.Metadata(kMd5));
  if (!md5.ok() || md5->size() != kMd5Bytes) return Damaged("damaged (MD5)");
  record.info.md5 = *md5;
  if (const std::string_view crc = object.Metadata(kCrc32c); !crc.empty()) {
    uint32_t value = 0;
    if (!absl::SimpleHexAtoi(Av(crc), &value)) return Damaged("damaged (CRC-32C)");
    record.info.crc32c = value;
  }
  if (!object.opaque_etag && IsMd5(object.etag) && object.etag != object.Metadata(kMd5)) {
    return Damaged("of other bytes than its ETag");
  }
  return record;
}

absl::StatusOr<S3Record<RenditionInfo>> DecodeRenditionRecord(const s3::ObjectInfo& object) {
  SR_ASSIGN_OR_RETURN(Common common, DecodeCommon(object));
  return S3Record<RenditionInfo>{.info = {.sha256 = common.sha256, .size = common.size},
                                 .sums = std::move(common.sums),
                                 .sums_object = std::nullopt};
}

}  // namespace stockroom::fileserver
