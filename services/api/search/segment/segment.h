// An immutable piece of the index: dictionary, postings and columns of some documents in one flat
// block of bytes, so that a checkpoint is that block and loading it is mapping or reading it.
//
// Documents are numbered newest first: descending (created_us, id). What changes afterwards (who is
// still alive, popularity, clusters) lives beside it: exec/snapshot.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "services/api/search/query/query.h"
#include "services/api/search/segment/bits.h"
#include "services/api/search/segment/document.h"
#include "services/api/search/similar/looks.h"

namespace stockroom::api {

namespace segment_format {
struct Header;
struct RawId;
class Draft;
class MergeSource;
class TermCursor;
}  // namespace segment_format

using TermOrd = uint32_t;  // number of a term in its segment's sorted dictionary
inline constexpr TermOrd kNoTerm = 0xffffffff;

// Where the document store keeps a document; opaque here, at most 48 bits.
using Locator = uint64_t;

// The postings of one term in one chunk: either sorted low halves of document numbers, or a bitmap.
struct ChunkPostings {
  uint32_t count = 0;                // 0: none, and nothing else is set
  const uint16_t* docs = nullptr;    // `count` of them, ascending
  const uint64_t* bitmap = nullptr;  // kChunkWords
  const uint16_t* ranks = nullptr;   // with bitmap: set bits before word 8 * i, for i < 128
  Payload uniform = 0;               // of all, if `packed` is null
  // Terms have few different payloads: numbers of 1, 2, 4 or 8 bits that say which of `table`,
  // from the lowest bits of a byte on (those of eight bits are the payloads themselves); this
  // chunk's begin with number `first`.
  const uint8_t* packed = nullptr;
  const Payload* table = nullptr;
  uint32_t first = 0;
  uint8_t log2_bits = 0;

  Payload PayloadAt(uint32_t rank) const {
    if (packed == nullptr) return uniform;
    const uint64_t bit = (uint64_t{first} + rank) << log2_bits;
    return table[packed[bit / 8] >> bit % 8 & ((1u << (1u << log2_bits)) - 1)];
  }
  // The bitmap's: how many come before `low`, which is in it.
  uint32_t RankOf(uint16_t low) const {
    const uint32_t word = low / 64u;
    uint32_t rank = ranks[word / 8];
    for (uint32_t w = word / 8 * 8; w < word; ++w) {
      rank += static_cast<uint32_t>(__builtin_popcountll(bitmap[w]));
    }
    const uint64_t below = bitmap[word] & ((uint64_t{1} << low % 64u) - 1);
    return rank + static_cast<uint32_t>(__builtin_popcountll(below));
  }
};

// A number a document from few different values. Value 0 is "" (none).
class OrdinalColumn {
 public:
  uint32_t values() const { return values_; }
  std::string_view value(uint32_t ord) const;  // ascending by bytes
  uint32_t At(Doc doc) const {
    switch (width_) {
      case 0:
        return 0;
      case 1:
        return data_[doc];
      case 2:
        return reinterpret_cast<const uint16_t*>(data_)[doc];
      default:
        return reinterpret_cast<const uint32_t*>(data_)[doc];
    }
  }
  std::string_view ValueAt(Doc doc) const { return value(At(doc)); }
  // Bytes a document: 0 (all are 0), 1, 2 or 4; and the array, aligned for it.
  int width() const { return width_; }
  const uint8_t* data() const { return data_; }

 private:
  friend class Segment;
  uint32_t values_ = 0;
  int width_ = 0;
  const uint8_t* data_ = nullptr;
  const uint64_t* starts_ = nullptr;  // values_ + 1 of them, in text_
  const char* text_ = nullptr;
};

// A whole number a document, from `min` to `max`. Documents stand in blocks; those of one are given
// by what they have more than its least, in as many bits as the most of them needs. Neighbours were
// made one after the other, so their times and places in the store need few; where that does not
// pay, all documents are one block.
class NumberColumn {
 public:
  struct Block {
    int64_t least = 0;
    // Of its first number: the byte in the data, above eight bits that say how many each takes.
    uint64_t place = 0;

    static constexpr uint32_t kPlaceShift = 8;
    // More are 64: so that a number is read at once, wherever in a byte it begins.
    static constexpr uint32_t kMostBits = 57;
    uint32_t bits() const { return place & 0xff; }
    uint64_t byte() const { return place >> kPlaceShift; }
  };

  NumberColumn() = default;
  // `blocks` of 1 << shift documents. Eight bytes behind the last number can be read.
  NumberColumn(int64_t min, int64_t max, uint32_t shift, const Block* blocks, const uint8_t* data)
      : min_(min), max_(max), shift_(shift), blocks_(blocks), data_(data) {}

