// The adapters that ask external moderators, against real receivers on loopback.
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "services/api/handlers/moderation_handlers.h"
#include "services/api/moderators/grpc_hook.h"
#include "services/api/moderators/http_hook.h"
#include "stockroom/v1/moderator_hook.grpc.pb.h"
#include "tests/unit/moderation/stage.h"
#include "tests/unit/webhooks/receiver.h"

namespace stockroom::api {
namespace {

using nlohmann::json;
using Verdict = ModeratorAnswer::Verdict;

ModeratorQuestion Question() {
  ModeratorQuestion question{.request_id = "request-1",
                             .image = {},
                             .preview = "picture",
                             .preview_media_type = "image/jpeg"};
  question.image.id = "0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f";
  question.image.owner = "ann";
  question.image.described.attributes = {{"team", "red"}};
  question.image.facts = {.width = 5, .height = 4};
  question.image.analysis["pdq"] = PdqJson(HashOf("00"), 77);
  return question;
}

std::string Http(const std::string& body, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

absl::StatusOr<ModeratorAnswer> AskOverHttp(const std::string& url, absl::Duration patience,
                                            const std::string& secret = "") {
  const auto moderator =
      NewHttpModerator({.url = url,
                        .ca_file = {},
                        .secret = secret,
                        .body = ModeratorJson,
                        .answer = [](const std::string& text) { return ModeratorAnswerOf(text); }});
  if (!moderator.ok()) return moderator.status();
  return (*moderator)->Ask(Question(), patience);
}

TEST(HttpHookTest, TellsOfTheImageAndReadsTheVerdict) {
  Receiver receiver([](const std::string&) {
    return Http(R"({"verdict":"REJECT","reason":"no","labels":["a","b"],"score":0.9})");
  });
  const auto answer = AskOverHttp(receiver.url(), absl::Seconds(20), "key");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->verdict, Verdict::kReject);
  EXPECT_EQ(answer->reason, "no");
  EXPECT_EQ(answer->labels, (std::vector<std::string>{"a", "b"}));
  const std::string request = receiver.requests().at(0);
  EXPECT_NE(request.find("webhook-signature: v1,"), std::string::npos) << request;
  EXPECT_NE(request.find("x-request-id: request-1"), std::string::npos);
  const json body = json::parse(request.substr(request.find("\r\n\r\n") + 4));
  EXPECT_EQ(body["image"]["owner"], "ann");
  EXPECT_EQ(body["image"]["attributes"]["team"], "red");
  EXPECT_EQ(body["image"]["width"], 5);
  EXPECT_EQ(body["pdq"], HashOf("00"));
  EXPECT_EQ(body["pdqQuality"], 77);
  EXPECT_EQ(body["preview"], "cGljdHVyZQ==");
  EXPECT_EQ(body["previewMediaType"], "image/jpeg");
}

TEST(HttpHookTest, NonsenseIsNoAnswer) {
  for (const std::string& answer :
       {Http("{}"), Http("no"), Http(R"({"verdict":"MAYBE"})"), Http(R"({"verdict":7})"),
        Http(R"({"verdict":"ALLOW"})", "500 Internal Server Error"),
        Http(R"({"verdict":"ALLOW"})", "302 Found\r\nLocation: /elsewhere"),
        Http(std::string(kMaxModeratorAnswer + 1, ' ') + R"({"verdict":"ALLOW"})"),
        std::string("nothing like HTTP\r\n\r\n")}) {
    Receiver receiver([&](const std::string&) { return answer; });
    EXPECT_FALSE(AskOverHttp(receiver.url(), absl::Seconds(20)).ok()) << answer.substr(0, 99);
  }
}

TEST(HttpHookTest, NobodyIsWaitedForForEver) {
  Receiver silent([](const std::string&) { return std::string(); });
  EXPECT_FALSE(AskOverHttp(silent.url(), absl::Milliseconds(50)).ok());
  EXPECT_FALSE(AskOverHttp("http://127.0.0.1:1/", absl::Seconds(5)).ok()) << "nobody is there";
}

TEST(HttpHookTest, LongReasonsAreCut) {
  json verdict = {{"verdict", "FLAG"},
                  {"reason", std::string(2000, 'x')},
                  {"labels", std::vector<std::string>(50, std::string(200, 'y'))}};
  Receiver receiver([&](const std::string&) { return Http(verdict.dump()); });
  const auto answer = AskOverHttp(receiver.url(), absl::Seconds(20));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->reason.size(), kMaxModeratorReason);
  EXPECT_EQ(answer->labels.size(), kMaxModeratorLabels);
  EXPECT_EQ(answer->labels[0].size(), kMaxModeratorLabel);
}

TEST(HttpHookTest, TakesOnlyHttpUrls) {
  for (const char* url : {"", "ftp://host/", "host:80", "http://", "file:///etc/passwd"}) {
    EXPECT_FALSE(AskOverHttp(url, absl::Seconds(1)).ok()) << url;
  }
}

class HookService final : public v1::ModeratorHook::Service {
 public:
  using Reply = std::function<grpc::Status(const grpc::ServerContext&, const v1::ModerateRequest&,
                                           v1::ModerateResponse*)>;
  explicit HookService(Reply reply) : reply_(std::move(reply)) {}
  grpc::Status Moderate(grpc::ServerContext* context, const v1::ModerateRequest* request,
                        v1::ModerateResponse* response) override {
    return reply_(*context, *request, response);
  }

