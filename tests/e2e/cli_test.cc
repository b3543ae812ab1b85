// The command line as people run it: the real program against a real cluster.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "services/common/base/digest.h"
#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

struct Ended {
  int code = -1;
  std::string out;
  std::string err;

  std::vector<json> Lines() const {
    std::vector<json> all;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) all.push_back(json::parse(line));
    return all;
  }
};

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

class CommandLineE2e : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster({.workers = 1, .api_flags = {}, .worker_flags = {}});
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  CommandLineE2e() : folder_(cluster_->directory() + "/cli") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/photos/deep");
  }

  static std::string Binary() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().string() +
           "/bin/stockroom";
  }
  // `arguments` are given to a shell, in this test's folder.
  Ended Run(const std::string& arguments) {
    const std::string err = folder_ + "/stderr";
    const std::string command =
        "cd " + folder_ + " && HOME=" + folder_ +
        " XDG_CACHE_HOME= XDG_CONFIG_HOME= " + "STOCKROOM_ADDRESS=" + cluster_->rpc_address() +
        " STOCKROOM_GATEWAY=" + cluster_->gateway() + " " + Binary() + " " + arguments + " 2>" +
        err;
    Ended ended;
    FILE* pipe = ::popen(command.c_str(), "r");
    char buffer[65536];
    for (size_t n; (n = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) ended.out.append(buffer, n);
    ended.code = WEXITSTATUS(::pclose(pipe));
    ended.err = ReadAll(err);
    return ended;
  }
  std::string Write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << bytes;
    return bytes;
  }
  // Uploads one picture and waits for it; returns its id.
  std::string UploadOne(uint32_t seed, const std::string& flags = "") {
    Write("one.png", MakePng(400, 300, seed));
    const Ended ended = Run("upload --json --wait one.png " + flags);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.Lines().at(0).at("id");
  }

  static Cluster* cluster_;
  const std::string folder_;
};
Cluster* CommandLineE2e::cluster_ = nullptr;

TEST_F(CommandLineE2e, AFolderWithGoodBadAndDuplicatePicturesGoesInOnce) {
  Write("photos/a.png", MakePng(64, 48, 1));
  Write("photos/copy.png", MakePng(64, 48, 1));
  Write("photos/deep/b.png", MakePng(64, 48, 2));
  Write("photos/text.jpg", "not a picture");
  Write("photos/cut.png", MakePng(300, 200, 3).substr(0, 2000));
  Write("photos/readme.txt", "no picture and not meant to be one");
  const Ended first = Run("upload --json --wait -j2 photos");
  EXPECT_EQ(first.code, 1) << first.err;
  std::map<std::string, int> results;
  for (const json& line : first.Lines()) {
    if (line.at("type") != "file") continue;
    ++results[line.at("result").get<std::string>()];
    if (line.at("path") == "photos/cut.png") {
      EXPECT_EQ(line.at("reason"), "BAD_IMAGE");
    }
    if (line.at("path") == "photos/text.jpg") {
      EXPECT_EQ(line.at("reason"), "NOT_AN_IMAGE");
    }
  }
  EXPECT_EQ(results, (std::map<std::string, int>{
                         {"stored", 2}, {"present", 1}, {"failed", 2}, {"not_an_image", 1}}));

  const Ended again = Run("upload --json --wait photos");
  const json summary = again.Lines().back();
  EXPECT_EQ(summary.at("stored"), 0);
  EXPECT_EQ(summary.at("present"), 3);
  EXPECT_EQ(summary.at("failed"), 2);
}

TEST_F(CommandLineE2e, AnImageIsFoundShownChangedFetchedAndRemoved) {
  const std::string id = UploadOne(11, "--title 'Harbour at dusk' --tag sea --tag boats");
  const std::string bytes = ReadAll(folder_ + "/one.png");

  const Ended found = Run("search harbour tags:sea");
  EXPECT_EQ(found.code, 0) << found.err;
  EXPECT_THAT(found.out, HasSubstr(id));
  EXPECT_THAT(Run("list").out, HasSubstr(id));
  EXPECT_THAT(Run("show " + id).out, HasSubstr("Harbour at dusk"));

  const Ended changed = Run("update --json " + id + " --title Dawn --add-tag fog --remove-tag sea");
  EXPECT_EQ(changed.code, 0) << changed.err;
  EXPECT_EQ(changed.Lines().at(0).at("title"), "Dawn");
  EXPECT_EQ(changed.Lines().at(0).at("tags"), json({"boats", "fog"}));

  EXPECT_EQ(Run("get " + id + " -o original.png").code, 0);
  EXPECT_EQ(ReadAll(folder_ + "/original.png"), bytes);
  EXPECT_EQ(Run("get " + id + " -o original.png").code, 4);
  EXPECT_EQ(Run("get " + id + " -o -").out, bytes);
  EXPECT_EQ(Run("get " + id + " --preset thumb-150 -o thumb").code, 0);
  EXPECT_EQ(Run("get " + id + " --recipe fit=40x0.png -o -").out.substr(1, 3), "PNG");
  EXPECT_EQ(Run("get " + id + " --recipe fit=nonsense.png -o -").out, "");
  EXPECT_EQ(json::parse(Run("info " + id).out).at("id"), id);
  EXPECT_GT(std::filesystem::file_size(folder_ + "/thumb"), 100u);

  EXPECT_EQ(Run("delete " + id + " </dev/null").code, 2);
  EXPECT_EQ(Run("delete --yes " + id).code, 0);
  EXPECT_EQ(Run("show " + id).code, 3);
  EXPECT_EQ(Run("delete --yes " + id).code, 3);
}

