#include "tests/unit/gateway/gateway_fixture.h"

namespace stockroom::api {
namespace {

TEST_F(GatewayTest, AnImageHasItsRevisionAsTag) {
  Start();
  const RawResponse whole = Ask("GET /v1/images/i1");
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.Header("ETag"), "\"3\"");
  EXPECT_EQ(Ask("GET /v1/images/i1", "If-None-Match: W/\"3\"\r\n").status, 304);
  EXPECT_EQ(Ask("GET /v1/images/i1", "If-None-Match: \"2\"\r\n").status, 200);
  EXPECT_EQ(Ask("GET /v1/images/i1", "If-Match: \"2\"\r\n").status, 412);
  EXPECT_EQ(Ask("GET /v1/images/i1", "Range: bytes=0-1\r\n").status, 200);
}

TEST_F(GatewayTest, AWriteUnderIfMatchHappensOnlyAtThatRevision) {
  Start();
  const auto patch = [this](const std::string& headers) {
    return Ask("PATCH /v1/images/i1", headers, "{\"title\":\"x\"}");
  };
  EXPECT_EQ(patch("").Header("ETag"), "\"4\"");
  EXPECT_EQ(patch("If-Match: \"3\"\r\n").status, 200);
  EXPECT_EQ(patch("If-Match: *\r\n").status, 200);
  EXPECT_EQ(patch("If-Match: \"2\", \"3\"\r\n").status, 200) << "any of the list";
  EXPECT_EQ(patch("If-Match: \"2\"\r\n").status, 412);
  EXPECT_EQ(patch("If-Match: W/\"3\"\r\n").status, 412) << "weak never matches";
  EXPECT_EQ(patch("If-Match: 3\r\n").status, 400);
}

TEST_F(GatewayTest, AnIdempotencyKeyReachesTheCallAndARepetitionSaysSo) {
  Start();
  const auto patch = [this](const std::string& headers) {
    return Ask("PATCH /v1/images/i1", headers, "{\"title\":\"x\"}");
  };
  EXPECT_EQ(patch("Idempotency-Key: \"first\"\r\n").Header("Idempotency-Replayed"), "");
  EXPECT_EQ(key_, "first");
  EXPECT_EQ(patch("Idempotency-Key: again\r\n").Header("Idempotency-Replayed"), "true");
  EXPECT_EQ(patch("Idempotency-Key: \"a\r\n").status, 400);
}

TEST_F(GatewayTest, AnEmptyStoreIsAnEmptyList) {
  Start();
  const RawResponse response = Ask("GET /images");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "[]");
  EXPECT_EQ(response.Header("Content-Type"), "application/json");
}

TEST_F(GatewayTest, ServesEveryBindingOfAMethod) {
  Start();
  EXPECT_EQ(Ask("GET /images:search?q=a", "X-Request-Id: r1\r\n").status, 200);
  EXPECT_EQ(query_, "a");
  EXPECT_EQ(request_id_, "r1");
  EXPECT_EQ(subject_, "anonymous");
  EXPECT_EQ(Ask("GET /v1/search?q=b").status, 200);
  EXPECT_EQ(query_, "b");
  EXPECT_EQ(
      Ask("POST /v1/search", "Content-Type: application/json; charset=utf-8\r\n", R"({"q":"c"})")
          .status,
      200);
  EXPECT_EQ(query_, "c");
  EXPECT_EQ(Ask("DELETE /v1/search").status, 405);
}

TEST_F(GatewayTest, ErrorsAreProblems) {
  Start();
  const RawResponse unknown = Ask("GET /v1/search?colour=red");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.Header("Content-Type"), "application/problem+json");
  EXPECT_THAT(unknown.body, HasSubstr(R"("field":"colour")"));
  EXPECT_THAT(unknown.body, HasSubstr(R"("code":"INVALID_ARGUMENT")"));
  EXPECT_EQ(Ask("POST /v1/search", "Content-Type: text/plain\r\n", "{}").status, 415);
  EXPECT_EQ(Ask("POST /v1/search", "", std::string((1 << 20) + 1, ' ')).status, 413);
}

TEST_F(GatewayTest, AFullQueueSaysWhenToComeBack) {
  std::promise<void> release;
  hold_ = release.get_future().share();
  Start();
  // One runs, one waits; the gauges say when that is so.
  RawClient running(server_->port());
  RawClient waiting(server_->port());
  const std::string request = "GET /images HTTP/1.1\r\nHost: a\r\n\r\n";
  running.Send(request);
  while (metrics_.GetGauge("stockroom_executor_running", "", {{"executor", "calls"}}).value() < 1) {
    std::this_thread::yield();
  }
  waiting.Send(request);
  while (metrics_.GetGauge("stockroom_executor_queued", "", {{"executor", "calls"}}).value() < 1) {
    std::this_thread::yield();
  }
  const RawResponse refused = Ask("GET /images");
  EXPECT_EQ(refused.status, 429);
  EXPECT_GE(std::stoi(refused.Header("Retry-After")), 1);
  EXPECT_THAT(refused.body, HasSubstr("retry_after_ms"));
  EXPECT_EQ(Ask("GET /v1/search").status, 200) << "what needs no queue goes on";
  release.set_value();
  EXPECT_EQ(running.Receive().status, 200);
  EXPECT_EQ(waiting.Receive().status, 200);
}

