// Completions, additions to the list and sweeps of two apis in thousands of interleavings: at the
// end nothing that matches is visible. The code is the real one, over the store in memory; apis die
// and start anew in between.
//
// SWEEP_MODEL_SEED=n replays one schedule; SWEEP_MODEL_SCHEDULES=n runs more.
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <memory>

#include "services/api/domain/moderation_sweep.h"
#include "services/api/domain/screening.h"
#include "services/common/base/status.h"
#include "services/common/blobs/memory_blob_client.h"
#include "tests/support/step_scheduler.h"
#include "tests/unit/api/forwarding_store.h"
#include "tests/unit/moderation/stage.h"

namespace stockroom::api {
namespace {

using testing::StepScheduler;

// A point where others may go on, before every call. Throws Death when its api dies: before the
// call that comes after `calls` others.
class SteppingStore final : public ForwardingStore, public ModerationStore {
 public:
  struct Death {};

  SteppingStore(MetadataStore& inner, StepScheduler& scheduler,
                int calls = std::numeric_limits<int>::max())
      : ForwardingStore(inner),
        list_(inner.moderation()),
        scheduler_(scheduler),
        calls_left_(calls) {}

  ModerationStore& moderation() override { return *this; }
  absl::StatusOr<Image> CompleteJob(const JobRef& job, const ProcessingResult& result,
                                    absl::Time now) override {
    Step();
    return inner_.CompleteJob(job, result, now);
  }
  absl::StatusOr<bool> TakeLease(const std::string& name, const std::string& holder, absl::Time now,
                                 absl::Duration ttl) override {
    Step();
    return inner_.TakeLease(name, holder, now, ttl);
  }
  absl::StatusOr<Added> AddHashes(std::span<const BlockedHash> hashes, int max) override {
    Step();
    return list_.AddHashes(hashes, max);
  }
  absl::StatusOr<int> RemoveHashes(std::span<const std::string> hashes) override {
    return list_.RemoveHashes(hashes);
  }
  absl::StatusOr<std::vector<BlockedHash>> ListHashes(const std::string& after,
                                                      int limit) override {
    return list_.ListHashes(after, limit);
  }
  absl::StatusOr<BlockListRows> ReadBlockList() override {
    Step();
    return list_.ReadBlockList();
  }
  absl::StatusOr<SweepState> ReadSweep() override {
    Step();
    return list_.ReadSweep();
  }
  absl::Status MoveSweep(const SweepState& from, const SweepState& to) override {
    Step();
    return list_.MoveSweep(from, to);
  }
  absl::StatusOr<std::vector<HashedImage>> ListVisible(const std::string& after,
                                                       int limit) override {
    Step();
    return list_.ListVisible(after, limit);
  }
  absl::StatusOr<bool> FlagVisible(const std::string& image_id, const Finding& finding,
                                   absl::Time now) override {
    Step();
    return list_.FlagVisible(image_id, finding, now);
  }
  absl::StatusOr<std::optional<int64_t>> ApprovedVersion(const std::string& image_id) override {
    return list_.ApprovedVersion(image_id);
  }
  absl::StatusOr<ChangedImage> Decide(const std::string& image_id, const DecisionRequest& request,
                                      absl::Time now,
                                      const std::optional<IdempotentWrite>& once) override {
    return list_.Decide(image_id, request, now, once);
  }
  absl::StatusOr<std::vector<Image>> ListHidden(ImageState state, const std::string& before,
                                                int limit) override {
    return list_.ListHidden(state, before, limit);
  }
  absl::StatusOr<std::vector<Decision>> ListDecisions(const std::string& image_id,
                                                      const std::string& before,
                                                      int limit) override {
    return list_.ListDecisions(image_id, before, limit);
  }

 private:
  void Step() {
    scheduler_.Step();
    if (calls_left_-- == 0) throw Death();
  }

  ModerationStore& list_;
  StepScheduler& scheduler_;
  int calls_left_;
};

constexpr int kImages = 4;
constexpr int kHashes = 3;

// Image i matches hash i of the three; the fourth matches none.
std::string PictureOf(int i) { return HashOf(std::string(16, "0f5a"[i])); }

class Model {
 public:
  explicit Model(uint64_t seed) : scheduler_(seed) {
    for (int i = 0; i < kImages; ++i) {
      NewImage image{.id = "i" + std::to_string(i), .owner = "ann"};
      image.sha256 = Digest::Of(image.id);
      EXPECT_TRUE(truth_->CreateImage(image, absl::Now()).ok());
    }
    jobs_ = *truth_->LeaseJobs({.holder = "api", .max_jobs = kImages, .now = absl::Now()});
  }

