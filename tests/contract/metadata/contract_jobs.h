// The MetadataStore contract: jobs.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "tests/contract/metadata/contract_fixture.h"

namespace stockroom::api {

TEST_P(MetadataStoreContract, LeasesTheOldestJobsFirstWithTheirImages) {
  Create("b", kNoon + absl::Seconds(2));
  Create("a", kNoon + absl::Seconds(1));
  Create("c", kNoon + absl::Seconds(3));
  const auto jobs = Value(store().LeaseJobs(
      {.holder = "h", .max_jobs = 2, .now = kNoon + absl::Seconds(9), .lease = absl::Seconds(60)}));
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].job.image_id, "a");
  EXPECT_EQ(jobs[1].job.image_id, "b");
  EXPECT_EQ(jobs[0].image.id, "a");
  EXPECT_EQ(jobs[0].image.state, ImageState::kProcessing);
  EXPECT_EQ(jobs[0].image, Value(store().GetImage("a")));
  EXPECT_EQ(jobs[0].job.attempt, 1);
  EXPECT_EQ(jobs[0].job.lease_until, kNoon + absl::Seconds(69));
  EXPECT_EQ(Value(store().GetImage("c")).state, ImageState::kPending);
  EXPECT_EQ(Events().size(), 3u);
  const auto counts = Value(store().CountJobs(kNoon + absl::Seconds(9), 1000));
  EXPECT_EQ(counts.waiting, 1);
  EXPECT_EQ(counts.leased, 2);
}

TEST_P(MetadataStoreContract, CountsNoMoreJobsThanAskedFor) {
  for (int i = 0; i < 5; ++i) Create("i" + std::to_string(i), kNoon + absl::Seconds(i));
  Value(store().LeaseJobs({.max_jobs = 2, .now = kNoon + absl::Seconds(9)}));
  const auto counts = Value(store().CountJobs(kNoon + absl::Seconds(9), 4));
  EXPECT_EQ(counts.leased, 2);
  EXPECT_EQ(counts.waiting, 2);
}

TEST_P(MetadataStoreContract, LeasesAJobToOneOfManyThreads) {
  for (int i = 0; i < 40; ++i) Create("i" + std::to_string(i));
  std::mutex mu;
  std::map<std::string, int> leases;
  InThreads(8, [&](int) {
    for (;;) {
      const auto jobs = Value(store().LeaseJobs({.holder = "h", .max_jobs = 3, .now = kNoon}));
      if (jobs.empty()) return;
      std::lock_guard lock(mu);
      for (const LeasedJob& leased : jobs) ++leases[leased.job.id];
    }
  });
  EXPECT_EQ(leases.size(), 40u);
  for (const auto& [id, count] : leases) EXPECT_EQ(count, 1) << id;
}

TEST_P(MetadataStoreContract, LeasesAgainOnlyAfterTheLeaseHasRunOut) {
  Create("a");
  const LeasedJob first = LeaseOne(kNoon, absl::Seconds(60));
  EXPECT_TRUE(Value(store().LeaseJobs({.max_jobs = 1, .now = kNoon + absl::Seconds(59)})).empty());
  EXPECT_EQ(Value(store().NextJobTime(kNoon)), kNoon + absl::Seconds(60));
  const LeasedJob second = LeaseOne(kNoon + absl::Seconds(60));
  EXPECT_EQ(second.job.id, first.job.id);
  EXPECT_GT(second.job.token, first.job.token);
  EXPECT_EQ(second.job.attempt, 2);
}