TEST_F(GatewayTest, TakesAFileFromAForm) {
  Start();
  const RawResponse response =
      Form("/v1/images", Field("title", "A title") + Field("tags", "a, b") + Field("tags", "c") +
                             Field("attributes[camera]", "x") + Field("visibility", "UNLISTED") +
                             File("whatever", "JPEG\r\n--X") + "--XX--\r\n");
  EXPECT_EQ(response.status, 201) << response.body;
  EXPECT_EQ(response.Header("Location"), "/v1/images/i1");
  EXPECT_EQ(uploads_.bytes, "JPEG\r\n--X");
  EXPECT_EQ(uploads_.header.title(), "A title");
  EXPECT_THAT(uploads_.header.tags(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(uploads_.header.attributes().at("camera"), "x");
  EXPECT_EQ(uploads_.header.visibility(), pb::UNLISTED);
  EXPECT_EQ(uploads_.header.filename(), "a.jpg");
  EXPECT_FALSE(uploads_.header.wait());
  EXPECT_THAT(response.body, HasSubstr("\"image\":{"));
}

TEST_F(GatewayTest, TheOlderRoutesWaitAndAnswerWithTheImageItself) {
  uploads_.response.mutable_image()->set_state(pb::READY);
  Start();
  for (const char* path : {"/images", "/api/v1/image/upload"}) {
    const RawResponse response = Form(path, File("image", "x") + "--XX--");
    EXPECT_EQ(response.status, 201);
    EXPECT_TRUE(uploads_.header.wait()) << path;
    EXPECT_THAT(response.body, HasSubstr("{\"id\":\"i1\""));
  }
  EXPECT_EQ(Form("/images?wait=false", File("image", "x") + "--XX--").status, 201);
  EXPECT_FALSE(uploads_.header.wait());
  EXPECT_EQ(Form("/images", Field("wait", "false") + File("image", "x") + "--XX--").status, 201);
  EXPECT_FALSE(uploads_.header.wait());
}

TEST_F(GatewayTest, TakesARawBody) {
  Start();
  const RawResponse response = Ask(
      "POST /v1/images?title=T&tags=a,b&wait=true",
      "Content-Type: image/jpeg\r\nContent-Disposition: attachment; filename=\"r.jpg\"\r\n", "RAW");
  EXPECT_EQ(response.status, 202) << "waited, and not processed yet";
  EXPECT_EQ(uploads_.bytes, "RAW");
  EXPECT_EQ(uploads_.header.title(), "T");
  EXPECT_THAT(uploads_.header.tags(), ElementsAre("a", "b"));
  EXPECT_EQ(uploads_.header.filename(), "r.jpg");
  EXPECT_TRUE(uploads_.header.wait());
}

TEST_F(GatewayTest, SaysThatTheImageWasThereAlready) {
  uploads_.response.set_deduplicated(true);
  Start();
  EXPECT_EQ(Ask("POST /v1/images", "", "RAW").status, 200);
}

TEST_F(GatewayTest, PassesALargeBodyOnInPieces) {
  Start();
  const std::string bytes(3 << 20, 'x');
  EXPECT_EQ(Ask("POST /v1/images", "", bytes).status, 201);
  EXPECT_EQ(uploads_.bytes.size(), bytes.size());
  EXPECT_LE(uploads_.largest_piece, 256u << 10);
  uploads_.bytes.clear();
  EXPECT_EQ(Form("/v1/images", File("f", bytes) + "--XX--").status, 201);
  EXPECT_EQ(uploads_.bytes, bytes);
  EXPECT_LE(uploads_.largest_piece, (256u << 10) + 100);
}

TEST_F(GatewayTest, AnImageInBase64ComesWithItsDescription) {
  Start();
  const auto json = [&](const std::string& path, const std::string& body) {
    return Ask("POST " + path, "Content-Type: application/json\r\n", body);
  };
  EXPECT_EQ(json("/v1/images", R"({"data":{"image":"SlBFRw=="}})").status, 201);
  EXPECT_EQ(std::exchange(uploads_.bytes, ""), "JPEG");
  EXPECT_FALSE(uploads_.header.wait());
  EXPECT_EQ(json("/images", R"({"image":"data:image/jpeg;base64,SlBFRw","title":"T","tags":["a,b"],
                                "wait":false})")
                .status,
            201);
  EXPECT_EQ(std::exchange(uploads_.bytes, ""), "JPEG");
  EXPECT_EQ(uploads_.header.title(), "T");
  EXPECT_THAT(uploads_.header.tags(), ElementsAre("a,b"));
  EXPECT_FALSE(uploads_.header.wait()) << "what the request says wins over the route";
  const int begun = uploads_.begun;
  for (const char* bad :
       {"{", "[]", "{}", R"({"data":7})", R"({"data":{}})", R"({"image":7})", R"({"image":"*"})",
        R"({"image":""})", R"({"image":"data:image/png,x"})", R"({"image":"SlBFRw==","colour":1})",
        R"({"data":{"image":"SlBFRw=="},"title":"x"})"}) {
    EXPECT_EQ(json("/v1/images", bad).status, 400) << bad;
  }
  EXPECT_EQ(uploads_.begun, begun);
}

TEST_F(GatewayTest, ImagesInBase64AreHeldWithinABudget) {
  options_.max_json_upload_bytes = 1000;
  options_.json_upload_budget_bytes = 100;
  Start();
  const auto send = [&](size_t bytes) {
    return Ask("POST /v1/images", "Content-Type: application/json\r\n",
               R"({"image":")" + std::string(bytes, 'A') + "\"}");
  };
  EXPECT_EQ(send(40).status, 201);
  EXPECT_EQ(send(400).status, 429);
  EXPECT_EQ(send(4000).status, 413);
  EXPECT_EQ(send(40).status, 201) << "what was taken came back";
}

