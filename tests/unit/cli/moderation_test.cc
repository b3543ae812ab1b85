// stockroom moderation
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/command_line.h"
#include "tools/stockroom/exit_codes.h"

namespace stockroom::cli {
namespace {

using ::testing::HasSubstr;

class ModerationCommands : public ::testing::Test {
 protected:
  int Run(std::vector<const char*> words) {
    words.insert(words.begin(), {"stockroom", "moderation"});
    const ParsedCommandLine parsed = ParseCommandLine(static_cast<int>(words.size()), words.data());
    if (parsed.exit_code) return *parsed.exit_code;
    EXPECT_EQ(parsed.invocation.command, "moderation");
    return RunModeration(bench_.program, client_, parsed.invocation.moderation);
  }

  Bench bench_;
  FakeClient client_;
};

TEST_F(ModerationCommands, ListShowsWhatWaitsAndWhy) {
  v1::FlaggedImage& one = *client_.flagged.add_images();
  one.mutable_image()->set_id("i1");
  one.mutable_image()->set_owner("ann");
  one.mutable_decision()->set_by(v1::BLOCK_LIST);
  one.mutable_decision()->set_reason("is like\033[31m one");
  EXPECT_EQ(Run({"list"}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("i1"));
  EXPECT_THAT(bench_.out, HasSubstr("block list"));
  EXPECT_THAT(bench_.out, ::testing::Not(HasSubstr("\033[31m")));
}

TEST_F(ModerationCommands, DecidesWithAReason) {
  EXPECT_EQ(Run({"approve", "i1", "--reason", "a statue"}), kExitOk);
  EXPECT_EQ(client_.decided.back().verdict(), v1::APPROVE);
  EXPECT_EQ(client_.decided.back().reason(), "a statue");
  EXPECT_EQ(Run({"reject", "i1"}), kExitOk);
  EXPECT_EQ(client_.decided.back().verdict(), v1::REJECT);
  EXPECT_EQ(Run({"reopen", "i1"}), kExitOk);
  EXPECT_EQ(client_.decided.back().verdict(), v1::REOPEN);
}

TEST_F(ModerationCommands, PutsHashesOnTheListAndTakesThemOff) {
  EXPECT_EQ(Run({"hashes", "add", "aa", "bb", "--threshold", "7", "--note", "n", "--label", "l"}),
            kExitOk);
  ASSERT_EQ(client_.blocked.hashes_size(), 2);
  EXPECT_EQ(client_.blocked.hashes(1).hash(), "bb");
  EXPECT_EQ(client_.blocked.hashes(1).threshold(), 7);
  EXPECT_EQ(Run({"hashes", "remove", "aa"}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("1 hash removed"));
}

TEST_F(ModerationCommands, ImportsInCallsThatTheApiTakes) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("hashes-" + std::to_string(::getpid()));
  {
    std::ofstream out(file);
    out << "# list\n\n";
    for (int i = 0; i < 10'001; ++i) out << i << "\n";
  }
  EXPECT_EQ(Run({"hashes", "import", file.c_str(), "--label", "l"}), kExitOk);
  std::filesystem::remove(file);
  ASSERT_EQ(client_.imported.size(), 2u);
  EXPECT_EQ(client_.imported[1].text(), "10000\n");
  EXPECT_EQ(client_.imported[1].label(), "l");
  EXPECT_EQ(Run({"hashes", "import", "/does/not/exist"}), kExitUsage);
}

TEST_F(ModerationCommands, ExportsWhatCanBeImported) {
  EXPECT_EQ(Run({"hashes", "export"}), kExitOk);
  EXPECT_EQ(bench_.out, "aa,31\nbb,7,note\n");
}

TEST_F(ModerationCommands, WhatCanNotBeMeantIsUsage) {
  EXPECT_EQ(Run({}), kExitUsage);
  EXPECT_EQ(Run({"approve"}), kExitUsage);
  EXPECT_EQ(Run({"hashes"}), kExitUsage);
  EXPECT_EQ(Run({"hashes", "add", "aa", "--threshold", "65"}), kExitUsage);
}

}  // namespace
}  // namespace stockroom::cli
