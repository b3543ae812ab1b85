// Moderation with real processes: two apis on one MariaDB, keys for everybody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "tests/support/await.h"
#include "tests/support/cluster.h"
#include "tests/unit/webhooks/receiver.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A cluster that lets nobody in without a key.
class Guarded {
 public:
  Guarded(Cluster::Options options) {  // NOLINT: as it is written where it is used
    folder_ = std::filesystem::temp_directory_path() /
              ("stockroom-moderation-" + std::to_string(::getpid()) + "-" +
               std::to_string(absl::ToUnixNanos(absl::Now())));
    std::filesystem::create_directories(folder_);
    const std::string key_file = (folder_ / "admin.key").string();
    // Drawn pictures have little detail.
    for (const std::string flag :
         {"--auth.anonymous=nothing", "--moderation.min_quality=0", "--moderation.poll=50ms"}) {
      options.api_flags.push_back(flag);
    }
    options.api_flags.push_back("--auth.admin_key_file=" + key_file);
    cluster_ = std::make_unique<Cluster>(options);
    const absl::Status started = cluster_->StartAll();
    EXPECT_TRUE(started.ok()) << started;
    std::ifstream(key_file) >> admin;
    ann = KeyFor("ann", "uploader");
    bob = KeyFor("bob", "uploader");
    mod = KeyFor("mod", "moderator");
  }
  ~Guarded() { std::filesystem::remove_all(folder_); }

  CurlAnswer Send(const std::string& key, const std::string& path,
                  const std::string& arguments = "", int api = 0) {
    return Curl("-H 'Authorization: Bearer " + key + "' " + arguments + " '" +
                cluster_->gateway(api) + path + "'");
  }
  json Ask(const std::string& key, const std::string& path, const json& body = nullptr,
           int api = 0) {
    const CurlAnswer answer =
        Send(key, path, body.is_null() ? "" : "--json '" + body.dump() + "'", api);
    EXPECT_EQ(answer.status / 100, 2) << path << ": " << answer.body;
    return json::parse(answer.body, nullptr, false);
  }
  std::string KeyFor(const std::string& subject, const std::string& role) {
    return Ask(admin, "/v1/keys", {{"subject", subject}, {"role", role}})["secret"];
  }
  json Upload(const std::string& key, uint32_t seed, const std::string& title, int api = 0) {
    const std::string file = (folder_ / (std::to_string(seed) + ".png")).string();
    std::ofstream(file, std::ios::binary) << MakePng(320, 200, seed);
    const CurlAnswer answer = Send(key, "/v1/images?wait=true&allow_duplicate=true&title=" + title,
                                   "-F file=@" + file, api);
    EXPECT_EQ(answer.status / 100, 2) << answer.body;
    return json::parse(answer.body)["image"];
  }
  // Puts the picture of an image on the list.
  void Block(const json& image, int api = 0) {
    const json added = Ask(mod, "/v1/moderation/hashes",
                           {{"hashes", {{{"hash", HashOf(image)}, {"threshold", 0}}}}}, api);
    EXPECT_EQ(added["added"], 1) << added;
  }
  std::string HashOf(const json& image) {
    return Ask(mod, "/v1/images/" + Id(image))["analysis"]["pdq"]["hash"];
  }
  static std::string Id(const json& image) { return image["id"]; }
  std::string StateOf(const std::string& id, int api = 0) {
    return Ask(mod, "/v1/images/" + id, nullptr, api)["state"];
  }
  int Found(const std::string& key, const std::string& query, int api = 0) {
    return std::stoi(Ask(key, "/v1/search?q=" + query, nullptr, api).value("total", "0"));
  }
  bool Listed(const std::string& key, const std::string& id, int api = 0) {
    return Send(key, "/v1/images?page_size=500", "", api).body.find(id) != std::string::npos;
  }
  json Decide(const std::string& id, const std::string& verdict, const std::string& reason = "",
              int api = 0) {
    return Ask(mod, "/v1/moderation/images/" + id + ":decide",
               {{"verdict", verdict}, {"reason", reason}}, api);
  }
  // Of the image as a moderator sees it.
  std::string ThumbOf(const std::string& id) {
    return Ask(mod, "/v1/images/" + id)["renditions"][0]["url"];
  }
  // Neither the image nor a trace of it for somebody.
  void ExpectHidden(const std::string& key, const std::string& id, const std::string& word) {
    for (int api = 0; api < cluster_->apis(); ++api) {
      EXPECT_EQ(Send(key, "/v1/images/" + id, "", api).status, 404);
      EXPECT_EQ(Send(key, ThumbOf(id), "", api).status, 404);
      EXPECT_EQ(Send(key, "/i/" + id + "/original", "", api).status, 404);
      EXPECT_EQ(Send(key, "/v1/images/" + id + "/similar", "", api).status, 404);
      EXPECT_EQ(Found(key, word, api), 0);
      EXPECT_FALSE(Listed(key, id, api));
      EXPECT_THAT(Send(key, "/v1/suggest?prefix=" + word, "", api).body, Not(HasSubstr(word)));
    }
  }

