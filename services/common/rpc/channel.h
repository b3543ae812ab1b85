// Channels with our settings: keepalive, message limits, a connection of their own.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "services/common/rpc/tls.h"

namespace stockroom::rpc {

struct ChannelOptions {
  // Channels of equal target and settings silently share one connection unless their pool index
  // differs.
  int pool_index = 0;
  int max_message_bytes = 4 << 20;
  PeerTls tls;
};

// `target` is host:port or a gRPC name such as dns:///workers:50052. The certificates must outlive
// the channel.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target,
                                           const ChannelOptions& options);

}  // namespace stockroom::rpc
