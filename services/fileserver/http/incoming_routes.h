// Direct uploads on the HTTP port: /incoming/{id}, by signed URL only (store/incoming_urls.h).
//
// PUT brings all of it with one request: 200 with the ETag (the SHA-256) once it is durable. What
// was announced is compared: Content-Length (411 without, 413 and 400 for another), Content-Type
// (412), and the checksums of the bytes themselves (422). A PUT that failed left nothing; one that
// is repeated begins anew. 409 while another request writes.
//
// HEAD, PATCH, POST, DELETE and OPTIONS are tus 1.0 (tus.h). 403: the URL was not signed for this;
// 404 and 410: gone, expired; 503, 507: busy, disk full; come back.
#pragma once

#include "absl/status/status.h"
#include "services/common/http/router.h"
#include "services/fileserver/http/incoming_exchange.h"

namespace stockroom::fileserver {

absl::Status MountIncoming(http::Router& router, const IncomingParts& parts);

}  // namespace stockroom::fileserver
