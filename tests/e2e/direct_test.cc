// Direct uploads with real processes: bytes go to the file server's HTTP port, never through the
// api, and become images whatever dies on the way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/time/clock.h"
#include "services/common/base/digest.h"
#include "tests/support/await.h"
#include "tests/support/cluster.h"
#include "tests/support/jws_signer.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;

class DirectUploads : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::filesystem::temp_directory_path() /
              ("stockroom-direct-uploads-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "jwks.json") << signer().JwkSet();
    cluster_ = new Cluster(
        {.workers = 1,
         .api_flags = {"--auth.anonymous=nothing", "--auth.jwt_issuer=https://id.example",
                       "--auth.jwt_audiences=stockroom",
                       "--auth.jwt_keys=" + (folder_ / "jwks.json").string(),
                       "--auth.jwt_default_role=uploader", "--limits.owner_max_images=3",
                       "--uploads.reconcile_after=1s", "--uploads.reconcile_poll=200ms"}});
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
    std::filesystem::remove_all(folder_);
  }
  static const test::JwsSigner& signer() {
    static const auto* const signer = new test::JwsSigner(test::JwsSigner::Generate("ES256"));
    return *signer;
  }
  static std::string Token(const std::string& who) {
    return signer().Sign(json{
        {"iss", "https://id.example"},
        {"aud", "stockroom"},
        {"sub", who},
        {"exp", absl::ToUnixSeconds(absl::Now()) +
                    600}}.dump());
  }
  static CurlAnswer Send(const std::string& who, const std::string& method, const std::string& path,
                         const json& body = nullptr) {
    std::string arguments = "-X " + method + " -H 'Authorization: Bearer " + Token(who) + "' '" +
                            cluster_->gateway() + path + "'";
    if (!body.is_null()) {
      arguments += " -H 'content-type: application/json' -d '" + body.dump() + "'";
    }
    return Curl(arguments);
  }
  static json Ask(const std::string& who, const std::string& method, const std::string& path,
                  const json& body = nullptr) {
    const CurlAnswer answer = Send(who, method, path, body);
    EXPECT_EQ(answer.status, 200) << method << " " << path << ": " << answer.body;
    return json::parse(answer.body, nullptr, false);
  }
  // The reason of a refusal.
  static std::string Refusal(const CurlAnswer& answer) {
    return json::parse(answer.body, nullptr, false).value("reason", answer.body);
  }
  json Create(const std::string& bytes, json more = json::object()) {
    more["size_bytes"] = bytes.size();
    more["content_type"] = "image/png";
    more["filename"] = "one.png";
    return Ask(who_, "POST", "/v1/uploads", more);
  }
  static std::string IdOf(const json& created) { return created["upload"]["id"]; }
  CurlAnswer Put(const json& created, const std::string& bytes) {
    const std::string file = (folder_ / "body").string();
    std::ofstream(file, std::ios::binary) << bytes;
    std::string arguments = "-T '" + file + "' -X '" +
                            created["urls"]["putMethod"].get<std::string>() + "' '" +
                            created["urls"]["putUrl"].get<std::string>() + "'";
    for (const auto& [name, value] : created["urls"]["putHeaders"].items()) {
      arguments += " -H '" + name + ": " + value.get<std::string>() + "'";
    }
    return Curl(arguments);
  }
  CurlAnswer Patch(const json& created, size_t offset, const std::string& bytes) {
    const std::string file = (folder_ / "body").string();
    std::ofstream(file, std::ios::binary) << bytes;
    return Curl("-X PATCH --data-binary '@" + file + "' -H 'Tus-Resumable: 1.0.0'" +
                " -H 'Content-Type: application/offset+octet-stream' -H 'Upload-Offset: " +
                std::to_string(offset) + "' '" + created["urls"]["tusUrl"].get<std::string>() +
                "'");
  }
  CurlAnswer Complete(const std::string& id, json body = json::object()) {
    return Send(who_, "POST", "/v1/uploads/" + id + ":complete", body);
  }
  std::string StateOf(const std::string& id) {
    return Ask(who_, "GET", "/v1/uploads/" + id)["upload"]["state"];
  }
  bool IsReady(const std::string& id) {
    const CurlAnswer answer = Send(who_, "GET", "/v1/images/" + id);
    return answer.status == 200 && json::parse(answer.body)["state"] == "READY";
  }
  void Restart(const std::string& name) {
    cluster_->Kill(name);
    const absl::Status started = cluster_->Start(name);
    ASSERT_TRUE(started.ok()) << started;
  }

  static Cluster* cluster_;
  static std::filesystem::path folder_;
  // Of this test alone: their quota is theirs.
  const std::string who_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
};
Cluster* DirectUploads::cluster_ = nullptr;
std::filesystem::path DirectUploads::folder_;