  Cluster& cluster() { return *cluster_; }

  std::string admin, ann, bob, mod;

 private:
  std::filesystem::path folder_;
  std::unique_ptr<Cluster> cluster_;
};

class ModerationE2e : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { here_ = new Guarded({.workers = 1, .apis = 2, .mariadb = true}); }
  static void TearDownTestSuite() {
    delete here_;
    here_ = nullptr;
  }
  static Guarded* here_;
};
Guarded* ModerationE2e::here_ = nullptr;

TEST_F(ModerationE2e, WhatIsOnTheListIsSeenByNobodyUntilAModeratorShowsIt) {
  Guarded& on = *here_;
  const json first = on.Upload(on.ann, 16, "harmless");
  ASSERT_EQ(first["state"], "READY");
  on.Block(first);
  const json again = on.Upload(on.ann, 16, "kestrel", 1);
  const std::string id = Guarded::Id(again);
  EXPECT_EQ(again["state"], "FLAGGED") << again;
  EXPECT_THAT(again["failureReason"].get<std::string>(), HasSubstr("block list"));
  on.ExpectHidden(on.bob, id, "kestrel");

  // Its owner knows, but gets no picture; a moderator does, and no cache keeps it.
  EXPECT_EQ(on.Ask(on.ann, "/v1/images/" + id)["state"], "FLAGGED");
  EXPECT_TRUE(on.Listed(on.ann, id));
  EXPECT_EQ(on.Send(on.ann, on.ThumbOf(id)).status, 404);
  EXPECT_EQ(on.Send(on.ann, "/i/" + id + "/original").status, 404);
  const CurlAnswer picture = on.Send(on.mod, on.ThumbOf(id));
  EXPECT_EQ(picture.status, 200);
  EXPECT_THAT(picture.Header("cache-control"), HasSubstr("no-store"));

  const json flagged = on.Ask(on.mod, "/v1/moderation/images");
  const auto mine = std::find_if(flagged["images"].begin(), flagged["images"].end(),
                                 [&](const json& one) { return one["image"]["id"] == id; });
  ASSERT_NE(mine, flagged["images"].end());
  EXPECT_EQ((*mine)["decision"]["by"], "BLOCK_LIST");
  EXPECT_EQ(on.Send(on.bob, "/v1/moderation/images").status, 403);

  EXPECT_EQ(on.Decide(id, "APPROVE", "a statue")["state"], "READY");
  Await("everybody finds it", [&] { return on.Found(on.bob, "kestrel", 1) == 1; });
  EXPECT_EQ(on.Send(on.bob, on.ThumbOf(id)).status, 200);
  EXPECT_EQ(on.Ask(on.bob, "/v1/images/" + id)["state"], "READY");

  // Processing it anew does not flag it again.
  on.Ask(on.admin, "/v1/images:reprocess", {{"id", id}});
  const std::string before = on.Ask(on.mod, "/v1/images/" + id)["revision"];
  Await("it is processed anew",
        [&] { return on.Ask(on.mod, "/v1/images/" + id)["revision"] != before; });
  EXPECT_EQ(on.StateOf(id), "READY");

  EXPECT_EQ(on.Decide(id, "REJECT", "no after all", 1)["state"], "REJECTED");
  Await("it is gone again", [&] { return on.Found(on.bob, "kestrel") == 0; });
  on.ExpectHidden(on.bob, id, "kestrel");
  EXPECT_EQ(on.Ask(on.ann, "/v1/images/" + id)["failureReason"], "no after all");
  EXPECT_EQ(on.Decide(id, "REOPEN")["state"], "FLAGGED");
  std::vector<std::string> trail;
  const json log = on.Ask(on.mod, "/v1/moderation/decisions?image_id=" + id);
  for (const json& decision : log["decisions"]) {
    trail.push_back(decision["to"]);
  }
  EXPECT_THAT(trail, ElementsAre("FLAGGED", "REJECTED", "READY", "FLAGGED"));
}

TEST_F(ModerationE2e, ANewHashHidesWhatWasVisibleAtEveryApi) {
  Guarded& on = *here_;
  const json image = on.Upload(on.ann, 99, "heron");
  const std::string id = Guarded::Id(image);
  ASSERT_EQ(image["state"], "READY");
  Await("it is found", [&] { return on.Found(on.bob, "heron", 1) == 1; });
  EXPECT_EQ(on.Send(on.bob, on.ThumbOf(id)).status, 200);
  on.Block(image, 1);
  Await("it is flagged", [&] { return on.StateOf(id) == "FLAGGED"; });
  Await("it leaves the index",
        [&] { return on.Found(on.bob, "heron", 0) == 0 && on.Found(on.bob, "heron", 1) == 0; });
  on.ExpectHidden(on.bob, id, "heron");
}

