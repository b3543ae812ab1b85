// tus-js-client against a real file server: behind a network that cuts connections, and while the
// server is killed again and again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "services/common/blobs/blocking.h"
#include "services/common/blobs/remote_blob_client.h"
#include "services/common/blobs/remote_incoming_client.h"
#include "tests/support/cluster.h"
#include "tests/support/ports.h"

namespace stockroom::testing {
namespace {

// More of them: STOCKROOM_TUS_UPLOADS.
int UploadCount(int usual) {
  const char* text = std::getenv("STOCKROOM_TUS_UPLOADS");
  return text != nullptr ? std::atoi(text) : usual;
}

class TusClient : public ::testing::Test {
 protected:
  TusClient()
      : proxy_port_(FreePort()),
        cluster_(
            {.workers = 1,
             .api_flags = {"--uploads.reconcile_after=500ms", "--uploads.reconcile_poll=100ms"},
             .fileserver_flags = {"--http.public_url=http://127.0.0.1:" +
                                  std::to_string(proxy_port_)}}) {
    const absl::Status started = cluster_.Start("fileserver");
    EXPECT_TRUE(started.ok()) << started;
    incoming_ = std::make_unique<RemoteIncomingClient>(
        RemoteIncomingClient::Options{.target = cluster_.fileserver_address()}, metrics_);
    blobs_ = std::make_unique<RemoteBlobClient>(
        RemoteBlobClient::Options{.target = cluster_.fileserver_address()}, metrics_);
    const std::string address = cluster_.http_of("fileserver");
    plan_ = {{"seed", seed_},
             {"proxy_port", proxy_port_},
             {"target_port", std::stoi(address.substr(address.rfind(':') + 1))},
             {"cut_after", nullptr},
             {"pace", nullptr}};
  }

  static CallContext Context() { return CallContext::WithTimeout(absl::Seconds(30)); }

  void Announce(int count, int least, int most) {
    for (int i = 0; i < count; ++i) {
      std::string bytes(std::uniform_int_distribution<size_t>(least, most)(random_), '\0');
      for (char& byte : bytes) byte = static_cast<char>(random_());
      const std::string id = "upload-" + std::to_string(i);
      const absl::StatusOr<IncomingTicket> ticket =
          CreateIncoming(*incoming_, Context(),
                         {.id = id,
                          .size = static_cast<int64_t>(bytes.size()),
                          .expires = absl::Now() + absl::Hours(1)});
      ASSERT_TRUE(ticket.ok()) << ticket.status();
      const std::string file = cluster_.directory() + "/" + id;
      std::ofstream(file, std::ios::binary) << bytes;
      plan_["uploads"].push_back(
          {{"url", ticket->tus_url}, {"endpoint", ticket->tus_endpoint}, {"file", file}});
      sent_.push_back(std::move(bytes));
    }
  }

  int RunPlan() {
    const std::string plan = cluster_.directory() + "/plan.json";
    std::ofstream(plan) << plan_.dump();
    return std::system(
        ("cd " STOCKROOM_TUS " && timeout 200 node bad_network.mjs " + plan + " " + ResultFile())
            .c_str());
  }
  std::string ResultFile() const { return cluster_.directory() + "/result.json"; }
  nlohmann::json Result() const {
    return nlohmann::json::parse(std::ifstream(ResultFile()), nullptr, false);
  }

  void ExpectAllArrived() {
    for (size_t i = 0; i < sent_.size(); ++i) {
      const std::string id = "upload-" + std::to_string(i);
      const absl::StatusOr<IncomingBlob> made = CompleteIncoming(*incoming_, Context(), id);
      ASSERT_TRUE(made.ok()) << id << ": " << made.status() << ", seed " << seed_;
      EXPECT_EQ(made->blob.info.sha256, Digest::Of(sent_[i])) << id << ", seed " << seed_;
      const absl::StatusOr<std::string> blob =
          ReadBlob(*blobs_, Context(), made->blob.info.sha256, 64 << 20);
      ASSERT_TRUE(blob.ok()) << blob.status();
      EXPECT_TRUE(*blob == sent_[i]) << id << ", seed " << seed_;
    }
  }

  // Bytes that this life of the server has taken.
  int64_t BytesTaken() {
    const std::string metrics = Curl(cluster_.http_of("fileserver") + "/metrics").body;
    const std::string name = "\nstockroom_fileserver_incoming_bytes_total ";
    const size_t at = metrics.find(name);
    return at == std::string::npos ? 0 : std::atoll(metrics.c_str() + at + name.size());
  }

