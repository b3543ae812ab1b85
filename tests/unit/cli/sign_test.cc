#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/recipe/signing.h"
#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/command_line.h"
#include "tools/stockroom/exit_codes.h"

namespace stockroom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kKey[] = "0123456789abcdef";
constexpr char kPath[] = "/i/abc/thumb-320.webp";
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TEST(Sign, PrintsUrlsThatTheApiTakes) {
  Bench bench;
  const std::string file = bench.Write("keys", std::string(kKey) + "\nfedcba9876543210\n");
  const SignArgs args = {
      .key_file = file, .paths = {kPath, "/i/x/q=1.png"}, .lifetime = absl::Hours(1)};
  EXPECT_EQ(RunSign(bench.output, args, kNow), kExitOk);
  const PathSigner signer = *PathSigner::FromKeyFile(kKey);
  EXPECT_EQ(bench.out, std::string(kPath) + "?" + signer.Sign(kPath, kNow + absl::Hours(1)) + "\n" +
                           "/i/x/q=1.png?" + signer.Sign("/i/x/q=1.png", kNow + absl::Hours(1)) +
                           "\n");
  EXPECT_THAT(bench.out, HasSubstr("&expires=1700003600"));
}

TEST(Sign, WithoutALifetimeItIsForEver) {
  Bench bench({.json = true});
  EXPECT_EQ(RunSign(bench.output, {.key_file = bench.Write("keys", kKey), .paths = {kPath}}, kNow),
            kExitOk);
  EXPECT_THAT(bench.out, HasSubstr(R"("type":"signed")"));
  EXPECT_THAT(bench.out, ::testing::Not(HasSubstr("expires")));
}

TEST(Sign, SaysWhatIsWrong) {
  Bench bench;
  const std::string file = bench.Write("keys", kKey);
  EXPECT_EQ(RunSign(bench.output, {.key_file = "/nowhere", .paths = {kPath}}, kNow), kExitUsage);
  EXPECT_THAT(bench.err, HasSubstr("/nowhere can not be read"));
  EXPECT_EQ(
      RunSign(bench.output, {.key_file = bench.Write("short", "secret"), .paths = {kPath}}, kNow),
      kExitUsage);
  EXPECT_THAT(bench.err, ::testing::Not(HasSubstr("secret")));
  for (const char* bad :
       {"", "i/x", "/x", "/i/x?a=b", "/i/x y", "/i/x#y", "/i/\xc3\xa4", "/i/\n"}) {
    EXPECT_EQ(RunSign(bench.output, {.key_file = file, .paths = {bad}}, kNow), kExitUsage) << bad;
  }
  EXPECT_EQ(bench.out, "");
}

TEST(Sign, IsReadFromTheCommandLine) {
  const char* arguments[] = {"stockroom", "sign", "--key-file", "k", "--expires", "2d", kPath};
  const ParsedCommandLine parsed = ParseCommandLine(7, arguments);
  ASSERT_FALSE(parsed.exit_code) << parsed.text;
  EXPECT_EQ(parsed.invocation.command, "sign");
  EXPECT_EQ(parsed.invocation.sign.key_file, "k");
  EXPECT_EQ(parsed.invocation.sign.lifetime, absl::Hours(48));
  EXPECT_THAT(parsed.invocation.sign.paths, ElementsAre(kPath));
}

}  // namespace
}  // namespace stockroom::cli
