// Uploads as JSON with the image in base64, as older systems send them. Internal to
// services/api/gateway.
#pragma once

#include <google/protobuf/message.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace stockroom::api {

// Fills `header` from the JSON object and returns the image's bytes. The object is
// {"image": "<base64>", …} with the header's fields beside the image, or that as the member "data"
// of an object that has no other. base64 and base64url, with or without padding and line breaks,
// also as a data URL. INVALID_ARGUMENT (BAD_JSON, INVALID_FIELD, EMPTY_UPLOAD). Pure; takes its
// time for large bodies.
absl::StatusOr<std::string> ReadJsonUpload(std::string body, google::protobuf::Message& header);

// Bytes that may be held at once. Thread-safe; outlived by nothing that it gave out.
class ByteBudget : public std::enable_shared_from_this<ByteBudget> {
 public:
  explicit ByteBudget(int64_t bytes) : left_(bytes) {}

  // A part of it until this is destroyed.
  class Share {
   public:
    Share(std::shared_ptr<ByteBudget> budget, int64_t bytes)
        : budget_(std::move(budget)), bytes_(bytes) {}
    Share(Share&& other) = default;
    Share& operator=(Share&&) = delete;
    ~Share() {
      if (budget_ != nullptr) budget_->left_ += bytes_;
    }

   private:
    std::shared_ptr<ByteBudget> budget_;
    int64_t bytes_;
  };
  // RESOURCE_EXHAUSTED with a retry delay if so much is not left.
  absl::StatusOr<Share> Take(int64_t bytes);

 private:
  std::atomic<int64_t> left_;
};

}  // namespace stockroom::api
