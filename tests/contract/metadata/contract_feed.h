// The MetadataStore contract: events, snapshot, listener.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "services/common/base/status.h"
#include "tests/contract/metadata/contract_fixture.h"

namespace stockroom::api {

TEST_P(MetadataStoreContract, NumbersEventsInCommitOrderWithUniqueIds) {
  InThreads(8, [&](int t) {
    for (int i = 0; i < 5; ++i) Create("i" + std::to_string(t * 10 + i));
  });
  const auto events = Events();
  ASSERT_EQ(events.size(), 40u);
  std::set<std::string> ids;
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_GT(events[i].position, i == 0 ? 0 : events[i - 1].position);
    ids.insert(events[i].id);
  }
  EXPECT_EQ(ids.size(), 40u);
}

TEST_P(MetadataStoreContract, ReadsEventsAfterAPositionUpToALimit) {
  for (const char* id : {"a", "b", "c"}) Create(id);
  const auto all = Events();
  const auto page = Value(store().ReadEvents(all[0].position, 1));
  ASSERT_EQ(page.size(), 1u);
  EXPECT_EQ(page[0].image_id, "b");
  EXPECT_TRUE(Value(store().ReadEvents(all[2].position, 10)).empty());
  EXPECT_TRUE(Value(store().ReadEvents(0, 0)).empty());
}

TEST_P(MetadataStoreContract, EventsSayWhoMayBeTold) {
  NewImage upload = Upload("a");
  upload.described.visibility = Visibility::kPrivate;
  Value(store().CreateImage(upload, kNoon));
  Value(store().UpdateImage("a", kNoon, [](Image& image) {
    image.described.visibility = Visibility::kUnlisted;
    return absl::OkStatus();
  }));
  Value(store().DeleteImage("a", kNoon, Allow));
  const auto events = Events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].visibility, Visibility::kPrivate);
  EXPECT_EQ(events[1].visibility, Visibility::kUnlisted);
  EXPECT_EQ(events[2].visibility, Visibility::kUnlisted);
  for (const Event& event : events) EXPECT_EQ(event.owner, "ann");
}

