#include "services/api/search/store/record_batch.h"

#include <memory>

#include "services/common/base/kept_room.h"

namespace stockroom::api {
namespace {

// By then system calls cost little, and what is written still lies in the processor's cache.
constexpr uint64_t kAtOnce = uint64_t{128} << 10;

bool Follows(const Record& record, const Record& other) {
  return record.file == other.file && record.unit == other.unit + other.size / kUnit;
}

void WriteSideBySide(std::span<Record> records, uint64_t bytes) {
  thread_local std::unique_ptr<char[]> kept;
  const KeptRoom<kAtOnce> room(kept, bytes);
  char* at = room.data();
  for (const Record& record : records) {
    WriteRecord(at, record.texts, record.revision, record.content_hash, record.unit);
    at += record.size;
  }
  const absl::Status status = records[0].file->Write(records[0].unit, {room.data(), bytes});
  for (Record& record : records) record.status = status;
}

}  // namespace

void WriteRecords(std::span<Record> records) {
  for (size_t begin = 0; begin < records.size();) {
    size_t end = begin + 1;
    uint64_t bytes = records[begin].size;
    while (end < records.size() && Follows(records[end], records[end - 1]) &&
           bytes + records[end].size <= kAtOnce) {
      bytes += records[end++].size;
    }
    if (records[begin].file != nullptr) WriteSideBySide(records.subspan(begin, end - begin), bytes);
    begin = end;
  }
}

}  // namespace stockroom::api
