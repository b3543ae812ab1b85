#include "services/common/rpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "services/common/rpc/callback_queue.h"

namespace stockroom::rpc {

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target,
                                           const ChannelOptions& options) {
  KeepCallbackQueue();
  grpc::ChannelArguments arguments;
  arguments.SetInt("grpc.channel_id", options.pool_index);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(options.max_message_bytes);
  arguments.SetMaxSendMessageSize(options.max_message_bytes);
  // A peer that vanished without a word is noticed after 60 + 20 s; servers of ours allow that
  // rate.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  // Redial quickly: workers come and go, and callers back off on their own.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  if (options.tls.certificates == nullptr) {
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  }
  if (!options.tls.name.empty()) arguments.SetSslTargetNameOverride(options.tls.name);
  return grpc::CreateCustomChannel(target, options.tls.certificates->ForChannel(), arguments);
}

}  // namespace stockroom::rpc
