// The WebhookStore contract: webhooks, the feed reader's position, deliveries.
#pragma once

#include <atomic>
#include <set>

#include "services/common/base/status.h"
#include "tests/contract/metadata/contract_fixture.h"

namespace stockroom::api {

inline constexpr int kMany = 1000;

inline Webhook Hook(const std::string& id) {
  Webhook webhook;
  webhook.id = id;
  webhook.url = "https://example.org/" + id;
  webhook.types = {"image.ready", "image.deleted"};
  webhook.filter = {.tags = {"sea", "größe \"x\""}, .owner = "ann"};
  webhook.label = "label of " + id;
  webhook.creator = "root";
  webhook.sees_all = true;
  webhook.after_position = 7;
  webhook.secret = std::string("\0\xff secret", 9);
  webhook.create_time = webhook.update_time = kNoon;
  return webhook;
}

inline NewDelivery For(const std::string& webhook_id, const std::string& event_id) {
  return {.webhook_id = webhook_id,
          .event_id = event_id,
          .type = "image.ready",
          .image_id = "i-" + event_id,
          .owner = "ann",
          .revision = 3,
          .event_time = kNoon};
}

class WebhookStoreContract : public MetadataStoreContract {
 protected:
  WebhookStore& hooks() { return store().webhooks(); }
  void Make(const std::string& id) {
    ASSERT_EQ(Code(hooks().CreateWebhook(Hook(id), kMany)), absl::StatusCode::kOk);
  }
  int Advance(const std::vector<NewDelivery>& deliveries, absl::Time now = kNoon,
              int max_pending = kMany) {
    const int64_t from = Value(hooks().ReaderPosition());
    return Value(hooks().AdvanceReader(from, from + 1, deliveries, max_pending, now));
  }
  std::vector<WebhookDelivery> Lease(const std::string& id = "w", absl::Time now = kNoon,
                                     int limit = kMany) {
    return Value(hooks().LeaseDeliveries(id, limit, now, absl::Seconds(60)));
  }
  static DeliveryRef Ref(const WebhookDelivery& d) { return {d.webhook_id, d.event_id, d.token}; }
  absl::Status Finish(const WebhookDelivery& d, const AttemptOutcome& outcome,
                      absl::Time now = kNoon) {
    return hooks().FinishAttempt(Ref(d), outcome, now);
  }
  static AttemptOutcome Done() { return {.state = DeliveryState::kDelivered, .status = 204}; }
  static AttemptOutcome Died() {
    return {.state = DeliveryState::kDead, .status = 500, .error = "HTTP 500"};
  }
  WebhookDelivery Get(const std::string& event, const std::string& webhook = "w") {
    return Value(hooks().GetDelivery(webhook, event));
  }
  std::vector<std::string> Ids(const std::vector<WebhookDelivery>& deliveries) {
    std::vector<std::string> ids;
    for (const WebhookDelivery& d : deliveries) ids.push_back(d.event_id);
    return ids;
  }
  std::string Reason(const absl::Status& status) { return DetailsOf(status).reason; }
};

TEST_P(WebhookStoreContract, KeepsWebhooksAsTheyWereGiven) {
  Make("a");
  Make("b");
  EXPECT_EQ(Value(hooks().GetWebhook("a")), Hook("a"));
  const auto all = Value(hooks().ListWebhooks());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0], Hook("b"));
  EXPECT_EQ(Reason(hooks().GetWebhook("c").status()), "WEBHOOK_NOT_FOUND");
  EXPECT_EQ(Code(hooks().DeleteWebhook("a")), absl::StatusCode::kOk);
  EXPECT_EQ(Reason(hooks().DeleteWebhook("a")), "WEBHOOK_NOT_FOUND");
  EXPECT_EQ(Value(hooks().ListWebhooks()).size(), 1u);
}

TEST_P(WebhookStoreContract, MakesNoMoreWebhooksThanAllowedHoweverManyAskAtOnce) {
  std::atomic<int> made = 0;
  InThreads(6, [&](int i) {
    const absl::Status status = hooks().CreateWebhook(Hook("w" + std::to_string(i)), 3);
    if (status.ok()) ++made;
    EXPECT_TRUE(status.ok() || Reason(status) == "TOO_MANY_WEBHOOKS") << status;
  });
  EXPECT_EQ(made, 3);
}

