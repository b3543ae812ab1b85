// How far the peer may send ahead of the reading of a stream. Internal to services/common/rpc.
#pragma once

#include <grpc/impl/codegen/grpc_types.h>

namespace stockroom::rpc {

// Of HTTP/2, where its size does not follow the bandwidth: fewer heads than with the usual 16 KiB.
inline constexpr int kFrameBytes = 256 << 10;

// Sets a fixed window with `set` (void(const char* argument, int value)). 0: as gRPC does, which
// follows the product of bandwidth and delay, without a bound.
template <typename Set>
void SetStreamWindow(int bytes, Set set) {
  if (bytes == 0) return;
  set(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  set(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, bytes);
  set(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kFrameBytes);
}

}  // namespace stockroom::rpc
