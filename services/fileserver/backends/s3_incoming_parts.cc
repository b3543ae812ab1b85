#include "services/fileserver/backends/s3_incoming_parts.h"

#include "services/common/base/random.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::fileserver::s3_incoming {
namespace {

// Whoever died is taken for dead a few seconds later.
constexpr absl::Duration kComeBack = absl::Seconds(3);

}  // namespace

std::string Folder(const std::string& id) { return std::string(kRoot) + id + "/"; }
std::string RecordKey(const std::string& id) { return Folder(id) + "record"; }
std::string NoteKey(const std::string& id) { return Folder(id) + "note"; }
std::string Random() { return ToHex(RandomBytes(8)); }

absl::Status Missing() { return NotFound("INCOMING_NOT_FOUND", "there is no such upload"); }

absl::Status Busy() {
  return MakeStatus(
      absl::StatusCode::kAborted, "somebody else writes this upload just now",
      {.reason = "INCOMING_BUSY", .metadata = {}, .violations = {}, .retry_after = kComeBack});
}

absl::Status TooManyPieces() {
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "the upload came in too many pieces; begin anew and send more at once",
                    {.reason = "INCOMING_TOO_MANY_PIECES"});
}

absl::Status TakenOver() {
  return MakeStatus(absl::StatusCode::kAborted, "another request goes on with this upload",
                    {.reason = "INCOMING_TAKEN_OVER"});
}

absl::Status SpoolDamaged() {
  return Unavailable("SPOOL_DAMAGED", "the spooled bytes are not those that came");
}

}  // namespace stockroom::fileserver::s3_incoming
