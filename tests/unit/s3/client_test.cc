#include "services/common/s3/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "services/common/base/status.h"
#include "tests/support/memory_s3.h"
#include "tests/support/temp_folder.h"

namespace stockroom::s3 {
namespace {

using ::testing::HasSubstr;
using testing::MemoryS3;
using ::testing::Not;

TEST(S3Address, KnowsBothStyles) {
  const auto parse = [](std::string_view url, Style style = Style::kAuto) {
    return Address::Parse(url, style, false);
  };
  const absl::StatusOr<Address> aws = parse("https://s3.eu-west-1.amazonaws.com/bucket/some/where");
  ASSERT_TRUE(aws.ok()) << aws.status();
  EXPECT_EQ(aws->host(), "bucket.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(aws->PathOf("blobs/x"), "/some/where/blobs/x");
  EXPECT_EQ(aws->BucketPath(), "/");
  EXPECT_EQ(parse("https://s3.amazonaws.com/my.bucket")->host(), "s3.amazonaws.com");
  const absl::StatusOr<Address> minio = parse("http://127.0.0.1:9000/bucket/");
  ASSERT_TRUE(minio.ok()) << minio.status();
  EXPECT_EQ(minio->host(), "127.0.0.1:9000");
  EXPECT_EQ(minio->PathOf("x"), "/bucket/x");
  EXPECT_EQ(parse("https://minio:9000/bucket", Style::kVirtual)->host(), "bucket.minio:9000");
}

TEST(S3Address, LeavesOutThePortThatGoesWithoutSaying) {
  const auto host = [](std::string_view url) {
    return Address::Parse(url, Style::kAuto, true).value().host();
  };
  EXPECT_EQ(host("https://minio:443/bucket"), "minio");
  EXPECT_EQ(host("http://minio:80/bucket"), "minio");
  EXPECT_EQ(host("http://[::1]:80/bucket"), "[::1]");
  EXPECT_EQ(host("https://minio:80/bucket"), "minio:80");
  EXPECT_EQ(host("https://minio:8443/bucket"), "minio:8443");
  EXPECT_EQ(host("https://s3.eu-west-1.amazonaws.com:443/bucket"),
            "bucket.s3.eu-west-1.amazonaws.com");
}

TEST(S3Address, RefusesWhatIsNoAddressOfABucket) {
  for (const char* url : {"", "s3://bucket", "https://host", "https://host/", "https:///bucket",
                          "https://key:secret@host/bucket", "https://host/bucket?x=y",
                          "https://host/b%2Fucket", "https://host/bucket/a//b",
                          "https://host/bucket/../x", "https://host/..", "https://ho st/bucket"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Address::Parse(url, Style::kAuto, false).status())) << url;
  }
  EXPECT_FALSE(Address::Parse("http://minio/bucket", Style::kAuto, false).ok());
  EXPECT_TRUE(Address::Parse("http://minio/bucket", Style::kAuto, true).ok());
}

TEST(S3Credentials, AreReadFromAFileAndNeverShown) {
  const testing::TempFolder folder;
  const std::string file = folder.file("credentials");
  std::ofstream(file) << "# comment\n[other]\naws_access_key_id = wrong\n[default]\n"
                         "aws_access_key_id = AKID\naws_secret_access_key=s3cr=t\n";
  auto source = CredentialSource::Create(file);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->Get().access_key, "AKID");
  EXPECT_EQ((*source)->Get().secret_key, "s3cr=t");
  std::ofstream(file) << "[default]\naws_secret_access_key=s3cr=t\nnonsense\n";
  const absl::Status status = CredentialSource::Create(file).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.ToString(), Not(HasSubstr("s3cr")));
  EXPECT_THAT(CredentialSource::Create("/nowhere").status().ToString(), HasSubstr("/nowhere"));
  ::unsetenv("AWS_ACCESS_KEY_ID");
  EXPECT_THAT(CredentialSource::Create("").status().ToString(), HasSubstr("AWS_ACCESS_KEY_ID"));
}