 private:
  const Reply reply_;
};

absl::StatusOr<ModeratorAnswer> AskOverGrpc(HookService::Reply reply, absl::Duration patience) {
  HookService service(std::move(reply));
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const auto moderator = NewGrpcModerator(
      {.target = "127.0.0.1:" + std::to_string(port),
       .ca_file = {},
       .secret = "token",
       .request = ModerateRequestOf,
       .answer = [](const v1::ModerateResponse& answer) { return ModeratorAnswerOf(answer); }});
  if (!moderator.ok()) return moderator.status();
  const auto answer = (*moderator)->Ask(Question(), patience);
  server->Shutdown();
  return answer;
}

TEST(GrpcHookTest, TellsOfTheImageAndReadsTheVerdict) {
  const auto answer = AskOverGrpc(
      [](const grpc::ServerContext& context, const v1::ModerateRequest& request,
         v1::ModerateResponse* response) {
        const auto token = context.client_metadata().find("authorization");
        EXPECT_TRUE(token != context.client_metadata().end() && token->second == "Bearer token");
        EXPECT_EQ(request.image().owner(), "ann");
        EXPECT_EQ(request.pdq(), HashOf("00"));
        EXPECT_EQ(request.preview(), "picture");
        response->set_verdict(v1::ModerateResponse::FLAG);
        response->set_reason("look");
        return grpc::Status::OK;
      },
      absl::Seconds(20));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->verdict, Verdict::kFlag);
  EXPECT_EQ(answer->reason, "look");
}

TEST(GrpcHookTest, ErrorsAndNonsenseAreNoAnswer) {
  EXPECT_FALSE(AskOverGrpc([](const auto&, const auto&, auto*) { return grpc::Status::OK; },
                           absl::Seconds(20))
                   .ok());
  EXPECT_FALSE(AskOverGrpc([](const auto&, const auto&,
                              auto*) { return grpc::Status(grpc::StatusCode::INTERNAL, "broken"); },
                           absl::Seconds(20))
                   .ok());
  EXPECT_FALSE(AskOverGrpc(
                   [](const grpc::ServerContext& context, const auto&, v1::ModerateResponse*) {
                     while (!context.IsCancelled()) std::this_thread::yield();
                     return grpc::Status::CANCELLED;
                   },
                   absl::Milliseconds(50))
                   .ok());
}

}  // namespace
}  // namespace stockroom::api