TEST_P(WebhookStoreContract, EditsAWebhookButNotWhoMadeIt) {
  Make("w");
  const absl::Time later = kNoon + absl::Seconds(5);
  const Webhook edited = Value(hooks().UpdateWebhook("w", later, [](Webhook& webhook) {
    webhook.url = "https://example.org/new";
    webhook.old_secret = std::exchange(webhook.secret, "new");
    webhook.old_secret_until = kNoon + absl::Hours(1);
    webhook.creator = "mallory";
    webhook.create_time = absl::UnixEpoch();
    return absl::OkStatus();
  }));
  Webhook expected = Hook("w");
  expected.url = "https://example.org/new";
  expected.old_secret = std::exchange(expected.secret, "new");
  expected.old_secret_until = kNoon + absl::Hours(1);
  expected.update_time = later;
  EXPECT_EQ(edited, expected);
  EXPECT_EQ(Value(hooks().GetWebhook("w")), expected);
  EXPECT_EQ(Code(hooks().UpdateWebhook("w", later,
                                       [](Webhook& webhook) {
                                         webhook.label = "never";
                                         return absl::CancelledError("no");
                                       })),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(Value(hooks().GetWebhook("w")), expected);
  EXPECT_EQ(
      Reason(hooks().UpdateWebhook("x", later, [](Webhook&) { return absl::OkStatus(); }).status()),
      "WEBHOOK_NOT_FOUND");
}

TEST_P(WebhookStoreContract, AddsDeliveriesOnlyTogetherWithTheReadersStep) {
  Make("w");
  EXPECT_EQ(Value(hooks().ReaderPosition()), 0);
  const std::vector<NewDelivery> made = {For("w", "e1")};
  EXPECT_EQ(Value(hooks().AdvanceReader(0, 5, made, kMany, kNoon)), 0);
  EXPECT_EQ(Value(hooks().ReaderPosition()), 5);
  // Another reader that had begun at the same place.
  const std::vector<NewDelivery> again = {For("w", "e1"), For("w", "e2")};
  EXPECT_EQ(Reason(hooks().AdvanceReader(0, 6, again, kMany, kNoon).status()), "READER_MOVED");
  EXPECT_EQ(Value(hooks().ReaderPosition()), 5);
  const auto log = Value(hooks().ListDeliveries({.webhook_id = "w"}));
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].event_id, "e1");
  EXPECT_EQ(log[0].type, "image.ready");
  EXPECT_EQ(log[0].image_id, "i-e1");
  EXPECT_EQ(log[0].owner, "ann");
  EXPECT_EQ(log[0].revision, 3);
  EXPECT_EQ(log[0].event_time, kNoon);
  EXPECT_EQ(log[0].state, DeliveryState::kPending);
  EXPECT_EQ(log[0].available_time, kNoon);
  EXPECT_EQ(log[0].last_attempt_time, std::nullopt);
}

TEST_P(WebhookStoreContract, LetsOneOfManyReadersTakeAStep) {
  Make("w");
  std::atomic<int> moved = 0;
  InThreads(6, [&](int i) {
    const std::vector<NewDelivery> made = {For("w", "e" + std::to_string(i))};
    if (hooks().AdvanceReader(0, 1, made, kMany, kNoon).ok()) ++moved;
  });
  EXPECT_EQ(moved, 1);
  EXPECT_EQ(Value(hooks().ListDeliveries({.webhook_id = "w"})).size(), 1u);
}

TEST_P(WebhookStoreContract, LeasesADeliveryToOneAtATimeUntilTheLeaseRunsOut) {
  Make("w");
  Advance({For("w", "e1")});
  const auto first = Lease();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_TRUE(Lease("w", kNoon + absl::Seconds(59)).empty());
  const auto second = Lease("w", kNoon + absl::Seconds(60));
  ASSERT_EQ(second.size(), 1u);
  EXPECT_GT(second[0].token, first[0].token);
  // The first comes back from the dead.
  EXPECT_EQ(Reason(Finish(first[0], Died())), "LEASE_LOST");
  EXPECT_EQ(Get("e1").state, DeliveryState::kPending);
  EXPECT_EQ(Code(Finish(second[0], Done())), absl::StatusCode::kOk);
  EXPECT_EQ(Reason(Finish(second[0], Done())), "LEASE_LOST");
  EXPECT_EQ(Get("e1").state, DeliveryState::kDelivered);
  EXPECT_EQ(Get("e1").attempts, 1);
  EXPECT_TRUE(Lease("w", kNoon + absl::Hours(1)).empty());
}