TEST_F(CommandLineE2e, ADownloadGoesOnFromWhatIsThere) {
  const std::string id = UploadOne(12);
  const std::string bytes = ReadAll(folder_ + "/one.png");
  const std::string part = "got.png." + Digest::Of(bytes).hex().substr(0, 8) + ".part";
  Write(part, bytes.substr(0, bytes.size() / 2));
  const Ended ended = Run("get --json " + id + " -o got.png");
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.Lines().at(0).at("received"), bytes.size() - bytes.size() / 2);
  EXPECT_EQ(ReadAll(folder_ + "/got.png"), bytes);
}

TEST_F(CommandLineE2e, StandardInputAndEmptyInputAreToldApart) {
  Write("in.png", MakePng(50, 40, 13));
  const Ended good = Run("upload --json - --name 'from pipe.png' < in.png");
  EXPECT_EQ(good.code, 0) << good.err;
  const std::string id = good.Lines().at(0).at("id");
  EXPECT_THAT(Run("show " + id).out, HasSubstr("from pipe.png"));
  const Ended empty = Run("upload - </dev/null");
  EXPECT_EQ(empty.code, 1);
  EXPECT_THAT(empty.err, HasSubstr("empty"));
}

TEST_F(CommandLineE2e, ATitleCanNotCommandTheTerminal) {
  const std::string id =
      UploadOne(14, "--title \"$(printf 'evil \\033[31m\\033]0;owned\\007 red')\"");
  for (const std::string& command :
       {"show " + id, std::string("list"), std::string("search evil"), "show --json " + id}) {
    const Ended ended = Run(command);
    EXPECT_THAT(ended.out, HasSubstr("evil")) << command;
    EXPECT_EQ(ended.out.find('\033'), std::string::npos) << command;
    EXPECT_EQ(ended.out.find('\007'), std::string::npos) << command;
  }
}

TEST_F(CommandLineE2e, StatusAndPingTellWhatIsThere) {
  const Ended status = Run("status --json");
  EXPECT_EQ(status.code, 0) << status.err;
  const json api = status.Lines().at(0);
  EXPECT_EQ(api.at("up"), true);
  EXPECT_EQ(api.at("info").at("workers").size(), 1u);
  EXPECT_EQ(Run("ping").code, 0);

  const Ended gone = Run("status --address 127.0.0.1:1 --timeout 5s");
  EXPECT_EQ(gone.code, 5);
  EXPECT_THAT(gone.out, HasSubstr("nothing answers at 127.0.0.1:1"));
  const Ended list = Run("list --address 127.0.0.1:1 --timeout 5s");
  EXPECT_EQ(list.code, 5);
  EXPECT_THAT(list.err, HasSubstr("nothing answers at 127.0.0.1:1"));
}

TEST_F(CommandLineE2e, MistakesHaveTheirExitCodes) {
  EXPECT_EQ(Run("show 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f").code, 3);
  EXPECT_EQ(Run("show nonsense").code, 2);
  EXPECT_EQ(Run("search date:99-99-2020").code, 2);
  EXPECT_EQ(Run("nonsense").code, 2);
  EXPECT_EQ(Run("upload missing.png").code, 3);
  Write("bad.yaml", "adress: x\n");
  EXPECT_EQ(Run("list --config bad.yaml").code, 2);
  EXPECT_EQ(Run("--version").code, 0);
}

TEST_F(CommandLineE2e, AReaderThatGoesAwayIsNoFailureAndAFullDiskIsOne) {
  UploadOne(15);
  EXPECT_EQ(Run("list --json --all >/dev/full").code, 1);
  Run("list --json --all 2>told | true");
  EXPECT_EQ(ReadAll(folder_ + "/told"), "");
}

