#include "services/api/webhooks/standard_webhooks.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "absl/strings/escaping.h"
#include "services/common/base/strings.h"

namespace stockroom::api {

std::string StandardSignature(std::string_view secret, std::string_view id, int64_t seconds,
                              std::string_view body) {
  std::string signed_text;
  signed_text.reserve(id.size() + body.size() + 24);
  signed_text.append(id).append(".").append(std::to_string(seconds)).append(".").append(body);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), mac, &size);
  return "v1," + absl::Base64Escape({reinterpret_cast<const char*>(mac), size});
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
