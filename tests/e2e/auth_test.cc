// Keys, roles and visibility with real processes: two apis on one MariaDB, nobody is let in without
// a key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "tests/support/await.h"
#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(60);

class Auth : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ =
        std::filesystem::temp_directory_path() / ("stockroom-auth-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    const std::string key_file = (folder_ / "admin.key").string();
    cluster_ = new Cluster(
        {.workers = 1,
         .apis = 2,
         .mariadb = true,
         .api_flags = {"--auth.anonymous=nothing", "--auth.admin_key_file=" + key_file}});
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
    std::ifstream(key_file) >> admin_;
    std::ofstream(folder_ / "a.png", std::ios::binary) << MakePng(64, 48, 1);
    std::ofstream(folder_ / "b.png", std::ios::binary) << MakePng(64, 48, 2);
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  static CurlAnswer Ask(const std::string& key, const std::string& path,
                        const std::string& arguments = "", int api = 0) {
    const std::string header = key.empty() ? "" : "-H 'Authorization: Bearer " + key + "' ";
    return Curl(header + arguments + " '" + cluster_->gateway(api) + path + "'");
  }
  static std::pair<std::string, std::string> MakeKey(const std::string& subject,
                                                     const std::string& role) {
    const CurlAnswer answer = Ask(
        admin_, "/v1/keys", "--json '" + json{{"subject", subject}, {"role", role}}.dump() + "'");
    EXPECT_EQ(answer.status, 200) << answer.body;
    const json made = json::parse(answer.body);
    return {made["secret"], made["key"]["id"]};
  }
  static std::string KeyFor(const std::string& subject, const std::string& role) {
    return MakeKey(subject, role).first;
  }
  // The id.
  static std::string Upload(const std::string& key, const std::string& file,
                            const std::string& query) {
    const CurlAnswer answer =
        Ask(key, "/v1/images?wait=true&" + query, "-F file=@" + (folder_ / file).string());
    EXPECT_EQ(answer.status / 100, 2) << answer.body;
    return json::parse(answer.body)["image"]["id"];
  }
  static int64_t TotalFound(const std::string& key, const std::string& query) {
    const CurlAnswer answer = Ask(key, "/v1/search?q=" + query);
    EXPECT_EQ(answer.status, 200) << answer.body;
    // Proto JSON writes 64 bits as text, and leaves out what is 0.
    return std::stoll(json::parse(answer.body).value("total", "0"));
  }

  static Cluster* cluster_;
  static std::filesystem::path folder_;
  static std::string admin_;
};
Cluster* Auth::cluster_ = nullptr;
std::filesystem::path Auth::folder_;
std::string Auth::admin_;

TEST_F(Auth, NobodyGetsInWithoutAKey) {
  for (const char* path : {"/v1/search", "/v1/images", "/images", "/v1/server", "/v1/keys",
                           "/v1/events", "/i/0192d3f0-0000-7000-8000-000000000000/original.jpg"}) {
    const CurlAnswer answer = Ask("", path);
    EXPECT_EQ(answer.status, 401) << path;
    EXPECT_EQ(answer.Header("www-authenticate"), "Bearer realm=\"stockroom\"") << path;
  }
  EXPECT_EQ(Ask("", "/images", "-F image=@" + (folder_ / "a.png").string()).status, 401);
  for (const char* path : {"/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/ping"}) {
    EXPECT_EQ(Ask("", path).status, 200) << path;
  }
  const json stranger = json::parse(Ask("", "/v1/me").body);
  EXPECT_EQ(stranger["anonymous"], true);
  EXPECT_TRUE(stranger["scopes"].empty());
}