  bool Run() {
    for (int api = 0; api < 2; ++api) {
      scheduler_.Add([this, api] { Complete(api); });
      scheduler_.Add([this, api] { Sweep(api); });
    }
    scheduler_.Add([this] {
      for (int i = 0; i < kHashes; ++i) {
        EXPECT_TRUE(store_.moderation().AddHashes(std::vector{Blocked(PictureOf(i))}, 100).ok());
      }
      ++writers_over_;
    });
    return scheduler_.Run();
  }

  void Check() {
    for (int i = 0; i < kImages; ++i) {
      const Image image = *truth_->GetImage(jobs_[i].image.id);
      const int number = image.id[1] - '0';
      EXPECT_EQ(image.state, number < kHashes ? ImageState::kFlagged : ImageState::kReady)
          << image.id;
      // Flagged once, by whomever.
      EXPECT_EQ(truth_->moderation().ListDecisions(image.id, "", 10)->size(),
                number < kHashes ? 1u : 0u);
    }
  }

 private:
  // As JobDispatcher::Complete.
  void Complete(int api) {
    Metrics metrics;
    BlockList list({}, store_.moderation(), metrics);
    Screening screening({}, list, nullptr, store_, blobs_, metrics);
    for (int i = api; i < kImages; i += 2) {
      for (;;) {
        ProcessingResult result;
        result.analysis["pdq"] = PdqJson(PictureOf(jobs_[i].image.id[1] - '0'));
        EXPECT_TRUE(screening.Check(result).ok());
        const auto done =
            store_.CompleteJob({jobs_[i].job.id, jobs_[i].job.token}, result, absl::Now());
        if (done.ok()) break;
        EXPECT_EQ(DetailsOf(done.status()).reason, kBlockListChanged);
        EXPECT_TRUE(screening.Refresh().ok());
      }
    }
    ++writers_over_;
  }

  // Dies now and then, and another process goes on in its place.
  void Sweep(int api) {
    for (int life = 0;; ++life) {
      Metrics metrics;
      SteppingStore store(*truth_, scheduler_, scheduler_.Choose(40));
      BlockList list({}, store, metrics);
      ModerationSweep sweep(
          {.holder = std::to_string(api) + std::to_string(life),
           .page = 1,
           .lease = scheduler_.Choose(2) == 0 ? absl::ZeroDuration() : absl::Nanoseconds(1)},
          store, list, Clock::Real(), metrics);
      try {
        while (!SweepsTheLast(sweep)) {
        }
        return;
      } catch (const SteppingStore::Death&) {
      }
    }
  }

  // Whether nothing is left to sweep after this step, nor will be.
  bool SweepsTheLast(ModerationSweep& sweep) {
    const bool writers_over = writers_over_ == 3;
    const absl::StatusOr<bool> more = sweep.Step();
    EXPECT_TRUE(more.ok() || DetailsOf(more.status()).reason == "SWEEP_MOVED") << more.status();
    const SweepState state = *truth_->moderation().ReadSweep();
    return writers_over && state.target == 0 && state.done == state.version;
  }

  StepScheduler scheduler_;
  const std::unique_ptr<MetadataStore> truth_ = NewMemoryStore();
  SteppingStore store_{*truth_, scheduler_};
  MemoryBlobClient blobs_;
  std::vector<LeasedJob> jobs_;
  int writers_over_ = 0;
};

TEST(SweepModel, NothingThatMatchesStaysVisibleInAnySchedule) {
  const char* seed = std::getenv("SWEEP_MODEL_SEED");
  const char* schedules = std::getenv("SWEEP_MODEL_SCHEDULES");
  const uint64_t first = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
  const uint64_t count = seed != nullptr        ? 1
                         : schedules != nullptr ? std::strtoull(schedules, nullptr, 10)
                                                : 300;
  for (uint64_t i = first; i < first + count; ++i) {
    SCOPED_TRACE("SWEEP_MODEL_SEED=" + std::to_string(i));
    Model model(i);
    ASSERT_TRUE(model.Run());
    model.Check();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace stockroom::api
