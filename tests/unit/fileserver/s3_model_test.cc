// Uploads, touches and deletions of one blob by replicas that know nothing of each other, over a
// network that loses requests, loses answers, and delivers late: thousands of schedules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/s3_layout.h"
#include "tests/contract/blobs/s3_fixture.h"
#include "tests/support/memory_s3.h"
#include "tests/support/step_scheduler.h"

namespace stockroom::fileserver {
namespace {

using testing::MemoryS3;
using testing::StepScheduler;

// What a replica sends may arrive, arrive without its answer, arrive much later, or never.
class Network final : public s3::Transport {
 public:
  explicit Network(MemoryS3& server) : server_(server) {}

  // Until the first and after the last all goes well.
  void Begin(StepScheduler& scheduler) { scheduler_ = &scheduler; }
  void End() { scheduler_ = nullptr; }
  StepScheduler* scheduler() { return scheduler_; }

  absl::StatusOr<s3::HttpResponse> Send(const s3::HttpRequest& request) override {
    if (scheduler_ == nullptr) return server_.Send(request);
    scheduler_->Step();
    // Late deletions are what may do harm.
    const int fate = scheduler_->Choose(request.method == "DELETE" ? 6 : 20);
    if (fate == 0) return absl::UnavailableError("lost on the way there");
    if (fate == 1) {
      late_.push_back(Copy(request));
      return absl::UnavailableError("took too long");
    }
    absl::StatusOr<s3::HttpResponse> answer = server_.Send(request);
    scheduler_->Step();
    if (fate == 2) return absl::UnavailableError("lost on the way back");
    return answer;
  }
  bool has_late() const { return !late_.empty(); }
  void DeliverOne(int which) {
    const std::unique_ptr<Held> held = std::move(late_[static_cast<size_t>(which)]);
    late_.erase(late_.begin() + which);
    (void)server_.Send(held->request);
  }
  int late() const { return static_cast<int>(late_.size()); }

 private:
  struct Held {
    std::string bytes;
    std::unique_ptr<s3::TextBody> body;
    s3::HttpRequest request;
  };
  static std::unique_ptr<Held> Copy(const s3::HttpRequest& request) {
    auto held = std::make_unique<Held>();
    held->request = request;
    if (request.body == nullptr) return held;
    held->bytes.resize(static_cast<size_t>(request.body->size()));
    EXPECT_TRUE(request.body->ReadAt(0, held->bytes.data(), held->bytes.size()).ok());
    held->body = std::make_unique<s3::TextBody>(held->bytes);
    held->request.body = held->body.get();
    return held;
  }

  MemoryS3& server_;
  StepScheduler* scheduler_ = nullptr;
  std::deque<std::unique_ptr<Held>> late_;
};

struct Blob {
  std::string bytes = std::string(150'000, 'b');  // three sums, of which two fit
  BlobInfo info;
  ChunkSums sums;
  Blob() {
    StreamHasher hasher(StreamHasher::Md5::kYes);
    hasher.Update(bytes);
    ChunkSummer summer;
    summer.Update(bytes);
    info = {.sha256 = hasher.FinishSha256(),
            .md5 = hasher.FinishMd5(),
            .size = static_cast<int64_t>(bytes.size()),
            .crc32c = summer.whole()};
    sums = summer.Finish();
  }
};

enum class Begins { kWithBlob, kWithLeftovers };

struct Round {
  MemoryS3::Options::Conditions conditions = MemoryS3::Options::Conditions::kHonoured;
  Begins begins = Begins::kWithBlob;
};

// One schedule. Says what went wrong, or nothing.
class World {
 public:
  World(uint64_t seed, const Round& round)
      : round_(round),
        scheduler_(seed),
        server_({.clock = &clock_, .conditions = round.conditions}),
        network_(server_),
        observer_(MakeReplica()) {}

  std::string Run() {
    EXPECT_TRUE(Put(observer_->backend()).ok());
    if (round_.begins == Begins::kWithLeftovers) {
      server_.Remove("some/prefix/" + s3_layout::BlobKey(blob_.info.sha256));
    }
    clock_.Advance(absl::Hours(48));
    const std::string stamp = Listed();
    if (stamp.empty()) return "nothing is listed";
    for (int i = 0; i < 2; ++i) {
      AddActor([this, stamp](S3Backend& backend) {
        if (backend.DeleteBlobIfUntouched(blob_.info.sha256, stamp).value_or(false)) ++deleted_;
      });
      AddActor([this, touches = scheduler_.Choose(3) == 0,
                wait = scheduler_.Choose(60)](S3Backend& backend) {
        for (int step = 0; step < wait; ++step) scheduler_.Step();
        const bool done = touches ? backend.TouchBlob(blob_.info.sha256).ok() : Put(backend).ok();
        if (done) ++acknowledged_;
      });
    }
    scheduler_.Add([this] { PassTime(); });
    scheduler_.Add([this] { DeliverLate(); });
    network_.Begin(scheduler_);
    const bool ended = scheduler_.Run();
    network_.End();
    while (network_.has_late()) network_.DeliverOne(0);
    if (!ended) return "somebody waits for ever";
    return acknowledged_ > 0 ? WhatIsWrong() : "";
  }
  int acknowledged() const { return acknowledged_; }
  int deleted() const { return deleted_; }

