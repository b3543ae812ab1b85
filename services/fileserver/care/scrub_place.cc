#include "services/fileserver/care/scrub_place.h"

#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/common/blobs/care_wire.h"

namespace stockroom::fileserver {
namespace {

constexpr std::string_view kMagic = "SRSCRUB1";
constexpr size_t kSumBytes = 4;

std::string SumOf(std::string_view body) {
  uint32_t sum = Crc32c(body);
  std::string bytes;
  for (size_t i = 0; i < kSumBytes; ++i, sum >>= 8) bytes += static_cast<char>(sum & 0xff);
  return bytes;
}

}  // namespace

std::string EncodePlace(const ScrubPlace& place) {
  internal::ScrubPlace wire;
  wire.set_pass(place.pass);
  wire.set_active(place.active);
  wire.set_requested(place.requested);
  wire.set_bytes_per_second(place.bytes_per_second);
  wire.set_started_ms(absl::ToUnixMillis(place.started));
  wire.set_cursor(place.cursor);
  *wire.mutable_counts() = ToWire(place.counts);
  wire.set_last_started_ms(absl::ToUnixMillis(place.last_started));
  wire.set_last_ended_ms(absl::ToUnixMillis(place.last_ended));
  *wire.mutable_last() = ToWire(place.last);
  wire.set_halted_because(place.halted_because);
  for (const auto& [digest, pass] : place.unreadable) {
    internal::ScrubPlace::Unreadable& out = *wire.add_unreadable();
    out.set_sha256(std::string(digest.bytes()));
    out.set_pass(pass);
  }
  const std::string body = wire.SerializeAsString();
  return std::string(kMagic) + SumOf(body) + body;
}

absl::StatusOr<ScrubPlace> DecodePlace(std::string_view text) {
  const absl::Status damaged = absl::DataLossError("the scrub's place is damaged");
  if (!text.starts_with(kMagic) || text.size() < kMagic.size() + kSumBytes) return damaged;
  const std::string_view body = text.substr(kMagic.size() + kSumBytes);
  internal::ScrubPlace wire;
  if (text.substr(kMagic.size(), kSumBytes) != SumOf(body) ||
      !wire.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return damaged;
  }
  ScrubPlace place{.pass = wire.pass(),
                   .active = wire.active(),
                   .requested = wire.requested(),
                   .bytes_per_second = wire.bytes_per_second(),
                   .started = absl::FromUnixMillis(wire.started_ms()),
                   .cursor = wire.cursor(),
                   .counts = FromWire(wire.counts()),
                   .last_started = absl::FromUnixMillis(wire.last_started_ms()),
                   .last_ended = absl::FromUnixMillis(wire.last_ended_ms()),
                   .last = FromWire(wire.last()),
                   .halted_because = wire.halted_because(),
                   .unreadable = {}};
  for (const internal::ScrubPlace::Unreadable& unreadable : wire.unreadable()) {
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(unreadable.sha256()));
    place.unreadable[digest] = unreadable.pass();
  }
  return place;
}

}  // namespace stockroom::fileserver
