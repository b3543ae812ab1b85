// Where the bytes lie, as configured.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "services/common/base/metrics.h"
#include "services/common/s3/client.h"
#include "services/common/s3/curl_transport.h"
#include "services/fileserver/options.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/care_backend.h"
#include "services/fileserver/store/direct_urls.h"
#include "services/fileserver/store/incoming_backend.h"

namespace stockroom::fileserver {

struct OpenedBackend {
  // Null unless it is S3.
  std::unique_ptr<s3::CurlTransport> transport;
  std::unique_ptr<s3::CredentialSource> credentials;
  std::unique_ptr<s3::Client> client;
  // Null unless it is a mirror: its two copies.
  std::unique_ptr<BlobBackend> local;
  std::unique_ptr<BlobBackend> remote;
  // Use the others: declared behind them.
  std::unique_ptr<BlobBackend> blobs;
  std::unique_ptr<IncomingBackend> incomings;
  // Part of `blobs`; null where the store cares for itself.
  CareBackend* care = nullptr;
  // What the scrub reads: the local disk itself, as a mirror would hide what rots there. Null with
  // `care`.
  BlobBackend* scrubbed = nullptr;
  // Null unless clients are sent to the bucket (s3.presign).
  std::unique_ptr<DirectUrls> direct;
};

// Errors of LocalDisk::Open, s3::Address::Parse, CredentialSource, CurlTransport and S3Backend.
absl::StatusOr<OpenedBackend> OpenBackend(const Options& options, Metrics& metrics);

}  // namespace stockroom::fileserver
