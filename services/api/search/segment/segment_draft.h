// A segment while it is made. For this folder only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/api/search/segment/number_draft.h"
#include "services/api/search/segment/segment_format.h"

namespace stockroom::api::segment_format {

// Bytes that grow without being copied, and go piece by piece.
class Pieces {
 public:
  void Append(const void* data, size_t bytes) {
    if (bytes > room_) return AppendInPieces(static_cast<const uint8_t*>(data), bytes);
    if (bytes > 0) Fill(data, bytes);
  }
  template <typename T>
  void Put(T value) {
    Append(&value, sizeof(T));
  }
  uint64_t size() const { return size_; }
  // Gives the memory back on the way.
  void MoveTo(uint8_t* to);

 private:
  static constexpr size_t kFirst = 4096;
  static constexpr size_t kLargest = size_t{1} << 20;
  struct Piece {
    std::unique_ptr<uint8_t[]> data;
    size_t size = 0;
  };
  // No more than there is room for.
  void Fill(const void* data, size_t bytes) {
    std::memcpy(at_, data, bytes);
    at_ += bytes;
    room_ -= bytes;
    size_ += bytes;
  }
  void AppendInPieces(const uint8_t* from, size_t bytes);

  std::vector<Piece> pieces_;  // all but the last are full
  uint8_t* at_ = nullptr;      // in the last one
  size_t room_ = 0;            // and how much it has left
  uint64_t size_ = 0;
};

// In three steps: the terms in order; what the columns hold at all; every document's row.
class Draft {
 public:
  explicit Draft(uint32_t docs);

  // Ascending. `docs`, ascending and not empty, have it with these payloads.
  void AddTerm(std::string_view text, std::span<const Doc> docs, std::span<const Payload> payloads);
  // The lists have outgrown what entries can say.
  bool too_large() const { return lists_.size() / 2 > UINT32_MAX; }

  struct Shape {
    // Ascending, the first is "".
    std::array<std::vector<std::string>, kOrdinals> values;
    // Of all documents; of kIdTimes, of those whose ids are UUIDs.
    std::array<NumberRanges, kNumberColumns> numbers;
    uint32_t located = 0;
    bool has_looks = false;
    std::vector<std::string> other_ids;  // by number
  };
  void Allocate(Shape shape);

  void SetOrdinal(size_t column, Doc doc, uint32_t ord) {
    std::memcpy(at_[kOrdinalData + column] + doc * widths_[column], &ord, widths_[column]);
  }
  // Of each document that the shape was told of, and once.
  void SetNumber(size_t column, Doc doc, int64_t value) {
    const uint64_t shift = header().numbers[column].shift;
    PutNumber(Blocks(column)[doc >> shift], doc & ((1u << shift) - 1), value,
              at_[kNumberData + column]);
  }
  // DocFlags.
  void SetFlags(Doc doc, uint16_t bits) { Set(kFlags, doc, bits); }
  void SetLength(Doc doc, uint8_t length_class) { at_[kLengths][doc] = length_class; }
  void SetMd5(Doc doc, uint32_t start) {
    std::memcpy(at_[kMd5] + Segment::kMd5Start * doc, &start, Segment::kMd5Start);
  }
  // `number` counts those that have one, in order of their documents.
  void SetLocation(uint32_t number, Doc doc, GeoPoint point) {
    ++reinterpret_cast<uint32_t*>(at_[kGeoEnds])[doc / kChunkDocs];
    Set(kGeoLows, number, static_cast<uint16_t>(doc % kChunkDocs));
    Set(kGeoPoints, number, point);
  }
  void SetPdq(size_t word, Doc doc, uint64_t bits) { Set(kPdq, word * header().docs + doc, bits); }
  void SetLooks(Doc doc, const Looks& looks) { Set(kLooks, doc, looks); }
  void SetId(Doc doc, const RawId& id, int64_t created_us) {
    id.WriteTail(at_[kIds] + RawId::kTail * doc);
    if (!id.is_other()) SetNumber(kIdTimes, doc, id.After(created_us));
  }

  // When every row is there. The draft is used up.
  std::shared_ptr<const Segment> Finish();

 private:
  template <typename T>
  void Set(size_t section, size_t index, T value) {
    std::memcpy(at_[section] + index * sizeof(T), &value, sizeof(T));
  }
  Header& header() { return *reinterpret_cast<Header*>(block_.get()); }
  void PutText(std::string_view text);
  void PutList(std::span<const Doc> docs, std::span<const Payload> payloads);
  template <typename T, typename Part>
  void PutNumbers(std::span<const Doc> docs, Part part);
  void PutEnds(std::span<const Doc> docs, TermList::Form form);
  void PutMixed(std::span<const Doc> docs);
  void PutBitmap(std::span<const Doc> docs);
  void PutPayloads(std::span<const Payload> payloads, int packing,
                   const std::array<uint8_t, 256>& codes);
  void PutTexts(size_t starts, size_t text, const std::vector<std::string>& values);
  void FindableIds();
  // Sums up what SetLocation has counted.
  void EndLocations();
  const NumberColumn::Block* Blocks(size_t column) const {
    return reinterpret_cast<const NumberColumn::Block*>(at_[kNumberBlocks + column]);
  }
  int64_t NumberAt(size_t column, Doc doc);

  const uint32_t docs_;
  const uint32_t chunks_;
  uint32_t terms_ = 0;
  uint32_t bitmaps_ = 0;
  std::string last_term_;
  Pieces block_starts_;
  Pieces text_;
  Pieces entries_;
  Pieces lists_;
  Pieces bitmap_bytes_;
  std::vector<uint8_t> scratch_;
  std::shared_ptr<uint64_t[]> block_;
  std::array<uint8_t*, kSections> at_{};
  std::array<size_t, kOrdinals> widths_{};
  std::vector<std::string> other_ids_;
};

}  // namespace stockroom::api::segment_format