TEST_F(DirectUploads, PutByCurlBecomesAnImage) {
  const std::string png = MakePng(64, 48, 1);
  const json created = Create(png, {{"title", "One"}, {"sha256", Digest::Of(png).hex()}});
  const std::string id = IdOf(created);
  const json uploading = Ask(who_, "GET", "/v1/images/" + id);
  EXPECT_EQ(uploading["state"], "UPLOADING");
  EXPECT_EQ(uploading["title"], "One");
  EXPECT_EQ(Send("stranger", "GET", "/v1/images/" + id).status, 404);
  EXPECT_EQ(Send("stranger", "GET", "/v1/uploads/" + id).status, 404);
  EXPECT_EQ(Send("stranger", "POST", "/v1/uploads/" + id + ":complete", json::object()).status,
            404);
  EXPECT_EQ(Send("stranger", "DELETE", "/v1/uploads/" + id).status, 404);

  EXPECT_EQ(Refusal(Complete(id)), "UPLOAD_INCOMPLETE");
  const CurlAnswer put = Put(created, png);
  ASSERT_EQ(put.status / 100, 2) << put.body;
  const CurlAnswer done = Complete(id, {{"wait", true}});
  ASSERT_EQ(done.status, 200) << done.body;
  const json image = json::parse(done.body)["image"];
  EXPECT_EQ(image["id"], id);
  EXPECT_EQ(image["state"], "READY");
  EXPECT_EQ(image["sha256"], Digest::Of(png).hex());
  // Again: the same answer.
  EXPECT_EQ(json::parse(Complete(id).body)["image"]["id"], id);

  const json original = Ask(who_, "GET", "/v1/images/" + id + "/original-url");
  const CurlAnswer bytes = Curl("'" + original["url"].get<std::string>() + "'");
  EXPECT_EQ(bytes.status, 200);
  EXPECT_EQ(bytes.body, png);
}

TEST_F(DirectUploads, InPiecesByTusBecomesAnImage) {
  const std::string png = MakePng(200, 200, 2);
  const json created = Create(png);
  const size_t half = png.size() / 2;
  EXPECT_EQ(Patch(created, 0, png.substr(0, half)).status, 204);
  // The file server dies in between, and somebody loses the URLs.
  Restart("fileserver");
  const json again = Ask(who_, "GET", "/v1/uploads/" + IdOf(created));
  EXPECT_EQ(again["upload"]["receivedBytes"], std::to_string(half));
  EXPECT_EQ(Patch(again, half, png.substr(half)).status, 204);
  EXPECT_EQ(Complete(IdOf(created)).status, 200);
  Await("it is processed", [&] { return IsReady(IdOf(created)); });
}

TEST_F(DirectUploads, ThatWasForgottenIsCompletedAlthoughTheApiDied) {
  const std::string png = MakePng(64, 48, 3);
  const json created = Create(png);
  ASSERT_EQ(Put(created, png).status / 100, 2);
  Restart("api");
  Await("it is processed", [&] { return IsReady(IdOf(created)); });
}

TEST_F(DirectUploads, ThatNobodyFinishedExpires) {
  const std::string png = MakePng(64, 48, 4);
  const std::string id = IdOf(Create(png, {{"expires_in_seconds", 2}}));
  Await("it expires", [&] { return StateOf(id) == "UPLOAD_EXPIRED"; });
  EXPECT_EQ(Refusal(Complete(id)), "UPLOAD_EXPIRED");
  EXPECT_EQ(Send(who_, "GET", "/v1/images/" + id).status, 404);
}