TEST_P(MetadataStoreContract, RecordsWhatAWorkerFound) {
  Create("a");
  Value(store().UpdateImage("a", kNoon, [](Image& image) {
    image.analysis = {{"mine", "{}"}, {"facts", "{}"}};
    return absl::OkStatus();
  }));
  const LeasedJob leased = LeaseOne();
  const Image done = Value(store().CompleteJob(Ref(leased), Processed(), kNoon + absl::Seconds(3)));
  EXPECT_EQ(done.state, ImageState::kReady);
  EXPECT_EQ(done.facts, Processed().facts);
  EXPECT_EQ(done.renditions, Processed().renditions);
  EXPECT_EQ(done.analysis,
            (std::map<std::string, std::string>{{"mine", "{}"}, {"facts", R"({"a":1.50})"}}));
  EXPECT_EQ(done.update_time, kNoon + absl::Seconds(3));
  EXPECT_EQ(done.revision, leased.image.revision + 1);
  EXPECT_EQ(Value(store().GetImage("a")), done);
  EXPECT_EQ(Events().back().type, kImageReady);
  EXPECT_EQ(Events().back().revision, done.revision);
  const auto counts = Value(store().CountJobs(kNoon, 1000));
  EXPECT_EQ(counts.waiting + counts.leased, 0);
}

TEST_P(MetadataStoreContract, RefusesEveryWriteUnderALostToken) {
  Create("a");
  const JobRef lost = Ref(LeaseOne(kNoon, absl::Seconds(1)));
  const JobRef held = Ref(LeaseOne(kNoon + absl::Seconds(1)));
  const Image before = Value(store().GetImage("a"));
  const auto refused = absl::StatusCode::kFailedPrecondition;
  EXPECT_EQ(Code(store().CompleteJob(lost, Processed(), kNoon)), refused);
  EXPECT_EQ(Code(store().FailJob(lost, FailKind::kFailed, "no", kNoon)), refused);
  EXPECT_EQ(Code(store().ReleaseJob(lost, ReleaseKind::kAttempted, kNoon)), refused);
  EXPECT_TRUE(Value(store().RenewLeases(std::vector<JobRef>{lost}, kNoon)).empty());
  EXPECT_EQ(Value(store().GetImage("a")), before);
  EXPECT_EQ(Events().size(), 1u);
  EXPECT_EQ(Code(store().CompleteJob(held, Processed(), kNoon)), absl::StatusCode::kOk);
  EXPECT_EQ(Code(store().CompleteJob(held, Processed(), kNoon)), refused);
}

TEST_P(MetadataStoreContract, RefusesAWriteWithoutALease) {
  Create("a");
  const JobRef released = Ref(LeaseOne());
  ASSERT_EQ(Code(store().ReleaseJob(released, ReleaseKind::kAttempted, kNoon)),
            absl::StatusCode::kOk);
  const auto refused = absl::StatusCode::kFailedPrecondition;
  EXPECT_EQ(Code(store().CompleteJob(released, Processed(), kNoon)), refused);
  EXPECT_EQ(Code(store().FailJob(released, FailKind::kFailed, "no", kNoon)), refused);
  EXPECT_EQ(Code(store().ReleaseJob(released, ReleaseKind::kNotBegun, kNoon)), refused);
  EXPECT_TRUE(Value(store().RenewLeases(std::vector<JobRef>{released}, kNoon)).empty());
  EXPECT_EQ(Code(store().CompleteJob({"no-such-job", 1}, Processed(), kNoon)), refused);
}

TEST_P(MetadataStoreContract, RenewsTheLeasesThatAreHeld) {
  Create("a");
  Create("b");
  const auto jobs = Value(store().LeaseJobs({.max_jobs = 2, .now = kNoon}));
  ASSERT_EQ(jobs.size(), 2u);
  const JobRef stale{jobs[1].job.id, jobs[1].job.token - 1};
  const auto held = Value(store().RenewLeases(std::vector<JobRef>{Ref(jobs[0]), stale, {"no", 1}},
                                              kNoon + absl::Hours(1)));
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(held[0].id, jobs[0].job.id);
  EXPECT_EQ(held[0].token, jobs[0].job.token);
  const LeasedJob other = LeaseOne(kNoon + absl::Minutes(30));
  EXPECT_EQ(other.job.id, jobs[1].job.id);
}

