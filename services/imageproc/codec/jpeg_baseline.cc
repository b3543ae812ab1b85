#include "services/imageproc/codec/jpeg_baseline.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "services/imageproc/codec/jpeg_block.h"

#define SR_INLINE inline __attribute__((always_inline))

namespace stockroom::imageproc {
namespace {

constexpr uint32_t kFastBits = 9;
constexpr uint32_t kPairBits = 11;
constexpr size_t kMaxUnitBlocks = 6;
constexpr int kEndOfBlock = 0;
constexpr int kSixteenZeros = 0xF0;
constexpr int kMostFirstBits = 11;
constexpr int kNoRestart = std::numeric_limits<int>::max();
// The most that one block can take: 64 symbols of 16 bits with 15 more each, and what is read
// ahead.
constexpr size_t kSlack = 64 * 4 + 64;

// What the bits at the front of the data mean: a code, and behind it the bits of a number.
struct Meaning {
  uint8_t length = 0;  // of the code; 0: too few bits to say, or no code
  uint8_t taken = 0;   // with the number's bits
  uint8_t symbol = 0;  // for AC: how many zeros come before the number, and its size
  uint8_t size = 0;    // bits of the number
};

// What the number of `size` bits stands for.
int Extend(uint32_t bits, uint32_t size) {
  const int value = static_cast<int>(bits);
  return value < (1 << size >> 1) ? value - (1 << size) + 1 : value;
}

class Codes {
 public:
  // False: the lengths are no prefix code.
  bool Set(const HuffmanCodes& codes) {
    uint32_t code = 0;
    uint32_t index = 0;
    for (uint32_t length = 1; length <= 16; ++length) {
      const uint32_t count = codes.count[length];
      if (index + count > 256 || code + count > (1U << length)) return false;
      offset_[length] = static_cast<int>(index) - static_cast<int>(code);
      for (uint32_t i = 0; i < count && length <= kFastBits; ++i) {
        std::fill_n(fast_.begin() + ((code + i) << (kFastBits - length)),
                    1U << (kFastBits - length), MeaningOf(length, codes.symbol[index + i]));
      }
      index += count;
      code += count;
      limit_[length] = code << (16 - length);
      code <<= 1;
    }
    symbols_ = codes.symbol;
    return true;
  }

  Meaning Find(uint64_t bits) const {
    const Meaning fast = fast_[bits >> (64 - kFastBits)];
    if (fast.length > 0) return fast;
    const auto front = static_cast<uint32_t>(bits >> 48);
    for (uint32_t length = kFastBits + 1; length <= 16; ++length) {
      if (front >= limit_[length]) continue;
      const int at = static_cast<int>(front >> (16 - length)) + offset_[length];
      return MeaningOf(length, symbols_[size_t(at) & 255]);
    }
    return {};
  }

 private:
  static Meaning MeaningOf(uint32_t length, uint8_t symbol) {
    const uint32_t size = symbol & 15;
    return {static_cast<uint8_t>(length), static_cast<uint8_t>(length + size), symbol,
            static_cast<uint8_t>(size)};
  }

