// Tokens of an identity provider with real processes: the request of Pinster's users, whose claims
// become metadata, and the roles that tokens carry.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "tests/support/await.h"
#include "tests/support/cluster.h"
#include "tests/support/jws_signer.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class Tokens : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ =
        std::filesystem::temp_directory_path() / ("stockroom-tokens-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "jwks.json") << signer().JwkSet();
    cluster_ = new Cluster(
        {.workers = 1,
         .api_flags = {"--auth.anonymous=nothing", "--auth.jwt_issuer=https://id.example",
                       "--auth.jwt_audiences=stockroom",
                       "--auth.jwt_keys=" + (folder_ / "jwks.json").string(),
                       "--auth.jwt_attributes=org=tenant,/project/name=project",
                       "--auth.jwt_roles=photo-team=uploader"}});
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
  static json Claims(const std::string& subject, json more) {
    json claims = {{"iss", "https://id.example"},
                   {"aud", "stockroom"},
                   {"sub", subject},
                   {"exp", absl::ToUnixSeconds(absl::Now()) + 600}};
    claims.update(more);
    return claims;
  }
  static std::string Token(const std::string& subject, const json& more = json::object()) {
    return signer().Sign(Claims(subject, more).dump());
  }
  static CurlAnswer Ask(const std::string& token, const std::string& path,
                        const std::string& arguments = "") {
    return Curl("-H 'Authorization: Bearer " + token + "' " + arguments + " '" +
                cluster_->gateway() + path + "'");
  }

  static Cluster* cluster_;
  static std::filesystem::path folder_;
};
Cluster* Tokens::cluster_ = nullptr;
std::filesystem::path Tokens::folder_;

TEST_F(Tokens, ClaimsBecomeMetadataOfAnImageThatCameAsBase64) {
  const std::string png = MakePng(40, 30, 7);
  std::ofstream(folder_ / "body.json") << json{
      {"data", {{"image", absl::Base64Escape(png)}, {"attributes", {{"tenant", "forged"}}}}}};
  const std::string token =
      Token("pia", {{"roles", {"photo-team"}}, {"org", "acme"}, {"project", {{"name", "fair"}}}});
  const CurlAnswer answer = Ask(token, "/images", "--json @" + (folder_ / "body.json").string());
  ASSERT_EQ(answer.status, 201) << answer.body;
  const json image = json::parse(answer.body);
  EXPECT_EQ(image["owner"], "pia");
  EXPECT_EQ(image["state"], "READY");
  EXPECT_EQ(image["attributes"], (json{{"tenant", "acme"}, {"project", "fair"}}));
  EXPECT_EQ(image["md5"].get<std::string>().size(), 32u);
  const CurlAnswer found = Ask(token, "/v1/search?q=acme");
  EXPECT_THAT(found.body, HasSubstr(image["id"].get<std::string>()));
}

TEST_F(Tokens, ATokenWithoutARoleMayOnlyLook) {
  EXPECT_EQ(Ask(Token("vic"), "/v1/search").status, 200);
  EXPECT_EQ(Ask(Token("vic"), "/images", "--json '{}'").status, 403);
  EXPECT_EQ(Ask(Token("vic", {{"roles", "admin"}}), "/v1/keys").status, 200);
  EXPECT_EQ(Ask(Token("vic", {{"roles", "admin"}, {"scope", "images:read"}}), "/v1/keys").status,
            403);
}

TEST_F(Tokens, OnlyGoodTokensOpenAnything) {
  const auto refused = [](const std::string& token) {
    const CurlAnswer answer = Ask(token, "/v1/search");
    EXPECT_THAT(answer.Header("www-authenticate"), HasSubstr("invalid_token"));
    return answer.status;
  };
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  EXPECT_EQ(refused(Token("eve", {{"exp", now - 31}})), 401);
  EXPECT_EQ(refused(Token("eve", {{"nbf", now + 120}})), 401);
  EXPECT_EQ(refused(Token("eve", {{"aud", "another"}})), 401);
  EXPECT_EQ(refused(Token("eve", {{"iss", "https://evil.example"}})), 401);
  EXPECT_EQ(refused(Token("anonymous")), 401);
  json no_audience = Claims("eve", json::object());
  no_audience.erase("aud");
  EXPECT_EQ(refused(signer().Sign(no_audience.dump())), 401);
  EXPECT_EQ(refused(test::JwsSigner::Generate("ES256").Sign(Claims("eve", json::object()).dump())),
            401);
  EXPECT_EQ(refused(signer().Sign(R"({"alg":"none"})", Claims("eve", json::object()).dump())), 401);
  // The public key as a secret.
  const auto confused = test::JwsSigner::Hmac("HS256", signer().PublicPem());
  EXPECT_EQ(refused(confused.Sign(R"({"alg":"HS256","kid":"key-1"})",
                                  Claims("eve", json::object()).dump())),
            401);
  EXPECT_EQ(refused(std::string(9000, 'a')), 401);
  EXPECT_EQ(refused("a.b.c"), 401);
  // What was good stays good.
  EXPECT_EQ(Ask(Token("eve"), "/v1/search").status, 200);
}

TEST_F(Tokens, ANewKeyInTheFileIsTakenWithoutARestart) {
  auto next = test::JwsSigner::Generate("EdDSA");
  next.set_kid("key-2");
  const std::string token = next.Sign(Claims("nina", json::object()).dump());
  EXPECT_EQ(Ask(token, "/v1/search").status, 401);
  std::ofstream(folder_ / "new.json")
      << "{\"keys\":[" << signer().Jwk() << "," << next.Jwk() << "]}";
  std::filesystem::rename(folder_ / "new.json", folder_ / "jwks.json");
  Await("the new key is taken", [&] { return Ask(token, "/v1/search").status == 200; });
  EXPECT_EQ(Ask(Token("nina"), "/v1/search").status, 200);
}

}  // namespace
}  // namespace stockroom::testing
