#include "services/api/search/segment/segment_draft.h"

#include <algorithm>
#include <bit>
#include <new>
#include <numeric>
#include <utility>

#include "services/api/search/segment/segment_memory.h"

namespace stockroom::api::segment_format {
namespace {

size_t OrdinalWidth(size_t values) {
  if (values <= 1) return 0;
  if (values <= 256) return 1;
  return values <= 65536 ? 2 : 4;
}

void PutVarint(Pieces& to, uint64_t value) {
  uint8_t bytes[10];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<uint8_t>(value | 0x80);
  bytes[size++] = static_cast<uint8_t>(value);
  to.Append(bytes, size);
}

}  // namespace

void Pieces::AppendInPieces(const uint8_t* from, size_t bytes) {
  while (bytes > 0) {
    if (room_ == 0) {
      room_ = pieces_.empty() ? kFirst : std::min(kLargest, pieces_.back().size * 2);
      pieces_.push_back({std::unique_ptr<uint8_t[]>(new uint8_t[room_]), room_});
      at_ = pieces_.back().data.get();
    }
    const size_t now = std::min(bytes, room_);
    Fill(from, now);
    from += now;
    bytes -= now;
  }
}

void Pieces::MoveTo(uint8_t* to) {
  uint64_t left = size_;
  for (Piece& piece : pieces_) {
    const size_t now = std::min<uint64_t>(left, piece.size);
    std::memcpy(to, piece.data.get(), now);
    to += now;
    left -= now;
    piece.data.reset();
  }
  *this = Pieces();
}

Draft::Draft(uint32_t docs) : docs_(docs), chunks_(ChunksOf(docs)) {}

void Draft::AddTerm(std::string_view text, std::span<const Doc> docs,
                    std::span<const Payload> payloads) {
  PutText(text);
  ++terms_;
  if (docs.size() == 1) {
    const uint16_t entry[TermEntry::kWords] = {static_cast<uint16_t>(docs[0]),
                                               static_cast<uint16_t>(docs[0] >> 16), payloads[0],
                                               TermEntry::kSingle};
    entries_.Append(entry, sizeof(entry));
    return;
  }
  entries_.Put(static_cast<uint32_t>(lists_.size() / 2));
  entries_.Put(static_cast<uint32_t>(docs.size()));
  PutList(docs, payloads);
}

void Draft::PutText(std::string_view text) {
  size_t kept = 0;
  if (terms_ % kBlockTerms == 0) {
    block_starts_.Put(text_.size());
  } else {
    const size_t most = std::min(text.size(), last_term_.size());
    while (kept < most && text[kept] == last_term_[kept]) ++kept;
    PutVarint(text_, kept);
  }
  PutVarint(text_, text.size() - kept);
  text_.Append(text.data() + kept, text.size() - kept);
  last_term_.assign(text);
}

void Draft::PutList(std::span<const Doc> docs, std::span<const Payload> payloads) {
  const size_t count = docs.size();
  std::array<uint64_t, 4> used{};
  for (const Payload payload : payloads) used[payload / 64] |= uint64_t{1} << payload % 64;
  std::array<uint8_t, 256> codes{};
  Payload table[256];
  size_t different = 0;
  for (size_t word = 0; word < used.size(); ++word) {
    for (uint64_t left = used[word]; left != 0; left &= left - 1) {
      const auto payload = static_cast<Payload>(word * 64 + std::countr_zero(left));
      codes[payload] = static_cast<uint8_t>(different);
      table[different++] = payload;
    }
  }
  // The smallest that can tell them apart.
  int packing = 0;
  if (different > 1) {
    uint64_t least = ~uint64_t{0};
    for (int p = 1; p < TermList::kPackings; ++p) {
      if (different > size_t{1} << (1 << (p - 1))) continue;
      const uint64_t bytes = TermList::TableBytes(p) + ((uint64_t{count} << (p - 1)) + 7) / 8;
      if (bytes < least) packing = p;
      least = std::min(least, bytes);
    }
  }
  if (packing == 4) {
    for (int payload = 0; payload < 256; ++payload) codes[payload] = static_cast<uint8_t>(payload);
  }
  // The same with chunks. Bitmaps need kMixed.
  bool has_bitmap = false;
  for (size_t i = 0; i + kMostArray < count && !has_bitmap; ++i) {
    has_bitmap = docs[i] / kChunkDocs == docs[i + kMostArray] / kChunkDocs;
  }
  const TermList::Form highs = chunks_ <= 256 ? TermList::kHighs8 : TermList::kHighs16;
  TermList::Form form = count < 256     ? TermList::kEnds8
                        : count < 65536 ? TermList::kEnds16
                                        : TermList::kEnds32;
  if (TermList::DirectoryBytes(highs, count, chunks_) <
      TermList::DirectoryBytes(form, count, chunks_)) {
    form = highs;
  }
  if (has_bitmap) form = TermList::kMixed;

  lists_.Put(static_cast<uint8_t>(form << 3 | packing));
  lists_.Put(static_cast<uint8_t>(different == 1 ? table[0] : 0));
  if (const size_t bytes = TermList::TableBytes(packing); bytes > 0) {
    std::fill(table + different, table + std::max(different, bytes), Payload{0});
    lists_.Append(table, bytes);
  }
  if (form == TermList::kMixed) {
    PutMixed(docs);
  } else {
    PutNumbers<uint16_t>(docs, [](Doc doc) { return doc; });
    const auto high = [](Doc doc) { return doc / kChunkDocs; };
    if (form == TermList::kHighs8) PutNumbers<uint8_t>(docs, high);
    if (form == TermList::kHighs16) PutNumbers<uint16_t>(docs, high);
    if (form >= TermList::kEnds8) PutEnds(docs, form);
  }
  if (packing != 0) PutPayloads(payloads, packing, codes);
  if (lists_.size() % 2 != 0) lists_.Put(uint8_t{0});
}

template <typename T, typename Part>
void Draft::PutNumbers(std::span<const Doc> docs, Part part) {
  scratch_.resize(docs.size() * sizeof(T));
  uint8_t* to = scratch_.data();
  for (const Doc doc : docs) {
    const auto number = static_cast<T>(part(doc));
    std::memcpy(to, &number, sizeof(T));
    to += sizeof(T);
  }
  lists_.Append(scratch_.data(), scratch_.size());
}

void Draft::PutEnds(std::span<const Doc> docs, TermList::Form form) {
  const size_t width = form == TermList::kEnds8 ? 1 : form == TermList::kEnds16 ? 2 : 4;
  uint32_t end = 0;
  for (uint32_t chunk = 0; chunk + 1 < chunks_; ++chunk) {
    while (end < docs.size() && docs[end] / kChunkDocs <= chunk) ++end;
    lists_.Append(&end, width);
  }
}

void Draft::PutMixed(std::span<const Doc> docs) {
  std::vector<uint32_t> directory(2 * chunks_);
  std::vector<uint16_t> lows;
  size_t begin = 0;
  for (uint32_t chunk = 0; chunk < chunks_; ++chunk) {
    size_t end = begin;
    while (end < docs.size() && docs[end] / kChunkDocs == chunk) ++end;
    directory[2 * chunk] = static_cast<uint32_t>(begin);
    if (end - begin > kMostArray) {
      directory[2 * chunk + 1] = bitmaps_;
      PutBitmap(docs.subspan(begin, end - begin));
    } else {
      directory[2 * chunk + 1] = static_cast<uint32_t>(lows.size());
      for (; begin < end; ++begin) lows.push_back(static_cast<uint16_t>(docs[begin]));
    }
    begin = end;
  }
  lists_.Put(static_cast<uint32_t>(lows.size()));
  lists_.Append(directory.data(), directory.size() * sizeof(uint32_t));
  lists_.Append(lows.data(), lows.size() * sizeof(uint16_t));
}

void Draft::PutBitmap(std::span<const Doc> docs) {
  ChunkBitmap bits{};
  for (const Doc doc : docs) bits[doc % kChunkDocs / 64] |= uint64_t{1} << doc % 64;
  std::array<uint16_t, kRanks> ranks{};
  uint32_t before = 0;
  for (size_t word = 0; word < kChunkWords; ++word) {
    if (word % 8 == 0) ranks[word / 8] = static_cast<uint16_t>(before);
    before += static_cast<uint32_t>(std::popcount(bits[word]));
  }
  bitmap_bytes_.Append(bits.data(), sizeof(bits));
  bitmap_bytes_.Append(ranks.data(), sizeof(ranks));
  ++bitmaps_;
}

void Draft::PutPayloads(std::span<const Payload> payloads, int packing,
                        const std::array<uint8_t, 256>& codes) {
  const int log2_bits = packing - 1;
  scratch_.assign(((uint64_t{payloads.size()} << log2_bits) + 7) / 8, 0);
  for (uint64_t i = 0; i < payloads.size(); ++i) {
    const uint64_t bit = i << log2_bits;
    scratch_[bit / 8] =
        static_cast<uint8_t>(scratch_[bit / 8] | uint32_t{codes[payloads[i]]} << bit % 8);
  }
  lists_.Append(scratch_.data(), scratch_.size());
}

void Draft::Allocate(Shape shape) {
  block_starts_.Put(text_.size());
  other_ids_ = std::move(shape.other_ids);
  Header header;
  header.docs = docs_;
  header.terms = terms_;
  header.others = static_cast<uint32_t>(other_ids_.size());
  header.located = shape.located;
  header.looks_bytes = shape.has_looks ? sizeof(Looks) : 0;
  header.bucket_bits = IdSlot::BucketBits(docs_);
  const uint64_t docs = docs_;
  const auto text_bytes = [](const std::vector<std::string>& texts) {
    uint64_t bytes = 0;
    for (const std::string& text : texts) bytes += text.size();
    return bytes;
  };
  auto& sections = header.sections;
  sections[kBlockStarts] = block_starts_.size();
  sections[kTermText] = text_.size();
  sections[kEntries] = entries_.size();
  sections[kLists] = lists_.size();
  sections[kBitmaps] = bitmap_bytes_.size();
  sections[kFlags] = docs * sizeof(uint16_t);
  sections[kLengths] = docs;
  sections[kMd5] = Md5Bytes(docs);
  sections[kGeoEnds] = chunks_ * sizeof(uint32_t);
  sections[kGeoLows] = uint64_t{shape.located} * sizeof(uint16_t);
  sections[kGeoPoints] = uint64_t{shape.located} * sizeof(GeoPoint);
  sections[kPdq] = docs * sizeof(PdqWords);
  sections[kLooks] = docs * header.looks_bytes;
  sections[kIds] = docs * RawId::kTail;
  sections[kOtherStarts] = (other_ids_.size() + 1) * sizeof(uint64_t);
  sections[kOtherText] = text_bytes(other_ids_);
  sections[kBuckets] = ((uint64_t{1} << header.bucket_bits) + 1) * sizeof(uint32_t);
  sections[kBucketDocs] = IdSlot(docs_).SectionBytes(docs_);
  std::array<NumberRanges::Layout, kNumberColumns> numbers;
  for (size_t i = 0; i < kNumberColumns; ++i) {
    numbers[i] = std::exchange(shape.numbers[i], {}).LayOut(docs_);
    header.numbers[i] = numbers[i].shape;
    sections[kNumberBlocks + i] = numbers[i].blocks.size() * sizeof(NumberColumn::Block);
    sections[kNumberData + i] = numbers[i].bytes + kNumberPadding;
  }
  for (size_t i = 0; i < kOrdinals; ++i) {
    const std::vector<std::string>& values = shape.values[i];
    widths_[i] = OrdinalWidth(values.size());
    header.ordinals[i] = {.values = static_cast<uint32_t>(values.size()),
                          .width = static_cast<uint32_t>(widths_[i])};
    sections[kValueStarts + i] = (values.size() + 1) * sizeof(uint64_t);
    sections[kValueText + i] = text_bytes(values);
    sections[kOrdinalData + i] = docs * widths_[i];
  }
  header.bytes = sizeof(Header);
  for (const uint64_t bytes : sections) header.bytes += FilledUp(bytes);

  // Zeros: what fills up, and what nobody sets.
  block_ = AllocateSegment(header.bytes);
  if (block_ == nullptr) throw std::bad_alloc();
  std::memcpy(block_.get(), &header, sizeof(header));
  uint8_t* at = reinterpret_cast<uint8_t*>(block_.get()) + sizeof(Header);
  for (size_t i = 0; i < kSections; ++i) {
    at_[i] = at;
    at += FilledUp(sections[i]);
  }
  block_starts_.MoveTo(at_[kBlockStarts]);
  text_.MoveTo(at_[kTermText]);
  entries_.MoveTo(at_[kEntries]);
  lists_.MoveTo(at_[kLists]);
  bitmap_bytes_.MoveTo(at_[kBitmaps]);
  for (size_t i = 0; i < kNumberColumns; ++i) {
    std::copy(numbers[i].blocks.begin(), numbers[i].blocks.end(),
              reinterpret_cast<NumberColumn::Block*>(at_[kNumberBlocks + i]));
  }
  for (size_t i = 0; i < kOrdinals; ++i) {
    PutTexts(kValueStarts + i, kValueText + i, shape.values[i]);
  }
  PutTexts(kOtherStarts, kOtherText, other_ids_);
}

void Draft::PutTexts(size_t starts, size_t text, const std::vector<std::string>& values) {
  uint64_t begin = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    Set(starts, i, begin);
    if (!values[i].empty()) std::memcpy(at_[text] + begin, values[i].data(), values[i].size());
    begin += values[i].size();
  }
  Set(starts, values.size(), begin);
}