class S3ClientTest : public ::testing::Test {
 protected:
  static Client::Options Options() {
    return {.address = Address::Parse("http://127.0.0.1/bucket/pre", Style::kAuto, false).value(),
            .sleep = [](absl::Duration) {}};
  }
  // The client has learned what time it is before a test begins.
  S3ClientTest() {
    EXPECT_TRUE(client_.CheckBucket().ok());
    server_.ClearLog();
  }
  absl::StatusOr<PutResult> Put(const std::string& key, const std::string& bytes) {
    return client_.Put(key, TextBody(bytes), {.metadata = {{"a", "b"}}, .md5 = {}});
  }
  // Refuses the next `times` requests.
  void FailNext(int times, HttpResponse answer) {
    const auto left = std::make_shared<int>(times);
    server_.SetFault(
        [left, answer](const HttpRequest&,
                       const std::string&) -> std::optional<absl::StatusOr<HttpResponse>> {
          if ((*left)-- <= 0) return std::nullopt;
          return answer;
        });
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  MemoryS3 server_{{.clock = &clock_}};
  Metrics metrics_;
  const std::unique_ptr<CredentialSource> credentials_ =
      CredentialSource::Fixed({.access_key = "key", .secret_key = "secret", .session_token = ""});
  Client client_{Options(), server_, *credentials_, metrics_};
};

TEST_F(S3ClientTest, StoresAndReadsBelowItsPrefix) {
  ASSERT_TRUE(Put("x/y z+%", "0123456789").ok());
  EXPECT_EQ(server_.Keys(), std::vector<std::string>{"pre/x/y z+%"});
  const absl::StatusOr<ObjectInfo> info = client_.Head("x/y z+%");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->size, 10);
  EXPECT_EQ(info->Metadata("a"), "b");
  EXPECT_EQ(info->modified, clock_.Now());
  EXPECT_EQ(client_.Get("x/y z+%", 3, 4)->bytes, "3456");
  EXPECT_EQ(client_.Get("x/y z+%", 8, 100)->bytes, "89");
  EXPECT_EQ(client_.Get("x/y z+%", 8, 100)->info.size, 10);
  EXPECT_TRUE(absl::IsOutOfRange(client_.Get("x/y z+%", 10, 1).status()));
  EXPECT_TRUE(absl::IsAborted(client_.Get("x/y z+%", 0, 1, "other").status()));
  EXPECT_TRUE(absl::IsNotFound(client_.Get("none", 0, 1).status()));
  EXPECT_TRUE(client_.Delete("x/y z+%").ok());
  EXPECT_TRUE(client_.Delete("x/y z+%").ok());
  EXPECT_TRUE(absl::IsNotFound(client_.Head("x/y z+%").status()));
}

TEST_F(S3ClientTest, StoresNothingOverSomethingIfAskedNotTo) {
  const TextBody body("bytes");
  ASSERT_TRUE(client_.Put("x", body, {.metadata = {}, .if_none_match = true, .md5 = {}}).ok());
  const absl::Status again =
      client_.Put("x", body, {.metadata = {}, .if_none_match = true, .md5 = {}}).status();
  EXPECT_TRUE(absl::IsAborted(again)) << again;
}

