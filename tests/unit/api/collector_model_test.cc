// No schedule of uploads, deletions, sweeps, slow commits and power cuts loses or leaks a blob.
//
// STOCKROOM_MODEL_SEED=<n> replays one schedule.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "services/api/domain/blob_admission.h"
#include "services/api/domain/blob_collector.h"
#include "services/api/metadata/memory_store.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/blobs/memory_blob_client.h"
#include "tests/unit/api/collector_model.h"
#include "tests/unit/api/disk_blobs.h"

namespace stockroom::api {
namespace {

constexpr absl::Duration kGrace = absl::Hours(24);
const std::vector<std::string>& Contents() {
  static const auto* const contents = new std::vector<std::string>{"one", "two"};
  return *contents;
}
std::vector<Digest> Digests() {
  std::vector<Digest> digests;
  for (const std::string& bytes : Contents()) digests.push_back(Digest::Of(bytes));
  return digests;
}

class World {
 public:
  World(uint64_t seed, const Mistakes& mistakes, bool on_disk)
      : mistakes_(mistakes), scheduler_(seed, clock_) {
    if (on_disk) {
      disk_ = std::make_unique<DiskBlobs>(clock_);
    } else {
      memory_ = std::make_unique<MemoryBlobClient>(MemoryBlobClient::Options{.clock = &clock_});
    }
    inner_ = on_disk ? static_cast<BlobClient*>(disk_.get()) : memory_.get();
    store_ = std::make_unique<SeamStore>(*inner_store_, scheduler_);
    blobs_ = std::make_unique<SeamBlobs>(*inner_, scheduler_, *store_, mistakes, Digests(),
                                         [this](const Digest& digest) {
                                           if (memory_) memory_->RemoveBlob(digest);
                                         });
    clock_.Advance(kGrace * 2);  // past the file server's quiet time
  }

  // What was violated; empty if nothing.
  std::string Play() {
    const size_t uploads = 3 + scheduler_.Pick(3);
    for (size_t i = 0; i < uploads; ++i) scheduler_.Spawn([this] { Upload(); });
    for (size_t i = 0; i < 2; ++i) scheduler_.Spawn([this] { DeleteSome(); });
    for (size_t i = 0; i < 2; ++i) scheduler_.Spawn([this] { Sweep(3); });
    if (scheduler_.Pick(3) == 0) scheduler_.Spawn([this] { CutPower(); });
    scheduler_.Run();
    CheckAcknowledged("at the end");
    clock_.Advance(kGrace * 2);
    Sweep(1);
    CheckNothingLeaked();
    return violation_;
  }

 private:
  static CallContext Context() { return CallContext::WithTimeout(absl::Seconds(60)); }
  absl::Duration Steady() { return clock_.Now() - absl::UnixEpoch(); }

  void Upload() {
    for (size_t round = 1 + scheduler_.Pick(2); round > 0; --round) {
      const std::string& bytes = Contents()[scheduler_.Pick(Contents().size())];
      int asked = 0;
      const absl::Duration put = Steady();
      Admission admission{.put_time = put, .grace = kGrace, .steady = [this, put, &asked] {
                            ++asked;
                            // Time stands still for who makes the mistake.
                            if (mistakes_.no_touch_before_commit && asked == 1) return put;
                            if (mistakes_.no_touch_after_commit && asked > 1) return put;
                            return Steady();
                          }};
      if (!blobs_->Put(Context(), bytes).ok()) continue;
      for (size_t wait = scheduler_.Pick(4); wait > 0; --wait) scheduler_.Yield();
      const absl::StatusOr<CreatedImage> created =
          AdmitBlob(Context(), *store_, *blobs_, clock_, admission,
                    {.id = "image" + std::to_string(next_id_++),
                     .owner = scheduler_.Pick(2) == 0 ? "anna" : "ben",
                     .sha256 = Digest::Of(bytes),
                     .size_bytes = static_cast<int64_t>(bytes.size()),
                     .allow_duplicate = scheduler_.Pick(4) == 0});
      if (!created.ok()) continue;
      if (!deleted_.contains(created->image.id)) acknowledged_[created->image.id] = bytes;
      CheckAcknowledged("at an acknowledgement");
    }
  }
  void DeleteSome() {
    for (size_t round = 1 + scheduler_.Pick(3); round > 0; --round) {
      for (size_t wait = scheduler_.Pick(5); wait > 0; --wait) scheduler_.Yield();
      if (acknowledged_.empty()) continue;
      const std::string id =
          std::next(acknowledged_.begin(),
                    static_cast<std::ptrdiff_t>(scheduler_.Pick(acknowledged_.size())))
              ->first;
      acknowledged_.erase(id);
      deleted_.insert(id);
      (void)store_->DeleteImage(
          id, clock_.Now(), [](const Image&) { return absl::OkStatus(); }, std::nullopt);
    }
  }
  void Sweep(int rounds) {
    BlobCollector collector({.holder = "collector", .grace = kGrace, .deletes_per_second = 0},
                            *blobs_, *store_, clock_, metrics_);
    for (; rounds > 0; --rounds) {
      const auto result = collector.SweepOnce(Context());
      if (!result.ok()) Violate("a sweep failed: " + result.status().ToString());
      CheckAcknowledged("after a sweep");
      scheduler_.Yield();
    }
  }
  void CutPower() {
    for (size_t wait = scheduler_.Pick(12); wait > 0; --wait) scheduler_.Yield();
    if (memory_) memory_->CutPower();
    if (disk_) disk_->CutPower();
  }

