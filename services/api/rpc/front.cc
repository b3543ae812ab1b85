#include "services/api/rpc/front.h"

#include <string>
#include <string_view>

namespace stockroom::api {
namespace {

std::string_view MetadataOf(const grpc::CallbackServerContext& context, const char* name) {
  const auto& metadata = context.client_metadata();
  const auto it = metadata.find(name);
  return it == metadata.end() ? std::string_view()
                              : std::string_view(it->second.data(), it->second.size());
}

// "ipv4:127.0.0.1:5432" and "ipv6:%5B::1%5D:5432" without the port.
std::string AddressOf(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

}  // namespace

absl::StatusOr<Credentials> CredentialsOf(const grpc::CallbackServerContext& context) {
  absl::StatusOr<Credentials> credentials =
      ReadCredentials(MetadataOf(context, "authorization"), MetadataOf(context, "x-api-key"));
  if (credentials.ok()) credentials->peer = AddressOf(context.peer());
  return credentials;
}

}  // namespace stockroom::api
