#include "services/imageproc/rpc/render_service.h"

#include <memory>
#include <string>
#include <utility>

#include "services/common/base/status.h"
#include "services/common/rpc/server_streams.h"

namespace stockroom::imageproc {

using internal::RenderReply;
using internal::RenderRequest;

namespace {

constexpr size_t kChunkBytes = 256 << 10;

}  // namespace

// Waits for the rendition, then writes it: at any time one of the two is under way.
class RenderService::Call final : public rpc::WriteHandler<RenderReply>,
                                  public std::enable_shared_from_this<Call> {
 public:
  Call(RenderService& service, const RenderRequest& request)
      : service_(service), request_(request) {}

  void OnOpen(std::shared_ptr<rpc::WriteStream<RenderReply>> stream) override {
    stream_ = std::move(stream);
    const int calls = ++service_.calls_;
    service_.calls_gauge_.Set(calls);
    if (calls > service_.options_.max_calls) {
      stream_->Finish(MakeStatus(absl::StatusCode::kResourceExhausted,
                                 "The worker is busy: too many calls.",
                                 {.reason = "WORKER_BUSY", .retry_after = absl::Seconds(1)}));
      return;
    }
    service_.renderer_.Render(stream_->context(), request_,
                              [self = shared_from_this()](absl::StatusOr<MadeRendition> made) {
                                self->OnMade(std::move(made));
                              });
  }

  // Also when the client is gone: nobody sees the status then.
  void OnWritten(bool ok) override {
    if (!ok || sent_ == made_.bytes->size()) return stream_->Finish(absl::OkStatus());
    RenderReply reply;
    reply.set_chunk(made_.bytes->substr(sent_, kChunkBytes));
    sent_ += reply.chunk().size();
    stream_->Write(std::move(reply));
  }

  void OnClosed() override { service_.calls_gauge_.Set(--service_.calls_); }

 private:
  void OnMade(absl::StatusOr<MadeRendition> made) {
    if (!made.ok()) return stream_->Finish(made.status());
    made_ = *std::move(made);
    RenderReply reply;
    *reply.mutable_made() = made_.made;
    stream_->Write(std::move(reply));
  }

  RenderService& service_;
  const RenderRequest request_;  // gRPC's own goes with the call
  std::shared_ptr<rpc::WriteStream<RenderReply>> stream_;
  MadeRendition made_;
  size_t sent_ = 0;
};

RenderService::RenderService(const Options& options, Renderer& renderer, Metrics& metrics)
    : options_(options),
      renderer_(renderer),
      calls_gauge_(metrics.GetGauge("stockroom_render_calls", "Open calls for renditions.")) {}

grpc::ServerWriteReactor<RenderReply>* RenderService::Render(grpc::CallbackServerContext* context,
                                                             const RenderRequest* request) {
  return rpc::ServeWrites<RenderReply>(
      context, {.default_timeout = options_.max_time, .max_timeout = options_.max_time},
      std::make_shared<Call>(*this, *request));
}

}  // namespace stockroom::imageproc