  const unsigned seed_ = std::random_device()();
  std::mt19937 random_{seed_};
  const int proxy_port_;
  Cluster cluster_;
  Metrics metrics_;
  std::unique_ptr<RemoteIncomingClient> incoming_;
  std::unique_ptr<RemoteBlobClient> blobs_;
  nlohmann::json plan_;
  std::vector<std::string> sent_;
};

TEST_F(TusClient, BringsEveryByteThroughANetworkThatCutsConnections) {
  Announce(UploadCount(24), 1, 3'000'000);
  plan_["cut_after"] = {1'000, 900'000};
  ASSERT_EQ(RunPlan(), 0) << "seed " << seed_ << "\n" << cluster_.LogOf("fileserver");
  EXPECT_GT(Result()["cuts"], 10) << Result();
  EXPECT_GT(Result()["resumed"], 10) << Result();
  std::printf("%s\n", Result().dump().c_str());
  ExpectAllArrived();
}

TEST_F(TusClient, FindsWhatWasAcknowledgedAfterTheServerWasKilled) {
  Announce(8, 2'000'000, 4'000'000);
  plan_["pace"] = 1'000'000;
  std::future<int> ended = std::async(std::launch::async, [this] { return RunPlan(); });
  int kills = 0;
  while (ended.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
    if (kills == 6 || BytesTaken() < 1'500'000) continue;
    cluster_.Kill("fileserver");
    ++kills;
    const absl::Status started = cluster_.Start("fileserver");
    EXPECT_TRUE(started.ok()) << started;
  }
  EXPECT_EQ(ended.get(), 0) << "seed " << seed_ << "\n" << cluster_.LogOf("fileserver");
  EXPECT_EQ(kills, 6);
  ExpectAllArrived();
}

// Nothing but an endpoint, and nobody who completes: what standard clients do.
TEST_F(TusClient, CreatesAtTheGatewayAndTheImagesAreMadeByThemselves) {
  const absl::Status started = cluster_.Start("api");
  ASSERT_TRUE(started.ok()) << started;
  for (int i = 0; i < UploadCount(8); ++i) {
    // What follows the end of a PNG is nobody's business, and makes it long.
    std::string bytes = MakePng(64, 48, static_cast<uint32_t>(i));
    const size_t more = std::uniform_int_distribution<size_t>(0, 3'000'000)(random_);
    for (size_t k = 0; k < more; ++k) bytes += static_cast<char>(random_());
    const std::string file = cluster_.directory() + "/picture-" + std::to_string(i);
    std::ofstream(file, std::ios::binary) << bytes;
    plan_["uploads"].push_back({{"endpoint", cluster_.gateway() + "/v1/uploads/tus"},
                                {"file", file},
                                {"metadata",
                                 {{"name", "picture-" + std::to_string(i) + ".png"},
                                  {"filetype", "image/png"},
                                  {"relativePath", "null"},
                                  {"tags", "tus, cut"},
                                  {"sha256", Digest::Of(bytes).hex()}}}});
    sent_.push_back(std::move(bytes));
  }
  plan_["cut_after"] = {1'000, 900'000};
  ASSERT_EQ(RunPlan(), 0) << "seed " << seed_ << "\n" << cluster_.LogOf("api");
  EXPECT_GT(Result()["cuts"], 4) << Result();
  std::map<std::string, v1::Image> images;
  const absl::Time end = absl::Now() + absl::Seconds(60);
  while (images.size() < sent_.size() && absl::Now() < end) {
    const absl::StatusOr<std::vector<v1::Image>> all = Client(cluster_.rpc_address()).ListAll();
    ASSERT_TRUE(all.ok()) << all.status();
    for (const v1::Image& image : *all) images[image.filename()] = image;
    absl::SleepFor(absl::Milliseconds(50));
  }
  ASSERT_EQ(images.size(), sent_.size()) << cluster_.LogOf("api");
  for (size_t i = 0; i < sent_.size(); ++i) {
    const v1::Image& image = images["picture-" + std::to_string(i) + ".png"];
    EXPECT_EQ(image.sha256(), Digest::Of(sent_[i]).hex()) << "seed " << seed_;
    EXPECT_EQ(image.tags_size(), 2);
  }
}

}  // namespace
}  // namespace stockroom::testing