TEST_F(GatewayTest, NothingIsFinishedUnlessTheFormIsWhole) {
  Start();
  const std::string part = File("image", "JPEG");
  EXPECT_EQ(Form("/v1/images", part + "--XX").status, 400) << "no final boundary";
  EXPECT_EQ(Form("/v1/images", part + Field("title", "late") + "--XX--").status, 400);
  EXPECT_THAT(Form("/v1/images", part + Field("title", "late") + "--XX--").body,
              HasSubstr("put it before the file"));
  EXPECT_EQ(Form("/v1/images", part + part + "--XX--").status, 400) << "two files";
  EXPECT_EQ(Form("/v1/images", Field("title", "x") + "--XX--").status, 400) << "no file";
  EXPECT_EQ(Form("/v1/images", Field("colour", "x") + part + "--XX--").status, 400);
  EXPECT_EQ(
      Form("/v1/images", Field("title", std::string(300 << 10, 'x')) + part + "--XX--").status,
      400);
  EXPECT_EQ(Ask("POST /v1/images", "Content-Type: multipart/mixed; boundary=x\r\n", "x").status,
            415);
  EXPECT_EQ(Ask("POST /v1/images", "Content-Type: multipart/form-data\r\n", "x").status, 400);
  EXPECT_EQ(Ask("POST /v1/images?colour=x", "", "x").status, 400);
  EXPECT_EQ(uploads_.finished, 0);
  EXPECT_EQ(uploads_.begun, uploads_.abandoned);
}

TEST_F(GatewayTest, AnErrorInTheMiddleOfALargeUploadIsSeenByTheClient) {
  uploads_.limit = 100'000;
  Start();
  RawClient client(server_->port());
  client.Send("POST /v1/images HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n");
  EXPECT_TRUE(client.Send(std::string(8 << 20, 'x')));
  const RawResponse response = client.Receive();
  EXPECT_EQ(response.status, 413);
  EXPECT_THAT(response.body, HasSubstr("IMAGE_TOO_LARGE"));
  EXPECT_EQ(uploads_.abandoned, 1);
}

TEST_F(GatewayTest, AClientThatGoesAwayAbandonsItsUpload) {
  Start();
  {
    RawClient client(server_->port());
    client.Send("POST /v1/images HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nxx");
  }
  while (uploads_.abandoned == 0) std::this_thread::yield();
  server_->Drain(absl::Seconds(20));
  EXPECT_EQ(uploads_.finished, 0);
}

TEST(Gateway, RefusesToStartWithConflictingRoutes) {
  Metrics metrics;
  Executor executor({.name = "x", .threads = 1, .max_queued = 1}, metrics);
  FakeDelivery delivery;
  RateLimiter limiter({}, metrics);
  Gate gate(EverybodyIsAnonymous(), limiter, metrics);
  MethodTable table;
  table.Add(UnaryMethod{.descriptor = Method("ImageService.ListImages"), .blocking = false});
  table.Add(UnaryMethod{.descriptor = Method("ImageService.ListImages"), .blocking = false});
  http::Router router;
  EXPECT_EQ(MountGateway(router, table, delivery, gate, executor, {}).code(),
            absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace stockroom::api
