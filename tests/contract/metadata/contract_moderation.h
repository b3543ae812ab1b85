// The MetadataStore contract: moderation.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "services/common/base/status.h"
#include "tests/contract/metadata/contract_fixture.h"

namespace stockroom::api {

inline std::string HashText(char digit) { return std::string(64, digit); }

inline BlockedHash Hash(char digit, int threshold = kDefaultHashThreshold) {
  return {.hash = HashText(digit),
          .threshold = threshold,
          .label = "list-a",
          .note = "grün",
          .creator = "mod",
          .create_time = kNoon};
}

inline Finding Match(int64_t hash_version = 1) {
  return {.reason = "is like a blocked one",
          .hash = HashText('a'),
          .distance = 7,
          .hash_version = hash_version,
          .labels = {"list-a"}};
}

inline ProcessingResult Checked(int64_t version, std::optional<Finding> finding = std::nullopt) {
  ProcessingResult result = Processed();
  result.analysis["pdq"] = R"({"hash":"00","quality":100})";
  result.block_list_version = version;
  result.finding = std::move(finding);
  return result;
}

class ModerationContract : public MetadataStoreContract {
 protected:
  ModerationStore& moderation() { return store().moderation(); }
  int64_t Block(char digit, int threshold = kDefaultHashThreshold) {
    return Value(moderation().AddHashes(std::vector{Hash(digit, threshold)}, 100)).version;
  }
  Image Flagged(const std::string& id) {
    Create(id);
    return Value(store().CompleteJob(Ref(LeaseOne()), Checked(0, Match()), kNoon));
  }
  Image Decide(const std::string& id, ImageState to, const std::string& reason = "") {
    return Value(moderation().Decide(id, {.who = "mod", .to = to, .reason = reason}, kNoon,
                                     std::nullopt))
        .image;
  }
};

TEST_P(ModerationContract, KeepsAListOfHashesByVersion) {
  EXPECT_EQ(Value(moderation().ReadBlockList()).version, 0);
  const auto added = Value(moderation().AddHashes(std::vector{Hash('b'), Hash('a', 10)}, 100));
  EXPECT_EQ(added.added, 2);
  EXPECT_EQ(added.version, 1);
  BlockedHash a = Hash('a', 10);
  a.version = 1;
  BlockedHash b = Hash('b');
  b.version = 1;
  const BlockListRows list = Value(moderation().ReadBlockList());
  EXPECT_EQ(list.version, 1);
  EXPECT_EQ(list.hashes, (std::vector{a, b}));
  EXPECT_EQ(Value(moderation().ListHashes("", 1)), std::vector{a});
  EXPECT_EQ(Value(moderation().ListHashes(a.hash, 10)), std::vector{b});
}

TEST_P(ModerationContract, AHashIsNewAgainOnlyWhenItMatchesMore) {
  Block('a');
  EXPECT_EQ(Block('a'), 1);
  auto wider = Hash('a', 40);
  wider.create_time = kNoon + absl::Hours(1);
  wider.creator = "another";
  const auto changed = Value(moderation().AddHashes(std::vector{wider}, 100));
  EXPECT_EQ(changed.changed, 1);
  EXPECT_EQ(changed.version, 2);
  BlockedHash there = Value(moderation().ReadBlockList()).hashes.at(0);
  EXPECT_EQ(there.version, 2);
  EXPECT_EQ(there.threshold, 40);
  EXPECT_EQ(there.creator, "mod");
  EXPECT_EQ(there.create_time, kNoon);
  auto narrower = Hash('a', 5);
  EXPECT_EQ(Value(moderation().AddHashes(std::vector{narrower}, 100)).version, 3);
  there = Value(moderation().ReadBlockList()).hashes.at(0);
  EXPECT_EQ(there.version, 2);
  EXPECT_EQ(there.threshold, 5);
}

TEST_P(ModerationContract, RefusesMoreHashesThanAllowed) {
  Block('a');
  const auto refused = moderation().AddHashes(std::vector{Hash('b'), Hash('c')}, 2);
  EXPECT_EQ(Code(refused), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(DetailsOf(refused.status()).reason, "TOO_MANY_HASHES");
  EXPECT_EQ(Value(moderation().ReadBlockList()).hashes.size(), 1u);
  EXPECT_TRUE(moderation().AddHashes(std::vector{Hash('a', 3)}, 1).ok());
}

TEST_P(ModerationContract, RemovesHashes) {
  Block('a');
  Block('b');
  EXPECT_EQ(Value(moderation().RemoveHashes(std::vector{HashText('a'), HashText('c')})), 1);
  const BlockListRows list = Value(moderation().ReadBlockList());
  ASSERT_EQ(list.hashes.size(), 1u);
  EXPECT_EQ(list.hashes[0].hash, HashText('b'));
  EXPECT_EQ(list.version, 3);
  EXPECT_EQ(Value(moderation().RemoveHashes(std::vector{HashText('a')})), 0);
  EXPECT_EQ(Value(moderation().ReadBlockList()).version, 3);
}

TEST_P(ModerationContract, RefusesACompletionThatWasCheckedAgainstAnOlderList) {
  Create("i");
  const JobRef job = Ref(LeaseOne());
  Block('a');
  const auto refused = store().CompleteJob(job, Checked(0), kNoon);
  EXPECT_EQ(Code(refused), absl::StatusCode::kAborted);
  EXPECT_EQ(DetailsOf(refused.status()).reason, kBlockListChanged);
  EXPECT_EQ(Value(store().GetImage("i")).state, ImageState::kProcessing);
  EXPECT_EQ(EventTypes(), std::vector<std::string>{kImageCreated});
  EXPECT_EQ(Value(store().CompleteJob(job, Checked(1), kNoon)).state, ImageState::kReady);
}

TEST_P(ModerationContract, EveryImageIsCheckedOrSweptFor) {
  // Completions and additions race; afterwards no visible image may have been checked against a
  // list without a hash unless a sweep that begins after the addition finds it.
  constexpr int kImages = 20;
  constexpr int kMostVersions = 400;
  std::vector<LeasedJob> jobs;
  for (int i = 0; i < kImages; ++i) Create("i" + std::to_string(i));
  jobs = Value(store().LeaseJobs({.holder = "api", .max_jobs = kImages, .now = kNoon}));
  ASSERT_EQ(jobs.size(), size_t{kImages});
  std::vector<int64_t> checked(kImages, -1);
  struct Swept {
    int64_t version;
    std::vector<HashedImage> visible;
  };
  std::vector<Swept> sweeps;
  std::atomic<int> completing = 2;
  InThreads(3, [&](int thread) {
    if (thread == 0) {
      // As often as it takes to come between what a completion reads and what it writes.
      for (int i = 0; i < kMostVersions && completing > 0; ++i) {
        const int64_t version = Block("0123456789abcdef"[i % 16], i / 16);
        sweeps.push_back({version, Value(moderation().ListVisible("", kImages))});
      }
      return;
    }
    for (int i = thread - 1; i < kImages; i += 2) {
      for (;;) {
        const int64_t known = Value(moderation().ReadBlockList()).version;
        const auto done = store().CompleteJob(Ref(jobs[i]), Checked(known), kNoon);
        if (DetailsOf(done.status()).reason == kBlockListChanged) continue;
        EXPECT_TRUE(done.ok()) << done.status();
        checked[i] = known;
        break;
      }
    }
    --completing;
  });
  for (int i = 0; i < kImages; ++i) {
    for (const auto& [version, visible] : sweeps) {
      if (checked[i] >= version) continue;
      EXPECT_TRUE(
          std::any_of(visible.begin(), visible.end(),
                      [&](const HashedImage& image) { return image.id == jobs[i].image.id; }))
          << jobs[i].image.id << " was checked against version " << checked[i]
          << ", but not swept for " << version;
    }
  }
}

TEST_P(ModerationContract, AFindingFlagsTheImageAsItIsRecorded) {
  const Image image = Flagged("i");
  EXPECT_EQ(image.state, ImageState::kFlagged);
  EXPECT_EQ(image.failure_reason, "is like a blocked one");
  EXPECT_EQ(image.renditions.size(), 1u);
  EXPECT_EQ(image, Value(store().GetImage("i")));
  const auto events = Events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].type, kImageFlagged);
  EXPECT_EQ(events[1].revision, image.revision);
  EXPECT_EQ(events[1].visibility, Visibility::kPrivate);
  const auto trail = Value(moderation().ListDecisions("i", "", 10));
  ASSERT_EQ(trail.size(), 1u);
  Decision expected{.id = trail[0].id,
                    .image_id = "i",
                    .image_owner = "ann",
                    .time = kNoon,
                    .by = DecidedBy::kBlockList,
                    .from = ImageState::kProcessing,
                    .to = ImageState::kFlagged,
                    .reason = "is like a blocked one",
                    .hash = HashText('a'),
                    .distance = 7,
                    .labels = {"list-a"},
                    .revision = image.revision};
  EXPECT_EQ(trail[0], expected);
  EXPECT_EQ(Value(moderation().ListHidden(ImageState::kFlagged, "", 10)), std::vector{image});
}

