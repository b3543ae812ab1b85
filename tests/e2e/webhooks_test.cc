// Webhooks by real processes, to a receiver that others could have written (tests/foreign).
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/await.h"
#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;

// tests/foreign/webhook_receiver.mjs
class NodeReceiver {
 public:
  // `key` and `certificate`: PEM files; empty for http.
  explicit NodeReceiver(const std::string& key = "", const std::string& certificate = "") {
    int out[2];
    EXPECT_EQ(::pipe(out), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(out[1], STDOUT_FILENO);
      ::close(out[0]);
      ::close(out[1]);
      ::execlp("node", "node", STOCKROOM_FOREIGN "/webhook_receiver.mjs",
               key.empty() ? nullptr : key.c_str(), certificate.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(out[1]);
    FILE* stream = ::fdopen(out[0], "r");
    int port = 0;
    EXPECT_EQ(std::fscanf(stream, "%d", &port), 1) << "node and npm ci in tests/foreign are needed";
    std::fclose(stream);
    url_ = (key.empty() ? "http" : "https") + ("://127.0.0.1:" + std::to_string(port));
  }
  ~NodeReceiver() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::string url(const std::string& path) const { return url_ + path; }
  void Tell(const std::string& path, json what) {
    what["path"] = path;
    EXPECT_EQ(Curl("-k -d '" + what.dump() + "' " + url_ + "/control").status, 200);
  }
  json Received(const std::string& path) {
    return json::parse(Curl("-k '" + url_ + "/control?path=" + path + "'").body);
  }
  // Of one type of event.
  std::vector<json> Received(const std::string& path, const std::string& type) {
    std::vector<json> found;
    for (const json& one : Received(path)) {
      if (one["body"]["type"] == type) found.push_back(one);
    }
    return found;
  }

 private:
  pid_t pid_ = 0;
  std::string url_;
};

// The gateway's JSON.
class WebhookApi {
 public:
  explicit WebhookApi(const Cluster& cluster, int api = 0) : base_(cluster.gateway(api)) {}

  CurlAnswer Send(const std::string& method, const std::string& path, const json& body = nullptr) {
    std::string arguments = "-X " + method + " '" + base_ + path + "'";
    if (!body.is_null()) {
      arguments += " -H 'content-type: application/json' -d '" + body.dump() + "'";
    }
    return Curl(arguments);
  }
  json Ask(const std::string& method, const std::string& path, const json& body = nullptr) {
    const CurlAnswer answer = Send(method, path, body);
    EXPECT_EQ(answer.status / 100, 2) << method << " " << path << ": " << answer.body;
    return json::parse(answer.body, nullptr, false);
  }
  // Makes a webhook for a path of the receiver, which is told its secret. Returns its id.
  std::string Make(NodeReceiver& receiver, const std::string& path,
                   std::vector<std::string> types = {"image.ready"}) {
    const json made =
        Ask("POST", "/v1/webhooks", {{"url", receiver.url(path)}, {"types", std::move(types)}});
    receiver.Tell(path, {{"secret", made["secret"]}});
    return made["webhook"]["id"];
  }
  json Delivery(const std::string& webhook, const std::string& id) {
    return Ask("GET", "/v1/webhooks/" + webhook + "/deliveries/" + id);
  }
  size_t Count(const std::string& webhook, const std::string& state) {
    return Ask("GET",
               "/v1/webhooks/" + webhook + "/deliveries?page_size=500&state=" + state)["deliveries"]
        .size();
  }

 private:
  const std::string base_;
};

v1::UploadImageResponse Upload(const Cluster& cluster, uint32_t seed, bool wait = true,
                               int api = 0) {
  Client client(cluster.rpc_address(api));
  v1::UploadHeader header;
  header.set_title("picture " + std::to_string(seed));
  header.add_tags("sea");
  header.set_wait(wait);
  const auto response = client.Upload(MakePng(320, 200, seed), header);
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *response : v1::UploadImageResponse();
}

class WebhooksTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster(
        {.workers = 1,
         .api_flags = {"--webhooks.allow_http=true", "--webhooks.allow_networks=127.0.0.1",
                       "--webhooks.retry_delays=100ms,200ms,300ms", "--webhooks.attempt_timeout=3s",
                       "--webhooks.concurrency=2"}});
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  void TearDown() override {
    for (const json& webhook : api_.Ask("GET", "/v1/webhooks")["webhooks"]) {
      api_.Ask("DELETE", "/v1/webhooks/" + webhook["id"].get<std::string>());
    }
  }
  void AwaitReceived(const std::string& path, size_t count) {
    Await("the receiver gets " + std::to_string(count) + " requests at " + path,
          [&] { return receiver_.Received(path).size() >= count; });
  }

  static Cluster* cluster_;
  NodeReceiver receiver_;
  WebhookApi api_{*cluster_};
};
Cluster* WebhooksTest::cluster_ = nullptr;

TEST_F(WebhooksTest, AReadyImageIsToldOfAndVerifiedByThePublicLibrary) {
  const std::string id = api_.Make(receiver_, "/a");
  const std::string deletions = api_.Make(receiver_, "/deleted", {"image.deleted"});
  const std::string image = Upload(*cluster_, 1).image().id();
  AwaitReceived("/a", 1);
  const json got = receiver_.Received("/a")[0];
  EXPECT_EQ(got["verified"], true);
  EXPECT_EQ(got["body"]["type"], "image.ready");
  EXPECT_EQ(got["body"]["data"]["id"], image);
  EXPECT_EQ(got["body"]["data"]["state"], "READY");
  EXPECT_EQ(got["body"]["data"]["tags"], json({"sea"}));
  EXPECT_FALSE(got["body"]["data"]["renditions"].empty());
  const std::string event = got["id"];
  Await("the log says so", [&] { return api_.Delivery(id, event)["state"] == "DELIVERED"; });
  EXPECT_EQ(api_.Delivery(id, event)["lastStatusCode"], 204);

  const CurlAnswer rendition =
      Curl(cluster_->gateway() + got["body"]["data"]["renditions"][0]["url"].get<std::string>());
  EXPECT_EQ(rendition.status, 200);
  api_.Ask("DELETE", "/v1/images/" + image);
  AwaitReceived("/deleted", 1);
  EXPECT_EQ(receiver_.Received("/deleted")[0]["body"]["data"],
            (json{{"id", image}, {"owner", "anonymous"}}));
  EXPECT_EQ(receiver_.Received("/a").size(), 1u);
}

TEST_F(WebhooksTest, AReceiverThatFailsTwiceGetsTheSameIdUntilItSucceeds) {
  const std::string id = api_.Make(receiver_, "/flaky");
  receiver_.Tell("/flaky", {{"answers", {500, 503, 200}}});
  Upload(*cluster_, 2);
  AwaitReceived("/flaky", 3);
  const json got = receiver_.Received("/flaky");
  std::set<std::string> ids;
  for (const json& one : got) {
    ids.insert(one["id"]);
    EXPECT_EQ(one["verified"], true);
  }
  ASSERT_EQ(ids.size(), 1u);
  Await("the log says so", [&] { return api_.Count(id, "DELIVERED") == 1; });
  EXPECT_EQ(api_.Delivery(id, *ids.begin())["attempts"], 3);
}

TEST_F(WebhooksTest, WhatFailsForTooLongIsDeadAndCanBeReplayed) {
  const std::string id = api_.Make(receiver_, "/dead");
  receiver_.Tell("/dead", {{"answers", {500}}});
  Upload(*cluster_, 3);
  Await("it is given up", [&] { return api_.Count(id, "DEAD") == 1; });
  ASSERT_EQ(receiver_.Received("/dead").size(), 4u);
  const std::string event = receiver_.Received("/dead")[0]["id"];
  const json dead = api_.Delivery(id, event);
  EXPECT_EQ(dead["lastError"], "HTTP 500");
  EXPECT_EQ(dead["attempts"], 4);
  receiver_.Tell("/dead", {{"answers", {200}}});
  EXPECT_EQ(api_.Ask("POST", "/v1/webhooks/" + id + "/deliveries:replay",
                     {{"deadSince", "2020-01-01T00:00:00Z"}})["replayed"],
            1);
  Await("it is delivered", [&] { return api_.Count(id, "DELIVERED") == 1; });
  EXPECT_EQ(receiver_.Received("/dead")[4]["id"], event);
  EXPECT_EQ(
      api_.Ask("POST", "/v1/webhooks/" + id + "/deliveries:replay", {{"id", event}})["replayed"],
      1);
  AwaitReceived("/dead", 6);
}

TEST_F(WebhooksTest, ATestAndARotatedSecretAreVerifiedToo) {
  const std::string id = api_.Make(receiver_, "/test");
  const json rotated = api_.Ask("POST", "/v1/webhooks/" + id + ":rotateSecret", json::object());
  api_.Ask("POST", "/v1/webhooks/" + id + ":test", json::object());
  AwaitReceived("/test", 1);
  receiver_.Tell("/test", {{"secret", rotated["secret"]}});
  api_.Ask("POST", "/v1/webhooks/" + id + ":test", json::object());
  AwaitReceived("/test", 2);
  for (const json& one : receiver_.Received("/test")) {
    EXPECT_EQ(one["verified"], true);
    EXPECT_EQ(one["signatures"], 2);
    EXPECT_EQ(one["body"]["type"], "webhook.test");
  }
}

TEST_F(WebhooksTest, ASilentReceiverHoldsUpNobodyElse) {
  api_.Make(receiver_, "/silent");
  api_.Make(receiver_, "/quick");
  receiver_.Tell("/silent", {{"hang", true}});
  for (uint32_t i = 0; i < 4; ++i) Upload(*cluster_, 10 + i);
  // All of them while the first two are still under way to the silent one.
  AwaitReceived("/quick", 4);
  receiver_.Tell("/silent", {{"hang", false}});
  Await("the silent one gets them all in the end", [&] {
    std::set<std::string> ids;
    for (const json& one : receiver_.Received("/silent")) ids.insert(one["id"]);
    return ids.size() == 4;
  });
}

TEST_F(WebhooksTest, ARedirectIsAFailureAndNotFollowed) {
  const std::string id = api_.Make(receiver_, "/away");
  receiver_.Tell("/away", {{"answers", {307}}, {"location", receiver_.url("/inside")}});
  Upload(*cluster_, 20);
  Await("it is given up", [&] { return api_.Count(id, "DEAD") == 1; });
  EXPECT_TRUE(receiver_.Received("/inside").empty());
}

TEST_F(WebhooksTest, GoneDisablesAndAPatchEnablesAgain) {
  const std::string id = api_.Make(receiver_, "/gone");
  receiver_.Tell("/gone", {{"answers", {410}}});
  Upload(*cluster_, 30);
  Await("it is disabled",
        [&] { return api_.Ask("GET", "/v1/webhooks/" + id)["disabled"] == true; });
  const json refused =
      json::parse(api_.Send("POST", "/v1/webhooks/" + id + ":test", json::object()).body);
  EXPECT_EQ(refused["reason"], "WEBHOOK_DISABLED");
  Upload(*cluster_, 31);
  receiver_.Tell("/gone", {{"answers", {204}}});
  EXPECT_EQ(api_.Ask("PATCH", "/v1/webhooks/" + id, {{"disabled", false}})["disabled"], false);
  const std::string image = Upload(*cluster_, 32).image().id();
  AwaitReceived("/gone", 2);
  EXPECT_EQ(receiver_.Received("/gone")[1]["body"]["data"]["id"], image);
}

TEST_F(WebhooksTest, RefusesUrlsThatLeadInside) {
  for (const char* url : {"http://127.0.0.2:3000/", "http://10.0.0.1/", "http://169.254.169.254/",
                          "http://[::1]:3000/", "http://127.0.0.1:22/", "ftp://example.org/"}) {
    const CurlAnswer answer = api_.Send("POST", "/v1/webhooks", {{"url", url}});
    EXPECT_EQ(answer.status, 400) << url;
    EXPECT_EQ(json::parse(answer.body)["reason"], "WEBHOOK_URL") << url;
  }
}

// The worst moments: right after the commit, and while a receiver has the request.
TEST_F(WebhooksTest, WhatWasCommittedBeforeAKillIsDeliveredAfterwards) {
  const std::string id = api_.Make(receiver_, "/kill", {"image.created"});
  receiver_.Tell("/kill", {{"hang", true}});
  std::set<std::string> images = {Upload(*cluster_, 40, false).image().id()};
  AwaitReceived("/kill", 1);
  const std::string under_way = receiver_.Received("/kill")[0]["id"];
  for (uint32_t i = 1; i < 4; ++i) images.insert(Upload(*cluster_, 40 + i, false).image().id());
  cluster_->Kill("api");
  receiver_.Tell("/kill", {{"hang", false}});
  ASSERT_TRUE(cluster_->Start("api").ok());
  Await("all are delivered", [&] { return api_.Count(id, "DELIVERED") == images.size(); });
  std::map<std::string, std::set<std::string>> ids_of;
  for (const json& one : receiver_.Received("/kill")) {
    EXPECT_EQ(one["verified"], true);
    ids_of[one["body"]["data"]["id"]].insert(one["id"]);
  }
  EXPECT_EQ(ids_of.size(), images.size());
  for (const auto& [image, ids] : ids_of) EXPECT_EQ(ids.size(), 1u) << image;
  EXPECT_EQ(api_.Delivery(id, under_way)["state"], "DELIVERED");
}

// The same public library, against an api that was not told of any network of its own.
TEST(WebhooksByDefault, LoopbackIsRefusedWhateverNameItHas) {
  Cluster cluster(
      {.workers = 1, .api_flags = {"--webhooks.allow_http=true", "--webhooks.retry_delays=10ms"}});
  const absl::Status started = cluster.StartAll();
  ASSERT_TRUE(started.ok()) << started;
  NodeReceiver receiver;
  WebhookApi api(cluster);
  EXPECT_EQ(api.Send("POST", "/v1/webhooks", {{"url", receiver.url("/x")}}).status, 400);
  std::string named = receiver.url("/x");
  named.replace(named.find("127.0.0.1"), 9, "localhost");
  const std::string id = api.Ask("POST", "/v1/webhooks", {{"url", named}})["webhook"]["id"];
  const std::string test = api.Ask("POST", "/v1/webhooks/" + id + ":test", json::object())["id"];
  Await("it is given up", [&] { return api.Delivery(id, test)["state"] == "DEAD"; });
  EXPECT_NE(api.Delivery(id, test)["lastError"].get<std::string>().find("is not allowed"),
            std::string::npos);
  EXPECT_TRUE(receiver.Received("/x").empty());
}

// TLS as operators have it inside: an authority of their own.
TEST(WebhooksByDefault, OnlyReceiversThatItsAuthoritiesVouchForAreSpokenTo) {
  std::string folder = "/tmp/stockroom-tls-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string make =
      "cd " + folder +
      " && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key "
      "-out "
      "ca.pem && openssl req -newkey rsa:2048 -nodes -subj /CN=receiver -keyout good.key -out "
      "good.csr && printf 'subjectAltName=IP:127.0.0.1' > names && openssl x509 -req -days 2 -in "
      "good.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out good.pem && openssl "
      "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -addext "
      "subjectAltName=IP:127.0.0.1 -keyout other.key -out other.pem";
  ASSERT_EQ(std::system(("{ " + make + "; } >/dev/null 2>&1").c_str()), 0);
  {
    Cluster cluster(
        {.workers = 1,
         .api_flags = {"--webhooks.allow_networks=127.0.0.1", "--webhooks.retry_delays=10ms",
                       "--webhooks.ca_file=" + folder + "/ca.pem"}});
    const absl::Status started = cluster.StartAll();
    ASSERT_TRUE(started.ok()) << started;
    NodeReceiver good(folder + "/good.key", folder + "/good.pem");
    NodeReceiver other(folder + "/other.key", folder + "/other.pem");
    WebhookApi api(cluster);
    const std::string trusted = api.Make(good, "/x");
    const std::string strange = api.Make(other, "/x");
    api.Ask("POST", "/v1/webhooks/" + trusted + ":test", json::object());
    api.Ask("POST", "/v1/webhooks/" + strange + ":test", json::object());
    Await("one is delivered", [&] { return api.Count(trusted, "DELIVERED") == 1; });
    Await("the other is given up", [&] { return api.Count(strange, "DEAD") == 1; });
    EXPECT_EQ(good.Received("/x")[0]["verified"], true);
    EXPECT_TRUE(other.Received("/x").empty());
  }
  std::filesystem::remove_all(folder);
}

TEST(WebhooksOfSeveralApis, EachEventIsSentOnceByWhicheverApi) {
  Cluster cluster(
      {.workers = 1,
       .apis = 2,
       .mariadb = true,
       .api_flags = {"--webhooks.allow_http=true", "--webhooks.allow_networks=127.0.0.1"}});
  const absl::Status started = cluster.StartAll();
  ASSERT_TRUE(started.ok()) << started;
  NodeReceiver receiver;
  WebhookApi api(cluster);
  const std::string id = api.Make(receiver, "/two", {"image.created"});
  std::set<std::string> images;
  for (uint32_t i = 0; i < 30; ++i) {
    images.insert(Upload(cluster, 100 + i, false, static_cast<int>(i % 2)).image().id());
  }
  Await("all are delivered", [&] { return api.Count(id, "DELIVERED") == images.size(); });
  std::set<std::string> told;
  const json received = receiver.Received("/two");
  for (const json& one : received) {
    EXPECT_EQ(one["verified"], true);
    told.insert(one["body"]["data"]["id"].get<std::string>());
  }
  EXPECT_EQ(told, images);
  EXPECT_EQ(received.size(), images.size()) << "no lease ran out: nothing was sent twice";
  // The other one goes on when the one that reads the feed dies.
  cluster.Kill("api");
  const std::string last = Upload(cluster, 200, false, 1).image().id();
  Await("it is told of by the other",
        [&] { return receiver.Received("/two").size() > images.size(); });
  EXPECT_EQ(receiver.Received("/two").back()["body"]["data"]["id"], last);
}

}  // namespace
}  // namespace stockroom::testing
