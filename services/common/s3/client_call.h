// What the two halves of Client share.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "services/common/s3/client.h"

namespace stockroom::s3 {

// Of answers that are XML: a full page of a listing has less.
inline constexpr int64_t kMaxXml = 4 << 20;

struct Client::Call {
  std::string operation;  // as S3 calls it
  std::string method;
  std::string path;
  Fields query;
  Fields headers;
  const RequestBody* body = nullptr;
  std::string payload = kEmptyPayload;
  int64_t bytes = 0;  // that are moved, either way: they take time
  int64_t max_response_bytes = kMaxXml;
  std::optional<Fence> fence;
  bool patient = false;  // as in HttpRequest
  // Whether a 2xx is one. UNAVAILABLE: try again.
  std::function<absl::Status(const HttpResponse&)> check;
};

}  // namespace stockroom::s3
