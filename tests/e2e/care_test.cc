// Bits that rot on a real file server's disk, and files that are gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/await.h"
#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;

struct Ended {
  int code = -1;
  std::string out;

  std::vector<json> Lines(const std::string& type) const {
    std::vector<json> found;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) {
      json record = json::parse(line);
      if (record["type"] == type) found.push_back(std::move(record));
    }
    return found;
  }
};

class CareE2e : public ::testing::Test {
 protected:
  CareE2e() {
    const absl::Status started = cluster_.StartAll();
    EXPECT_TRUE(started.ok()) << started;
    client_ = std::make_unique<Client>(cluster_.rpc_address());
  }

  Ended Admin(const std::string& arguments) { return Admin(cluster_, arguments); }
  static Ended Admin(const Cluster& cluster, const std::string& arguments) {
    const std::string binary =
        std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().string() +
        "/bin/stockroom";
    const std::string command =
        "HOME=" + cluster.directory() +
        " XDG_CACHE_HOME= XDG_CONFIG_HOME= STOCKROOM_ADDRESS=" + cluster.rpc_address() +
        " STOCKROOM_GATEWAY=" + cluster.gateway() + " " + binary + " admin " + arguments +
        " --json 2>>" + cluster.directory() + "/cli.log";
    Ended ended;
    FILE* pipe = ::popen(command.c_str(), "r");
    char buffer[65536];
    for (size_t n; (n = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) ended.out.append(buffer, n);
    ended.code = WEXITSTATUS(::pclose(pipe));
    return ended;
  }
  // Starts a pass and waits until it is over.
  json Scrub() {
    EXPECT_EQ(Admin("scrub --now").Lines("scrub").size(), 1u);
    json scrub;
    Await("the end of the scrub", [&] {
      scrub = Admin("scrub").Lines("scrub").at(0);
      return scrub["state"] != "running";
    });
    return scrub;
  }
  v1::Image Upload(uint32_t seed) {
    v1::UploadHeader header;
    header.set_wait(true);
    const auto uploaded = client_->Upload(MakePng(900, 700, seed), header);
    EXPECT_TRUE(uploaded.ok()) << uploaded.status();
    return uploaded.ok() ? uploaded->image() : v1::Image();
  }
  std::filesystem::path PathOf(const std::string& sha256) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster_.directory())) {
      const std::string path = entry.path().string();
      if (path.ends_with("/blobs/" + sha256.substr(0, 2) + "/" + sha256)) return entry.path();
    }
    return {};
  }
  std::filesystem::path RenditionOf(const std::string& sha256) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster_.directory())) {
      if (entry.path().parent_path().filename() == sha256) return entry.path();
    }
    return {};
  }
  static void FlipABit(const std::filesystem::path& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(file) << path;
    file.seekg(100);
    const char byte = static_cast<char>(file.get() ^ 4);
    file.seekp(100);
    file.put(byte);
  }

  // Passes only when they are asked for.
  Cluster cluster_{{.workers = 1,
                    .api_flags = {},
                    .worker_flags = {},
                    .fileserver_flags = {"--scrub.period", "0s"}}};
  std::unique_ptr<Client> client_;
};

TEST_F(CareE2e, WhatRotsIsFoundAndHealed) {
  const v1::Image image = Upload(1);
  const v1::Image other = Upload(2);
  EXPECT_EQ(Admin("fsck --full").code, 0);
  json scrub = Scrub();
  ASSERT_EQ(scrub["last"]["blobs"], "2") << scrub;
  EXPECT_EQ(scrub["last"]["damagedBlobs"], "0") << scrub;

  FlipABit(PathOf(image.sha256()));
  const std::filesystem::path rendition = RenditionOf(other.sha256());
  ASSERT_FALSE(rendition.empty());
  FlipABit(rendition);
  scrub = Scrub();
  EXPECT_EQ(scrub["last"]["damagedBlobs"], "1") << scrub;
  EXPECT_EQ(scrub["last"]["damagedRenditions"], "1") << scrub;
  EXPECT_FALSE(std::filesystem::exists(rendition));

  // The original is not served any more, and fsck names the image.
  const Ended checked = Admin("fsck");
  EXPECT_EQ(checked.code, 1);
  ASSERT_EQ(checked.Lines("problem").size(), 1u) << checked.out;
  EXPECT_EQ(checked.Lines("problem")[0]["imageId"], image.id());
  EXPECT_EQ(checked.Lines("problem")[0]["kind"], "missing");
  EXPECT_EQ(checked.Lines("quarantined").size(), 1u);

  // The rendition is made anew when somebody wants it.
  const CurlAnswer picture =
      Curl("'" + cluster_.gateway() + "/i/" + other.id() + "/fit=200x0.png'");
  EXPECT_EQ(picture.status, 200) << picture.body;

  // And the next upload of the same bytes heals the original.
  EXPECT_EQ(Upload(1).id(), image.id());
  EXPECT_EQ(Admin("fsck --full").code, 0);
  EXPECT_EQ(Admin("scrub").code, 0) << "what is healed is nothing to do for anybody";
}

