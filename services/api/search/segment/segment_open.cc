// What Segment::Open checks: after it, no read of a segment looks at anything but its block.
#include <algorithm>

#include "services/api/domain/image.h"
#include "services/api/search/segment/segment_format.h"
#include "services/common/base/status.h"

namespace stockroom::api {

using namespace segment_format;  // NOLINT: the names of the sections

namespace {

absl::Status Broken(std::string_view what) {
  return MakeStatus(absl::StatusCode::kDataLoss,
                    "a segment of the search index is not whole: " + std::string(what),
                    {.reason = "SEGMENT_CORRUPT"});
}

uint64_t BlocksOf(uint64_t terms) { return (terms + kBlockTerms - 1) / kBlockTerms; }

// Sections that hold so much for each document, term or value.
bool SectionsFit(const Header& h) {
  const uint64_t docs = h.docs;
  const auto& s = h.sections;
  bool fits = s[kBlockStarts] == (BlocksOf(h.terms) + 1) * sizeof(uint64_t) &&
              s[kEntries] == uint64_t{h.terms} * TermEntry::kWords * sizeof(uint16_t) &&
              s[kBitmaps] % kBitmapBytes == 0 && s[kFlags] == docs * sizeof(uint16_t) &&
              s[kLengths] == docs && s[kMd5] == Md5Bytes(docs) &&
              s[kGeoEnds] == ChunksOf(h.docs) * sizeof(uint32_t) &&
              s[kGeoLows] == uint64_t{h.located} * sizeof(uint16_t) &&
              s[kGeoPoints] == uint64_t{h.located} * sizeof(GeoPoint) &&
              s[kPdq] == docs * sizeof(PdqWords) && s[kLooks] == docs * h.looks_bytes &&
              s[kIds] == docs * RawId::kTail &&
              s[kOtherStarts] == (uint64_t{h.others} + 1) * sizeof(uint64_t) &&
              s[kBuckets] == ((uint64_t{1} << h.bucket_bits) + 1) * sizeof(uint32_t) &&
              s[kBucketDocs] == IdSlot(h.docs).SectionBytes(h.docs);
  for (size_t i = 0; i < kNumberColumns; ++i) {
    const Header::NumberShape& shape = h.numbers[i];
    fits = fits && (shape.shift == kNumberBlockShift || shape.shift == kOneBlockShift) &&
           shape.min <= shape.max && s[kNumberData + i] >= kNumberPadding &&
           s[kNumberBlocks + i] == NumberBlocks(h.docs, static_cast<uint32_t>(shape.shift)) *
                                       sizeof(NumberColumn::Block);
  }
  for (size_t i = 0; i < kOrdinals; ++i) {
    const Header::OrdinalShape& shape = h.ordinals[i];
    fits = fits && shape.values > 0 && shape.width <= 4 && shape.width != 3 &&
           s[kValueStarts + i] == (uint64_t{shape.values} + 1) * sizeof(uint64_t) &&
           s[kOrdinalData + i] == docs * shape.width;
  }
  return fits;
}

absl::Status CheckHeader(std::span<const uint8_t> bytes) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(uint64_t) != 0) {
    return Broken("its bytes are not aligned to eight");
  }
  if (bytes.size() < sizeof(Header) || bytes.size() % 8 != 0) return Broken("it is cut short");
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kMagic) return Broken("it is none, or of another version");
  if (header.bytes != bytes.size()) return Broken("its length is another");
  if (header.checksum !=
      Checksum(bytes.data() + kChecksummedFrom, bytes.size() - kChecksummedFrom)) {
    return Broken("its checksum is another");
  }
  if (header.docs > kMostDocs || header.others > header.docs || header.located > header.docs ||
      (header.looks_bytes != 0 && header.looks_bytes != sizeof(Looks)) ||
      header.bucket_bits != IdSlot::BucketBits(header.docs) || !SectionsFit(header)) {
    return Broken("a section has the wrong size");
  }
  uint64_t left = bytes.size() - sizeof(Header);
  for (const uint64_t section : header.sections) {
    if (section > left || FilledUp(section) > left) return Broken("a section is cut short");
    left -= FilledUp(section);
  }
  return left == 0 ? absl::OkStatus() : Broken("it goes on behind its last section");
}

// `starts` are `count` + 1 places in `bytes` bytes, the last is their end.
bool StartsFit(const uint64_t* starts, uint64_t count, uint64_t bytes) {
  if (starts[0] != 0 || starts[count] != bytes) return false;
  for (uint64_t i = 0; i < count; ++i) {
    if (starts[i] > starts[i + 1]) return false;
  }
  return true;
}

