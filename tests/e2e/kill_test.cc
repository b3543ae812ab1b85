// kill -9 of each process in the middle of an upload burst: what was acknowledged is READY in the
// end, whole, and there once.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "absl/time/clock.h"
#include "services/common/base/digest.h"
#include "services/common/base/mutex.h"
#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

constexpr int kPictures = 100;
constexpr int kUploaders = 6;

struct Acknowledged {
  Mutex mu;
  CondVar more;
  std::map<std::string, std::string> id_by_digest SR_GUARDED_BY(mu);
  size_t count() {
    MutexLock lock(mu);
    return id_by_digest.size();
  }
};

// Uploads until every picture is acknowledged, trying again as an honest client would.
void UploadAll(const std::string& address, uint32_t seed, std::atomic<int>& next,
               Acknowledged& acknowledged) {
  auto client = std::make_unique<Client>(address);
  for (int i; (i = next++) < kPictures;) {
    const std::string png = MakePng(480, 360, seed + static_cast<uint32_t>(i));
    v1::UploadHeader header;
    header.set_title("burst " + std::to_string(i));
    for (;;) {
      const auto response = client->Upload(png, header, absl::Seconds(20));
      if (response.ok()) {
        MutexLock lock(acknowledged.mu);
        acknowledged.id_by_digest[Digest::Of(png).hex()] = response->image().id();
        acknowledged.more.NotifyAll();
        break;
      }
      absl::SleepFor(absl::Milliseconds(100));  // the pause between tries of a client, not a wait
    }
  }
}

void AwaitAcknowledged(Acknowledged& acknowledged, size_t count) {
  MutexLock lock(acknowledged.mu);
  while (acknowledged.id_by_digest.size() < count) {
    ASSERT_TRUE(acknowledged.more.WaitFor(acknowledged.mu, absl::Seconds(60)));
  }
}

void AwaitAllReady(Cluster& cluster, Client& client, size_t count) {
  const absl::Time end = absl::Now() + absl::Seconds(120);
  std::map<v1::State, int> states;
  while (absl::Now() < end) {
    const auto images = client.ListAll();
    states.clear();
    if (images.ok()) {
      for (const v1::Image& image : *images) ++states[image.state()];
      if (states[v1::READY] >= static_cast<int>(count)) return;
    }
    absl::SleepFor(absl::Milliseconds(100));
  }
  for (const auto& [state, n] : states) ADD_FAILURE() << v1::State_Name(state) << ": " << n;
  FAIL() << cluster.LogOf("api").substr(0, 4000);
}

class KillTest : public ::testing::TestWithParam<std::string> {};

TEST_P(KillTest, WhatWasAcknowledgedIsReadyAndThereOnce) {
  Cluster cluster({.workers = 2});
  ASSERT_TRUE(cluster.StartAll().ok());
  const auto seed = static_cast<uint32_t>(std::hash<std::string>()(GetParam()) & 0xFFFF00);
  Acknowledged acknowledged;
  std::atomic<int> next{0};
  std::vector<std::thread> uploaders;
  for (int i = 0; i < kUploaders; ++i) {
    uploaders.emplace_back(UploadAll, cluster.rpc_address(), seed, std::ref(next),
                           std::ref(acknowledged));
  }
  AwaitAcknowledged(acknowledged, kPictures / 4);
  cluster.Kill(GetParam());
  const absl::Status restarted = cluster.Start(GetParam());
  EXPECT_TRUE(restarted.ok()) << restarted;
  AwaitAcknowledged(acknowledged, kPictures / 2);
  cluster.Kill(GetParam());
  EXPECT_TRUE(cluster.Start(GetParam()).ok());
  for (std::thread& uploader : uploaders) uploader.join();
  ASSERT_EQ(acknowledged.count(), static_cast<size_t>(kPictures));

  Client client(cluster.rpc_address());
  AwaitAllReady(cluster, client, kPictures);
  const auto images = client.ListAll();
  ASSERT_TRUE(images.ok()) << images.status();
  EXPECT_EQ(images->size(), static_cast<size_t>(kPictures)) << "none twice";
  std::set<std::string> digests;
  for (const v1::Image& image : *images) {
    EXPECT_TRUE(digests.insert(image.sha256()).second) << "the same picture twice";
    EXPECT_EQ(image.state(), v1::READY) << image.failure_reason();
    EXPECT_EQ(image.renditions_size(), 3);
  }
  MutexLock lock(acknowledged.mu);
  for (const auto& [digest, id] : acknowledged.id_by_digest) {
    const CurlAnswer original = Curl(cluster.gateway() + "/i/" + id + "/original");
    EXPECT_EQ(original.status, 200) << id;
    EXPECT_EQ(Digest::Of(original.body).hex(), digest) << id;
    const CurlAnswer thumbnail = Curl(cluster.gateway() + "/i/" + id + "/thumb-150.jpg");
    EXPECT_EQ(thumbnail.status, 200) << id << thumbnail.body;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, KillTest, ::testing::Values("worker-0", "fileserver", "api"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Drain, AWorkerThatIsToldToStopLosesNoJob) {
  Cluster cluster({.workers = 2});
  ASSERT_TRUE(cluster.StartAll().ok());
  Client client(cluster.rpc_address());
  for (uint32_t i = 0; i < 30; ++i) {
    ASSERT_TRUE(client.Upload(MakePng(800, 600, 1000 + i), {}).ok());
    if (i == 15) {
      EXPECT_EQ(cluster.Stop("worker-0"), 0) << cluster.LogOf("worker-0");
    }
  }
  AwaitAllReady(cluster, client, 30);
}

TEST(Drain, EveryProcessEndsCleanlyWhenTold) {
  Cluster cluster({.workers = 1});
  ASSERT_TRUE(cluster.StartAll().ok());
  Client client(cluster.rpc_address());
  v1::UploadHeader header;
  header.set_wait(true);
  ASSERT_TRUE(client.Upload(MakePng(64, 64, 5), header).ok());
  for (const char* name : {"api", "worker-0", "fileserver"}) {
    EXPECT_EQ(cluster.Stop(name), 0) << cluster.LogOf(name);
  }
}

}  // namespace
}  // namespace stockroom::testing
