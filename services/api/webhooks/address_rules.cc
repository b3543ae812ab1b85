#include "services/api/webhooks/address_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/numbers.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

using Address = std::array<uint8_t, 16>;

constexpr int kMappedBits = 96;

Address Mapped(const uint8_t* four) {
  Address address{};
  address[10] = address[11] = 0xff;
  std::copy(four, four + 4, address.begin() + 12);
  return address;
}

// Ranges that are not for the public, by the registries of special purposes (RFC 6890 and its
// successors) as of 2025.
constexpr const char* kSpecial4[] = {
    "0.0.0.0/8",        // this network
    "10.0.0.0/8",       // private
    "100.64.0.0/10",    // carrier-grade NAT
    "127.0.0.0/8",      // loopback
    "169.254.0.0/16",   // link-local; cloud metadata
    "172.16.0.0/12",    // private
    "192.0.0.0/24",     // protocol assignments
    "192.0.2.0/24",     // documentation
    "192.31.196.0/24",  // AS112
    "192.52.193.0/24",  // AMT
    "192.88.99.0/24",   // 6to4 relays
    "192.168.0.0/16",   // private
    "192.175.48.0/24",  // AS112
    "198.18.0.0/15",    // benchmarking
    "198.51.100.0/24",  // documentation
    "203.0.113.0/24",   // documentation
    "224.0.0.0/4",      // multicast
    "240.0.0.0/4",      // reserved, broadcast
};
// Of 2000::/3, which is all that is given out.
constexpr const char* kSpecial6[] = {
    "2001::/23",          // protocol assignments: Teredo, benchmarking, ORCHID
    "2001:db8::/32",      // documentation
    "2002::/16",          // 6to4
    "2620:4f:8000::/48",  // AS112
    "3fff::/20",          // documentation
};
constexpr char kGlobal6[] = "2000::/3";
constexpr char kMapped6[] = "::ffff:0:0/96";

std::vector<Network> Parsed(const char* const* begin, const char* const* end) {
  std::vector<Network> networks;
  for (; begin != end; ++begin) networks.push_back(ParseNetwork(*begin).value());
  return networks;
}

bool In(const std::vector<Network>& networks, const Address& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.Contains(address); });
}

bool IsPublic(const Address& address) {
  static const auto* const special4 =
      new std::vector<Network>(Parsed(std::begin(kSpecial4), std::end(kSpecial4)));
  static const auto* const special6 =
      new std::vector<Network>(Parsed(std::begin(kSpecial6), std::end(kSpecial6)));
  static const Network global6 = ParseNetwork(kGlobal6).value();
  static const Network mapped6 = ParseNetwork(kMapped6).value();
  if (mapped6.Contains(address)) return !In(*special4, address);
  return global6.Contains(address) && !In(*special6, address);
}

}  // namespace

bool Network::Contains(const std::array<uint8_t, 16>& address) const {
  for (int bit = 0; bit < bits; bit += 8) {
    const int rest = std::min(bits - bit, 8);
    const auto mask = static_cast<uint8_t>(0xff00 >> rest);
    if (((address[bit / 8] ^ prefix[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

absl::StatusOr<Network> ParseNetwork(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  Network network;
  int longest = 128;
  uint8_t four[4];
  if (inet_pton(AF_INET, host.c_str(), four) == 1) {
    network.prefix = Mapped(four);
    longest = 32;
  } else if (inet_pton(AF_INET6, host.c_str(), network.prefix.data()) != 1) {
    return absl::InvalidArgumentError("expected a network like 10.0.0.0/8 or fd00::/8, not '" +
                                      std::string(text) + "'");
  }
  int bits = longest;
  if (slash != std::string_view::npos &&
      (!absl::SimpleAtoi(Av(text.substr(slash + 1)), &bits) || bits < 0 || bits > longest)) {
    return absl::InvalidArgumentError("expected 0 to " + std::to_string(longest) +
                                      " after the slash of '" + std::string(text) + "'");
  }
  network.bits = longest == 32 ? kMappedBits + bits : bits;
  for (int bit = network.bits; bit < 128; ++bit) {
    if ((network.prefix[bit / 8] & (0x80 >> (bit % 8))) != 0) {
      return absl::InvalidArgumentError("'" + std::string(text) +
                                        "' has bits set after its prefix: which is meant?");
    }
  }
  return network;
}

absl::StatusOr<AddressRules> AddressRules::Create(const std::vector<std::string>& allowed) {
  AddressRules rules;
  for (const std::string& text : allowed) {
    const absl::StatusOr<Network> network = ParseNetwork(text);
    if (!network.ok()) {
      return InvalidField("webhooks.allow_networks", Sv(network.status().message()));
    }
    rules.allowed_.push_back(*network);
  }
  return rules;
}

bool AddressRules::Allows(const sockaddr* address, socklen_t size) const {
  Address bytes;
  if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof in);
    bytes = Mapped(reinterpret_cast<const uint8_t*>(&in.sin_addr));
  } else if (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in;
    std::memcpy(&in, address, sizeof in);
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
  } else {
    return false;
  }
  return In(allowed_, bytes) || IsPublic(bytes);
}

}  // namespace stockroom::api
