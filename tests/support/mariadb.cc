#include "tests/support/mariadb.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/common/base/status.h"
#include "tests/support/ports.h"

namespace stockroom::testing {
namespace {

absl::StatusOr<std::string> Shell(const std::string& command) {
  FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (pipe == nullptr) return absl::InternalError("popen failed");
  std::string output;
  std::array<char, 4096> buffer;
  size_t n = 0;
  while ((n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    output.append(buffer.data(), n);
  }
  if (::pclose(pipe) != 0) return absl::InternalError(command + ": " + output);
  return output;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MariaDb>> MariaDb::Start(const Options& options) {
  auto db = std::unique_ptr<MariaDb>(new MariaDb());
  db->options_ = options;
  // Short: a socket's path has at most 107 bytes.
  std::string pattern = "/tmp/stockroom-mdb-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return absl::InternalError("mkdtemp failed");
  db->folder_ = pattern;
  db->port_ = FreePort();
  SR_RETURN_IF_ERROR(db->Install());
  if (options.tls) SR_RETURN_IF_ERROR(db->MakeCertificates());
  SR_RETURN_IF_ERROR(db->Launch());
  SR_RETURN_IF_ERROR(db->Sql("CREATE USER 'stockroom'@'127.0.0.1' IDENTIFIED BY '" +
                             db->password() + "'; GRANT ALL ON *.* TO 'stockroom'@'127.0.0.1'")
                         .status());
  return db;
}

MariaDb::~MariaDb() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

absl::Status MariaDb::Install() {
  return Shell("mariadb-install-db --no-defaults --user=$(id -un) --datadir=" + folder_ +
               "/data --auth-root-authentication-method=normal --skip-test-db")
      .status();
}

absl::Status MariaDb::MakeCertificates() {
  const std::string f = folder_ + "/";
  std::ofstream(f + "names") << "subjectAltName=IP:127.0.0.1";
  return Shell(
             "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-authority -keyout " +
             f + "ca.key -out " + f + "ca.pem && openssl req -newkey rsa:2048 -nodes -subj " +
             "/CN=127.0.0.1 -keyout " + f + "server.key -out " + f +
             "server.csr && openssl x509 -req -days 2 -in " + f + "server.csr -CA " + f +
             "ca.pem -CAkey " + f + "ca.key -CAcreateserial -extfile " + f + "names -out " + f +
             "server.pem")
      .status();
}

absl::Status MariaDb::Launch() {
  std::vector<std::string> command = {
      "/usr/sbin/mariadbd",
      "--no-defaults",
      "--datadir=" + folder_ + "/data",
      "--socket=" + folder_ + "/s",
      "--pid-file=" + folder_ + "/pid",
      "--bind-address=127.0.0.1",
      "--port=" + std::to_string(port_),
      "--skip-name-resolve",
      "--innodb-buffer-pool-size=64M",
      std::string("--innodb-flush-log-at-trx-commit=") + (options_.durable ? "1" : "2"),
  };
  if (::geteuid() == 0) command.push_back("--user=root");
  if (options_.tls) {
    command.push_back("--ssl-ca=" + folder_ + "/ca.pem");
    command.push_back("--ssl-cert=" + folder_ + "/server.pem");
    command.push_back("--ssl-key=" + folder_ + "/server.key");
  }
  command.insert(command.end(), options_.flags.begin(), options_.flags.end());
  std::vector<char*> argv;
  for (std::string& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const std::string log_file = folder_ + "/log";
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    ::dup2(fd, STDERR_FILENO);
    ::dup2(fd, STDOUT_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  const absl::Time end = absl::Now() + absl::Seconds(60);
  while (absl::Now() < end) {
    if (Sql("SELECT 1").ok()) return absl::OkStatus();
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = 0;
      return absl::UnavailableError("mariadbd ended: " + log());
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  return absl::DeadlineExceededError("mariadbd does not answer: " + log());
}

void MariaDb::Kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

int MariaDb::Stop() {
  if (pid_ == 0) return -1;
  ::kill(pid_, SIGTERM);
  int how = 0;
  ::waitpid(pid_, &how, 0);
  pid_ = 0;
  return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

absl::Status MariaDb::Restart() {
  Kill();
  return Launch();
}

void MariaDb::Pause() { ::kill(pid_, SIGSTOP); }
void MariaDb::Resume() { ::kill(pid_, SIGCONT); }

absl::StatusOr<std::string> MariaDb::Sql(const std::string& sql) {
  const std::string file = folder_ + "/statements.sql";
  std::ofstream(file) << sql << ";\n";
  return Shell("mariadb --no-defaults --batch --skip-column-names --connect-timeout=2 -uroot -S " +
               folder_ + "/s < " + file);
}

absl::Status MariaDb::Dump(const std::string& query) {
  const std::string file = folder_ + "/statements.sql";
  std::ofstream(file) << query << ";\n";
  return Shell("mariadb --no-defaults --batch --quick -uroot -S " + folder_ + "/s < " + file +
               " >/dev/null")
      .status();
}

std::string MariaDb::log() const {
  std::stringstream text;
  text << std::ifstream(folder_ + "/log").rdbuf();
  return text.str();
}

}  // namespace stockroom::testing
