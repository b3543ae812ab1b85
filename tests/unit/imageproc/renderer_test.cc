#include "services/imageproc/core/renderer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "services/common/blobs/memory_blob_client.h"
#include "tests/support/fake_decoder.h"

namespace stockroom::imageproc {
namespace {

using internal::RenderRequest;
using testing::FakeDecoder;

constexpr char kRecipe[] = "fit=320x320/format=webp/q=80";
constexpr char kOriginal[] = "the original";

class RendererTest : public ::testing::Test {
 protected:
  using Result = absl::StatusOr<MadeRendition>;

  void SetUp() override { Start({}); }

  void Start(AdmissionOptions admission) {
    renderer_.reset();
    admission_.emplace(admission, metrics_);
    maker_.emplace(RenderLimits{.max_original_bytes = 1000, .max_rendition_bytes = 10'000}, blobs_,
                   decoder_, *admission_, metrics_);
    store_.emplace(BackgroundStore::Options{}, blobs_, metrics_);
    renderer_.emplace(Renderer::Options{.threads = 8}, *maker_, *store_, metrics_);
  }

  Digest Put(std::string_view bytes = kOriginal) {
    return WriteBlob(blobs_, Soon(), bytes)->info.sha256;
  }
  static CallContext Soon() { return CallContext::WithTimeout(absl::Seconds(30)); }
  // Of a 4000x3000 JPEG with a rung of 1440.
  static RenderRequest Ask(const Digest& original, std::string_view recipe = kRecipe) {
    RenderRequest request;
    request.set_original_sha256(std::string(original.bytes()));
    request.set_original_size(sizeof kOriginal - 1);
    request.set_recipe(std::string(recipe));
    request.set_key(RenditionKey(*ParseRecipe(recipe)));
    request.mutable_facts()->set_width(4000);
    request.mutable_facts()->set_height(3000);
    request.mutable_facts()->set_format("jpeg");
    request.mutable_facts()->set_frames(1);
    request.add_ladder(1440);
    return request;
  }
  static RenditionAddress RungOf(const Digest& original) {
    const int sides[] = {1440};
    return {original, LadderOf({.size = {4000, 3000}, .format = "jpeg"}, sides).at(0).key};
  }
  std::future<Result> Begin(const RenderRequest& request, const CallContext& context = Soon()) {
    auto promise = std::make_shared<std::promise<Result>>();
    auto future = promise->get_future();
    renderer_->Render(context, request,
                      [promise](Result result) { promise->set_value(std::move(result)); });
    return future;
  }
  Result Render(const RenderRequest& request, const CallContext& context = Soon()) {
    return Begin(request, context).get();
  }
  // Once everything is stored.
  std::string Stored(const RenditionAddress& address) {
    renderer_->Drain(absl::Seconds(30));
    store_->Drain(absl::Seconds(30));
    return ReadRendition(blobs_, Soon(), address).value_or("nothing");
  }
  int64_t Counted(const char* name, const char* label, const char* value) {
    return static_cast<int64_t>(metrics_.GetCounter(name, "", {{label, value}}).value());
  }

  Metrics metrics_;
  MemoryBlobClient blobs_;
  FakeDecoder decoder_;
  std::optional<Admission> admission_;
  std::optional<RenditionMaker> maker_;
  std::optional<BackgroundStore> store_;
  std::optional<Renderer> renderer_;
};

TEST_F(RendererTest, MakesARenditionOfTheOriginalAnswersAndStoresIt) {
  const Digest original = Put();
  RenderRequest request = Ask(original);
  request.clear_ladder();
  const Result made = Render(request);
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string expected = FakeDecoder::BytesOf(kRecipe, kOriginal);
  EXPECT_EQ(*made->bytes, expected);
  EXPECT_EQ(made->made.key(), request.key());
  EXPECT_EQ(made->made.sha256(), Digest::Of(expected).bytes());
  EXPECT_EQ(made->made.preset(), "");
  EXPECT_EQ(Stored({original, request.key()}), expected);
  ASSERT_EQ(decoder_.seen().size(), 1U);
  EXPECT_FALSE(decoder_.seen()[0].own_rung);
  EXPECT_FALSE(decoder_.seen()[0].request.allow_svg());
  EXPECT_EQ(decoder_.seen()[0].request.presets_size(), 1);
}

TEST_F(RendererTest, DecodesARungInsteadOfTheOriginalWhereItSuffices) {
  const Digest original = Put();
  ASSERT_TRUE(WriteRendition(blobs_, Soon(), RungOf(original), "the rung").ok());
  const Result made = Render(Ask(original));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*made->bytes, FakeDecoder::BytesOf(kRecipe, "the rung"));
  const auto seen = decoder_.seen().at(0);
  EXPECT_TRUE(seen.own_rung);
  EXPECT_EQ(seen.request.original_width(), 4000);
  EXPECT_EQ(seen.request.original_height(), 3000);
  // Too large for the rung.
  ASSERT_TRUE(Render(Ask(original, "fit=1200x1200/format=webp/q=80")).ok());
  EXPECT_EQ(decoder_.seen().at(1).source, kOriginal);
  EXPECT_FALSE(decoder_.seen().at(1).own_rung);
}

TEST_F(RendererTest, ALostRungIsMadeAgainInTheSameDecode) {
  const Digest original = Put();
  const Result made = Render(Ask(original));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*made->bytes, FakeDecoder::BytesOf(kRecipe, kOriginal));
  ASSERT_EQ(decoder_.seen().size(), 1U);
  EXPECT_EQ(decoder_.seen()[0].request.presets_size(), 2);
  EXPECT_FALSE(decoder_.seen()[0].own_rung);
  EXPECT_EQ(metrics_.GetCounter("stockroom_rungs_lost_total", "").value(), 1U);
  EXPECT_EQ(Stored(RungOf(original)),
            FakeDecoder::BytesOf("fit=1440x1440/format=jpeg/q=90", kOriginal));
}

TEST_F(RendererTest, ARungOfNoUseIsNotTheOriginalsFault) {
  const Digest original = Put();
  ASSERT_TRUE(WriteRendition(blobs_, Soon(), RungOf(original), "no picture").ok());
  for (const absl::Status& failure :
       {absl::InvalidArgumentError("no picture"), absl::AbortedError("it died")}) {
    decoder_.FailNext({failure});
    const Result made = Render(Ask(original));
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(*made->bytes, FakeDecoder::BytesOf(kRecipe, kOriginal));
  }
}

TEST_F(RendererTest, EqualRequestsShareOneComputation) {
  const Digest original = Put();
  decoder_.Hang(true);
  std::vector<std::future<Result>> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(Begin(Ask(original)));
  ASSERT_TRUE(decoder_.AwaitRunning(1));
  for (int i = 0; i < 5; ++i) waiting.push_back(Begin(Ask(original)));
  auto other = Begin(Ask(original, "fit=100x100/format=webp/q=80"));
  ASSERT_TRUE(decoder_.AwaitRunning(2));
  decoder_.Hang(false);
  for (auto& one : waiting) EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(other.get().ok());
  EXPECT_EQ(decoder_.seen().size(), 2U);
  EXPECT_EQ(metrics_.GetCounter("stockroom_renders_shared_total", "").value(), 9U);
}

TEST_F(RendererTest, EachWhoWaitsLeavesAtItsOwnDeadlineAndTheOthersAreServed) {
  const Digest original = Put();
  decoder_.Hang(true);
  auto hasty = Begin(Ask(original), CallContext::WithTimeout(absl::Milliseconds(20)));
  auto patient = Begin(Ask(original));
  const CallContext leaving = Soon();
  auto left = Begin(Ask(original), leaving);
  EXPECT_TRUE(absl::IsDeadlineExceeded(hasty.get().status()));
  leaving.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(left.get().status()));
  ASSERT_TRUE(decoder_.AwaitRunning(1));
  decoder_.Hang(false);
  EXPECT_TRUE(patient.get().ok());
  EXPECT_EQ(decoder_.seen().size(), 1U);
}

