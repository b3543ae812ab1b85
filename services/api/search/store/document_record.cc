#include "services/api/search/store/document_record.h"

#include <algorithm>
#include <cstring>

#include "services/common/base/crc32c.h"
#include "services/common/base/random.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr std::array<char, 8> kMagic = {'S', 'R', 'D', 'O', 'C', 'S', '0', '1'};

}  // namespace

uint32_t FileHeader::ComputeCrc() const {
  return Crc32c({reinterpret_cast<const char*>(this), offsetof(FileHeader, crc)});
}

FileHeader FileHeader::New(uint32_t number) {
  FileHeader header{.magic = kMagic, .number = number};
  const std::string random = RandomIdBytes(header.identity.size());
  std::copy(random.begin(), random.end(), header.identity.begin());
  header.crc = header.ComputeCrc();
  return header;
}

bool FileHeader::valid() const { return magic == kMagic && crc == ComputeCrc(); }

std::string FileHeader::identity_hex() const { return ToHex({identity.data(), identity.size()}); }

uint64_t RecordSize(const RecordTexts& texts) {
  uint64_t size = sizeof(RecordHeader);
  for (const std::string_view text : texts) size += text.size();
  return (size + kUnit - 1) / kUnit * kUnit;
}

void WriteRecord(char* at, const RecordTexts& texts, int64_t revision, uint64_t content_hash,
                 uint32_t unit) {
  RecordHeader header{.size = static_cast<uint32_t>(RecordSize(texts)),
                      .revision = revision,
                      .content_hash = content_hash,
                      .unit = unit};
  char* end = at + sizeof header;
  for (size_t i = 0; i < kRecordTexts; ++i) {
    header.lengths[i] = static_cast<uint32_t>(texts[i].size());
    if (texts[i].empty()) continue;
    std::memcpy(end, texts[i].data(), texts[i].size());
    end += texts[i].size();
  }
  std::memset(end, 0, static_cast<size_t>(at + header.size - end));
  std::memcpy(at, &header, sizeof header);
  const uint32_t crc = Crc32c({at + sizeof crc, header.size - sizeof crc});
  std::memcpy(at, &crc, sizeof crc);
}

bool IsRecord(const char* at, uint64_t room, uint32_t unit) {
  RecordHeader header;
  if (room < sizeof header) return false;
  std::memcpy(&header, at, sizeof header);
  if (header.size > room || header.size < sizeof header || header.size % kUnit != 0) return false;
  if (header.crc != Crc32c({at + sizeof header.crc, header.size - sizeof header.crc})) return false;
  // What the checksum does not promise: that it was written by this program.
  uint64_t used = sizeof header;
  for (const uint32_t length : header.lengths) used += length;
  return header.unit == unit && used <= header.size;
}

uint64_t RecordBytes(const char* at) {
  RecordHeader header;
  std::memcpy(&header, at, sizeof header);
  return header.size;
}

DocumentView ViewRecord(const char* at) {
  RecordHeader header;
  std::memcpy(&header, at, sizeof header);
  const char* next = at + sizeof header;
  const auto take = [&](RecordText text) {
    const std::string_view bytes(next, header.lengths[text]);
    next += bytes.size();
    return bytes;
  };
  DocumentView view{.revision = header.revision, .content_hash = header.content_hash};
  view.id = take(kId);
  view.md5 = take(kMd5);
  view.words = take(kWords);
  view.description = take(kDescription);
  view.wire_basic = take(kWireBasic);
  const std::string_view rest = take(kWireRest);
  view.wire_full = {view.wire_basic.data(), view.wire_basic.size() + rest.size()};
  view.image = take(kImage);
  return view;
}

}  // namespace stockroom::api
