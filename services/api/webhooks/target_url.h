// Which URLs webhooks may have.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "services/api/webhooks/address_rules.h"

namespace stockroom::api {

// INVALID_ARGUMENT (WEBHOOK_URL), saying what is wrong: not absolute, not https (or http where
// `allow_http`), with user, password or fragment, longer than kMaxWebhookUrl, other than visible
// ASCII, a port below 1024 that is not 80 or 443 (those belong to services that are not web
// servers), or a literal address that `rules` refuse. Names are looked up when connecting.
absl::Status CheckTargetUrl(const std::string& url, bool allow_http, const AddressRules& rules);

}  // namespace stockroom::api
