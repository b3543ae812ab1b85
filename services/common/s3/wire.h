// S3's headers and XML as values, and back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/common/s3/client.h"
#include "services/common/s3/xml.h"

namespace stockroom::s3 {

// Errors of this file are UNAVAILABLE S3_NONSENSE: the answer is not what S3 promises, perhaps
// because something between here and there changed it.
absl::Status Nonsense(std::string_view what);

// "Date", which every age is measured by.
absl::StatusOr<absl::Time> DateOf(const HttpResponse& response);
absl::StatusOr<ObjectInfo> InfoOf(const HttpResponse& response);
// An answer to a ranged GET that asked for `length` bytes from `offset`.
absl::StatusOr<ObjectBytes> RangeOf(HttpResponse response, int64_t offset, int64_t length);
absl::StatusOr<ListPage> PageOf(const HttpResponse& response, const ListOptions& asked,
                                const std::string& prefix);
absl::StatusOr<std::vector<RunningUpload>> UploadsOf(const HttpResponse& response,
                                                     const std::string& prefix);
// The root, which must have that name.
absl::StatusOr<XmlElement> RootOf(const HttpResponse& response, std::string_view name);

std::string Unquoted(std::string_view etag);
bool HasOpaqueEtag(const HttpResponse& response);
// Header fields that describe an object to be stored.
Fields HeadersOf(const PutOptions& options);
std::string CompletionXml(const std::vector<UploadedPart>& parts);
std::string DeletionXml(const std::vector<std::string>& keys, const std::string& prefix);
// Keys that were not deleted, and the code of the first.
struct Undeleted {
  int count = 0;
  std::string code;
};
absl::StatusOr<Undeleted> UndeletedOf(const HttpResponse& response);

// RFC 4648 section 4, with padding.
std::string ToBase64(std::string_view bytes);

}  // namespace stockroom::s3
