// UploadImage: a header, then chunks, then half-close. The next message is read only when the file
// server has taken the one before, so that a fast client meets back-pressure instead of memory.
#pragma once

#include <memory>

#include "services/api/handlers/image_handlers.h"
#include "services/api/rpc/front.h"
#include "services/common/rpc/server_streams.h"
#include "stockroom/v1/images.pb.h"

namespace stockroom::api {

// One call. Reactions come one after another; callbacks of the session come while no read is out.
class UploadReads final : public rpc::ReadHandler<v1::UploadImageRequest, v1::UploadImageResponse>,
                          public std::enable_shared_from_this<UploadReads> {
 public:
  // `front` must outlive the call.
  UploadReads(ImageHandlers& handlers, Front& front, absl::StatusOr<Credentials> credentials)
      : handlers_(handlers), front_(front), credentials_(std::move(credentials)) {}

  void OnOpen(std::shared_ptr<rpc::ReadStream<v1::UploadImageRequest, v1::UploadImageResponse>>
                  stream) override;
  void OnRead(v1::UploadImageRequest* message) override;
  void OnClosed() override;

 private:
  void Begin(const v1::UploadHeader& header);
  void Write(std::string chunk);
  void FinishUpload();

  ImageHandlers& handlers_;
  Front& front_;
  const absl::StatusOr<Credentials> credentials_;
  Principal who_;  // once let in
  std::shared_ptr<rpc::ReadStream<v1::UploadImageRequest, v1::UploadImageResponse>> stream_;
  std::unique_ptr<UploadSession> session_;
};

}  // namespace stockroom::api
