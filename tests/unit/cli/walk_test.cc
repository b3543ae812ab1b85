#include "tools/stockroom/walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cli/fakes.h"

namespace stockroom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class WalkTest : public ::testing::Test {
 protected:
  WalkTest() { std::filesystem::current_path(bench_.folder); }
  ~WalkTest() override { std::filesystem::current_path("/"); }

  void Make(const std::string& name) { bench_.Write(name, "x"); }
  std::vector<std::string> Found(const std::vector<std::string>& names, WalkOptions options = {}) {
    std::vector<std::string> found;
    problems_.clear();
    Walk(
        names, options,
        [&](const FoundFile& file) {
          found.push_back(file.path);
          return true;
        },
        [&](const std::string& path, const absl::Status& status) {
          problems_.push_back(path + ": " + std::string(status.message()));
          return true;
        });
    return found;
  }

  Bench bench_;
  std::vector<std::string> problems_;
};

TEST_F(WalkTest, TakesFilesAndFoldersWithAllBelow) {
  Make("a.jpg");
  Make("d/b.jpg");
  Make("d/e/f/c.jpg");
  EXPECT_THAT(Found({"a.jpg", "d"}), UnorderedElementsAre("a.jpg", "d/b.jpg", "d/e/f/c.jpg"));
  EXPECT_THAT(Found({"d/"}), UnorderedElementsAre("d/b.jpg", "d/e/f/c.jpg"));
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(WalkTest, PassesOverHiddenNamesUnlessAsked) {
  Make("d/.hidden/a.jpg");
  Make("d/.b.jpg");
  EXPECT_THAT(Found({"d"}), IsEmpty());
  EXPECT_THAT(Found({"d"}, {.hidden = true}), UnorderedElementsAre("d/.hidden/a.jpg", "d/.b.jpg"));
  EXPECT_THAT(Found({"d/.b.jpg"}), ElementsAre("d/.b.jpg"));
}

TEST_F(WalkTest, LoopsOfLinksEnd) {
  Make("d/a.jpg");
  ASSERT_EQ(::symlink("..", "d/up"), 0);
  ASSERT_EQ(::symlink(".", "d/self"), 0);
  ASSERT_EQ(::symlink("circle", "d/circle"), 0);
  EXPECT_THAT(Found({"d"}), ElementsAre("d/a.jpg"));
  EXPECT_THAT(problems_, ElementsAre("d/circle: its symbolic links go in circles"));
  EXPECT_THAT(Found({"d"}, {.follow_links = true}), ElementsAre("d/a.jpg"));
}

TEST_F(WalkTest, LinksToFilesCountAndLinksToNowhereAreTold) {
  Make("real.jpg");
  std::filesystem::create_directory("d");
  ASSERT_EQ(::symlink("../real.jpg", "d/link.jpg"), 0);
  ASSERT_EQ(::symlink("nowhere", "d/gone.jpg"), 0);
  EXPECT_THAT(Found({"d"}), ElementsAre("d/link.jpg"));
  EXPECT_THAT(problems_, ElementsAre("d/gone.jpg: the symbolic link leads nowhere"));
}

TEST_F(WalkTest, PatternsMatchWithinAndAcrossFolders) {
  Make("p/a.jpg");
  Make("p/b.png");
  Make("p/2020/c.jpg");
  Make("p/2021/x/d.jpg");
  EXPECT_THAT(Found({"p/*.jpg"}), ElementsAre("p/a.jpg"));
  EXPECT_THAT(Found({"p/**/*.jpg"}),
              UnorderedElementsAre("p/a.jpg", "p/2020/c.jpg", "p/2021/x/d.jpg"));
  EXPECT_THAT(Found({"*/20[0-9]?/*.jpg"}), ElementsAre("p/2020/c.jpg"));
  // as if the shell had written the folders' names
  EXPECT_THAT(Found({"p/20*"}), UnorderedElementsAre("p/2020/c.jpg", "p/2021/x/d.jpg"));
  EXPECT_THAT(Found({bench_.folder + "/p/*.png"}), ElementsAre(bench_.folder + "/p/b.png"));
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(WalkTest, APatternThatMatchesNothingIsTold) {
  EXPECT_THAT(Found({"*.jpg"}), IsEmpty());
  EXPECT_THAT(problems_, ElementsAre("*.jpg: no file matches this pattern"));
}

TEST_F(WalkTest, ANameWithBracketsIsAFileFirst) {
  Make("a[1].jpg");
  EXPECT_THAT(Found({"a[1].jpg"}), ElementsAre("a[1].jpg"));
}

TEST_F(WalkTest, WhatIsMissingOrNoFileIsTold) {
  ASSERT_EQ(::mkfifo("pipe", 0600), 0);
  EXPECT_THAT(Found({"missing", "pipe"}), IsEmpty());
  EXPECT_THAT(problems_, ElementsAre("missing: no such file or folder",
                                     "pipe: is neither a file nor a folder"));
  EXPECT_THAT(Found({"."}), IsEmpty());  // found, not named
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(WalkTest, StopsWhenTold) {
  for (int i = 0; i < 20; ++i) Make("d/" + std::to_string(i));
  int found = 0;
  Walk(
      {"d"}, {}, [&](const FoundFile&) { return ++found < 3; },
      [](const std::string&, const absl::Status&) { return true; });
  EXPECT_EQ(found, 3);
}

TEST(Patterns, ManyStarsAreNotSlow) {
  std::string pattern;
  std::string path;
  for (int i = 0; i < 40; ++i) pattern += "**/";
  for (int i = 0; i < 40; ++i) path += "a/";
  EXPECT_FALSE(MatchesPattern(pattern + "b", path + "c", false));
  EXPECT_TRUE(MayMatchBelow(pattern + "b", path, false));
}

}  // namespace
}  // namespace stockroom::cli
