// How the bytes of a segment are laid out. For this folder only.
//
// Little endian. A header, then sections one behind the other, each filled up to eight bytes with
// zeros. The same documents give the same bytes, in whatever order and through whatever merges they
// came: tests compare blocks.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "services/api/search/segment/segment.h"

namespace stockroom::api::segment_format {

static_assert(std::endian::native == std::endian::little);

inline constexpr uint64_t kMagic = 0x0331'4745'5352'53ULL;  // "SRSEG1" and the version
// Terms of the dictionary between two that are written in full.
inline constexpr uint32_t kBlockTerms = 16;
// Of a chunk: with more documents a bitmap is smaller than their numbers.
inline constexpr uint32_t kMostArray = 4096;
inline constexpr size_t kRanks = kChunkWords / 8;
inline constexpr size_t kBitmapBytes = sizeof(ChunkBitmap) + kRanks * sizeof(uint16_t);
// Two more than a segment shows: locators, and how many milliseconds after `created_us` the ids'
// times are. Our ids (RFC 9562, version 7) begin with the time at which they were made, which is
// that of the image, so the column is narrow or nothing at all. Ids that are no UUIDs have its
// least.
inline constexpr size_t kLocators = kNumbers;
inline constexpr size_t kIdTimes = kNumbers + 1;
inline constexpr size_t kNumberColumns = kNumbers + 2;
// So that numbers can be read eight bytes at a time.
inline constexpr size_t kNumberPadding = 8;
// Documents of a block of numbers, by their power of two: a multiple of eight, so that every block
// begins with a byte; or all that there can be. What a block says of itself is then a bit a
// document.
inline constexpr uint32_t kNumberBlockShift = 7;
inline constexpr uint32_t kOneBlockShift = 30;
constexpr uint64_t NumberBlocks(uint32_t docs, uint32_t shift) {
  return (uint64_t{docs} + (uint64_t{1} << shift) - 1) >> shift;
}
// Of `docs` numbers of one block.
constexpr uint64_t NumberBytes(uint64_t docs, uint32_t bits) { return (docs * bits + 7) / 8; }

enum Section : size_t {
  kBlockStarts,  // uint64 for each block of terms, and the end: in kTermText
  // A block: length and bytes of its first term; of the others how many bytes are those of the term
  // before, how many follow, and these. Lengths are varints.
  kTermText,
  kEntries,  // TermEntry by term
  kLists,    // see TermList
  kBitmaps,  // kBitmapBytes each: bits, then ranks
  kFlags,    // DocFlags by document
  kLengths,
  kMd5,      // Segment::kMd5Start bytes by document, and what is read behind the last
  kGeoEnds,  // uint32 for each chunk: see GeoColumn
  kGeoLows,
  kGeoPoints,
  kPdq,
  kLooks,        // Looks by document, or nothing
  kIds,          // RawId::kTail bytes by document
  kOtherStarts,  // uint64 for each id that is no UUID, and the end: in kOtherText
  kOtherText,
  kBuckets,       // uint32 for each bucket, and the end: in kBucketDocs
  kBucketDocs,    // IdSlot::bytes by document, and what is read behind the last
  kNumberBlocks,  // NumberColumn::Block each
  kNumberData = kNumberBlocks + kNumberColumns,
  kValueStarts = kNumberData + kNumberColumns,  // uint64 for each value, and the end
  kValueText = kValueStarts + kOrdinals,
  kOrdinalData = kValueText + kOrdinals,
  kSections = kOrdinalData + kOrdinals,
};

struct Header {
  uint64_t magic = kMagic;
  uint64_t checksum = 0;  // of everything behind it
  uint64_t bytes = 0;     // all of the block
  uint32_t docs = 0;
  uint32_t terms = 0;
  uint32_t others = 0;       // ids that are no UUIDs
  uint32_t located = 0;      // documents with a place
  uint32_t looks_bytes = 0;  // of one Looks, or 0
  uint32_t bucket_bits = 0;
  std::array<uint64_t, kSections> sections{};  // bytes, without what fills up
  struct NumberShape {
    int64_t min = 0;
    int64_t max = 0;
    uint64_t shift = 0;  // kNumberBlockShift or kOneBlockShift
  };
  std::array<NumberShape, kNumberColumns> numbers;
  struct OrdinalShape {
    uint32_t values = 0;
    uint32_t width = 0;
  };
  std::array<OrdinalShape, kOrdinals> ordinals;
};
static_assert(sizeof(Header) % 8 == 0 && std::has_unique_object_representations_v<Header>);
inline constexpr size_t kChecksummedFrom = offsetof(Header, bytes);

constexpr uint64_t Md5Bytes(uint64_t docs) {
  return docs * Segment::kMd5Start + (sizeof(uint32_t) - Segment::kMd5Start);
}
constexpr uint32_t ChunksOf(uint32_t docs) { return (docs + kChunkDocs - 1) / kChunkDocs; }

constexpr uint64_t FilledUp(uint64_t bytes) { return (bytes + 7) & ~uint64_t{7}; }

// `bytes` is a multiple of eight. A change of any one byte changes it: every step is a bijection of
// the state and of the word.
uint64_t Checksum(const uint8_t* data, size_t bytes);

uint64_t HashBytes(std::string_view bytes);

template <typename T>
T Load(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// What is known of a term without looking into its list: eight bytes as four numbers, so that
// a single document's low half can be handed out as an array.
struct TermEntry {
  static constexpr size_t kWords = 4;
  static constexpr uint16_t kSingle = 0x8000;
  const uint16_t* words;

  bool single() const { return (words[3] & kSingle) != 0; }
  // Single: the document and its payload.
  Doc doc() const { return words[0] | uint32_t{words[1]} << 16; }
  Payload payload() const { return static_cast<Payload>(words[2]); }
  // Otherwise: where its list is, in units of two bytes, and how many documents are in it.
  uint32_t place() const { return doc(); }
  uint32_t count() const { return words[2] | uint32_t{words[3]} << 16; }
};
// As counts of 31 bits allow; and every sum of some of them fits 32 bits.
inline constexpr uint32_t kMostDocs = 0x3fffffff;

// The documents of a term that has two or more. Two bytes of head (Form << 3 | packing, and the
// uniform payload), then the table of payloads, then by form
//
//   kHighs8, kHighs16    low halves of all documents, then their high halves
//   kEnds8, 16, 32       low halves, then for each chunk but the last how many are up to its end
//   kMixed               how many low halves there are (uint32), for each chunk how many documents
//                        are before it and where it is (two uint32: the low halves' number of its
//                        first, or of its bitmap if it has more than kMostArray), then low halves
//
// then the packed payloads, filled up to two bytes. High halves are numbers of chunks.
struct TermList {
  enum Form : uint8_t { kHighs8, kHighs16, kEnds8, kEnds16, kEnds32, kMixed };
  // 0: all are uniform; else the bits are 1 << (packing - 1), and the table has all numbers
  // that they can say; of eight bits it is the numbers themselves, and not written.
  static constexpr int kPackings = 5;
  static constexpr size_t TableBytes(int packing) {
    return packing == 0 || packing == 4 ? 0 : size_t{1} << (1 << (packing - 1));
  }

  const uint8_t* at;
  uint32_t count;
  uint32_t chunks;

  int packing() const { return at[0] & 7; }
  Form form() const { return static_cast<Form>(at[0] >> 3); }
  Payload uniform() const { return at[1]; }
  const uint8_t* table() const { return at + 2; }
  const uint8_t* body() const { return at + 2 + TableBytes(packing()); }
  // Bytes of high halves or ends; of kMixed all before the low halves.
  static uint64_t DirectoryBytes(Form form, uint64_t count, uint64_t chunks);
  uint32_t arrays() const { return form() == kMixed ? Load<uint32_t>(body()) : count; }
  const uint8_t* directory() const {
    return form() == kMixed ? body() + 4 : body() + size_t{2} * count;
  }
  const uint16_t* lows() const {
    const uint8_t* begin =
        form() == kMixed ? body() + DirectoryBytes(kMixed, count, chunks) : body();
    return reinterpret_cast<const uint16_t*>(begin);
  }
  const uint8_t* packed() const {
    return body() + DirectoryBytes(form(), count, chunks) + size_t{2} * arrays();
  }
  uint64_t PackedBytes() const {
    return packing() == 0 ? 0 : ((uint64_t{count} << (packing() - 1)) + 7) / 8;
  }
  // Numbers of the first posting in the chunk and of the one behind its last.
  std::pair<uint32_t, uint32_t> RangeOf(uint32_t chunk) const;
  // kMixed only.
  uint32_t PlaceOf(uint32_t chunk) const {
    return Load<uint32_t>(directory() + size_t{8} * chunk + 4);
  }
};
// What eight-bit payloads mean.
extern const std::array<Payload, 256> kSamePayload;

// Walks over a dictionary in order. Texts are valid until the next step.
class TermCursor {
 public:
  TermCursor(const uint64_t* starts, const uint8_t* text, uint32_t terms)
      : starts_(starts), text_(text), terms_(terms) {}
  // Goes to `term`, which may be the end.
  void Seek(TermOrd term);
  void Next();
  bool done() const { return ord_ >= terms_; }
  TermOrd ord() const { return ord_; }
  std::string_view text() const { return current_; }
  static uint64_t Varint(const uint8_t*& at) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const uint8_t byte = *at++;
      value |= uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0) return value;
    }
  }

 private:
  void Read();

  const uint64_t* starts_;
  const uint8_t* text_;
  uint32_t terms_;
  TermOrd ord_ = 0;
  const uint8_t* at_ = nullptr;
  std::string current_;
};

