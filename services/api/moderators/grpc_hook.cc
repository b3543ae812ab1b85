#include "services/api/moderators/grpc_hook.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "services/common/base/status.h"
#include "services/common/rpc/status.h"
#include "stockroom/v1/moderator_hook.grpc.pb.h"

namespace stockroom::api {
namespace {

// The preview is 1 MiB at most; the record with its analysis is far smaller.
constexpr int kMaxMessage = 16 << 20;

class GrpcModerator final : public Moderator {
 public:
  GrpcModerator(GrpcHookOptions options, std::shared_ptr<grpc::Channel> channel)
      : options_(std::move(options)), stub_(v1::ModeratorHook::NewStub(channel)) {}

  absl::StatusOr<ModeratorAnswer> Ask(const ModeratorQuestion& question,
                                      absl::Duration patience) override {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
    context.AddMetadata("x-request-id", question.request_id);
    if (!options_.secret.empty()) {
      context.AddMetadata("authorization", "Bearer " + options_.secret);
    }
    v1::ModerateResponse response;
    const grpc::Status status = stub_->Moderate(&context, options_.request(question), &response);
    if (!status.ok()) return Annotate(rpc::FromGrpc(status), "the external moderator");
    return options_.answer(response);
  }

 private:
  const GrpcHookOptions options_;
  const std::unique_ptr<v1::ModeratorHook::Stub> stub_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Moderator>> NewGrpcModerator(GrpcHookOptions options) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (options.tls) {
    grpc::SslCredentialsOptions ssl;
    if (!options.ca_file.empty()) {
      std::ifstream in(options.ca_file, std::ios::binary);
      ssl.pem_root_certs.assign(std::istreambuf_iterator<char>(in), {});
      if (!in || ssl.pem_root_certs.empty()) {
        return InvalidField("moderation.hook_ca_file", "can not read " + options.ca_file);
      }
    }
    credentials = grpc::SslCredentials(ssl);
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMaxModeratorAnswer));
  arguments.SetMaxSendMessageSize(kMaxMessage);
  // One that comes back is found within seconds.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  auto channel = grpc::CreateCustomChannel(options.target, credentials, arguments);
  return std::make_unique<GrpcModerator>(std::move(options), std::move(channel));
}

}  // namespace stockroom::api
