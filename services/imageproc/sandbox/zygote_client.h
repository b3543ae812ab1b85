// The worker's side of a zygote (zygote.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/imageproc/sandbox/fd.h"
#include "stockroom/internal/decoder.pb.h"

namespace stockroom::imageproc {

// One decoder process. Destroying it kills it; its zygote reaps it.
class DecoderChild {
 public:
  // `epitaph` is where the zygote writes how it ended.
  DecoderChild(pid_t pid, UniqueFd socket, UniqueFd pidfd, UniqueFd epitaph)
      : pid_(pid),
        socket_(std::move(socket)),
        pidfd_(std::move(pidfd)),
        epitaph_(std::move(epitaph)) {}
  DecoderChild(DecoderChild&&) = default;
  DecoderChild& operator=(DecoderChild&& other) noexcept {
    if (this != &other) Kill();
    pid_ = other.pid_;
    socket_ = std::move(other.socket_);
    pidfd_ = std::move(other.pidfd_);
    epitaph_ = std::move(other.epitaph_);
    return *this;
  }
  ~DecoderChild() { Kill(); }

  int socket() const { return socket_.get(); }
  bool IsAlive() const;
  // Thread-safe, does not block, harmless when it is dead already.
  void Kill() const;
  // Memory that it holds at the moment; 0 if it has ended.
  int64_t ResidentBytes() const;
  // For people: "it crashed (SIGSEGV)". Of one that has ended by itself; "" if nobody knows within
  // some milliseconds, or it ended in order.
  std::string HowItEnded() const;

 private:
  pid_t pid_;
  UniqueFd socket_;
  UniqueFd pidfd_;
  UniqueFd epitaph_;
};

// What an exit status as waitpid gives it means of a decoder; "" for an ordinary end.
std::string DescribeEnd(int how);

// Not thread-safe. The thread that starts one must outlive it: the kernel takes the end of that
// thread for the end of the parent, and kills.
class Zygote {
 public:
  // Starts `path` with `arguments`, an empty environment, no descriptors but standard error and its
  // socket, in a process group of its own (Ctrl-C is for the worker, which drains). Blocks until it
  // is ready or `deadline`. UNAVAILABLE says why it is not.
  static absl::StatusOr<std::unique_ptr<Zygote>> Start(const std::string& path,
                                                       const std::vector<std::string>& arguments,
                                                       absl::Time deadline);
  // Kills it and its children, and reaps it.
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  // UNAVAILABLE: it is of no more use.
  absl::StatusOr<DecoderChild> Fork(absl::Time deadline);

  pid_t pid() const { return pid_; }
  // What it said of itself.
  const internal::DecoderReady& ready() const { return ready_; }

 private:
  Zygote(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}

  const pid_t pid_;
  UniqueFd socket_;
  internal::DecoderReady ready_;
};

}  // namespace stockroom::imageproc
