// tus 1.0 (https://tus.io/protocols/resumable-upload), the protocol of resumable uploads, on
// /incoming/{id}: core, creation, creation-with-upload, expiration, checksum, termination.
//
// The upload exists before the client comes: it was announced over gRPC and the client has its
// signed URL. Clients that insist on creating send POST to that same URL and are led to it.
// Upload-Defer-Length and metadata are not for them to say: the length was announced, metadata is
// ignored. 409 for a wrong offset and while another request writes; 460 for a checksum that does
// not fit, after which the piece never happened; of a piece with a checksum nothing is kept unless
// it comes whole, of any other what came before the connection broke.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "services/common/http/router.h"
#include "services/fileserver/http/incoming_exchange.h"

namespace stockroom::fileserver {

inline constexpr char kIncomingPath[] = "/incoming/{id}";

absl::Status MountTus(http::Router& router, const http::RouteOptions& options,
                      std::shared_ptr<const IncomingParts> parts);

}  // namespace stockroom::fileserver
