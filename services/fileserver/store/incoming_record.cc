#include "services/fileserver/store/incoming_record.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::fileserver {
namespace {

constexpr std::string_view kRecordTitle = "stockroom-incoming 1\n";
constexpr std::string_view kNoteTitle = "stockroom-incoming-became 1\n";
constexpr std::string_view kCheck = "check ";
constexpr size_t kCheckBytes = 8;
constexpr size_t kMaxId = 64;
constexpr size_t kMaxContentType = 255;
constexpr size_t kMd5Bytes = 16;

using Lines = std::map<std::string, std::string>;

absl::Status Damaged() {
  return MakeStatus(absl::StatusCode::kDataLoss,
                    "what was written down about the upload is damaged",
                    {.reason = "INCOMING_DAMAGED"});
}

std::string CheckOf(std::string_view text) {
  return std::string(kCheck) + ToHex(Digest::Of(text).bytes().substr(0, kCheckBytes)) + "\n";
}

std::string Checked(std::string text) {
  text += CheckOf(text);
  return text;
}

absl::StatusOr<Lines> Read(std::string_view title, std::string_view text) {
  const size_t check = text.size() - std::min(text.size(), CheckOf("").size());
  if (!text.starts_with(title) || CheckOf(text.substr(0, check)) != text.substr(check)) {
    return Damaged();
  }
  Lines lines;
  const std::string_view body = text.substr(title.size(), check - title.size());
  for (const absl::string_view line : absl::StrSplit(Av(body), '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    lines.insert(pair);
  }
  return lines;
}

std::string Line(std::string_view name, std::string_view value) {
  return value.empty() ? "" : absl::StrCat(Av(name), " ", Av(value), "\n");
}

}  // namespace

absl::Status CheckIncomingId(std::string_view id) {
  const bool clean = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
  });
  if (clean && !id.empty() && id.size() <= kMaxId) return absl::OkStatus();
  return InvalidField("id", "must be 1 to 64 characters of 0-9, a-z and -");
}

absl::Status CheckIncomingSpec(const IncomingSpec& spec) {
  SR_RETURN_IF_ERROR(CheckIncomingId(spec.id));
  if (spec.size < 1) return InvalidField("size", "must be at least 1");
  const bool clean = std::all_of(spec.content_type.begin(), spec.content_type.end(),
                                 [](char c) { return c >= 0x20 && c < 0x7f; });
  if (!clean || spec.content_type.size() > kMaxContentType || spec.content_type.starts_with(' ') ||
      spec.content_type.ends_with(' ')) {
    return InvalidField("content_type", "must be a media type of at most 255 characters");
  }
  if (!spec.md5.empty() && spec.md5.size() != kMd5Bytes) {
    return InvalidField("md5", "must have 16 bytes");
  }
  if (spec.expires == absl::InfiniteFuture() || spec.expires == absl::InfinitePast()) {
    return InvalidField("expires_unix_ms", "must be a time");
  }
  return absl::OkStatus();
}

std::string EncodeIncomingRecord(const IncomingSpec& spec) {
  return Checked(absl::StrCat(
      Av(kRecordTitle), Line("id", spec.id), Line("size", absl::StrCat(spec.size)),
      Line("expires", absl::StrCat(absl::ToUnixMillis(spec.expires))),
      Line("type", spec.content_type), Line("sha256", spec.sha256 ? spec.sha256->hex() : ""),
      Line("md5", ToHex(spec.md5)),
      Line("crc32c", spec.crc32c ? absl::StrFormat("%08x", *spec.crc32c) : "")));
}

absl::StatusOr<IncomingSpec> DecodeIncomingRecord(std::string_view id, std::string_view record) {
  SR_ASSIGN_OR_RETURN(Lines lines, Read(kRecordTitle, record));
  IncomingSpec spec{.id = lines["id"], .content_type = lines["type"]};
  int64_t expires = 0;
  if (spec.id != id || !absl::SimpleAtoi(lines["size"], &spec.size) ||
      !absl::SimpleAtoi(lines["expires"], &expires)) {
    return Damaged();
  }
  spec.expires = absl::FromUnixMillis(expires);
  if (lines.contains("sha256")) {
    SR_ASSIGN_OR_RETURN(spec.sha256, Digest::FromHex(lines["sha256"]));
  }
  SR_ASSIGN_OR_RETURN(spec.md5, FromHex(lines["md5"]));
  if (lines.contains("crc32c")) {
    uint32_t crc = 0;
    if (!absl::SimpleHexAtoi(lines["crc32c"], &crc)) return Damaged();
    spec.crc32c = crc;
  }
  return CheckIncomingSpec(spec).ok() ? absl::StatusOr<IncomingSpec>(std::move(spec)) : Damaged();
}

std::string EncodeIncomingNote(const Digest& digest) {
  return Checked(absl::StrCat(Av(kNoteTitle), Line("sha256", digest.hex())));
}

absl::StatusOr<Digest> DecodeIncomingNote(std::string_view note) {
  SR_ASSIGN_OR_RETURN(Lines lines, Read(kNoteTitle, note));
  absl::StatusOr<Digest> digest = Digest::FromHex(lines["sha256"]);
  return digest.ok() ? digest : Damaged();
}

bool SameIncoming(const IncomingSpec& a, const IncomingSpec& b) {
  return EncodeIncomingRecord(a) == EncodeIncomingRecord(b);
}

}  // namespace stockroom::fileserver
