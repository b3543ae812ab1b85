#include "services/api/webhooks/target_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "services/api/domain/webhooks.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kFirstFreePort = 1024;

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

absl::Status Refuse(const std::string& why) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, "this URL can not be a webhook's: " + why,
                    {.reason = "WEBHOOK_URL", .violations = {{"url", why}}});
}

std::optional<std::string> Part(const Url& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) return std::nullopt;
  std::string copy = text;
  curl_free(text);
  return copy;
}

// Whether `host` is a literal address that is refused. libcurl has brought all ways of writing an
// IPv4 address into one form.
bool IsRefused(std::string host, const AddressRules& rules) {
  sockaddr_in in{.sin_family = AF_INET};
  if (inet_pton(AF_INET, host.c_str(), &in.sin_addr) == 1) {
    return !rules.Allows(reinterpret_cast<const sockaddr*>(&in), sizeof in);
  }
  if (host.size() < 2 || host.front() != '[') return false;
  host = host.substr(1, host.size() - 2);
  sockaddr_in6 in6{.sin6_family = AF_INET6};
  if (inet_pton(AF_INET6, host.c_str(), &in6.sin6_addr) != 1) return true;
  return !rules.Allows(reinterpret_cast<const sockaddr*>(&in6), sizeof in6);
}

}  // namespace

absl::Status CheckTargetUrl(const std::string& url, bool allow_http, const AddressRules& rules) {
  if (url.empty() || url.size() > kMaxWebhookUrl) {
    return Refuse("expected 1 to " + std::to_string(kMaxWebhookUrl) + " characters");
  }
  if (!std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; })) {
    return Refuse("expected visible ASCII characters; encode others");
  }
  const Url parsed(curl_url(), &curl_url_cleanup);
  // libcurl takes the path for the host then.
  const bool no_host = url.find(":///") != std::string::npos;
  if (no_host ||
      curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK) {
    return Refuse("expected something like https://example.org/hook, without user and password");
  }
  const std::string scheme = Part(parsed, CURLUPART_SCHEME).value_or("");
  if (scheme != "https" && !(allow_http && scheme == "http")) {
    return Refuse(allow_http ? "expected https or http"
                             : "expected https; http is not allowed here (webhooks.allow_http)");
  }
  if (url.find('#') != std::string::npos) return Refuse("a fragment (#) is never sent");
  int port = 0;
  const std::string text = Part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT).value_or("");
  if (!absl::SimpleAtoi(text, &port) || (port != 80 && port != 443 && port < kFirstFreePort)) {
    return Refuse("expected port 80, 443 or above 1023");
  }
  if (IsRefused(Part(parsed, CURLUPART_HOST).value_or(""), rules)) {
    return Refuse("the address is not public, and webhooks.allow_networks does not hold it");
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api
