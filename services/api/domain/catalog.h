// Use cases on images that are there: read, list, change, remove, add a result.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/image.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"
#include "services/common/blobs/blob_client.h"

namespace stockroom::api {

struct ImagePage {
  std::vector<Image> images;
  std::string next_page_token;  // empty on the last page
};

// Which parts of a description an update replaces.
enum class DescribedField { kTitle, kDescription, kTags, kLicense, kAttributes, kVisibility };

// Thread-safe; blocks on the store. An image that the principal may not read is NOT_FOUND, so that
// its existence does not show; one that they may read but not change is PERMISSION_DENIED.
class Catalog {
 public:
  // `reserved_analysis`: names of built-in processors, which PutAnalysis refuses.
  Catalog(MetadataStore& store, BlobClient& blobs, Clock& clock,
          std::set<std::string> reserved_analysis)
      : store_(store), blobs_(blobs), clock_(clock), reserved_(std::move(reserved_analysis)) {}

  absl::StatusOr<Image> Get(const Principal& who, const std::string& id);
  // `page_size` 1 to 500, 0 for 50. INVALID_ARGUMENT for a token that List did not make.
  absl::StatusOr<ImagePage> List(const Principal& who, int page_size,
                                 const std::string& page_token);
  absl::StatusOr<Image> Update(const Principal& who, const std::string& id,
                               const std::set<DescribedField>& fields, const Description& wanted);
  absl::Status Delete(const CallContext& context, const Principal& who, const std::string& id);
  // `json` is an object.
  absl::StatusOr<Image> PutAnalysis(const Principal& who, const std::string& id,
                                    const std::string& name, const std::string& json);

 private:
  MetadataStore& store_;
  BlobClient& blobs_;
  Clock& clock_;
  const std::set<std::string> reserved_;
};

}  // namespace stockroom::api
