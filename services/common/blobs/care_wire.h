// The nouns of care_types.h as protocol messages, for both ends of CareService.
#pragma once

#include "absl/status/statusor.h"
#include "services/common/blobs/care_types.h"
#include "stockroom/internal/care.pb.h"

namespace stockroom {

internal::ScrubCounts ToWire(const ScrubCounts& counts);
internal::ScrubStatus ToWire(const ScrubStatus& status);
internal::ListQuarantinedResponse ToWire(const QuarantinedPage& page);
internal::ListStoredResponse ToWire(const StoredPage& page);
internal::BlobVerdict ToWire(const BlobVerdict& verdict);
internal::DiskUsage ToWire(const DiskUsage& usage);

// INVALID_ARGUMENT for digests of another length than 32 bytes and states that are not known.
ScrubCounts FromWire(const internal::ScrubCounts& counts);
absl::StatusOr<ScrubStatus> FromWire(const internal::ScrubStatus& status);
absl::StatusOr<QuarantinedPage> FromWire(const internal::ListQuarantinedResponse& page);
absl::StatusOr<StoredPage> FromWire(const internal::ListStoredResponse& page);
absl::StatusOr<BlobVerdict> FromWire(const internal::BlobVerdict& verdict);
DiskUsage FromWire(const internal::DiskUsage& usage);

}  // namespace stockroom
