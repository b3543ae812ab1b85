#include "services/imageproc/sandbox/zygote_client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/imageproc/sandbox/wire.h"
#include "services/imageproc/sandbox/zygote.h"

namespace stockroom::imageproc {
namespace {

// A zygote reaps at once; under heavy load it may have to wait for its turn.
constexpr int kEpitaphMillis = 500;

// posix_spawn's settings; frees them.
class SpawnSettings {
 public:
  explicit SpawnSettings(int socket) {
    posix_spawn_file_actions_init(&files_);
    posix_spawn_file_actions_addopen(&files_, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&files_, 1, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&files_, socket, kZygoteSocket);
    posix_spawn_file_actions_addclosefrom_np(&files_, kZygoteSocket + 1);
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

}  // namespace

bool DecoderChild::IsAlive() const {
  pollfd entry = {.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  return pidfd_.valid() && poll(&entry, 1, 0) == 0;
}

void DecoderChild::Kill() const {
  if (pidfd_.valid()) syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

int64_t DecoderChild::ResidentBytes() const {
  std::ifstream statm(absl::StrCat("/proc/", pid_, "/statm"));
  int64_t size = 0;
  int64_t resident = 0;
  // Looked at while it lives, so the id is not somebody else's by now.
  if (!(statm >> size >> resident) || !IsAlive()) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

std::string DecoderChild::HowItEnded() const {
  // The socket's end is seen before the zygote has reaped.
  pollfd entry = {.fd = epitaph_.get(), .events = POLLIN, .revents = 0};
  int how = 0;
  if (poll(&entry, 1, kEpitaphMillis) <= 0 ||
      read(epitaph_.get(), &how, sizeof(how)) != static_cast<ssize_t>(sizeof(how))) {
    return "";
  }
  return DescribeEnd(how);
}

std::string DescribeEnd(int how) {
  if (!WIFSIGNALED(how)) {
    return WIFEXITED(how) && WEXITSTATUS(how) != 0 ? "it gave up" : "";
  }
  const int signal = WTERMSIG(how);
  const char* abbreviation = sigabbrev_np(signal);
  const std::string name =
      abbreviation != nullptr ? absl::StrCat("SIG", abbreviation) : absl::StrCat("signal ", signal);
  switch (signal) {
    case SIGSYS:
      return absl::StrCat("it made a system call that decoders may not make (", name, ")");
    case SIGKILL:
      return absl::StrCat("it was killed, as when the machine has no memory left (", name, ")");
    case SIGABRT:
    case SIGTRAP:
      return absl::StrCat("it gave up, as when its memory is at an end (", name, ")");
    case SIGXFSZ:
      return absl::StrCat("it wrote more than it may (", name, ")");
    default:
      return absl::StrCat("it crashed (", name, ")");
  }
}

absl::StatusOr<std::unique_ptr<Zygote>> Zygote::Start(const std::string& path,
                                                      const std::vector<std::string>& arguments,
                                                      absl::Time deadline) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const SpawnSettings settings(theirs.get());
  std::vector<std::string> owned = {path};
  owned.insert(owned.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : owned) argv.push_back(argument.data());
  argv.push_back(nullptr);
  char* no_environment[] = {nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, path.c_str(), settings.files(), settings.attributes(),
                                argv.data(), no_environment);
  if (error != 0) {
    return Unavailable("DECODER_UNAVAILABLE",
                       absl::StrCat("cannot start the decoder ", path, ": ",
                                    ErrnoStatus(error, "posix_spawn").message()));
  }
  std::unique_ptr<Zygote> zygote(new Zygote(pid, std::move(ours)));
  // Its copy is the only one left, so its end is seen.
  theirs.Reset();
  const auto ready = ReceiveWireMessage(zygote->socket_.get(), deadline);
  if (!ready.ok() || !zygote->ready_.ParseFromString(ready->bytes)) {
    return Unavailable("DECODER_UNAVAILABLE",
                       absl::StrCat("the decoder ", path,
                                    " did not get ready (its own words are on "
                                    "standard error): ",
                                    ready.status().message()));
  }
  return zygote;
}

Zygote::~Zygote() {
  socket_.Reset();
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

absl::StatusOr<DecoderChild> Zygote::Fork(absl::Time deadline) {
  absl::Status asked = SendWireMessage(socket_.get(), kZygoteFork, {}, deadline);
  if (!asked.ok()) return Unavailable("DECODER_UNAVAILABLE", Sv(asked.message()));
  auto child = ReceiveWireMessage(socket_.get(), deadline);
  if (!child.ok()) return Unavailable("DECODER_UNAVAILABLE", Sv(child.status().message()));
  absl::string_view told = child->bytes;
  pid_t pid = 0;
  if (!absl::ConsumePrefix(&told, Av(kZygoteChild)) || !absl::SimpleAtoi(told, &pid) ||
      child->fds.size() != 3) {
    return Unavailable("DECODER_UNAVAILABLE", "unexpected answer of the decoder's parent");
  }
  return DecoderChild(pid, std::move(child->fds[0]), std::move(child->fds[1]),
                      std::move(child->fds[2]));
}

}  // namespace stockroom::imageproc
