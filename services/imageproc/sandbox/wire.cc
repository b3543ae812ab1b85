#include "services/imageproc/sandbox/wire.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/status.h"

namespace stockroom::imageproc {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

absl::Status WaitFor(int socket, short events, absl::Time deadline) {
  for (;;) {
    int timeout_ms = -1;
    if (deadline != absl::InfiniteFuture()) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) {
        return absl::DeadlineExceededError("the peer took too long");
      }
      // Rounded up, so that the loop does not spin through the last millisecond.
      timeout_ms = static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60'000));
    }
    pollfd entry = {.fd = socket, .events = events, .revents = 0};
    const int ready = poll(&entry, 1, timeout_ms);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
  }
}

absl::Status Gone(const char* what) {
  return absl::UnavailableError(absl::StrCat("the peer is gone while ", what));
}

// Control data of one sendmsg or recvmsg.
union ControlBuffer {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * kMaxWireFds)];
};

absl::StatusOr<size_t> SendSome(int socket, std::string_view bytes, const std::vector<int>& fds,
                                absl::Time deadline) {
  iovec part = {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  ControlBuffer control = {};
  if (!fds.empty()) {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
  }
  for (;;) {
    const ssize_t sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<size_t>(sent);
    if (errno == EPIPE || errno == ECONNRESET) return Gone("it is written to");
    if (errno == EAGAIN) {
      SR_RETURN_IF_ERROR(WaitFor(socket, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, "sendmsg");
    }
  }
}

void TakeFds(const msghdr& header, std::vector<UniqueFd>& fds) {
  auto* mutable_header = const_cast<msghdr*>(&header);
  for (cmsghdr* at = CMSG_FIRSTHDR(mutable_header); at != nullptr;
       at = CMSG_NXTHDR(mutable_header, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(int));
      UniqueFd owned(fd);
      if (fds.size() < kMaxWireFds) fds.push_back(std::move(owned));
    }
  }
}

// Exactly `length` bytes.
absl::Status Receive(int socket, char* to, size_t length, std::vector<UniqueFd>& fds,
                     absl::Time deadline) {
  while (length > 0) {
    SR_RETURN_IF_ERROR(WaitFor(socket, POLLIN, deadline));
    iovec part = {.iov_base = to, .iov_len = length};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    ControlBuffer control = {};
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof(control.bytes);
    const ssize_t got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got > 0) {
      TakeFds(header, fds);
      to += got;
      length -= static_cast<size_t>(got);
    } else if (got == 0 || errno == ECONNRESET) {
      return Gone("it is read from");
    } else if (errno != EINTR && errno != EAGAIN) {
      return ErrnoStatus(errno, "recvmsg");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SendWireMessage(int socket, std::string_view bytes, const std::vector<int>& fds,
                             absl::Time deadline) {
  if (bytes.size() > kMaxWireMessage) return absl::InternalError("message too long");
  std::string framed(kLengthBytes, '\0');
  for (size_t i = 0; i < kLengthBytes; ++i) {
    framed[i] = static_cast<char>(bytes.size() >> (8 * i) & 255);
  }
  framed += bytes;
  std::string_view rest = framed;
  std::vector<int> to_send = fds;
  while (!rest.empty()) {
    SR_ASSIGN_OR_RETURN(const size_t sent, SendSome(socket, rest, to_send, deadline));
    to_send.clear();
    rest.remove_prefix(sent);
  }
  return absl::OkStatus();
}

absl::StatusOr<WireMessage> ReceiveWireMessage(int socket, absl::Time deadline) {
  WireMessage message;
  char prefix[kLengthBytes];
  SR_RETURN_IF_ERROR(Receive(socket, prefix, kLengthBytes, message.fds, deadline));
  size_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<size_t>(static_cast<unsigned char>(prefix[i])) << (8 * i);
  }
  if (length > kMaxWireMessage) return absl::AbortedError("the peer announces too long a message");
  message.bytes.resize(length);
  SR_RETURN_IF_ERROR(Receive(socket, message.bytes.data(), length, message.fds, deadline));
  return message;
}

absl::StatusOr<UniqueFd> MakeMemory(const char* name) {
  UniqueFd memory(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) return ErrnoStatus(errno, "memfd_create");
  return memory;
}

absl::Status FillAndSeal(int memory, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(memory, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return ErrnoStatus(errno, "write to memory file");
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (fcntl(memory, F_ADD_SEALS, kSeals) != 0) return ErrnoStatus(errno, "seal memory file");
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> MakeSealedMemory(const char* name, std::string_view bytes) {
  SR_ASSIGN_OR_RETURN(UniqueFd memory, MakeMemory(name));
  SR_RETURN_IF_ERROR(FillAndSeal(memory.get(), bytes));
  return memory;
}

absl::StatusOr<SealedView> SealedView::Map(int fd, int64_t max_bytes) {
  const int seals = fcntl(fd, F_GET_SEALS);
  constexpr int kNeeded = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (seals < 0 || (seals & kNeeded) != kNeeded) return absl::AbortedError("memory is not sealed");
  // Not fstat, which a decoder may not call: it takes a path as well.
  const off_t end = lseek(fd, 0, SEEK_END);
  if (end < 0) return ErrnoStatus(errno, "lseek in memory file");
  if (end > max_bytes) return absl::AbortedError(absl::StrCat("memory file of ", end, " bytes"));
  if (end == 0) return SealedView({});
  const auto size = static_cast<size_t>(end);
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) return ErrnoStatus(errno, "mmap of memory file");
  return SealedView({static_cast<const char*>(data), size});
}

SealedView::SealedView(SealedView&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

SealedView::~SealedView() {
  if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace stockroom::imageproc