TEST_F(S3ClientTest, TriesAgainWhatPassesAndNothingElse) {
  for (const auto& [status, code] :
       std::vector<std::pair<int, std::string>>{{500, "InternalError"},
                                                {503, "SlowDown"},
                                                {429, "TooManyRequests"},
                                                {400, "RequestTimeout"},
                                                {409, "ConditionalRequestConflict"},
                                                {400, "BadDigest"}}) {
    FailNext(2, server_.Refuse(status, code));
    EXPECT_TRUE(Put("x", "bytes").ok()) << code;
    FailNext(100, server_.Refuse(status, code));
    server_.ClearLog();
    const absl::Status given_up = Put("x", "bytes").status();
    EXPECT_TRUE(absl::IsUnavailable(given_up)) << given_up;
    EXPECT_EQ(server_.Log().size(), 4u) << code;
    server_.SetFault(nullptr);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(client_.CheckBucket().ok());
  }
  for (const auto& [status, code, reason] : std::vector<std::tuple<int, std::string, std::string>>{
           {403, "AccessDenied", "S3_ACCESS_DENIED"},
           {403, "SignatureDoesNotMatch", "S3_CREDENTIALS"},
           {403, "InvalidAccessKeyId", "S3_CREDENTIALS"},
           {400, "ExpiredToken", "S3_CREDENTIALS"},
           {404, "NoSuchBucket", "S3_NO_SUCH_BUCKET"},
           {301, "PermanentRedirect", "S3_WRONG_REGION"},
           {307, "TemporaryRedirect", "S3_WRONG_REGION"},
           {400, "AuthorizationHeaderMalformed", "S3_WRONG_REGION"},
           {412, "PreconditionFailed", "S3_PRECONDITION"},
           {400, "EntityTooLarge", "S3_TOO_LARGE"},
           {507, "InsufficientStorage", "S3_QUOTA"},
           {403, "QuotaExceeded", "S3_QUOTA"},
           {501, "NotImplemented", "S3_NOT_IMPLEMENTED"},
           {418, "Teapot", "S3_REFUSED"}}) {
    FailNext(1, server_.Refuse(status, code, {{"x-amz-bucket-region", "eu-north-1"}}));
    server_.ClearLog();
    const absl::Status refused = Put("x", "bytes").status();
    EXPECT_EQ(DetailsOf(refused).reason, reason) << refused;
    EXPECT_EQ(server_.Log().size(), 1u) << code;
    if (reason == "S3_WRONG_REGION") {
      EXPECT_THAT(refused.ToString(), HasSubstr("eu-north-1"));
    }
  }
}

TEST_F(S3ClientTest, SendsOnceOnlyWhileTheServerFailsForEverybody) {
  FailNext(1'000'000, server_.Refuse(503, "SlowDown"));
  for (int i = 0; i < 40; ++i) EXPECT_FALSE(Put("x", "bytes").ok());
  server_.ClearLog();
  EXPECT_FALSE(Put("x", "bytes").ok());
  EXPECT_EQ(server_.Log().size(), 1u);
  server_.SetFault(nullptr);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Put("x", "bytes").ok());
  FailNext(1, server_.Refuse(503, "SlowDown"));
  EXPECT_TRUE(Put("x", "bytes").ok()) << "successes earn repetitions";
}

TEST_F(S3ClientTest, WaitsAsLongAsTheServerAsks) {
  std::vector<absl::Duration> waits;
  Client::Options options = Options();
  options.sleep = [&](absl::Duration wait) { waits.push_back(wait); };
  Client client(options, server_, *credentials_, metrics_);
  for (const char* seconds : {"3", "999999"}) {
    FailNext(1, server_.Refuse(503, "SlowDown", {{"retry-after", seconds}}));
    EXPECT_TRUE(client.CheckBucket().ok());
  }
  ASSERT_EQ(waits.size(), 2u);
  EXPECT_EQ(waits[0], absl::Seconds(3));
  EXPECT_EQ(waits[1], absl::Seconds(10));
}

TEST_F(S3ClientTest, SetsItsClockByTheServers) {
  // In 2023 for the server: whatever this machine thinks, the second attempt is right. What a HEAD
  // was refused for is not said.
  for (const bool head : {false, true}) {
    Client client(Options(), server_, *credentials_, metrics_);
    server_.ClearLog();
    const absl::Status status = head ? client.Head("x").status() : client.CheckBucket();
    EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
    EXPECT_LT(absl::AbsDuration(client.clock().Now() - clock_.Now()), absl::Seconds(2));
    EXPECT_EQ(server_.Log().size(), 2u);
  }
}

TEST_F(S3ClientTest, SaysSoWhenClocksCanNotBeReconciled) {
  server_.SetFault([&](const HttpRequest&, const std::string&) {
    return server_.Refuse(403, "RequestTimeTooSkewed");
  });
  const absl::Status status = Put("x", "bytes").status();
  EXPECT_EQ(DetailsOf(status).reason, "S3_CLOCK") << status;
  EXPECT_THAT(status.ToString(), HasSubstr("NTP"));
}