TEST_F(DirectUploads, ThatWasAbortedFreesItsRoom) {
  const std::string png = MakePng(64, 48, 5);
  const json first = Create(png);
  Create(png);
  Create(png);
  const CurlAnswer full = Send(who_, "POST", "/v1/uploads", {{"size_bytes", 10}});
  EXPECT_EQ(full.status, 507);
  EXPECT_EQ(Refusal(full), "QUOTA_EXCEEDED");
  ASSERT_EQ(Put(first, png).status / 100, 2);
  EXPECT_EQ(Ask(who_, "DELETE", "/v1/uploads/" + IdOf(first))["upload"]["state"], "UPLOAD_ABORTED");
  EXPECT_EQ(Ask(who_, "DELETE", "/v1/uploads/" + IdOf(first))["upload"]["state"], "UPLOAD_ABORTED");
  EXPECT_EQ(Refusal(Complete(IdOf(first))), "UPLOAD_ABORTED");
  EXPECT_NE(Put(first, png).status / 100, 2);
  Create(png);
  EXPECT_EQ(Ask(who_, "GET", "/v1/uploads")["uploads"].size(), 4u);
}

TEST_F(DirectUploads, OfBytesThatTheOwnerHasIsThatImage) {
  const std::string png = MakePng(64, 48, 6);
  const json first = Create(png);
  ASSERT_EQ(Put(first, png).status / 100, 2);
  ASSERT_EQ(Complete(IdOf(first)).status, 200);
  const json second = Create(png);
  ASSERT_EQ(Put(second, png).status / 100, 2);
  const json answer = json::parse(Complete(IdOf(second)).body);
  EXPECT_EQ(answer["image"]["id"], IdOf(first));
  EXPECT_EQ(answer["deduplicated"], true);
}

TEST_F(DirectUploads, OfOtherBytesThanAnnouncedFails) {
  const std::string png = MakePng(64, 48, 7);
  const json created = Create(png, {{"sha256", Digest::Of("other bytes").hex()}});
  // The file server may say so at once.
  Put(created, png);
  Patch(created, 0, png);
  const CurlAnswer refused = Complete(IdOf(created));
  EXPECT_NE(refused.status, 200);
  EXPECT_THAT(Refusal(refused), ::testing::AnyOf("DIGEST_MISMATCH", "UPLOAD_INCOMPLETE"));
  EXPECT_EQ(Send(who_, "GET", "/v1/uploads/" + IdOf(created)).status, 200);
  const std::string text(png.size(), 't');
  const json nonsense = Create(text);
  ASSERT_EQ(Put(nonsense, text).status / 100, 2);
  EXPECT_EQ(Refusal(Complete(IdOf(nonsense))), "NOT_AN_IMAGE");
  EXPECT_EQ(StateOf(IdOf(nonsense)), "UPLOAD_FAILED");
}

TEST_F(DirectUploads, IsOneImageWheneverTheApiIsKilled) {
  for (int round = 0; round < 3; ++round) {
    const std::string png = MakePng(600, 600, 100 + round);
    const json created = Create(png);
    ASSERT_EQ(Put(created, png).status / 100, 2);
    std::thread completing([&] { Complete(IdOf(created)); });
    absl::SleepFor(absl::Milliseconds(5 + 20 * round));
    cluster_->Kill("api");
    completing.join();
    const absl::Status started = cluster_->Start("api");
    ASSERT_TRUE(started.ok()) << started;
    Await("it is processed", [&] { return IsReady(IdOf(created)); });
    EXPECT_EQ(json::parse(Complete(IdOf(created)).body)["image"]["id"], IdOf(created));
    EXPECT_EQ(Ask(who_, "DELETE", "/v1/images/" + IdOf(created)).is_object(), true);
  }
}

TEST_F(DirectUploads, CompletesNothingWhileTheFileServerIsAway) {
  const std::string png = MakePng(64, 48, 9);
  const json created = Create(png);
  ASSERT_EQ(Put(created, png).status / 100, 2);
  cluster_->Kill("fileserver");
  const CurlAnswer refused = Complete(IdOf(created));
  EXPECT_EQ(refused.status, 503) << refused.body;
  const absl::Status started = cluster_->Start("fileserver");
  ASSERT_TRUE(started.ok()) << started;
  Await("it is processed", [&] { return IsReady(IdOf(created)); });
}

}  // namespace
}  // namespace stockroom::testing
