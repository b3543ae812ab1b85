// Direct uploads and downloads, as the api sees them: URLs that the file server signs, and what
// became of the bytes that came by them. Semantics and errors:
// proto/stockroom/internal/incoming.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/call_context.h"
#include "services/common/base/digest.h"
#include "services/common/blobs/blob_types.h"

namespace stockroom {

struct IncomingSpec {
  std::string id;  // 1 to 64 characters of [0-9a-z-]
  int64_t size = 0;
  std::string content_type;
  std::optional<Digest> sha256;
  std::string md5;  // 16 bytes or empty
  std::optional<uint32_t> crc32c;
  absl::Time expires;
};

// How the client gets its bytes there. Holds secrets: never log it.
struct IncomingTicket {
  std::string put_url;
  std::vector<std::pair<std::string, std::string>> put_headers;
  std::string tus_url;
  std::string tus_endpoint;
};

struct IncomingInfo {
  int64_t offset = 0;  // bytes that have arrived and survive a crash
  int64_t size = 0;
  absl::Time expires;
};

struct IncomingBlob {
  StoredBlob blob;
  std::string head;  // the first bytes, at most 4 KiB
};

struct BlobUrlSpec {
  Digest digest;
  absl::Time expires;
  std::string content_type;  // empty: application/octet-stream
  std::string filename;
};

// Thread-safe. Callbacks run on threads that must not block, each exactly once; one may run before
// the call that takes it has returned.
class IncomingClient {
 public:
  virtual ~IncomingClient() = default;

  virtual void Create(const CallContext& context, IncomingSpec spec,
                      absl::AnyInvocable<void(absl::StatusOr<IncomingTicket>)> done) = 0;
  virtual void Stat(const CallContext& context, const std::string& id,
                    absl::AnyInvocable<void(absl::StatusOr<IncomingInfo>)> done) = 0;
  // Reads and hashes all of it: give it a deadline by its size.
  virtual void Complete(const CallContext& context, const std::string& id,
                        absl::AnyInvocable<void(absl::StatusOr<IncomingBlob>)> done) = 0;
  virtual void Remove(const CallContext& context, const std::string& id,
                      absl::AnyInvocable<void(absl::Status)> done) = 0;
  virtual void SignBlobUrl(const CallContext& context, BlobUrlSpec spec,
                           absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) = 0;
};

}  // namespace stockroom
