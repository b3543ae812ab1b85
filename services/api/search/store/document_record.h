// How a document lies in a file of the document store.
//
//   file    FileHeader, then records, each at a multiple of kUnit
//   record  RecordHeader, then its texts in the order of DocumentView, then zeros up to kUnit
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "services/api/search/store/document_store.h"

namespace stockroom::api {

static_assert(std::endian::native == std::endian::little, "numbers lie in files as in memory");

// A cache line: most headers then cost one.
inline constexpr uint64_t kUnit = 64;

// A locator is the file's number (24 bits, never given twice) before the record's place in it in
// units (24 bits: files of at most 1 GiB).
inline constexpr int kUnitBits = 24;
inline constexpr uint32_t kMaxNumber = (uint32_t{1} << 24) - 1;
inline constexpr uint64_t kMaxFileBytes = kUnit << kUnitBits;
inline Locator MakeLocator(uint32_t number, uint32_t unit) {
  return static_cast<Locator>(number) << kUnitBits | unit;
}
inline uint32_t NumberOf(Locator locator) { return static_cast<uint32_t>(locator >> kUnitBits); }
inline uint32_t UnitOf(Locator locator) {
  return static_cast<uint32_t>(locator & ((Locator{1} << kUnitBits) - 1));
}

struct FileHeader {
  std::array<char, 8> magic{};
  // Random: a file is never taken for another of the same name.
  std::array<char, 16> identity{};
  uint32_t number = 0;
  std::array<char, 32> reserved{};
  uint32_t crc = 0;  // of what is above

  static FileHeader New(uint32_t number);
  uint32_t ComputeCrc() const;
  bool valid() const;
  std::string identity_hex() const;
};
static_assert(sizeof(FileHeader) == kUnit);

enum RecordText : uint8_t { kId, kMd5, kWords, kDescription, kWireBasic, kWireRest, kImage };
inline constexpr size_t kRecordTexts = 7;
using RecordTexts = std::array<std::string_view, kRecordTexts>;

struct RecordHeader {
  uint32_t crc = 0;   // of everything behind it, up to `size`
  uint32_t size = 0;  // with this header, rounded up to kUnit
  int64_t revision = 0;
  uint64_t content_hash = 0;
  uint32_t unit = 0;  // where it lies, so that none is taken for another
  std::array<uint32_t, kRecordTexts> lengths{};
};
static_assert(sizeof(RecordHeader) == 56);

// Bytes that a record of these takes. May be more than 4 GiB: then there can be none.
uint64_t RecordSize(const RecordTexts& texts);
// Writes a whole record of RecordSize (at most kMaxFileBytes) bytes to `at`.
void WriteRecord(char* at, const RecordTexts& texts, int64_t revision, uint64_t content_hash,
                 uint32_t unit);

// Whether a whole record lies at `at`, of which `room` bytes may be read, whatever they are.
bool IsRecord(const char* at, uint64_t room, uint32_t unit);
// Of a record that is whole: its size.
uint64_t RecordBytes(const char* at);
DocumentView ViewRecord(const char* at);

}  // namespace stockroom::api
