#include "services/common/blobs/incoming_wire.h"

#include "services/common/base/status.h"
#include "services/common/blobs/wire.h"

namespace stockroom {

internal::CreateIncomingRequest ToWire(const IncomingSpec& spec) {
  internal::CreateIncomingRequest wire;
  wire.set_id(spec.id);
  wire.set_size(spec.size);
  wire.set_content_type(spec.content_type);
  if (spec.sha256) wire.set_sha256(std::string(spec.sha256->bytes()));
  wire.set_md5(spec.md5);
  if (spec.crc32c) wire.set_crc32c(*spec.crc32c);
  wire.set_expires_unix_ms(absl::ToUnixMillis(spec.expires));
  return wire;
}

absl::StatusOr<IncomingSpec> FromWire(const internal::CreateIncomingRequest& wire) {
  IncomingSpec spec{.id = wire.id(),
                    .size = wire.size(),
                    .content_type = wire.content_type(),
                    .md5 = wire.md5(),
                    .expires = absl::FromUnixMillis(wire.expires_unix_ms())};
  if (!wire.sha256().empty()) {
    SR_ASSIGN_OR_RETURN(spec.sha256, Digest::FromBytes(wire.sha256()));
  }
  if (wire.has_crc32c()) spec.crc32c = wire.crc32c();
  return spec;
}

internal::CreateIncomingResponse ToWire(const IncomingTicket& ticket) {
  internal::CreateIncomingResponse wire;
  wire.set_put_url(ticket.put_url);
  for (const auto& [name, value] : ticket.put_headers) {
    internal::HeaderField& field = *wire.add_put_headers();
    field.set_name(name);
    field.set_value(value);
  }
  wire.set_tus_url(ticket.tus_url);
  wire.set_tus_endpoint(ticket.tus_endpoint);
  return wire;
}

IncomingTicket FromWire(const internal::CreateIncomingResponse& wire) {
  IncomingTicket ticket{.put_url = wire.put_url(),
                        .put_headers = {},
                        .tus_url = wire.tus_url(),
                        .tus_endpoint = wire.tus_endpoint()};
  for (const internal::HeaderField& field : wire.put_headers()) {
    ticket.put_headers.emplace_back(field.name(), field.value());
  }
  return ticket;
}

internal::IncomingInfo ToWire(const IncomingInfo& info) {
  internal::IncomingInfo wire;
  wire.set_offset(info.offset);
  wire.set_size(info.size);
  wire.set_expires_unix_ms(absl::ToUnixMillis(info.expires));
  return wire;
}

IncomingInfo FromWire(const internal::IncomingInfo& wire) {
  return {.offset = wire.offset(),
          .size = wire.size(),
          .expires = absl::FromUnixMillis(wire.expires_unix_ms())};
}

internal::CompleteIncomingResponse ToWire(const IncomingBlob& blob) {
  internal::CompleteIncomingResponse wire;
  *wire.mutable_info() = ToWire(blob.blob.info);
  wire.set_existed(blob.blob.existed);
  wire.set_head(blob.head);
  return wire;
}

absl::StatusOr<IncomingBlob> FromWire(const internal::CompleteIncomingResponse& wire) {
  IncomingBlob blob;
  SR_ASSIGN_OR_RETURN(blob.blob.info, FromWire(wire.info()));
  blob.blob.existed = wire.existed();
  blob.head = wire.head();
  return blob;
}

internal::SignBlobUrlRequest ToWire(const BlobUrlSpec& spec) {
  internal::SignBlobUrlRequest wire;
  wire.set_sha256(std::string(spec.digest.bytes()));
  wire.set_expires_unix_ms(absl::ToUnixMillis(spec.expires));
  wire.set_content_type(spec.content_type);
  wire.set_filename(spec.filename);
  return wire;
}

absl::StatusOr<BlobUrlSpec> FromWire(const internal::SignBlobUrlRequest& wire) {
  SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(wire.sha256()));
  return BlobUrlSpec{.digest = digest,
                     .expires = absl::FromUnixMillis(wire.expires_unix_ms()),
                     .content_type = wire.content_type(),
                     .filename = wire.filename()};
}

}  // namespace stockroom
