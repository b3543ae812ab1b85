// The external moderator over HTTP: a POST of JSON.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/api/domain/moderator.h"

namespace stockroom::api {

struct HttpHookOptions {
  std::string url;      // http or https
  std::string ca_file;  // PEM; the system's authorities if empty
  // Signs requests as webhooks are signed (Standard Webhooks): "webhook-id" is the image's,
  // "webhook-timestamp", and "webhook-signature". Empty: not signed.
  std::string secret;
  // The messages of proto/stockroom/v1/moderator_hook.proto as JSON.
  std::function<std::string(const ModeratorQuestion&)> body;
  std::function<absl::StatusOr<ModeratorAnswer>(const std::string&)> answer;
};

// The address is the operator's own, so it may be any; certificates are verified, redirects are not
// followed, no proxy is used. INVALID_ARGUMENT: no such URL.
absl::StatusOr<std::unique_ptr<Moderator>> NewHttpModerator(HttpHookOptions options);

}  // namespace stockroom::api
