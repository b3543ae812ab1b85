// The decoder program's side. It starts libvips once, then forks: starting libvips costs 55 ms, a
// fork of the started process 1.3 ms, so every untrusted original can have a process of its own
// that ends after it. The forking process has a single thread and never sees untrusted bytes
// itself.
//
// Socket 3 leads to the worker. The zygote first sends "ready" (or ends, with the reason on
// standard error). For each message "fork" it answers "child" with two descriptors, the child's
// socket and its pidfd. Closing the socket ends the zygote and all its children.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "stockroom/internal/decoder.pb.h"

namespace stockroom::imageproc {

inline constexpr int kZygoteSocket = 3;
inline constexpr std::string_view kZygoteReady = "ready";
inline constexpr std::string_view kZygoteFork = "fork";
inline constexpr std::string_view kZygoteChild = "child";

// The reply, and the renditions' bytes that go with it.
using DecodeFunction = absl::FunctionRef<std::pair<internal::DecodeReply, std::string>(
    const internal::DecodeRequest& request, std::string_view original)>;

struct ZygoteOptions {
  // Address space of one child; 0: no cap.
  int64_t memory_bytes = 0;
};

// Runs until the worker closes its end: returns OK in the zygote. Children never return, they exit.
// Call after libvips was started, with one thread.
absl::Status RunZygote(const ZygoteOptions& options, DecodeFunction decode);

}  // namespace stockroom::imageproc
