// Payloads of a chunk's postings, many at a time. Pure.
#pragma once

#include <cstdint>

#include "services/api/search/segment/segment.h"

namespace stockroom::api {

// By rank, 64 a word: whether the payload has one of the mask's bits. `by_rank` has room for
// kChunkWords; bits from `postings.count` on are 0 in the words that are written.
void PayloadBits(const ChunkPostings& postings, Payload mask, uint64_t* by_rank);

}  // namespace stockroom::api
