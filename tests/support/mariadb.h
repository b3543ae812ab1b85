// A MariaDB of a test's own: in a temporary folder, on a free loopback port, gone at the end.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stockroom::testing {

// Not thread-safe.
class MariaDb {
 public:
  struct Options {
    // Sync the log at each commit, as production must. Off makes tests faster where nothing is cut.
    bool durable = false;
    // A certificate for 127.0.0.1 by a new authority (ca_file()).
    bool tls = false;
    std::vector<std::string> flags;
  };
  // Installs, starts, and makes the user stockroom.
  static absl::StatusOr<std::unique_ptr<MariaDb>> Start(const Options& options);
  ~MariaDb();
  MariaDb(const MariaDb&) = delete;
  MariaDb& operator=(const MariaDb&) = delete;

  // SIGKILL: nothing is flushed.
  void Kill();
  // SIGTERM, and waits; returns the exit code.
  int Stop();
  // Waits until it answers.
  absl::Status Restart();
  // SIGSTOP, SIGCONT.
  void Pause();
  void Resume();
  bool running() const { return pid_ != 0; }

  // Runs SQL as root; what the client prints, without column names.
  absl::StatusOr<std::string> Sql(const std::string& sql);

  // Reads all rows of a query, row by row, and throws them away.
  absl::Status Dump(const std::string& query);

  int port() const { return port_; }
  std::string user() const { return "stockroom"; }
  std::string password() const { return "only-for-tests"; }
  std::string ca_file() const { return folder_ + "/ca.pem"; }
  std::string log() const;
  const std::string& folder() const { return folder_; }

 private:
  MariaDb() = default;
  absl::Status Install();
  absl::Status MakeCertificates();
  absl::Status Launch();

  Options options_;
  std::string folder_;
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace stockroom::testing
