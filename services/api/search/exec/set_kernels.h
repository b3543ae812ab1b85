// The few loops over whole chunks that are worth vector instructions. Pure; every kernel gives the
// same answers.
#pragma once

#include <cstdint>

#include "services/api/search/segment/bits.h"

namespace stockroom::api {

// Bitmaps have kChunkWords words, need not be aligned, and `out` may be one of the operands.
struct SetKernels {
  const char* name;
  // out = a & b; how many are set.
  uint32_t (*And)(const uint64_t* a, const uint64_t* b, uint64_t* out);
  // out = a & ~b; how many are set.
  uint32_t (*AndNot)(const uint64_t* a, const uint64_t* b, uint64_t* out);
  void (*OrInto)(uint64_t* into, const uint64_t* from);
  uint32_t (*Count)(const uint64_t* bits);
  uint32_t (*CountAnd)(const uint64_t* a, const uint64_t* b);
  // What two ascending lists without repetition share, ascending. `out` is neither of them and has
  // room for the shorter one and 8 more.
  uint32_t (*Intersect)(const uint16_t* a, uint32_t na, const uint16_t* b, uint32_t nb,
                        uint16_t* out);
  // Bit n of `hits` says whether `docs[n]` is in `bits`; whole words are written. How many are.
  uint32_t (*TestEach)(const uint64_t* bits, const uint16_t* docs, uint32_t count, uint64_t* hits);
  // Keeps the n-th set bit of `bits` if bit n of `by_rank` is set; `by_rank` need only reach as far
  // as there are set bits, in whole words.
  void (*Deposit)(const uint64_t* bits, const uint64_t* by_rank, uint64_t* out);
  // Bit n of `out` is byte v of `wanted` (0 or 255), v being number n of those of 4 bits that begin
  // with bit `bit` (a multiple of 4) of `packed`: 64 to a word, as many of the `words` as can be
  // had without reading from packed + `bytes` on. How many that were.
  uint32_t (*ChooseNibbles)(const uint8_t* packed, uint64_t bytes, uint64_t bit, uint32_t words,
                            const uint8_t* wanted, uint64_t* out);
  // The same for numbers of 2 bits: `bit` is a multiple of 2.
  uint32_t (*ChoosePairs)(const uint8_t* packed, uint64_t bytes, uint64_t bit, uint32_t words,
                          const uint8_t* wanted, uint64_t* out);
  // Writes bytes[n] for each bit n that is set in the rows, of 64 bits each; how many. `bytes` has
  // `count` of them, and no bit is set behind them. `out` has room for `count` and 64 more.
  uint32_t (*PickBytes)(const uint64_t* rows, const uint8_t* bytes, uint32_t count, uint8_t* out);
  // The same of documents that have one byte or more each, one document's behind those of the one
  // before. Of 64 * `words` bytes; bit n of `firsts` says whether byte n is the first of its
  // document, of which `begun` began before. Bit d of `rows` says whether document d is wanted; one
  // word more than there are documents is read.
  uint32_t (*PickRuns)(const uint64_t* rows, uint32_t begun, const uint64_t* firsts,
                       const uint8_t* bytes, uint32_t words, uint8_t* out);
};

// The best that this machine has: "avx512", "avx2" or "portable".
const SetKernels& Kernels();

// For tests and benchmarks, not while searches run; false if this machine lacks it.
bool UseSetKernels(const char* name);

}  // namespace stockroom::api