TEST_P(ModerationContract, AModeratorMayRejectAtOnce) {
  Create("i");
  Finding finding{.to = ImageState::kRejected, .by = DecidedBy::kModerator, .reason = "no"};
  const Image image = Value(store().CompleteJob(Ref(LeaseOne()), Checked(0, finding), kNoon));
  EXPECT_EQ(image.state, ImageState::kRejected);
  EXPECT_EQ(EventTypes().back(), kImageRejected);
  EXPECT_EQ(Value(moderation().ListHidden(ImageState::kRejected, "", 10)).size(), 1u);
}

TEST_P(ModerationContract, EveryDecisionCanBeReversed) {
  Flagged("i");
  const Image shown = Decide("i", ImageState::kReady, "a statue");
  EXPECT_EQ(shown.state, ImageState::kReady);
  EXPECT_EQ(shown.failure_reason, "");
  EXPECT_EQ(Decide("i", ImageState::kRejected, "no after all").failure_reason, "no after all");
  EXPECT_EQ(Decide("i", ImageState::kFlagged, "once more").state, ImageState::kFlagged);
  EXPECT_EQ(Decide("i", ImageState::kReady).state, ImageState::kReady);
  EXPECT_EQ(EventTypes(),
            (std::vector<std::string>{kImageCreated, kImageFlagged, kImageApproved, kImageRejected,
                                      kImageFlagged, kImageApproved}));
  const auto trail = Value(moderation().ListDecisions("i", "", 10));
  ASSERT_EQ(trail.size(), 5u);
  EXPECT_EQ(trail[3].who, "mod");
  EXPECT_EQ(trail[3].by, DecidedBy::kPerson);
  EXPECT_EQ(trail[3].reason, "a statue");
  EXPECT_EQ(trail[3].from, ImageState::kFlagged);
  EXPECT_EQ(trail[3].to, ImageState::kReady);
  EXPECT_EQ(trail[3].revision, shown.revision);
  EXPECT_EQ(Value(moderation().ListDecisions("i", trail[1].id, 2)),
            (std::vector{trail[2], trail[3]}));
  EXPECT_TRUE(Value(moderation().ListHidden(ImageState::kFlagged, "", 10)).empty());
}

