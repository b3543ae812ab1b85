#include "tests/unit/imageproc/hostile_deeds.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace stockroom::imageproc::testing {
namespace {

std::string Outcome(long returned) {
  if (returned != -1) return "done";
  const char* name = strerrorname_np(errno);
  return name != nullptr ? name : std::to_string(errno);
}

// Straight to the kernel: glibc must not have a say.
template <typename... Arguments>
std::string Call(long number, Arguments... arguments) {
  return Outcome(syscall(number, arguments...));
}

std::string ExecutableMemory() {
  return Outcome(reinterpret_cast<long>(
      mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
}

std::string MakeExecutable() {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return Outcome(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

std::string Connect() {
  const int fd = static_cast<int>(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
  if (fd < 0) return Outcome(-1);
  close(fd);
  return "done";
}

std::string Execute() {
  const char* arguments[] = {"/bin/true", nullptr};
  return Call(SYS_execve, "/bin/true", arguments, nullptr);
}

std::string Fork() {
  const long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  return Outcome(pid);
}

std::string Clone3() {
  struct {
    uint64_t values[11] = {};
  } arguments;
  const long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid == 0) _exit(0);
  return Outcome(pid);
}

// "<MiB> MiB": how much could be had.
std::string Allocate() {
  int64_t mib = 0;
  while (mib < 4096 && mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                            -1, 0) != MAP_FAILED) {
    ++mib;
  }
  return std::to_string(mib) + " MiB";
}

std::string FloodStandardError() {
  const std::string line(1 << 16, 'x');
  for (int i = 0; i < 16; ++i) {
    if (write(STDERR_FILENO, line.data(), line.size()) < 0) return Outcome(-1);
  }
  return "done";
}

// A picture of more bytes than anybody would take.
std::string WriteTooMuch() {
  for (int fd = 3; fd < 64; ++fd) {
    if (pwrite(fd, "x", 1, int64_t{1} << 32) == 1) return "done";
  }
  return "nowhere";
}

// "0,1,2,3": those that are open.
std::string Descriptors() {
  std::string open;
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) open += (open.empty() ? "" : ",") + std::to_string(fd);
  }
  return open;
}

// "pid 7, user 65534"
std::string Identity() {
  return "pid " + std::to_string(getpid()) + ", user " + std::to_string(getuid());
}

std::string StartThreads() {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) threads.emplace_back([] { prctl(PR_SET_NAME, "busy"); });
  for (std::thread& thread : threads) thread.join();
  return "done";
}

std::string SendNonsense() {
  const std::string nonsense(64, '\xff');
  static_cast<void>(!write(3, nonsense.data(), nonsense.size()));
  for (;;) pause();
}

std::string Spin() {
  for (;;) sched_yield();
}

std::string Crash() {
  volatile int* nothing = nullptr;
  return std::to_string(*nothing);
}

std::string RaiseLimit() {
  const rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  return Outcome(setrlimit(RLIMIT_AS, &limit));
}

std::string UseRing() {
  io_uring_params parameters = {};
  return Call(SYS_io_uring_setup, 8, &parameters);
}

std::string LoadBpf() {
  bpf_attr attributes = {};
  return Call(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes));
}

std::string CountEvents() {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  return Call(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}

}  // namespace

const std::map<std::string, Deed>& Deeds() {
  static const auto& deeds = *new std::map<std::string, Deed>{
      {"open", [] { return Call(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0); }},
      {"create", [] { return Call(SYS_openat, AT_FDCWD, "/tmp/x", O_CREAT | O_WRONLY, 0600); }},
      {"environ", [] { return Call(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY, 0); }},
      {"look", [] { return Call(SYS_faccessat, AT_FDCWD, "/etc/passwd", R_OK, 0); }},
      {"openat2", [] { return Call(SYS_openat2, AT_FDCWD, "/etc/passwd", nullptr, 0); }},
      {"socket", [] { return Connect(); }},
      {"connect", [] { return Call(SYS_connect, 3, nullptr, 0); }},
      {"socketpair", [] { return Call(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, nullptr); }},
      {"exec", [] { return Execute(); }},
      {"fork", [] { return Fork(); }},
      {"clone3", [] { return Clone3(); }},
      {"ptrace", [] { return Call(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }},
      {"read-others", [] { return Call(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0); }},
      {"signal-parent", [] { return Call(SYS_kill, getppid(), 0); }},
      {"signal-sibling", [] { return Call(SYS_kill, 1, SIGKILL); }},
      {"signal-thread", [] { return Call(SYS_tgkill, 1, 1, SIGKILL); }},
      {"signal-all", [] { return Call(SYS_kill, -1, 0); }},
      {"io_uring", [] { return UseRing(); }},
      {"bpf", [] { return LoadBpf(); }},
      {"perf", [] { return CountEvents(); }},
      {"userfaultfd", [] { return Call(SYS_userfaultfd, O_CLOEXEC); }},
      {"keys", [] { return Call(SYS_keyctl, 0, 0, 0, 0, 0); }},
      {"mount", [] { return Call(SYS_mount, "x", "/", "tmpfs", 0, nullptr); }},
      {"unshare", [] { return Call(SYS_unshare, CLONE_NEWUSER); }},
      {"chroot", [] { return Call(SYS_chroot, "/"); }},
      {"memory-file", [] { return Call(SYS_memfd_create, "x", 0); }},
      {"shared-memory", [] { return Call(SYS_shmget, 1, 4096, 0600); }},
      {"dumpable", [] { return Call(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }},
      {"new-user", [] { return Call(SYS_setresuid, 0, 0, 0); }},
      {"raise-limit", [] { return RaiseLimit(); }},
      {"executable-memory", [] { return ExecutableMemory(); }},
      {"make-executable", [] { return MakeExecutable(); }},
      {"allocate", [] { return Allocate(); }},
      {"flood", [] { return FloodStandardError(); }},
      {"write-too-much", [] { return WriteTooMuch(); }},
      {"descriptors", [] { return Descriptors(); }},
      {"identity", [] { return Identity(); }},
      {"threads", [] { return StartThreads(); }},
      {"nonsense", [] { return SendNonsense(); }},
      {"spin", [] { return Spin(); }},
      {"crash", [] { return Crash(); }},
      {"abort", []() -> std::string { std::abort(); }},
      {"kill-self", [] { return Call(SYS_kill, getpid(), SIGKILL); }}};
  return deeds;
}

}  // namespace stockroom::imageproc::testing
