// Documents on their way into files of the store. For this folder only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "services/api/search/store/document_record.h"
#include "services/api/search/store/mapped_file.h"

namespace stockroom::api {

struct Record {
  RecordTexts texts;
  int64_t revision = 0;
  uint64_t content_hash = 0;
  uint64_t size = 0;  // RecordSize
  absl::Status status;
  // The place that was reserved for it; null: there is none.
  std::shared_ptr<MappedFile> file;
  uint32_t unit = 0;

  Locator locator() const { return MakeLocator(file->number(), unit); }
};

// Writes those that have a place: what lies side by side together, with few system calls. Their
// statuses say what became of it.
void WriteRecords(std::span<Record> records);

}  // namespace stockroom::api