TEST_F(RendererTest, TheWorkStopsWhenTheLastOneHasLeft) {
  const Digest original = Put();
  decoder_.Hang(true);
  const CallContext one = Soon();
  const CallContext two = Soon();
  auto first = Begin(Ask(original), one);
  auto second = Begin(Ask(original), two);
  ASSERT_TRUE(decoder_.AwaitRunning(1));
  one.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(first.get().status()));
  two.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(second.get().status()));
  ASSERT_TRUE(decoder_.AwaitRunning(0));  // still told to hang: it was cancelled
  decoder_.Hang(false);
  EXPECT_TRUE(Render(Ask(original)).ok()) << "what comes later begins anew";
}

TEST_F(RendererTest, ABusyWorkerSaysWhenToComeBack) {
  Start({.slots = 1, .job_slots = 1, .max_renders = 1});
  const Digest original = Put();
  decoder_.Hang(true);
  auto running = Begin(Ask(original));
  ASSERT_TRUE(decoder_.AwaitRunning(1));
  auto same = Begin(Ask(original));
  const absl::Status busy = Render(Ask(original, "fit=99x99/format=webp/q=80")).status();
  EXPECT_TRUE(absl::IsResourceExhausted(busy)) << busy;
  EXPECT_EQ(DetailsOf(busy).reason, "WORKER_BUSY");
  EXPECT_TRUE(DetailsOf(busy).retry_after.has_value());
  decoder_.Hang(false);
  EXPECT_TRUE(running.get().ok());
  EXPECT_TRUE(same.get().ok()) << "who shares costs nothing and is never refused";
}

