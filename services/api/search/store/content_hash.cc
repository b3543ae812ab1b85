#include "services/api/search/store/content_hash.h"

// No library to link: its code is compiled here, where it can be made one with the loop around it.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "services/api/search/store/document_store.h"

namespace stockroom::api {

uint64_t ContentHash(const Image& image) { return ContentHashOfEncoded(EncodeImage(image)); }

uint64_t ContentHashOfEncoded(std::string_view encoded) {
  return XXH3_64bits(encoded.data(), encoded.size());
}

size_t BucketOf(std::string_view id) {
  static_assert(kIndexBuckets == 256);
  return XXH3_64bits(id.data(), id.size()) >> 56;
}

}  // namespace stockroom::api
