#include "services/api/gateway/upload_form.h"

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

// The longest legal description is 40,000 bytes; all fields together stay far below this.
constexpr size_t kMaxTextBytes = 256 << 10;

absl::Status Bad(std::string_view reason, std::string_view what) {
  return InvalidArgument(reason, what);
}

}  // namespace

absl::Status UploadForm::OnPart(PartHead head) {
  if (filename_) {
    if (head.filename) return Bad("TWO_FILES", "send one file per request");
    return Bad("FIELD_AFTER_FILE",
               absl::StrCat("the form field '", head.name,
                            "' comes after the file; put it before the file, whose bytes are "
                            "passed on as they arrive"));
  }
  in_file_ = head.filename.has_value();
  filename_ = std::move(head.filename);
  field_ = std::move(head.name);
  value_.clear();
  return absl::OkStatus();
}

absl::Status UploadForm::OnData(std::string_view bytes) {
  if (in_file_) {
    file_bytes_.append(bytes);
    return absl::OkStatus();
  }
  text_bytes_ += bytes.size();
  if (text_bytes_ > kMaxTextBytes) {
    return Bad("FORM_TOO_LARGE", absl::StrCat("the form's text fields exceed ", kMaxTextBytes,
                                              " bytes; a file needs a filename"));
  }
  value_.append(bytes);
  return absl::OkStatus();
}

absl::Status UploadForm::OnPartEnd() {
  if (std::exchange(in_file_, false)) return absl::OkStatus();
  return header_.Set(field_, value_);
}

}  // namespace stockroom::api
