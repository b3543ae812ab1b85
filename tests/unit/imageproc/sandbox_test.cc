#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "absl/time/clock.h"
#include "services/common/recipe/recipe.h"
#include "services/imageproc/codec/vips_library.h"
#include "services/imageproc/sandbox/decoder_pool.h"
#include "services/imageproc/sandbox/reply_check.h"
#include "services/imageproc/sandbox/wire.h"
#include "tests/unit/imageproc/pictures.h"

namespace stockroom::imageproc {
namespace {

using internal::DecodeReply;
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

// Processes whose parent is `pid`, zombies left out.
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
        state != 'Z') {
      children.push_back(std::stoi(entry.path().filename()));
    }
  }
  return children;
}

class DecoderPoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitVips().ok());
    picture_ = testing::Encode(testing::Gradient(200, 100), ".jpg");
    auto& preset = *request_.add_presets();
    preset.set_preset("thumb");
    preset.set_recipe("fit=50x50/format=auto/q=80");
  }

  // One decoder at a time and one spare: the spare is who gets the next job.
  void StartPool(int64_t memory_bytes = kMemoryCap) {
    auto pool = DecoderPool::Start({.path = STOCKROOM_DECODER_PATH,
                                    .concurrent = 1,
                                    .spares = 1,
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
    return pool_->Decode(context, request_, picture_);
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
  EXPECT_GE(metrics_.GetCounter("stockroom_decoder_started_total", "").value(), 5U);
  EXPECT_EQ(metrics_.GetCounter("stockroom_decoder_died_total", "").value(), 0U);
}

TEST_F(DecoderPoolTest, ReportsABadImageAndGoesOn) {
  StartPool();
  const CallContext context = CallContext::WithTimeout(absl::Seconds(60));
  EXPECT_TRUE(absl::IsInvalidArgument(pool_->Decode(context, request_, "no image").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(pool_->Decode(context, request_, "").status()));
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
  EXPECT_EQ(metrics_.GetCounter("stockroom_decoder_died_total", "").value(), 1U);
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
  const auto missing = DecoderPool::Start({.path = "/nonexistent/decoder"}, metrics_);
  EXPECT_TRUE(absl::IsUnavailable(missing.status())) << missing.status();
  EXPECT_THAT(missing.status().message(), HasSubstr("/nonexistent/decoder"));
  const auto wrong = DecoderPool::Start({.path = "/bin/true"}, metrics_);
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

// ---- untrusted answers ----

class ReplyCheck : public ::testing::Test {
 protected:
  ReplyCheck() {
    auto& preset = *request_.add_presets();
    preset.set_preset("thumb");
    preset.set_recipe("fit=50x50/format=auto/q=80");
    reply_.set_result(DecodeReply::OK);
    auto& facts = *reply_.mutable_image()->mutable_facts();
    facts.set_width(200);
    facts.set_height(100);
    facts.set_frames(1);
    facts.set_format("jpeg");
    facts.set_media_type("image/jpeg");
    auto& made = *reply_.mutable_image()->add_renditions();
    const Recipe recipe{.width = 50, .height = 50, .format = ImageFormat::kJpeg, .quality = 80};
    made.set_preset("thumb");
    made.set_recipe(CanonicalText(recipe));
    made.set_key(RenditionKey(recipe));
    made.set_format("jpeg");
    made.set_media_type("image/jpeg");
    made.set_width(50);
    made.set_height(25);
    made.set_size_bytes(4);
    (*reply_.mutable_image()->mutable_analysis())["facts"] = "{}";
  }
  absl::Status Check(std::string_view bytes = "abcd") const {
    return CheckReply(request_, reply_, bytes).status();
  }
  internal::RenditionMade& made() { return *reply_.mutable_image()->mutable_renditions(0); }
  internal::ProcessedImage& image() { return *reply_.mutable_image(); }

  DecodeRequest request_;
  DecodeReply reply_;
};

TEST_F(ReplyCheck, TakesAnHonestAnswer) { EXPECT_TRUE(Check().ok()) << Check(); }

TEST_F(ReplyCheck, RefusesLyingLengths) {
  EXPECT_TRUE(absl::IsAborted(Check("abc")));
  EXPECT_TRUE(absl::IsAborted(Check("abcde")));
  made().set_size_bytes(-1);
  EXPECT_TRUE(absl::IsAborted(Check()));
  made().set_size_bytes(int64_t{1} << 62);
  EXPECT_TRUE(absl::IsAborted(Check()));
}

TEST_F(ReplyCheck, RefusesARenditionThatWasNotAskedFor) {
  made().set_key(std::string(32, '0'));
  EXPECT_TRUE(absl::IsAborted(Check()));
}

TEST_F(ReplyCheck, RefusesAnotherRecipe) {
  const Recipe other{.width = 60, .height = 50, .format = ImageFormat::kJpeg, .quality = 80};
  made().set_recipe(CanonicalText(other));
  made().set_key(RenditionKey(other));
  EXPECT_TRUE(absl::IsAborted(Check()));
}

TEST_F(ReplyCheck, RefusesWrongTypesCountsAndFacts) {
  made().set_media_type("text/html");
  EXPECT_TRUE(absl::IsAborted(Check()));
  made().set_media_type("image/jpeg");
  image().mutable_facts()->set_width(0);
  EXPECT_TRUE(absl::IsAborted(Check()));
  image().mutable_facts()->set_width(200);
  image().mutable_facts()->set_format("svg");
  EXPECT_TRUE(absl::IsAborted(Check()));
  image().mutable_facts()->set_format("jpeg");
  ASSERT_TRUE(Check().ok());
  *image().add_renditions() = made();
  EXPECT_TRUE(absl::IsAborted(Check("abcdabcd")));
  image().clear_renditions();
  EXPECT_TRUE(absl::IsAborted(Check("")));
}

TEST_F(ReplyCheck, RefusesAnalysisThatIsNoSmallObject) {
  auto& analysis = *image().mutable_analysis();
  for (const std::string& text : {std::string("[]"), std::string("{"), std::string(""),
                                  "{\"a\":\"" + std::string(70'000, 'x') + "\"}"}) {
    analysis["facts"] = text;
    EXPECT_TRUE(absl::IsAborted(Check())) << text.substr(0, 10);
  }
  analysis["facts"] = "{}";
  analysis["Bad Name"] = "{}";
  EXPECT_TRUE(absl::IsAborted(Check()));
}

TEST_F(ReplyCheck, PassesOnWhatIsWrongWithTheImage) {
  DecodeReply bad;
  bad.set_result(DecodeReply::BAD_IMAGE);
  bad.set_message("broken");
  EXPECT_EQ(CheckReply(request_, bad, "").status(), absl::InvalidArgumentError("broken"));
  bad.set_result(DecodeReply::RESULT_UNSPECIFIED);
  EXPECT_TRUE(absl::IsAborted(CheckReply(request_, bad, "").status()));
}

// ---- wire ----

TEST(SealedView, RefusesMemoryThatThePeerCouldStillChange) {
  const UniqueFd open(memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(write(open.get(), "x", 1), 1);
  EXPECT_TRUE(absl::IsAborted(SealedView::Map(open.get(), 10).status()));
  fcntl(open.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  EXPECT_TRUE(absl::IsAborted(SealedView::Map(open.get(), 10).status()));
  fcntl(open.get(), F_ADD_SEALS, F_SEAL_WRITE);
  EXPECT_TRUE(SealedView::Map(open.get(), 10).ok());
  EXPECT_TRUE(absl::IsAborted(SealedView::Map(open.get(), 0).status())) << "too long";
}

TEST(Wire, CarriesMessagesLargerThanTheSocketsBuffer) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd a(ends[0]);
  const UniqueFd b(ends[1]);
  const std::string big(3 << 20, 'x');
  auto memory = MakeSealedMemory("test", "content");
  ASSERT_TRUE(memory.ok());
  std::thread sender([&] {
    EXPECT_TRUE(SendWireMessage(a.get(), big, {memory->get()}, absl::InfiniteFuture()).ok());
  });
  const auto message = ReceiveWireMessage(b.get(), absl::InfiniteFuture());
  sender.join();
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(message->bytes, big);
  ASSERT_EQ(message->fds.size(), 1U);
  EXPECT_EQ(SealedView::Map(message->fds[0].get(), 100)->bytes(), "content");
}

TEST(Wire, RefusesAnAnnouncedLengthThatIsTooLong) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd a(ends[0]);
  const UniqueFd b(ends[1]);
  ASSERT_EQ(write(a.get(), "\xff\xff\xff\xff", 4), 4);
  EXPECT_TRUE(absl::IsAborted(ReceiveWireMessage(b.get(), absl::InfiniteFuture()).status()));
}

TEST(Wire, NoticesAPeerThatIsGoneOrSlow) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  UniqueFd a(ends[0]);
  const UniqueFd b(ends[1]);
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      ReceiveWireMessage(b.get(), absl::Now() + absl::Milliseconds(10)).status()));
  ASSERT_EQ(write(a.get(), "\x05\0\0\0ab", 6), 6);
  a.Reset();
  EXPECT_TRUE(absl::IsUnavailable(ReceiveWireMessage(b.get(), absl::InfiniteFuture()).status()));
  EXPECT_TRUE(absl::IsUnavailable(SendWireMessage(b.get(), "x", {}, absl::InfiniteFuture())));
}

}  // namespace
}  // namespace stockroom::imageproc
