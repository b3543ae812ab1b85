// Renditions on demand, as delivery sees them: somebody in the cluster makes one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/worker_pool.h"
#include "services/common/base/call_context.h"
#include "services/common/base/digest.h"
#include "services/common/recipe/ladder.h"

namespace stockroom::api {

struct RenderOrder {
  Digest original;
  SourceTraits traits;
  Recipe recipe;    // resolved
  std::string key;  // RenditionKey(recipe)
  std::vector<int> ladder;
  std::vector<WatermarkPicture> watermarks;  // those that the recipe names
  int64_t max_pixels = 0;
};

struct RenderedPicture {
  std::shared_ptr<const std::string> bytes;
  Digest sha256;  // of the bytes
  std::string media_type;
  Size size;
};

// Thread-safe. Equal orders go to the same worker as long as it is there (rendezvous hash of
// original and key over the workers), so that the cluster makes each rendition once.
class Renderer {
 public:
  virtual ~Renderer() = default;

  using Done = absl::AnyInvocable<void(absl::StatusOr<RenderedPicture>)>;

  // `done` runs exactly once, on a thread that must not block, at the latest at the context's
  // deadline; cancelling the context stops the work. Errors: as in internal/render.proto;
  // UNAVAILABLE (NO_WORKER) when no worker is connected.
  virtual void Render(const CallContext& context, RenderOrder order, Done done) = 0;
};

}  // namespace stockroom::api
