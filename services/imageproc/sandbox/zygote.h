// The decoder program's side. It starts libvips once, then forks: starting libvips costs 55 ms, a
// fork of the started process 1.3 ms, so every untrusted original can have a process of its own
// that ends after it. The forking process has a single thread and never sees untrusted bytes
// itself.
//
// Socket 3 leads to the worker. The zygote first sends a DecoderReady (or ends, with the reason on
// standard error). For each message "fork" it answers "child <pid>" with three descriptors: the
// child's socket, its pidfd, and a pipe on which the zygote, once the child has ended, writes how
// (an int as waitpid gives it). Closing the socket ends the zygote and all its children.
//
// A child decodes originals' bytes once and ends. Rungs that Stockroom itself encoded
// (AsksAboutRung) it may serve one after the other, but never anything else after one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "stockroom/internal/decoder.pb.h"

namespace stockroom::imageproc {

inline constexpr int kZygoteSocket = 3;
inline constexpr std::string_view kZygoteFork = "fork";
inline constexpr std::string_view kZygoteChild = "child ";

// The reply, and the bytes that go with it: those of the renditions, then of the rungs.
using DecodeFunction = absl::FunctionRef<std::pair<internal::DecodeReply, std::string>(
    const internal::DecodeRequest& request, std::string_view source,
    std::span<const std::string_view> watermarks)>;

struct ZygoteOptions {
  // Address space of one child; 0: no cap.
  int64_t memory_bytes = 0;
  // What the program is, for its first message.
  internal::Engine engine;
};

// Runs until the worker closes its end: returns OK in the zygote. Children never return, they exit.
// Call after libvips was started, with one thread: it raises the walls (walls.h), so no file can be
// opened any more. Namespaces that this machine does not allow are reported to the worker; without
// any other wall it returns an error.
absl::Status RunZygote(const ZygoteOptions& options, DecodeFunction decode);

}  // namespace stockroom::imageproc