TEST_F(CommandLineE2e, AnInterruptedUploadIsFinishedByTheNextRun) {
  constexpr int kFiles = 40;
  for (int i = 0; i < kFiles; ++i) {
    Write("photos/" + std::to_string(i) + ".png",
          MakePng(200, 150, 5000 + static_cast<uint32_t>(i)));
  }
  // Standard input never ends, so that only the interruption ends the run.
  int in[2];
  int out[2];
  ASSERT_EQ(::pipe(in), 0);
  ASSERT_EQ(::pipe(out), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::setenv("HOME", folder_.c_str(), 1);
    ::unsetenv("XDG_CACHE_HOME");
    ::unsetenv("XDG_CONFIG_HOME");
    const std::string binary = Binary();
    const std::string photos = folder_ + "/photos";
    ::execl(binary.c_str(), "stockroom", "--address", cluster_->rpc_address().c_str(), "upload",
            "-j1", photos.c_str(), "-", nullptr);
    ::_exit(127);
  }
  ::close(out[1]);
  std::string seen;
  char buffer[4096];
  while (seen.find("stored") == std::string::npos) {
    const ssize_t n = ::read(out[0], buffer, sizeof buffer);
    ASSERT_GT(n, 0) << seen;
    seen.append(buffer, static_cast<size_t>(n));
  }
  ::kill(child, SIGINT);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  for (const int fd : {in[0], in[1], out[0]}) ::close(fd);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);

  const Ended second = Run("upload --json photos");
  EXPECT_EQ(second.code, 0) << second.err;
  const json summary = second.Lines().back();
  EXPECT_GE(summary.at("present").get<int>(), 1);
  EXPECT_EQ(summary.at("stored").get<int>() + summary.at("present").get<int>(), kFiles);
}

TEST_F(CommandLineE2e, WhatWasAcknowledgedBeforeTheServerDiedIsNotSentAgain) {
  for (int i = 0; i < 5; ++i) {
    Write("photos/" + std::to_string(i) + ".png", MakePng(80, 60, 7000 + static_cast<uint32_t>(i)));
  }
  EXPECT_EQ(Run("upload photos/0.png photos/1.png").code, 0);
  EXPECT_EQ(cluster_->Stop("api"), 0);
  const Ended away = Run("upload photos --retry-for 0s");
  EXPECT_EQ(away.code, 5) << away.err;
  EXPECT_THAT(away.err, HasSubstr("gave up"));
  ASSERT_TRUE(cluster_->Start("api").ok());
  const Ended done = Run("upload --json photos");
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.Lines().back().at("stored"), 3);
  EXPECT_EQ(done.Lines().back().at("present"), 2);
}

TEST_F(CommandLineE2e, WhatWasUploadedIsSuggestedCountedAndCompared) {
  Write("a.png", MakePng(96, 64, 990031));
  Write("b.png", MakePng(96, 64, 990032));
  const Ended uploaded = Run("upload --wait --tag Quokka a.png b.png");
  ASSERT_EQ(uploaded.code, 0) << uploaded.err;
  const json suggestion = Run("suggest --json quok").Lines().at(0);
  EXPECT_EQ(suggestion["text"], "Quokka");
  EXPECT_EQ(suggestion["kind"], "TAG");
  EXPECT_EQ(suggestion["count"], "2") << uploaded.out << uploaded.err;
  const std::vector<json> found = Run("search --json tags:quokka --facets tag,year").Lines();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[2]["facets"][0]["values"][0]["value"], "Quokka");
  const Ended refused = Run("search x --facets colour");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("expected tag, format, license"));
  EXPECT_EQ(Run("search tags:quokka --ids").out,
            found[0]["id"].get<std::string>() + "\n" + found[1]["id"].get<std::string>() + "\n");
  EXPECT_EQ(found[0]["hit"]["id"], found[0]["id"]);
  const Ended similar = Run("similar --json " + found[0]["id"].get<std::string>() + " -n 1");
  ASSERT_EQ(similar.code, 0) << similar.err;
  EXPECT_TRUE(similar.Lines().at(0)["distance"].is_number());
  EXPECT_EQ(Run("similar 00000000-0000-7000-8000-000000000000").code, 3);
}

TEST_F(CommandLineE2e, AWatchShowsWhatHappenedAndReprocessMakesItHappenAgain) {
  Write("one.png", MakePng(64, 48, 4711));
  const std::string id = Run("upload --json --wait one.png").Lines().front()["id"];
  const Ended all = Run("watch --json --after 0 --image " + id + " -n 2");
  ASSERT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(all.Lines()[0]["type"], "image.created");
  EXPECT_EQ(all.Lines()[1]["type"], "image.ready");
  const std::string position = all.Lines()[1]["position"];
  const Ended queued = Run("reprocess " + id);
  EXPECT_EQ(queued.out, "1 image queued\n") << queued.err;
  const Ended again = Run("watch --json --type ready --image " + id + " -n 1 --after " + position);
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.Lines()[0]["imageId"], id);
}

}  // namespace
}  // namespace stockroom::testing