TEST_P(WebhookStoreContract, NeverLeasesADeliveryTwiceToManyThreads) {
  Make("w");
  std::vector<NewDelivery> made;
  for (int i = 0; i < 40; ++i) made.push_back(For("w", "e" + std::to_string(100 + i)));
  Advance(made);
  Mutex mu;
  std::vector<std::string> leased;
  InThreads(4, [&](int) {
    for (int round = 0; round < 40; ++round) {
      const auto got = Lease("w", kNoon, 3);
      MutexLock lock(mu);
      for (const WebhookDelivery& d : got) leased.push_back(d.event_id);
      if (leased.size() >= made.size()) return;
    }
  });
  EXPECT_EQ(leased.size(), made.size());
  EXPECT_EQ(std::set<std::string>(leased.begin(), leased.end()).size(), made.size());
}

TEST_P(WebhookStoreContract, LeasesTheEarliestFirstAndOnlyOfThatWebhook) {
  Make("w");
  Make("other");
  Advance({For("w", "z")}, kNoon - absl::Seconds(2));
  Advance({For("w", "a"), For("other", "a")}, kNoon - absl::Seconds(1));
  Advance({For("w", "late")}, kNoon + absl::Seconds(1));
  EXPECT_THAT(Ids(Lease("w", kNoon, 1)), ::testing::ElementsAre("z"));
  EXPECT_THAT(Ids(Lease("w", kNoon)), ::testing::ElementsAre("a"));
  EXPECT_TRUE(Lease("w", kNoon, 0).empty());
  EXPECT_EQ(Lease("other").size(), 1u);
}

TEST_P(WebhookStoreContract, SaysWhichWebhooksHaveSomethingToSend) {
  Make("w");
  Make("idle");
  Make("off");
  Advance({For("w", "e1"), For("off", "e1")});
  Advance({For("w", "e2")}, kNoon + absl::Seconds(9));
  Value(hooks().UpdateWebhook("off", kNoon, [](Webhook& webhook) {
    webhook.disabled = true;
    return absl::OkStatus();
  }));
  const auto waiting = Value(hooks().WaitingWebhooks());
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].id, "w");
  EXPECT_EQ(waiting[0].first_available, kNoon);
  Lease();
  EXPECT_EQ(Value(hooks().WaitingWebhooks())[0].first_available, kNoon + absl::Seconds(9));
}

TEST_P(WebhookStoreContract, RecordsAFailureAndTriesAgainAtItsTime) {
  Make("w");
  Advance({For("w", "e1")});
  const absl::Time next = kNoon + absl::Minutes(5);
  EXPECT_EQ(Code(Finish(Lease()[0], {.status = 503, .error = "HTTP 503", .next_attempt = next},
                        kNoon + absl::Seconds(1))),
            absl::StatusCode::kOk);
  const WebhookDelivery failed = Get("e1");
  EXPECT_EQ(failed.state, DeliveryState::kPending);
  EXPECT_EQ(failed.attempts, 1);
  EXPECT_EQ(failed.tries, 1);
  EXPECT_EQ(failed.last_status, 503);
  EXPECT_EQ(failed.last_error, "HTTP 503");
  EXPECT_EQ(failed.last_attempt_time, kNoon + absl::Seconds(1));
  EXPECT_EQ(failed.available_time, next);
  EXPECT_TRUE(Lease("w", next - absl::Seconds(1)).empty());
  EXPECT_EQ(Lease("w", next).size(), 1u);
}

TEST_P(WebhookStoreContract, KeepsDeliveriesBeyondTheBoundAsDead) {
  Make("w");
  Make("other");
  EXPECT_EQ(Advance({For("w", "e1"), For("w", "e2"), For("other", "e1"), For("w", "e3")}, kNoon, 2),
            1);
  EXPECT_EQ(Get("e3").state, DeliveryState::kDead);
  EXPECT_EQ(Get("e3").last_error, "too many deliveries were pending");
  EXPECT_EQ(Get("e2").state, DeliveryState::kPending);
  EXPECT_EQ(Advance({For("w", "e4")}, kNoon, 2), 1);
  EXPECT_EQ(Advance({For("other", "e4")}, kNoon, 2), 0);
}

