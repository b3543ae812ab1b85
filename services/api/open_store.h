// The metadata store that the configuration names.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/options.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

absl::StatusOr<std::unique_ptr<MetadataStore>> OpenStore(const Options& options, Metrics& metrics);

}  // namespace stockroom::api
