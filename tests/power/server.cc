#include "tests/power/server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/time/clock.h"
#include "tests/power/shadow.h"
#include "tests/support/cluster.h"
#include "tests/support/ports.h"

namespace stockroom::power {
namespace {

// build/<preset>, two folders above this program.
std::filesystem::path BuildFolder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
}

}  // namespace

Server::Server(Options options)
    : options_(std::move(options)), port_(testing::FreePort()), http_port_(testing::FreePort()) {}

Server::~Server() {
  Kill();
  testing::GiveBackPort(port_);
  testing::GiveBackPort(http_port_);
}

absl::Status Server::Start() {
  const std::filesystem::path build = BuildFolder();
  std::vector<std::string> command = {build / "bin/stockroom-fileserver",
                                      "--listen=" + address(),
                                      "--http.listen=127.0.0.1:" + std::to_string(http_port_),
                                      "--data_dir=" + options_.root,
                                      "--limits.reserve_bytes=0",
                                      "--collect.min_untouched=0s"};
  command.insert(command.end(), options_.flags.begin(), options_.flags.end());
  std::vector<char*> argv;
  for (std::string& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!options_.shadow.empty()) {
      ::setenv("LD_PRELOAD", (build / "tests/libpower_shim.so").c_str(), 1);
      ::setenv(kRootVariable, options_.root.c_str(), 1);
      ::setenv(kShadowVariable, options_.shadow.c_str(), 1);
      ::setenv(kDieAtVariable, std::to_string(options_.die_at).c_str(), 1);
    }
    const int fd = ::open(options_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    ::dup2(fd, STDERR_FILENO);
    ::dup2(fd, STDOUT_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  const std::string url = "http://127.0.0.1:" + std::to_string(http_port_) + "/readyz";
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (absl::Now() < end) {
    if (testing::Curl("--max-time 2 " + url).status == 200) return absl::OkStatus();
    if (!running()) return absl::UnavailableError("the file server ended at its start");
    absl::SleepFor(absl::Milliseconds(10));
  }
  return absl::DeadlineExceededError("the file server is not ready");
}

bool Server::running() {
  if (pid_ == 0) return false;
  if (::waitpid(pid_, &status_, WNOHANG) != pid_) return true;
  pid_ = 0;
  return false;
}

bool Server::Kill() {
  if (pid_ != 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
    pid_ = 0;
  }
  return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL;
}

}  // namespace stockroom::power