// False when there is no whole varint.
bool ReadVarint(const uint8_t*& at, const uint8_t* end, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && at < end; shift += 7) {
    const uint8_t byte = *at++;
    value |= uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

// Checks one list.
class ListCheck {
 public:
  ListCheck(const uint8_t* at, uint64_t room, uint32_t count, uint32_t docs)
      : room_(room), docs_(docs), list_{at, count, ChunksOf(docs)} {}

  bool Fits(const uint8_t* bitmaps, uint64_t bitmap_count) const {
    if (!LengthFits()) return false;
    uint32_t expected = 0;
    uint64_t arrays = 0;
    for (uint32_t chunk = 0; chunk < list_.chunks; ++chunk) {
      const auto [begin, end] = list_.RangeOf(chunk);
      if (begin == end && IsHighs()) continue;
      if (begin != expected || end < begin || end > list_.count) return false;
      expected = end;
      const uint32_t size = end - begin;
      if (list_.form() != TermList::kMixed) {
        if (size > kMostArray || !LowsFit(begin, size, chunk)) return false;
      } else if (size <= kMostArray) {
        if (size > 0 && list_.PlaceOf(chunk) != arrays) return false;
        if (arrays + size > list_.arrays() ||
            !LowsFit(static_cast<uint32_t>(arrays), size, chunk)) {
          return false;
        }
        arrays += size;
      } else {
        const uint32_t place = list_.PlaceOf(chunk);
        if (place >= bitmap_count || !BitmapFits(bitmaps + kBitmapBytes * place, size, chunk)) {
          return false;
        }
      }
    }
    return expected == list_.count;
  }

 private:
  bool IsHighs() const { return list_.form() <= TermList::kHighs16; }
  uint32_t DocsOf(uint32_t chunk) const { return std::min(kChunkDocs, docs_ - chunk * kChunkDocs); }

  bool LengthFits() const {
    if (list_.count < 2 || list_.count > docs_ || room_ < 2) return false;
    if (list_.packing() >= TermList::kPackings || list_.form() > TermList::kMixed) return false;
    uint64_t bytes = 2 + TermList::TableBytes(list_.packing()) +
                     TermList::DirectoryBytes(list_.form(), list_.count, list_.chunks);
    if (bytes > room_) return false;
    bytes += uint64_t{2} * list_.arrays() + list_.PackedBytes();
    return bytes <= room_;
  }
  bool LowsFit(uint32_t begin, uint32_t size, uint32_t chunk) const {
    if (size == 0) return true;
    const uint16_t* lows = list_.lows() + begin;
    bool ascends = true;
    for (uint32_t i = 1; i < size; ++i) ascends &= lows[i - 1] < lows[i];
    return ascends && lows[size - 1] < DocsOf(chunk);
  }
  bool BitmapFits(const uint8_t* at, uint32_t size, uint32_t chunk) const {
    const auto* bits = reinterpret_cast<const uint64_t*>(at);
    const auto* ranks = reinterpret_cast<const uint16_t*>(at + sizeof(ChunkBitmap));
    uint32_t before = 0;
    for (uint32_t word = 0; word < kChunkWords; ++word) {
      if (word % 8 == 0 && ranks[word / 8] != before) return false;
      before += static_cast<uint32_t>(std::popcount(bits[word]));
      const uint32_t docs = DocsOf(chunk);
      if (word * 64 >= docs ? bits[word] != 0
                            : docs - word * 64 < 64 && bits[word] >> (docs - word * 64) != 0) {
        return false;
      }
    }
    return before == size;
  }

  const uint64_t room_;
  const uint32_t docs_;
  const TermList list_;
};

// Whether the numbers of each block stand behind those of the one before, and end where they must.
bool NumbersFit(const Header& header, size_t column, const NumberColumn::Block* blocks) {
  const uint64_t shift = header.numbers[column].shift;
  const uint64_t room = header.sections[kNumberData + column] - kNumberPadding;
  uint64_t bytes = 0;
  uint64_t left = header.docs;
  for (; left > 0; ++blocks) {
    const uint32_t bits = blocks->bits();
    if ((bits > NumberColumn::Block::kMostBits && bits != 64) || blocks->byte() != bytes) {
      return false;
    }
    const uint64_t in_block = std::min(left, uint64_t{1} << shift);
    bytes += NumberBytes(in_block, bits);
    left -= in_block;
  }
  return bytes == room;
}

bool LocationsFit(const GeoColumn& locations, uint32_t docs) {
  uint32_t expected = 0;
  for (uint32_t chunk = 0; chunk < ChunksOf(docs); ++chunk) {
    const auto [begin, end] = locations.RangeOf(chunk);
    if (begin != expected || end < begin || end > locations.lows.size()) return false;
    for (uint32_t i = begin; i < end; ++i) {
      if (i > begin && locations.lows[i] <= locations.lows[i - 1]) return false;
    }
    if (end > begin && chunk * kChunkDocs + locations.lows[end - 1] >= docs) return false;
    expected = end;
  }
  return expected == locations.lows.size();
}

template <typename T>
bool AllBelow(const uint8_t* data, uint32_t docs, uint32_t bound) {
  bool below = true;
  for (uint32_t doc = 0; doc < docs; ++doc) {
    below &= uint32_t{reinterpret_cast<const T*>(data)[doc]} < bound;
  }
  return below;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Segment>> Segment::Open(std::span<const uint8_t> bytes,
                                                             std::shared_ptr<const void> owner) {
  SR_RETURN_IF_ERROR(CheckHeader(bytes));
  std::shared_ptr<const Segment> segment = Attach(bytes, std::move(owner));
  SR_RETURN_IF_ERROR(segment->CheckDictionary());
  SR_RETURN_IF_ERROR(segment->CheckLists());
  SR_RETURN_IF_ERROR(segment->CheckNumbers());
  SR_RETURN_IF_ERROR(segment->CheckColumns());
  SR_RETURN_IF_ERROR(segment->CheckIds());
  return segment;
}

absl::Status Segment::CheckDictionary() const {
  const uint64_t blocks = BlocksOf(terms_);
  if (!StartsFit(block_starts_, blocks, header_->sections[kTermText])) {
    return Broken("its dictionary's blocks");
  }
  std::string last;
  std::string text;
  for (uint64_t block = 0; block < blocks; ++block) {
    const uint8_t* at = term_text_ + block_starts_[block];
    const uint8_t* end = term_text_ + block_starts_[block + 1];
    const uint64_t first = block * kBlockTerms;
    for (uint64_t ord = first; ord < std::min<uint64_t>(terms_, first + kBlockTerms); ++ord) {
      uint64_t kept = 0;
      uint64_t more = 0;
      if ((ord != first && !ReadVarint(at, end, kept)) || !ReadVarint(at, end, more) ||
          kept > last.size() || more > static_cast<uint64_t>(end - at)) {
        return Broken("a term of its dictionary");
      }
      text.assign(last, 0, kept).append(reinterpret_cast<const char*>(at), more);
      at += more;
      if (ord > 0 && text <= last) return Broken("the order of its dictionary");
      last.swap(text);
    }
    if (at != end) return Broken("a block of its dictionary");
  }
  return absl::OkStatus();
}

absl::Status Segment::CheckLists() const {
  const uint64_t bytes = header_->sections[kLists];
  const uint64_t bitmaps = header_->sections[kBitmaps] / kBitmapBytes;
  for (TermOrd term = 0; term < terms_; ++term) {
    const TermEntry entry{entries_ + size_t{TermEntry::kWords} * term};
    if (entry.single()) {
      if (entry.doc() >= docs_) return Broken("a term's only document");
      continue;
    }
    const uint64_t place = uint64_t{entry.place()} * 2;
    if (place > bytes ||
        !ListCheck(lists_ + place, bytes - place, entry.count(), docs_).Fits(bitmaps_, bitmaps)) {
      return Broken("a term's documents");
    }
  }
  return absl::OkStatus();
}

absl::Status Segment::CheckNumbers() const {
  for (size_t i = 0; i < kNumberColumns; ++i) {
    const NumberColumn& column = i < kNumbers     ? numbers_[i]
                                 : i == kLocators ? locators_
                                                  : id_times_;
    if (!NumbersFit(*header_, i, column.blocks_)) return Broken("a column of numbers");
  }
  return absl::OkStatus();
}

absl::Status Segment::CheckColumns() const {
  for (size_t i = 0; i < kOrdinals; ++i) {
    const OrdinalColumn& column = ordinals_[i];
    if (!StartsFit(column.starts_, column.values_, header_->sections[kValueText + i])) {
      return Broken("a column's values");
    }
    for (uint32_t ord = 0; ord < column.values_; ++ord) {
      if (ord == 0 ? !column.value(0).empty() : column.value(ord) <= column.value(ord - 1)) {
        return Broken("the order of a column's values");
      }
    }
    const bool below = column.width_ == 0   ? true
                       : column.width_ == 1 ? AllBelow<uint8_t>(column.data_, docs_, column.values_)
                       : column.width_ == 2
                           ? AllBelow<uint16_t>(column.data_, docs_, column.values_)
                           : AllBelow<uint32_t>(column.data_, docs_, column.values_);
    if (!below) return Broken("a column");
  }
  for (Doc doc = 0; doc < docs_; ++doc) {
    if (lengths_[doc] > kMostLengthClass) return Broken("a document's length");
    if (static_cast<int>(state(doc)) == 0) return Broken("a document's state");
  }
  return LocationsFit(locations_, docs_) ? absl::OkStatus() : Broken("its documents with places");
}

absl::Status Segment::CheckIds() const {
  if (!StartsFit(other_starts_, header_->others, header_->sections[kOtherText])) {
    return Broken("its ids' texts");
  }
  for (Doc doc = 0; doc < docs_; ++doc) {
    const RawId id = raw_id(doc);
    if (id.is_other() && id.other() >= header_->others) return Broken("an id");
  }
  const uint64_t buckets = uint64_t{1} << header_->bucket_bits;
  if (buckets_[0] != 0 || buckets_[buckets] != docs_) return Broken("its table of ids");
  for (uint64_t i = 0; i < buckets; ++i) {
    if (buckets_[i] > buckets_[i + 1]) return Broken("its table of ids");
  }
  const IdSlot slots(docs_);
  for (Doc i = 0; i < docs_; ++i) {
    if (slots.DocOf(slots.Read(bucket_docs_, i)) >= docs_) return Broken("its table of ids");
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api
