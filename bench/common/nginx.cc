#include "bench/common/nginx.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/cluster.h"

namespace stockroom::bench {
namespace {

constexpr char kProgram[] = "/usr/sbin/nginx";

std::string Configuration(const std::string& directory, int port, int workers) {
  return absl::StrCat(
      "daemon off;\nworker_processes ", workers, ";\npid ", directory, "/pid;\nerror_log ",
      directory, "/error.log;\n", ::getuid() == 0 ? "user root;\n" : "",
      "events { worker_connections 4096; }\n"
      "http {\n  access_log off;\n  sendfile on;\n  tcp_nodelay on;\n  keepalive_requests "
      "100000000;\n"
      "  open_file_cache max=10000;\n  default_type application/json;\n  client_body_temp_path ",
      directory, "/body;\n  proxy_temp_path ", directory, "/proxy;\n  fastcgi_temp_path ",
      directory, "/fastcgi;\n  uwsgi_temp_path ", directory, "/uwsgi;\n  scgi_temp_path ",
      directory, "/scgi;\n  server { listen 127.0.0.1:", port, "; root ", directory,
      "/root; }\n}\n");
}

}  // namespace

std::unique_ptr<Nginx> Nginx::Start(const std::map<std::string, std::string>& files, int workers) {
  if (::access(kProgram, X_OK) != 0) return nullptr;
  std::unique_ptr<Nginx> nginx(new Nginx);
  std::string pattern = (std::filesystem::temp_directory_path() / "nginx-XXXXXX").string();
  nginx->directory_ = ::mkdtemp(pattern.data());
  nginx->port_ = testing::FreePort();
  std::filesystem::create_directory(nginx->directory_ + "/root");
  for (const auto& [name, bytes] : files) {
    std::ofstream(nginx->directory_ + "/root/" + name, std::ios::binary) << bytes;
  }
  const std::string configuration = nginx->directory_ + "/nginx.conf";
  std::ofstream(configuration) << Configuration(nginx->directory_, nginx->port_, workers);
  nginx->pid_ = ::fork();
  if (nginx->pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::execl(kProgram, kProgram, "-p", nginx->directory_.c_str(), "-c", configuration.c_str(),
            nullptr);
    ::_exit(127);
  }
  const std::string url =
      absl::StrCat("http://127.0.0.1:", nginx->port_, "/", files.begin()->first);
  const absl::Time end = absl::Now() + absl::Seconds(10);
  while (testing::Curl("--max-time 1 " + url).status != 200) {
    if (absl::Now() > end) {
      std::fprintf(stderr, "nginx does not start; see above\n");
      std::exit(1);
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  return nginx;
}

Nginx::~Nginx() {
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

}  // namespace stockroom::bench
