// Originals move between backends: real file servers, a real S3 server, the real command.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "services/common/blobs/blocking.h"
#include "services/common/blobs/remote_blob_client.h"
#include "tests/support/await.h"
#include "tests/support/ports.h"
#include "tests/support/s3rver.h"
#include "tests/support/temp_folder.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;

std::string Binaries() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().string() +
         "/bin/";
}

std::string OutputOf(const std::string& command, int& code) {
  std::string out;
  FILE* pipe = ::popen(command.c_str(), "r");
  char buffer[65536];
  for (size_t n; (n = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  code = WEXITSTATUS(::pclose(pipe));
  return out;
}

// One stockroom-fileserver; killed at the end.
class FileServer {
 public:
  explicit FileServer(std::string folder) : folder_(std::move(folder)) {}
  ~FileServer() { Kill(); }

  void Start(const std::vector<std::string>& flags) {
    std::vector<std::string> command = {Binaries() + "stockroom-fileserver",
                                        "--listen=" + target(),
                                        "--http.listen=127.0.0.1:" + std::to_string(http_port_),
                                        "--data_dir=" + folder_ + "/data",
                                        "--s3.spool_dir=" + folder_ + "/spool",
                                        "--limits.reserve_bytes=0"};
    command.insert(command.end(), flags.begin(), flags.end());
    std::vector<char*> argv;
    for (std::string& argument : command) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::filesystem::create_directories(folder_);
    const std::string log = folder_ + "/log";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
      ::dup2(fd, STDERR_FILENO);
      ::dup2(fd, STDOUT_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    Await([this] { return Http("/readyz").first == 0; });
  }
  // SIGKILL.
  void Kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }
  const std::string& folder() const { return folder_; }
  // 0 if it answered with less than 400; the body.
  std::pair<int, std::string> Http(const std::string& path) const {
    int code = 0;
    std::string body =
        OutputOf("curl -sf --max-time 5 http://127.0.0.1:" + std::to_string(http_port_) + path +
                     " 2>/dev/null",
                 code);
    return {code, std::move(body)};
  }
  bool Shows(const std::string& line) const {
    return Http("/metrics").second.find("\n" + line + "\n") != std::string::npos;
  }
  void Await(const std::function<bool()>& condition) const {
    testing::Await("the file server's work", condition);
    if (!::testing::Test::HasFatalFailure()) return;
    std::ifstream in(folder_ + "/log");
    std::stringstream log;
    log << in.rdbuf();
    ADD_FAILURE() << log.str();
  }
  RemoteBlobClient& blobs() { return blobs_; }

 private:
  const std::string folder_;
  const int port_ = FreePort();
  const int http_port_ = FreePort();
  pid_t pid_ = 0;
  Metrics metrics_;
  RemoteBlobClient blobs_{{.target = target()}, metrics_};
};

class MoveE2e : public ::testing::Test {
 protected:
  MoveE2e() {
    auto started = S3rver::Start();
    EXPECT_TRUE(started.ok()) << started.status();
    if (started.ok()) s3_ = *std::move(started);
    std::ofstream(folder_.file("credentials"))
        << "[default]\naws_access_key_id = S3RVER\naws_secret_access_key = S3RVER\n";
  }
  std::vector<std::string> OnS3(const std::string& backend) const {
    return {"--backend=" + backend, "--s3.url=" + s3_->endpoint() + "/bucket/moved",
            "--s3.credentials_file=" + folder_.file("credentials")};
  }
  static CallContext Context() { return CallContext::WithTimeout(absl::Seconds(60)); }
  static std::string Original(int number) {
    return "original " + std::to_string(number) + std::string(100'000, static_cast<char>(number));
  }
  static void Put(FileServer& server, int from, int to) {
    for (int i = from; i < to; ++i) {
      const auto put = WriteBlob(server.blobs(), Context(), Original(i));
      ASSERT_TRUE(put.ok()) << put.status();
    }
  }
  static void ExpectAll(FileServer& server, int count) {
    for (int i = 0; i < count; ++i) {
      const auto got = ReadBlob(server.blobs(), Context(), Digest::Of(Original(i)), 1 << 20);
      EXPECT_TRUE(got.ok()) << i << ": " << got.status();
      EXPECT_TRUE(got.value_or("") == Original(i)) << i;
    }
  }
  std::vector<json> CopyBlobs(const FileServer& from, const FileServer& to, int& code) {
    std::istringstream lines(OutputOf("HOME=" + folder_.path() + " " + Binaries() +
                                          "stockroom admin copy-blobs --retry-for 5s --from " +
                                          from.target() + " --to " + to.target() + " --json 2>>" +
                                          folder_.file("cli.log"),
                                      code));
    std::vector<json> records;
    for (std::string line; std::getline(lines, line);) records.push_back(json::parse(line));
    return records;
  }

  TempFolder folder_;
  std::unique_ptr<S3rver> s3_;
};

TEST_F(MoveE2e, CopiesFromADiskToS3AndGoesOnWhereItWas) {
  FileServer disk(folder_.file("disk"));
  disk.Start({});
  FileServer bucket(folder_.file("bucket"));
  bucket.Start(OnS3("s3"));
  Put(disk, 0, 20);
  int code = -1;
  std::vector<json> records = CopyBlobs(disk, bucket, code);
  ASSERT_EQ(code, 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["copied"], 20);
  ExpectAll(bucket, 20);
  Put(disk, 20, 23);
  records = CopyBlobs(disk, bucket, code);
  EXPECT_EQ(code, 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["copied"], 3);
  EXPECT_EQ(records[0]["present"], 20);
  EXPECT_EQ(records[0]["touched"], 20) << "an upload may be about to refer to them";
  ExpectAll(bucket, 23);

  // What can not be read is named, and the rest is copied.
  Put(disk, 23, 25);
  const std::string hex = Digest::Of(Original(23)).hex();
  {
    std::fstream file(disk.folder() + "/data/blobs/" + hex.substr(0, 2) + "/" + hex,
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(50'000);
    file.put('?');
  }
  records = CopyBlobs(disk, bucket, code);
  EXPECT_EQ(code, 1);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["type"], "failed");
  EXPECT_EQ(records[0]["sha256"], hex);
  EXPECT_EQ(records[1]["failed"], 1);
  EXPECT_EQ(records[1]["copied"], 1);

  // And back, to another disk; a bucket lists what is young only if it is told to.
  FileServer other(folder_.file("other"));
  other.Start({});
  EXPECT_TRUE(CopyBlobs(bucket, other, code).size() == 1 && code == 2);
  bucket.Kill();
  CopyBlobs(bucket, other, code);
  EXPECT_EQ(code, 5);
  std::vector<std::string> lists = OnS3("s3");
  lists.push_back("--collect.min_untouched=0s");
  bucket.Start(lists);
  records = CopyBlobs(bucket, other, code);
  EXPECT_EQ(code, 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["copied"], 24);
  ExpectAll(other, 23);
}

TEST_F(MoveE2e, AMirrorTakesADiskToS3AndBringsItBack) {
  FileServer server(folder_.file("server"));
  const auto alike = [&] {
    return server.Shows("stockroom_fileserver_mirror_compared 1") &&
           server.Shows("stockroom_fileserver_mirror_backlog 0");
  };
  server.Start({});
  Put(server, 0, 10);
  server.Kill();
  server.Start(OnS3("mirror"));
  Put(server, 10, 20);
  // In the middle of it.
  server.Kill();
  server.Start(OnS3("mirror"));
  server.Await(alike);
  server.Kill();
  std::vector<std::string> waits = OnS3("mirror");
  waits.push_back("--mirror.wait=true");
  server.Start(waits);
  Put(server, 20, 22);
  server.Kill();
  server.Start(OnS3("s3"));
  ExpectAll(server, 22);
  server.Kill();
  // The disk is lost.
  std::filesystem::remove_all(server.folder() + "/data");
  server.Start(OnS3("mirror"));
  ExpectAll(server, 22);
  server.Await(alike);
  server.Kill();
  server.Start({});
  ExpectAll(server, 22);
}

}  // namespace
}  // namespace stockroom::testing