  int64_t min() const { return min_; }
  int64_t max() const { return max_; }
  int64_t At(Doc doc) const {
    const Block& block = blocks_[doc >> shift_];
    const uint32_t bits = block.bits();
    const uint64_t bit = uint64_t{doc & ((1u << shift_) - 1)} * bits;
    uint64_t bytes = 0;
    __builtin_memcpy(&bytes, data_ + block.byte() + bit / 8, 8);
    // Shifts are modulo 64: of 0 bits none are kept, of 64 all.
    const uint64_t mask = ((uint64_t{1} << bits % 64) - 1) | (0 - uint64_t{bits / 64});
    return static_cast<int64_t>(static_cast<uint64_t>(block.least) + (bytes >> bit % 8 & mask));
  }

 private:
  friend class Segment;
  int64_t min_ = 0;
  int64_t max_ = 0;
  uint32_t shift_ = 0;
  const Block* blocks_ = nullptr;
  const uint8_t* data_ = nullptr;
};

// What is known of a document in two bytes: twelve bits by HasField, three of its state, and
// whether all may see it.
struct DocFlags {
  static constexpr int kFields = 12;
  static constexpr int kStateBits = 3;
  static_assert(static_cast<int>(HasField::kHash) < kFields);
  static_assert(static_cast<int>(ImageState::kFailed) < 1 << kStateBits);

  static constexpr uint16_t Of(uint16_t fields, ImageState state, bool seen_by_all) {
    return static_cast<uint16_t>(Fields(fields) | static_cast<unsigned>(state) << kFields |
                                 (seen_by_all ? 1u : 0u) << (kFields + kStateBits));
  }
  static constexpr uint16_t Fields(uint16_t bits) { return bits & ((1u << kFields) - 1); }
  static constexpr ImageState State(uint16_t bits) {
    return static_cast<ImageState>(bits >> kFields & ((1u << kStateBits) - 1));
  }
  static constexpr bool SeenByAll(uint16_t bits) { return bits >> (kFields + kStateBits) != 0; }
};

// Only some documents have one. In the order of documents, by chunks of them.
struct GeoColumn {
  std::span<const uint32_t> ends;  // by chunk: how many are up to its end
  std::span<const uint16_t> lows;  // low halves of the documents' numbers
  std::span<const GeoPoint> points;

  // Of the chunk's first, and of the one behind its last.
  std::pair<uint32_t, uint32_t> RangeOf(uint32_t chunk) const {
    return {chunk == 0 ? 0 : ends[chunk - 1], ends[chunk]};
  }
};

// Structure of arrays: word w of document d is words[w][d]. Undefined (0) where flags lack kHash.
struct PdqColumn {
  std::array<const uint64_t*, 4> words{};
};

// Bytes by part, for the report of memory.
struct SegmentBytes {
  uint64_t dictionary = 0;
  uint64_t postings = 0;
  uint64_t columns = 0;
  uint64_t ids = 0;
  uint64_t looks = 0;  // PDQ and palette
};

enum class Ordinal : uint8_t { kOwner, kLicense, kFormat, kCamera, kLens, kDataset };
inline constexpr size_t kOrdinals = 6;
enum class Number : uint8_t { kCreatedUs, kDate, kWidth, kHeight, kBytes };
inline constexpr size_t kNumbers = 5;

// An id in the form that segments look for: made once for several of them. Valid as long as `id`.
class IdKey {
 public:
  explicit IdKey(std::string_view id);

 private:
  friend class Segment;
  std::string_view id_;
  // Of a UUID.
  bool is_uuid_ = false;
  uint64_t high_ = 0;
  uint64_t low_ = 0;
  uint64_t hash_ = 0;
};

class Segment {
 public:
  // Takes bytes that bytes() of another gave. DATA_LOSS if they are not whole: the checksum and
  // then every offset and count is checked, so that whatever is in them, no later read leaves them.
  // `owner` keeps them alive.
  static absl::StatusOr<std::shared_ptr<const Segment>> Open(std::span<const uint8_t> bytes,
                                                             std::shared_ptr<const void> owner);
  std::span<const uint8_t> bytes() const { return bytes_; }
  SegmentBytes parts() const;

  uint32_t docs() const { return docs_; }
  uint32_t chunks() const { return (docs_ + kChunkDocs - 1) / kChunkDocs; }

  // The dictionary, sorted by bytes.
  uint32_t terms() const { return terms_; }
  TermOrd FindTerm(std::string_view term) const;  // kNoTerm
  // [first, last).
  std::pair<TermOrd, TermOrd> TermsWithPrefix(std::string_view prefix) const;
  // In order; `visit` gets a text valid during the call, and returns whether to go on.
  void VisitTerms(TermOrd first, TermOrd last,
                  absl::FunctionRef<bool(TermOrd, std::string_view)> visit) const;
  std::string TermText(TermOrd term) const;
  uint32_t Frequency(TermOrd term) const;  // documents that have it, dead ones too
  ChunkPostings Postings(TermOrd term, uint32_t chunk) const;

