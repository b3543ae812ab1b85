#include "services/api/rpc/front.h"

#include <algorithm>
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

// "ipv4:127.0.0.1:5432" and "ipv6:%5B::1%5D:5432" as HTTP has them: 127.0.0.1, ::1.
std::string AddressOf(std::string peer) {
  peer.erase(std::min(peer.rfind(':'), peer.size()));
  if (peer.starts_with("ipv4:")) return peer.substr(5);
  if (peer.starts_with("ipv6:%5B") && peer.ends_with("%5D")) {
    return peer.substr(8, peer.size() - 11);
  }
  return peer;
}

}  // namespace

absl::StatusOr<Credentials> CredentialsOf(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  if (metadata.count("authorization") > 1 || metadata.count("x-api-key") > 1) {
    return InvalidCredentials("credentials were sent twice");
  }
  absl::StatusOr<Credentials> credentials =
      ReadCredentials(MetadataOf(context, "authorization"), MetadataOf(context, "x-api-key"));
  if (credentials.ok()) credentials->peer = AddressOf(context.peer());
  return credentials;
}

}  // namespace stockroom::api
