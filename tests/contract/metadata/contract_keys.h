// The MetadataStore contract: idempotency keys, leases, time.
#pragma once

#include <atomic>

#include "services/common/base/status.h"
#include "tests/contract/metadata/contract_fixture.h"

namespace stockroom::api {

inline IdempotentWrite Once(const KeyReservation& reservation, const std::string& key = "key",
                            const std::string& owner = "ann") {
  return {.owner = owner,
          .key = key,
          .token = reservation.token,
          .fingerprint = Digest::Of("request"),
          .answer = [](const Image& image, bool deduplicated) {
            return image.id + std::string("\0", 1) + (deduplicated ? "again" : "new");
          }};
}

inline KeyReservation Reserve(MetadataStore& store, absl::Time now = kNoon,
                              const std::string& key = "key", const std::string& owner = "ann") {
  return Value(store.ReserveKey(owner, key, now, now + absl::Minutes(1)));
}

TEST_P(MetadataStoreContract, StoresTheAnswerOfAWriteUnderItsKey) {
  const KeyReservation first = Reserve(store());
  ASSERT_EQ(first.state, KeyReservation::State::kReserved);
  NewImage upload = Upload("a");
  upload.once = Once(first);
  Value(store().CreateImage(upload, kNoon));
  const KeyReservation again = Reserve(store(), kNoon + absl::Hours(1));
  EXPECT_EQ(again.state, KeyReservation::State::kAnswered);
  EXPECT_EQ(again.fingerprint, Digest::Of("request"));
  EXPECT_EQ(again.answer, std::string("a\0new", 5));
  EXPECT_EQ(Reserve(store(), kNoon, "key", "bob").state, KeyReservation::State::kReserved);
  EXPECT_EQ(Reserve(store(), kNoon, "Key").state, KeyReservation::State::kReserved);
}

TEST_P(MetadataStoreContract, StoresTheAnswersOfUpdatesDeletionsAndRepeatedUploads) {
  Create("a");
  NewImage same = Upload("b", "ann", "bytes of a");
  same.once = Once(Reserve(store(), kNoon, "upload"), "upload");
  Value(store().CreateImage(same, kNoon));
  EXPECT_EQ(Reserve(store(), kNoon, "upload").answer, std::string("a\0again", 7));
  // An edit that changes nothing is answered as well.
  Value(store().UpdateImage(
      "a", kNoon, [](Image&) { return absl::OkStatus(); },
      Once(Reserve(store(), kNoon, "update"), "update")));
  EXPECT_EQ(Reserve(store(), kNoon, "update").state, KeyReservation::State::kAnswered);
  Value(store().DeleteImage("a", kNoon, Allow, Once(Reserve(store(), kNoon, "delete"), "delete")));
  EXPECT_EQ(Reserve(store(), kNoon, "delete").answer, std::string("a\0new", 5));
}

TEST_P(MetadataStoreContract, SaysThatAKeyIsInFlightUntilItsReservationRunsOut) {
  const KeyReservation first = Reserve(store());
  EXPECT_EQ(Reserve(store(), kNoon + absl::Seconds(59)).state, KeyReservation::State::kInFlight);
  const KeyReservation second = Reserve(store(), kNoon + absl::Seconds(60));
  ASSERT_EQ(second.state, KeyReservation::State::kReserved);
  EXPECT_NE(second.token, first.token);
  // The first one comes late: nothing of its write may stay.
  NewImage upload = Upload("a");
  upload.once = Once(first);
  EXPECT_EQ(Code(store().CreateImage(upload, kNoon)), absl::StatusCode::kAborted);
  EXPECT_EQ(Code(store().GetImage("a")), absl::StatusCode::kNotFound);
  EXPECT_EQ(Value(store().CountJobs(kNoon, 1000)).waiting, 0);
  EXPECT_TRUE(Events().empty());
  EXPECT_EQ(Code(store().ReleaseKey("ann", "key", first.token)), absl::StatusCode::kOk);
  upload.once = Once(second);
  EXPECT_EQ(Code(store().CreateImage(upload, kNoon)), absl::StatusCode::kOk);
}

TEST_P(MetadataStoreContract, ChangesNothingWithoutAReservation) {
  const Image before = Create("a");
  const std::optional<IdempotentWrite> once = Once({.token = 5});
  EXPECT_EQ(Code(store().UpdateImage(
                "a", kNoon,
                [](Image& image) {
                  image.described.title = "new";
                  return absl::OkStatus();
                },
                once)),
            absl::StatusCode::kAborted);
  EXPECT_EQ(Code(store().DeleteImage("a", kNoon, Allow, once)), absl::StatusCode::kAborted);
  EXPECT_EQ(Value(store().GetImage("a")), before);
  EXPECT_EQ(Events().size(), 1u);
}

TEST_P(MetadataStoreContract, AnswersAKeyOnce) {
  const IdempotentWrite once = Once(Reserve(store()));
  NewImage first = Upload("a");
  NewImage second = Upload("b");
  first.once = second.once = once;
  Value(store().CreateImage(first, kNoon));
  EXPECT_EQ(DetailsOf(store().CreateImage(second, kNoon).status()).reason, "IDEMPOTENCY_KEY_LOST");
  EXPECT_EQ(Code(store().GetImage("b")), absl::StatusCode::kNotFound);
}

TEST_P(MetadataStoreContract, FreesTheKeyOfAFailedCall) {
  const KeyReservation first = Reserve(store());
  EXPECT_EQ(Code(store().ReleaseKey("ann", "key", first.token + 1)), absl::StatusCode::kOk);
  EXPECT_EQ(Reserve(store()).state, KeyReservation::State::kInFlight);
  EXPECT_EQ(Code(store().ReleaseKey("ann", "key", first.token)), absl::StatusCode::kOk);
  const KeyReservation second = Reserve(store());
  ASSERT_EQ(second.state, KeyReservation::State::kReserved);
  NewImage upload = Upload("a");
  upload.once = Once(second);
  Value(store().CreateImage(upload, kNoon));
  // An answer stays.
  EXPECT_EQ(Code(store().ReleaseKey("ann", "key", second.token)), absl::StatusCode::kOk);
  EXPECT_EQ(Reserve(store()).state, KeyReservation::State::kAnswered);
}

TEST_P(MetadataStoreContract, AmendsAnAnswerForWhoeverGaveIt) {
  const KeyReservation reserved = Reserve(store());
  EXPECT_EQ(Code(store().AmendAnswer("ann", "key", reserved.token, "early")),
            absl::StatusCode::kOk);
  EXPECT_EQ(Reserve(store()).state, KeyReservation::State::kInFlight);
  NewImage upload = Upload("a");
  upload.once = Once(reserved);
  Value(store().CreateImage(upload, kNoon));
  EXPECT_EQ(Code(store().AmendAnswer("ann", "key", reserved.token + 1, "wrong")),
            absl::StatusCode::kOk);
  EXPECT_EQ(Reserve(store()).answer, std::string("a\0new", 5));
  EXPECT_EQ(Code(store().AmendAnswer("ann", "key", reserved.token, "\x01\xff")),
            absl::StatusCode::kOk);
  EXPECT_EQ(Reserve(store()).answer, "\x01\xff");
}

TEST_P(MetadataStoreContract, ForgetsOldKeys) {
  Reserve(store(), kNoon, "old");
  Reserve(store(), kNoon + absl::Seconds(1), "older");
  Reserve(store(), kNoon + absl::Seconds(9), "young");
  EXPECT_EQ(Value(store().ForgetKeys(kNoon + absl::Seconds(5), 1)), 1);
  EXPECT_EQ(Value(store().ForgetKeys(kNoon + absl::Seconds(5), 9)), 1);
  EXPECT_EQ(Value(store().ForgetKeys(kNoon + absl::Seconds(5), 9)), 0);
  EXPECT_EQ(Reserve(store(), kNoon, "young").state, KeyReservation::State::kInFlight);
}

TEST_P(MetadataStoreContract, ReservesAKeyForOneOfManyThreads) {
  std::atomic<int> reserved = 0;
  InThreads(8, [&](int) {
    if (Reserve(store()).state == KeyReservation::State::kReserved) ++reserved;
  });
  EXPECT_EQ(reserved, 1);
}

TEST_P(MetadataStoreContract, GivesALeaseToOneHolderAtATime) {
  const auto take = [&](const std::string& holder, absl::Time now) {
    return Value(store().TakeLease("sweep", holder, now, absl::Seconds(10)));
  };
  EXPECT_TRUE(take("api-1", kNoon));
  EXPECT_FALSE(take("api-2", kNoon + absl::Seconds(9)));
  EXPECT_TRUE(take("api-1", kNoon + absl::Seconds(9)));
  EXPECT_TRUE(take("api-1", kNoon + absl::Seconds(9)));
  EXPECT_FALSE(take("api-2", kNoon + absl::Seconds(18)));
  EXPECT_TRUE(take("api-2", kNoon + absl::Seconds(19)));
  EXPECT_FALSE(take("api-1", kNoon + absl::Seconds(19)));
  EXPECT_TRUE(Value(store().TakeLease("trim", "api-1", kNoon, absl::Seconds(10))));
  std::atomic<int> taken = 0;
  InThreads(8, [&](int i) {
    if (Value(store().TakeLease("race", std::to_string(i), kNoon, absl::Seconds(10)))) ++taken;
  });
  EXPECT_EQ(taken, 1);
}

TEST_P(MetadataStoreContract, TellsTheTime) {
  const absl::Time now = Value(store().ServerTime());
  EXPECT_LT(absl::AbsDuration(now - absl::Now()), absl::Minutes(1));
}

}  // namespace stockroom::api
