// An image that kills its decoder is tried twice more and then left alone, however it kills it, and
// its record says how.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

using ::testing::HasSubstr;

class DecoderDeath : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(DecoderDeath, IsTriedTwiceMoreAndThenQuarantined) {
  const auto [deed, how] = GetParam();
  Cluster cluster(
      {.workers = 1,
       .worker_flags = {"--decoder.path=" HOSTILE_DECODER_PATH, "--limits.max_decode_time=300ms"}});
  const absl::Status started = cluster.StartAll();
  ASSERT_TRUE(started.ok()) << started;
  Client client(cluster.rpc_address());
  const auto uploaded = client.Upload(std::string("\xff\xd8\xff") + deed, {});
  ASSERT_TRUE(uploaded.ok()) << uploaded.status();
  const std::string id = uploaded->image().id();
  absl::StatusOr<v1::Image> image = client.Get(id);
  while (image.ok() && (image->state() == v1::PENDING || image->state() == v1::PROCESSING)) {
    absl::SleepFor(absl::Milliseconds(50));
    image = client.Get(id);
  }
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->state(), v1::FAILED);
  EXPECT_THAT(image->failure_reason(), HasSubstr(how));
  const std::string metrics = Curl(cluster.http_of("worker-0") + "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("stockroom_jobs_total{outcome=\"DECODER_DIED\"} 3\n"));
  EXPECT_THAT(metrics, HasSubstr("stockroom_decoder_lost_parents_total"
                                 "{program=\"stockroom-decoder\"} 0\n"));
  EXPECT_TRUE(cluster.IsRunning("worker-0"));
}

INSTANTIATE_TEST_SUITE_P(HoweverItDies, DecoderDeath,
                         ::testing::Values(std::pair("socket", "SIGSYS"),
                                           std::pair("kill-self", "SIGKILL"),
                                           std::pair("abort", "SIGABRT"),
                                           std::pair("spin", "longer than 300ms")),
                         [](const auto& tested) {
                           std::string name = tested.param.first;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace stockroom::testing
