#include "tools/stockroom/journal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/cli/fakes.h"

namespace stockroom::cli {
namespace {

const Digest kDigest = Digest::Of("bytes");
const FileStamp kFile{.path = "/p/a.jpg", .size = 5, .mtime_ns = 77};

std::unique_ptr<Journal> Open(const std::string& path, const std::string& server = "s:1") {
  absl::StatusOr<std::unique_ptr<Journal>> journal = OpenJournal(path, server);
  EXPECT_TRUE(journal.ok()) << journal.status();
  return *std::move(journal);
}

TEST(Journal, RemembersAcrossRuns) {
  Bench bench;
  const std::string path = bench.folder + "/new/folder/uploads.db";
  {
    auto journal = Open(path);
    EXPECT_FALSE(journal->FindFile(kFile)->has_value());
    ASSERT_TRUE(journal->Record(kFile, {kDigest, "image-1"}).ok());
  }
  auto journal = Open(path);
  const auto found = journal->FindFile(kFile);
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->image_id, "image-1");
  EXPECT_EQ((*found)->sha256, kDigest);
  EXPECT_EQ((*journal->FindDigest(kDigest))->image_id, "image-1");
}

TEST(Journal, AChangedFileIsAnotherFile) {
  Bench bench;
  auto journal = Open(bench.folder + "/j");
  ASSERT_TRUE(journal->Record(kFile, {kDigest, "image-1"}).ok());
  FileStamp changed = kFile;
  changed.mtime_ns = 78;
  EXPECT_FALSE(journal->FindFile(changed)->has_value());
  changed = kFile;
  changed.size = 6;
  EXPECT_FALSE(journal->FindFile(changed)->has_value());
}

TEST(Journal, ServersAreKeptApart) {
  Bench bench;
  const std::string path = bench.folder + "/j";
  ASSERT_TRUE(Open(path, "one:1")->Record(kFile, {kDigest, "image-1"}).ok());
  auto other = Open(path, "two:1");
  EXPECT_FALSE(other->FindFile(kFile)->has_value());
  EXPECT_FALSE(other->FindDigest(kDigest)->has_value());
}

TEST(Journal, ForgetsEveryFileOfAnImageThatIsGone) {
  Bench bench;
  auto journal = Open(bench.folder + "/j");
  FileStamp copy = kFile;
  copy.path = "/p/copy.jpg";
  ASSERT_TRUE(journal->Record(kFile, {kDigest, "image-1"}).ok());
  ASSERT_TRUE(journal->Record(copy, {kDigest, "image-1"}).ok());
  ASSERT_TRUE(journal->Forget("image-1").ok());
  EXPECT_FALSE(journal->FindFile(copy)->has_value());
  EXPECT_FALSE(journal->FindDigest(kDigest)->has_value());
}

TEST(Journal, AFileOfSomethingElseIsNotTouched) {
  Bench bench;
  const std::string path = bench.Write("notes.txt", std::string(4096, 'n'));
  const auto journal = OpenJournal(path, "s:1");
  EXPECT_TRUE(absl::IsFailedPrecondition(journal.status())) << journal.status();
  EXPECT_EQ(Bench::Read(path), std::string(4096, 'n'));
}

TEST(Journal, IsForItsOwnerOnly) {
  Bench bench;
  Open(bench.folder + "/j");
  struct stat info {};
  ASSERT_EQ(::stat((bench.folder + "/j").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(Journal, PathsMayHoldAnyBytes) {
  Bench bench;
  auto journal = Open(bench.folder + "/j");
  const FileStamp odd{.path = "/p/\xFF\n'\"; DROP TABLE sent;--.jpg", .size = 1, .mtime_ns = 1};
  ASSERT_TRUE(journal->Record(odd, {kDigest, "image-1"}).ok());
  EXPECT_TRUE(journal->FindFile(odd)->has_value());
}

}  // namespace
}  // namespace stockroom::cli
