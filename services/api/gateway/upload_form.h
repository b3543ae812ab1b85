// What a multipart upload holds besides the file. Internal to services/api/gateway.
#pragma once

#include <optional>
#include <string>

#include "services/api/gateway/field_setter.h"
#include "services/api/gateway/multipart_parser.h"

namespace stockroom::api {

// Text fields go into the header message at once; the file's bytes are collected until Take.
// INVALID_ARGUMENT for a field or second file behind the file: the header was sent before the first
// byte.
class UploadForm final : public PartSink {
 public:
  explicit UploadForm(FieldSetter& header) : header_(header) {}

  absl::Status OnPart(PartHead head) override;
  absl::Status OnData(std::string_view bytes) override;
  absl::Status OnPartEnd() override;

  // The part with a filename has begun.
  bool file_begun() const { return filename_.has_value(); }
  const std::string& filename() const { return *filename_; }
  // Bytes of the file since the last call.
  std::string Take() { return std::exchange(file_bytes_, {}); }

 private:
  FieldSetter& header_;
  std::optional<std::string> filename_;
  bool in_file_ = false;
  std::string field_;
  std::string value_;
  size_t text_bytes_ = 0;
  std::string file_bytes_;
};

}  // namespace stockroom::api
