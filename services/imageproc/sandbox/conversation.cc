#include "services/imageproc/sandbox/conversation.h"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "services/common/base/status.h"
#include "services/imageproc/sandbox/reply_check.h"
#include "services/imageproc/sandbox/wire.h"

namespace stockroom::imageproc {
namespace {

// What a request's message carries, and keeps open until it is sent.
struct Parcel {
  std::vector<UniqueFd> memory;  // the source, the watermarks, the file for the result
  std::vector<int> fds() const {
    std::vector<int> all;
    for (const UniqueFd& fd : memory) all.push_back(fd.get());
    return all;
  }
};

absl::StatusOr<Parcel> Pack(const internal::DecodeRequest& request, const DecoderInput& input) {
  if (input.watermarks.size() != static_cast<size_t>(request.watermarks_size())) {
    return absl::InternalError("the request names other watermarks than come with it");
  }
  if (input.watermarks.size() > kMaxWatermarks) {
    return InvalidArgument("TOO_MANY_WATERMARKS", "One request has at most 8 watermarks.");
  }
  Parcel parcel;
  SR_ASSIGN_OR_RETURN(parcel.memory.emplace_back(), MakeSealedMemory("source", input.source));
  for (const std::string_view watermark : input.watermarks) {
    SR_ASSIGN_OR_RETURN(parcel.memory.emplace_back(), MakeSealedMemory("watermark", watermark));
  }
  SR_ASSIGN_OR_RETURN(parcel.memory.emplace_back(), MakeMemory("result"));
  return parcel;
}

Conversation Broken(absl::Status status) {
  return {.answered = false, .result = std::move(status)};
}

}  // namespace

Conversation HaveConversation(int socket, absl::Time deadline,
                              const internal::DecodeRequest& request, const DecoderInput& input) {
  auto parcel = Pack(request, input);
  // Not its fault: it was not even asked.
  if (!parcel.ok()) return {.answered = true, .result = parcel.status()};
  absl::Status sent = SendWireMessage(socket, request.SerializeAsString(), parcel->fds(), deadline);
  if (!sent.ok()) return Broken(std::move(sent));
  const auto received = ReceiveWireMessage(socket, deadline);
  if (!received.ok()) return Broken(received.status());
  auto reply = ParseReply(received->bytes);
  if (!reply.ok()) return Broken(reply.status());
  std::optional<SealedView> made;
  if (reply->result() == internal::DecodeReply::OK) {
    auto mapped = SealedView::Map(parcel->memory.back().get(), kMaxResultBytes);
    if (!mapped.ok()) return Broken(mapped.status());
    made.emplace(*std::move(mapped));
  }
  auto checked = CheckReply(request, *std::move(reply), made ? made->bytes() : std::string_view());
  if (absl::IsAborted(checked.status())) return Broken(checked.status());
  return {.answered = true, .result = std::move(checked)};
}

}  // namespace stockroom::imageproc
