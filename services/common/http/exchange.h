// One request and its answer, while its connection works on it. Internal to services/common/http.
#pragma once

#include <string>
#include <utility>

#include "services/common/http/connection.h"
#include "services/common/http/head_parser.h"

namespace stockroom::http {

struct Connection::Exchange {
  explicit Exchange(RequestHead from) : head(std::move(from)) {}

  RequestHead head;  // its fields are moved into `request`
  Request request;
  const Route* route = nullptr;
  Response response;
  bool keep_alive = true;
  bool at_hand = false;     // answered by a TryHandler; then:
  std::string head_sent;    // its head
  size_t sent_at_once = 0;  // how much of head and body went at once
  int64_t bytes_sent = 0;
};

}  // namespace stockroom::http
