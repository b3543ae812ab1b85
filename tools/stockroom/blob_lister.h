// All originals of a file server in the order of their digests, whatever its backend.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "services/common/blobs/blob_client.h"
#include "services/common/blobs/care_client.h"

namespace stockroom::cli {

struct ListedOriginal {
  Digest sha256;
  int64_t size = 0;
  std::optional<absl::Time> touched;  // unset: not known
};

// One thread.
class BlobLister {
 public:
  // Calls what it is given, again if that makes sense.
  using Patience = absl::FunctionRef<absl::Status(absl::FunctionRef<absl::Status()>)>;

  BlobLister(BlobClient& blobs, CareClient& care, std::function<CallContext()> context)
      : blobs_(blobs), care_(care), context_(std::move(context)) {}

  // Nothing after the last. INVALID_ARGUMENT: a file server on S3 that does not list what was
  // touched a short time ago (collect.min_untouched).
  absl::StatusOr<std::optional<ListedOriginal>> Next(Patience patience);

 private:
  absl::Status ReadPage();
  absl::Status ReadListing();

  BlobClient& blobs_;
  CareClient& care_;
  const std::function<CallContext()> context_;
  bool has_care_ = true;
  bool over_ = false;
  std::string cursor_;
  std::deque<ListedOriginal> page_;
};

}  // namespace stockroom::cli
