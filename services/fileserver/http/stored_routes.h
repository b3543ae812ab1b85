// GET and HEAD of /blobs/{sha256} and /renditions/{sha256}/{key}, by signed URL only (blob_urls.h).
//
// Who may read is decided by the signature alone, before anything else is looked at: without a good
// one nobody learns what is there. Type and name of the answer come from signed parameters, so
// nobody can have a stranger's bytes shown as a page, and what browsers show all the same runs
// nothing (CSP sandbox).
//
// Up to 64 KiB of an answer are verified by their CRC-32C before the first byte is sent. Longer
// ones go from the page cache to the socket (sendfile) and are verified by nobody but their reader,
// whom the ETag tells their SHA-256, and the scrubber. Renditions are not synced, so they are
// verified whenever they are opened. What has no file (ByteSource::Descriptor) is read through its
// store, which verifies each piece.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "services/common/base/executor.h"
#include "services/common/http/router.h"
#include "services/fileserver/http/open_files.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/rendition_store.h"
#include "services/fileserver/store/url_signer.h"

namespace stockroom::fileserver {

// All of them outlive the server.
struct StoredParts {
  BlobStore& blobs;
  RenditionStore& renditions;
  const UrlSigner& signer;
  OpenFiles& files;
  Executor& disk;
};

absl::Status MountStored(http::Router& router, const StoredParts& parts);

}  // namespace stockroom::fileserver