TEST_F(Auth, GrpcCallsAreRefusedAndLetInAlike) {
  Client client(cluster_->rpc_address());
  v1::UploadHeader header;
  header.set_title("stranger");
  EXPECT_EQ(client.Upload(MakePng(20, 20, 9), header).status().code(),
            absl::StatusCode::kUnauthenticated);
  const auto search = [&](const std::string& name, const std::string& value) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    if (!name.empty()) context.AddMetadata(name, value);
    v1::SearchImagesResponse response;
    return client.search().SearchImages(&context, {}, &response).error_code();
  };
  EXPECT_EQ(search("", ""), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(search("authorization", "Bearer sr_guess"), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(search("authorization", "Bearer " + admin_), grpc::StatusCode::OK);
  EXPECT_EQ(search("x-api-key", admin_), grpc::StatusCode::OK);

  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  auto watch = client.events().Watch(&context, {});
  v1::WatchResponse event;
  EXPECT_FALSE(watch->Read(&event));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(Auth, EachRoleMayDoWhatItIsFor) {
  const std::string viewer = KeyFor("vera", "viewer");
  const std::string uploader = KeyFor("uma", "uploader");
  EXPECT_EQ(Ask(viewer, "/v1/search").status, 200);
  const CurlAnswer refused = Ask(viewer, "/images", "-F image=@" + (folder_ / "a.png").string());
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("SCOPE_MISSING"));
  const std::string id = Upload(uploader, "a.png", "title=uma");
  EXPECT_EQ(json::parse(Ask(viewer, "/v1/images/" + id).body)["owner"], "uma");
  EXPECT_EQ(Ask(viewer, "/v1/images/" + id, "-X DELETE").status, 403);
  EXPECT_EQ(Ask(KeyFor("una", "uploader"), "/v1/images/" + id, "-X DELETE").status, 403);
  EXPECT_EQ(Ask(uploader, "/v1/keys").status, 403);
  EXPECT_EQ(Ask(uploader, "/v1/images:reprocess", "--json '{\"all\":true}'").status, 403);
  const std::string moderator = KeyFor("mona", "moderator");
  EXPECT_EQ(Ask(moderator, "/v1/keys").status, 403);
  EXPECT_EQ(Ask(moderator, "/v1/images/" + id, "-X DELETE").status, 200);
}

TEST_F(Auth, WhatOneMayNotSeeIsAbsent) {
  const std::string owner = KeyFor("olga", "uploader");
  const std::string other = KeyFor("otto", "uploader");
  const std::string moderator = KeyFor("mona", "moderator");
  const std::string id = Upload(owner, "b.png", "title=secretgarden&visibility=PRIVATE");
  const std::string unlisted =
      Upload(owner, "a.png", "title=secretgarden&visibility=UNLISTED&allow_duplicate=true");
  Await("the owner finds both", [&] { return TotalFound(owner, "secretgarden") == 2; });
  EXPECT_EQ(TotalFound(other, "secretgarden"), 0);
  EXPECT_EQ(TotalFound(moderator, "secretgarden"), 2);
  EXPECT_THAT(Ask(other, "/v1/images").body, Not(HasSubstr("secretgarden")));
  EXPECT_THAT(Ask(owner, "/v1/images").body, HasSubstr("secretgarden"));
  EXPECT_THAT(Ask(moderator, "/v1/images").body, HasSubstr(id));

  // The same answer as for an image that does not exist, but for its id.
  std::string absent = id;
  absent.back() = absent.back() == '0' ? '1' : '0';
  const auto without = [](std::string text, const std::string& what) {
    for (size_t at; (at = text.find(what)) != std::string::npos;) text.erase(at, what.size());
    json body = json::parse(text);
    body.erase("request_id");
    return body;
  };
  for (const std::string path : {"/v1/images/", "/images/"}) {
    const CurlAnswer hidden = Ask(other, path + id);
    const CurlAnswer missing = Ask(other, path + absent);
    EXPECT_EQ(hidden.status, 404);
    EXPECT_EQ(without(hidden.body, id), without(missing.body, absent));
    EXPECT_EQ(Ask(owner, path + id).status, 200);
    EXPECT_EQ(Ask(moderator, path + id).status, 200);
  }
  for (const std::string file : {"original.png", "thumb-150.png"}) {
    EXPECT_EQ(Ask(other, "/i/" + id + "/" + file).status, 404) << file;
  }
  EXPECT_EQ(Ask(owner, "/i/" + id + "/original.png").status, 200);
  EXPECT_EQ(Ask(owner, "/i/" + id + "/original.png").Header("cache-control"), "private, no-store");
  EXPECT_EQ(Ask(other, "/v1/images/" + id, "-X DELETE").status, 404);
  // Unlisted: whoever has the link.
  EXPECT_EQ(Ask(other, "/v1/images/" + unlisted).status, 200);

  // Events of what one may not find are not told.
  EXPECT_THAT(Ask(other, "/v1/events?after_position=0", "--max-time 2").body, Not(HasSubstr(id)));
  EXPECT_THAT(Ask(owner, "/v1/events?after_position=0", "--max-time 2").body, HasSubstr(id));
}

TEST_F(Auth, AKeyIsGoodAtEveryApiAtOnceAndRevokedAtAllOfThemSoon) {
  const auto [secret, id] = MakeKey("rita", "viewer");
  EXPECT_EQ(Ask(secret, "/v1/search", "", 1).status, 200);
  EXPECT_EQ(Ask(secret, "/v1/search", "", 0).status, 200);
  EXPECT_EQ(Ask(admin_, "/v1/keys/" + id, "-X DELETE", 0).status, 200);
  EXPECT_EQ(Ask(secret, "/v1/search", "", 0).status, 401);
  Await("the other api refuses it",
        [&, key = secret] { return Ask(key, "/v1/search", "", 1).status == 401; });
  const CurlAnswer refused = Ask(secret, "/v1/search", "", 1);
  EXPECT_THAT(refused.Header("www-authenticate"), HasSubstr("invalid_token"));
  EXPECT_THAT(refused.body, HasSubstr("revoked"));
}

TEST_F(Auth, NoSecretIsListedOrLogged) {
  const auto [secret, id] = MakeKey("lena", "viewer");
  EXPECT_EQ(Ask(secret, "/v1/search").status, 200);
  EXPECT_EQ(Ask(secret + "x", "/v1/search").status, 401);
  const std::string listed = Ask(admin_, "/v1/keys").body;
  EXPECT_THAT(listed, HasSubstr(id));
  EXPECT_THAT(listed, HasSubstr(secret.substr(0, 9)));
  for (const std::string& hidden : {secret, admin_}) {
    EXPECT_THAT(listed, Not(HasSubstr(hidden)));
    for (const std::string& name : cluster_->Names()) {
      EXPECT_THAT(cluster_->LogOf(name), Not(HasSubstr(hidden))) << name;
    }
  }
}

}  // namespace
}  // namespace stockroom::testing