TEST_P(WebhookStoreContract, DisablingMakesWhatIsPendingDead) {
  Make("w");
  Make("other");
  Advance({For("w", "e1"), For("w", "e2"), For("other", "e1")});
  const auto leased = Lease("w", kNoon, 1);
  const auto disable = [](Webhook& webhook) {
    webhook.disabled = true;
    webhook.disabled_reason = "410";
    return absl::OkStatus();
  };
  EXPECT_TRUE(Value(hooks().UpdateWebhook("w", kNoon, disable)).disabled);
  EXPECT_EQ(Get("e1").state, DeliveryState::kDead);
  EXPECT_EQ(Get("e2").last_error, "the webhook was disabled");
  EXPECT_EQ(Get("e1", "other").state, DeliveryState::kPending);
  EXPECT_EQ(Reason(Finish(leased[0], Done())), "LEASE_LOST");
  EXPECT_EQ(Reason(hooks().AddDelivery(For("w", "t"), kMany, kNoon).status()), "WEBHOOK_DISABLED");
  EXPECT_EQ(Reason(hooks().ReplayDeliveries({.webhook_id = "w", .event_id = "e1"}, kNoon).status()),
            "WEBHOOK_DISABLED");
}

TEST_P(WebhookStoreContract, AddsADeliveryBesidesTheFeed) {
  Make("w");
  EXPECT_EQ(Reason(hooks().AddDelivery(For("x", "t"), kMany, kNoon).status()), "WEBHOOK_NOT_FOUND");
  const WebhookDelivery added = Value(hooks().AddDelivery(For("w", "t"), 1, kNoon));
  EXPECT_EQ(added, Get("t"));
  EXPECT_EQ(Reason(hooks().AddDelivery(For("w", "u"), 1, kNoon).status()), "TOO_MANY_PENDING");
  EXPECT_EQ(Value(hooks().ReaderPosition()), 0);
}

TEST_P(WebhookStoreContract, ListsTheLogInPagesTheNewestFirst) {
  Make("w");
  Make("other");
  Advance({For("w", "e1"), For("w", "e2"), For("w", "e3"), For("other", "e9")});
  EXPECT_EQ(Code(Finish(Lease("w", kNoon, 1)[0], Died())), absl::StatusCode::kOk);
  DeliveryQuery query{.webhook_id = "w", .limit = 2};
  EXPECT_THAT(Ids(Value(hooks().ListDeliveries(query))), ::testing::ElementsAre("e3", "e2"));
  query.before = "e2";
  EXPECT_THAT(Ids(Value(hooks().ListDeliveries(query))), ::testing::ElementsAre("e1"));
  query = {.webhook_id = "w", .state = DeliveryState::kPending};
  EXPECT_THAT(Ids(Value(hooks().ListDeliveries(query))), ::testing::ElementsAre("e3", "e2"));
  query = {.webhook_id = "w", .state = DeliveryState::kDead, .before = "e1"};
  EXPECT_TRUE(Value(hooks().ListDeliveries(query)).empty());
  EXPECT_EQ(Reason(hooks().GetDelivery("w", "e9").status()), "DELIVERY_NOT_FOUND");
}

TEST_P(WebhookStoreContract, ReplaysOneDeliveryFromItsFirstAttempt) {
  Make("w");
  Advance({For("w", "e1"), For("w", "e2")});
  const auto leased = Lease();
  ASSERT_EQ(Code(Finish(leased[0], Done())), absl::StatusCode::kOk);
  const absl::Time later = kNoon + absl::Hours(1);
  const WebhookStore::ReplayRequest one{.webhook_id = "w", .event_id = "e1"};
  EXPECT_EQ(Value(hooks().ReplayDeliveries(one, later)).count, 1);
  EXPECT_EQ(Value(hooks().ReplayDeliveries(one, later)).count, 0) << "it is pending";
  const WebhookDelivery again = Get("e1");
  EXPECT_EQ(again.state, DeliveryState::kPending);
  EXPECT_EQ(again.tries, 0);
  EXPECT_EQ(again.attempts, 1);
  EXPECT_EQ(again.create_time, kNoon);
  EXPECT_EQ(again.queue_time, later);
  EXPECT_EQ(Reason(Finish(leased[0], Died())), "LEASE_LOST");
  EXPECT_EQ(Reason(hooks().ReplayDeliveries({.webhook_id = "w", .event_id = "x"}, later).status()),
            "DELIVERY_NOT_FOUND");
  EXPECT_EQ(Reason(hooks().ReplayDeliveries({.webhook_id = "x"}, later).status()),
            "WEBHOOK_NOT_FOUND");
}