TEST_F(S3ClientTest, BelievesNoListThatNeverEndsOrHoldsWhatWasNotAskedFor) {
  const auto answer = [&](const std::string& xml) {
    HttpResponse response = server_.Refuse(200, "x");
    response.body = xml;
    FailNext(100, response);
    return client_.List({.prefix = "blobs/", .start_after = "blobs/b"}).status();
  };
  const std::string good =
      "<Contents><Key>pre/blobs/c</Key><LastModified>2023-11-14T22:13:20.500Z</LastModified>"
      "<ETag>e</ETag><Size>1</Size></Contents>";
  const auto list = [](const std::string& truncated, const std::string& inside) {
    return "<ListBucketResult><IsTruncated>" + truncated + "</IsTruncated>" + inside +
           "</ListBucketResult>";
  };
  EXPECT_TRUE(answer(list("false", good)).ok());
  EXPECT_TRUE(answer(list("true", good)).ok());
  for (const std::string& xml :
       {list("true", ""), list("false", "<Contents><Key>other</Key></Contents>"),
        list("false", "<Contents><Key>pre/x</Key><Size>-1</Size></Contents>"),
        list("false", "<Contents><Key>pre/x</Key><Size>1</Size></Contents>"),
        list("false", "<CommonPrefixes><Prefix>pre/x</Prefix></CommonPrefixes>"),
        std::string("<Error><Code>x</Code></Error>"), std::string("<html/>"), std::string()}) {
    const absl::Status status = answer(xml);
    EXPECT_EQ(DetailsOf(status).reason, "S3_NONSENSE") << xml << status;
  }
}

TEST_F(S3ClientTest, BelievesNoOtherRangeThanItAskedFor) {
  ASSERT_TRUE(Put("x", "0123456789").ok());
  const HttpResponse good = [&] {
    HttpResponse response = server_.Refuse(206, "x");
    response.headers.emplace_back("etag", "\"e\"");
    response.headers.emplace_back("last-modified", "Tue, 14 Nov 2023 22:13:20 GMT");
    response.headers.emplace_back("content-range", "bytes 2-4/10");
    response.body = "234";
    return response;
  }();
  FailNext(1, good);
  EXPECT_EQ(client_.Get("x", 2, 3)->bytes, "234");
  for (const char* range :
       {"bytes 1-3/10", "bytes 2-5/10", "bytes 2-4/4", "bytes 2-4/*", "bytes"}) {
    HttpResponse bad = good;
    bad.headers.back().second = range;
    FailNext(100, bad);
    EXPECT_EQ(DetailsOf(client_.Get("x", 2, 3).status()).reason, "S3_NONSENSE") << range;
  }
  HttpResponse whole = good;
  whole.status = 200;
  FailNext(100, whole);
  EXPECT_EQ(DetailsOf(client_.Get("x", 2, 3).status()).reason, "S3_NONSENSE");
  EXPECT_EQ(DetailsOf(client_.Get("x", 0, 2).status()).reason, "S3_NONSENSE");
  // Asked for from the beginning, the whole is right as long as it is whole.
  const auto sized = [&](const std::string& body, const std::string& length) {
    HttpResponse response = whole;
    response.body = body;
    for (auto& [name, value] : response.headers) {
      if (name == "content-length") value = length;
    }
    FailNext(100, response);
    return client_.Get("x", 0, 3).status();
  };
  EXPECT_TRUE(sized("012", "3").ok());
  EXPECT_EQ(DetailsOf(sized("", "0")).reason, "S3_NONSENSE");
  EXPECT_EQ(DetailsOf(sized("", "3")).reason, "S3_NONSENSE");
  EXPECT_EQ(DetailsOf(sized("01", "3")).reason, "S3_NONSENSE");
}

TEST_F(S3ClientTest, DeletesOneByOneWhereTheServerCanNotDoMore) {
  MemoryS3 plain({.clock = &clock_, .delete_many = false});
  Client client(Options(), plain, *credentials_, metrics_);
  for (const char* key : {"a", "b<&>", "c"}) {
    ASSERT_TRUE(client.Put(key, TextBody("x"), {.metadata = {}, .md5 = {}}).ok());
    ASSERT_TRUE(Put(key, "x").ok());
  }
  EXPECT_TRUE(client.DeleteMany({"a", "b<&>"}).ok());
  EXPECT_EQ(plain.Keys(), std::vector<std::string>{"pre/c"});
  EXPECT_TRUE(client_.DeleteMany({"a", "b<&>"}).ok());
  EXPECT_EQ(server_.Keys(), std::vector<std::string>{"pre/c"});
}

