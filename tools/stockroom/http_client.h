// Bytes over HTTP: pictures from the gateway, health of any process. A seam; tests give a fake.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/cancellation.h"
#include "tools/stockroom/settings.h"

namespace stockroom::cli {

struct HttpRequest {
  std::string url;
  // From this byte on, if the server's entity still has this tag; 0 for everything.
  int64_t offset = 0;
  std::string if_range;  // with its quotes
  // Send the API key: only to the gateway.
  bool with_key = false;
  // Of the whole transfer; a transfer that stalls ends earlier.
  absl::Duration timeout = absl::Seconds(30);
};

struct HttpAnswer {
  int status = 0;       // 200, or 206 when `offset` was honoured
  int64_t length = -1;  // of the body to come; -1 if unknown
};

// Bytes to a URL that is its own credential.
struct HttpSending {
  std::string method;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  int64_t length = 0;
  absl::Duration timeout = absl::Seconds(30);
};

// Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // `begin` comes once, before the first byte, for answers 200 and 206; `body` for every piece.
  // An error of theirs ends the transfer with it. Other answers are errors: NOT_FOUND,
  // PERMISSION_DENIED, UNAVAILABLE, … with the server's own words and its Retry-After.
  virtual absl::Status Get(const HttpRequest& request,
                           absl::FunctionRef<absl::Status(const HttpAnswer&)> begin,
                           absl::FunctionRef<absl::Status(std::string_view)> body) = 0;

  // Sends a body of `length` bytes, which `next` gives piece by piece, at most as many as it is
  // asked for. An error of its ends the transfer with it. Answers but 2xx are errors as for Get.
  // What is told about a URL leaves out its query: signatures are secrets.
  virtual absl::Status Send(const HttpSending& request,
                            absl::FunctionRef<absl::StatusOr<std::string>(size_t most)> next) = 0;
};

std::unique_ptr<HttpClient> MakeHttpClient(const Settings& settings,
                                           std::shared_ptr<Cancellation> stop);

}  // namespace stockroom::cli
