#include "services/imageproc/sandbox/zygote.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <fstream>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/imageproc/sandbox/wire.h"

namespace stockroom::imageproc {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitBroken = 3;
// Sockets, memory files, standard streams, and what libraries open in passing.
constexpr rlim_t kMaxFiles = 32;

absl::Status Limit(int resource, rlim_t value, const char* name) {
  const rlimit limit = {.rlim_cur = value, .rlim_max = value};
  if (setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) {
    return ErrnoStatus(errno, absl::StrCat("setrlimit ", name));
  }
  return absl::OkStatus();
}

absl::Status GiveUpPrivileges() {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return ErrnoStatus(errno, "PR_SET_PDEATHSIG");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "PR_SET_NO_NEW_PRIVS");
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return ErrnoStatus(errno, "PR_SET_DUMPABLE");
  SR_RETURN_IF_ERROR(Limit(RLIMIT_CORE, 0, "core"));
  return Limit(RLIMIT_NOFILE, kMaxFiles, "nofile");
}

int ThreadCount() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    absl::string_view rest = line;
    int threads = 0;
    if (absl::ConsumePrefix(&rest, "Threads:") && absl::SimpleAtoi(rest, &threads)) return threads;
  }
  return -1;
}

absl::Status ServeOne(int socket, DecodeFunction decode) {
  SR_ASSIGN_OR_RETURN(WireMessage message, ReceiveWireMessage(socket, absl::InfiniteFuture()));
  internal::DecodeRequest request;
  if (message.fds.size() != 1 || !request.ParseFromString(message.bytes)) {
    return absl::InternalError("malformed request");
  }
  SR_ASSIGN_OR_RETURN(const SealedView original,
                      SealedView::Map(message.fds[0].get(), std::numeric_limits<int64_t>::max()));
  const auto [reply, renditions] = decode(request, original.bytes());
  std::vector<int> fds;
  UniqueFd memory;
  if (!renditions.empty()) {
    SR_ASSIGN_OR_RETURN(memory, MakeSealedMemory("renditions", renditions));
    fds.push_back(memory.get());
  }
  return SendWireMessage(socket, reply.SerializeAsString(), fds, absl::InfiniteFuture());
}

[[noreturn]] void RunChild(UniqueFd socket, pid_t zygote, const ZygoteOptions& options,
                           DecodeFunction decode) {
  close(kZygoteSocket);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  absl::Status status;
  // The first is not inherited over a fork; the second check closes the gap before it.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != zygote) _exit(kExitBroken);
  if (options.memory_bytes > 0) {
    status = Limit(RLIMIT_AS, static_cast<rlim_t>(options.memory_bytes), "as");
  }
  if (status.ok()) status = ServeOne(socket.get(), decode);
  // No destructors: libvips' threads may still be about, and everything dies with the process.
  _exit(status.ok() ? kExitOk : kExitBroken);
}

absl::Status ForkChild(const ZygoteOptions& options, DecodeFunction decode) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  UniqueFd ours(ends[0]);
  UniqueFd childs(ends[1]);
  const pid_t zygote = getpid();
  const pid_t pid = fork();
  if (pid < 0) return ErrnoStatus(errno, "fork");
  if (pid == 0) {
    ours.Reset();
    RunChild(std::move(childs), zygote, options, decode);
  }
  // Before any reaping, so that the pid can not have been given to somebody else.
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) {
    const int error = errno;
    kill(pid, SIGKILL);
    return ErrnoStatus(error, "pidfd_open");
  }
  return SendWireMessage(kZygoteSocket, kZygoteChild, {ours.get(), pidfd.get()},
                         absl::InfiniteFuture());
}

void ReapChildren() {
  int how = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &how, WNOHANG)) > 0;) {
    // SIGKILL is how the worker stops one; the kernel's out-of-memory killer has its own log.
    if (WIFSIGNALED(how) && WTERMSIG(how) != SIGKILL) {
      LogWarning("decoder died", {{"pid", pid}, {"signal", WTERMSIG(how)}});
    }
  }
}

}  // namespace

absl::Status RunZygote(const ZygoteOptions& options, DecodeFunction decode) {
  SR_RETURN_IF_ERROR(GiveUpPrivileges());
  if (const int threads = ThreadCount(); threads != 1) {
    return absl::InternalError(
        absl::StrCat("a process of ", threads, " threads can not fork safely"));
  }
  sigset_t child_ended;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_ended, nullptr);
  const UniqueFd signals(signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return ErrnoStatus(errno, "signalfd");
  SR_RETURN_IF_ERROR(SendWireMessage(kZygoteSocket, kZygoteReady, {}, absl::InfiniteFuture()));

  for (;;) {
    pollfd entries[2] = {{.fd = kZygoteSocket, .events = POLLIN, .revents = 0},
                         {.fd = signals.get(), .events = POLLIN, .revents = 0}};
    if (poll(entries, 2, -1) < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    if (entries[1].revents != 0) {
      signalfd_siginfo info;
      while (read(signals.get(), &info, sizeof(info)) > 0) {
      }
      ReapChildren();
    }
    if (entries[0].revents == 0) continue;
    const auto message = ReceiveWireMessage(kZygoteSocket, absl::InfiniteFuture());
    if (!message.ok()) return absl::OkStatus();  // the worker has ended
    if (message->bytes != kZygoteFork) return absl::InternalError("unknown message");
    SR_RETURN_IF_ERROR(ForkChild(options, decode));
  }
}

}  // namespace stockroom::imageproc
