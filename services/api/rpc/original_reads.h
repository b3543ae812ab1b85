// WriteOriginal: a digest, then chunks, then half-close. The next message is read only when the
// file server has taken the one before.
#pragma once

#include <memory>

#include "services/api/handlers/backup_handlers.h"
#include "services/api/rpc/front.h"
#include "services/common/rpc/server_streams.h"
#include "stockroom/v1/store.pb.h"

namespace stockroom::api {

// One call. Reactions come one after another; callbacks of the writer come while no read is out.
class OriginalReads final
    : public rpc::ReadHandler<v1::WriteOriginalRequest, v1::WriteOriginalResponse>,
      public std::enable_shared_from_this<OriginalReads> {
 public:
  using Stream = rpc::ReadStream<v1::WriteOriginalRequest, v1::WriteOriginalResponse>;

  // `front` must outlive the call.
  OriginalReads(BackupHandlers& handlers, Front& front, absl::StatusOr<Credentials> credentials)
      : handlers_(handlers), front_(front), credentials_(std::move(credentials)) {}

  void OnOpen(std::shared_ptr<Stream> stream) override;
  void OnRead(v1::WriteOriginalRequest* message) override;
  void OnClosed() override;

 private:
  void End();

  BackupHandlers& handlers_;
  Front& front_;
  const absl::StatusOr<Credentials> credentials_;
  std::shared_ptr<Stream> stream_;
  std::unique_ptr<BlobWriter> writer_;
};

}  // namespace stockroom::api
