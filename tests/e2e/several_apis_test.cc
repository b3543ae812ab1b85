// Two apis on one MariaDB: one truth, whoever is asked.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/time/clock.h"
#include "tests/support/await.h"
#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;

constexpr absl::Duration kPatience = absl::Seconds(60);

class SeveralApis : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster({.workers = 2,
                            .apis = 2,
                            .mariadb = true,
                            .api_flags = {"--jobs.lease=5s", "--feed.max_watchers=3"}});
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  static Client& Api(int i) {
    static Client* const clients[] = {new Client(cluster_->rpc_address(0)),
                                      new Client(cluster_->rpc_address(1))};
    return *clients[i];
  }
  static v1::UploadImageResponse Upload(int api, uint32_t seed, const std::string& title,
                                        bool wait = true) {
    v1::UploadHeader header;
    header.set_title(title);
    header.set_wait(wait);
    const auto response = Api(api).Upload(MakePng(320, 200, seed), header);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : v1::UploadImageResponse();
  }
  static int64_t Found(int api, const std::string& query, int64_t position) {
    v1::SearchImagesRequest request;
    request.set_q(query);
    request.set_at_least_position(position);
    const auto response = Api(api).Search(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->total() : -1;
  }
  static std::string Url(int api, const std::string& path) {
    return "'" + cluster_->gateway(api) + path + "'";
  }

  static Cluster* cluster_;
};
Cluster* SeveralApis::cluster_ = nullptr;

// A gRPC watch that is read in the test's thread.
class Watcher {
 public:
  Watcher(Client& client, const v1::WatchRequest& request) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    reader_ = client.events().Watch(&context_, request);
  }
  // False at the end.
  bool Read() { return reader_->Read(&message); }
  grpc::Status Finish() { return reader_->Finish(); }
  void Cancel() { context_.TryCancel(); }

  v1::WatchResponse message;

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
};

TEST_F(SeveralApis, AWriterFindsItsWritesAtEveryApi) {
  const v1::UploadImageResponse uploaded = Upload(0, 1, "kestrel");
  EXPECT_EQ(Found(1, "kestrel", uploaded.feed_position()), 1);

  v1::UpdateImageRequest update;
  update.mutable_image()->set_id(uploaded.image().id());
  update.mutable_image()->set_title("merlin");
  update.mutable_update_mask()->add_paths("title");
  v1::Image changed;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(Api(1).images().UpdateImage(&context, update, &changed).ok());
  }
  EXPECT_EQ(Found(0, "merlin", changed.feed_position()), 1);
  EXPECT_EQ(Found(0, "kestrel", changed.feed_position()), 0);

  v1::DeleteImageRequest remove;
  remove.set_id(uploaded.image().id());
  v1::DeleteImageResponse removed;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(Api(0).images().DeleteImage(&context, remove, &removed).ok());
  }
  EXPECT_EQ(Found(1, "merlin", removed.feed_position()), 0);
}

TEST_F(SeveralApis, WhatIsDeletedOrHiddenAtOneApiLeavesTheMemoryOfTheOther) {
  const std::string kept = Upload(0, 21, "kept").image().id();
  const auto deleted = Upload(0, 22, "deleted").image();
  const std::string recipe = "/fit=77x0/q=71.webp";
  const auto ask = [&](int api, const std::string& id) {
    return Curl(Url(api, "/i/" + id + recipe));
  };
  for (int api = 0; api < 2; ++api) {
    for (const std::string& id : {kept, deleted.id()}) {
      const CurlAnswer first = ask(api, id);
      ASSERT_EQ(first.status, 200) << first.body;
      EXPECT_EQ(ask(api, id).body, first.body);
    }
  }
  const auto purges = [&] {
    const std::string text = Curl(Url(1, "/metrics")).body;
    const std::string name = "\nstockroom_delivery_cache_purges_total ";
    return std::stoi(text.substr(text.find(name) + name.size()));
  };
  const int before = purges();
  EXPECT_EQ(Curl("-X DELETE " + Url(0, "/v1/images/" + deleted.id())).status, 200);
  EXPECT_EQ(ask(0, deleted.id()).status, 404) << "at once, where it was deleted";
  Await("the other api's purge", [&] { return purges() > before; });
  EXPECT_EQ(ask(1, deleted.id()).status, 404);
  EXPECT_EQ(ask(0, kept).status, 200);
  EXPECT_EQ(ask(1, kept).status, 200);
  EXPECT_EQ(purges(), before + 1) << "of exactly one image";

  EXPECT_EQ(Curl("-X PATCH -H 'Content-Type: application/json' -d '{\"visibility\":\"PRIVATE\"}' " +
                 Url(0, "/v1/images/" + kept))
                .status,
            200);
  EXPECT_EQ(ask(0, kept).Header("cache-control"), "private, no-store") << "its owner's";
}

