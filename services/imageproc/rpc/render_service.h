// Renditions on demand over gRPC: see internal/render.proto.
#pragma once

#include <atomic>

#include "absl/time/time.h"
#include "services/common/base/metrics.h"
#include "services/imageproc/core/renderer.h"
#include "stockroom/internal/render.grpc.pb.h"

namespace stockroom::imageproc {

// Takes no thread of its own: renders run on the renderer's, answers are sent piece by piece as the
// client takes them. Metrics: stockroom_render_calls.
class RenderService final : public internal::RenderService::CallbackService {
 public:
  struct Options {
    // Calls that wait or are being answered; each may hold an answer in memory. Past it calls are
    // refused with RESOURCE_EXHAUSTED.
    int max_calls = 1024;
    // For calls without a deadline, and the longest for those with one.
    absl::Duration max_time = absl::Minutes(1);
  };
  // `renderer` must outlive it.
  RenderService(const Options& options, Renderer& renderer, Metrics& metrics);

  grpc::ServerWriteReactor<internal::RenderReply>* Render(
      grpc::CallbackServerContext* context, const internal::RenderRequest* request) override;

 private:
  class Call;

  const Options options_;
  Renderer& renderer_;
  Gauge& calls_gauge_;
  std::atomic<int> calls_{0};
};

}  // namespace stockroom::imageproc
