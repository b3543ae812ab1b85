// One question to a decoder and its answer, which is untrusted.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/imageproc/core/decoder.h"
#include "stockroom/internal/decoder.pb.h"

namespace stockroom::imageproc {

struct Conversation {
  // It gave an answer that makes sense: `result` is it, or what is wrong with the image. Otherwise
  // `result` says what went wrong: UNAVAILABLE (the decoder is gone), DEADLINE_EXCEEDED, ABORTED
  // (it sent nonsense); nothing that it still says can be relied on.
  bool answered = false;
  absl::StatusOr<DecodedImage> result;
};

// Blocks until `deadline` at most. `socket` is a decoder's (zygote.h).
Conversation HaveConversation(int socket, absl::Time deadline,
                              const internal::DecodeRequest& request, const DecoderInput& input);

}  // namespace stockroom::imageproc
