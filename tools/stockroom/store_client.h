// What the cluster keeps, as `stockroom admin` sees it. Tests give commands a fake.
//
// Every call blocks, has a deadline, and ends early with CANCELLED when the program is interrupted.
// Errors are those of proto/stockroom/v1/store.proto.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/common/base/cancellation.h"
#include "stockroom/v1/store.pb.h"
#include "tools/stockroom/client.h"
#include "tools/stockroom/settings.h"

namespace stockroom::cli {

class StoreClient {
 public:
  virtual ~StoreClient() = default;
  virtual absl::StatusOr<v1::Scrub> GetScrub() = 0;
  virtual absl::StatusOr<v1::Scrub> StartScrub(const v1::StartScrubRequest& request) = 0;
  virtual absl::StatusOr<v1::ListQuarantinedResponse> ListQuarantined(
      const v1::ListQuarantinedRequest& request) = 0;
  virtual absl::StatusOr<v1::CheckImagesResponse> CheckImages(
      const v1::CheckImagesRequest& request) = 0;
  virtual absl::StatusOr<v1::CheckBlobsResponse> CheckBlobs(
      const v1::CheckBlobsRequest& request) = 0;
  virtual absl::StatusOr<v1::Catalogue> GetCatalogue() = 0;
  virtual absl::StatusOr<v1::ExportRowsResponse> ExportRows(
      const v1::ExportRowsRequest& request) = 0;
  virtual absl::StatusOr<v1::ImportRowsResponse> ImportRows(
      const v1::ImportRowsRequest& request) = 0;
  virtual absl::StatusOr<v1::MissingOriginalsResponse> MissingOriginals(
      const v1::MissingOriginalsRequest& request) = 0;
  virtual absl::StatusOr<v1::ReadOriginalResponse> ReadOriginal(
      const v1::ReadOriginalRequest& request) = 0;
  // `next` gives pieces of at most 1 MiB, an empty one at the end; its error ends the call.
  virtual absl::StatusOr<v1::WriteOriginalResponse> WriteOriginal(const std::string& sha256,
                                                                  ChunkSource next) = 0;
};

// Over gRPC. NOT_FOUND or INVALID_ARGUMENT: the file of authorities can not be read.
absl::StatusOr<std::unique_ptr<StoreClient>> ConnectStore(const Settings& settings,
                                                          const std::string& address,
                                                          std::shared_ptr<Cancellation> stop);

}  // namespace stockroom::cli
