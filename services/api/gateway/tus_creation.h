// POST /v1/uploads/tus: where standard clients of tus 1.0
// (https://tus.io/protocols/resumable-upload) create uploads that know nothing but an endpoint and
// a key. It is CreateUpload in tus's words: the answer's Location is the upload's URL at the file
// server, and all that follows goes there. Bytes are not taken here, so creation-with-upload is not
// offered. Internal to services/api/gateway.
//
// Upload-Metadata may name the fields of CreateUploadRequest (tags with commas between them,
// attributes.KEY); `name` is the filename if there is none, `filetype` and `type` the content_type.
// What else clients put there means nothing here. Upload-Length alone says the size.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/gateway/gateway.h"
#include "stockroom/v1/uploads.pb.h"

namespace stockroom::api {

inline constexpr char kTusCreationPath[] = "/v1/uploads/tus";

// What a creation request asks for. FAILED_PRECONDITION (TUS_VERSION); INVALID_ARGUMENT
// (BAD_HEADER, or about the field that Upload-Metadata sets). Pure.
absl::StatusOr<v1::CreateUploadRequest> ReadTusCreation(const http::Headers& headers);

// Adds POST and OPTIONS, if the table has CreateUpload. What is passed in must outlive the server.
// Errors are those of CreateUpload; but what passes by itself is 503, since tus clients come back
// after 5xx only.
absl::Status MountTusCreation(http::Router& router, const MethodTable& table, Gate& gate,
                              Executor& executor, std::shared_ptr<const GatewayOptions> options);

}  // namespace stockroom::api
