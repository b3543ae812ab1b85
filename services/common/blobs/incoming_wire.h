// The nouns of incoming_client.h as protocol messages, for both ends of IncomingService.
#pragma once

#include "absl/status/statusor.h"
#include "services/common/blobs/incoming_client.h"
#include "stockroom/internal/incoming.pb.h"

namespace stockroom {

internal::CreateIncomingRequest ToWire(const IncomingSpec& spec);
internal::CreateIncomingResponse ToWire(const IncomingTicket& ticket);
internal::IncomingInfo ToWire(const IncomingInfo& info);
internal::CompleteIncomingResponse ToWire(const IncomingBlob& blob);
internal::SignBlobUrlRequest ToWire(const BlobUrlSpec& spec);

// INVALID_ARGUMENT for digests of another length than 32 bytes; the rest is checked by who uses it.
absl::StatusOr<IncomingSpec> FromWire(const internal::CreateIncomingRequest& spec);
absl::StatusOr<IncomingBlob> FromWire(const internal::CompleteIncomingResponse& blob);
absl::StatusOr<BlobUrlSpec> FromWire(const internal::SignBlobUrlRequest& spec);
IncomingTicket FromWire(const internal::CreateIncomingResponse& ticket);
IncomingInfo FromWire(const internal::IncomingInfo& info);

}  // namespace stockroom
