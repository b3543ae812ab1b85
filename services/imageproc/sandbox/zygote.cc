#include "services/imageproc/sandbox/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <limits>
#include <map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/imageproc/sandbox/serve.h"
#include "services/imageproc/sandbox/walls.h"
#include "services/imageproc/sandbox/wire.h"

namespace stockroom::imageproc {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitBroken = 3;

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

class ForkingProcess {
 public:
  ForkingProcess(const ZygoteOptions& options, SyscallFilter filter, DecodeFunction decode)
      : options_(options), filter_(std::move(filter)), decode_(decode) {}

  // Namespaces and all that is given up once. Adds to `ready` which of the optional walls stand.
  absl::Status RaiseWalls(internal::DecoderReady& ready);
  // Until the worker has ended.
  absl::Status Serve(const UniqueFd& signals);

 private:
  absl::Status ForkChild();
  absl::Status RaiseChildWalls();
  // That a child can have its walls, tried in one.
  absl::Status TryChildWalls();
  [[noreturn]] void RunChild(int socket);
  absl::Status ReapChildren();

  const ZygoteOptions& options_;
  SyscallFilter filter_;
  const DecodeFunction decode_;
  pid_t guardian_ = 0;         // first of the process namespace; 0: there is none
  pid_t parent_of_child_ = 0;  // what a child's getppid() says
  // Of each child that was not reaped yet: where to write how it ended.
  std::map<pid_t, UniqueFd> epitaphs_;
};

absl::Status ForkingProcess::RaiseWalls(internal::DecoderReady& ready) {
  SR_RETURN_IF_ERROR(RaiseFirstWalls());
  std::vector<Wall> walls = EnterNamespaces();
  walls.push_back(EnterProcessNamespace(filter_, guardian_));
  if (guardian_ < 0) return walls.back().status;
  walls.push_back(DropCapabilities());
  parent_of_child_ = guardian_ > 0 ? 0 : getpid();
  // Without these it does not get so far.
  for (const char* name : {"privileges", "limits", "system-calls"}) walls.push_back({name, {}});
  for (const Wall& wall : walls) {
    auto& told = *ready.add_walls();
    told.set_name(wall.name);
    told.set_stands(wall.status.ok());
    told.set_reason(std::string(wall.status.message()));
  }
  // Changing the user forgot what was set before.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return ErrnoStatus(errno, "PR_SET_PDEATHSIG");
  return TryChildWalls();
}

absl::Status ForkingProcess::RaiseChildWalls() {
  SR_RETURN_IF_ERROR(LimitResources(options_.memory_bytes));
  return filter_.Apply();
}

absl::Status ForkingProcess::TryChildWalls() {
  const pid_t pid = fork();
  if (pid < 0) return ErrnoStatus(errno, "fork");
  if (pid == 0) _exit(RaiseChildWalls().ok() ? kExitOk : kExitBroken);
  int how = 0;
  while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(how) && WEXITSTATUS(how) == kExitOk) return absl::OkStatus();
  return absl::InternalError("a decoder's system calls or resources can not be limited here");
}

void ForkingProcess::RunChild(int socket) {
  // A socket and three standard streams that lead nowhere are all that it has: what it says, it
  // says in its reply, and nobody has to believe it.
  dup2(socket, kZygoteSocket);
  dup2(STDOUT_FILENO, STDERR_FILENO);
  close_range(kZygoteSocket + 1, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // The first is not inherited over a fork; the second check closes the gap before it.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent_of_child_) _exit(kExitBroken);
  absl::Status status = RaiseChildWalls();
  if (status.ok()) status = ServeRequests(kZygoteSocket, decode_);
  // No destructors: libvips' threads may still be about, and everything dies with the process.
  _exit(status.ok() ? kExitOk : kExitBroken);
}

absl::Status ForkingProcess::ForkChild() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  const UniqueFd workers(ends[0]);
  const UniqueFd childs(ends[1]);
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return ErrnoStatus(errno, "pipe");
  const UniqueFd told(ends[0]);
  UniqueFd epitaph(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return ErrnoStatus(errno, "fork");
  if (pid == 0) RunChild(childs.get());
  epitaphs_.emplace(pid, std::move(epitaph));
  // Before any reaping, so that the pid can not have been given to somebody else.
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) {
    const int error = errno;
    kill(pid, SIGKILL);
    return ErrnoStatus(error, "pidfd_open");
  }
  return SendWireMessage(kZygoteSocket, absl::StrCat(Av(kZygoteChild), pid),
                         {workers.get(), pidfd.get(), told.get()}, absl::InfiniteFuture());
}

absl::Status ForkingProcess::ReapChildren() {
  int how = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &how, WNOHANG)) > 0;) {
    if (pid == guardian_) return absl::InternalError("the decoders' process namespace has ended");
    const auto epitaph = epitaphs_.find(pid);
    if (epitaph == epitaphs_.end()) continue;
    // Fails if the worker does not want to know any more.
    static_cast<void>(!write(epitaph->second.get(), &how, sizeof(how)));
    epitaphs_.erase(epitaph);
  }
  return absl::OkStatus();
}

absl::Status ForkingProcess::Serve(const UniqueFd& signals) {
  for (;;) {
    pollfd entries[2] = {{.fd = kZygoteSocket, .events = POLLIN, .revents = 0},
                         {.fd = signals.get(), .events = POLLIN, .revents = 0}};
    if (poll(entries, 2, -1) < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    if (entries[1].revents != 0) {
      signalfd_siginfo info;
      while (read(signals.get(), &info, sizeof(info)) > 0) {
      }
      SR_RETURN_IF_ERROR(ReapChildren());
    }
    if (entries[0].revents == 0) continue;
    const auto message = ReceiveWireMessage(kZygoteSocket, absl::InfiniteFuture());
    if (!message.ok()) return absl::OkStatus();  // the worker has ended
    if (message->bytes != kZygoteFork) return absl::InternalError("unknown message");
    SR_RETURN_IF_ERROR(ForkChild());
  }
}

}  // namespace

absl::Status RunZygote(const ZygoteOptions& options, DecodeFunction decode) {
  if (const int threads = ThreadCount(); threads != 1) {
    return absl::InternalError(
        absl::StrCat("a process of ", threads, " threads can not fork safely"));
  }
  SR_ASSIGN_OR_RETURN(SyscallFilter filter, SyscallFilter::Compile());
  // Of a pipe to a worker that does not read it any more.
  signal(SIGPIPE, SIG_IGN);
  internal::DecoderReady ready;
  *ready.mutable_engine() = options.engine;
  ForkingProcess process(options, std::move(filter), decode);
  SR_RETURN_IF_ERROR(process.RaiseWalls(ready));

  sigset_t child_ended;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_ended, nullptr);
  const UniqueFd signals(signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return ErrnoStatus(errno, "signalfd");
  SR_RETURN_IF_ERROR(
      SendWireMessage(kZygoteSocket, ready.SerializeAsString(), {}, absl::InfiniteFuture()));
  return process.Serve(signals);
}

}  // namespace stockroom::imageproc
