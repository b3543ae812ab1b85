#include "tools/stockroom/text.h"

#include <gtest/gtest.h>

#include "tools/stockroom/output.h"
#include "tools/stockroom/records.h"

namespace stockroom::cli {
namespace {

TEST(Text, WhatATerminalWouldObeyBecomesHarmless) {
  EXPECT_EQ(OneLine("red \033[31mtitle\007\n"), "red  [31mtitle  ");
  EXPECT_EQ(OneLine("csi \xC2\x9B"
                    "31m"),
            "csi  31m");  // C1 in UTF-8
  EXPECT_EQ(OneLine("del\x7F"), "del ");
  EXPECT_EQ(OneLine("gpj.\xE2\x80\xAE"
                    "exe"),
            "gpj.\xEF\xBF\xBD"
            "exe");
  EXPECT_EQ(OneLine("two\xE2\x80\xA8lines"), "two lines");
}

TEST(Text, BytesThatAreNotUtf8AreReplacedOneByOne) {
  EXPECT_EQ(OneLine("\xFFok\xC3"), "\xEF\xBF\xBDok\xEF\xBF\xBD");
  EXPECT_EQ(OneLine("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
  EXPECT_EQ(OneLine("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
  EXPECT_EQ(ToUtf8("\xFF\n"), "\xEF\xBF\xBD\n");
  EXPECT_EQ(OneLine("déjà 日本 🌊"), "déjà 日本 🌊");
}

TEST(Text, WideCharactersTakeTwoColumnsAndCombiningOnesNone) {
  EXPECT_EQ(Columns("abc"), 3);
  EXPECT_EQ(Columns("日本"), 4);
  EXPECT_EQ(Columns("한글"), 4);
  EXPECT_EQ(Columns("e\xCC\x81"), 1);
  EXPECT_EQ(Columns("🌊"), 2);
}

TEST(Text, CutsAtColumnsAndNeverInsideACharacter) {
  EXPECT_EQ(Cut("harbour", 7), "harbour");
  EXPECT_EQ(Cut("harbour", 5), "harb…");
  EXPECT_EQ(Cut("日本語", 5), "日本…");
  EXPECT_EQ(Cut("日本語", 4), "日…");
  EXPECT_EQ(Cut("x", 0), "");
  EXPECT_EQ(Fit("日本語", 4), "日… ");
  EXPECT_EQ(PadLeft("7", 3), "  7");
}

TEST(Text, NumbersAreReadAtAGlance) {
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1000), "1.0 kB");
  EXPECT_EQ(HumanBytes(38'400'000), "38 MB");
  EXPECT_EQ(HumanBytes(999'600), "1.0 MB");
  EXPECT_EQ(HumanBytes(INT64_MAX), "9.2 EB");
  EXPECT_EQ(HumanCount(1234567), "1,234,567");
  EXPECT_EQ(HumanCount(-1234), "-1,234");
  EXPECT_EQ(HumanCount(123), "123");
  EXPECT_EQ(HumanDuration(absl::Milliseconds(420)), "0.4 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(187)), "3:07");
  EXPECT_EQ(HumanDuration(absl::Seconds(7391)), "2:03:11");
  EXPECT_EQ(HumanDuration(absl::InfiniteDuration()), "more than 99 days");
  EXPECT_EQ(Plural(1, "file"), "1 file");
  EXPECT_EQ(Plural(0, "file"), "0 files");
}

TEST(Output, JsonHoldsNothingThatATerminalObeys) {
  const std::string text = JsonText({{"title", "\033[2J\x7F\xC2\x9B\xE2\x80\xAE é"}});
  EXPECT_EQ(text, R"({"title":"\u001b[2J\u007f\u009b\u202e é"})");
  EXPECT_EQ(nlohmann::json::parse(text)["title"], "\033[2J\x7F\xC2\x9B\xE2\x80\xAE é");
  EXPECT_EQ(JsonText({{"path", "\xFF"}}), "{\"path\":\"\xEF\xBF\xBD\"}");
}

struct Captured {
  explicit Captured(OutputOptions options, absl::Status answer = absl::OkStatus())
      : output(
            options,
            [this, answer](std::string_view b) {
              out += b;
              ++writes;
              return answer;
            },
            [this](std::string_view b) {
              err += b;
              return absl::OkStatus();
            }) {}
  std::string out, err;
  int writes = 0;
  Output output;
};

TEST(Output, ATableFitsTheTerminalAndCutsOnlyWhatMayBeCut) {
  Captured c({.out_is_terminal = true, .width = 24});
  Table table(c.output, {{.title = "ID"}, {.title = "TITLE", .min_width = 5, .flexible = true}});
  table.Add({"0123456789", "a title that is far too long"});
  table.Add({"1", "日本語日本語日本語"});
  table.Flush();
  EXPECT_EQ(c.out,
            "ID          TITLE\n"
            "0123456789  a title tha…\n"
            "1           日本語日本…\n");
}

TEST(Output, ElsewhereATableIsTabsWithoutHeading) {
  Captured c({.width = 10});
  Table table(c.output, {{.title = "ID"}, {.title = "TITLE", .flexible = true}});
  table.Add({"1", "long\ttitle\nwith breaks"});
  table.Flush();
  EXPECT_EQ(c.out, "1\tlong title with breaks\n");
}

TEST(Output, AReaderThatWentAwayIsNotedAndNotWrittenToAgain) {
  Captured c({}, absl::CancelledError(""));
  c.output.Line("one");
  c.output.Line("two");
  EXPECT_TRUE(c.output.closed());
  EXPECT_TRUE(c.output.error().ok());
  EXPECT_EQ(c.writes, 1);
}

TEST(Output, AFullDiskIsAnError) {
  Captured c({}, absl::ResourceExhaustedError("no space left"));
  c.output.Line("one");
  EXPECT_FALSE(c.output.closed());
  EXPECT_TRUE(absl::IsResourceExhausted(c.output.error()));
}

TEST(Output, ColoursOnlyWhereAllowed) {
  EXPECT_EQ(Captured({.colour = false}).output.Paint(Style::kBad, "x"), "x");
  EXPECT_EQ(Captured({.colour = true}).output.Paint(Style::kBad, "x"), "\033[31mx\033[0m");
}

TEST(Output, LinesStandAboveTheBar) {
  Captured c({.err_is_terminal = true});
  c.output.SetBar("50%");
  c.output.Note("hello");
  EXPECT_EQ(c.err, "50%\r\033[Khello\n50%");
  c.output.SetBar("");
  EXPECT_TRUE(c.err.ends_with("\r\033[K"));
}

TEST(Output, ErrorsOfStrangersAreSanitised) {
  Captured c({});
  c.output.Error("bad \033]0;title\007");
  EXPECT_EQ(c.err, "stockroom: bad  ]0;title \n");
}

TEST(Records, AnImageIsShownWithoutItsTitlesTricks) {
  v1::Image image;
  image.set_id("i");
  image.set_title("\033[31mred");
  image.set_width(4000);
  image.set_height(3000);
  image.set_format("jpeg");
  Captured c({});
  PrintImage(c.output, image, "http://g");
  EXPECT_EQ(c.out.find('\033'), std::string::npos);
  EXPECT_NE(c.out.find("jpeg, 4000x3000, 12.0 MP"), std::string::npos) << c.out;
}

}  // namespace
}  // namespace stockroom::cli