TEST_P(ModerationContract, TheSameDecisionTwiceIsOne) {
  Flagged("i");
  const Image rejected = Decide("i", ImageState::kRejected, "no");
  EXPECT_EQ(Decide("i", ImageState::kRejected, "no"), rejected);
  EXPECT_EQ(Value(moderation().ListDecisions("", "", 10)).size(), 2u);
  EXPECT_EQ(EventTypes().size(), 3u);
}

TEST_P(ModerationContract, DecidesOnlyAboutWhatWasProcessed) {
  Create("i");
  const auto decide = [&](const std::string& id, int64_t if_revision) {
    return moderation().Decide(id,
                               {.who = "mod", .to = ImageState::kReady, .if_revision = if_revision},
                               kNoon, std::nullopt);
  };
  EXPECT_EQ(DetailsOf(decide("i", 0).status()).reason, "IMAGE_NOT_PROCESSED");
  EXPECT_EQ(Code(decide("nothing", 0)), absl::StatusCode::kNotFound);
  Value(store().CompleteJob(Ref(LeaseOne()), Checked(0, Match()), kNoon));
  EXPECT_EQ(DetailsOf(decide("i", 1).status()).reason, "REVISION_MISMATCH");
  EXPECT_TRUE(decide("i", Value(store().GetImage("i")).revision).ok());
}

