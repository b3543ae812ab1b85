#include "services/api/gateway/tus_creation.h"

#include "absl/strings/escaping.h"
#include "tests/unit/gateway/gateway_fixture.h"

namespace stockroom::api {
namespace {

std::string Metadata(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string header = "Upload-Metadata: ";
  for (size_t i = 0; i < pairs.size(); ++i) {
    header += (i == 0 ? "" : ",") + pairs[i].first;
    if (!pairs[i].second.empty()) header += " " + absl::Base64Escape(pairs[i].second);
  }
  return header + "\r\n";
}

class TusCreationTest : public GatewayTest {
 protected:
  TusCreationTest() {
    answer_.mutable_upload()->set_id("u1");
    answer_.mutable_upload()->mutable_expire_time()->set_seconds(1'600'000'000);
    answer_.mutable_urls()->set_tus_url("https://files.example/incoming/u1?size=9&signature=s");
    more_ = UnaryMethod{
        .descriptor = Method("UploadService.CreateUpload"),
        .call = [this](const CallContext& context, const Principal& who,
                       const google::protobuf::Message& request) -> absl::StatusOr<MessagePtr> {
          key_ = context.idempotency_key;
          subject_ = who.subject;
          asked_ = dynamic_cast<const pb::CreateUploadRequest&>(request);
          ++asked_times_;
          if (!error_.ok()) return error_;
          return std::make_unique<pb::CreateUploadResponse>(answer_);
        }};
  }

  RawResponse Create(const std::string& headers = "", const std::string& body = "") {
    return Ask("POST /v1/uploads/tus",
               "Tus-Resumable: 1.0.0\r\nUpload-Length: 9\r\n" + headers +
                   (body.empty() ? "Content-Length: 0\r\n" : ""),
               body);
  }

  pb::CreateUploadResponse answer_;
  pb::CreateUploadRequest asked_;
  int asked_times_ = 0;
  absl::Status error_;
};

TEST_F(TusCreationTest, AnswersWithTheUrlOfTheUpload) {
  Start();
  const RawResponse created = Create("Idempotency-Key: k1\r\n");
  EXPECT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(created.Header("Location"), "https://files.example/incoming/u1?size=9&signature=s");
  EXPECT_EQ(created.Header("Upload-Expires"), "Sun, 13 Sep 2020 12:26:40 GMT");
  EXPECT_EQ(created.Header("Tus-Resumable"), "1.0.0");
  EXPECT_EQ(created.Header("Cache-Control"), "no-store");
  EXPECT_EQ(created.body, "");
  EXPECT_EQ(asked_.size_bytes(), 9);
  EXPECT_EQ(key_, "k1");
}

TEST_F(TusCreationTest, MetadataDescribesTheImage) {
  Start();
  ASSERT_EQ(Create(Metadata({{"filename", "häuser.png"},
                             {"content_type", "image/png"},
                             {"title", "Houses"},
                             {"tags", "old town, harbour"},
                             {"visibility", "PRIVATE"},
                             {"sha256", std::string(64, 'a')},
                             {"expires_in_seconds", "60"},
                             {"allow_duplicate", "true"},
                             {"attributes.camera", "none"}}))
                .status,
            201);
  EXPECT_EQ(asked_.filename(), "häuser.png");
  EXPECT_EQ(asked_.content_type(), "image/png");
  EXPECT_EQ(asked_.title(), "Houses");
  EXPECT_THAT(asked_.tags(), ElementsAre("old town", "harbour"));
  EXPECT_EQ(asked_.visibility(), pb::PRIVATE);
  EXPECT_EQ(asked_.sha256(), std::string(64, 'a'));
  EXPECT_EQ(asked_.expires_in_seconds(), 60);
  EXPECT_TRUE(asked_.allow_duplicate());
  EXPECT_EQ(asked_.attributes().at("camera"), "none");
}

TEST_F(TusCreationTest, TakesWhatClientsSendOfTheirOwnAccord) {
  Start();
  ASSERT_EQ(Create(Metadata({{"relativePath", "null"},
                             {"name", "one.jpg"},
                             {"type", "image/JPEG; q=1"},
                             {"caption", ""},
                             {"license", ""}}))
                .status,
            201);
  EXPECT_EQ(asked_.filename(), "one.jpg");
  EXPECT_EQ(asked_.content_type(), "image/jpeg");
  ASSERT_EQ(
      Create(Metadata({{"name", "theirs"}, {"filename", "ours"}, {"filetype", "a/b"}})).status,
      201);
  EXPECT_EQ(asked_.filename(), "ours");
  EXPECT_EQ(asked_.content_type(), "a/b");
}

TEST_F(TusCreationTest, OnlyUploadLengthSaysTheSize) {
  Start();
  ASSERT_EQ(Create(Metadata({{"size_bytes", "1"}})).status, 201);
  EXPECT_EQ(asked_.size_bytes(), 9);
  ASSERT_EQ(Create(Metadata({{"sizeBytes", "1"}})).status, 201);
  EXPECT_EQ(asked_.size_bytes(), 9);
}

TEST_F(TusCreationTest, RefusesWhatItDoesNotUnderstand) {
  Start();
  const auto ask = [this](const std::string& headers) {
    return Ask("POST /v1/uploads/tus", headers + "Content-Length: 0\r\n").status;
  };
  const std::string version = "Tus-Resumable: 1.0.0\r\n";
  EXPECT_EQ(ask(version), 400) << "no length";
  EXPECT_EQ(ask(version + "Upload-Length: -1\r\n"), 400);
  EXPECT_EQ(ask(version + "Upload-Length: 9x\r\n"), 400);
  EXPECT_EQ(ask(version + "Upload-Length: 99999999999999999999\r\n"), 400);
  EXPECT_EQ(ask(version + "Upload-Length: 9\r\nUpload-Length: 9\r\n"), 400);
  EXPECT_EQ(ask(version + "Upload-Defer-Length: 1\r\n"), 400);
  EXPECT_EQ(Create("Upload-Concat: partial\r\n").status, 400);
  EXPECT_EQ(Create("Upload-Metadata: filename !\r\n").status, 400);
  EXPECT_EQ(Create("Upload-Metadata: filename YQ==,filename YQ==\r\n").status, 400);
  EXPECT_EQ(Create("Upload-Metadata: ,\r\n").status, 400);
  EXPECT_EQ(Create(Metadata({{"visibility", "EVERYBODY"}})).status, 400);
  EXPECT_EQ(Create(Metadata({{"title", "\xff"}})).status, 400) << "no UTF-8";
  EXPECT_EQ(Create(Metadata({{"attributes.", "x"}})).status, 400);
  EXPECT_EQ(Create("", "123456789").status, 400) << "bytes do not come here";
  EXPECT_EQ(asked_times_, 0);
}

TEST_F(TusCreationTest, AnotherVersionIsToldWhichOneIsSpoken) {
  Start();
  for (const std::string version : {"", "Tus-Resumable: 0.2.2\r\n"}) {
    const RawResponse refused =
        Ask("POST /v1/uploads/tus", version + "Upload-Length: 9\r\nContent-Length: 0\r\n");
    EXPECT_EQ(refused.status, 412);
    EXPECT_EQ(refused.Header("Tus-Version"), "1.0.0");
    EXPECT_THAT(refused.body, HasSubstr("TUS_VERSION"));
  }
  EXPECT_EQ(asked_times_, 0);
}

TEST_F(TusCreationTest, ErrorsAreThoseOfCreateUploadAsProblems) {
  Start();
  error_ = MakeStatus(absl::StatusCode::kOutOfRange, "too large", {.reason = "TOO_LARGE"});
  const RawResponse large = Create();
  EXPECT_EQ(large.status, 413);
  EXPECT_EQ(large.Header("Content-Type"), "application/problem+json");
  EXPECT_EQ(large.Header("Tus-Resumable"), "1.0.0");
  error_ = MakeStatus(absl::StatusCode::kResourceExhausted, "full", {.reason = "QUOTA_EXCEEDED"});
  EXPECT_EQ(Create().status, 507);
  error_ = MakeStatus(absl::StatusCode::kResourceExhausted, "many", {.reason = "TOO_MANY_UPLOADS"});
  EXPECT_EQ(Create().status, 429);
  error_ = MakeStatus(absl::StatusCode::kResourceExhausted, "full",
                      {.reason = "QUEUE_FULL", .retry_after = absl::Seconds(2)});
  const RawResponse full = Create();
  EXPECT_EQ(full.status, 503) << "tus clients come back after 5xx only";
  EXPECT_EQ(full.Header("Retry-After"), "2");
  EXPECT_THAT(full.body, HasSubstr("QUEUE_FULL"));
}

TEST_F(TusCreationTest, AnUploadThatHasEndedIsNotCreatedAgain) {
  answer_.clear_urls();
  Start();
  const RawResponse ended = Create("Idempotency-Key: k1\r\n");
  EXPECT_EQ(ended.status, 400);
  EXPECT_THAT(ended.body, HasSubstr("UPLOAD_ENDED"));
}

TEST_F(TusCreationTest, NeedsTheScopeOfCreateUpload) {
  Principal reader{.subject = "ann", .anonymous = false, .scopes = Scope::kRead};
  Principal writer{.subject = "bob", .anonymous = false, .scopes = Scope::kWrite};
  authenticator_.known = {{"r", reader}, {"w", writer}};
  Start();
  const RawResponse stranger = Create();
  EXPECT_EQ(stranger.status, 401);
  EXPECT_EQ(stranger.Header("Tus-Resumable"), "1.0.0");
  EXPECT_EQ(Create("Authorization: Bearer r\r\n").status, 403);
  EXPECT_EQ(asked_times_, 0);
  EXPECT_EQ(Create("Authorization: Bearer w\r\n").status, 201);
  EXPECT_EQ(subject_, "bob");
}

TEST_F(TusCreationTest, OptionsSayWhatItCanAlsoToPagesOfTrustedOrigins) {
  options_.max_image_bytes = 12345;
  options_.origins.trusted = {"https://photos.example"};
  Start();
  const std::string preflight =
      "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: tus-resumable\r\n";
  const RawResponse told =
      Ask("OPTIONS /v1/uploads/tus", "Origin: https://photos.example\r\n" + preflight);
  EXPECT_EQ(told.status, 204);
  EXPECT_EQ(told.Header("Tus-Version"), "1.0.0");
  EXPECT_EQ(told.Header("Tus-Extension"), "creation,expiration,termination");
  EXPECT_EQ(told.Header("Tus-Max-Size"), "12345");
  EXPECT_EQ(told.Header("Access-Control-Allow-Methods"), "POST");
  EXPECT_EQ(told.Header("Access-Control-Allow-Headers"), "tus-resumable");
  const RawResponse other =
      Ask("OPTIONS /v1/uploads/tus", "Origin: https://evil.example\r\n" + preflight);
  EXPECT_EQ(other.Header("Access-Control-Allow-Methods"), "");
}

}  // namespace
}  // namespace stockroom::api
