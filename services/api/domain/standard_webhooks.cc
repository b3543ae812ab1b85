#include "services/api/domain/standard_webhooks.h"

#include "absl/strings/escaping.h"
#include "services/common/base/digest.h"

namespace stockroom::api {

std::string StandardSignature(std::string_view secret, std::string_view id, int64_t seconds,
                              std::string_view body) {
  std::string signed_text;
  signed_text.reserve(id.size() + body.size() + 24);
  signed_text.append(id).append(".").append(std::to_string(seconds)).append(".").append(body);
  return "v1," + absl::Base64Escape(HmacSha256(secret, signed_text));
}

std::string SignaturesOf(const Webhook& webhook, std::string_view id, absl::Time now,
                         std::string_view body) {
  const int64_t seconds = absl::ToUnixSeconds(now);
  std::string value = StandardSignature(webhook.secret, id, seconds, body);
  if (!webhook.old_secret.empty() && now < webhook.old_secret_until) {
    value += " " + StandardSignature(webhook.old_secret, id, seconds, body);
  }
  return value;
}

}  // namespace stockroom::api
