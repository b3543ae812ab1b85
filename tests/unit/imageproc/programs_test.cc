// Several decoder programs behind one pool.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/imageproc/hostile_pool.h"

namespace stockroom::imageproc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kPng = "\x89PNG\r\n\x1a\n";

class ProgramsTest : public testing::HostilePool {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "programs-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override {
    pool_.reset();
    std::filesystem::remove_all(folder_);
  }
  // The hostile decoder under a name that says what it reads.
  DecoderProgramChoice Program(const std::string& name) {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_symlink(HOSTILE_DECODER_PATH, path);
    return {.path = path, .name = name, .spares = 1};
  }
  std::string folder_;
};

TEST_F(ProgramsTest, AFormatGoesToTheFirstThatReadsIt) {
  StartPool({.programs = {Program("jpeg"), Program("reads-png"), Program("reads-gif-and-png")}});
  EXPECT_EQ(Do("threads"), "done");
  EXPECT_EQ(Send(kPng, Request()), "reads-png");
  EXPECT_EQ(Send("GIF89a", Request()), "reads-gif-and-png");
  EXPECT_THAT(Send(std::string("II*\0", 4), Request()),
              HasSubstr("INVALID_ARGUMENT: Images of the format tiff"));
  EXPECT_THAT(Send("what is this", Request()),
              HasSubstr("INVALID_ARGUMENT: The file is not an image"));
}

TEST_F(ProgramsTest, ARungIsOfARungsFormatWhateverElseIsRead) {
  StartPool({.programs = {Program("reads-gif-and-png")}});
  EXPECT_EQ(Send("GIF89a", RungRequest()), "reads-gif-and-png");
  EXPECT_THAT(Send("GIF89a", RungRequest(), /*own_rung=*/true), HasSubstr("INVALID_ARGUMENT"));
  EXPECT_EQ(Send(kPng, RungRequest(), /*own_rung=*/true), "reads-gif-and-png");
}

TEST_F(ProgramsTest, EachSaysWhatItIs) {
  StartPool({.programs = {Program("jpeg"), Program("reads-gif-and-png")}});
  const auto engines = pool_->Engines();
  ASSERT_EQ(engines.size(), 2U);
  EXPECT_EQ(engines[0].program(), "jpeg");
  EXPECT_EQ(engines[1].libvips(), "none");
  EXPECT_THAT(engines[1].reads(), ElementsAre("gif", "png"));
  EXPECT_THAT(metrics_.Render(),
              HasSubstr("stockroom_decoder_engine_info{program=\"reads-gif-and-png\","
                        "libvips=\"none\",reads=\"gif,png\",writes=\"\"} 1"));
}

TEST_F(ProgramsTest, TheFirstIsRequiredAndTheOthersAreNot) {
  const auto without_first = DecoderPool::Start(
      {.programs = {{folder_ + "/missing", "missing"}, Program("jpeg")}}, metrics_);
  EXPECT_TRUE(absl::IsUnavailable(without_first.status())) << without_first.status();
  StartPool({.programs = {Program("reads-png"), {folder_ + "/missing", "missing"}}});
  EXPECT_EQ(Send(kPng, Request()), "reads-png");
  // Perhaps the missing one reads it: not the image's fault.
  EXPECT_THAT(Do("threads"), HasSubstr("UNAVAILABLE"));
  EXPECT_EQ(pool_->Engines().size(), 1U);
}

TEST_F(ProgramsTest, AStrictPoolDoesNotStartWhereAWallIsMissing) {
  const auto strict =
      DecoderPool::Start({.programs = {Program("unwalled")}, .all_walls = true}, metrics_);
  EXPECT_TRUE(absl::IsUnavailable(strict.status())) << strict.status();
  EXPECT_THAT(strict.status().message(), HasSubstr("network (not here)"));
  EXPECT_THAT(metrics_.Render(),
              HasSubstr("stockroom_decoder_walls{program=\"unwalled\",wall=\"network\"} 0"));
}

TEST_F(ProgramsTest, OneThatComesLateIsTaken) {
  StartPool({.programs = {Program("reads-png"), {folder_ + "/jpeg", "jpeg", 1}}});
  EXPECT_THAT(Do("threads"), HasSubstr("UNAVAILABLE"));
  Program("jpeg");
  while (pool_->Engines().size() < 2) std::this_thread::yield();
  EXPECT_EQ(Do("threads"), "done");
}

}  // namespace
}  // namespace stockroom::imageproc