TEST_F(SeveralApis, AnIdempotencyKeyHoldsAtEveryApi) {
  const std::string path = cluster_->directory() + "/key.png";
  std::ofstream(path, std::ios::binary) << MakePng(320, 200, 2);
  const std::string send =
      "-H 'Idempotency-Key: \"once\"' -H 'Content-Type: image/png' "
      "--data-binary @" +
      path + " ";
  const CurlAnswer first = Curl(send + Url(0, "/v1/images?title=once&allow_duplicate=true"));
  const CurlAnswer again = Curl(send + Url(1, "/v1/images?title=once&allow_duplicate=true"));
  EXPECT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(again.status, 201) << again.body;
  EXPECT_EQ(first.body, again.body);
  EXPECT_EQ(first.Header("idempotency-replayed"), "");
  EXPECT_EQ(again.Header("idempotency-replayed"), "true");
  const CurlAnswer other = Curl(send + Url(1, "/v1/images?title=twice&allow_duplicate=true"));
  EXPECT_EQ(other.status, 422) << other.body;
}

TEST_F(SeveralApis, AConditionalChangeFailsAtTheApiThatComesSecond) {
  const std::string id = Upload(0, 3, "condition").image().id();
  const CurlAnswer before = Curl(Url(1, "/v1/images/" + id));
  const std::string tag = before.Header("etag");
  ASSERT_FALSE(tag.empty()) << before.headers;
  const std::string patch = "-X PATCH -H 'Content-Type: application/json' -H 'If-Match: " + tag +
                            "' -d '{\"title\":\"new\"}' ";
  EXPECT_EQ(Curl(patch + Url(0, "/v1/images/" + id)).status, 200);
  const CurlAnswer late = Curl(patch + Url(1, "/v1/images/" + id));
  EXPECT_EQ(late.status, 412) << late.body;
  EXPECT_EQ(json::parse(late.body)["reason"], "REVISION_MISMATCH");
  EXPECT_EQ(Curl("-H 'If-None-Match: " + tag + "' " + Url(1, "/v1/images/" + id)).status, 200);
}

TEST_F(SeveralApis, AWatchGoesOnAtAnotherApiWithoutAGap) {
  v1::WatchRequest request;
  request.add_types("image.created");
  Watcher first(Api(0), request);
  ASSERT_TRUE(first.Read());
  EXPECT_EQ(first.message.events_size(), 0) << "the first message says where the watch begins";
  const std::string a = Upload(1, 10, "watched").image().id();
  ASSERT_TRUE(first.Read());
  ASSERT_EQ(first.message.events_size(), 1);
  EXPECT_EQ(first.message.events(0).image_id(), a);
  const int64_t position = first.message.position();
  first.Cancel();

  const std::string b = Upload(0, 11, "while nobody watches").image().id();
  const std::string c = Upload(1, 12, "too").image().id();
  request.set_after_position(position);
  Watcher second(Api(1), request);
  std::vector<std::string> seen;
  while (seen.size() < 2) {
    ASSERT_TRUE(second.Read()) << second.Finish().error_message();
    for (const v1::Event& event : second.message.events()) seen.push_back(event.image_id());
  }
  EXPECT_EQ(seen, (std::vector{b, c}));
}

