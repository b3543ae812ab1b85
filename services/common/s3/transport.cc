#include "services/common/s3/transport.h"

#include <chrono>
#include <cstring>

namespace stockroom::s3 {

absl::Status TextBody::ReadAt(int64_t offset, char* to, size_t size) const {
  if (offset < 0 || static_cast<size_t>(offset) > bytes_.size() ||
      size > bytes_.size() - static_cast<size_t>(offset)) {
    return absl::InternalError("a read behind the end of a request's body");
  }
  std::memcpy(to, bytes_.data() + offset, size);
  return absl::OkStatus();
}

std::string_view HttpResponse::Header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (field == name) return value;
  }
  return {};
}

absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace stockroom::s3
