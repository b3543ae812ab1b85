#include "services/fileserver/http/open_files.h"

#include <gtest/gtest.h>

#include <thread>

namespace stockroom::fileserver {
namespace {

class OpenFilesTest : public ::testing::Test {
 protected:
  // Counts those that are open.
  std::shared_ptr<const OpenFile> Open() {
    ++open_;
    auto file = std::make_shared<OpenFile>();
    file->source = std::shared_ptr<const void>(&open_, [this](const void*) { --open_; });
    return file;
  }
  int64_t Gauge() { return metrics_.GetGauge("stockroom_fileserver_open_files", "").value(); }

  std::atomic<int> open_ = 0;
  std::atomic<int64_t> now_s_ = 0;
  Metrics metrics_;
  OpenFiles files_{{.max_files = 3,
                    .max_age = absl::Seconds(10),
                    .steady = [this] { return absl::Seconds(now_s_.load()); }},
                   metrics_};
};

TEST_F(OpenFilesTest, AreFoundUntilTheyAreTooOldHoweverOftenTheyAreUsed) {
  files_.Keep("a", Open());
  now_s_ = 9;
  EXPECT_NE(files_.Find("a"), nullptr);
  now_s_ = 10;
  EXPECT_EQ(files_.Find("a"), nullptr);
  EXPECT_EQ(files_.Find("b"), nullptr);
}

TEST_F(OpenFilesTest, AreClosedOnceTheyAreTooOldAlthoughNobodyAsks) {
  files_.Keep("a", Open());
  now_s_ = 5;
  files_.Keep("b", Open());
  now_s_ = 10;
  files_.DropOld();
  EXPECT_EQ(open_, 1);
  EXPECT_EQ(Gauge(), 1);
  EXPECT_NE(files_.Find("b"), nullptr);
}

TEST_F(OpenFilesTest, AreNeverMoreThanAllowed) {
  for (const char* path : {"a", "b", "c", "d"}) files_.Keep(path, Open());
  EXPECT_EQ(open_, 3);
  EXPECT_EQ(Gauge(), 3);
  EXPECT_EQ(files_.Find("a"), nullptr);
  EXPECT_NE(files_.Find("d"), nullptr);
}

TEST_F(OpenFilesTest, AreKeptWithNoMoreBytesThanAllowed) {
  Metrics metrics;
  OpenFiles files({.max_files = 10, .max_bytes = 100}, metrics);
  const auto with = [](size_t bytes) {
    auto file = std::make_shared<OpenFile>();
    file->bytes = std::make_shared<const std::string>(bytes, 'x');
    return file;
  };
  const auto& held = metrics.GetGauge("stockroom_fileserver_open_file_bytes", "");
  files.Keep("a", with(60));
  files.Keep("b", with(40));
  EXPECT_EQ(held.value(), 100);
  files.Keep("c", with(1));
  EXPECT_EQ(files.Find("a"), nullptr);
  EXPECT_EQ(held.value(), 41);
  files.Keep("d", with(101));
  EXPECT_EQ(files.Find("d")->bytes, nullptr);
  EXPECT_EQ(held.value(), 41);
  files.Drop("b");
  EXPECT_EQ(held.value(), 1);
}

TEST_F(OpenFilesTest, OfOnePathReplaceOneAnother) {
  files_.Keep("a", Open());
  const auto second = Open();
  files_.Keep("a", second);
  EXPECT_EQ(open_, 1);
  EXPECT_EQ(files_.Find("a"), second);
  files_.Drop("a");
  files_.Drop("a");
  EXPECT_EQ(files_.Find("a"), nullptr);
  EXPECT_EQ(Gauge(), 0);
}

TEST_F(OpenFilesTest, StayOpenForWhoUsesThem) {
  files_.Keep("a", Open());
  auto used = files_.Find("a");
  files_.Drop("a");
  EXPECT_EQ(open_, 1);
  used.reset();
  EXPECT_EQ(open_, 0);
}

TEST_F(OpenFilesTest, AreNotKeptIfNoneMayBe) {
  Metrics metrics;
  OpenFiles none({.max_files = 0}, metrics);
  none.Keep("a", Open());
  EXPECT_EQ(none.Find("a"), nullptr);
  EXPECT_EQ(open_, 0);
}

TEST_F(OpenFilesTest, MayBeUsedByManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 2000; ++i) {
        const std::string path(1, static_cast<char>('a' + (i + t) % 5));
        if (files_.Find(path) == nullptr) files_.Keep(path, Open());
        if (i % 7 == 0) files_.Drop(path);
        if (i % 100 == 0) now_s_ += 3;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(open_, 3);
}

}  // namespace
}  // namespace stockroom::fileserver
