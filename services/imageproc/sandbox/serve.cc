#include "services/imageproc/sandbox/serve.h"

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/status.h"
#include "services/imageproc/sandbox/wire.h"

namespace stockroom::imageproc {
namespace {

// The mapped pictures of a request, and where its result goes.
struct Inputs {
  std::vector<SealedView> views;
  std::vector<std::string_view> bytes;  // the source, then the watermarks
  int result = -1;
};

absl::StatusOr<Inputs> MapInputs(const WireMessage& message,
                                 const internal::DecodeRequest& request) {
  const auto watermarks = static_cast<size_t>(request.watermarks_size());
  if (watermarks > kMaxWatermarks || message.fds.size() != 1 + watermarks + 1) {
    return absl::InternalError("a request with other descriptors than it names");
  }
  Inputs inputs;
  for (size_t i = 0; i + 1 < message.fds.size(); ++i) {
    SR_ASSIGN_OR_RETURN(SealedView view,
                        SealedView::Map(message.fds[i].get(), std::numeric_limits<int64_t>::max()));
    inputs.bytes.push_back(view.bytes());
    inputs.views.push_back(std::move(view));
  }
  inputs.result = message.fds.back().get();
  return inputs;
}

absl::Status Answer(int socket, const WireMessage& message, const internal::DecodeRequest& request,
                    DecodeFunction decode) {
  SR_ASSIGN_OR_RETURN(const Inputs inputs, MapInputs(message, request));
  const std::span<const std::string_view> bytes = inputs.bytes;
  const auto [reply, made] = decode(request, bytes.front(), bytes.subspan(1));
  SR_RETURN_IF_ERROR(FillAndSeal(inputs.result, made));
  return SendWireMessage(socket, reply.SerializeAsString(), {}, absl::InfiniteFuture());
}

}  // namespace

bool AsksAboutRung(const internal::DecodeRequest& request) {
  return request.original_width() > 0 && request.original_height() > 0 && !request.analyse() &&
         request.ladder().empty();
}

absl::Status ServeRequests(int socket, DecodeFunction decode) {
  for (bool first = true;; first = false) {
    const auto message = ReceiveWireMessage(socket, absl::InfiniteFuture());
    if (absl::IsUnavailable(message.status())) return absl::OkStatus();
    if (!message.ok()) return message.status();
    internal::DecodeRequest request;
    if (!request.ParseFromString(message->bytes)) return absl::InternalError("malformed request");
    const bool rung = AsksAboutRung(request);
    if (!rung && !first) return absl::InternalError("an original for who has served others");
    SR_RETURN_IF_ERROR(Answer(socket, *message, request, decode));
    if (!rung) return absl::OkStatus();
  }
}

}  // namespace stockroom::imageproc