TEST_P(MetadataStoreContract, FailsAnImageWithAReason) {
  Create("a");
  const Image failed =
      Value(store().FailJob(Ref(LeaseOne()), FailKind::kFailed, "not an image: ünlesbar", kNoon));
  EXPECT_EQ(failed.state, ImageState::kFailed);
  EXPECT_EQ(failed.failure_reason, "not an image: ünlesbar");
  EXPECT_EQ(Value(store().GetImage("a")), failed);
  EXPECT_EQ(Events().back().type, kImageFailed);
  EXPECT_EQ(Events().back().revision, failed.revision);
  EXPECT_EQ(Value(store().CountJobs(kNoon, 1000)).waiting, 0);
}

TEST_P(MetadataStoreContract, RecordsAFailureWhoseReasonIsNotText) {
  Create("a");
  EXPECT_EQ(Value(store().FailJob(Ref(LeaseOne()), FailKind::kFailed, "bad \xff\x01", kNoon))
                .failure_reason,
            "bad ??");
}

TEST_P(MetadataStoreContract, KeepsAReadyImageReadyWhateverBecomesOfItsNextJob) {
  const Image ready = MakeReady("a");
  EXPECT_EQ(Enqueue("a"), 1);
  EXPECT_EQ(Enqueue("a"), 0);
  const LeasedJob first = LeaseOne();
  EXPECT_EQ(first.image, ready);
  EXPECT_EQ(Code(store().ReleaseJob(Ref(first), ReleaseKind::kAttempted, kNoon)),
            absl::StatusCode::kOk);
  EXPECT_EQ(Value(store().GetImage("a")).state, ImageState::kReady);
  EXPECT_EQ(Value(store().FailJob(Ref(LeaseOne()), FailKind::kFailed, "worse luck", kNoon)), ready);
  EXPECT_EQ(Value(store().GetImage("a")), ready);
  EXPECT_EQ(Value(store().CountJobs(kNoon, 1000)).waiting, 0);
}

TEST_P(MetadataStoreContract, MakesAFailedImagePendingWhenAJobIsEnqueued) {
  Create("a");
  Value(store().FailJob(Ref(LeaseOne()), FailKind::kFailed, "no", kNoon));
  EXPECT_EQ(Enqueue("a"), 1);
  EXPECT_EQ(Value(store().GetImage("a")).state, ImageState::kPending);
  EXPECT_EQ(Events().back().type, kImageUpdated);
}

TEST_P(MetadataStoreContract, CountsAnAttemptUnlessTheJobWasNotBegun) {
  Create("a");
  const LeasedJob first = LeaseOne();
  ASSERT_EQ(Code(store().ReleaseJob(Ref(first), ReleaseKind::kNotBegun, kNoon)),
            absl::StatusCode::kOk);
  EXPECT_EQ(Value(store().GetImage("a")).state, ImageState::kPending);
  const LeasedJob second = LeaseOne();
  EXPECT_EQ(second.job.attempt, 1);
  EXPECT_GT(second.job.token, first.job.token);
  ASSERT_EQ(Code(store().ReleaseJob(Ref(second), ReleaseKind::kAttempted, kNoon)),
            absl::StatusCode::kOk);
  const LeasedJob third = LeaseOne();
  EXPECT_EQ(third.job.attempt, 2);
  EXPECT_GT(third.job.token, second.job.token);
}

TEST_P(MetadataStoreContract, CountsHowAttemptsEnded) {
  Create("a");
  for (const ReleaseKind kind : {ReleaseKind::kDecoderDied, ReleaseKind::kWorkerLost,
                                 ReleaseKind::kDecoderDied, ReleaseKind::kAttempted}) {
    ASSERT_EQ(Code(store().ReleaseJob(Ref(LeaseOne()), kind, kNoon)), absl::StatusCode::kOk);
  }
  const Job job = LeaseOne().job;
  EXPECT_EQ(job.attempt, 5);
  EXPECT_EQ(job.decoder_deaths, 2);
  EXPECT_EQ(job.worker_losses, 1);
}