// An id in sixteen bytes: those of the UUID that it writes (36 characters, lower case); or twelve
// times 0xff and a number among the other ids, to which also belongs what would have six of these
// behind its time. Compared as its text is, if both are UUIDs.
struct RawId {
  uint64_t high = 0;
  uint64_t low = 0;

  // Without the time: what is stored.
  static constexpr size_t kTail = 10;
  static constexpr int kTimeShift = 16;
  static constexpr uint64_t kOtherHigh = 0xffff;
  static constexpr uint64_t kOtherLow = 0xffffffff00000000;
  static std::optional<RawId> OfUuid(std::string_view text);
  static RawId Other(uint32_t number) { return {~uint64_t{0}, kOtherLow | number}; }
  // `after`: see kIdTimes. Whatever stands there gives some id.
  static RawId Read(const uint8_t* tail, int64_t created_us, int64_t after);
  void WriteTail(uint8_t* to) const;
  bool is_other() const {
    return (high & kOtherHigh) == kOtherHigh && (low & kOtherLow) == kOtherLow;
  }
  // Milliseconds of its time after those of `created_us`.
  int64_t After(int64_t created_us) const;
  uint32_t other() const { return static_cast<uint32_t>(low); }
  std::string UuidText() const;
  uint64_t Hash() const;
  friend auto operator<=>(const RawId&, const RawId&) = default;
};

