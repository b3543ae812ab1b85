// The part of stockroom.v1.StoreService that backups use, as plain functions. Errors are listed in
// the proto. Over gRPC only: rows and originals are nothing for a browser.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "services/api/domain/archive.h"
#include "services/api/domain/principal.h"
#include "stockroom/v1/store.pb.h"

namespace stockroom::api {

class BackupHandlers {
 public:
  // Must outlive it.
  explicit BackupHandlers(Archive& archive) : archive_(archive) {}

  absl::Status GetCatalogue(const CallContext& context, const Principal& who,
                            const v1::GetCatalogueRequest& request, v1::Catalogue* response);
  absl::Status ExportRows(const CallContext& context, const Principal& who,
                          const v1::ExportRowsRequest& request, v1::ExportRowsResponse* response);
  absl::Status ImportRows(const CallContext& context, const Principal& who,
                          const v1::ImportRowsRequest& request, v1::ImportRowsResponse* response);
  absl::Status MissingOriginals(const CallContext& context, const Principal& who,
                                const v1::MissingOriginalsRequest& request,
                                v1::MissingOriginalsResponse* response);
  absl::Status ReadOriginal(const CallContext& context, const Principal& who,
                            const v1::ReadOriginalRequest& request,
                            v1::ReadOriginalResponse* response);
  // Whether they may write originals. Never blocks. PERMISSION_DENIED.
  static absl::Status CheckMayWrite(const Principal& who);
  // Never blocks. INVALID_ARGUMENT (digest).
  absl::StatusOr<std::unique_ptr<BlobWriter>> BeginWrite(const CallContext& context,
                                                         const std::string& sha256);

 private:
  Archive& archive_;
};

}  // namespace stockroom::api
