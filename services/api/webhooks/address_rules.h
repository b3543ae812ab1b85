// Which addresses webhooks may be sent to: public ones, and those that the operator allows. Against
// server-side request forgery: whoever may make a webhook must not reach what only this machine
// can.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace stockroom::api {

// A range of addresses. IPv4 is kept as the IPv4-mapped IPv6 address (::ffff:0:0/96).
struct Network {
  std::array<uint8_t, 16> prefix{};
  int bits = 0;  // of 128

  bool Contains(const std::array<uint8_t, 16>& address) const;
};

// "10.0.0.0/8", "fd00::/8", or one address. INVALID_ARGUMENT, also for bits set after the prefix.
absl::StatusOr<Network> ParseNetwork(std::string_view text);

class AddressRules {
 public:
  // INVALID_ARGUMENT names a bad one of `allowed`.
  static absl::StatusOr<AddressRules> Create(const std::vector<std::string>& allowed);

  // The address itself, whatever name led to it. An IPv4-mapped one counts as the IPv4 address in
  // it; other IPv6 addresses that carry one (compatible, NAT64, 6to4, Teredo) are not public, nor
  // is anything but IP.
  bool Allows(const sockaddr* address, socklen_t size) const;

 private:
  std::vector<Network> allowed_;
};

}  // namespace stockroom::api
