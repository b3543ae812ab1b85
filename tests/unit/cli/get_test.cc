#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/download.h"
#include "tools/stockroom/exit_codes.h"

namespace stockroom::cli {
namespace {

using ::testing::HasSubstr;

class GetTest : public ::testing::Test {
 protected:
  GetTest() {
    std::filesystem::current_path(bench_.folder);
    bench_.http.body = std::string(100'000, 'p');
    const Digest digest = Digest::Of(bench_.http.body);
    bench_.http.etag = "\"" + digest.hex() + "\"";
    part_ = "photo.jpg." + digest.hex().substr(0, 8) + ".part";
    v1::Image image;
    image.set_id("one");
    image.set_filename("photo.jpg");
    image.set_sha256(digest.hex());
    image.set_size_bytes(static_cast<int64_t>(bench_.http.body.size()));
    image.set_original_url("/i/one/original");
    v1::Rendition& rendition = *image.add_renditions();
    rendition.set_preset("thumb-320");
    rendition.set_format("jpeg");
    rendition.set_url("/i/one/thumb-320.jpg");
    rendition.set_size_bytes(image.size_bytes());
    client_.images["one"] = image;
  }
  ~GetTest() override { std::filesystem::current_path("/"); }
  int Get(GetArgs args) {
    args.id = "one";
    return RunGet(bench_.program, client_, args);
  }
  static bool Exists(const std::string& path) { return std::filesystem::exists(path); }

  Bench bench_;
  FakeClient client_;
  std::string part_;
};

TEST_F(GetTest, AnOriginalIsVerifiedAndNamedInOneStep) {
  EXPECT_EQ(Get({}), kExitOk);
  EXPECT_EQ(Bench::Read("photo.jpg"), bench_.http.body);
  EXPECT_FALSE(Exists(part_));
  EXPECT_THAT(bench_.out, HasSubstr("SHA-256 verified"));
  EXPECT_EQ(bench_.http.requests.at(0).url, "http://127.0.0.1:8080/i/one/original");
}

TEST_F(GetTest, WrongBytesAreNotKept) {
  bench_.http.body[5] = 'x';
  EXPECT_EQ(Get({}), kExitFailed);
  EXPECT_FALSE(Exists("photo.jpg"));
  EXPECT_FALSE(Exists(part_));
}

TEST_F(GetTest, NothingIsReplacedWithoutForce) {
  bench_.Write("photo.jpg", "mine");
  EXPECT_EQ(Get({}), kExitRefused);
  EXPECT_EQ(Bench::Read("photo.jpg"), "mine");
  EXPECT_TRUE(bench_.http.requests.empty());
  EXPECT_EQ(Get({.force = true}), kExitOk);
  EXPECT_EQ(Bench::Read("photo.jpg"), bench_.http.body);
}

TEST_F(GetTest, AnInterruptedOneGoesOnWhereItStopped) {
  bench_.http.break_after = 40'000;
  EXPECT_EQ(Get({}), kExitFailed);
  EXPECT_EQ(Bench::Read(part_).size(), 40'000u);
  bench_.http.break_after = 0;
  EXPECT_EQ(Get({}), kExitOk);
  EXPECT_EQ(bench_.http.requests.back().offset, 40'000);
  EXPECT_EQ(Bench::Read("photo.jpg"), bench_.http.body);
}

TEST_F(GetTest, ADamagedPartIsFetchedAnew) {
  bench_.Write(part_, std::string(50'000, 'x'));
  EXPECT_EQ(Get({}), kExitOk);
  EXPECT_EQ(Bench::Read("photo.jpg"), bench_.http.body);
  EXPECT_EQ(bench_.http.requests.size(), 2u);
}

TEST_F(GetTest, AWholePartNeedsNoTransfer) {
  bench_.Write(part_, bench_.http.body);
  EXPECT_EQ(Get({}), kExitOk);
  EXPECT_TRUE(bench_.http.requests.empty());
}

TEST_F(GetTest, RenditionsAreFoundByPreset) {
  EXPECT_EQ(Get({.preset = "thumb-320"}), kExitOk);
  EXPECT_TRUE(Exists("photo-thumb-320.jpg"));
  EXPECT_EQ(Get({.preset = "thumb-9"}), kExitNotFound);
  EXPECT_THAT(bench_.err, HasSubstr("there are: thumb-320"));
}

TEST_F(GetTest, WritesIntoAFolderOrToStandardOutput) {
  std::filesystem::create_directory("d");
  EXPECT_EQ(Get({.output = "d"}), kExitOk);
  EXPECT_TRUE(Exists("d/photo.jpg"));
  bench_.out.clear();
  EXPECT_EQ(Get({.output = "-"}), kExitOk);
  EXPECT_EQ(bench_.out, bench_.http.body);
}

TEST_F(GetTest, TheServersNamesAreNoPaths) {
  client_.images["one"].set_filename("../../.bashrc");
  EXPECT_EQ(Get({}), kExitOk);
  EXPECT_TRUE(Exists("bashrc"));
  client_.images["one"].set_original_url("@evil.example/x");
  EXPECT_EQ(Get({.output = "y"}), kExitFailed);
}

TEST_F(GetTest, AMissingImageIsThree) {
  client_.images.clear();
  EXPECT_EQ(Get({}), kExitNotFound);
}

TEST(SafeFileName, LeavesNothingThatLeadsElsewhere) {
  EXPECT_EQ(SafeFileName("a.jpg", "id"), "a.jpg");
  EXPECT_EQ(SafeFileName("/etc/passwd", "id"), "passwd");
  EXPECT_EQ(SafeFileName("..", "id"), "id");
  EXPECT_EQ(SafeFileName("", "id"), "id");
  EXPECT_EQ(SafeFileName("-rf", "id"), "rf");
  EXPECT_EQ(SafeFileName("a\nb\033.jpg", "id"), "a b .jpg");
  const std::string cut = SafeFileName(std::string(300, 'x') + ".jpeg", "id");
  EXPECT_LE(cut.size(), 200u);
  EXPECT_TRUE(cut.ends_with(".jpeg"));
}

TEST(GetToATerminal, IsRefused) {
  Bench bench({.out_is_terminal = true});
  FakeClient client;
  EXPECT_EQ(RunGet(bench.program, client, {.id = "one", .output = "-"}), kExitUsage);
}

}  // namespace
}  // namespace stockroom::cli
