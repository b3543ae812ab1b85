#include "tests/support/cluster.h"

#include <fcntl.h>
#include <grpcpp/client_context.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/time/clock.h"
#include "services/common/base/status.h"
#include "services/common/rpc/channel.h"
#include "services/common/rpc/context.h"
#include "services/common/rpc/status.h"

namespace stockroom::testing {
namespace {

std::string Port(int port) { return "127.0.0.1:" + std::to_string(port); }

// A connection of its own for each client.
int NextPool() {
  static std::atomic<int> next = 1000;
  return next++;
}

}  // namespace

Cluster::Cluster(Options options) : options_(std::move(options)) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  binaries_ = (self.parent_path().parent_path() / "bin").string();
  std::string pattern = (std::filesystem::temp_directory_path() / "stockroom-XXXXXX").string();
  directory_ = ::mkdtemp(pattern.data());

  const int blob_port = FreePort();
  fileserver_address_ = Port(blob_port);
  Process fileserver{.http_port = FreePort()};
  fileserver.command = {binaries_ + "/stockroom-fileserver", "--listen=" + Port(blob_port),
                        "--http.listen=" + Port(fileserver.http_port),
                        "--data_dir=" + directory_ + "/fileserver", "--limits.reserve_bytes=0"};
  fileserver.command.insert(fileserver.command.end(), options_.fileserver_flags.begin(),
                            options_.fileserver_flags.end());
  processes_["fileserver"] = fileserver;

  std::string addresses;
  for (int i = 0; i < options_.workers; ++i) {
    const int port = FreePort();
    Process worker{.http_port = FreePort()};
    worker.command = {binaries_ + "/stockroom-imageproc", "--listen=" + Port(port),
                      "--http.listen=" + Port(worker.http_port),
                      "--fileserver.address=" + Port(blob_port)};
    worker.command.insert(worker.command.end(), options_.worker_flags.begin(),
                          options_.worker_flags.end());
    processes_["worker-" + std::to_string(i)] = worker;
    worker_addresses_.push_back(Port(port));
    addresses += (addresses.empty() ? "" : ",") + Port(port);
  }

  std::vector<std::string> shared = {"--fileserver.address=" + Port(blob_port),
                                     "--workers.addresses=" + addresses};
  if (options_.mariadb) {
    MariaDb::Options database{.durable = true};
    database.flags = options_.mariadb_flags;
    if (options_.lose_commits) database.flags.push_back("--innodb-flush-log-at-trx-commit=0");
    auto started = MariaDb::Start(database);
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.status().ToString().c_str());
      std::abort();
    }
    mariadb_ = *std::move(started);
    if (!mariadb_->Sql("CREATE DATABASE stockroom").ok()) std::abort();
    if (options_.lose_commits) shared.push_back("--database.allow_unsafe_durability=true");
    std::ofstream(directory_ + "/password") << mariadb_->password();
    shared.insert(shared.end(),
                  {"--database.driver=mysql", "--database.port=" + std::to_string(mariadb_->port()),
                   "--database.user=" + mariadb_->user(),
                   "--database.password_file=" + directory_ + "/password"});
  } else {
    shared.push_back("--database.path=" + directory_ + "/api/stockroom.db");
  }
  shared.insert(shared.end(), options_.api_flags.begin(), options_.api_flags.end());
  for (int i = 0; i < options_.apis; ++i) AddApi(i, shared);
}

void Cluster::AddApi(int index, const std::vector<std::string>& shared) {
  rpc_ports_.push_back(FreePort());
  gateway_ports_.push_back(FreePort());
  Process api{.http_port = gateway_ports_.back(), .tls = options_.gateway_tls};
  api.command = {binaries_ + "/stockroom-api", "--rpc.listen=" + Port(rpc_ports_.back()),
                 "--gateway.listen=" + Port(gateway_ports_.back())};
  api.command.insert(api.command.end(), shared.begin(), shared.end());
  processes_[index == 0 ? "api" : "api-" + std::to_string(index)] = api;
}

