// Finds PDQ hashes near another, over a structure of arrays, exactly.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "services/api/search/query/query.h"
#include "services/api/search/segment/segment.h"

namespace stockroom::api {

inline int PdqDistance(const PdqWords& a, const PdqWords& b) {
  int distance = 0;
  for (int w = 0; w < 4; ++w) distance += __builtin_popcountll(a[w] ^ b[w]);
  return distance;
}

// Calls `found(doc, distance)` for every document of [begin, end) at most `radius` (0 to 256) from
// `target`, ascending. Documents without a hash are compared as if theirs were 0: whoever calls
// checks the flag. AVX-512, AVX2 or neither, by what this machine has; all give the same.
void ScanPdq(const PdqColumn& column, Doc begin, Doc end, const PdqWords& target, int radius,
             absl::FunctionRef<void(Doc, int)> found);

// For tests and benchmarks: "avx512", "avx2", "portable"; false if this machine lacks it.
bool UsePdqKernel(const char* name);

}  // namespace stockroom::api
