#include "services/imageproc/sandbox/walls.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/imageproc/sandbox/wire.h"

namespace stockroom::imageproc {
namespace {

// By convention nobody's, on every Linux.
constexpr unsigned kNobody = 65534;
// Socket, standard streams, and a request's sources, watermarks and result: 14.
constexpr rlim_t kMaxFiles = 32;

absl::Status Result(int returned, std::string_view what) {
  return returned == 0 ? absl::OkStatus() : ErrnoStatus(errno, what);
}

absl::Status Limit(int resource, int64_t value, const char* name) {
  const rlimit limit = {.rlim_cur = static_cast<rlim_t>(value),
                        .rlim_max = static_cast<rlim_t>(value)};
  return Result(setrlimit(static_cast<__rlimit_resource>(resource), &limit),
                absl::StrCat("setrlimit ", name));
}

absl::Status Write(const char* path, const std::string& text) {
  const UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, path);
  const ssize_t written = write(file.get(), text.data(), text.size());
  return Result(written == static_cast<ssize_t>(text.size()) ? 0 : -1, path);
}

// Outside of the namespace this stays the user that it was, inside it is nobody.
absl::Status EnterUserNamespace() {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  SR_RETURN_IF_ERROR(Result(unshare(CLONE_NEWUSER), "a user namespace"));
  SR_RETURN_IF_ERROR(Write("/proc/self/setgroups", "deny"));
  SR_RETURN_IF_ERROR(Write("/proc/self/uid_map", absl::StrCat(kNobody, " ", user, " 1")));
  return Write("/proc/self/gid_map", absl::StrCat(kNobody, " ", group, " 1"));
}

absl::Status EnterEmptyRoot() {
  SR_RETURN_IF_ERROR(Result(unshare(CLONE_NEWNS), "a mount namespace"));
  // Nothing that happens here may reach the machine's own mounts.
  SR_RETURN_IF_ERROR(
      Result(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private mounts"));
  // Any folder does as the place; this one is everywhere.
  constexpr const char* kPlace = "/proc";
  constexpr unsigned long kBare = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  SR_RETURN_IF_ERROR(
      Result(mount("empty", kPlace, "tmpfs", kBare, "size=4096,nr_inodes=1,mode=555"),
             "an empty file system"));
  SR_RETURN_IF_ERROR(Result(chdir(kPlace), "chdir"));
  // The old root ends up on top of the new one, from where it is taken off.
  SR_RETURN_IF_ERROR(
      Result(static_cast<int>(syscall(SYS_pivot_root, ".", ".")), "an empty root directory"));
  SR_RETURN_IF_ERROR(Result(umount2(".", MNT_DETACH), "taking off the old root directory"));
  SR_RETURN_IF_ERROR(Result(chdir("/"), "chdir"));
  return Result(mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kBare, nullptr),
                "a read-only root directory");
}

absl::Status SetCapabilities(bool keep_permitted) {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (keep_permitted) {
    SR_RETURN_IF_ERROR(Result(static_cast<int>(syscall(SYS_capget, &header, sets)), "capget"));
    for (auto& set : sets) set.effective = set.permitted;
  }
  return Result(static_cast<int>(syscall(SYS_capset, &header, sets)), "capset");
}

// Capabilities stay until DropCapabilities: without a user namespace they are what the other
// namespaces need.
absl::Status BecomeNobody() {
  if (geteuid() != 0) return absl::OkStatus();
  SR_RETURN_IF_ERROR(Result(prctl(PR_SET_KEEPCAPS, 1), "PR_SET_KEEPCAPS"));
  SR_RETURN_IF_ERROR(Result(setgroups(0, nullptr), "setgroups"));
  SR_RETURN_IF_ERROR(Result(setresgid(kNobody, kNobody, kNobody), "setresgid"));
  SR_RETURN_IF_ERROR(Result(setresuid(kNobody, kNobody, kNobody), "setresuid"));
  SR_RETURN_IF_ERROR(SetCapabilities(/*keep_permitted=*/true));
  // Changing the user took /proc/self away, and the user namespace is told there who is who in it.
  return Result(prctl(PR_SET_DUMPABLE, 1), "PR_SET_DUMPABLE");
}

[[noreturn]] void GuardNamespace(SyscallFilter filter, int life) {
  prctl(PR_SET_NAME, "decoder-init");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(life, 0);
  close_range(1, ~0U, 0);
  if (filter.Apply().ok()) {
    pollfd end = {.fd = 0, .events = POLLIN, .revents = 0};
    while (poll(&end, 1, -1) < 0) {
    }
  }
  _exit(0);
}

}  // namespace

absl::Status RaiseFirstWalls() {
  SR_RETURN_IF_ERROR(Result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS"));
  return Limit(RLIMIT_CORE, 0, "core");
}

std::vector<Wall> EnterNamespaces() {
  std::vector<Wall> walls;
  absl::Status user = BecomeNobody();
  user.Update(EnterUserNamespace());
  walls.push_back({"user", std::move(user)});
  walls.push_back({"network", Result(unshare(CLONE_NEWNET), "a network namespace")});
  walls.push_back({"ipc", Result(unshare(CLONE_NEWIPC), "an IPC namespace")});
  walls.push_back({"mount", EnterEmptyRoot()});
  return walls;
}

Wall EnterProcessNamespace(SyscallFilter filter, pid_t& guardian) {
  Wall wall{"process", Result(unshare(CLONE_NEWPID), "a process namespace")};
  if (!wall.status.ok()) return wall;
  // The writing end is never closed here: the guardian sees the end of this process by it, also
  // when it comes before the guardian has asked to be told.
  int life[2];
  wall.status = Result(pipe2(life, O_CLOEXEC), "pipe");
  if (!wall.status.ok()) return wall;
  guardian = fork();
  if (guardian < 0) wall.status = ErrnoStatus(errno, "fork into a process namespace");
  if (guardian == 0) GuardNamespace(std::move(filter), life[0]);
  close(life[0]);
  return wall;
}

Wall DropCapabilities() {
  absl::Status status = SetCapabilities(/*keep_permitted=*/false);
  status.Update(Result(prctl(PR_SET_DUMPABLE, 0), "PR_SET_DUMPABLE"));
  if (geteuid() == 0) status.Update(absl::FailedPreconditionError("it runs as root"));
  return {"capabilities", std::move(status)};
}

absl::Status LimitResources(int64_t memory_bytes) {
  if (memory_bytes > 0) SR_RETURN_IF_ERROR(Limit(RLIMIT_AS, memory_bytes, "as"));
  SR_RETURN_IF_ERROR(Limit(RLIMIT_FSIZE, kMaxResultBytes, "fsize"));
  return Limit(RLIMIT_NOFILE, kMaxFiles, "nofile");
}

}  // namespace stockroom::imageproc