  std::array<Meaning, 1 << kFastBits> fast_ = {};
  // Of each length: what lies behind its codes, as 16 bits from the left; and what makes a code an
  // index of symbols_.
  std::array<uint32_t, 17> limit_ = {};
  std::array<int, 17> offset_ = {};
  std::array<uint8_t, 256> symbols_ = {};
};

// Up to two coefficients at once, numbers included, as most have few bits. What is absent is
// written such that it changes nothing, so that whoever takes it need not ask.
struct Pair {
  uint8_t taken = 0;       // bits; 0: one does not fit in, take it by its code
  uint8_t end = 0;         // the block ends: 1 behind a coefficient, 2 without one
  uint8_t first_step = 0;  // from the coefficient before
  uint8_t second_step = 0;
  int16_t first = 0;
  int16_t second = 0;
};

// One coefficient out of `count` bits, if it is whole; its taken is 0 otherwise.
Pair SingleOf(const Codes& codes, uint32_t bits, uint32_t count) {
  const uint64_t front = uint64_t{bits} << (64 - count);
  const Meaning meaning = codes.Find(front);
  if (meaning.length == 0 || meaning.taken > count) return {};
  if (meaning.symbol == kEndOfBlock) return {meaning.taken, 2, 1, 0, 0, 0};
  const auto number = static_cast<uint32_t>((front << meaning.length >> 1) >> (63 - meaning.size));
  const auto value = static_cast<int16_t>(meaning.size > 0 ? Extend(number, meaning.size) : 0);
  return {meaning.taken, 0, static_cast<uint8_t>((meaning.symbol >> 4) + 1), 0, value, value};
}

class Pairs {
 public:
  void Set(const Codes& codes) {
    for (uint32_t bits = 0; bits < at_.size(); ++bits) {
      Pair& pair = at_[bits] = SingleOf(codes, bits, kPairBits);
      if (pair.taken == 0 || pair.taken == kPairBits || pair.end > 0) continue;
      const uint32_t left = kPairBits - pair.taken;
      const Pair next = SingleOf(codes, bits & ((1U << left) - 1), left);
      if (next.taken == 0) continue;
      pair.taken = static_cast<uint8_t>(pair.taken + next.taken);
      pair.end = next.end > 0 ? 1 : 0;
      pair.second_step = next.first_step;
      pair.second = next.first;
    }
  }
  Pair Find(uint64_t bits) const { return at_[bits >> (64 - kPairBits)]; }

 private:
  std::array<Pair, 1 << kPairBits> at_ = {};
};

// Bits of one segment (between restarts), stuffing removed. Behind the end come zeros, for as long
// as one block may take; whoever reads on asks Overrun() after each block.
class Bits {
 public:
  Bits() = default;
  Bits(const uint8_t* begin, const uint8_t* end) : at_(begin), end_(end) {}

  // At least 56 bits are there then.
  SR_INLINE void Refill() {
    uint64_t next;
    std::memcpy(&next, at_, sizeof next);
    bits_ |= __builtin_bswap64(next) >> count_;
    at_ += (63 - count_) >> 3;
    count_ |= 56;
  }
  SR_INLINE uint64_t front() const { return bits_; }
  // The number behind the code, which are then both gone. Without a branch: nothing about the data
  // can be foretold, and a wrong guess costs as much as three symbols.
  SR_INLINE int Take(Meaning meaning) {
    const uint64_t number = bits_ << meaning.length;
    const auto value = static_cast<int>((number >> 1) >> (63 - meaning.size));
    const auto negative = static_cast<int>(~(static_cast<int64_t>(number) >> 63));
    bits_ <<= meaning.taken;
    count_ -= meaning.taken;
    return value + (negative & (1 - (1 << meaning.size)));
  }
  SR_INLINE void Drop(int count) {
    bits_ <<= count;
    count_ -= count;
  }
  // All but the padding of the last byte was taken.
  bool AtEnd() const { return (end_ - at_) * 8 + count_ < 8; }
  // More was taken than there is.
  SR_INLINE bool Overrun() const { return (at_ - end_) * 8 > count_; }

 private:
  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
  uint64_t bits_ = 0;
  int count_ = 0;
};

// Takes the coded data apart at its markers.
class Segments {
 public:
  explicit Segments(std::string_view coded)
      : at_(reinterpret_cast<const uint8_t*>(coded.data())), end_(at_ + coded.size()) {}

