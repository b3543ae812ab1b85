// list, search, show, update, delete, status, ping.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/exit_codes.h"

namespace stockroom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class CommandsTest : public ::testing::Test {
 protected:
  void Add(int count) {
    for (int i = 0; i < count; ++i) {
      v1::Image image;
      image.set_id(absl::StrCat("id-", 1000 + i));
      image.set_title(absl::StrCat("title ", i));
      image.set_state(v1::READY);
      client_.images[image.id()] = image;
    }
  }
  int64_t Lines() const { return std::count(bench_.out.begin(), bench_.out.end(), '\n'); }

  Bench bench_;
  FakeClient client_;
};

TEST_F(CommandsTest, AListGoesPageAfterPageUpToItsLimit) {
  Add(450);
  EXPECT_EQ(RunList(bench_.program, client_, {.limit = 0}), kExitOk);
  EXPECT_EQ(Lines(), 450);
  bench_.out.clear();
  EXPECT_EQ(RunList(bench_.program, client_, {.limit = 201}), kExitOk);
  EXPECT_EQ(Lines(), 201);
  EXPECT_THAT(bench_.err, HasSubstr("there are more than these 201"));
}

TEST_F(CommandsTest, AListStopsWhenNobodyReads) {
  Add(1000);
  int writes = 0;
  Output output(
      {},
      [&](std::string_view) {
        ++writes;
        return absl::CancelledError("gone");
      },
      [](std::string_view) { return absl::OkStatus(); });
  const Program program{.settings = bench_.settings,
                        .out = output,
                        .http = bench_.http,
                        .stop = bench_.stop,
                        .confirm = {}};
  EXPECT_EQ(RunList(program, client_, {.limit = 0}), kExitOk);
  EXPECT_EQ(writes, 1);
}

TEST_F(CommandsTest, ASearchPassesItsQueryAndTellsTheTotal) {
  Add(3);
  EXPECT_EQ(RunSearch(bench_.program, client_, {.query = "tags:a \"x y\"", .limit = 2}), kExitOk);
  EXPECT_EQ(client_.last_query, "tags:a \"x y\"");
  EXPECT_EQ(Lines(), 2);
  EXPECT_THAT(bench_.err, HasSubstr("2 of 3 found"));
  client_.search_error = InvalidArgument("QUERY_DATE", "no such day, at position 6");
  EXPECT_EQ(RunSearch(bench_.program, client_, {.query = "date:99"}), kExitUsage);
  EXPECT_THAT(bench_.err, HasSubstr("no such day, at position 6"));
}