TEST_F(RendererTest, TellsWhoseFaultItIs) {
  const Digest original = Put();
  RenderRequest request = Ask(original);
  request.clear_ladder();
  const auto reason = [&](const RenderRequest& what) {
    const absl::Status status = Render(what).status();
    return std::string(absl::StatusCodeToString(status.code())) + " " + DetailsOf(status).reason;
  };
  decoder_.FailNext({absl::InvalidArgumentError("bad"), absl::OutOfRangeError("large"),
                     absl::AbortedError("died"), absl::UnavailableError("none")});
  EXPECT_EQ(reason(request), "INVALID_ARGUMENT BAD_IMAGE");
  EXPECT_EQ(reason(request), "OUT_OF_RANGE TOO_LARGE");
  EXPECT_EQ(reason(request), "ABORTED DECODER_DIED");
  EXPECT_EQ(reason(request), "UNAVAILABLE NO_DECODER");
  blobs_.FailNext(MemoryBlobClient::Call::kGetBlob, absl::UnavailableError("away"));
  EXPECT_EQ(reason(request), "UNAVAILABLE STORE_UNAVAILABLE");
  decoder_.PadTo(10'001);
  EXPECT_EQ(reason(request), "OUT_OF_RANGE TOO_LARGE");
  decoder_.PadTo(0);
  RenderRequest gone = request;
  gone.set_original_sha256(std::string(Digest::Of("gone").bytes()));
  EXPECT_EQ(reason(gone), "NOT_FOUND ORIGINAL_GONE");
  RenderRequest large = request;
  large.set_original_size(1001);
  EXPECT_EQ(reason(large), "OUT_OF_RANGE TOO_LARGE");
  // Longer than it was said to be: not more is fetched than was admitted.
  RenderRequest lying = request;
  lying.set_original_size(3);
  EXPECT_EQ(reason(lying), "OUT_OF_RANGE TOO_LARGE");
}

TEST_F(RendererTest, RefusesWhatWouldBeStoredUnderAnothersKey) {
  const Digest original = Put();
  const auto refused = [&](RenderRequest request) {
    return DetailsOf(Render(request).status()).reason;
  };
  RenderRequest request = Ask(original);
  request.set_key(Ask(original, "fit=99x99/format=webp/q=80").key());
  EXPECT_EQ(refused(request), "BAD_REQUEST");
  EXPECT_EQ(refused(Ask(original, "fit=9x9/format=auto/q=80")), "BAD_RECIPE");
  EXPECT_EQ(refused(Ask(original, "cover=9x9/gravity=smart/format=webp/q=80")), "BAD_RECIPE");
  EXPECT_EQ(refused(Ask(original, "q=80/format=webp/fit=9x9")), "BAD_RECIPE");
  EXPECT_EQ(refused(Ask(original, "fit=99x99/mark=logo/format=webp/q=80")), "BAD_REQUEST");
  request = Ask(original);
  request.set_original_sha256("short");
  EXPECT_EQ(refused(request), "BAD_REQUEST");
  EXPECT_TRUE(decoder_.seen().empty());
}

TEST_F(RendererTest, HandsOverTheWatermarkThatTheRecipeNames) {
  const Digest original = Put();
  RenderRequest request = Ask(original, "fit=99x99/mark=logo/format=webp/q=80");
  for (const char* name : {"other", "logo"}) {
    request.add_watermarks()->set_name(name);
    request.mutable_watermarks()->rbegin()->set_picture(std::string("picture of ") + name);
  }
  ASSERT_TRUE(Render(request).ok());
  const auto seen = decoder_.seen().at(0);
  EXPECT_THAT(seen.request.watermarks(), ::testing::ElementsAre("logo"));
  EXPECT_THAT(seen.watermarks, ::testing::ElementsAre("picture of logo"));
}

TEST_F(RendererTest, WhatCanNotBeStoredIsAnsweredAllTheSame) {
  const Digest original = Put();
  blobs_.FailNext(MemoryBlobClient::Call::kPutRendition, absl::UnavailableError("away"));
  RenderRequest request = Ask(original);
  request.clear_ladder();
  EXPECT_TRUE(Render(request).ok());
  EXPECT_EQ(Stored({original, request.key()}), "nothing");
  EXPECT_EQ(Counted("stockroom_rendition_stores_total", "outcome", "failed"), 1);
}

TEST_F(RendererTest, ADrainRefusesWhatIsNewAndFinishesWhatRuns) {
  const Digest original = Put();
  decoder_.Hang(true);
  auto running = Begin(Ask(original));
  ASSERT_TRUE(decoder_.AwaitRunning(1));
  std::thread drain([&] { renderer_->Drain(absl::Minutes(1)); });
  // Joining the running one is refused, too, once the drain has begun.
  absl::Status refused;
  do {
    auto joined = Begin(Ask(original), CallContext::WithTimeout(absl::Milliseconds(1)));
    refused = joined.get().status();
  } while (absl::IsDeadlineExceeded(refused));
  EXPECT_EQ(DetailsOf(refused).reason, "DRAINING");
  decoder_.Hang(false);
  EXPECT_TRUE(running.get().ok());
  drain.join();
}

TEST_F(RendererTest, CancelsWhatStillRunsAtTheEndOfTheDrain) {
  const Digest original = Put();
  decoder_.Hang(true);
  auto running = Begin(Ask(original));
  ASSERT_TRUE(decoder_.AwaitRunning(1));
  renderer_->Drain(absl::Milliseconds(5));
  EXPECT_TRUE(absl::IsCancelled(running.get().status()));
}

TEST_F(RendererTest, WhatWaitsToBeStoredIsBounded) {
  BackgroundStore small({.max_waiting_bytes = 100}, blobs_, metrics_);
  const RenditionAddress address{Put(), std::string(32, 'a')};
  small.Store(Soon(), address, std::make_shared<const std::string>(101, 'x'));
  EXPECT_EQ(Counted("stockroom_rendition_stores_total", "outcome", "dropped"), 1);
  small.Store(Soon(), address, std::make_shared<const std::string>(100, 'x'));
  small.Drain(absl::Seconds(30));
  EXPECT_EQ(Counted("stockroom_rendition_stores_total", "outcome", "stored"), 1);
  EXPECT_EQ(metrics_.GetGauge("stockroom_rendition_stores_waiting_bytes", "").value(), 0);
}

}  // namespace
}  // namespace stockroom::imageproc