 private:
  std::unique_ptr<S3Replica> MakeReplica() {
    S3Replica::Options options{.clock = &clock_, .retry = {.attempts = 2}};
    options.backend.inline_sums = 2;
    options.backend.part_threads = 1;
    options.sleep = [this](absl::Duration pause) {
      if (network_.scheduler() == nullptr) return;
      clock_.Advance(pause);
      network_.scheduler()->Step();
    };
    return std::make_unique<S3Replica>(network_, options);
  }
  void AddActor(std::function<void(S3Backend&)> act) {
    replicas_.push_back(MakeReplica());
    scheduler_.Add([this, act = std::move(act), &replica = *replicas_.back()] {
      act(replica.backend());
      ++over_;
    });
  }
  void PassTime() {
    while (over_ < replicas_.size()) {
      scheduler_.Step();
      // Mostly little; now and then more than any deletion may take.
      clock_.Advance(absl::Seconds(scheduler_.Choose(30) == 0 ? 100 : scheduler_.Choose(4)));
    }
  }
  void DeliverLate() {
    while (over_ < replicas_.size()) {
      scheduler_.Await([this] { return network_.has_late() || over_ == replicas_.size(); });
      // Some of them only when all is over.
      if (network_.has_late() && scheduler_.Choose(4) == 0) {
        network_.DeliverOne(scheduler_.Choose(network_.late()));
      }
    }
  }
  absl::StatusOr<bool> Put(S3Backend& backend) {
    SR_ASSIGN_OR_RETURN(const auto sink, backend.CreateBlob());
    SR_RETURN_IF_ERROR(sink->Append(blob_.bytes));
    return sink->Commit(blob_.info, blob_.sums);
  }
  std::string Listed() {
    const absl::StatusOr<BlobPage> page = observer_->backend().ListBlobs(
        {.untouched_for = absl::Hours(24), .cursor = blob_.info.sha256.hex().substr(0, 2)});
    return page.ok() && page->blobs.size() == 1 ? page->blobs[0].stamp : "";
  }
  // With what the one blob must be, now that an upload of it was acknowledged.
  std::string WhatIsWrong() {
    const auto source = observer_->backend().OpenBlob(blob_.info.sha256);
    if (!source.ok()) return "acknowledged and lost: " + source.status().ToString();
    std::string bytes(blob_.bytes.size(), '\0');
    const absl::Status read = (*source)->ReadAt(0, bytes.data(), bytes.size());
    if (!read.ok() || bytes != blob_.bytes) return "acknowledged and not to be read";
    const absl::StatusOr<ChunkSums> sums = (*source)->Sums();
    if (!sums.ok()) return "can not be verified: " + sums.status().ToString();
    return sums->sums() == blob_.sums.sums() ? "" : "can not be verified";
  }

  const Round round_;
  const Blob blob_;
  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  StepScheduler scheduler_;
  MemoryS3 server_;
  Network network_;
  std::unique_ptr<S3Replica> observer_;
  std::vector<std::unique_ptr<S3Replica>> replicas_;
  size_t over_ = 0;
  int acknowledged_ = 0;
  int deleted_ = 0;
};

constexpr uint64_t kSchedules = 250;

void RunSchedules(const Round& round) {
  InitLogging("test", LogLevel::kOff);
  int with_both = 0;
  for (uint64_t seed = 1; seed <= kSchedules; ++seed) {
    World world(seed, round);
    const std::string wrong = world.Run();
    ASSERT_EQ(wrong, "") << "seed " << seed;
    with_both += world.acknowledged() > 0 && world.deleted() > 0 ? 1 : 0;
  }
  // Else the schedules would say nothing.
  EXPECT_GT(with_both, 5);
}

TEST(S3Model, LosesNoBlobThatWasAcknowledgedWhileItWasBeingDeleted) { RunSchedules({}); }

TEST(S3Model, LosesNoneWhereTheServerKnowsNoConditions) {
  RunSchedules({.conditions = MemoryS3::Options::Conditions::kIgnored});
}

TEST(S3Model, LosesNoneWhileWhatADeletionLeftIsTakenAway) {
  RunSchedules({.begins = Begins::kWithLeftovers});
}

}  // namespace
}  // namespace stockroom::fileserver
