// Proof that the index holds what the database holds: a sum over all images that either side can
// compute, in any order, and the index keeps up to date change by change.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "services/api/domain/image.h"
#include "services/api/domain/search_index.h"

namespace stockroom::api {

// 64 bits over all of the image (EncodeImage): its XXH3, which is the same everywhere and takes a
// tenth of the time of SHA-256. It finds what went wrong, and nobody gains by two images of one
// hash: of an image, what is the newer is decided by its revision.
uint64_t ContentHash(const Image& image);
uint64_t ContentHashOfEncoded(std::string_view encoded);

// Sums modulo 2^64 by bucket, so that a difference leads to the images that differ: the bucket is
// the highest byte of XXH3 of the id.
using ContentSums = std::array<IndexSum, kIndexBuckets>;
size_t BucketOf(std::string_view id);

}  // namespace stockroom::api
