#include "services/api/workers/addresses.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <memory>

#include "services/common/base/config.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<std::set<std::string>> LookUpAddresses(const std::string& target) {
  SR_ASSIGN_OR_RETURN(const HostPort wanted, ParseHostPort(target));
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(wanted.host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return Unavailable("LOOKUP_FAILED", wanted.host + ": " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  std::set<std::string> addresses;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    char text[INET6_ADDRSTRLEN] = {};
    if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) !=
        0) {
      continue;
    }
    const std::string host = a->ai_family == AF_INET6 ? "[" + std::string(text) + "]" : text;
    addresses.insert(host + ":" + std::to_string(wanted.port));
  }
  return addresses;
}

}  // namespace stockroom::api