  // The next one, up to a marker. False: the data ends without one.
  bool Next(Bits& bits) {
    data_.clear();
    while (true) {
      const auto* found = static_cast<const uint8_t*>(std::memchr(at_, 0xFF, size_t(end_ - at_)));
      if (found == nullptr || found + 1 >= end_) return false;
      data_.insert(data_.end(), at_, found);
      at_ = found + 1;
      while (at_ < end_ && *at_ == 0xFF) ++at_;
      if (at_ == end_) return false;
      marker_ = *at_++;
      if (marker_ != 0) break;
      data_.push_back(0xFF);
    }
    const size_t size = data_.size();
    data_.resize(size + kSlack);
    bits = Bits(data_.data(), data_.data() + size);
    return true;
  }
  int marker() const { return marker_; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  int marker_ = 0;
  std::vector<uint8_t> data_;
};

struct PlaneState {
  BaselinePlane plane;
  std::unique_ptr<Codes> dc = std::make_unique<Codes>();
  std::unique_ptr<Codes> ac = std::make_unique<Codes>();
  std::unique_ptr<Pairs> pairs = std::make_unique<Pairs>();  // of ac
  BlockScale scale = {};
  BlockTransform transform = nullptr;
  int previous = 0;  // first coefficient of the block before
  size_t stride = 0;
  std::vector<uint8_t> rows;  // of one row of units
};

SR_INLINE void Clear(Block& block) {
  using Vector = int64_t __attribute__((vector_size(32)));
  auto* to = reinterpret_cast<Vector*>(block.at);
  for (size_t i = 0; i < sizeof block / sizeof(Vector); ++i) to[i] = Vector{};
}

// False: damaged.
SR_INLINE bool DecodeFirst(Bits& bits, const Codes& codes, int& value) {
  bits.Refill();
  const Meaning meaning = codes.Find(bits.front());
  if (meaning.length == 0 || meaning.symbol > kMostFirstBits) [[unlikely]]
    return false;
  value = bits.Take(meaning);
  return true;
}

enum class Rest { kNone, kSome, kDamaged };

// The other 63.
SR_INLINE Rest DecodeRest(Bits& bits, const PlaneState& state, Block& block) {
  uint32_t index = 0;
  while (true) {
    bits.Refill();
    const Pair pair = state.pairs->Find(bits.front());
    const uint32_t first = index + pair.first_step;
    const uint32_t second = first + pair.second_step;
    if (pair.taken > 0 && second < 64) [[likely]] {
      bits.Drop(pair.taken);
      block.at[kZigzagPlace[first]] = pair.first;
      block.at[kZigzagPlace[second]] = pair.second;
      if (pair.end > 0) return pair.end == 2 && index == 0 ? Rest::kNone : Rest::kSome;
      index = second;
    } else {
      // A long one, or the last of a full block.
      const Meaning meaning = state.ac->Find(bits.front());
      if (meaning.length == 0) return Rest::kDamaged;
      const int value = bits.Take(meaning);
      if (meaning.symbol == kEndOfBlock) return index == 0 ? Rest::kNone : Rest::kSome;
      // Sixteen zeros are fifteen and a number of no bits.
      index += (meaning.symbol >> 4) + 1;
      block.at[kZigzagPlace[index]] = static_cast<int16_t>(value);
    }
    if (index >= 63) return index == 63 ? Rest::kSome : Rest::kDamaged;
  }
}

// Decodes the coefficients of one block. False: damaged.
SR_INLINE bool DecodeBlock(Bits& bits, PlaneState& state, Block& block, bool& flat) {
  Clear(block);
  int difference = 0;
  if (!DecodeFirst(bits, *state.dc, difference)) return false;
  state.previous = static_cast<int16_t>(state.previous + difference);
  block.at[0] = static_cast<int16_t>(state.previous);
  const Rest rest = DecodeRest(bits, state, block);
  flat = rest == Rest::kNone;
  return rest != Rest::kDamaged && !bits.Overrun();
}

void WriteBlock(const PlaneState& state, const Block& block, bool flat, uint8_t* to) {
  if (!flat) return state.transform(block, state.scale, to, state.stride);
  const uint8_t mean = MeanOf(block, state.scale);
  const auto size = static_cast<size_t>(state.plane.size);
  for (size_t y = 0; y < size; ++y) std::memset(to + y * state.stride, mean, size);
}

bool Prepare(const BaselineScan& scan, std::vector<PlaneState>& states) {
  for (const BaselinePlane& plane : scan.planes) {
    PlaneState& state = states.emplace_back();
    state.plane = plane;
    if (!state.dc->Set(plane.dc) || !state.ac->Set(plane.ac)) return false;
    for (size_t i = 0; i < plane.ac.symbol.size(); ++i) {
      const int symbol = plane.ac.symbol[i];
      if ((symbol & 15) == 0 && symbol != kEndOfBlock && symbol != kSixteenZeros) return false;
    }
    state.pairs->Set(*state.ac);
    for (int i = 0; i < 64; ++i) {
      state.scale.at[BlockPlace(i / 8, i % 8)] =
          static_cast<int16_t>(plane.quantisation[size_t(i)]);
    }
    state.transform = TransformFor(plane.size, false);
    state.stride = size_t(scan.units_across) * size_t(plane.across * plane.size);
    state.rows.assign(state.stride * size_t(plane.down * plane.size), 0);
  }
  return true;
}

// The blocks of one unit are all decoded before they are transformed: wide loads right behind
// narrow stores would wait for them.
struct Unit {
  std::array<Block, kMaxUnitBlocks> blocks;
  std::array<bool, kMaxUnitBlocks> flat;
};

SR_INLINE bool DecodeUnitsLoop(Bits& shared, std::vector<PlaneState>& states, int first, int end) {
  Bits bits = shared;  // in registers
  Unit unit;
  for (int at = first; at < end; ++at) {
    size_t count = 0;
    for (PlaneState& state : states) {
      for (int i = state.plane.across * state.plane.down; i > 0; --i, ++count) {
        if (!DecodeBlock(bits, state, unit.blocks[count], unit.flat[count])) return false;
      }
    }
    count = 0;
    for (PlaneState& state : states) {
      const BaselinePlane& plane = state.plane;
      for (int y = 0; y < plane.down; ++y) {
        uint8_t* row = state.rows.data() + size_t(y * plane.size) * state.stride;
        for (int x = 0; x < plane.across; ++x, ++count) {
          WriteBlock(state, unit.blocks[count], unit.flat[count],
                     row + size_t((at * plane.across + x) * plane.size));
        }
      }
    }
  }
  shared = bits;
  return true;
}

// Units of one row, without a restart between them. False: damaged.
using DecodeUnits = bool (*)(Bits& bits, std::vector<PlaneState>& states, int first, int end);

bool DecodeUnitsPlain(Bits& bits, std::vector<PlaneState>& states, int first, int end) {
  return DecodeUnitsLoop(bits, states, first, end);
}
#if defined(__x86_64__)
// Shifts by a register's value are one step there instead of three.
__attribute__((target("bmi2,avx2"))) bool DecodeUnitsBmi2(Bits& bits,
                                                          std::vector<PlaneState>& states,
                                                          int first, int end) {
  return DecodeUnitsLoop(bits, states, first, end);
}
#endif

DecodeUnits PickDecodeUnits() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("bmi2") && __builtin_cpu_supports("avx2")) return DecodeUnitsBmi2;
#endif
  return DecodeUnitsPlain;
}

bool DecodeAll(const BaselineScan& scan, std::string_view coded, std::vector<PlaneState>& states,
               std::vector<PlaneResizer>& sinks) {
  Segments segments(coded);
  Bits bits;
  if (!segments.Next(bits)) return false;
  const DecodeUnits decode = PickDecodeUnits();
  const int interval = scan.restart_interval > 0 ? scan.restart_interval : kNoRestart;
  int until_restart = interval;
  int restarts = 0;
  for (int unit_row = 0; unit_row < scan.units_down; ++unit_row) {
    for (int unit = 0; unit < scan.units_across;) {
      if (until_restart == 0) {
        if (!bits.AtEnd() || segments.marker() != 0xD0 + restarts % 8 || !segments.Next(bits)) {
          return false;
        }
        for (PlaneState& state : states) state.previous = 0;
        until_restart = interval;
        ++restarts;
      }
      const int end = unit + std::min(until_restart, scan.units_across - unit);
      if (!decode(bits, states, unit, end)) return false;
      if (interval != kNoRestart) until_restart -= end - unit;
      unit = end;
    }
    for (size_t i = 0; i < states.size(); ++i) {
      const PlaneState& state = states[i];
      for (int y = 0; y < state.plane.down * state.plane.size; ++y) {
        sinks[i].Push(&state.rows[size_t(y) * state.stride]);
      }
    }
  }
  return bits.AtEnd() && segments.marker() == 0xD9;
}

}  // namespace

absl::Status DecodeBaseline(const BaselineScan& scan, std::string_view coded,
                            std::vector<PlaneResizer>& sinks) {
  std::vector<PlaneState> states;
  if (!Prepare(scan, states) || !DecodeAll(scan, coded, states, sinks)) {
    return absl::InvalidArgumentError("The JPEG's data is damaged or cut short.");
  }
  return absl::OkStatus();
}

}  // namespace stockroom::imageproc
