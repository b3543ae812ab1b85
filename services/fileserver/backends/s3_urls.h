// DirectUrls of an S3 bucket: presigned by Signature Version 4, so S3 itself checks them.
#pragma once

#include <optional>
#include <string>

#include "services/common/s3/client.h"
#include "services/fileserver/store/direct_urls.h"

namespace stockroom::fileserver {

// Thread-safe. The client outlives it.
class S3Urls final : public DirectUrls {
 public:
  // `seen_as`: the bucket as clients reach it; none: as the file server does.
  S3Urls(s3::Client& client, std::optional<s3::Address> seen_as)
      : client_(client), seen_as_(std::move(seen_as)) {}

  // Works for a week at most, which is S3's limit.
  absl::StatusOr<std::string> ToRead(const BlobUrlSpec& spec) override;
  // Length, media type and MD5 are signed: S3 refuses another body. It becomes the first piece of
  // the upload (s3_incoming.h), and none of S3's business after that.
  std::optional<Put> ToPut(const IncomingSpec& spec) override;

 private:
  s3::Client& client_;
  const std::optional<s3::Address> seen_as_;
};

}  // namespace stockroom::fileserver
