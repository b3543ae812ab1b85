// A whole Stockroom on loopback for tests and benchmarks: real processes, free ports, a folder of
// its own.
#pragma once

#include <grpcpp/channel.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stockroom/v1/events.grpc.pb.h"
#include "stockroom/v1/images.grpc.pb.h"
#include "stockroom/v1/search.grpc.pb.h"
#include "stockroom/v1/system.grpc.pb.h"
#include "tests/support/mariadb.h"
#include "tests/support/ports.h"

namespace stockroom::testing {

// Not thread-safe. Everything is stopped and removed at the end.
class Cluster {
 public:
  struct Options {
    int workers = 2;
    // More than one only on MariaDB.
    int apis = 1;
    bool mariadb = false;
    // A MariaDB that may lose commits when it is killed: for tests of tests.
    bool lose_commits = false;
    // More flags for that server.
    std::vector<std::string> mariadb_flags;
    // More flags for every process of a kind.
    std::vector<std::string> api_flags;
    std::vector<std::string> worker_flags;
    std::vector<std::string> fileserver_flags;
    // The api's flags give the gateway TLS.
    bool gateway_tls = false;
  };
  // Folder of the binaries: build/<preset>/bin, found beside this test's own.
  explicit Cluster(Options options);
  ~Cluster();

  // "mariadb", "fileserver", "worker-0", "worker-1", …, "api", "api-1", …. Starting waits until it
  // is ready.
  absl::Status Start(const std::string& name, absl::Duration patience = absl::Seconds(30));
  absl::Status StartAll();
  // SIGKILL: nothing is drained or flushed.
  void Kill(const std::string& name);
  // SIGTERM, and waits; returns the exit code (or 128 + signal).
  int Stop(const std::string& name);
  // SIGSTOP, SIGCONT.
  void Pause(const std::string& name);
  void Resume(const std::string& name);
  bool IsRunning(const std::string& name);
  std::vector<std::string> Names() const;
  pid_t pid(const std::string& name) const;
  std::string LogOf(const std::string& name) const;

  std::string rpc_address(int api = 0) const {
    return "127.0.0.1:" + std::to_string(rpc_ports_.at(api));
  }
  // http://127.0.0.1:port
  std::string gateway(int api = 0) const {
    return std::string(options_.gateway_tls ? "https" : "http") +
           "://127.0.0.1:" + std::to_string(gateway_ports_.at(api));
  }
  int gateway_port(int api = 0) const { return gateway_ports_.at(api); }
  std::string worker_address(int worker) const { return worker_addresses_.at(worker); }
  const std::string& fileserver_address() const { return fileserver_address_; }
  // http://127.0.0.1:port of a process's health and metrics, without TLS.
  std::string http_of(const std::string& name) const {
    return "http://127.0.0.1:" + std::to_string(processes_.at(name).http_port);
  }
  int apis() const { return options_.apis; }
  // Null without Options::mariadb.
  MariaDb* mariadb() { return mariadb_.get(); }
  const std::string& directory() const { return directory_; }
  // It stays when this goes, for people to look into.
  void KeepDirectory() { keep_directory_ = true; }

 private:
  struct Process {
    pid_t pid = 0;
    std::vector<std::string> command;
    int http_port = 0;
    bool tls = false;
  };

  void AddApi(int index, const std::vector<std::string>& shared);

  const Options options_;
  std::string binaries_;
  std::string directory_;
  std::string fileserver_address_;
  std::vector<std::string> worker_addresses_;
  std::vector<int> rpc_ports_;
  std::vector<int> gateway_ports_;
  std::unique_ptr<MariaDb> mariadb_;
  std::map<std::string, Process> processes_;
  bool keep_directory_ = false;
};

// The public API over one connection.
class Client {
 public:
  explicit Client(const std::string& address);

  // `key`: idempotency key, "" for none.
  absl::StatusOr<v1::UploadImageResponse> Upload(const std::string& bytes,
                                                 const v1::UploadHeader& header,
                                                 absl::Duration timeout = absl::Seconds(60),
                                                 const std::string& key = "");
  absl::StatusOr<v1::Image> Get(const std::string& id);
  // Every page.
  absl::StatusOr<std::vector<v1::Image>> ListAll();
  absl::StatusOr<v1::SearchImagesResponse> Search(const v1::SearchImagesRequest& request);

  v1::ImageService::Stub& images() { return *images_; }
  v1::SearchService::Stub& search() { return *search_; }
  v1::EventService::Stub& events() { return *events_; }
  v1::SystemService::Stub& system() { return *system_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ImageService::Stub> images_;
  std::unique_ptr<v1::SearchService::Stub> search_;
  std::unique_ptr<v1::EventService::Stub> events_;
  std::unique_ptr<v1::SystemService::Stub> system_;
};

// Runs `curl -sS <arguments>`; arguments are given to a shell.
struct CurlAnswer {
  int exit_code = 0;
  int status = 0;  // HTTP status, 0 if there was no answer
  std::string headers;
  std::string body;

  // Value of a response header (lower-case name), "" if absent.
  std::string Header(const std::string& name) const;
};
CurlAnswer Curl(const std::string& arguments);

// A PNG of smooth colours that differs for every seed.
std::string MakePng(int width, int height, uint32_t seed);

}  // namespace stockroom::testing