  void Violate(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }
  void CheckAcknowledged(const std::string& when) {
    for (const auto& [id, bytes] : acknowledged_) {
      if (!inner_store_->GetImage(id).ok()) Violate(when + ": the row of " + id + " is gone");
      if (ReadBlob(*inner_, Context(), Digest::Of(bytes), 1 << 20).value_or("") != bytes) {
        Violate(when + ": the blob of " + id + " is gone");
      }
    }
  }
  void CheckNothingLeaked() {
    const std::vector<Digest> all = Digests();
    const std::vector<Digest> referenced = *inner_store_->ReferencedAmong(all);
    for (const std::string& bytes : Contents()) {
      const Digest digest = Digest::Of(bytes);
      const bool there = ReadBlob(*inner_, Context(), digest, 1 << 20).ok();
      const bool wanted =
          std::find(referenced.begin(), referenced.end(), digest) != referenced.end();
      if (there && !wanted) Violate("the blob '" + bytes + "' leaked");
      if (!there && wanted) Violate("a row refers to the blob '" + bytes + "', which is gone");
    }
  }

  const Mistakes mistakes_;
  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  Scheduler scheduler_;
  Metrics metrics_;
  const std::unique_ptr<MetadataStore> inner_store_ = NewMemoryStore();
  std::unique_ptr<MemoryBlobClient> memory_;
  std::unique_ptr<DiskBlobs> disk_;
  BlobClient* inner_ = nullptr;
  std::unique_ptr<SeamStore> store_;
  std::unique_ptr<SeamBlobs> blobs_;
  std::map<std::string, std::string> acknowledged_;  // id to bytes
  std::set<std::string> deleted_;
  int next_id_ = 1;
  std::string violation_;
};

class CollectorModel : public testing::Test {
 protected:
  CollectorModel() { InitLogging("test", LogLevel::kOff); }

  static void Play(uint64_t schedules, bool on_disk) {
    uint64_t first = 1;
    if (const char* seed = std::getenv("STOCKROOM_MODEL_SEED")) {
      first = std::strtoull(seed, nullptr, 10);
      schedules = 1;
    }
    for (uint64_t seed = first; seed < first + schedules; ++seed) {
      ASSERT_EQ(World(seed, {}, on_disk).Play(), "")
          << "replay it with STOCKROOM_MODEL_SEED=" << seed;
    }
  }
  // Whether one of `schedules` goes wrong.
  static bool Finds(const Mistakes& mistakes, uint64_t schedules = 3000) {
    for (uint64_t seed = 1; seed <= schedules; ++seed) {
      if (!World(seed, mistakes, false).Play().empty()) return true;
    }
    return false;
  }
};

TEST_F(CollectorModel, LosesAndLeaksNothing) { Play(3000, false); }
TEST_F(CollectorModel, LosesAndLeaksNothingOnADisk) { Play(60, true); }

TEST_F(CollectorModel, FindsThatADedupeHitDoesNotTouch) {
  EXPECT_TRUE(Finds({.dedupe_does_not_touch = true}));
}
TEST_F(CollectorModel, FindsThatADeletionIgnoresTheStamp) {
  EXPECT_TRUE(Finds({.delete_ignores_stamp = true}));
}
TEST_F(CollectorModel, FindsThatReferencesAreAskedBeforeTheListing) {
  EXPECT_TRUE(Finds({.references_before_listing = true}));
}
TEST_F(CollectorModel, FindsThatNobodyLooksAfterASlowCommit) {
  EXPECT_TRUE(Finds({.no_touch_after_commit = true}));
}
TEST_F(CollectorModel, FindsThatAdmissionNeverTouches) {
  EXPECT_TRUE(Finds({.no_touch_before_commit = true, .no_touch_after_commit = true}));
}

}  // namespace
}  // namespace stockroom::api
