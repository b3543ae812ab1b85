#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "services/imageproc/codec/vips_library.h"
#include "services/imageproc/sandbox/decoder_pool.h"
#include "tests/unit/imageproc/pictures.h"

namespace stockroom::imageproc {
namespace {

using internal::DecodeRequest;
using ::testing::HasSubstr;

#if defined(__SANITIZE_ADDRESS__)
// The sanitizer's shadow memory counts against RLIMIT_AS.
constexpr int64_t kMemoryCap = 0;
#else
constexpr int64_t kMemoryCap = int64_t{512} << 20;
#endif

// Waits for something that must come about; the test's own timeout bounds it.
void Await(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::yield();
}

// Decoders that `pid` has forked, zombies left out.
std::vector<pid_t> LivingChildren(pid_t pid) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string text;
    if (!std::getline(file, text)) continue;
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) continue;
    char state = 0;
    int parent = 0;
    if (sscanf(text.c_str() + name_end + 1, " %c %d", &state, &parent) == 2 && parent == pid &&
        state != 'Z' && text.find("(decoder-init)") == std::string::npos) {
      children.push_back(std::stoi(entry.path().filename()));
    }
  }
  return children;
}

constexpr const char* kName = "stockroom-decoder";

class DecoderPoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitVips().ok());
    picture_ = testing::Encode(testing::Gradient(200, 100), ".jpg");
    request_.set_analyse(true);
    auto& preset = *request_.add_presets();
    preset.set_preset("thumb");
    preset.set_recipe("fit=50x50/format=auto/q=80");
  }

  // One decoder at a time and one spare: the spare is who gets the next job.
  void StartPool(int64_t memory_bytes = kMemoryCap) {
    auto pool = DecoderPool::Start({.programs = {{STOCKROOM_DECODER_PATH, kName, 1}},
                                    .concurrent = 1,
                                    .memory_bytes = memory_bytes},
                                   metrics_);
    ASSERT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
  }

  // Stops the waiting decoder, so that the job it gets next hangs until somebody acts.
  pid_t FreezeSpare() {
    std::vector<pid_t> children;
    Await([&] {
      children = LivingChildren(pool_->zygote_pid());
      return children.size() == 1;
    });
    kill(children[0], SIGSTOP);
    return children[0];
  }
  void AwaitRunning() {
    Await([this] { return metrics_.GetGauge("stockroom_decoder_running", "").value() == 1; });
  }
  absl::StatusOr<DecodedImage> Decode(const CallContext& context) {
    return pool_->Decode(context, request_, {.source = picture_});
  }
  uint64_t Count(const char* metric) {
    return metrics_.GetCounter(metric, "", {{"program", kName}}).value();
  }
  void ExpectWorks() {
    const auto decoded = Decode(CallContext::WithTimeout(absl::Seconds(60)));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->image.facts().width(), 200);
    ASSERT_EQ(decoded->renditions.size(), 1U);
    EXPECT_EQ(testing::Decode(decoded->renditions[0]).width(), 50);
  }

  std::string picture_;
  DecodeRequest request_;
  Metrics metrics_;
  std::unique_ptr<DecoderPool> pool_;
};

TEST_F(DecoderPoolTest, DecodesInAProcessThatEndsAfterOneOriginal) {
  StartPool();
  for (int i = 0; i < 5; ++i) ExpectWorks();
  EXPECT_GE(Count("stockroom_decoder_started_total"), 5U);
  EXPECT_EQ(Count("stockroom_decoder_died_total"), 0U);
}