TEST_F(SeveralApis, AWatchOfAnUnknownPositionOrTypeFailsAtOnce) {
  v1::WatchRequest request;
  request.set_after_position(1'000'000'000);
  Watcher ahead(Api(0), request);
  EXPECT_FALSE(ahead.Read());
  EXPECT_EQ(ahead.Finish().error_code(), grpc::StatusCode::OUT_OF_RANGE);
  request.add_types("image.eaten");
  Watcher strange(Api(0), request);
  EXPECT_FALSE(strange.Read());
  EXPECT_EQ(strange.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const CurlAnswer gone = Curl(Url(0, "/v1/events?after_position=1000000000"));
  EXPECT_EQ(gone.status, 410);
  EXPECT_EQ(json::parse(gone.body)["reason"], "FEED_POSITION_AHEAD");
}

TEST_F(SeveralApis, BrowsersAreSentEventsAndComeBackByTheirLastId) {
  const v1::UploadImageResponse a = Upload(0, 70, "sse");
  const v1::UploadImageResponse b = Upload(1, 71, "sse");
  const std::string parameters = "/v1/events?types=image.ready&after_position=0";
  const CurlAnswer all = Curl("-N --max-time 2 " + Url(1, parameters));
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.Header("content-type"), "text/event-stream");
  EXPECT_NE(all.body.find("event: image.ready\ndata: {"), std::string::npos) << all.body;
  EXPECT_NE(all.body.find(a.image().id()), std::string::npos);
  EXPECT_NE(all.body.find(b.image().id()), std::string::npos);
  // A browser repeats the whole address and adds the id.
  const CurlAnswer rest =
      Curl("-N --max-time 2 -H 'Last-Event-ID: " + std::to_string(a.feed_position()) + "' " +
           Url(0, parameters));
  EXPECT_EQ(rest.body.find(a.image().id()), std::string::npos) << rest.body;
  EXPECT_NE(rest.body.find(b.image().id()), std::string::npos) << rest.body;
}

TEST_F(SeveralApis, TooManyWatchersAreToldToGoElsewhere) {
  std::vector<std::unique_ptr<Watcher>> watchers;
  Await("the watchers of other tests leave", [&] {
    watchers.clear();
    for (int i = 0; i < 3; ++i)
      watchers.push_back(std::make_unique<Watcher>(Api(0), v1::WatchRequest()));
    for (auto& watcher : watchers) {
      if (!watcher->Read()) return false;
    }
    return true;
  });
  Watcher fourth(Api(0), v1::WatchRequest());
  EXPECT_FALSE(fourth.Read());
  EXPECT_EQ(fourth.Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Watcher(Api(1), v1::WatchRequest()).Read());
}

TEST_F(SeveralApis, ImagesAreMadeAnewOnDemandByWhicheverApiIsFree) {
  const v1::UploadImageResponse uploaded = Upload(0, 30, "again");
  const int64_t revision = uploaded.image().revision();
  const CurlAnswer answer = Curl("-X POST -H 'Content-Type: application/json' -d '{\"id\":\"" +
                                 uploaded.image().id() + "\"}' " + Url(1, "/v1/images:reprocess"));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(json::parse(answer.body)["queued"], "1");
  Await("the image is processed again", [&] {
    const auto image = Api(0).Get(uploaded.image().id());
    return image.ok() && image->revision() > revision;
  });
}

// Both apis hold leases when one dies; the other takes its jobs over when they have run out.
TEST_F(SeveralApis, JobsOfADeadApiAreTakenOver) {
  cluster_->Pause("worker-0");
  cluster_->Pause("worker-1");
  std::set<std::string> ids;
  for (uint32_t i = 0; i < 24; ++i) {
    ids.insert(Upload(static_cast<int>(i % 2), 100 + i, "orphan", /*wait=*/false).image().id());
  }
  cluster_->Kill("api-1");
  cluster_->Resume("worker-0");
  cluster_->Resume("worker-1");
  const absl::Time killed = absl::Now();
  Await("every image is ready", [&] {
    for (const std::string& id : ids) {
      const auto image = Api(0).Get(id);
      if (!image.ok() || image->state() != v1::READY) return false;
    }
    return true;
  });
  RecordProperty("taken_over_after_ms",
                 std::to_string(absl::ToInt64Milliseconds(absl::Now() - killed)));
  ASSERT_TRUE(cluster_->Start("api-1").ok());
  EXPECT_EQ(Found(1, "orphan", 0), 24) << "a new api loads the whole picture";
}

// SIGTERM, as in a rolling update: whoever is served is served to the end.
TEST_F(SeveralApis, AnApiThatIsStoppedGentlyFinishesWhatItBegan) {
  Watcher watcher(Api(1), v1::WatchRequest());
  ASSERT_TRUE(watcher.Read());
  const CurlAnswer before = Curl(Url(1, "/readyz"));
  EXPECT_EQ(before.status, 200);
  EXPECT_EQ(cluster_->Stop("api-1"), 0);
  while (watcher.Read()) {
  }
  EXPECT_EQ(watcher.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Upload(0, 40, "meanwhile").image().state(), v1::READY);
  ASSERT_TRUE(cluster_->Start("api-1").ok());
  EXPECT_EQ(Found(1, "meanwhile", 0), 1);
}

}  // namespace
}  // namespace stockroom::testing
