#include "services/api/open_moderator.h"

#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "services/api/handlers/moderation_handlers.h"
#include "services/api/moderators/grpc_hook.h"
#include "services/api/moderators/http_hook.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

absl::StatusOr<std::string> ReadSecret(const std::string& file) {
  if (file.empty()) return "";
  std::ifstream in(file, std::ios::binary);
  std::string secret{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in) return InvalidField("moderation.hook_secret_file", "can not read " + file);
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  if (secret.empty()) return InvalidField("moderation.hook_secret_file", file + " is empty");
  return secret;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Moderator>> OpenModerator(const Options& options) {
  const std::string& url = options.moderation_hook_url;
  if (url.empty()) return nullptr;
  SR_ASSIGN_OR_RETURN(std::string secret, ReadSecret(options.moderation_hook_secret_file));
  const bool tls = url.starts_with("grpcs://");
  if (tls || url.starts_with("grpc://")) {
    if (!tls && !secret.empty()) {
      LogWarning("the moderator's secret goes unencrypted over grpc://; prefer grpcs://", {});
    }
    return NewGrpcModerator(
        {.target = url.substr(tls ? 8 : 7),
         .tls = tls,
         .ca_file = options.moderation_hook_ca_file,
         .secret = std::move(secret),
         .request = ModerateRequestOf,
         .answer = [](const v1::ModerateResponse& answer) { return ModeratorAnswerOf(answer); }});
  }
  return NewHttpModerator(
      {.url = url,
       .ca_file = options.moderation_hook_ca_file,
       .secret = std::move(secret),
       .body = ModeratorJson,
       .answer = [](const std::string& answer) { return ModeratorAnswerOf(answer); }});
}

ModeratorPolicy ModeratorPolicyOf(const Options& options) {
  if (options.moderation_hook_policy == "allow") return ModeratorPolicy::kAllow;
  return options.moderation_hook_policy == "retry" ? ModeratorPolicy::kRetry
                                                   : ModeratorPolicy::kFlag;
}

}  // namespace stockroom::api
