// Messages with descriptors over a local stream socket, and sealed memory to pass beside them.
// proto/stockroom/internal/decoder.proto describes the format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/imageproc/sandbox/fd.h"

namespace stockroom::imageproc {

inline constexpr size_t kMaxWireMessage = 4 << 20;
// A source, its watermarks, and the file for the result.
inline constexpr size_t kMaxWatermarks = 8;
inline constexpr size_t kMaxWireFds = 1 + kMaxWatermarks + 1;

// Largest file of what a decoder made: it can write no larger one.
inline constexpr int64_t kMaxResultBytes = int64_t{256} << 20;

struct WireMessage {
  std::string bytes;
  std::vector<UniqueFd> fds;  // at most kMaxWireFds; more are closed
};

// UNAVAILABLE when the peer is gone, DEADLINE_EXCEEDED past `deadline` (absl::InfiniteFuture()
// waits for ever).
absl::Status SendWireMessage(int socket, std::string_view bytes, const std::vector<int>& fds,
                             absl::Time deadline);

// As above; also ABORTED when the peer sends a length over kMaxWireMessage.
absl::StatusOr<WireMessage> ReceiveWireMessage(int socket, absl::Time deadline);

// An empty memory file that can be sealed.
absl::StatusOr<UniqueFd> MakeMemory(const char* name);

// Appends `bytes`, then seals: nobody can change it any more.
absl::Status FillAndSeal(int memory, std::string_view bytes);

// Both.
absl::StatusOr<UniqueFd> MakeSealedMemory(const char* name, std::string_view bytes);

// Read-only view of a memory file made by an untrusted peer.
class SealedView {
 public:
  // ABORTED unless it is sealed against writing and resizing (else the peer could change or cut it
  // while it is read) and has at most `max_bytes`.
  static absl::StatusOr<SealedView> Map(int fd, int64_t max_bytes);
  SealedView(SealedView&& other) noexcept;
  SealedView& operator=(SealedView&&) = delete;
  ~SealedView();

  std::string_view bytes() const { return bytes_; }

 private:
  explicit SealedView(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
};

}  // namespace stockroom::imageproc
