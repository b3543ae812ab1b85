// The external moderator over gRPC: stockroom.v1.ModeratorHook.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/api/domain/moderator.h"
#include "stockroom/v1/moderator_hook.pb.h"

namespace stockroom::api {

struct GrpcHookOptions {
  std::string target;   // host:port
  bool tls = false;     // grpcs
  std::string ca_file;  // PEM; the system's authorities if empty
  std::string secret;   // sent as "authorization: Bearer …"; empty: nothing is
  std::function<v1::ModerateRequest(const ModeratorQuestion&)> request;
  std::function<absl::StatusOr<ModeratorAnswer>(const v1::ModerateResponse&)> answer;
};

// INVALID_ARGUMENT: the file of authorities can not be read.
absl::StatusOr<std::unique_ptr<Moderator>> NewGrpcModerator(GrpcHookOptions options);

}  // namespace stockroom::api
