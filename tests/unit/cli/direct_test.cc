// upload --direct, uploads, original-url.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/command_line.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/upload_file.h"

namespace stockroom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class DirectTest : public ::testing::Test {
 protected:
  int Upload(const std::string& way, absl::Duration retry_for = absl::Minutes(1)) {
    UploadArgs args;
    args.names = {file_};
    args.direct = way;
    args.retry_for = retry_for;
    args.header.set_title("A title");
    bench_.out.clear();
    bench_.err.clear();
    const std::unique_ptr<Journal> journal = NoJournal();
    return RunUpload(bench_.program, client_, *journal, args);
  }

  Bench bench_;
  FakeClient client_;
  const std::string bytes_ = Png("some bytes of a picture");
  const std::string file_ = bench_.Write("photos/a.png", bytes_);
};

TEST_F(DirectTest, SendsTheBytesToTheFileServerAndCompletes) {
  EXPECT_EQ(Upload("put"), kExitOk) << bench_.err;
  ASSERT_EQ(client_.announced.size(), 1u);
  const v1::CreateUploadRequest& request = client_.announced[0].second;
  EXPECT_EQ(request.title(), "A title");
  EXPECT_EQ(request.filename(), "a.png");
  EXPECT_EQ(request.sha256(), Digest::Of(bytes_).hex());
  EXPECT_EQ(request.size_bytes(), static_cast<int64_t>(bytes_.size()));
  ASSERT_EQ(bench_.http.sendings.size(), 1u);
  EXPECT_EQ(bench_.http.sendings[0].method, "PUT");
  EXPECT_THAT(bench_.http.sendings[0].headers,
              ElementsAre(std::pair<std::string, std::string>("Content-Type", "image/png")));
  EXPECT_EQ(bench_.http.sent, bytes_);
  EXPECT_THAT(client_.completed, ElementsAre("upload-1"));
  EXPECT_THAT(bench_.out, HasSubstr("image-of-upload-1"));
  EXPECT_EQ(client_.uploads, 0) << "nothing went through the api";
}

TEST_F(DirectTest, ByTusGoesOnWhereItWasCut) {
  client_.received = 10;
  EXPECT_EQ(Upload("tus"), kExitOk) << bench_.err;
  EXPECT_EQ(bench_.http.sendings[0].method, "PATCH");
  EXPECT_THAT(bench_.http.sendings[0].headers,
              ::testing::Contains(std::pair<std::string, std::string>("Upload-Offset", "10")));
  EXPECT_EQ(bench_.http.sent, bytes_.substr(10));
  // A second run, after this one was killed, asks under the same key: it gets the same upload.
  client_.received = static_cast<int64_t>(bytes_.size());
  EXPECT_EQ(Upload("tus"), kExitOk);
  EXPECT_EQ(client_.announced[0].first, client_.announced[1].first);
  EXPECT_EQ(bench_.http.sendings.size(), 1u) << "all of it is there";
}

TEST_F(DirectTest, TriesAgainWhenTheLineIsCut) {
  bench_.http.send_breaks_after = 7;
  EXPECT_EQ(Upload("tus"), kExitOk) << bench_.err;
  EXPECT_EQ(bench_.http.sendings.size(), 2u);
  EXPECT_EQ(bench_.http.sent, bytes_);
}

TEST_F(DirectTest, BeginsAnewWhenTheLastUploadOfTheFileIsOver) {
  client_.on_announce = [&](const std::string& key) {
    v1::CreateUploadResponse response;
    response.mutable_upload()->set_id("upload" + key.substr(key.rfind('-')));
    const bool over = key.ends_with("-0");
    response.mutable_upload()->set_state(over ? v1::UPLOAD_ABORTED : v1::UPLOAD_OPEN);
    return response;
  };
  EXPECT_EQ(Upload("tus"), kExitOk) << bench_.err;
  EXPECT_THAT(client_.completed, ElementsAre("upload-1"));
}

TEST_F(DirectTest, SaysWhyAnUploadFailedAndKeepsTheSignatureToItself) {
  client_.complete_error = InvalidArgument("NOT_AN_IMAGE", "the bytes are not an image");
  EXPECT_NE(Upload("put"), kExitOk);
  EXPECT_THAT(bench_.err, HasSubstr("not an image"));
  EXPECT_THAT(bench_.err + bench_.out, Not(HasSubstr("signature")));
}

TEST_F(DirectTest, ListsAndAbortsUploadsAndPrintsUrls) {
  v1::Upload* upload = client_.uploads_page.add_uploads();
  upload->set_id("upload-1");
  upload->set_state(v1::UPLOAD_OPEN);
  upload->set_filename("a.png");
  EXPECT_EQ(RunUploads(bench_.program, client_, {.action = "list"}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("upload-1"));
  EXPECT_THAT(bench_.out, HasSubstr("open"));
  EXPECT_EQ(RunUploads(bench_.program, client_, {.action = "abort", .ids = {"upload-1"}}), kExitOk);
  EXPECT_THAT(client_.aborted, ElementsAre("upload-1"));
  EXPECT_NE(RunUploads(bench_.program, client_, {.action = "abort"}), kExitOk);
  bench_.out.clear();
  EXPECT_EQ(
      RunOriginalUrl(bench_.program, client_, {.id = "image-1", .lifetime = absl::Minutes(15)}),
      kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("http://files/image-1?for=900"));
}

TEST_F(DirectTest, IsReadFromTheCommandLine) {
  const auto direct = [](std::vector<const char*> words) {
    words.insert(words.begin(), {"stockroom", "upload"});
    const ParsedCommandLine parsed = ParseCommandLine(static_cast<int>(words.size()), words.data());
    EXPECT_FALSE(parsed.exit_code.has_value()) << parsed.text;
    return parsed.invocation.upload;
  };
  EXPECT_EQ(direct({"a.png"}).direct, "");
  EXPECT_EQ(direct({"--direct=put", "a.png"}).direct, "put");
  EXPECT_EQ(direct({"--direct=tus", "a.png"}).direct, "tus");
  EXPECT_EQ(direct({"--direct", "a.png"}).direct, "tus");
  EXPECT_THAT(direct({"--direct", "a.png"}).names, ElementsAre("a.png"));
}

}  // namespace
}  // namespace stockroom::cli