// Of the table that finds ids: the bucket by the hash's highest bits; in it the document's number
// below as many bits of the hash as are left: with some of these few of a bucket's ids are read.
struct IdSlot {
  static constexpr int kHashBits = 4;
  int doc_bits;
  uint32_t bytes;
  uint32_t mask;
  explicit IdSlot(uint32_t docs)
      : doc_bits(std::bit_width(docs)),
        bytes(static_cast<uint32_t>(std::clamp((doc_bits + kHashBits + 7) / 8, 2, 4))),
        mask(~uint32_t{0} >> (32 - 8 * bytes)) {}
  // All of them, read four bytes at a time.
  uint64_t SectionBytes(uint32_t docs) const { return uint64_t{docs} * bytes + (4 - bytes); }
  uint32_t Read(const uint8_t* slots, uint32_t number) const {
    return Load<uint32_t>(slots + size_t{number} * bytes) & mask;
  }
  static uint32_t BucketBits(uint32_t docs) {
    return static_cast<uint32_t>(std::max(0, static_cast<int>(std::bit_width(docs)) - 3));
  }
  static uint64_t BucketOf(uint64_t hash, uint32_t bits) {
    return bits == 0 ? 0 : hash >> (64 - bits);
  }
  uint32_t Of(uint64_t hash, Doc doc) const {
    return static_cast<uint32_t>(hash << doc_bits | doc) & mask;
  }
  Doc DocOf(uint32_t slot) const {
    return static_cast<Doc>(slot & ((uint64_t{1} << doc_bits) - 1));
  }
};

uint8_t LengthClass(uint32_t words);
inline constexpr uint8_t kMostLengthClass = 146;

}  // namespace stockroom::api::segment_format
