// The cluster as commands see it. Commands know only this interface; tests give them a fake.
//
// Every call blocks, has a deadline, and ends early with CANCELLED when the program is interrupted.
// Errors are those of the RPCs (proto/stockroom/v1) with their details; UNAVAILABLE without a
// reason means that no server was reached. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/cancellation.h"
#include "stockroom/v1/admin.pb.h"
#include "stockroom/v1/events.pb.h"
#include "stockroom/v1/images.pb.h"
#include "stockroom/v1/keys.pb.h"
#include "stockroom/v1/moderation.pb.h"
#include "stockroom/v1/search.pb.h"
#include "stockroom/v1/system.pb.h"
#include "stockroom/v1/uploads.pb.h"
#include "stockroom/v1/webhooks.pb.h"
#include "tools/stockroom/settings.h"

namespace stockroom::cli {

// The next piece of an upload, at most 1 MiB; empty at the end. An error ends the upload with it.
using ChunkSource = absl::FunctionRef<absl::StatusOr<std::string>()>;

class Client {
 public:
  virtual ~Client() = default;

  // One attempt. The server may answer before it has seen all chunks.
  virtual absl::StatusOr<v1::UploadImageResponse> Upload(const v1::UploadHeader& header,
                                                         ChunkSource next,
                                                         absl::Duration timeout) = 0;
  // `key`: idempotency key.
  virtual absl::StatusOr<v1::CreateUploadResponse> CreateUpload(
      const v1::CreateUploadRequest& request, const std::string& key) = 0;
  virtual absl::StatusOr<v1::UploadImageResponse> CompleteUpload(
      const v1::CompleteUploadRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ListUploadsResponse> ListUploads(
      const v1::ListUploadsRequest& request) = 0;
  virtual absl::StatusOr<v1::AbortUploadResponse> AbortUpload(const std::string& id) = 0;
  virtual absl::StatusOr<v1::GetOriginalUrlResponse> GetOriginalUrl(
      const v1::GetOriginalUrlRequest& request) = 0;
  virtual absl::StatusOr<v1::Image> Get(const std::string& id) = 0;
  virtual absl::StatusOr<v1::ListImagesResponse> List(const v1::ListImagesRequest& request) = 0;
  virtual absl::StatusOr<v1::SearchImagesResponse> Search(
      const v1::SearchImagesRequest& request) = 0;
  virtual absl::StatusOr<v1::SuggestResponse> Suggest(const v1::SuggestRequest& request) = 0;
  virtual absl::StatusOr<v1::FindSimilarResponse> FindSimilar(
      const v1::FindSimilarRequest& request) = 0;
  virtual absl::StatusOr<v1::Image> Update(const v1::UpdateImageRequest& request) = 0;
  virtual absl::Status Delete(const v1::DeleteImageRequest& request) = 0;
  virtual absl::StatusOr<v1::ReprocessImagesResponse> Reprocess(
      const v1::ReprocessImagesRequest& request) = 0;
  // Gives messages to `on_batch` until it says false (then CANCELLED), the server ends the watch
  // (OK), or an error. Has no deadline: signs of life come every few seconds.
  virtual absl::Status Watch(const v1::WatchRequest& request,
                             absl::FunctionRef<bool(const v1::WatchResponse&)> on_batch) = 0;
  virtual absl::StatusOr<v1::CreateApiKeyResponse> CreateKey(
      const v1::CreateApiKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::ListApiKeysResponse> ListKeys(
      const v1::ListApiKeysRequest& request) = 0;
  virtual absl::StatusOr<v1::ApiKey> RevokeKey(const std::string& id) = 0;
  virtual absl::StatusOr<v1::WhoAmIResponse> WhoAmI() = 0;
  virtual absl::StatusOr<v1::ListWebhooksResponse> ListWebhooks() = 0;
  virtual absl::StatusOr<v1::CreateWebhookResponse> CreateWebhook(
      const v1::CreateWebhookRequest& request) = 0;
  virtual absl::Status DeleteWebhook(const std::string& id) = 0;
  virtual absl::StatusOr<v1::WebhookDelivery> TestWebhook(const std::string& id) = 0;
  virtual absl::StatusOr<v1::ListWebhookDeliveriesResponse> ListWebhookDeliveries(
      const v1::ListWebhookDeliveriesRequest& request) = 0;
  virtual absl::StatusOr<v1::WebhookDelivery> GetWebhookDelivery(const std::string& webhook_id,
                                                                 const std::string& id) = 0;
  virtual absl::StatusOr<v1::ReplayWebhookDeliveriesResponse> ReplayWebhookDeliveries(
      const v1::ReplayWebhookDeliveriesRequest& request) = 0;
  virtual absl::StatusOr<v1::ListFlaggedResponse> ListFlagged(
      const v1::ListFlaggedRequest& request) = 0;
  virtual absl::StatusOr<v1::Image> DecideImage(const v1::DecideImageRequest& request) = 0;
  virtual absl::StatusOr<v1::ListDecisionsResponse> ListDecisions(
      const v1::ListDecisionsRequest& request) = 0;
  virtual absl::StatusOr<v1::AddBlockedHashesResponse> AddBlockedHashes(
      const v1::AddBlockedHashesRequest& request) = 0;
  virtual absl::StatusOr<v1::RemoveBlockedHashesResponse> RemoveBlockedHashes(
      const v1::RemoveBlockedHashesRequest& request) = 0;
  virtual absl::StatusOr<v1::AddBlockedHashesResponse> ImportBlockedHashes(
      const v1::ImportBlockedHashesRequest& request) = 0;
  virtual absl::StatusOr<v1::ExportBlockedHashesResponse> ExportBlockedHashes(
      const v1::ExportBlockedHashesRequest& request) = 0;
  // These two may take minutes.
  virtual absl::StatusOr<v1::VerifyIndexResponse> VerifyIndex() = 0;
  virtual absl::StatusOr<v1::RebuildIndexResponse> RebuildIndex() = 0;
  virtual absl::StatusOr<v1::IndexInfo> IndexInfo() = 0;
  virtual absl::StatusOr<v1::ServerInfo> ServerInfo() = 0;
  virtual absl::Status Ping() = 0;
};

// Over gRPC, on `connections` connections to `address`, used in turn. NOT_FOUND or
// INVALID_ARGUMENT: the file of authorities can not be read.
absl::StatusOr<std::unique_ptr<Client>> ConnectGrpc(const Settings& settings,
                                                    const std::string& address, int connections,
                                                    std::shared_ptr<Cancellation> stop);

}  // namespace stockroom::cli
