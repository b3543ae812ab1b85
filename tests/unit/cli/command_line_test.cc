#include "tools/stockroom/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/status.h"
#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/completion.h"
#include "tools/stockroom/exit_codes.h"

namespace stockroom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ParsedCommandLine Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "stockroom");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CommandLine, ReadsAnUpload) {
  const ParsedCommandLine parsed =
      Parse({"upload", "a.jpg", "-", "--tag", "sea", "--tag", "a,b", "--attribute", "k=v=w", "-j8",
             "--visibility", "private", "--wait", "--json", "--retry-for", "5s"});
  ASSERT_FALSE(parsed.exit_code) << parsed.text;
  const Invocation& given = parsed.invocation;
  EXPECT_EQ(given.command, "upload");
  EXPECT_TRUE(given.json);
  EXPECT_THAT(given.upload.names, ElementsAre("a.jpg", "-"));
  EXPECT_THAT(given.upload.header.tags(), ElementsAre("sea", "a,b"));
  EXPECT_EQ(given.upload.header.attributes().at("k"), "v=w");
  EXPECT_EQ(given.upload.header.visibility(), v1::PRIVATE);
  EXPECT_TRUE(given.upload.header.wait());
  EXPECT_EQ(given.upload.jobs, 8);
  EXPECT_EQ(given.upload.retry_for, absl::Seconds(5));
}

TEST(CommandLine, AnOptionThatMayBeRepeatedTakesOneValueEachTime) {
  const ParsedCommandLine parsed =
      Parse({"upload", "--tag", "sea", "a.jpg", "--tag", "b", "b.jpg", "c.jpg"});
  ASSERT_FALSE(parsed.exit_code) << parsed.text;
  EXPECT_THAT(parsed.invocation.upload.header.tags(), ElementsAre("sea", "b"));
  EXPECT_THAT(parsed.invocation.upload.names, ElementsAre("a.jpg", "b.jpg", "c.jpg"));
}

TEST(CommandLine, PassesAQueryThrough) {
  const ParsedCommandLine parsed =
      Parse({"search", "tags:a,b", "desc:\"in the snow\"", "[x]", "--limit", "7"});
  ASSERT_FALSE(parsed.exit_code) << parsed.text;
  EXPECT_EQ(parsed.invocation.search.query, "tags:a,b desc:\"in the snow\" [x]");
  EXPECT_EQ(parsed.invocation.search.limit, 7);
  EXPECT_EQ(Parse({"search"}).invocation.search.query, "");
  EXPECT_EQ(Parse({"search", "--", "-x"}).invocation.search.query, "-x");
}

TEST(CommandLine, BracketsStayAsTheyAre) {
  EXPECT_THAT(Parse({"upload", "[a,b]", "[c].jpg"}).invocation.upload.names,
              ElementsAre("[a,b]", "[c].jpg"));
  EXPECT_EQ(Parse({"update", "id", "--title", "[draft]"}).invocation.update.title, "[draft]");
  EXPECT_EQ(Parse({"get", "id", "-o", "[x]"}).invocation.get.output, "[x]");
}

TEST(CommandLine, AnEmptyTitleIsATitle) {
  const ParsedCommandLine parsed = Parse({"update", "id", "--title", ""});
  ASSERT_FALSE(parsed.exit_code) << parsed.text;
  EXPECT_EQ(parsed.invocation.update.title, "");
  EXPECT_FALSE(Parse({"update", "id"}).invocation.update.title);
}

TEST(CommandLine, OptionsOfTheProgramMayStandAnywhere) {
  EXPECT_TRUE(Parse({"--json", "list"}).invocation.json);
  EXPECT_TRUE(Parse({"list", "--json"}).invocation.json);
  EXPECT_EQ(Parse({"get", "id", "-o", "-", "--gateway", "http://g"}).invocation.settings.gateway,
            "http://g");
}

