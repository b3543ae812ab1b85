// Getting one rendition: the stored one, or else one that a worker makes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/cache/rendition_cache.h"
#include "services/api/domain/renderer.h"
#include "services/common/base/call_context.h"
#include "services/common/blobs/blob_client.h"

namespace stockroom::api {

struct FetchedRendition {
  // Null: it is stored, and too large to be held; `stored` says how large.
  RenditionCache::Picture picture;
  RenditionInfo stored;
  std::string media_type;
  bool made = false;  // just now
};

// Stored renditions of more bytes than `most_held` are left where they are. `done` runs once, on a
// thread that must not block. What is stored but can not be read as it was written is made again.
void FetchRendition(BlobClient& blobs, Renderer& renderer, const CallContext& context,
                    RenderOrder order, int64_t most_held,
                    absl::AnyInvocable<void(absl::StatusOr<FetchedRendition>)> done);

}  // namespace stockroom::api
