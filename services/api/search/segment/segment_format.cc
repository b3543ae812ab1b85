#include "services/api/search/segment/segment_format.h"

#include <algorithm>

namespace stockroom::api::segment_format {
namespace {

constexpr uint64_t kPrimes[] = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9,
                                0xd6e8feb86659fd93};

uint64_t Step(uint64_t state, uint64_t word) { return std::rotl((state ^ word) * kPrimes[0], 29); }

uint64_t Spread(uint64_t hash) {
  hash = (hash ^ hash >> 32) * kPrimes[1];
  hash = (hash ^ hash >> 29) * kPrimes[2];
  return hash ^ hash >> 32;
}

constexpr std::array<Payload, 256> Same() {
  std::array<Payload, 256> same{};
  for (int i = 0; i < 256; ++i) same[i] = static_cast<Payload>(i);
  return same;
}

constexpr int kNoDigit = -1;
constexpr std::array<int8_t, 256> HexDigits() {
  std::array<int8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (int i = 0; i < 10; ++i) digits['0' + i] = static_cast<int8_t>(i);
  for (int i = 0; i < 6; ++i) digits['a' + i] = static_cast<int8_t>(10 + i);
  return digits;
}
constexpr std::array<int8_t, 256> kHexDigits = HexDigits();
constexpr size_t kUuidText = 36;
constexpr bool IsDash(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

}  // namespace

const std::array<Payload, 256> kSamePayload = Same();

uint64_t Checksum(const uint8_t* data, size_t bytes) {
  uint64_t lanes[4] = {kPrimes[0], kPrimes[1], kPrimes[2], kPrimes[3]};
  size_t at = 0;
  for (; at + 32 <= bytes; at += 32) {
    for (int i = 0; i < 4; ++i) lanes[i] = Step(lanes[i], Load<uint64_t>(data + at + 8 * i));
  }
  uint64_t sum = bytes;
  for (; at + 8 <= bytes; at += 8) sum = Step(sum, Load<uint64_t>(data + at));
  for (const uint64_t lane : lanes) sum = Step(sum, lane);
  return sum ^ sum >> 32;
}

namespace {

// Fewer than eight bytes as a number, without a call for so little.
uint64_t Few(const uint8_t* at, size_t bytes) {
  if (bytes >= 4) {
    const uint64_t end = Load<uint32_t>(at + bytes - 4);
    return Load<uint32_t>(at) | end << 8 * (bytes - 4);
  }
  if (bytes == 0) return 0;
  const uint64_t first = at[0];
  const uint64_t middle = at[bytes / 2];
  const uint64_t last = at[bytes - 1];
  return first | middle << 8 * (bytes / 2) | last << 8 * (bytes - 1);
}

}  // namespace

uint64_t HashBytes(std::string_view bytes) {
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  uint64_t hash = left * kPrimes[3];
  for (; left >= 8; left -= 8, at += 8) hash = Step(hash, Load<uint64_t>(at));
  return Spread(Step(hash, Few(at, left)));
}

uint64_t TermList::DirectoryBytes(Form form, uint64_t count, uint64_t chunks) {
  switch (form) {
    case kHighs8:
      return count;
    case kHighs16:
      return 2 * count;
    case kEnds8:
      return chunks - 1;
    case kEnds16:
      return 2 * (chunks - 1);
    case kEnds32:
      return 4 * (chunks - 1);
    case kMixed:
      return 4 + 8 * chunks;
  }
  return 0;
}

namespace {

template <typename Number>
std::pair<uint32_t, uint32_t> RangeOfHighs(const uint8_t* highs, uint32_t count, uint32_t chunk) {
  // Few: fewer than there are chunks.
  uint32_t begin = 0;
  uint32_t left = count;
  while (left > 0) {
    const uint32_t half = left / 2;
    if (Load<Number>(highs + sizeof(Number) * (begin + half)) < chunk) {
      begin += half + 1;
      left -= half + 1;
    } else {
      left = half;
    }
  }
  uint32_t end = begin;
  while (end < count && Load<Number>(highs + sizeof(Number) * end) == chunk) ++end;
  return {begin, end};
}

template <typename Number>
std::pair<uint32_t, uint32_t> RangeOfEnds(const uint8_t* ends, const TermList& list,
                                          uint32_t chunk) {
  return {chunk == 0 ? 0 : Load<Number>(ends + sizeof(Number) * (chunk - 1)),
          chunk + 1 == list.chunks ? list.count : Load<Number>(ends + sizeof(Number) * chunk)};
}

}  // namespace

std::pair<uint32_t, uint32_t> TermList::RangeOf(uint32_t chunk) const {
  const uint8_t* at_directory = directory();
  switch (form()) {
    case kHighs8:
      return RangeOfHighs<uint8_t>(at_directory, count, chunk);
    case kHighs16:
      return RangeOfHighs<uint16_t>(at_directory, count, chunk);
    case kEnds8:
      return RangeOfEnds<uint8_t>(at_directory, *this, chunk);
    case kEnds16:
      return RangeOfEnds<uint16_t>(at_directory, *this, chunk);
    case kEnds32:
      return RangeOfEnds<uint32_t>(at_directory, *this, chunk);
    case kMixed:
      return {Load<uint32_t>(at_directory + size_t{8} * chunk),
              chunk + 1 == chunks ? count : Load<uint32_t>(at_directory + size_t{8} * (chunk + 1))};
  }
  return {0, 0};
}

void TermCursor::Seek(TermOrd term) {
  ord_ = term;
  if (done()) return;
  const TermOrd first = term / kBlockTerms * kBlockTerms;
  at_ = text_ + starts_[term / kBlockTerms];
  for (ord_ = first;; ++ord_) {
    Read();
    if (ord_ == term) return;
  }
}

void TermCursor::Next() {
  if (++ord_ < terms_) Read();
}

void TermCursor::Read() {
  size_t kept = 0;
  if (ord_ % kBlockTerms != 0) kept = Varint(at_);
  const size_t more = Varint(at_);
  current_.resize(kept);
  current_.append(reinterpret_cast<const char*>(at_), more);
  at_ += more;
}

std::optional<RawId> RawId::OfUuid(std::string_view text) {
  if (text.size() != kUuidText) return std::nullopt;
  RawId id;
  int wrong = 0;
  int digits = 0;
  for (size_t i = 0; i < kUuidText; ++i) {
    if (IsDash(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int digit = kHexDigits[static_cast<uint8_t>(text[i])];
    wrong |= digit;
    uint64_t& half = digits++ < 16 ? id.high : id.low;
    half = half << 4 | static_cast<uint64_t>(digit & 15);
  }
  if (wrong < 0 || id.is_other()) return std::nullopt;
  return id;
}

namespace {

// Rounded down.
int64_t MillisOf(int64_t micros) { return micros / 1000 - (micros % 1000 < 0 ? 1 : 0); }

}  // namespace

RawId RawId::Read(const uint8_t* tail, int64_t created_us, int64_t after) {
  const uint64_t begin = __builtin_bswap16(Load<uint16_t>(tail));
  const RawId id{begin, __builtin_bswap64(Load<uint64_t>(tail + 2))};
  if (id.is_other()) return Other(id.other());
  const uint64_t time = static_cast<uint64_t>(MillisOf(created_us)) + static_cast<uint64_t>(after);
  return {time << kTimeShift | begin, id.low};
}

void RawId::WriteTail(uint8_t* to) const {
  const uint16_t begin = __builtin_bswap16(static_cast<uint16_t>(high));
  const uint64_t rest = __builtin_bswap64(low);
  std::memcpy(to, &begin, sizeof(begin));
  std::memcpy(to + sizeof(begin), &rest, sizeof(rest));
}

int64_t RawId::After(int64_t created_us) const {
  return static_cast<int64_t>(high >> kTimeShift) - MillisOf(created_us);
}

std::string RawId::UuidText() const {
  std::string text(kUuidText, '-');
  int digits = 0;
  for (size_t i = 0; i < kUuidText; ++i) {
    if (IsDash(i)) continue;
    const uint64_t half = digits < 16 ? high : low;
    text[i] = "0123456789abcdef"[half >> (60 - digits % 16 * 4) & 15];
    ++digits;
  }
  return text;
}

uint64_t RawId::Hash() const { return Spread(Step(Step(kPrimes[3], high), low)); }

uint8_t LengthClass(uint32_t words) {
  if (words < 40) return static_cast<uint8_t>(words);
  const int dropped = std::bit_width(words) - 3;
  // 40 is five times eight: the thirteenth of these steps.
  return static_cast<uint8_t>(40 + dropped * 4 + static_cast<int>(words >> dropped) - 4 - 13);
}

}  // namespace stockroom::api::segment_format