TEST(CommandLine, MistakesEndWithTwoAndOneSentence) {
  for (const std::vector<const char*>& wrong :
       std::vector<std::vector<const char*>>{{},
                                             {"uplaod"},
                                             {"upload"},
                                             {"list", "--nonsense"},
                                             {"list", "-n", "0"},
                                             {"upload", "x", "-j", "1000"},
                                             {"upload", "x", "--visibility", "everyone"},
                                             {"upload", "x", "--attribute", "novalue"},
                                             {"get", "a", "--original", "--preset", "p"},
                                             {"completion", "tcsh"}}) {
    const ParsedCommandLine parsed = Parse(wrong);
    EXPECT_EQ(parsed.exit_code, kExitUsage) << (wrong.empty() ? "" : wrong.back());
    EXPECT_FALSE(parsed.text.empty());
  }
  EXPECT_EQ(Parse({"upload", "x", "--visibility", "everyone"}).text,
            "stockroom: --visibility: must be one of public, unlisted, private; stockroom upload "
            "--help tells more\n");
}

TEST(CommandLine, EveryCommandHasHelp) {
  for (const CommandTree& command : DescribeCommandLine().commands) {
    const ParsedCommandLine parsed = Parse({command.name.c_str(), "--help"});
    EXPECT_EQ(parsed.exit_code, kExitOk) << command.name;
    EXPECT_THAT(parsed.text, HasSubstr(command.help));
  }
}

TEST(CommandLine, TheVersionIsTold) {
  const ParsedCommandLine parsed = Parse({"--version"});
  EXPECT_EQ(parsed.exit_code, kExitOk);
  EXPECT_THAT(parsed.text, HasSubstr("stockroom "));
}

TEST(ExitCodes, TellWhatKindOfFailure) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), 5);
  EXPECT_EQ(CombinedExitCode({}), 0);
  EXPECT_EQ(CombinedExitCode({kExitOk, kExitOk}), 0);
  EXPECT_EQ(CombinedExitCode({kExitNotFound, kExitNotFound}), 3);
  EXPECT_EQ(CombinedExitCode({kExitOk, kExitNotFound}), 1);
}

TEST(ExitCodes, SentencesSayWhatToDo) {
  EXPECT_THAT(Explain(absl::UnavailableError("… Connection refused"), "h:1"),
              HasSubstr("nothing answers at h:1; start the cluster with scripts/up"));
  EXPECT_EQ(Explain(NotFound("IMAGE_NOT_FOUND", "no image has the id x"), "h:1"),
            "no image has the id x");
  EXPECT_THAT(Explain(Overloaded("too many uploads", absl::Milliseconds(500)), "h:1"),
              HasSubstr("try again in 0.5 s"));
}

// Runs a shell with the completion script and returns what it offers.
std::string Offered(const std::string& words) {
  Bench bench;
  const std::string script =
      bench.Write("completion", CompletionScript(DescribeCommandLine(), "bash"));
  const std::string command = "bash -c 'source " + script + "; COMP_WORDS=(" + words +
                              "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _stockroom; "
                              "printf \"%s \" \"${COMPREPLY[@]}\"' 2>&1";
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string out(4096, '\0');
  out.resize(::fread(out.data(), 1, out.size(), pipe));
  EXPECT_EQ(::pclose(pipe), 0) << out;
  return out;
}

TEST(Completion, BashCompletesCommandsOptionsAndChoices) {
  EXPECT_EQ(Offered("stockroom up"), "upload update uploads ");
  EXPECT_EQ(Offered("stockroom upload --vis"), "--visibility ");
  EXPECT_EQ(Offered("stockroom upload --visibility p"), "public private ");
  EXPECT_EQ(Offered("stockroom completion z"), "zsh ");
  EXPECT_EQ(Offered("stockroom --gateway http del"), "delete ");
  EXPECT_EQ(Offered("stockroom list --js"), "--json ");
}

TEST(Completion, EveryShellKnowsEveryCommandAndOption) {
  const CommandTree tree = DescribeCommandLine();
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = CompletionScript(tree, shell);
    for (const CommandTree& command : tree.commands) {
      EXPECT_THAT(script, HasSubstr(command.name)) << shell;
      for (const auto& option : command.options) {
        const std::string& name = option.names.back();
        EXPECT_THAT(script, HasSubstr(name.substr(name.find_first_not_of('-')))) << shell;
      }
    }
    // Only where that shell is installed can it judge.
    const std::string there = std::string("command -v ") + shell + " >/dev/null";
    if (std::system(there.c_str()) != 0) continue;
    Bench bench;
    const std::string path = bench.Write("script", script);
    EXPECT_EQ(std::system((std::string(shell) + " -n " + path).c_str()), 0) << shell;
  }
}

}  // namespace
}  // namespace stockroom::cli
