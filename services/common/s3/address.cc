#include "services/common/s3/address.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "services/common/base/config.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::s3 {
namespace {

constexpr size_t kLongestPrefix = 512;

absl::Status Wrong(std::string_view what) {
  return InvalidField("s3.url",
                      "must be https://endpoint/bucket or https://endpoint/bucket/prefix" +
                          std::string(what.empty() ? "" : ": ") + std::string(what));
}

bool LowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsHost(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return LowerAlnum(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == ':' ||
           c == '[' || c == ']' || c == '_';
  });
}

bool IsBucket(std::string_view name) {
  return name.size() >= 3 && name.size() <= 63 && name.front() != '.' && name.back() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return LowerAlnum(c) || c == '.' || c == '-' || c == '_' || (c >= 'A' && c <= 'Z');
         });
}

// Plain enough for every server and every URL.
bool IsPrefix(std::string_view prefix) {
  const std::string framed = "/" + std::string(prefix) + "/";
  // Clients and proxies take such segments away.
  if (framed.find("/./") != std::string::npos || framed.find("/../") != std::string::npos) {
    return false;
  }
  return prefix.size() <= kLongestPrefix && prefix.find("//") == std::string_view::npos &&
         std::all_of(prefix.begin(), prefix.end(), [](char c) {
           return LowerAlnum(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' ||
                  c == '/';
         });
}

bool IsLoopback(const std::string& host) {
  const std::string with_port =
      host.find(':') == std::string::npos || host.back() == ']' ? host + ":1" : host;
  return IsLoopbackAddress(with_port);
}

}  // namespace

absl::StatusOr<Address> Address::Parse(std::string_view url, Style style, bool allow_http) {
  Address address;
  std::string_view rest = url;
  for (const std::string_view scheme : {"https", "http"}) {
    if (address.scheme_.empty() && rest.starts_with(std::string(scheme) + "://")) {
      address.scheme_ = scheme;
      rest.remove_prefix(scheme.size() + 3);
    }
  }
  if (address.scheme_.empty()) return Wrong("");
  if (rest.find_first_of("@?#%") != std::string_view::npos) {
    return Wrong("without name, password, parameters or percent signs");
  }
  const size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view endpoint_and_port = rest.substr(0, slash);
  // libcurl leaves the scheme's own port out of Host, which is signed.
  const std::string_view own_port = address.scheme_ == "https" ? ":443" : ":80";
  if (endpoint_and_port.ends_with(own_port)) endpoint_and_port.remove_suffix(own_port.size());
  const std::string endpoint(endpoint_and_port);
  rest.remove_prefix(std::min(slash + 1, rest.size()));
  const size_t end = std::min(rest.find('/'), rest.size());
  address.bucket_ = rest.substr(0, end);
  address.prefix_ = rest.substr(std::min(end + 1, rest.size()));
  if (!IsHost(endpoint)) return Wrong("the endpoint is no host name");
  if (!IsBucket(address.bucket_)) return Wrong("the bucket is missing or is no bucket's name");
  if (!IsPrefix(address.prefix_)) return Wrong("the prefix may hold letters, digits, . - _ and /");
  if (!address.prefix_.empty() && address.prefix_.back() != '/') address.prefix_ += '/';
  if (address.scheme_ == "http" && !allow_http && !IsLoopback(endpoint)) {
    return InvalidField("s3.url",
                        "is http: whoever listens reads the pictures. Use https, or say "
                        "s3.allow_http: true if the network is yours alone");
  }
  const bool aws =
      absl::EndsWith(endpoint, ".amazonaws.com") || absl::EndsWith(endpoint, ".amazonaws.com.cn");
  address.virtual_host_ =
      style == Style::kVirtual ||
      (style == Style::kAuto && aws && address.bucket_.find('.') == std::string::npos);
  address.host_ = address.virtual_host_ ? address.bucket_ + "." + endpoint : endpoint;
  return address;
}

std::string Address::BucketPath() const { return virtual_host_ ? "/" : "/" + bucket_; }

std::string Address::PathOf(std::string_view key) const {
  const std::string bucket = virtual_host_ ? "/" : "/" + bucket_ + "/";
  return bucket + prefix_ + std::string(key);
}

}  // namespace stockroom::s3
