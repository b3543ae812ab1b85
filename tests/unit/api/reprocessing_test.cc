#include "services/api/domain/reprocessing.h"

#include <gtest/gtest.h>

#include "services/api/domain/work_plan.h"
#include "services/common/base/status.h"
#include "tests/unit/api/backstage.h"

namespace stockroom::api {
namespace {

using Which = ReprocessRequest::Which;

class ReprocessingTest : public Backstage {
 protected:
  // An image that was processed under `plan`, known to the index.
  std::string Ready(const std::string& bytes, const std::string& title, const std::string& plan,
                    const Principal& who = Anna()) {
    UploadRequest request;
    request.described.title = title;
    const std::string id = Upload(Png(bytes), std::move(request), who)->image.id;
    const LeasedJob job = Lease();
    auto image = store_->CompleteJob({job.job.id, job.job.token},
                                     {.facts = {.width = 1}, .work_plan = plan}, absl::Now());
    EXPECT_TRUE(image.ok()) << image.status();
    index_.Apply({*image}, {});
    return id;
  }
  absl::StatusOr<ReprocessResult> Queue(const ReprocessRequest& request,
                                        const Principal& who = Anna()) {
    return reprocessing_.Queue(Call(), who, request);
  }
  std::vector<std::string> Jobs() {
    std::vector<std::string> ids;
    const auto jobs = store_->LeaseJobs({.holder = "test", .max_jobs = 100, .now = absl::Now()});
    for (const LeasedJob& job : *jobs) {
      EXPECT_EQ(job.job.priority, JobPriority::kBackground);
      ids.push_back(job.image.id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  int pokes_ = 0;
  MemorySearchIndex index_{metrics_};
  Reprocessing reprocessing_{{.work_plan = "new", .batch = 2, .batches_per_call = 1},
                             *store_,
                             index_,
                             Clock::Real(),
                             [this] { ++pokes_; }};
};

TEST_F(ReprocessingTest, OneImageIsQueuedOnceBehindUploads) {
  const std::string id = Ready("a", "red", "new");
  EXPECT_EQ(Queue({.id = id})->queued, 1);
  EXPECT_EQ(Queue({.id = id})->queued, 0) << "it has a job";
  EXPECT_EQ(pokes_, 1);
  EXPECT_EQ(store_->GetImage(id)->state, ImageState::kReady) << "it stays visible meanwhile";
  EXPECT_EQ(Jobs(), std::vector{id});
}

TEST_F(ReprocessingTest, OnlyItsOwnerHasAnImageMadeAnew) {
  const std::string id = Ready("a", "red", "new");
  EXPECT_TRUE(absl::IsPermissionDenied(Queue({.id = id}, Ben()).status()));
  EXPECT_EQ(Queue({.which = Which::kAll}, Ben())->queued, 0);
  EXPECT_EQ(Queue({.which = Which::kQuery, .query = "red"}, Ben())->queued, 0);
  EXPECT_EQ(DetailsOf(Queue({.id = "x"}).status()).reason, "INVALID_FIELD");
  EXPECT_TRUE(absl::IsNotFound(Queue({.id = "0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f"}).status()));
}

TEST_F(ReprocessingTest, OutdatedAreThoseOfAnotherPlan) {
  Ready("a", "", "new");
  const std::string old = Ready("b", "", "old");
  const auto result = Queue({.which = Which::kOutdated});
  EXPECT_EQ(result->queued, 1);
  EXPECT_EQ(result->next_page_token, "");
  EXPECT_EQ(Jobs(), std::vector{old});
}

TEST_F(ReprocessingTest, ManyImagesTakeSeveralCalls) {
  std::vector<std::string> all;
  for (const char* bytes : {"a", "b", "c", "d", "e"}) all.push_back(Ready(bytes, "red", "new"));
  for (const Which which : {Which::kAll, Which::kQuery}) {
    ReprocessRequest request{.which = which, .query = "red"};
    int64_t queued = 0;
    int calls = 0;
    do {
      const auto result = Queue(request);
      ASSERT_TRUE(result.ok()) << result.status();
      queued += result->queued;
      request.page_token = result->next_page_token;
      ++calls;
    } while (!request.page_token.empty());
    EXPECT_EQ(queued, which == Which::kAll ? 5 : 0) << "the second time they have jobs";
    EXPECT_EQ(calls, 3);
  }
  EXPECT_EQ(Jobs(), all);
  EXPECT_EQ(DetailsOf(Queue({.which = Which::kAll, .page_token = "x"}).status()).reason,
            "INVALID_FIELD");
}

TEST_F(ReprocessingTest, AQueryChoosesWhatItFinds) {
  Ready("a", "blue", "new");
  const std::string red = Ready("b", "red", "new");
  EXPECT_EQ(Queue({.which = Which::kQuery, .query = "red"})->queued, 1);
  EXPECT_EQ(Jobs(), std::vector{red});
  EXPECT_FALSE(Queue({.which = Which::kQuery, .query = "date:99-99-9999"}).ok());
}

TEST(WorkPlanTest, ChangesWithPresetsAndLadderWhateverTheirOrder) {
  const std::vector<NamedRecipe> presets = {{"a", "fit=1x1/format=jpeg/q=80"},
                                            {"b", "fit=2x2/format=jpeg/q=80"}};
  const std::vector<NamedRecipe> turned = {presets[1], presets[0]};
  const std::vector<int> ladder = {1440, 2880};
  const std::vector<int> turned_ladder = {2880, 1440, 1440};
  const std::string plan = WorkPlanOf(presets, ladder);
  EXPECT_EQ(plan.size(), 16u);
  EXPECT_EQ(WorkPlanOf(turned, turned_ladder), plan);
  EXPECT_NE(WorkPlanOf(presets, {}), plan);
  EXPECT_NE(WorkPlanOf({}, ladder), plan);
}

}  // namespace
}  // namespace stockroom::api
