#include "tools/stockroom/progress.h"

#include <gtest/gtest.h>

#include "services/common/base/status.h"
#include "tools/stockroom/retry.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

TEST(RateMeter, IsTheRateOfTheLastSecondsNotOfTheWholeRun) {
  RateMeter meter(absl::Seconds(8));
  const absl::Time begin = absl::UnixEpoch();
  EXPECT_FALSE(meter.PerSecond());
  meter.Sample(begin, 0);
  EXPECT_FALSE(meter.PerSecond());
  for (int s = 1; s <= 100; ++s) meter.Sample(begin + absl::Seconds(s), s * 1000);
  EXPECT_NEAR(*meter.PerSecond(), 1000, 1);
  for (int s = 1; s <= 20; ++s) meter.Sample(begin + absl::Seconds(100 + s), 100'000 + s * 50);
  EXPECT_NEAR(*meter.PerSecond(), 50, 1);
}

TEST(RateMeter, NeverDividesByNothingAndNeverIsNegative) {
  RateMeter meter;
  meter.Sample(absl::UnixEpoch(), 10);
  meter.Sample(absl::UnixEpoch(), 20);
  EXPECT_FALSE(meter.PerSecond());
  meter.Sample(absl::UnixEpoch() + absl::Seconds(1), 5);  // a try was given up
  EXPECT_EQ(*meter.PerSecond(), 0);
}

ProgressLine Half() {
  ProgressLine line;
  line.counts = {.files_done = 100,
                 .bytes_done = 500'000'000,
                 .files_failed = 3,
                 .files_total = 200,
                 .bytes_total = 1'000'000'000,
                 .total_is_known = true};
  line.bytes_per_second = 10e6;
  return line;
}

TEST(Progress, TellsShareRateAndRemainingTime) {
  EXPECT_EQ(*TimeLeft(Half()), absl::Seconds(50));
  const std::string text = RenderProgress(Half(), 120, false);
  for (const char* part :
       {" 50%", "100/200 files", "500 MB of 1.0 GB", "10 MB/s", "50 s left", "3 failed", "###"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST(Progress, FitsEveryWidth) {
  for (int width = 1; width < 200; ++width) {
    for (const bool utf8 : {false, true}) {
      EXPECT_LT(Columns(RenderProgress(Half(), width, utf8)), std::max(width, 1)) << width;
    }
  }
  EXPECT_EQ(RenderProgress(Half(), 40, true), " 50%  100/200 files  3 failed");
}

TEST(Progress, PromisesNothingWhileTheTotalIsUnknown) {
  ProgressLine line = Half();
  line.counts.total_is_known = false;
  EXPECT_FALSE(TimeLeft(line));
  const std::string text = RenderProgress(line, 120, true);
  EXPECT_EQ(text.find('%'), std::string::npos);
  EXPECT_NE(text.find("100/200+ files"), std::string::npos) << text;
}

TEST(Progress, SaysHundredPercentOnlyWhenAllIsDone) {
  ProgressLine line = Half();
  line.counts.bytes_done = line.counts.bytes_total + 1;  // a file grew
  EXPECT_NE(RenderProgress(line, 120, true).find(" 99%"), std::string::npos);
  line.counts.files_done = line.counts.files_total;
  EXPECT_NE(RenderProgress(line, 120, true).find("100%"), std::string::npos);
}

TEST(Progress, EmptyFilesCountByNumber) {
  ProgressLine line;
  line.counts = {.files_done = 1, .files_total = 4, .total_is_known = true};
  EXPECT_NE(RenderProgress(line, 80, false).find(" 25%"), std::string::npos);
}

// Calls Retry with `statuses` one after another; returns the waits.
std::vector<absl::Duration> WaitsOf(std::vector<absl::Status> statuses, absl::Duration limit,
                                    absl::Status* result = nullptr) {
  std::vector<absl::Duration> waits;
  size_t at = 0;
  const absl::Status status = Retry(
      limit, [&] { return at < statuses.size() ? statuses[at++] : statuses.back(); },
      [&](absl::Duration d) {
        waits.push_back(d);
        return absl::OkStatus();
      });
  if (result != nullptr) *result = status;
  return waits;
}

TEST(Retry, WaitsAsLongAsTheServerAsks) {
  absl::Status result;
  const auto waits =
      WaitsOf({Overloaded("busy", absl::Seconds(7)), absl::OkStatus()}, absl::Minutes(1), &result);
  EXPECT_TRUE(result.ok());
  ASSERT_EQ(waits.size(), 1u);
  EXPECT_GE(waits[0], absl::Seconds(7));
}

TEST(Retry, GivesUpWhenTheTimeIsOver) {
  absl::Status result;
  const auto waits = WaitsOf({absl::UnavailableError("away")}, absl::Seconds(30), &result);
  EXPECT_TRUE(absl::IsUnavailable(result));
  absl::Duration sum;
  for (const absl::Duration wait : waits) sum += wait;
  EXPECT_LE(sum, absl::Seconds(30));
  EXPECT_TRUE(WaitsOf({Overloaded("busy", absl::Hours(1))}, absl::Minutes(1)).empty());
}

TEST(Retry, WhatWillNotPassIsNotTriedAgain) {
  EXPECT_TRUE(WaitsOf({absl::InvalidArgumentError("no")}, absl::Minutes(1)).empty());
  EXPECT_TRUE(WaitsOf({MakeStatus(absl::StatusCode::kResourceExhausted, "disk full",
                                  {.reason = "NO_SPACE"})},
                      absl::Minutes(1))
                  .empty());
}

TEST(Retry, AnInterruptionEndsTheWait) {
  Cancellation stop;
  stop.Cancel();
  EXPECT_TRUE(absl::IsCancelled(SleepUnlessStopped(absl::Hours(1), stop)));
}

}  // namespace
}  // namespace stockroom::cli