TEST_P(ModerationContract, AnApprovalCoversTheListAsItWas) {
  Block('a');
  Create("i");
  Value(store().CompleteJob(Ref(LeaseOne()), Checked(1, Match(1)), kNoon));
  EXPECT_EQ(Value(moderation().ApprovedVersion("i")), std::nullopt);
  Decide("i", ImageState::kReady);
  EXPECT_EQ(Value(moderation().ApprovedVersion("i")), 1);
  EXPECT_FALSE(Value(moderation().FlagVisible("i", Match(1), kNoon)));
  Enqueue("i");
  EXPECT_EQ(Value(store().CompleteJob(Ref(LeaseOne()), Checked(1, Match(1)), kNoon)).state,
            ImageState::kReady);
  Block('b');
  EXPECT_TRUE(Value(moderation().FlagVisible("i", Match(2), kNoon)));
  EXPECT_EQ(Value(store().GetImage("i")).state, ImageState::kFlagged);
}

TEST_P(ModerationContract, AModeratorIsNotAskedOfWhatIsVisible) {
  MakeReady("i");
  Enqueue("i");
  Finding finding{.by = DecidedBy::kModerator, .reason = "hm"};
  EXPECT_EQ(Value(store().CompleteJob(Ref(LeaseOne()), Checked(0, finding), kNoon)).state,
            ImageState::kReady);
  EXPECT_EQ(EventTypes().back(), kImageReady);
}

TEST_P(ModerationContract, ReprocessingKeepsWhatIsHiddenHidden) {
  Flagged("flagged");
  Flagged("rejected");
  Decide("rejected", ImageState::kRejected, "no");
  for (const std::string id : {"flagged", "rejected"}) {
    const Image before = Value(store().GetImage(id));
    Enqueue(id);
    const LeasedJob leased = LeaseOne();
    EXPECT_EQ(leased.image.state, before.state);
    ASSERT_TRUE(store().ReleaseJob(Ref(leased), ReleaseKind::kAttempted, kNoon).ok());
    EXPECT_EQ(Value(store().CompleteJob(Ref(LeaseOne()), Checked(0), kNoon)).state, before.state);
    EXPECT_EQ(EventTypes().back(), kImageUpdated);
    EXPECT_EQ(Events().back().visibility, Visibility::kPrivate);
    Enqueue(id);
    const Image failed =
        Value(store().FailJob(Ref(LeaseOne()), FailKind::kFailed, "broken", kNoon));
    EXPECT_EQ(failed.state, before.state);
    EXPECT_EQ(failed.failure_reason, before.failure_reason);
  }
}

TEST_P(ModerationContract, TheSweepHidesWhatIsVisible) {
  const Image ready = MakeReady("i");
  EXPECT_TRUE(Value(moderation().FlagVisible("i", Match(), kNoon)));
  const Image image = Value(store().GetImage("i"));
  EXPECT_EQ(image.state, ImageState::kFlagged);
  EXPECT_EQ(image.revision, ready.revision + 1);
  EXPECT_EQ(EventTypes().back(), kImageFlagged);
  EXPECT_FALSE(Value(moderation().FlagVisible("i", Match(), kNoon)));
  EXPECT_FALSE(Value(moderation().FlagVisible("nothing", Match(), kNoon)));
  Create("pending");
  EXPECT_FALSE(Value(moderation().FlagVisible("pending", Match(), kNoon)));
}

