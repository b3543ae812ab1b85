// Bodies that lie in files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/http/server.h"
#include "tests/unit/http/raw_client.h"
#include "tests/unit/http/test_file.h"

namespace stockroom::http {
namespace {

using ::testing::HasSubstr;

constexpr size_t kLarge = 3'000'001;
constexpr char kGet[] = "GET /file HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr char kGetClose[] = "GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
constexpr char kHello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

class FileBodyTest : public ::testing::Test {
 protected:
  ~FileBodyTest() override {
    if (gate_) Release();
    server_.reset();
  }

  void Start(FileBody body) {
    ASSERT_TRUE(router_
                    .AddPlain("GET", "/file", {},
                              [this, body](Request&) {
                                Response response;
                                response.status = status_;
                                response.file = body;
                                return response;
                              })
                    .ok());
    ASSERT_TRUE(router_
                    .AddPlain("GET", "/hello", {},
                              [](Request&) { return Response::Text(200, "text/plain", "hello"); })
                    .ok());
    options_.listen = "127.0.0.1:0";
    options_.threads = 1;
    auto server = Server::Start(options_, std::move(router_), metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  int port() const { return server_->port(); }
  int64_t OpenConnections() { return metrics_.GetGauge("stockroom_http_connections", "").value(); }

  // The only thread for reads waits, as for a disk that does not answer.
  void BlockDisk() {
    gate_.emplace();
    std::promise<void> blocked;
    ASSERT_TRUE(disk_
                    .Submit([open = gate_->get_future().share(), &blocked] {
                      blocked.set_value();
                      open.wait();
                    })
                    .ok());
    blocked.get_future().wait();
  }
  void Release() {
    gate_->set_value();
    gate_.reset();
  }

  Metrics metrics_;
  Executor disk_{{.name = "disk", .threads = 1, .max_queued = 1}, metrics_};
  std::optional<std::promise<void>> gate_;
  ServerOptions options_;
  Router router_;
  int status_ = 200;
  std::unique_ptr<Server> server_;
};

TEST_F(FileBodyTest, IsSentWholeAgainAndAgainOnOneConnection) {
  const TestFile file(kLarge);
  Start(file.Body(disk_));
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    const RawResponse response = client.Ask(kGet);
    ASSERT_EQ(response.status, 200);
    EXPECT_EQ(response.Header("Content-Length"), absl::StrCat(kLarge));
    EXPECT_TRUE(response.body == file.bytes());
  }
  EXPECT_EQ(client.Ask(kGetClose).Header("Connection"), "close");
  EXPECT_TRUE(client.ClosedSilently());
}

TEST_F(FileBodyTest, IsThePartThatWasAskedForAndNotAByteMore) {
  const TestFile file(kLarge);
  status_ = 206;
  const std::pair<int64_t, int64_t> parts[] = {{0, 1},         {1, 1},           {4095, 2},
                                               {4096, 262144}, {262143, 262146}, {kLarge - 1, 1},
                                               {7, 0},         {100, 2'900'000}};
  for (const auto& [offset, length] : parts) {
    router_ = Router();
    Start(file.Body(disk_, offset, length));
    RawClient client(port());
    // The next answer shows that nothing came behind the part.
    client.Send(absl::StrCat(kGet, kHello));
    const RawResponse response = client.Receive();
    ASSERT_EQ(response.status, 206);
    EXPECT_TRUE(response.body ==
                file.bytes().substr(static_cast<size_t>(offset), static_cast<size_t>(length)));
    EXPECT_EQ(client.Receive().body, "hello");
    server_.reset();
  }
}

TEST_F(FileBodyTest, IsLeftOutOfAnswersToHead) {
  const TestFile file(kLarge);
  Start(file.Body(disk_));
  RawClient client(port());
  const RawResponse response =
      client.Ask("HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n", /*head_only=*/true);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("Content-Length"), absl::StrCat(kLarge));
  EXPECT_EQ(client.Ask(kHello).body, "hello");
}

TEST_F(FileBodyTest, OfPipelinedRequestsComesInTheirOrder) {
  const TestFile file(300'000);
  Start(file.Body(disk_));
  RawClient client(port());
  client.Send(absl::StrCat(kGet, kHello, kGet, kHello));
  EXPECT_TRUE(client.Receive().body == file.bytes());
  EXPECT_EQ(client.Receive().body, "hello");
  EXPECT_TRUE(client.Receive().body == file.bytes());
  EXPECT_EQ(client.Receive().body, "hello");
}

TEST_F(FileBodyTest, IsSentFromAnExecutorsReadsIfItIsNotInMemory) {
  TestFile file(kLarge);
  Start(file.Body(disk_));
  if (!file.MakeCold()) GTEST_SKIP() << "this file system has no disk";
  RawClient client(port());
  EXPECT_TRUE(client.Ask(kGet).body == file.bytes());
}

TEST_F(FileBodyTest, ThatIsNotInMemoryKeepsNobodyElseWaiting) {
  TestFile file(kLarge);
  Start(file.Body(disk_));
  if (!file.MakeCold()) GTEST_SKIP() << "this file system has no disk";
  BlockDisk();
  RawClient waiting(port());
  waiting.Send(kGet);
  const Gauge& queued = metrics_.GetGauge("stockroom_executor_queued", "", {{"executor", "disk"}});
  const absl::Time limit = absl::Now() + absl::Seconds(20);
  while (queued.value() == 0 && absl::Now() < limit) std::this_thread::yield();
  EXPECT_EQ(queued.value(), 1) << "it was read on the event loop";
  RawClient other(port());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(other.Ask(kHello).body, "hello");
  Release();
  EXPECT_TRUE(waiting.Receive().body == file.bytes());
}

TEST_F(FileBodyTest, ThatIsInMemoryNeedsNoExecutor) {
  const TestFile file(kLarge);
  Start(file.Body(disk_));
  BlockDisk();
  RawClient client(port());
  EXPECT_TRUE(client.Ask(kGet).body == file.bytes());
}

TEST_F(FileBodyTest, IsRefusedWhenTooManyWaitForTheDisk) {
  TestFile file(kLarge);
  Start(file.Body(disk_));
  if (!file.MakeCold()) GTEST_SKIP() << "this file system has no disk";
  BlockDisk();
  ASSERT_TRUE(disk_.Submit([] {}).ok());  // the queue is full now
  RawClient client(port());
  const RawResponse response = client.Ask(kGet);
  EXPECT_EQ(response.status, 429);
  EXPECT_NE(response.Header("Retry-After"), "");
  EXPECT_EQ(client.Ask(kHello).body, "hello");
}

TEST_F(FileBodyTest, ThatIsTooShortFromTheBeginningIsAnErrorOrBrokenOff) {
  TestFile file(kLarge);
  Start(file.Body(disk_));
  file.Cut(1000);
  RawClient client(port());
  // The kernel may still hold the rest of the last page, whose size is its own affair.
  EXPECT_THAT(client.Ask(kGet).status, ::testing::AnyOf(0, 500));
  RawClient other(port());
  EXPECT_EQ(other.Ask(kHello).body, "hello");
}

TEST_F(FileBodyTest, ThatIsCutWhileItIsSentBreaksTheConnectionOff) {
  TestFile file(64 << 20);
  Start(file.Body(disk_));
  RawClient client(port(), /*receive_buffer=*/4096);
  client.Send(kGet);
  ASSERT_TRUE(client.More());  // it has begun, and can not have got far
  file.Cut(32 << 20);
  std::string got;
  char piece[65536];
  ssize_t n;
  while ((n = ::recv(client.fd(), piece, sizeof piece, 0)) > 0) {
    got.append(piece, static_cast<size_t>(n));
  }
  // Not padded: nothing came that had not been in the file.
  EXPECT_LT(got.size(), size_t{33} << 20);
  while (OpenConnections() > 0) std::this_thread::yield();
}

TEST_F(FileBodyTest, IsKeptOpenWhileItIsSentAndNoLonger) {
  TestFile file(8 << 20);
  FileBody body = file.Body(disk_);
  ASSERT_TRUE(router_
                  .AddPlain("GET", "/once", {},
                            [&body](Request&) {
                              Response response;
                              response.file = std::exchange(body, {});
                              return response;
                            })
                  .ok());
  Start(FileBody());
  RawClient client(port(), /*receive_buffer=*/4096);
  client.Send("GET /once HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(client.More());
  EXPECT_EQ(file.users(), 2);
  client.Reset();
  while (file.users() > 1) std::this_thread::yield();
}

TEST_F(FileBodyTest, SlowReadersOfItAreCutOffAlthoughTheyNeverPause) {
  options_.grace = absl::Milliseconds(200);
  options_.min_bytes_per_second = 100 << 20;  // far more than it will take
  const TestFile file(32 << 20);
  Start(file.Body(disk_));
  RawClient client(port(), /*receive_buffer=*/4096);
  client.Send(kGet);
  char byte[512];
  while (::recv(client.fd(), byte, sizeof byte, 0) > 0 && OpenConnections() > 0) {
    absl::SleepFor(absl::Milliseconds(2));
  }
  while (OpenConnections() > 0) std::this_thread::yield();
}

TEST_F(FileBodyTest, ReadersOfItThatStopAreCutOff) {
  options_.write_idle_timeout = absl::Milliseconds(100);
  const TestFile file(32 << 20);
  Start(file.Body(disk_));
  RawClient client(port(), /*receive_buffer=*/4096);
  client.Send(kGet);
  ASSERT_TRUE(client.More());
  while (OpenConnections() > 0) std::this_thread::yield();
}

TEST_F(FileBodyTest, ReadersOfItThatAreSlowButSteadyGetEverything) {
  options_.grace = absl::Milliseconds(200);
  options_.write_idle_timeout = absl::Seconds(20);
  options_.min_bytes_per_second = 1;
  const TestFile file(16 << 20);
  Start(file.Body(disk_));
  RawClient client(port(), /*receive_buffer=*/16384);
  client.Send(kGet);
  absl::SleepFor(absl::Milliseconds(100));  // the server has filled what the kernels hold
  EXPECT_TRUE(client.Receive().body == file.bytes());
}

TEST_F(FileBodyTest, ReadersOfItThatVanishHarmNobody) {
  const TestFile file(16 << 20);
  Start(file.Body(disk_));
  for (int i = 0; i < 20; ++i) {
    RawClient client(port());
    client.Send(kGet);
    if (i % 2 == 0) {
      ASSERT_TRUE(client.More());
    }
    client.Reset();
  }
  RawClient client(port());
  EXPECT_EQ(client.Ask(kHello).body, "hello");
  while (OpenConnections() > 1) std::this_thread::yield();
}

TEST_F(FileBodyTest, AClientThatTakesAllAtOnceDoesNotKeepOthersWaiting) {
  const TestFile file(16 << 20);
  Start(file.Body(disk_));
  std::atomic<bool> over = false;
  std::thread greedy([&] {
    RawClient client(port());
    while (!over) {
      client.Send(kGet);
      ASSERT_EQ(client.Receive().body.size(), file.bytes().size());
    }
  });
  RawClient other(port());
  for (int i = 0; i < 50; ++i) EXPECT_EQ(other.Ask(kHello).body, "hello");
  over = true;
  greedy.join();
}

TEST_F(FileBodyTest, IsFinishedInADrain) {
  const TestFile file(8 << 20);
  Start(file.Body(disk_));
  RawClient client(port(), /*receive_buffer=*/65536);
  client.Send(kGet);
  ASSERT_TRUE(client.More());
  std::thread drain([&] { server_->Drain(absl::Seconds(60)); });
  EXPECT_TRUE(client.Receive().body == file.bytes());
  drain.join();
}

TEST_F(FileBodyTest, DoesNotHoldUpADrainBeyondItsLimit) {
  const TestFile file(64 << 20);
  Start(file.Body(disk_));
  RawClient client(port(), /*receive_buffer=*/4096);
  client.Send(kGet);
  ASSERT_TRUE(client.More());
  server_->Drain(absl::Milliseconds(50));
  EXPECT_EQ(OpenConnections(), 0);
}

TEST(FileReads, SeeWhatIsInMemoryAndWhatIsNot) {
  TestFile file(1 << 20);
  std::string bytes(300'000, '\0');
  EXPECT_TRUE(IsCached(file.descriptor(), 1, (1 << 20) - 1));
  EXPECT_EQ(ReadCached(file.descriptor(), 5, bytes.data(), bytes.size()), bytes.size());
  EXPECT_TRUE(bytes == file.bytes().substr(5, bytes.size()));
  if (!file.MakeCold()) GTEST_SKIP() << "this file system has no disk";
  EXPECT_EQ(ReadCached(file.descriptor(), 5, bytes.data(), bytes.size()), 0u);
  EXPECT_FALSE(IsCached(file.descriptor(), (1 << 20) - 1, 1));
  ASSERT_TRUE(ReadFully(file.descriptor(), 0, 1 << 20).ok());
  EXPECT_TRUE(IsCached(file.descriptor(), 0, 1 << 20));
}

// The kernel claims of such files that all of them is in memory.
TEST(FileReads, BelieveNothingAboutFilesOfOtherUsers) {
  const TestFile file(1 << 20);
  int descriptor = file.descriptor();
  if (::geteuid() == 0) {
    ASSERT_EQ(::fchown(descriptor, 12345, 12345), 0);
  } else {
    descriptor = ::open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(descriptor, 0);
  }
  ASSERT_TRUE(ReadFully(descriptor, 0, 1).ok());
  EXPECT_FALSE(IsCached(descriptor, 0, 1));
  if (descriptor != file.descriptor()) ::close(descriptor);
}

TEST_F(FileBodyTest, OfAnotherUserIsSentFromAnExecutorsReads) {
  const TestFile file(kLarge);
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  ASSERT_EQ(::fchown(file.descriptor(), 12345, 12345), 0);
  Start(file.Body(disk_));
  RawClient client(port());
  EXPECT_TRUE(client.Ask(kGet).body == file.bytes());
}

TEST(FileReads, SayWhenAFileIsTooShort) {
  TestFile file(5000);
  std::string bytes(6000, '\0');
  EXPECT_EQ(ReadCached(file.descriptor(), 0, bytes.data(), bytes.size()), 5000u);
  EXPECT_TRUE(absl::IsDataLoss(ReadFully(file.descriptor(), 0, 6000).status()));
  EXPECT_FALSE(ReadFully(-1, 0, 10).ok());
}

}  // namespace
}  // namespace stockroom::http