TEST_P(MetadataStoreContract, LeasesInteractiveJobsBeforeBackgroundOnes) {
  MakeReady("old");
  MakeReady("older");
  EXPECT_EQ(Enqueue("old", JobPriority::kBackground), 1);
  EXPECT_EQ(Enqueue("older", JobPriority::kBackground, kNoon + absl::Seconds(1)), 1);
  Create("new", kNoon + absl::Seconds(2));
  const absl::Time later = kNoon + absl::Seconds(9);
  const auto first = Value(store().LeaseJobs({.max_jobs = 2, .max_background = 0, .now = later}));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].image.id, "new");
  EXPECT_EQ(first[0].job.priority, JobPriority::kInteractive);
  const auto rest = Value(store().LeaseJobs({.max_jobs = 9, .max_background = 1, .now = later}));
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].image.id, "old");
  EXPECT_EQ(rest[0].job.priority, JobPriority::kBackground);
}

TEST_P(MetadataStoreContract, MovesAWaitingJobUpWhenSomebodyWaitsForIt) {
  MakeReady("a");
  EXPECT_EQ(Enqueue("a", JobPriority::kBackground), 1);
  ASSERT_EQ(
      Code(store().ReleaseJob(Ref(LeaseOne()), ReleaseKind::kDecoderDied, kNoon + absl::Hours(1))),
      absl::StatusCode::kOk);
  EXPECT_EQ(Enqueue("a", JobPriority::kBackground), 0);
  EXPECT_EQ(Enqueue("a", JobPriority::kInteractive), 1);
  EXPECT_EQ(Enqueue("a", JobPriority::kInteractive), 0);
  const LeasedJob leased = LeaseOne();
  EXPECT_EQ(leased.job.priority, JobPriority::kInteractive);
  EXPECT_EQ(leased.job.decoder_deaths, 1);
  EXPECT_EQ(leased.job.attempt, 2);
}

TEST_P(MetadataStoreContract, LeavesALeasedJobWhereItIs) {
  MakeReady("a");
  EXPECT_EQ(Enqueue("a", JobPriority::kBackground), 1);
  const JobRef held = Ref(LeaseOne());
  EXPECT_EQ(Enqueue("a", JobPriority::kInteractive), 0);
  EXPECT_EQ(Code(store().CompleteJob(held, Processed(), kNoon)), absl::StatusCode::kOk);
}

TEST_P(MetadataStoreContract, EnqueuesManyImagesAndPassesOverThoseThatDoNotExist) {
  MakeReady("a");
  MakeReady("b");
  Create("c");
  const std::vector<std::string> ids = {"b", "no", "a", "c", "a"};
  EXPECT_EQ(Value(store().EnqueueJobs(ids, {.priority = JobPriority::kBackground}, kNoon)), 2);
  EXPECT_EQ(Value(store().CountJobs(kNoon, 1000)).waiting, 3);
  EXPECT_EQ(Value(store().EnqueueJobs({}, {}, kNoon)), 0);
}

