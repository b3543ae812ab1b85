#include "bench/blob/common.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/strings.h"
#include "tests/support/cluster.h"

namespace stockroom::bench {
namespace {

bool Ready(int port) {
  return testing::Curl(absl::StrCat("--max-time 1 http://127.0.0.1:", port, "/readyz")).status ==
         200;
}

}  // namespace

void EndUnless(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

ServerProcess::ServerProcess(const std::string& data_directory,
                             const std::vector<std::string>& arguments)
    : http_port_(testing::FreePort()), grpc_port_(testing::FreePort()) {
  const std::string program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path().string() +
      "/stockroom-fileserver";
  std::vector<std::string> all = {program,
                                  absl::StrCat("--listen=127.0.0.1:", grpc_port_),
                                  absl::StrCat("--http.listen=127.0.0.1:", http_port_),
                                  "--data_dir=" + data_directory,
                                  "--limits.reserve_bytes=0",
                                  "--log.level=warning"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const absl::Time start = absl::Now();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  while (!Ready(http_port_)) {
    if (absl::Now() > start + absl::Seconds(60)) {
      EndUnless(absl::UnavailableError("the file server does not start; see above"));
    }
    absl::SleepFor(absl::Milliseconds(2));
  }
  start_ms_ = absl::ToDoubleMilliseconds(absl::Now() - start);
}

ServerProcess::~ServerProcess() {
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

std::string ServerProcess::grpc_target() const { return absl::StrCat("127.0.0.1:", grpc_port_); }

double ServerProcess::Megabytes(const std::string& field) const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(field + ":", 0) == 0) return std::atof(line.c_str() + field.size() + 1) / 1024;
  }
  return 0;
}

std::string DeviceOf(const std::string& path) {
  std::ifstream mounts("/proc/self/mounts");
  std::string best = "unknown";
  size_t longest = 0;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, where, type, options;
    words >> device >> where >> type >> options;
    const std::string prefix = where == "/" ? where : where + "/";
    if ((path + "/").rfind(prefix, 0) != 0 || where.size() < longest) continue;
    longest = where.size();
    best = type + " on " + device + " (" + options + ")";
  }
  return best;
}

}  // namespace stockroom::bench
