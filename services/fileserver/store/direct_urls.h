// URLs that lead past the file server, straight to where the bytes lie.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/common/blobs/incoming_client.h"

namespace stockroom::fileserver {

// Thread-safe; does not block.
class DirectUrls {
 public:
  virtual ~DirectUrls() = default;

  // Of GET. The spec was checked.
  virtual absl::StatusOr<std::string> ToRead(const BlobUrlSpec& spec) = 0;

  struct Put {
    std::string url;
    // What has to be sent with it, as it is.
    std::vector<std::pair<std::string, std::string>> headers;
  };
  // Of one PUT with all bytes; nothing if they are too many for one.
  virtual std::optional<Put> ToPut(const IncomingSpec& spec) = 0;
};

}  // namespace stockroom::fileserver
