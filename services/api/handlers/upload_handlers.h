// stockroom.v1.UploadService as plain functions. Errors are listed in the proto.
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/direct_uploads.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/uploads.pb.h"

namespace stockroom::api {

class UploadHandlers {
 public:
  // Null: direct uploads are off, and every call says so.
  explicit UploadHandlers(DirectUploads* uploads) : uploads_(uploads) {}

  // These block on the store and on the file server.
  absl::Status CreateUpload(const CallContext& context, const Principal& who,
                            const v1::CreateUploadRequest& request,
                            v1::CreateUploadResponse* response);
  absl::Status GetUpload(const CallContext& context, const Principal& who,
                         const v1::GetUploadRequest& request, v1::GetUploadResponse* response);
  absl::Status ListUploads(const CallContext& context, const Principal& who,
                           const v1::ListUploadsRequest& request,
                           v1::ListUploadsResponse* response);
  absl::Status AbortUpload(const CallContext& context, const Principal& who,
                           const v1::AbortUploadRequest& request,
                           v1::AbortUploadResponse* response);
  absl::Status GetOriginalUrl(const CallContext& context, const Principal& who,
                              const v1::GetOriginalUrlRequest& request,
                              v1::GetOriginalUrlResponse* response);

  // Never blocks; `done` runs once, on any thread.
  void CompleteUpload(const CallContext& context, const Principal& who,
                      const v1::CompleteUploadRequest& request,
                      absl::AnyInvocable<void(absl::StatusOr<v1::UploadImageResponse>)> done);

  void AddTo(MethodTable& table);

  // What completing may take: the longest wait, and the file server's reading of a large file.
  static constexpr absl::Duration kCompleteTimeout = absl::Minutes(10);

 private:
  absl::Status CheckOn() const;

  DirectUploads* const uploads_;
};

}  // namespace stockroom::api
