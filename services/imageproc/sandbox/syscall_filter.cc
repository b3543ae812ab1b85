#include "services/imageproc/sandbox/syscall_filter.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/imageproc/sandbox/fd.h"

namespace stockroom::imageproc {
namespace {

// Stands for the process's own id, which is not known yet when the filter is compiled. No system
// call has this number.
constexpr uint32_t kSelf = 0x53524b21;

constexpr const char* kAllowed[] = {
    // memory, besides mmap and mprotect
    "brk", "munmap", "mremap", "madvise",
    // threads and waiting
    "futex", "set_robust_list", "rseq", "set_tid_address", "gettid", "getpid", "sched_yield",
    "sched_getaffinity", "sched_getattr", "getcpu", "nanosleep", "clock_nanosleep",
    "restart_syscall", "exit", "exit_group",
    // what is open
    "read", "readv", "pread64", "write", "writev", "pwrite64", "lseek", "close", "poll", "ppoll",
    "fstat", "recvmsg", "sendmsg",
    // signals
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    // time, chance, and who one is
    "clock_gettime", "clock_getres", "gettimeofday", "time", "getrandom", "getuid", "geteuid",
    "getgid", "getegid", "sysinfo", "uname", "getrlimit"};

struct Refused {
  int error;
  const char* name;
};
constexpr Refused kRefused[] = {
    // files: as if one may not look
    {EACCES, "open"},
    {EACCES, "openat"},
    {EACCES, "stat"},
    {EACCES, "lstat"},
    {EACCES, "newfstatat"},
    {EACCES, "statx"},
    {EACCES, "statfs"},
    {EACCES, "access"},
    {EACCES, "faccessat"},
    {EACCES, "faccessat2"},
    {EACCES, "readlink"},
    {EACCES, "readlinkat"},
    {EACCES, "getcwd"},
    {EACCES, "unlink"},
    {EACCES, "unlinkat"},
    {ENOTTY, "ioctl"},
    // glibc falls back to clone, whose flags a filter can see
    {ENOSYS, "clone3"},
    // scheduling and placement: good as they are
    {EPERM, "sched_setaffinity"},
    {EPERM, "sched_setattr"},
    {EPERM, "sched_setscheduler"},
    {EPERM, "sched_getscheduler"},
    {EPERM, "sched_getparam"},
    {EPERM, "setpriority"},
    {EPERM, "getpriority"},
    {EPERM, "mlock"},
    {EPERM, "mbind"},
    {EPERM, "get_mempolicy"},
    {EPERM, "set_mempolicy"},
    {ENOSYS, "membarrier"}};

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

// Collects rules; keeps the first failure.
class Rules {
 public:
  explicit Rules(scmp_filter_ctx context) : context_(context) {}

  // A name that this architecture does not have needs no rule.
  void Add(uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> when = {}) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || number < 0) return;
    const int error = seccomp_rule_add_exact_array(
        context_, action, number, static_cast<unsigned>(when.size()), when.begin());
    if (error != 0 && status_.ok()) status_ = ErrnoStatus(-error, absl::StrCat("rule of ", name));
  }
  const absl::Status& status() const { return status_; }

 private:
  scmp_filter_ctx context_;
  absl::Status status_;
};