int64_t Draft::NumberAt(size_t column, Doc doc) {
  const auto [min, max, shift] = header().numbers[column];
  return NumberColumn(min, max, static_cast<uint32_t>(shift), Blocks(column),
                      at_[kNumberData + column])
      .At(doc);
}

void Draft::FindableIds() {
  const IdSlot slots(docs_);
  const uint32_t bits = header().bucket_bits;
  const auto hash_of = [&](Doc doc) {
    const RawId id = RawId::Read(at_[kIds] + RawId::kTail * doc,
                                 NumberAt(static_cast<size_t>(Number::kCreatedUs), doc),
                                 NumberAt(kIdTimes, doc));
    return id.is_other() ? HashBytes(other_ids_[id.other()]) : id.Hash();
  };
  // Counted one bucket further, so that while filling each count moves from begin to end.
  std::vector<uint32_t> at((size_t{1} << bits) + 2);
  for (Doc doc = 0; doc < docs_; ++doc) ++at[IdSlot::BucketOf(hash_of(doc), bits) + 2];
  for (size_t i = 2; i < at.size(); ++i) at[i] += at[i - 1];
  for (Doc doc = 0; doc < docs_; ++doc) {
    const uint64_t hash = hash_of(doc);
    const uint32_t slot = slots.Of(hash, doc);
    std::memcpy(at_[kBucketDocs] + size_t{at[IdSlot::BucketOf(hash, bits) + 1]++} * slots.bytes,
                &slot, slots.bytes);
  }
  std::memcpy(at_[kBuckets], at.data(), (at.size() - 1) * sizeof(uint32_t));
}

void Draft::EndLocations() {
  const std::span ends(reinterpret_cast<uint32_t*>(at_[kGeoEnds]), chunks_);
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
}

std::shared_ptr<const Segment> Draft::Finish() {
  FindableIds();
  EndLocations();
  const auto* begin = reinterpret_cast<const uint8_t*>(block_.get());
  const size_t bytes = header().bytes;
  header().checksum = Checksum(begin + kChecksummedFrom, bytes - kChecksummedFrom);
  return Segment::Attach({begin, bytes}, std::move(block_));
}

}  // namespace stockroom::api::segment_format