TEST_P(MetadataStoreContract, ForgetsOldEventsAndSaysSo) {
  EXPECT_EQ(Value(store().GetFeedRange()).last, 0);
  EXPECT_EQ(Value(store().TrimEvents(kNoon, 10)), 0);
  for (int i = 0; i < 5; ++i) Create("i" + std::to_string(i), kNoon + absl::Seconds(i));
  const auto all = Events();
  EXPECT_EQ(Value(store().TrimEvents(kNoon + absl::Seconds(3), 2)), 2);
  EXPECT_EQ(Value(store().TrimEvents(kNoon + absl::Seconds(3), 10)), 1);
  EXPECT_EQ(Value(store().TrimEvents(kNoon + absl::Seconds(3), 10)), 0);
  const auto range = Value(store().GetFeedRange());
  EXPECT_EQ(range.trimmed, all[2].position);
  EXPECT_EQ(range.last, all[4].position);
  EXPECT_EQ(Code(store().ReadEvents(all[1].position, 10)), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(DetailsOf(store().ReadEvents(0, 10).status()).reason, "FEED_TRIMMED");
  EXPECT_EQ(Events(all[2].position).size(), 2u);
}

TEST_P(MetadataStoreContract, KeepsTheNewestEventSoThatPositionsNeverGoBack) {
  Create("a");
  Create("b");
  const int64_t last = Value(store().GetFeedRange()).last;
  EXPECT_EQ(Value(store().TrimEvents(kNoon + absl::Hours(1), 10)), 1);
  EXPECT_EQ(Value(store().GetFeedRange()).last, last);
  EXPECT_GT(Value(store().CreateImage(Upload("c"), kNoon)).feed_position, last);
}

TEST_P(MetadataStoreContract, EveryReaderSeesTheSameOrderAndNothingAppearsBehindIt) {
  std::atomic<bool> over = false;
  std::vector<std::vector<std::string>> seen(2);
  InThreads(6, [&](int t) {
    if (t >= 2) {
      for (int i = 0; i < 20; ++i) {
        const std::string id = "i" + std::to_string(t * 100 + i);
        Create(id);
        Value(store().UpdateImage(id, kNoon, [&](Image& image) {
          image.described.title = "new";
          return absl::OkStatus();
        }));
      }
      if (t == 2) over = true;
      return;
    }
    int64_t position = 0;
    while (!over) {
      for (const Event& event : Value(store().ReadEvents(position, 5))) {
        EXPECT_GT(event.position, position);
        position = event.position;
        seen[t].push_back(event.id);
      }
    }
  });
  const auto all = Events();
  ASSERT_EQ(all.size(), 160u);
  for (const auto& reader : seen) {
    ASSERT_LE(reader.size(), all.size());
    for (size_t i = 0; i < reader.size(); ++i) ASSERT_EQ(reader[i], all[i].id) << i;
  }
  std::map<std::string, int64_t> revisions;
  for (const Event& event : all) {
    EXPECT_GT(event.revision, revisions[event.image_id]);
    revisions[event.image_id] = event.revision;
  }
}

TEST_P(MetadataStoreContract, SnapshotVisitsEveryImageOnce) {
  for (int i = 0; i < 2600; ++i) Create("i" + std::to_string(i));
  std::mutex mu;
  std::multiset<std::string> seen;
  const int64_t position = Value(store().Snapshot([&](std::vector<Image> batch) {
    const std::lock_guard lock(mu);
    for (const Image& image : batch) seen.insert(image.id);
    return absl::OkStatus();
  }));
  EXPECT_EQ(seen.size(), 2600u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 2600u);
  EXPECT_TRUE(Value(store().ReadEvents(position, 10)).empty());
}

TEST_P(MetadataStoreContract, TheCatalogueKeepsItsName) {
  const std::string name = Value(store().CatalogueId());
  EXPECT_GE(name.size(), 32u);
  Create("a");
  EXPECT_EQ(Value(store().CatalogueId()), name);
}

TEST_P(MetadataStoreContract, SnapshotEndsWithTheVisitorsError) {
  Create("a");
  EXPECT_EQ(Code(store().Snapshot([](std::vector<Image>) { return absl::CancelledError("stop"); })),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(Code(store().GetImage("a")), absl::StatusCode::kOk);
}

// Follows the feed from `position` and brings `known` (id to revision) up to date.
inline void Follow(MetadataStore& store, int64_t position, std::map<std::string, int64_t>& known) {
  for (;;) {
    const auto events = Value(store.ReadEvents(position, 7));
    if (events.empty()) return;
    for (const Event& event : events) {
      position = event.position;
      const auto image = store.GetImage(event.image_id);
      if (image.ok()) {
        known[event.image_id] = std::max(known[event.image_id], image->revision);
      } else {
        known.erase(event.image_id);
      }
    }
  }
}

TEST_P(MetadataStoreContract, SnapshotAndFeedTogetherLoseNothingUnderConcurrentWrites) {
  for (int i = 0; i < 300; ++i) Create("old" + std::to_string(i));
  std::vector<std::map<std::string, int64_t>> known(3);
  std::vector<int64_t> positions(3);
  InThreads(6, [&](int t) {
    if (t < 3) {
      std::mutex mu;
      positions[t] = Value(store().Snapshot([&](std::vector<Image> batch) {
        const std::lock_guard lock(mu);
        for (const Image& image : batch) known[t][image.id] = image.revision;
        return absl::OkStatus();
      }));
      return;
    }
    for (int i = 0; i < 40; ++i) {
      const std::string id = "new" + std::to_string(t) + "-" + std::to_string(i);
      Create(id);
      Value(store().UpdateImage("old" + std::to_string(i), kNoon, [&](Image& image) {
        image.described.tags.push_back(id);
        return absl::OkStatus();
      }));
      if (i % 4 == 0) Value(store().DeleteImage(id, kNoon, Allow));
    }
  });
  std::mutex mu;
  std::map<std::string, int64_t> truth;
  Value(store().Snapshot([&](std::vector<Image> batch) {
    const std::lock_guard lock(mu);
    for (const Image& image : batch) truth[image.id] = image.revision;
    return absl::OkStatus();
  }));
  EXPECT_EQ(truth.size(), 300u + 3 * 30);
  for (int t = 0; t < 3; ++t) {
    Follow(store(), positions[t], known[t]);
    EXPECT_EQ(known[t], truth);
  }
}

// As many rows as make several pieces for readers side by side, changed on both sides of what was
// read so far.
TEST_P(MetadataStoreContract, WhatChangesWhileTheSnapshotIsReadIsInItOrInTheFeed) {
  constexpr int kRows = 1300;
  const auto id_of = [](int i) { return "old" + std::to_string(1000 + i); };
  for (int i = 0; i < kRows; ++i) Create(id_of(i));
  const auto change = [&] {
    for (int i = 0; i < kRows; i += 50) {
      Value(store().UpdateImage(id_of(i), kNoon, [](Image& image) {
        image.described.title = "changed";
        return absl::OkStatus();
      }));
      Value(store().DeleteImage(id_of(i + 1), kNoon, Allow));
      Create(id_of(i) + "-and-a-half");
    }
  };
  std::mutex mu;
  bool is_changed = false;
  std::map<std::string, int64_t> known;
  const int64_t position = Value(store().Snapshot([&](std::vector<Image> batch) {
    const std::lock_guard lock(mu);
    if (!std::exchange(is_changed, true)) change();
    for (const Image& image : batch) {
      EXPECT_TRUE(known.emplace(image.id, image.revision).second) << image.id << " came twice";
    }
    return absl::OkStatus();
  }));
  Follow(store(), position, known);
  std::map<std::string, int64_t> truth;
  Value(store().Snapshot([&](std::vector<Image> batch) {
    const std::lock_guard lock(mu);
    for (const Image& image : batch) truth[image.id] = image.revision;
    return absl::OkStatus();
  }));
  EXPECT_EQ(truth.size(), size_t{kRows});
  EXPECT_EQ(known, truth);
}

TEST_P(MetadataStoreContract, TellsTheListenerOfEveryCommitThatWroteAnEvent) {
  std::atomic<int> calls = 0;
  store().SetCommitListener([&] { ++calls; });
  Create("a");
  EXPECT_EQ(calls, 1);
  Value(store().CreateImage(Upload("a2", "ann", "bytes of a"), kNoon));  // deduplicated
  EXPECT_EQ(Code(store().DeleteImage("no", kNoon, Allow)), absl::StatusCode::kNotFound);
  const LeasedJob leased = LeaseOne();
  EXPECT_EQ(calls, 1);
  Value(store().CompleteJob(Ref(leased), Processed(), kNoon));
  EXPECT_EQ(calls, 2);
  Value(store().DeleteImage("a", kNoon, Allow));
  EXPECT_EQ(calls, 3);
}

}  // namespace stockroom::api