Cluster::~Cluster() {
  for (auto& [name, process] : processes_) Kill(name);
  if (keep_directory_) return;
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

absl::Status Cluster::Start(const std::string& name, absl::Duration patience) {
  if (name == "mariadb") return mariadb_->Restart();
  Process& process = processes_.at(name);
  const std::string log = directory_ + "/" + name + ".log";
  std::vector<char*> argv;
  for (std::string& argument : process.command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no orphans when the test itself is killed
    const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    ::dup2(fd, STDERR_FILENO);
    ::dup2(fd, STDOUT_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  process.pid = child;
  const std::string url =
      (process.tls ? "-k https://" : "http://") + Port(process.http_port) + "/readyz";
  // Each look is a process: seldom enough not to slow down what is waited for.
  absl::Duration pause = absl::Milliseconds(20);
  const absl::Time end = absl::Now() + patience;
  while (absl::Now() < end) {
    if (Curl("--max-time 2 " + url).status == 200) return absl::OkStatus();
    if (!IsRunning(name)) {
      return absl::UnavailableError(name + " ended: " + LogOf(name));
    }
    absl::SleepFor(pause);
    pause = std::min(pause * 1.1, absl::Milliseconds(400));
  }
  return absl::DeadlineExceededError(name + " is not ready: " + LogOf(name));
}

absl::Status Cluster::StartAll() {
  SR_RETURN_IF_ERROR(Start("fileserver"));
  for (int i = 0; i < options_.workers; ++i) {
    SR_RETURN_IF_ERROR(Start("worker-" + std::to_string(i)));
  }
  for (int i = 0; i < options_.apis; ++i) {
    SR_RETURN_IF_ERROR(Start(i == 0 ? "api" : "api-" + std::to_string(i)));
  }
  return absl::OkStatus();
}

std::vector<std::string> Cluster::Names() const {
  std::vector<std::string> names;
  if (mariadb_) names.push_back("mariadb");
  for (const auto& [name, process] : processes_) names.push_back(name);
  return names;
}

void Cluster::Pause(const std::string& name) {
  if (name == "mariadb") return mariadb_->Pause();
  ::kill(processes_.at(name).pid, SIGSTOP);
}

void Cluster::Resume(const std::string& name) {
  if (name == "mariadb") return mariadb_->Resume();
  ::kill(processes_.at(name).pid, SIGCONT);
}

void Cluster::Kill(const std::string& name) {
  if (name == "mariadb") return mariadb_->Kill();
  Process& process = processes_.at(name);
  if (process.pid == 0) return;
  ::kill(process.pid, SIGKILL);
  ::waitpid(process.pid, nullptr, 0);
  process.pid = 0;
}

int Cluster::Stop(const std::string& name) {
  if (name == "mariadb") return mariadb_->Stop();
  Process& process = processes_.at(name);
  if (process.pid == 0) return -1;
  ::kill(process.pid, SIGTERM);
  int status = 0;
  ::waitpid(process.pid, &status, 0);
  process.pid = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Cluster::IsRunning(const std::string& name) {
  if (name == "mariadb") return mariadb_->running();
  Process& process = processes_.at(name);
  if (process.pid == 0) return false;
  if (::waitpid(process.pid, nullptr, WNOHANG) != process.pid) return true;
  process.pid = 0;
  return false;
}

pid_t Cluster::pid(const std::string& name) const { return processes_.at(name).pid; }

std::string Cluster::LogOf(const std::string& name) const {
  std::ifstream in(directory_ + "/" + name + ".log");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Client::Client(const std::string& address)
    : channel_(rpc::MakeChannel(address, {.pool_index = NextPool()})),
      images_(v1::ImageService::NewStub(channel_)),
      search_(v1::SearchService::NewStub(channel_)),
      events_(v1::EventService::NewStub(channel_)),
      system_(v1::SystemService::NewStub(channel_)) {}

absl::StatusOr<v1::UploadImageResponse> Client::Upload(const std::string& bytes,
                                                       const v1::UploadHeader& header,
                                                       absl::Duration timeout,
                                                       const std::string& key) {
  constexpr size_t kChunk = 64 << 10;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  if (!key.empty()) context.AddMetadata(rpc::kIdempotencyKey, key);
  v1::UploadImageResponse response;
  const auto writer = images_->UploadImage(&context, &response);
  v1::UploadImageRequest request;
  *request.mutable_header() = header;
  bool open = writer->Write(request);
  for (size_t at = 0; open && at < bytes.size(); at += kChunk) {
    request.set_chunk(bytes.substr(at, kChunk));
    open = writer->Write(request);
  }
  if (open) writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return rpc::FromGrpc(status);
  return response;
}

namespace {

void SetShortDeadline(grpc::ClientContext& context) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
}

}  // namespace

absl::StatusOr<v1::Image> Client::Get(const std::string& id) {
  grpc::ClientContext context;
  SetShortDeadline(context);
  v1::GetImageRequest request;
  request.set_id(id);
  v1::Image image;
  const grpc::Status status = images_->GetImage(&context, request, &image);
  if (!status.ok()) return rpc::FromGrpc(status);
  return image;
}

absl::StatusOr<std::vector<v1::Image>> Client::ListAll() {
  std::vector<v1::Image> all;
  v1::ListImagesRequest request;
  request.set_page_size(500);
  do {
    grpc::ClientContext context;
    SetShortDeadline(context);
    v1::ListImagesResponse response;
    const grpc::Status status = images_->ListImages(&context, request, &response);
    if (!status.ok()) return rpc::FromGrpc(status);
    all.insert(all.end(), response.images().begin(), response.images().end());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::SearchImagesResponse> Client::Search(const v1::SearchImagesRequest& request) {
  grpc::ClientContext context;
  SetShortDeadline(context);
  v1::SearchImagesResponse response;
  const grpc::Status status = search_->SearchImages(&context, request, &response);
  if (!status.ok()) return rpc::FromGrpc(status);
  return response;
}

std::string CurlAnswer::Header(const std::string& name) const {
  std::istringstream lines(headers);
  std::string line;
  while (std::getline(lines, line)) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    std::string found = line.substr(0, colon);
    for (char& c : found) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (found != name) continue;
    std::string value = line.substr(colon + 2);
    if (!value.empty() && value.back() == '\r') value.pop_back();
    return value;
  }
  return "";
}

CurlAnswer Curl(const std::string& arguments) {
  std::string pattern = (std::filesystem::temp_directory_path() / "curl-XXXXXX").string();
  const int fd = ::mkstemp(pattern.data());
  ::close(fd);
  const std::string command =
      "curl -sS -D " + pattern + " -w '\\n%{http_code}' " + arguments + " 2>/dev/null";
  CurlAnswer answer;
  FILE* pipe = ::popen(command.c_str(), "r");
  char buffer[65536];
  for (size_t n; (n = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) answer.body.append(buffer, n);
  answer.exit_code = WEXITSTATUS(::pclose(pipe));
  const size_t line = answer.body.rfind('\n');
  if (line != std::string::npos) {
    answer.status = std::atoi(answer.body.c_str() + line + 1);
    answer.body.resize(line);
  }
  std::ifstream in(pattern);
  std::stringstream headers;
  headers << in.rdbuf();
  answer.headers = headers.str();
  std::filesystem::remove(pattern);
  return answer;
}

}  // namespace stockroom::testing