TEST_F(CommandsTest, ShowTellsWhichAreMissing) {
  Add(1);
  EXPECT_EQ(RunShow(bench_.program, client_, {.ids = {"id-1000"}}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("title 0"));
  EXPECT_EQ(RunShow(bench_.program, client_, {.ids = {"x"}}), kExitNotFound);
  EXPECT_EQ(RunShow(bench_.program, client_, {.ids = {"x", "id-1000"}}), kExitFailed);
}

TEST_F(CommandsTest, UpdateChangesWhatIsNamedAndNothingElse) {
  Add(1);
  client_.images["id-1000"].add_tags("old");
  client_.images["id-1000"].add_tags("kept");
  EXPECT_EQ(RunUpdate(bench_.program, client_,
                      {.id = "id-1000", .add_tags = {"new", "kept"}, .remove_tags = {"old"}}),
            kExitOk);
  EXPECT_THAT(client_.last_update.update_mask().paths(), ElementsAre("tags"));
  EXPECT_THAT(client_.images["id-1000"].tags(), UnorderedElementsAre("kept", "new"));
  EXPECT_EQ(client_.images["id-1000"].title(), "title 0");
  EXPECT_EQ(RunUpdate(bench_.program, client_, {.id = "id-1000", .title = ""}), kExitOk);
  EXPECT_EQ(client_.images["id-1000"].title(), "");
  EXPECT_EQ(RunUpdate(bench_.program, client_, {.id = "id-1000"}), kExitUsage);
  EXPECT_EQ(RunUpdate(bench_.program, client_, {.id = "x", .add_tags = {"a"}}), kExitNotFound);
}

TEST_F(CommandsTest, DeletingAsksFirst) {
  Add(2);
  EXPECT_EQ(RunDelete(bench_.program, client_, {.ids = {"id-1000"}}), kExitUsage);
  std::string asked;
  bench_.program.confirm = [&](const std::string& question) {
    asked = question;
    return false;
  };
  EXPECT_EQ(RunDelete(bench_.program, client_, {.ids = {"id-1000"}}), kExitFailed);
  EXPECT_EQ(asked, "Delete id-1000? [y/N] ");
  EXPECT_EQ(client_.images.size(), 2u);
  bench_.program.confirm = [](const std::string&) { return true; };
  EXPECT_EQ(RunDelete(bench_.program, client_, {.ids = {"id-1000"}}), kExitOk);
  EXPECT_EQ(RunDelete(bench_.program, client_, {.ids = {"id-1001", "gone"}, .yes = true}),
            kExitFailed);
  EXPECT_EQ(RunDelete(bench_.program, client_, {.ids = {"gone"}, .yes = true}), kExitNotFound);
  EXPECT_TRUE(client_.images.empty());
}

TEST_F(CommandsTest, StatusAsksEveryAddress) {
  bench_.settings.addresses = {"up:1", "down:1"};
  v1::WorkerInfo& worker = *client_.server->add_workers();
  worker.set_address("w:1");
  worker.set_streams(2);
  v1::Engine& engine = *worker.add_engines();
  engine.set_program("stockroom-decoder");
  engine.set_libvips("8.18.7");
  engine.add_reads("jpeg");
  engine.add_reads("png");
  engine.add_writes("webp");
  const auto connect = [&](const std::string& address) -> absl::StatusOr<std::unique_ptr<Client>> {
    auto one = std::make_unique<FakeClient>();
    one->server = client_.server;
    if (address == "down:1") one->server = Away();
    return one;
  };
  EXPECT_EQ(RunStatus(bench_.program, connect, {.health_urls = {"127.0.0.1:8090"}}), kExitFailed);
  EXPECT_THAT(bench_.out, HasSubstr("up    api  up:1"));
  EXPECT_THAT(bench_.out, HasSubstr("worker w:1  2 streams"));
  EXPECT_THAT(bench_.out,
              HasSubstr("stockroom-decoder  libvips 8.18.7, reads jpeg png, writes webp"));
  EXPECT_THAT(bench_.out, HasSubstr("down  api  down:1  nothing answers at down:1"));
  EXPECT_THAT(bench_.out, HasSubstr("up    http http://127.0.0.1:8090/readyz"));
  bench_.http.body = "# TYPE x gauge\nstockroom_fileserver_free_bytes 1073741824\nx 1\n";
  bench_.out.clear();
  RunStatus(bench_.program, connect, {.health_urls = {"127.0.0.1:8090"}});
  EXPECT_THAT(bench_.out, HasSubstr("disk   1.1 GB free"));
  bench_.settings.addresses = {"down:1"};
  EXPECT_EQ(RunStatus(bench_.program, connect, {}), kExitAway);
}

TEST_F(CommandsTest, PingTellsHowFast) {
  EXPECT_EQ(RunPing(bench_.program, client_, {.count = 4}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("4 calls"));
}

TEST(CommandsJson, EveryLineIsAnObject) {
  Bench bench({.json = true});
  FakeClient client;
  client.images["a"].set_id("a");
  client.images["a"].set_title("\033[31m\n");
  EXPECT_EQ(RunList(bench.program, client, {}), kExitOk);
  EXPECT_EQ(RunShow(bench.program, client, {.ids = {"a", "b"}}), kExitFailed);
  EXPECT_EQ(RunDelete(bench.program, client, {.ids = {"a"}, .yes = true}), kExitOk);
  std::istringstream lines(bench.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_TRUE(nlohmann::json::parse(line).is_object()) << line;
  }
  EXPECT_EQ(count, 4);
}

TEST_F(CommandsTest, ReprocessAsksUntilNothingIsLeft) {
  EXPECT_EQ(RunReprocess(bench_.program, client_, {.all = true}), kExitOk);
  EXPECT_EQ(client_.reprocessed.size(), 2u);
  EXPECT_EQ(client_.reprocessed[1].page_token(), "more");
  EXPECT_EQ(bench_.out, "4 images queued\n");
  EXPECT_EQ(RunReprocess(bench_.program, client_, {}), kExitUsage);
}

v1::WatchResponse Batch(int64_t position, const std::string& id = "") {
  v1::WatchResponse batch;
  batch.set_position(position);
  if (id.empty()) return batch;
  v1::Event& event = *batch.add_events();
  event.set_position(position);
  event.set_type("image.ready");
  event.set_image_id(id);
  event.set_revision(3);
  return batch;
}

TEST_F(CommandsTest, AWatchThatBreaksOffGoesOnWhereItStopped) {
  client_.watches = {{{Batch(4), Batch(5, "a")}, absl::OkStatus()},
                     {{Batch(5), Batch(7, "b")}, Away()},
                     {{Batch(7), Batch(9, "c")}, absl::OkStatus()}};
  EXPECT_EQ(RunWatch(bench_.program, client_, {.types = {"ready"}}), kExitFailed);
  EXPECT_EQ(bench_.out,
            "5\t1970-01-01T00:00:00Z\tready\ta\t3\n"
            "7\t1970-01-01T00:00:00Z\tready\tb\t3\n"
            "9\t1970-01-01T00:00:00Z\tready\tc\t3\n");
  EXPECT_THAT(client_.watched[0].types(), ElementsAre("image.ready"));
  EXPECT_FALSE(client_.watched[0].has_after_position());
  EXPECT_EQ(client_.watched[1].after_position(), 5);
  EXPECT_EQ(client_.watched[2].after_position(), 7);
  EXPECT_EQ(client_.watched[3].after_position(), 9);
}

TEST_F(CommandsTest, AWatchThatNeverWorkedFailsAtOnce) {
  client_.watches = {{{}, Away()}};
  EXPECT_EQ(RunWatch(bench_.program, client_, {}), kExitAway);
  EXPECT_EQ(client_.watched.size(), 1u);
}

TEST_F(CommandsTest, AWatchEndsAfterAsManyEventsAsWereAskedFor) {
  client_.watches = {{{Batch(1, "a"), Batch(2, "b"), Batch(3, "c")}, absl::OkStatus()}};
  EXPECT_EQ(RunWatch(bench_.program, client_, {.after = 0, .count = 2}), kExitOk);
  EXPECT_EQ(Lines(), 2);
}

}  // namespace
}  // namespace stockroom::cli
