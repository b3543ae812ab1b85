#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/upload_file.h"

namespace stockroom::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class UploadTest : public ::testing::Test {
 protected:
  UploadTest() { NewJournal(); }
  void NewJournal() { journal_ = *OpenJournal(bench_.folder + "/journal", "s:1"); }
  std::string Photo(const std::string& name, const std::string& content) {
    return bench_.Write("photos/" + name, Png(content));
  }
  int Upload(UploadArgs args = {}) {
    if (args.names.empty()) args.names = {bench_.folder + "/photos"};
    bench_.out.clear();
    bench_.err.clear();
    return RunUpload(bench_.program, client_, *journal_, args);
  }

  Bench bench_;
  FakeClient client_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(UploadTest, SendsAFolderAndASecondRunSendsNothing) {
  Photo("a.png", "a");
  Photo("deep/b.png", "b");
  EXPECT_EQ(Upload(), kExitOk);
  EXPECT_EQ(client_.images.size(), 2u);
  EXPECT_THAT(bench_.err, HasSubstr("2 stored"));
  EXPECT_EQ(Upload(), kExitOk);
  EXPECT_EQ(client_.uploads, 2);
  EXPECT_THAT(bench_.err, HasSubstr("2 there already"));
}

TEST_F(UploadTest, ARunThatBrokeOffGoesOnWhereItStopped) {
  for (int i = 0; i < 10; ++i) Photo(std::to_string(i) + ".png", std::to_string(i));
  client_.on_upload = [&](const v1::UploadHeader&) {
    return client_.uploads > 4 ? absl::InternalError("broken") : absl::OkStatus();
  };
  EXPECT_EQ(Upload({.jobs = 1}), kExitFailed);
  client_.on_upload = nullptr;
  client_.uploads = 0;
  NewJournal();
  EXPECT_EQ(Upload(), kExitOk);
  EXPECT_EQ(client_.uploads, 6);
  EXPECT_EQ(client_.images.size(), 10u);
}

TEST_F(UploadTest, WhatTheServerLostIsSentAgain) {
  Photo("a.png", "a");
  EXPECT_EQ(Upload(), kExitOk);
  client_.images.clear();
  EXPECT_EQ(Upload(), kExitOk);
  EXPECT_EQ(client_.uploads, 2);
  EXPECT_EQ(client_.images.size(), 1u);
}

TEST_F(UploadTest, ATrustedJournalAsksNobody) {
  Photo("a.png", "a");
  EXPECT_EQ(Upload(), kExitOk);
  client_.gets = 0;
  EXPECT_EQ(Upload({.trust_journal = true}), kExitOk);
  EXPECT_EQ(client_.gets, 0);
}

TEST_F(UploadTest, AChangedFileIsSentAndARenamedOneIsNot) {
  const std::string path = Photo("a.png", "a");
  EXPECT_EQ(Upload(), kExitOk);
  std::filesystem::rename(path, bench_.folder + "/photos/renamed.png");
  EXPECT_EQ(Upload(), kExitOk);
  EXPECT_EQ(client_.uploads, 1);
  Photo("renamed.png", "other");
  EXPECT_EQ(Upload(), kExitOk);
  EXPECT_EQ(client_.uploads, 2);
}

TEST_F(UploadTest, ABadFileDoesNotStopTheOthers) {
  Photo("good.png", "good");
  bench_.Write("photos/text.jpg", "just text");
  bench_.Write("photos/empty.jpg", "");
  bench_.Write("photos/readme.txt", "not meant to be one");
  ASSERT_EQ(::symlink("nowhere", (bench_.folder + "/photos/gone.jpg").c_str()), 0);
  EXPECT_EQ(Upload(), kExitFailed);
  EXPECT_EQ(client_.images.size(), 1u);
  EXPECT_THAT(bench_.err, HasSubstr("1 stored"));
  EXPECT_THAT(bench_.err, HasSubstr("1 passed over"));
  EXPECT_THAT(bench_.err, HasSubstr("3 failed"));
  EXPECT_THAT(bench_.err, HasSubstr("text.jpg: not an image that Stockroom reads"));
  EXPECT_THAT(bench_.err, HasSubstr("empty.jpg: the file is empty"));
  EXPECT_THAT(bench_.err, HasSubstr("gone.jpg: the symbolic link leads nowhere"));
}

TEST_F(UploadTest, ANamedFileIsNeverPassedOver) {
  EXPECT_EQ(Upload({.names = {bench_.Write("notes.txt", "text")}}), kExitFailed);
  EXPECT_EQ(client_.uploads, 0);
  EXPECT_EQ(Upload({.names = {bench_.folder + "/missing.jpg"}}), kExitNotFound);
}

TEST_F(UploadTest, TheServerDecidesIfAskedTo) {
  EXPECT_EQ(Upload({.names = {bench_.Write("notes.txt", "text")}, .all = true}), kExitOk);
  EXPECT_EQ(client_.uploads, 1);
}

TEST_F(UploadTest, EqualBytesAreOneImage) {
  Photo("a.png", "same");
  Photo("b.png", "same");
  EXPECT_EQ(Upload({.jobs = 1}), kExitOk);
  EXPECT_EQ(client_.images.size(), 1u);
  EXPECT_EQ(client_.uploads, 1);
  EXPECT_THAT(bench_.err, HasSubstr("1 stored"));
  EXPECT_THAT(bench_.err, HasSubstr("1 there already"));
}

TEST_F(UploadTest, ABusyServerIsAskedAgain) {
  Photo("a.png", "a");
  client_.on_upload = [&](const v1::UploadHeader&) {
    return client_.uploads < 3 ? Overloaded("busy", absl::Milliseconds(1)) : absl::OkStatus();
  };
  EXPECT_EQ(Upload(), kExitOk);
  EXPECT_EQ(client_.uploads, 3);
}

TEST_F(UploadTest, AServerThatStaysAwayEndsTheRun) {
  for (int i = 0; i < 50; ++i) Photo(std::to_string(i) + ".png", std::to_string(i));
  client_.on_upload = [](const v1::UploadHeader&) { return Away(); };
  EXPECT_EQ(Upload({.jobs = 1, .retry_for = absl::ZeroDuration()}), kExitAway);
  EXPECT_EQ(client_.uploads, 1);
  EXPECT_THAT(bench_.err, HasSubstr("gave up: the same command again goes on from here"));
}

TEST_F(UploadTest, AServerThatIsAwayForTheJournalsQuestionEndsTheRunToo) {
  for (int i = 0; i < 5; ++i) Photo(std::to_string(i) + ".png", std::to_string(i));
  EXPECT_EQ(Upload(), kExitOk);
  client_.get_error = Away();
  client_.gets = 0;
  EXPECT_EQ(Upload({.jobs = 1, .retry_for = absl::ZeroDuration()}), kExitAway);
  EXPECT_EQ(client_.gets, 1);
}

TEST_F(UploadTest, AnImageThatCouldNotBeProcessedIsAFailure) {
  Photo("a.png", "a");
  EXPECT_EQ(Upload(), kExitOk);
  v1::Image& image = client_.images.begin()->second;
  image.set_state(v1::FAILED);
  image.set_failure_reason("it is cut off");
  EXPECT_EQ(Upload(), kExitFailed);
  EXPECT_THAT(bench_.err, HasSubstr("can not be processed: it is cut off"));
}

TEST_F(UploadTest, AnInterruptedRunSaysSoAndCountsNoFailure) {
  for (int i = 0; i < 20; ++i) Photo(std::to_string(i) + ".png", std::to_string(i));
  client_.on_upload = [&](const v1::UploadHeader&) {
    if (client_.uploads < 3) return absl::OkStatus();
    bench_.stop->Cancel();
    return absl::CancelledError("cancelled");
  };
  EXPECT_EQ(Upload({.jobs = 1}), kExitInterrupted);
  EXPECT_THAT(bench_.err, HasSubstr("2 stored"));
  EXPECT_THAT(bench_.err, HasSubstr("interrupted"));
  EXPECT_THAT(bench_.err, Not(HasSubstr("failed")));
}

TEST_F(UploadTest, AJournalThatBreaksStopsNothing) {
  class Broken final : public Journal {
    absl::StatusOr<std::optional<SentFile>> FindFile(const FileStamp&) override {
      return absl::InternalError("journal broken");
    }
    absl::StatusOr<std::optional<SentFile>> FindDigest(const Digest&) override {
      return absl::InternalError("journal broken");
    }
    absl::Status Record(const FileStamp&, const SentFile&) override {
      return absl::InternalError("journal broken");
    }
    absl::Status Forget(const std::string&) override { return absl::OkStatus(); }
  };
  Photo("a.png", "a");
  Photo("b.png", "b");
  Broken broken;
  EXPECT_EQ(RunUpload(bench_.program, client_, broken, {.names = {bench_.folder + "/photos"}}),
            kExitOk);
  EXPECT_EQ(client_.images.size(), 2u);
  EXPECT_EQ(bench_.err.find("journal broken"), bench_.err.rfind("journal broken"));
}

TEST_F(UploadTest, NamesThatAreNotUtf8AreSentCleaned) {
  Photo("a\xFF\033[31m.png", "a");
  EXPECT_EQ(Upload(), kExitOk);
  EXPECT_EQ(client_.images.begin()->second.filename(), "a\xEF\xBF\xBD\033[31m.png");
  EXPECT_EQ(bench_.out.find('\033'), std::string::npos);
}

TEST(UploadJson, IsOneObjectAFileAndASummary) {
  Bench bench({.json = true});
  FakeClient client;
  const std::string good = bench.Write("good.png", Png("x"));
  EXPECT_EQ(RunUpload(bench.program, client, *NoJournal(),
                      {.names = {good, bench.folder + "/missing.png"}, .jobs = 1}),
            kExitFailed);
  std::istringstream lines(bench.out);
  std::map<std::string, nlohmann::json> by_result;
  nlohmann::json last;
  for (std::string line; std::getline(lines, line);) {
    last = nlohmann::json::parse(line);
    by_result[last.value("result", last.value("type", ""))] = last;
  }
  EXPECT_EQ(by_result.at("stored")["path"], good);
  EXPECT_EQ(by_result.at("stored")["sha256"], Digest::Of(Png("x")).hex());
  EXPECT_EQ(by_result.at("failed")["reason"], "NO_SUCH_FILE");
  EXPECT_EQ(last["type"], "summary");
  EXPECT_EQ(last["stored"], 1);
  EXPECT_EQ(last["failed"], 1);
  EXPECT_EQ(last["complete"], true);
}

TEST(ImageNames, AreToldByTheirEnding) {
  EXPECT_TRUE(LooksLikeImageName("a/b.JPG"));
  EXPECT_TRUE(LooksLikeImageName("b.tiff"));
  EXPECT_FALSE(LooksLikeImageName("b.txt"));
  EXPECT_FALSE(LooksLikeImageName("jpg"));
}

}  // namespace
}  // namespace stockroom::cli
