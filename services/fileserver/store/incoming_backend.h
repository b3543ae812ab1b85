// Where the bytes of direct uploads gather until they are whole: a folder of the local disk, or
// objects of S3.
//
// An incoming is a record (a small opaque text, written once, durably, before the first byte),
// bytes that only grow, and at its end perhaps a note (a small opaque text about what became of
// it). A blob is made of it by reading it through BlobStore::Put.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stockroom::fileserver {

// Appends to one incoming; holds it exclusively until destroyed. Blocking; one thread at a time.
class IncomingSink {
 public:
  virtual ~IncomingSink() = default;
  // RESOURCE_EXHAUSTED (disk full), UNAVAILABLE.
  virtual absl::Status Append(std::string_view bytes) = 0;
  // OK: what was appended survives a crash, and Open says so. Without it, destroying the sink may
  // keep any prefix of what was appended since the last Sync. Allowed after an Append that failed:
  // keeps what came before. After an error of Sync only destroying the sink makes sense.
  virtual absl::Status Sync() = 0;
  // Cuts back to `size`, which is at most what had arrived when the sink was made: a piece whose
  // checksum was wrong never happened. Appending goes on there, also after an Append that failed.
  virtual absl::Status Truncate(int64_t size) = 0;
};

class IncomingSource {
 public:
  virtual ~IncomingSource() = default;
  virtual const std::string& record() const = 0;
  // "" if there is none.
  virtual std::string note() const { return ""; }
  // How much has arrived and survives a crash.
  virtual int64_t size() const = 0;
  // CRC-32C of that, as it was when it arrived; nullopt where nobody keeps it.
  virtual std::optional<uint32_t> crc32c() const { return std::nullopt; }
  // Exactly `size` bytes. DATA_LOSS if there are fewer.
  virtual absl::Status ReadAt(int64_t offset, char* to, size_t size) = 0;
};

// Thread-safe; blocking; outlives what it made. Ids are 1 to 64 characters of [0-9a-z-], checked by
// the caller.
class IncomingBackend {
 public:
  virtual ~IncomingBackend() = default;
  // Durable. ALREADY_EXISTS.
  virtual absl::Status CreateIncoming(const std::string& id, std::string_view record) = 0;
  // NOT_FOUND.
  virtual absl::StatusOr<std::unique_ptr<IncomingSource>> OpenIncoming(const std::string& id) = 0;
  // Goes on at `offset`: FAILED_PRECONDITION unless exactly so much has arrived; ABORTED while
  // another sink of this incoming lives, also in another process; NOT_FOUND.
  virtual absl::StatusOr<std::unique_ptr<IncomingSink>> AppendIncoming(const std::string& id,
                                                                       int64_t offset) = 0;
  // Durable; replaces the note of before. NOT_FOUND. A backend may keep none and say OK: what was
  // completed is then hashed once more if somebody asks again.
  virtual absl::Status NoteIncoming(const std::string& /*id*/, std::string_view /*note*/) {
    return absl::OkStatus();
  }
  // Removing what is not there is not an error. ABORTED while a sink of it lives.
  virtual absl::Status RemoveIncoming(const std::string& id) = 0;
  // Ids behind `after` in their order, at most `limit`.
  virtual absl::StatusOr<std::vector<std::string>> ListIncomings(const std::string& after,
                                                                 int limit) = 0;
};

}  // namespace stockroom::fileserver
