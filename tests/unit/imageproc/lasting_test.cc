// Processes that serve more than one rung, and never a stranger's picture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "services/imageproc/sandbox/conversation.h"

#include "tests/unit/imageproc/hostile_pool.h"

namespace stockroom::imageproc {
namespace {

using ::testing::HasSubstr;

class LastingTest : public testing::HostilePool {};

TEST_F(LastingTest, OneProcessServesManyRungs) {
  StartPool();
  for (int i = 1; i <= 20; ++i) EXPECT_EQ(DoInRung("served"), std::to_string(i));
  EXPECT_EQ(metrics_.GetGauge("stockroom_decoder_lasting", "").value(), 1);
}

TEST_F(LastingTest, AnOriginalNeverMeetsAProcessThatServedAnother) {
  StartPool();
  EXPECT_EQ(Do("served"), "1");
  EXPECT_EQ(DoInRung("served"), "1");
  EXPECT_EQ(Do("served"), "1") << "an original went to a process that served rungs";
  EXPECT_EQ(DoInRung("served"), "2") << "a rung went to a process that saw an original";
  // Also when its request looks like one about a rung: who asks decides.
  EXPECT_EQ(Send(Picture("served"), RungRequest(), /*own_rung=*/false), "1");
  EXPECT_EQ(DoInRung("served"), "3");
}

TEST_F(LastingTest, WhatIsNoRungIsRefused) {
  StartPool();
  EXPECT_THAT(Send(Picture("served"), Request(), /*own_rung=*/true), HasSubstr("INVALID_ARGUMENT"));
  internal::DecodeRequest analysis = RungRequest();
  analysis.set_analyse(true);
  EXPECT_THAT(Send(Picture("served"), analysis, /*own_rung=*/true), HasSubstr("INVALID_ARGUMENT"));
  internal::DecodeRequest ladder = RungRequest();
  ladder.add_ladder(100);
  EXPECT_THAT(Send(Picture("served"), ladder, /*own_rung=*/true), HasSubstr("INVALID_ARGUMENT"));
  for (const char* source : {"GIF89a", "II*\0....", "<svg/>", "%PDF-1.4", ""}) {
    EXPECT_THAT(Send(source, RungRequest(), /*own_rung=*/true), HasSubstr("INVALID_ARGUMENT"))
        << source;
  }
  EXPECT_EQ(Count("stockroom_decoder_died_total"), 0U);
}

// Also if the worker made a mistake: the process itself takes nothing but rungs after a rung.
TEST(LastingProcess, TakesNoOriginalAfterARung) {
  auto zygote =
      Zygote::Start(HOSTILE_DECODER_PATH, {"--memory-bytes=0"}, absl::Now() + absl::Seconds(60));
  ASSERT_TRUE(zygote.ok()) << zygote.status();
  const auto child = (*zygote)->Fork(absl::Now() + absl::Seconds(60));
  ASSERT_TRUE(child.ok()) << child.status();
  internal::DecodeRequest request;
  const auto ask = [&] {
    return HaveConversation(child->socket(), absl::Now() + absl::Seconds(60), request,
                            {.source = "\xff\xd8\xffserved"})
        .result.status();
  };
  request.set_original_width(10);
  request.set_original_height(10);
  EXPECT_TRUE(ask().ok()) << ask();
  EXPECT_TRUE(ask().ok()) << ask();
  request.clear_original_width();
  EXPECT_TRUE(absl::IsUnavailable(ask())) << ask();
  EXPECT_EQ(child->HowItEnded(), "it gave up");
}

TEST_F(LastingTest, IsReplacedAfterItsUses) {
  StartPool({.lasting_uses = 3});
  for (const char* served : {"1", "2", "3", "1", "2", "3", "1"}) {
    EXPECT_EQ(DoInRung("served"), served);
  }
}

TEST_F(LastingTest, IsReplacedWhenItHasGrown) {
  StartPool({.lasting_bytes = 1});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(DoInRung("served"), "1");
}

TEST_F(LastingTest, IsKilledAtTheDeadlineAndReplacedWhenItDies) {
  StartPool({.max_decode_time = absl::Milliseconds(300)});
  EXPECT_EQ(DoInRung("served"), "1");
  EXPECT_THAT(DoInRung("spin"), HasSubstr("DEADLINE_EXCEEDED"));
  EXPECT_EQ(DoInRung("served"), "1");
  EXPECT_THAT(DoInRung("crash"), HasSubstr("SIGSEGV"));
  EXPECT_EQ(DoInRung("served"), "1");
  EXPECT_THAT(DoInRung("socket"), HasSubstr("SIGSYS")) << "the same walls";
}

TEST_F(LastingTest, ThereAreNoMoreThanDecodeAtOneTime) {
  StartPool({.concurrent = 2});
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([this] {
      for (int k = 0; k < 10; ++k) {
        const std::string served = DoInRung("served");
        EXPECT_GE(atoi(served.c_str()), 1) << served;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_LE(metrics_.GetGauge("stockroom_decoder_lasting", "").value(), 2);
  EXPECT_LE(Count("stockroom_decoder_started_total"), 4U);
}

}  // namespace
}  // namespace stockroom::imageproc