TEST_F(S3ClientTest, SendsNoDeletionWhoseTimeIsOverAndTheServerTakesNone) {
  ASSERT_TRUE(Put("x", "bytes").ok());
  const absl::Time now = clock_.Now();
  const absl::Status over =
      client_.Delete("x", Fence{.from = now - absl::Seconds(61), .lasts = absl::Seconds(60)});
  EXPECT_EQ(DetailsOf(over).reason, "S3_FENCE_OVER") << over;
  clock_.Advance(absl::Seconds(61));
  EXPECT_FALSE(client_.Delete("x", Fence{.from = now, .lasts = absl::Seconds(60)}).ok());
  EXPECT_TRUE(client_.Delete("x", Fence{.from = now, .lasts = absl::Seconds(90)}).ok());
}

TEST_F(S3ClientTest, SendsWhatIsFencedOnce) {
  FailNext(100, server_.Refuse(503, "SlowDown"));
  const absl::Status status =
      client_.Delete("x", Fence{.from = clock_.Now(), .lasts = absl::Seconds(60)});
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(server_.Log().size(), 1u);
}

TEST_F(S3ClientTest, PresignsForWhoeverHasNoKeys) {
  ASSERT_TRUE(Put("x", "bytes").ok());
  const std::string url =
      client_.Presign("GET", "x", {{"response-content-type", "image/png"}}, {}, absl::Minutes(5));
  const auto status_of = [&](const std::string& method, const std::string& at) {
    return server_.Send({.method = method, .url = at, .headers = {}})->status;
  };
  EXPECT_EQ(status_of("GET", url), 200);
  EXPECT_EQ(status_of("PUT", url), 403);
  for (size_t i = url.find("/bucket"); i < url.size(); ++i) {
    std::string changed = url;
    changed[i] = changed[i] == 'a' ? 'b' : 'a';
    EXPECT_NE(status_of("GET", changed), 200) << changed;
  }
  clock_.Advance(absl::Minutes(6));
  EXPECT_EQ(status_of("GET", url), 403);
}

TEST_F(S3ClientTest, PutsPartsTogether) {
  const PutOptions options{.metadata = {{"a", "b"}}, .md5 = {}};
  const absl::StatusOr<std::string> upload = client_.CreateUpload("x", options);
  ASSERT_TRUE(upload.ok()) << upload.status();
  std::vector<UploadedPart> parts;
  for (const int number : {1, 2}) {
    const TextBody part(number == 1 ? "first " : "second");
    const absl::StatusOr<UploadedPart> sent = client_.UploadPart("x", *upload, number, part);
    ASSERT_TRUE(sent.ok()) << sent.status();
    parts.push_back(*sent);
  }
  ASSERT_TRUE(client_.CompleteUpload("x", *upload, parts, options).ok());
  EXPECT_EQ(client_.Get("x", 0, 100)->bytes, "first second");
  EXPECT_EQ(client_.Head("x")->Metadata("a"), "b");
  EXPECT_TRUE(absl::IsNotFound(client_.CompleteUpload("x", *upload, parts, options).status()));
  EXPECT_TRUE(client_.AbortUpload("x", *upload).ok());
}

TEST_F(S3ClientTest, ReadsTheErrorBehindAnAnswerThatBeganWell) {
  const PutOptions options{.metadata = {}, .md5 = {}};
  const std::string upload = client_.CreateUpload("x", options).value();
  const std::vector<UploadedPart> parts = {
      client_.UploadPart("x", upload, 1, TextBody("bytes")).value()};
  FailNext(100, server_.Refuse(200, "InternalError"));
  EXPECT_TRUE(absl::IsUnavailable(client_.CompleteUpload("x", upload, parts, options).status()));
  FailNext(100, server_.Refuse(200, "PreconditionFailed"));
  EXPECT_TRUE(absl::IsAborted(client_.CompleteUpload("x", upload, parts, options).status()));
  EXPECT_FALSE(server_.Has("pre/x"));
}

}  // namespace
}  // namespace stockroom::s3
