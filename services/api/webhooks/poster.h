// Sending HTTP POSTs, as the sender of webhooks sees it. curl_poster.h does it; tests have a fake.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace stockroom::api {

struct PostRequest {
  std::string url;
  std::vector<std::string> headers;  // "name: value"
  std::string body;
};

struct PostResult {
  int status = 0;     // of the answer; 0 if there was none
  std::string error;  // why there was none; ASCII
  std::optional<absl::Duration> retry_after;
  absl::Duration took;
};

// Thread-safe.
class Poster {
 public:
  virtual ~Poster() = default;
  // Never blocks. `done` runs once, on a thread of the poster's, and must not block. How many are
  // under way is the caller's to bound.
  virtual void Post(PostRequest request, absl::AnyInvocable<void(PostResult)> done) = 0;
};

}  // namespace stockroom::api