TEST_P(ModerationContract, ListsWhatIsVisibleById) {
  Flagged("b");
  MakeReady("c");
  Create("d");
  Value(store().CompleteJob(Ref(LeaseOne()), Checked(0), kNoon));
  Create("e");
  const auto visible = Value(moderation().ListVisible("", 10));
  ASSERT_EQ(visible.size(), 2u);
  EXPECT_EQ(visible[0].id, "c");
  EXPECT_EQ(visible[0].pdq, "");
  EXPECT_EQ(visible[1].id, "d");
  EXPECT_EQ(visible[1].pdq, R"({"hash":"00","quality":100})");
  EXPECT_EQ(Value(moderation().ListVisible("c", 10)).size(), 1u);
  EXPECT_EQ(Value(moderation().ListVisible("", 1)).size(), 1u);
}

TEST_P(ModerationContract, OneOfTwoMovesTheSweep) {
  Block('a');
  const SweepState start = Value(moderation().ReadSweep());
  EXPECT_EQ(start, (SweepState{.version = 1}));
  const SweepState begun{.done = 0, .target = 1, .cursor = "m"};
  ASSERT_TRUE(moderation().MoveSweep(start, begun).ok());
  EXPECT_EQ(Code(moderation().MoveSweep(start, begun)), absl::StatusCode::kAborted);
  Block('b');
  SweepState now = Value(moderation().ReadSweep());
  EXPECT_EQ(now, (SweepState{.version = 2, .done = 0, .target = 1, .cursor = "m"}));
  ASSERT_TRUE(moderation().MoveSweep(now, {.done = 1}).ok());
  EXPECT_EQ(Value(moderation().ReadSweep()), (SweepState{.version = 2, .done = 1}));
}

TEST_P(ModerationContract, HiddenImagesAreInNobodysListButTheirOwners) {
  Flagged("i");
  EXPECT_TRUE(Value(store().ListImages({.viewer = "bob"})).empty());
  EXPECT_EQ(Value(store().ListImages({.viewer = "ann"})).size(), 1u);
  EXPECT_TRUE(Value(store().ListImages({.viewer = "ann", .own_hidden = false})).empty());
  EXPECT_EQ(Value(store().ListImages({.all_owners = true})).size(), 1u);
  Decide("i", ImageState::kReady);
  EXPECT_EQ(Value(store().ListImages({.viewer = "bob"})).size(), 1u);
}

TEST_P(ModerationContract, TheTrailOutlivesItsImage) {
  Flagged("i");
  Value(store().DeleteImage("i", kNoon, Allow));
  EXPECT_EQ(Value(moderation().ListDecisions("i", "", 10)).size(), 1u);
  EXPECT_TRUE(Value(moderation().ListHidden(ImageState::kFlagged, "", 10)).empty());
}

TEST_P(ModerationContract, ADecisionAnswersItsKeyInItsTransaction) {
  Flagged("i");
  const KeyReservation key = Value(store().ReserveKey("mod", "key", kNoon, kNoon + absl::Hours(1)));
  IdempotentWrite once{
      .owner = "mod",
      .key = "key",
      .token = key.token,
      .fingerprint = Digest::Of("request"),
      .answer = [](const Image& image, bool) { return "answer about " + image.id; }};
  const DecisionRequest request{.who = "mod", .to = ImageState::kReady};
  ASSERT_TRUE(moderation().Decide("i", request, kNoon, once).ok());
  const KeyReservation again =
      Value(store().ReserveKey("mod", "key", kNoon, kNoon + absl::Hours(1)));
  EXPECT_EQ(again.state, KeyReservation::State::kAnswered);
  EXPECT_EQ(again.answer, "answer about i");
  once.token = key.token + 1;
  once.key = "lost";
  EXPECT_EQ(
      Code(moderation().Decide("i", {.who = "mod", .to = ImageState::kRejected}, kNoon, once)),
      absl::StatusCode::kAborted);
  EXPECT_EQ(Value(store().GetImage("i")).state, ImageState::kReady);
}

}  // namespace stockroom::api