TEST_F(DecoderPoolTest, ReportsABadImageAndGoesOn) {
  StartPool();
  const CallContext context = CallContext::WithTimeout(absl::Seconds(60));
  EXPECT_TRUE(
      absl::IsInvalidArgument(pool_->Decode(context, request_, {.source = "no image"}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(pool_->Decode(context, request_, {.source = ""}).status()));
  request_.set_max_pixels(100);
  EXPECT_TRUE(absl::IsOutOfRange(Decode(context).status()));
  request_.set_max_pixels(0);
  ExpectWorks();
}

TEST_F(DecoderPoolTest, ADecoderThatIsKilledIsAnOrdinaryResult) {
  StartPool();
  const pid_t decoder = FreezeSpare();
  std::thread killer([&] {
    AwaitRunning();
    kill(decoder, SIGKILL);
  });
  const auto decoded = Decode(CallContext::WithTimeout(absl::Seconds(60)));
  killer.join();
  EXPECT_TRUE(absl::IsAborted(decoded.status())) << decoded.status();
  EXPECT_THAT(decoded.status().message(), HasSubstr("died"));
  EXPECT_EQ(Count("stockroom_decoder_died_total"), 1U);
  ExpectWorks();
}

TEST_F(DecoderPoolTest, TheDeadlineKillsTheDecoder) {
  StartPool();
  const pid_t decoder = FreezeSpare();
  const auto decoded = Decode(CallContext::WithTimeout(absl::Milliseconds(200)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(decoded.status())) << decoded.status();
  // Killed and reaped: not even a zombie is left.
  Await([decoder] { return kill(decoder, 0) != 0; });
  ExpectWorks();
}

TEST_F(DecoderPoolTest, CancellingKillsTheDecoder) {
  StartPool();
  const pid_t decoder = FreezeSpare();
  const CallContext context = CallContext::WithTimeout(absl::Seconds(60));
  std::thread canceller([&] {
    AwaitRunning();
    context.cancellation->Cancel();
  });
  const auto decoded = Decode(context);
  canceller.join();
  EXPECT_TRUE(absl::IsCancelled(decoded.status())) << decoded.status();
  Await([decoder] { return kill(decoder, 0) != 0; });
  ExpectWorks();
}

TEST_F(DecoderPoolTest, WaitingForADecoderEndsWithTheCallToo) {
  StartPool();
  FreezeSpare();
  const CallContext first = CallContext::WithTimeout(absl::Seconds(60));
  std::thread busy([&] { EXPECT_TRUE(absl::IsCancelled(Decode(first).status())); });
  AwaitRunning();
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(Decode(CallContext::WithTimeout(absl::Milliseconds(50))).status()));
  const CallContext cancelled = CallContext::WithTimeout(absl::Seconds(60));
  cancelled.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(Decode(cancelled).status()));
  first.cancellation->Cancel();
  busy.join();
  ExpectWorks();
}

TEST_F(DecoderPoolTest, RecoversFromTheLossOfTheZygote) {
  StartPool();
  const pid_t zygote = pool_->zygote_pid();
  const std::vector<pid_t> children = LivingChildren(zygote);
  kill(zygote, SIGKILL);
  // Its decoders die with it.
  for (const pid_t child : children) {
    Await([child] { return kill(child, 0) != 0; });
  }
  ExpectWorks();
  EXPECT_NE(pool_->zygote_pid(), zygote);
}

TEST_F(DecoderPoolTest, EndsWhileADecoderHangsAndLeavesNoProcessBehind) {
  StartPool();
  const pid_t decoder = FreezeSpare();
  const pid_t zygote = pool_->zygote_pid();
  absl::Status status;
  std::thread caller(
      [&] { status = Decode(CallContext::WithTimeout(absl::Seconds(60))).status(); });
  AwaitRunning();
  pool_.reset();
  caller.join();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(kill(zygote, 0), 0);
  Await([decoder] { return kill(decoder, 0) != 0; });
}

TEST_F(DecoderPoolTest, SaysWhyItCanNotStart) {
  const auto missing = DecoderPool::Start({.programs = {{"/nonexistent/decoder", "d"}}}, metrics_);
  EXPECT_TRUE(absl::IsUnavailable(missing.status())) << missing.status();
  EXPECT_THAT(missing.status().message(), HasSubstr("/nonexistent/decoder"));
  const auto wrong = DecoderPool::Start({.programs = {{"/bin/true", "d"}}}, metrics_);
  EXPECT_TRUE(absl::IsUnavailable(wrong.status())) << wrong.status();
}

TEST_F(DecoderPoolTest, AMemoryCapIsARefusalNotAnAccident) {
  if (kMemoryCap == 0) GTEST_SKIP() << "not under AddressSanitizer";
  StartPool(int64_t{320} << 20);
  // A progressive picture is held whole: 8000 x 8000 x 3 coefficients of two bytes.
  picture_ = testing::Encode(testing::Gradient(8000, 8000), ".jpg[interlace,subsample_mode=off]");
  const auto decoded = Decode(CallContext::WithTimeout(absl::Seconds(100)));
  EXPECT_TRUE(absl::IsOutOfRange(decoded.status())) << decoded.status();
  picture_ = testing::Encode(testing::Gradient(200, 100), ".jpg");
  ExpectWorks();
}

}  // namespace
}  // namespace stockroom::imageproc
