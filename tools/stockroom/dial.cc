#include "tools/stockroom/dial.h"

#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "services/common/base/files.h"
#include "services/common/base/status.h"

namespace stockroom::cli {
namespace {

// A page of 500 full records fits; an upload's chunks are far smaller.
constexpr int kMaxMessageBytes = 64 << 20;
// Authorities have some KiB each.
constexpr int64_t kMaxCaFileBytes = 4 << 20;

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const Settings& settings) {
  if (!settings.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  if (!settings.ca_file.empty()) {
    const absl::StatusOr<std::string> pem = ReadFileAtMost(settings.ca_file, kMaxCaFileBytes);
    if (!pem.ok() || pem->empty()) {
      return NotFound("NO_CA", absl::StrCat("the file of authorities ", settings.ca_file,
                                            " can not be read; give a PEM file with --ca"));
    }
    options.pem_root_certs = *pem;
  }
  return grpc::SslCredentials(options);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> Dial(const Settings& settings,
                                                    const std::string& address, int index) {
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                      Credentials(settings));
  grpc::ChannelArguments arguments;
  // Equal channels would silently share one connection.
  arguments.SetInt("grpc.channel_id", index);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // A server that vanished without a word is noticed.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

}  // namespace stockroom::cli
