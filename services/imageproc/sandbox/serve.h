// A decoder child's work: requests from its socket, one after the other as long as they are about
// rungs.
#pragma once

#include "absl/status/status.h"
#include "services/imageproc/sandbox/zygote.h"

namespace stockroom::imageproc {

// The request says of its source that it is a rung: it names the original's size, and wants neither
// analysis nor rungs.
bool AsksAboutRung(const internal::DecodeRequest& request);

// Returns OK after an original, or when the worker has closed the socket. INTERNAL: it asked for
// what it may not, or nonsense.
absl::Status ServeRequests(int socket, DecodeFunction decode);

}  // namespace stockroom::imageproc
