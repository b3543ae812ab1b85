#include "services/common/blobs/care_wire.h"

#include "services/common/base/status.h"

namespace stockroom {

internal::ScrubCounts ToWire(const ScrubCounts& counts) {
  internal::ScrubCounts wire;
  wire.set_blobs(counts.blobs);
  wire.set_renditions(counts.renditions);
  wire.set_bytes(counts.bytes);
  wire.set_damaged_blobs(counts.damaged_blobs);
  wire.set_damaged_renditions(counts.damaged_renditions);
  wire.set_read_errors(counts.read_errors);
  return wire;
}

ScrubCounts FromWire(const internal::ScrubCounts& counts) {
  return {.blobs = counts.blobs(),
          .renditions = counts.renditions(),
          .bytes = counts.bytes(),
          .damaged_blobs = counts.damaged_blobs(),
          .damaged_renditions = counts.damaged_renditions(),
          .read_errors = counts.read_errors()};
}

internal::ScrubStatus ToWire(const ScrubStatus& status) {
  internal::ScrubStatus wire;
  wire.set_state(static_cast<internal::ScrubStatus::State>(status.state));
  wire.set_pass(status.pass);
  wire.set_requested(status.requested);
  wire.set_started_ms(absl::ToUnixMillis(status.started));
  wire.set_progress(status.progress);
  *wire.mutable_counts() = ToWire(status.counts);
  wire.set_last_started_ms(absl::ToUnixMillis(status.last_started));
  wire.set_last_ended_ms(absl::ToUnixMillis(status.last_ended));
  *wire.mutable_last() = ToWire(status.last);
  wire.set_halted_because(status.halted_because);
  return wire;
}

absl::StatusOr<ScrubStatus> FromWire(const internal::ScrubStatus& status) {
  if (status.state() < internal::ScrubStatus::OFF ||
      status.state() > internal::ScrubStatus::HALTED) {
    return InvalidField("state", "is none that is known");
  }
  return ScrubStatus{.state = static_cast<ScrubStatus::State>(status.state()),
                     .pass = status.pass(),
                     .requested = status.requested(),
                     .started = absl::FromUnixMillis(status.started_ms()),
                     .progress = status.progress(),
                     .counts = FromWire(status.counts()),
                     .last_started = absl::FromUnixMillis(status.last_started_ms()),
                     .last_ended = absl::FromUnixMillis(status.last_ended_ms()),
                     .last = FromWire(status.last()),
                     .halted_because = status.halted_because()};
}

internal::ListQuarantinedResponse ToWire(const QuarantinedPage& page) {
  internal::ListQuarantinedResponse wire;
  for (const QuarantinedBlob& blob : page.blobs) {
    internal::QuarantinedBlob& out = *wire.add_blobs();
    out.set_sha256(std::string(blob.sha256.bytes()));
    out.set_name(blob.name);
    out.set_size(blob.size);
    out.set_time_ms(absl::ToUnixMillis(blob.time));
    out.set_why(blob.why);
    out.set_healed(blob.healed);
  }
  wire.set_next_cursor(page.next_cursor);
  return wire;
}

absl::StatusOr<QuarantinedPage> FromWire(const internal::ListQuarantinedResponse& page) {
  QuarantinedPage result{.blobs = {}, .next_cursor = page.next_cursor()};
  for (const internal::QuarantinedBlob& blob : page.blobs()) {
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(blob.sha256()));
    result.blobs.push_back({.sha256 = digest,
                            .name = blob.name(),
                            .size = blob.size(),
                            .time = absl::FromUnixMillis(blob.time_ms()),
                            .why = blob.why(),
                            .healed = blob.healed()});
  }
  return result;
}

internal::ListStoredResponse ToWire(const StoredPage& page) {
  internal::ListStoredResponse wire;
  for (const StoredThing& thing : page.things) {
    internal::StoredThing& out = *wire.add_things();
    out.set_sha256(std::string(thing.sha256.bytes()));
    out.set_blob(thing.blob);
    out.set_size(thing.size);
    out.set_touched_ms(absl::ToUnixMillis(thing.touched));
  }
  wire.set_next_cursor(page.next_cursor);
  return wire;
}

absl::StatusOr<StoredPage> FromWire(const internal::ListStoredResponse& page) {
  StoredPage result{.things = {}, .next_cursor = page.next_cursor()};
  for (const internal::StoredThing& thing : page.things()) {
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(thing.sha256()));
    result.things.push_back({.sha256 = digest,
                             .blob = thing.blob(),
                             .size = thing.size(),
                             .touched = absl::FromUnixMillis(thing.touched_ms())});
  }
  return result;
}

internal::BlobVerdict ToWire(const BlobVerdict& verdict) {
  internal::BlobVerdict wire;
  wire.set_sha256(std::string(verdict.sha256.bytes()));
  wire.set_state(static_cast<internal::BlobVerdict::State>(verdict.state));
  wire.set_size(verdict.size);
  wire.set_md5(verdict.md5);
  wire.set_message(verdict.message);
  return wire;
}

absl::StatusOr<BlobVerdict> FromWire(const internal::BlobVerdict& verdict) {
  if (verdict.state() < internal::BlobVerdict::OK ||
      verdict.state() > internal::BlobVerdict::UNREADABLE) {
    return InvalidField("state", "is none that is known");
  }
  SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(verdict.sha256()));
  return BlobVerdict{.sha256 = digest,
                     .state = static_cast<BlobVerdict::State>(verdict.state()),
                     .size = verdict.size(),
                     .md5 = verdict.md5(),
                     .message = verdict.message()};
}

internal::DiskUsage ToWire(const DiskUsage& usage) {
  internal::DiskUsage wire;
  wire.set_free_bytes(usage.free_bytes);
  wire.set_quarantined(usage.quarantined);
  *wire.mutable_stored() = ToWire(usage.stored);
  wire.set_stored_ms(absl::ToUnixMillis(usage.stored_at));
  return wire;
}

DiskUsage FromWire(const internal::DiskUsage& usage) {
  return {.free_bytes = usage.free_bytes(),
          .quarantined = usage.quarantined(),
          .stored = FromWire(usage.stored()),
          .stored_at = absl::FromUnixMillis(usage.stored_ms())};
}

}  // namespace stockroom