  const OrdinalColumn& ordinals(Ordinal column) const {
    return ordinals_[static_cast<size_t>(column)];
  }
  const NumberColumn& numbers(Number column) const { return numbers_[static_cast<size_t>(column)]; }
  uint16_t flags(Doc doc) const { return DocFlags::Fields(flags_[doc]); }  // by HasField
  ImageState state(Doc doc) const { return DocFlags::State(flags_[doc]); }
  bool seen_by_all(Doc doc) const { return DocFlags::SeenByAll(flags_[doc]); }
  // Words of the document in steps: 0 to 39 exactly, above that rounded down to three bits.
  uint8_t length_class(Doc doc) const { return lengths_[doc]; }
  static uint32_t LengthOf(uint8_t length_class);
  // As Md5StartOf gives it; 0: maybe none.
  uint32_t md5_start(Doc doc) const {
    uint32_t bytes = 0;
    __builtin_memcpy(&bytes, md5_ + kMd5Start * doc, sizeof(bytes));
    return bytes & ((1u << 8 * kMd5Start) - 1);
  }
  // Of an MD5 so many bytes are kept: one in sixteen million begins like another.
  static constexpr size_t kMd5Start = 3;
  // Big endian; 0 of what is shorter.
  static uint32_t Md5StartOf(std::string_view md5);
  GeoColumn locations() const { return locations_; }
  PdqColumn pdq() const { return pdq_; }
  // Null: no document has looks. Undefined where flags lack kPalette.
  const Looks* looks() const { return looks_; }

  std::string id(Doc doc) const;
  std::optional<Doc> FindId(const IdKey& id) const;
  std::optional<Doc> FindId(std::string_view id) const { return FindId(IdKey(id)); }
  Locator locator(Doc doc) const;

 private:
  friend class segment_format::Draft;
  friend class segment_format::MergeSource;
  Segment() = default;
  static std::shared_ptr<const Segment> Attach(std::span<const uint8_t> bytes,
                                               std::shared_ptr<const void> owner);
  // Checks, after those of the header: see Open.
  absl::Status CheckDictionary() const;
  absl::Status CheckLists() const;
  absl::Status CheckNumbers() const;
  absl::Status CheckColumns() const;
  absl::Status CheckIds() const;

  // At the first term that is not less than `text`.
  segment_format::TermCursor LowerBound(std::string_view text) const;
  std::string_view OtherId(uint32_t number) const;
  segment_format::RawId raw_id(Doc doc) const;

  std::shared_ptr<const void> owner_;
  std::span<const uint8_t> bytes_;
  const segment_format::Header* header_ = nullptr;
  uint32_t docs_ = 0;
  uint32_t terms_ = 0;
  const uint64_t* block_starts_ = nullptr;
  const uint8_t* term_text_ = nullptr;
  const uint16_t* entries_ = nullptr;
  const uint8_t* lists_ = nullptr;
  const uint8_t* bitmaps_ = nullptr;
  std::array<OrdinalColumn, kOrdinals> ordinals_;
  std::array<NumberColumn, kNumbers> numbers_;
  NumberColumn locators_;
  NumberColumn id_times_;
  const uint16_t* flags_ = nullptr;  // DocFlags
  const uint8_t* lengths_ = nullptr;
  const uint8_t* md5_ = nullptr;
  GeoColumn locations_;
  PdqColumn pdq_;
  const Looks* looks_ = nullptr;
  const uint8_t* ids_ = nullptr;
  const uint64_t* other_starts_ = nullptr;
  const char* other_text_ = nullptr;
  const uint32_t* buckets_ = nullptr;
  const uint8_t* bucket_docs_ = nullptr;
};

// Builds one in memory. Documents in any order; an id at most once.
class SegmentBuilder {
 public:
  void Add(const IndexedDocument& document, Locator locator);
  uint32_t docs() const;
  // Never null. The builder is empty afterwards. `numbers`, if given, gets for each document in the
  // order added the number it got.
  std::shared_ptr<const Segment> Build(std::vector<Doc>* numbers = nullptr);

 private:
  // Owned by whoever implements it: keep what is needed to sort and pack.
  struct State;
  std::shared_ptr<State> state_;
};

// One segment out of several, without what `live` lacks. An id must live in at most one of them.
struct MergeInput {
  std::shared_ptr<const Segment> segment;
  DocBits live;
};
struct Merged {
  std::shared_ptr<const Segment> segment;
  // By input, by its document: the new number, kNoDoc for the dead.
  std::vector<std::vector<Doc>> new_docs;
};
inline constexpr Doc kNoDoc = 0xffffffff;
// `relocate`, if given, may change a document's place in the store; `stopped` is asked now and then
// and ends the merge with CANCELLED. Memory: about the size of the result, at most twice.
absl::StatusOr<Merged> Merge(const std::vector<MergeInput>& inputs,
                             absl::FunctionRef<Locator(Locator)> relocate,
                             absl::FunctionRef<bool()> stopped);

}  // namespace stockroom::api
