// The search index of a real api across its ends: clean, sudden, and with a damaged checkpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/cluster.h"
#include "tests/support/temp_folder.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;

constexpr int kImages = 12;

class IndexE2e : public ::testing::Test {
 protected:
  IndexE2e()
      : cluster_(
            {.workers = 1,
             .api_flags = {"--search.folder=" + folder_.path(), "--search.checkpoint_every=1s"},
             .worker_flags = {}}) {}
  void SetUp() override {
    const absl::Status started = cluster_.StartAll();
    ASSERT_TRUE(started.ok()) << started;
    Client client(cluster_.rpc_address());
    for (int i = 0; i < kImages; ++i) {
      v1::UploadHeader header;
      header.set_wait(true);
      header.add_tags("harbour");
      const auto stored = client.Upload(MakePng(90, 60, 31'000 + static_cast<uint32_t>(i)), header);
      ASSERT_TRUE(stored.ok()) << stored.status();
    }
  }

  // `stockroom admin ACTION --json`: what it printed. The exit code must be the expected one.
  json Admin(const std::string& action, int code = 0) {
    const std::string binary =
        std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().string() +
        "/bin/stockroom";
    const std::string command =
        binary + " admin " + action + " --json --address " + cluster_.rpc_address();
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string out;
    char buffer[4096];
    for (size_t n; (n = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
    EXPECT_EQ(WEXITSTATUS(::pclose(pipe)), code) << action << ": " << out;
    return out.empty() ? json() : json::parse(out);
  }
  int Found(const std::string& query) {
    v1::SearchImagesRequest request;
    request.set_q(query);
    request.set_page_size(100);
    const auto answer = Client(cluster_.rpc_address()).Search(request);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->hits_size() : -1;
  }
  size_t Said(const std::string& what) {
    const std::string log = cluster_.LogOf("api");
    size_t times = 0;
    for (size_t at = log.find(what); at != std::string::npos; at = log.find(what, at + 1)) ++times;
    return times;
  }
  void ExpectWhole() {
    EXPECT_EQ(Found("tags:harbour"), kImages);
    const json verdict = Admin("verify-index");
    EXPECT_EQ(verdict["equal"], true) << verdict;
    EXPECT_EQ(verdict["indexSum"], verdict["databaseSum"]) << verdict;
  }

  const TempFolder folder_;
  Cluster cluster_;
};

TEST_F(IndexE2e, AStoppedApiGoesOnFromItsCheckpoint) {
  ExpectWhole();
  ASSERT_EQ(cluster_.Stop("api"), 0);
  ASSERT_TRUE(cluster_.Start("api").ok());
  EXPECT_EQ(Said("search index restored"), 1u);
  ExpectWhole();
}

TEST_F(IndexE2e, AKilledApiLosesNothingOfItsIndex) {
  cluster_.Kill("api");
  ASSERT_TRUE(cluster_.Start("api").ok());
  ExpectWhole();
}

TEST_F(IndexE2e, ADamagedCheckpointIsNoticedAndTheIndexMadeAnew) {
  ASSERT_EQ(cluster_.Stop("api"), 0);
  int damaged = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
    if (!entry.is_regular_file() || !entry.path().filename().string().starts_with("columns-")) {
      continue;
    }
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(entry.file_size() / 2));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(entry.file_size() / 2));
    file.put(static_cast<char>(byte ^ 1));
    ++damaged;
  }
  ASSERT_GT(damaged, 0);
  ASSERT_TRUE(cluster_.Start("api").ok());
  EXPECT_EQ(Said("search index restored"), 0u);
  EXPECT_EQ(Said("search index loaded"), 2u);  // at the very first start, and now
  ExpectWhole();
}

TEST_F(IndexE2e, ARebuildIsNotSeenBySearches) {
  std::atomic<bool> done{false};
  int asked = 0;
  std::thread searches([&] {
    while (!done || asked == 0) {
      EXPECT_EQ(Found("tags:harbour"), kImages);
      ++asked;
    }
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Admin("rebuild-index")["images"], std::to_string(kImages));
  done = true;
  searches.join();
  ExpectWhole();
  EXPECT_EQ(Admin("index")["images"], std::to_string(kImages));
}

}  // namespace
}  // namespace stockroom::testing