TEST_P(WebhookStoreContract, ReplaysTheDeadSinceATimeUpToTheBounds) {
  Make("w");
  NewDelivery old = For("w", "e0");
  old.event_time = kNoon - absl::Hours(2);
  Advance({old, For("w", "e1"), For("w", "e2"), For("w", "e3"), For("w", "e4")});
  const auto leased = Lease();
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_EQ(Code(Finish(leased[i], Died())), absl::StatusCode::kOk);
  }
  ASSERT_EQ(Code(Finish(leased[4], Done())), absl::StatusCode::kOk);
  WebhookStore::ReplayRequest request{
      .webhook_id = "w", .dead_since = kNoon - absl::Hours(1), .limit = 2, .max_pending = 3};
  WebhookStore::Replayed replayed = Value(hooks().ReplayDeliveries(request, kNoon));
  EXPECT_EQ(replayed.count, 2);
  EXPECT_TRUE(replayed.more);
  replayed = Value(hooks().ReplayDeliveries(request, kNoon));
  EXPECT_EQ(replayed.count, 1);
  EXPECT_FALSE(replayed.more);
  EXPECT_EQ(Get("e0").state, DeliveryState::kDead) << "it happened before";
  EXPECT_EQ(Get("e4").state, DeliveryState::kDelivered);
  request.dead_since = absl::UnixEpoch();
  EXPECT_EQ(Reason(hooks().ReplayDeliveries(request, kNoon).status()), "TOO_MANY_PENDING");
}

TEST_P(WebhookStoreContract, ForgetsOldDeliveriesWhateverBecameOfTheirWebhook) {
  Make("w");
  Make("gone");
  Advance({For("w", "e1"), For("gone", "e1")});
  ASSERT_EQ(Code(Finish(Lease()[0], Done())), absl::StatusCode::kOk);
  Advance({For("w", "e2")}, kNoon + absl::Seconds(9));
  ASSERT_EQ(Code(hooks().DeleteWebhook("gone")), absl::StatusCode::kOk);
  ASSERT_EQ(Value(hooks().WaitingWebhooks()).size(), 1u);
  EXPECT_EQ(Value(hooks().TrimDeliveries(kNoon + absl::Seconds(5), 1)), 1);
  EXPECT_EQ(Value(hooks().TrimDeliveries(kNoon + absl::Seconds(5), 9)), 1);
  EXPECT_EQ(Value(hooks().TrimDeliveries(kNoon + absl::Seconds(5), 9)), 0);
  EXPECT_THAT(Ids(Value(hooks().ListDeliveries({.webhook_id = "w"}))),
              ::testing::ElementsAre("e2"));
}

TEST_P(WebhookStoreContract, ForgetsNoDeliveryThatIsStillToBeSent) {
  Make("w");
  Make("off");
  Advance({For("w", "delivered"), For("w", "pending")});
  ASSERT_EQ(Code(Finish(Lease("w", kNoon, 1)[0], Done())), absl::StatusCode::kOk);
  Value(hooks().UpdateWebhook("off", kNoon, [](Webhook& webhook) {
    webhook.disabled = true;
    return absl::OkStatus();
  }));
  // By a reader that had seen it enabled: nobody sends it.
  Advance({For("off", "late")});
  const absl::Time later = kNoon + absl::Hours(99);
  EXPECT_EQ(Value(hooks().TrimDeliveries(later, 9)), 2);
  EXPECT_EQ(Value(hooks().TrimDeliveries(later, 9)), 0);
  EXPECT_THAT(Ids(Value(hooks().ListDeliveries({.webhook_id = "w"}))),
              ::testing::ElementsAre("pending"));
  EXPECT_TRUE(Value(hooks().ListDeliveries({.webhook_id = "off"})).empty());
  // What waits does not stand in the way of what may go.
  Advance({For("w", "second")}, kNoon + absl::Seconds(1));
  ASSERT_EQ(Code(Finish(Lease("w", later, 9)[1], Done())), absl::StatusCode::kOk);
  EXPECT_EQ(Value(hooks().TrimDeliveries(later, 1)), 1);
  EXPECT_EQ(Get("pending").state, DeliveryState::kPending);
}

}  // namespace stockroom::api