scmp_arg_cmp Masked(unsigned argument, uint64_t mask, uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

scmp_arg_cmp Equals(unsigned argument, uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}

void AddMemory(Rules& rules) {
  for (const char* name : {"mmap", "mprotect"}) {
    rules.Add(SCMP_ACT_ALLOW, name, {Masked(2, PROT_EXEC, 0)});
    rules.Add(SCMP_ACT_ERRNO(EACCES), name, {Masked(2, PROT_EXEC, PROT_EXEC)});
  }
}

void AddThreads(Rules& rules) {
  constexpr uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  constexpr uint64_t kNever = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                              CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_VFORK |
                              CLONE_PARENT | CLONE_PTRACE;
  rules.Add(SCMP_ACT_ALLOW, "clone", {Masked(0, kThread | kNever, kThread)});
  for (const char* name : {"kill", "tgkill"}) {
    rules.Add(SCMP_ACT_ALLOW, name, {Equals(0, kSelf)});
  }
  rules.Add(SCMP_ACT_ALLOW, "prctl", {Equals(0, PR_SET_NAME)});
  for (const int habit : {PR_SET_VMA, PR_GET_DUMPABLE, PR_SET_TIMERSLACK, PR_CAPBSET_READ}) {
    rules.Add(SCMP_ACT_ERRNO(EINVAL), "prctl", {Equals(0, static_cast<uint64_t>(habit))});
  }
}

void AddDescriptors(Rules& rules) {
  for (const int command : {F_GETFD, F_GETFL, F_GET_SEALS, F_ADD_SEALS}) {
    rules.Add(SCMP_ACT_ALLOW, "fcntl", {Equals(1, static_cast<uint64_t>(command))});
  }
}

// One may look at one's limits, and set none.
void AddLimits(Rules& rules) {
  rules.Add(SCMP_ACT_ALLOW, "prlimit64", {Equals(0, 0), Equals(2, 0)});
  rules.Add(SCMP_ACT_ERRNO(EPERM), "prlimit64",
            {{.arg = 2, .op = SCMP_CMP_NE, .datum_a = 0, .datum_b = 0}});
  rules.Add(SCMP_ACT_ERRNO(EPERM), "setrlimit");
}

absl::Status Set(scmp_filter_ctx context, scmp_filter_attr attribute, uint32_t value) {
  const int error = seccomp_attr_set(context, attribute, value);
  return error == 0 ? absl::OkStatus() : ErrnoStatus(-error, "seccomp_attr_set");
}

absl::StatusOr<std::vector<sock_filter>> Export(scmp_filter_ctx context) {
  const UniqueFd file(memfd_create("filter", MFD_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "memfd_create");
  if (const int error = seccomp_export_bpf(context, file.get()); error != 0) {
    return ErrnoStatus(-error, "seccomp_export_bpf");
  }
  const off_t size = lseek(file.get(), 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<size_t>(size) / sizeof(sock_filter));
  if (program.empty() || pread(file.get(), program.data(), static_cast<size_t>(size), 0) != size) {
    return absl::InternalError("libseccomp compiled no filter");
  }
  return program;
}

}  // namespace

absl::StatusOr<SyscallFilter> SyscallFilter::Compile() {
  const Context context(seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (context == nullptr) return absl::InternalError("libseccomp does not start");
  // Calls of another architecture (32 bit, x32) have other numbers.
  SR_RETURN_IF_ERROR(Set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
  // A binary search: a list takes the kernel twice as long to install.
  SR_RETURN_IF_ERROR(Set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
  Rules rules(context.get());
  for (const char* name : kAllowed) rules.Add(SCMP_ACT_ALLOW, name);
  for (const Refused& refused : kRefused) {
    rules.Add(SCMP_ACT_ERRNO(static_cast<unsigned>(refused.error)), refused.name);
  }
  AddMemory(rules);
  AddThreads(rules);
  AddDescriptors(rules);
  AddLimits(rules);
  SR_RETURN_IF_ERROR(rules.status());
  SyscallFilter filter;
  SR_ASSIGN_OR_RETURN(filter.program_, Export(context.get()));
  return filter;
}

absl::Status SyscallFilter::Apply() {
  const auto self = static_cast<uint32_t>(getpid());
  for (sock_filter& step : program_) {
    if (step.code == (BPF_JMP | BPF_JEQ | BPF_K) && step.k == kSelf) step.k = self;
  }
  const sock_fprog program = {.len = static_cast<unsigned short>(program_.size()),
                              .filter = program_.data()};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    return ErrnoStatus(errno, "seccomp");
  }
  return absl::OkStatus();
}

}  // namespace stockroom::imageproc
