// The signature of Standard Webhooks 1.0 (symmetric, "v1"): of webhooks, and of what external
// moderators are asked.
#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "services/api/domain/webhook_store.h"

namespace stockroom::api {

// "v1," and the base64 of HMAC-SHA-256 of "id.seconds.body" under `secret` (bytes, not text).
std::string StandardSignature(std::string_view secret, std::string_view id, int64_t seconds,
                              std::string_view body);

// The value of webhook-signature: that of the secret and, in its grace time, of the old one.
std::string SignaturesOf(const Webhook& webhook, std::string_view id, absl::Time now,
                         std::string_view body);

}  // namespace stockroom::api