TEST_P(MetadataStoreContract, ListsImagesOfAnotherPlanThatHaveNoJob) {
  for (const char* id : {"a", "b", "c", "d", "e", "f"}) Create(id);
  for (const char* plan : {"old", "new", "old"}) {  // a, b, c
    ProcessingResult result = Processed();
    result.work_plan = plan;
    const Image done = Value(store().CompleteJob(Ref(LeaseOne()), result, kNoon));
    EXPECT_EQ(done.work_plan, plan);
  }
  Value(store().FailJob(Ref(LeaseOne()), FailKind::kFailed, "no", kNoon));       // d
  Value(store().FailJob(Ref(LeaseOne()), FailKind::kQuarantined, "no", kNoon));  // e
  const auto outdated = Value(store().ListOutdated("new", "", 10));
  EXPECT_EQ(outdated.size(), 3u);
  EXPECT_TRUE(std::is_sorted(outdated.begin(), outdated.end()));
  EXPECT_EQ(Value(store().ListOutdated("", "", 10)).size(), 4u);
  EXPECT_EQ(Value(store().ListOutdated("new", "", 1)), (std::vector<std::string>{outdated[0]}));
  EXPECT_EQ(Value(store().ListOutdated("new", outdated[0], 10)),
            (std::vector<std::string>{outdated[1], outdated[2]}));
  EXPECT_EQ(Enqueue(outdated[1]), 1);
  EXPECT_EQ(Value(store().ListOutdated("new", "", 10)).size(), 2u);
}

TEST_P(MetadataStoreContract, DoesNotLeaseAReleasedJobBeforeItsTime) {
  Create("a");
  const absl::Time later = kNoon + absl::Seconds(30);
  ASSERT_EQ(Code(store().ReleaseJob(Ref(LeaseOne()), ReleaseKind::kAttempted, later)),
            absl::StatusCode::kOk);
  EXPECT_TRUE(Value(store().LeaseJobs({.max_jobs = 1, .now = later - absl::Seconds(1)})).empty());
  EXPECT_EQ(Value(store().NextJobTime(kNoon)), later);
  EXPECT_EQ(Value(store().CountJobs(kNoon, 1000)).waiting, 1);
  EXPECT_EQ(Value(store().NextJobTime(later)), std::nullopt);
  LeaseOne(later);
}

TEST_P(MetadataStoreContract, ForgetsTheLeasedJobOfADeletedImage) {
  Create("a");
  const JobRef job = Ref(LeaseOne());
  Value(store().DeleteImage("a", kNoon, Allow));
  const auto refused = absl::StatusCode::kFailedPrecondition;
  EXPECT_EQ(Code(store().CompleteJob(job, Processed(), kNoon)), refused);
  EXPECT_EQ(Code(store().FailJob(job, FailKind::kFailed, "no", kNoon)), refused);
  EXPECT_EQ(Code(store().ReleaseJob(job, ReleaseKind::kAttempted, kNoon)), refused);
  EXPECT_TRUE(Value(store().RenewLeases(std::vector<JobRef>{job}, kNoon)).empty());
  EXPECT_EQ(Code(store().GetImage("a")), absl::StatusCode::kNotFound);
  EXPECT_EQ(Events().back().type, kImageDeleted);
}

TEST_P(MetadataStoreContract, EndsEveryLeaseAtTheStartOfTheOnlyApi) {
  Create("a");
  Create("b");
  const auto before = Value(store().LeaseJobs({.max_jobs = 2, .now = kNoon}));
  ASSERT_EQ(before.size(), 2u);
  EXPECT_EQ(Value(store().ReleaseAllLeases()), 2);
  EXPECT_EQ(Value(store().ReleaseAllLeases()), 0);
  EXPECT_EQ(Value(store().GetImage("a")).state, ImageState::kPending);
  EXPECT_EQ(Code(store().CompleteJob(Ref(before[0]), Processed(), kNoon)),
            absl::StatusCode::kFailedPrecondition);
  const auto after = Value(store().LeaseJobs({.max_jobs = 2, .now = kNoon}));
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after[0].job.attempt, 2);
  EXPECT_GT(after[0].job.token, before[0].job.token);
}

TEST_P(MetadataStoreContract, CompletesEachJobOnceAmongRivals) {
  Create("a");
  const JobRef job = Ref(LeaseOne());
  std::atomic<int> completed = 0;
  InThreads(8, [&](int) {
    if (store().CompleteJob(job, Processed(), kNoon).ok()) ++completed;
  });
  EXPECT_EQ(completed, 1);
  EXPECT_EQ(Events().size(), 2u);
}

}  // namespace stockroom::api