TEST_F(CareE2e, AnOriginalThatIsGoneIsNamed) {
  const v1::Image image = Upload(3);
  Upload(4);
  ASSERT_TRUE(std::filesystem::remove(PathOf(image.sha256())));
  const Ended checked = Admin("fsck");
  EXPECT_EQ(checked.code, 1);
  ASSERT_EQ(checked.Lines("problem").size(), 1u) << checked.out;
  EXPECT_EQ(checked.Lines("problem")[0]["imageId"], image.id());
  EXPECT_EQ(checked.Lines("problem")[0]["sha256"], image.sha256());
  const json verdict = checked.Lines("verdict").at(0);
  EXPECT_EQ(verdict["images"], 2);
  EXPECT_EQ(verdict["originals"], 1);
  EXPECT_EQ(verdict["whole"], false);
}

TEST_F(CareE2e, ABlobThatNobodyRefersToIsCountedAndNoError) {
  const v1::Image image = Upload(5);
  v1::DeleteImageRequest remove;
  remove.set_id(image.id());
  v1::DeleteImageResponse removed;
  grpc::ClientContext context;
  ASSERT_TRUE(client_->images().DeleteImage(&context, remove, &removed).ok());
  const Ended checked = Admin("fsck");
  EXPECT_EQ(checked.code, 0) << checked.out;
  EXPECT_EQ(checked.Lines("verdict").at(0)["unreferenced"], 1);
}

// Everything that clients can see of it, by id.
std::map<std::string, std::string> Seen(Cluster& cluster) {
  Client client(cluster.rpc_address());
  std::map<std::string, std::string> seen;
  const auto images = client.ListAll();
  EXPECT_TRUE(images.ok()) << images.status();
  if (!images.ok()) return seen;
  for (const v1::Image& image : *images) {
    seen[image.id()] = image.DebugString() +
                       Curl("'" + cluster.gateway() + "/i/" + image.id() + "/original'").body;
  }
  return seen;
}

TEST_F(CareE2e, ABackupComesBackInAnotherCluster) {
  for (uint32_t seed = 10; seed < 14; ++seed) Upload(seed);
  const std::string folder = cluster_.directory() + "/backups";
  ASSERT_EQ(Admin("backup " + folder).code, 0);
  const v1::Image last = Upload(14);
  const Ended second = Admin("backup " + folder + " --keep 1");
  ASSERT_EQ(second.code, 0) << second.out;
  EXPECT_EQ(second.Lines("backup").at(0)["copied"], 1);
  EXPECT_EQ(Admin("verify-backup " + folder).code, 0);
  const std::map<std::string, std::string> before = Seen(cluster_);
  ASSERT_EQ(before.size(), 5u);
  EXPECT_EQ(Admin("restore " + folder).code, 4) << "this one is not empty";

  Cluster fresh({.workers = 1, .api_flags = {}, .worker_flags = {}});
  const absl::Status started = fresh.StartAll();
  ASSERT_TRUE(started.ok()) << started;
  const Ended restored = Admin(fresh, "restore " + folder);
  ASSERT_EQ(restored.code, 0) << restored.out;
  EXPECT_EQ(restored.Lines("restored").at(0)["imported"], 5);
  const std::map<std::string, std::string> after = Seen(fresh);
  for (const auto& [id, seen] : before) {
    const auto found = after.find(id);
    ASSERT_NE(found, after.end()) << id;
    EXPECT_TRUE(found->second == seen) << seen.substr(0, 3000) << "\n---\n"
                                       << found->second.substr(0, 3000);
  }
  // The index follows.
  Client client(fresh.rpc_address());
  v1::SearchImagesRequest all;
  all.set_exact_total(true);
  Await("all five images in the index", [&] {
    const auto found = client.Search(all);
    return found.ok() && found->total() == 5;
  });
  // And renditions are made anew.
  EXPECT_EQ(Curl("'" + fresh.gateway() + "/i/" + last.id() + "/fit=200x0.png'").status, 200);
  EXPECT_EQ(Admin(fresh, "fsck --full").code, 0);
}

}  // namespace
}  // namespace stockroom::testing
