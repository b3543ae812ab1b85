#include "services/api/search/store/content_hash.h"

#include "services/api/search/store/document_store.h"
#include "services/common/base/digest.h"

namespace stockroom::api {

uint64_t ContentHash(const Image& image) { return ContentHashOfEncoded(EncodeImage(image)); }

uint64_t ContentHashOfEncoded(std::string_view encoded) {
  const Digest digest = Digest::Of(encoded);
  uint64_t hash = 0;
  for (size_t i = 0; i < 8; ++i) hash = hash << 8 | static_cast<uint8_t>(digest.bytes()[i]);
  return hash;
}

size_t BucketOf(std::string_view id) { return static_cast<uint8_t>(Digest::Of(id).bytes()[0]); }

}  // namespace stockroom::api
