#include "services/api/search/segment/segment.h"

#include <algorithm>
#include <limits>

#include "services/api/search/segment/segment_format.h"

namespace stockroom::api {

using segment_format::Header;
using segment_format::IdSlot;
using segment_format::kBitmapBytes;
using segment_format::kBlockTerms;
using segment_format::Load;
using segment_format::RawId;
using segment_format::TermCursor;
using segment_format::TermEntry;
using segment_format::TermList;

std::string_view OrdinalColumn::value(uint32_t ord) const {
  return {text_ + starts_[ord], static_cast<size_t>(starts_[ord + 1] - starts_[ord])};
}

// Needs a block whose header and sections fit together: Open has checked that, Draft has made it.
std::shared_ptr<const Segment> Segment::Attach(std::span<const uint8_t> bytes,
                                               std::shared_ptr<const void> owner) {
  using namespace segment_format;  // NOLINT: the names of the sections
  std::shared_ptr<Segment> segment(new Segment());
  Segment& s = *segment;
  s.owner_ = std::move(owner);
  s.bytes_ = bytes;
  s.header_ = reinterpret_cast<const Header*>(bytes.data());
  const Header& header = *s.header_;
  s.docs_ = header.docs;
  s.terms_ = header.terms;
  std::array<const uint8_t*, kSections> at{};
  uint64_t begin = sizeof(Header);
  for (size_t i = 0; i < kSections; ++i) {
    at[i] = bytes.data() + begin;
    begin += FilledUp(header.sections[i]);
  }
  s.block_starts_ = reinterpret_cast<const uint64_t*>(at[kBlockStarts]);
  s.term_text_ = at[kTermText];
  s.entries_ = reinterpret_cast<const uint16_t*>(at[kEntries]);
  s.lists_ = at[kLists];
  s.bitmaps_ = at[kBitmaps];
  s.flags_ = reinterpret_cast<const uint16_t*>(at[kFlags]);
  s.lengths_ = at[kLengths];
  s.md5_ = at[kMd5];
  s.locations_ = {{reinterpret_cast<const uint32_t*>(at[kGeoEnds]), s.chunks()},
                  {reinterpret_cast<const uint16_t*>(at[kGeoLows]), header.located},
                  {reinterpret_cast<const GeoPoint*>(at[kGeoPoints]), header.located}};
  for (size_t w = 0; w < s.pdq_.words.size(); ++w) {
    s.pdq_.words[w] = reinterpret_cast<const uint64_t*>(at[kPdq]) + w * s.docs_;
  }
  s.looks_ = header.looks_bytes == 0 ? nullptr : reinterpret_cast<const Looks*>(at[kLooks]);
  s.ids_ = at[kIds];
  s.other_starts_ = reinterpret_cast<const uint64_t*>(at[kOtherStarts]);
  s.other_text_ = reinterpret_cast<const char*>(at[kOtherText]);
  s.buckets_ = reinterpret_cast<const uint32_t*>(at[kBuckets]);
  s.bucket_docs_ = at[kBucketDocs];
  for (size_t i = 0; i < kNumberColumns; ++i) {
    const auto [min, max, shift] = header.numbers[i];
    NumberColumn& column = i < kNumbers     ? s.numbers_[i]
                           : i == kLocators ? s.locators_
                                            : s.id_times_;
    column = {min, max, static_cast<uint32_t>(shift),
              reinterpret_cast<const NumberColumn::Block*>(at[kNumberBlocks + i]),
              at[kNumberData + i]};
  }
  for (size_t i = 0; i < kOrdinals; ++i) {
    OrdinalColumn& column = s.ordinals_[i];
    column.values_ = header.ordinals[i].values;
    column.width_ = static_cast<int>(header.ordinals[i].width);
    column.data_ = at[kOrdinalData + i];
    column.starts_ = reinterpret_cast<const uint64_t*>(at[kValueStarts + i]);
    column.text_ = reinterpret_cast<const char*>(at[kValueText + i]);
  }
  return segment;
}

SegmentBytes Segment::parts() const {
  using namespace segment_format;  // NOLINT: the names of the sections
  SegmentBytes parts{.columns = sizeof(Header)};
  for (size_t i = 0; i < kSections; ++i) {
    const uint64_t bytes = FilledUp(header_->sections[i]);
    switch (i) {
      case kBlockStarts:
      case kTermText:
        parts.dictionary += bytes;
        break;
      case kEntries:
      case kLists:
      case kBitmaps:
        parts.postings += bytes;
        break;
      case kPdq:
      case kLooks:
        parts.looks += bytes;
        break;
      case kIds:
      case kOtherStarts:
      case kOtherText:
      case kBuckets:
      case kBucketDocs:
      case kNumberBlocks + kIdTimes:
      case kNumberData + kIdTimes:
        parts.ids += bytes;
        break;
      default:
        parts.columns += bytes;
    }
  }
  return parts;
}

TermCursor Segment::LowerBound(std::string_view text) const {
  // The last block whose first term is not above it.
  uint32_t begin = 0;
  uint32_t end = (terms_ + kBlockTerms - 1) / kBlockTerms;
  while (begin < end) {
    const uint32_t middle = begin + (end - begin) / 2;
    const uint8_t* at = term_text_ + block_starts_[middle];
    const size_t size = TermCursor::Varint(at);
    if (std::string_view(reinterpret_cast<const char*>(at), size) <= text) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  TermCursor cursor(block_starts_, term_text_, terms_);
  cursor.Seek(begin == 0 ? 0 : (begin - 1) * kBlockTerms);
  while (!cursor.done() && cursor.text() < text) cursor.Next();
  return cursor;
}

TermOrd Segment::FindTerm(std::string_view term) const {
  const TermCursor cursor = LowerBound(term);
  return !cursor.done() && cursor.text() == term ? cursor.ord() : kNoTerm;
}

std::pair<TermOrd, TermOrd> Segment::TermsWithPrefix(std::string_view prefix) const {
  TermCursor cursor = LowerBound(prefix);
  const TermOrd first = cursor.ord();
  // Of most prefixes the end is near.
  for (uint32_t steps = 0; steps < kBlockTerms; ++steps, cursor.Next()) {
    if (cursor.done() || !cursor.text().starts_with(prefix)) return {first, cursor.ord()};
  }
  // The first text behind all that begin so: the last byte that can grow has grown.
  std::string behind(prefix);
  while (!behind.empty() && behind.back() == '\xff') behind.pop_back();
  if (behind.empty()) return {first, terms_};
  behind.back() = static_cast<char>(static_cast<uint8_t>(behind.back()) + 1);
  return {first, LowerBound(behind).ord()};
}

void Segment::VisitTerms(TermOrd first, TermOrd last,
                         absl::FunctionRef<bool(TermOrd, std::string_view)> visit) const {
  last = std::min(last, terms_);
  if (first >= last) return;
  TermCursor cursor(block_starts_, term_text_, terms_);
  for (cursor.Seek(first); cursor.ord() < last; cursor.Next()) {
    if (!visit(cursor.ord(), cursor.text())) return;
  }
}

std::string Segment::TermText(TermOrd term) const {
  TermCursor cursor(block_starts_, term_text_, terms_);
  cursor.Seek(term);
  return std::string(cursor.text());
}

uint32_t Segment::Frequency(TermOrd term) const {
  const TermEntry entry{entries_ + size_t{TermEntry::kWords} * term};
  return entry.single() ? 1 : entry.count();
}

ChunkPostings Segment::Postings(TermOrd term, uint32_t chunk) const {
  const TermEntry entry{entries_ + size_t{TermEntry::kWords} * term};
  if (entry.single()) {
    if (entry.doc() / kChunkDocs != chunk) return {};
    return {.count = 1, .docs = entry.words, .uniform = entry.payload()};
  }
  const TermList list{lists_ + size_t{2} * entry.place(), entry.count(), chunks()};
  const auto [begin, end] = list.RangeOf(chunk);
  if (begin == end) return {};
  ChunkPostings postings{.count = end - begin, .uniform = list.uniform()};
  if (list.form() != TermList::kMixed) {
    postings.docs = list.lows() + begin;
  } else if (postings.count <= segment_format::kMostArray) {
    postings.docs = list.lows() + list.PlaceOf(chunk);
  } else {
    const uint8_t* bitmap = bitmaps_ + kBitmapBytes * list.PlaceOf(chunk);
    postings.bitmap = reinterpret_cast<const uint64_t*>(bitmap);
    postings.ranks = reinterpret_cast<const uint16_t*>(bitmap + sizeof(ChunkBitmap));
  }
  if (const int packing = list.packing(); packing != 0) {
    postings.packed = list.packed();
    postings.table =
        TermList::TableBytes(packing) == 0 ? segment_format::kSamePayload.data() : list.table();
    postings.first = begin;
    postings.log2_bits = static_cast<uint8_t>(packing - 1);
  }
  return postings;
}

uint32_t Segment::LengthOf(uint8_t length_class) {
  if (length_class < 40) return length_class;
  // See LengthClass.
  const uint32_t step = std::min(length_class, segment_format::kMostLengthClass) - 40u + 13u;
  return (step % 4 + 4) << step / 4;
}

uint32_t Segment::Md5StartOf(std::string_view md5) {
  uint32_t start = 0;
  if (md5.size() < kMd5Start) return start;
  for (const char byte : md5.substr(0, kMd5Start)) start = start << 8 | static_cast<uint8_t>(byte);
  return start;
}

std::string_view Segment::OtherId(uint32_t number) const {
  return {other_text_ + other_starts_[number],
          static_cast<size_t>(other_starts_[number + 1] - other_starts_[number])};
}

RawId Segment::raw_id(Doc doc) const {
  return RawId::Read(ids_ + RawId::kTail * doc,
                     numbers_[static_cast<size_t>(Number::kCreatedUs)].At(doc), id_times_.At(doc));
}

std::string Segment::id(Doc doc) const {
  const RawId raw = raw_id(doc);
  return raw.is_other() ? std::string(OtherId(raw.other())) : raw.UuidText();
}

IdKey::IdKey(std::string_view id) : id_(id) {
  const std::optional<RawId> uuid = RawId::OfUuid(id);
  is_uuid_ = uuid.has_value();
  if (uuid) {
    high_ = uuid->high;
    low_ = uuid->low;
  }
  hash_ = uuid ? uuid->Hash() : segment_format::HashBytes(id);
}

std::optional<Doc> Segment::FindId(const IdKey& id) const {
  const RawId uuid{id.high_, id.low_};
  const IdSlot slots(docs_);
  const uint64_t bucket = IdSlot::BucketOf(id.hash_, header_->bucket_bits);
  for (uint32_t i = buckets_[bucket]; i < buckets_[bucket + 1]; ++i) {
    const uint32_t slot = slots.Read(bucket_docs_, i);
    const Doc doc = slots.DocOf(slot);
    if (slot != slots.Of(id.hash_, doc)) continue;
    const RawId raw = raw_id(doc);
    if (id.is_uuid_ ? raw == uuid : raw.is_other() && OtherId(raw.other()) == id.id_) return doc;
  }
  return std::nullopt;
}

Locator Segment::locator(Doc doc) const { return static_cast<Locator>(locators_.At(doc)); }

}  // namespace stockroom::api