TEST_F(ModerationE2e, ASweepOutlivesTheApiThatBeganIt) {
  Guarded& on = *here_;
  const json image = on.Upload(on.ann, 1234, "raven", 1);
  ASSERT_EQ(image["state"], "READY");
  on.Block(image);
  on.cluster().Kill("api");
  Await("another api flags it", [&] { return on.StateOf(Guarded::Id(image), 1) == "FLAGGED"; });
  ASSERT_TRUE(on.cluster().Start("api").ok());
  on.ExpectHidden(on.bob, Guarded::Id(image), "raven");
}

TEST_F(ModerationE2e, EventsOfWhatIsHiddenGoToItsOwnerAndModeratorsOnly) {
  Guarded& on = *here_;
  const json image = on.Upload(on.ann, 4321, "owl");
  const std::string id = Guarded::Id(image);
  on.Decide(id, "REOPEN", "look");
  on.Ask(on.ann, "/v1/images/" + id);
  on.Decide(id, "APPROVE");
  const auto types = [&](const std::string& key) {
    std::vector<std::string> seen;
    const std::string stream =
        on.Send(key, "/v1/events?after_position=0&image_id=" + id, "-m 2").body;
    for (size_t at = 0; (at = stream.find("event: ", at)) != std::string::npos; at += 7) {
      seen.push_back(stream.substr(at + 7, stream.find('\n', at) - at - 7));
    }
    return seen;
  };
  const std::vector<std::string> all = {"image.created", "image.ready", "image.flagged",
                                        "image.approved"};
  EXPECT_EQ(types(on.ann), all);
  EXPECT_EQ(types(on.mod), all);
  EXPECT_THAT(types(on.bob), ElementsAre("image.created", "image.ready", "image.approved"));
}

TEST_F(ModerationE2e, ListsAreCopiedAsText) {
  Guarded& on = *here_;
  const std::string a(64, 'a');
  const std::string b(64, 'b');
  const json imported = on.Ask(on.mod, "/v1/moderation/hashes:import",
                               {{"text", "# list\n" + a + ",7,one\n" + b + "\n"}, {"label", "x"}});
  EXPECT_EQ(imported["added"], 2) << imported;
  const std::string text = on.Ask(on.mod, "/v1/moderation/hashes:export?page_size=10000")["text"];
  EXPECT_THAT(text, HasSubstr(a + ",7,one\n"));
  EXPECT_THAT(text, HasSubstr(b + ",31\n"));
  EXPECT_EQ(on.Send(on.mod, "/v1/moderation/hashes:import", "--json '{\"text\":\"zz\"}'").status,
            400);
  EXPECT_EQ(on.Ask(on.mod, "/v1/moderation/hashes:remove", {{"hashes", {a, b}}})["removed"], 2);
  EXPECT_EQ(on.Send(on.ann, "/v1/moderation/hashes").status, 403);
}

std::string Http(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

TEST(ModeratorHookE2e, IsAskedBeforeAnybodySeesThePicture) {
  api::Receiver receiver([](const std::string& request) {
    const json question = json::parse(request.substr(request.find("\r\n\r\n") + 4));
    const bool bad = question["image"]["title"] == "bad";
    return Http(bad ? R"({"verdict":"REJECT","reason":"not here","labels":["bad"]})"
                    : R"({"verdict":"ALLOW"})");
  });
  Guarded on(
      Cluster::Options{.workers = 1, .api_flags = {"--moderation.hook_url=" + receiver.url()}});
  EXPECT_EQ(on.Upload(on.ann, 1, "good")["state"], "READY");
  const json bad = on.Upload(on.ann, 2, "bad");
  EXPECT_EQ(bad["state"], "REJECTED");
  EXPECT_EQ(bad["failureReason"], "not here");
  on.ExpectHidden(on.bob, Guarded::Id(bad), "bad");
  const std::string request = receiver.requests().at(1);
  const json question = json::parse(request.substr(request.find("\r\n\r\n") + 4));
  EXPECT_FALSE(question["preview"].get<std::string>().empty()) << "a rendition goes along";
  EXPECT_EQ(question["pdq"].get<std::string>().size(), 64u);
}

TEST(ModeratorHookE2e, IfItIsDownAPersonDecides) {
  Guarded on(
      Cluster::Options{.workers = 1, .api_flags = {"--moderation.hook_url=http://127.0.0.1:1/"}});
  const json image = on.Upload(on.ann, 1, "wren");
  EXPECT_EQ(image["state"], "FLAGGED");
  const std::string id = Guarded::Id(image);
  on.ExpectHidden(on.bob, id, "wren");
  EXPECT_EQ(on.Ask(on.mod, "/v1/moderation/decisions?image_id=" + id)["decisions"][0]["by"],
            "POLICY");
  on.Decide(id, "APPROVE");
  Await("it is found", [&] { return on.Found(on.bob, "wren") == 1; });
}

}  // namespace
}  // namespace stockroom::testing
