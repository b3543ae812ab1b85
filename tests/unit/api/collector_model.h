// The seams of the model test: a scheduler that lets one actor at a time go on to its next call,
// and decorators that hand control to it (and break the protocol on request).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "services/common/base/clock.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "tests/unit/api/forwarding_store.h"

namespace stockroom::api {

// One-line mistakes that the model has to find.
struct Mistakes {
  bool dedupe_does_not_touch = false;
  bool delete_ignores_stamp = false;
  bool references_before_listing = false;
  bool no_touch_before_commit = false;
  bool no_touch_after_commit = false;
};

// Runs actors on threads of their own, one at a time, in an order that the seed decides. Time
// passes only between steps.
class Scheduler {
 public:
  Scheduler(uint64_t seed, FakeClock& clock) : random_(seed), clock_(clock) {}

  void Spawn(std::function<void()> actor) {
    const int id = static_cast<int>(threads_.size());
    alive_.push_back(id);
    wake_.emplace_back();
    threads_.emplace_back([this, id, actor = std::move(actor)] {
      WaitForTurn(id);
      current_ = id;
      actor();
      MutexLock lock(mu_);
      std::erase(alive_, id);
      turn_ = kNobody;
      changed_.NotifyAll();
    });
  }
  // Until all have ended.
  void Run() {
    for (;;) {
      {
        MutexLock lock(mu_);
        if (alive_.empty()) break;
        if (Pick(4) == 0) {
          static constexpr int kMinutes[] = {1, 60, 5 * 60, 11 * 60, 13 * 60, 25 * 60};
          clock_.Advance(absl::Minutes(kMinutes[Pick(6)]));
        }
        turn_ = alive_[Pick(alive_.size())];
        wake_[static_cast<size_t>(turn_)].NotifyAll();
        while (turn_ != kNobody) changed_.Wait(mu_);
      }
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  // Called by actors between steps; nothing outside of Run, or where a lock is held.
  void Yield() {
    if (current_ == kNobody || Holding() > 0) return;
    {
      MutexLock lock(mu_);
      turn_ = kNobody;
      changed_.NotifyAll();
    }
    WaitForTurn(current_);
  }
  // Only from actors and between runs: one at a time.
  size_t Pick(size_t n) { return random_() % n; }

  static int& Holding() {
    thread_local int holding = 0;
    return holding;
  }

 private:
  static constexpr int kNobody = -1;
  void WaitForTurn(int id) {
    MutexLock lock(mu_);
    while (turn_ != id) wake_[static_cast<size_t>(id)].Wait(mu_);
  }

  static thread_local inline int current_ = kNobody;
  std::mt19937_64 random_;
  FakeClock& clock_;
  std::vector<std::thread> threads_;
  Mutex mu_;
  CondVar changed_;           // back to Run
  std::deque<CondVar> wake_;  // one an actor
  int turn_ SR_GUARDED_BY(mu_) = kNobody;
  std::vector<int> alive_;
};

class SeamStore final : public ForwardingStore {
  template <typename Call>
  auto Step(Call call) {
    scheduler_.Yield();
    ++Scheduler::Holding();
    auto result = call();
    --Scheduler::Holding();
    scheduler_.Yield();
    return result;
  }

 public:
  SeamStore(MetadataStore& inner, Scheduler& scheduler)
      : ForwardingStore(inner), scheduler_(scheduler) {}

  absl::StatusOr<CreatedImage> CreateImage(const NewImage& image, absl::Time now) override {
    return Step([&] { return inner_.CreateImage(image, now); });
  }
  absl::StatusOr<ChangedImage> DeleteImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(const Image&)>& check,
                                           const std::optional<IdempotentWrite>& once) override {
    return Step([&] { return inner_.DeleteImage(id, now, check, once); });
  }
  absl::StatusOr<std::vector<Digest>> ReferencedAmong(std::span<const Digest> digests) override {
    if (remembered_) return *std::exchange(remembered_, std::nullopt);
    return Step([&] { return inner_.ReferencedAmong(digests); });
  }
  // Everybody has it: collectors must be safe side by side.
  absl::StatusOr<bool> TakeLease(const std::string&, const std::string&, absl::Time,
                                 absl::Duration) override {
    return true;
  }
  // The next ReferencedAmong of this thread answers as of now.
  void Remember(std::span<const Digest> digests) { remembered_ = *inner_.ReferencedAmong(digests); }

 private:
  Scheduler& scheduler_;
  static thread_local inline std::optional<std::vector<Digest>> remembered_;
};

class SeamBlobs final : public BlobClient {
 public:
  SeamBlobs(BlobClient& inner, Scheduler& scheduler, SeamStore& store, const Mistakes& mistakes,
            std::vector<Digest> all, std::function<void(const Digest&)> remove)
      : inner_(inner),
        scheduler_(scheduler),
        store_(store),
        mistakes_(mistakes),
        all_(std::move(all)),
        remove_(std::move(remove)) {}

  // Puts whole blobs: the actors do not use the stream.
  absl::StatusOr<StoredBlob> Put(const CallContext& context, const std::string& bytes) {
    scheduler_.Yield();
    absl::StatusOr<StoredBlob> stored;
    const absl::StatusOr<std::string> there = ReadBlob(inner_, context, Digest::Of(bytes), 1 << 20);
    if (mistakes_.dedupe_does_not_touch && there.ok()) {
      stored = StoredBlob{.info = {.sha256 = Digest::Of(bytes)}, .existed = true};
    } else {
      stored = WriteBlob(inner_, context, bytes);
    }
    scheduler_.Yield();
    return stored;
  }
  void ListBlobs(const CallContext& context, ListBlobsOptions options,
                 absl::AnyInvocable<void(absl::StatusOr<BlobPage>)> done) override {
    if (mistakes_.references_before_listing) store_.Remember(all_);
    if (options.cursor.empty()) scheduler_.Yield();
    inner_.ListBlobs(context, std::move(options), [&](absl::StatusOr<BlobPage> page) {
      if (page.ok() && !page->blobs.empty()) scheduler_.Yield();
      done(std::move(page));
    });
  }
  void TouchBlob(const CallContext& context, const Digest& digest,
                 absl::AnyInvocable<void(absl::Status)> done) override {
    scheduler_.Yield();
    inner_.TouchBlob(context, digest, [&](absl::Status status) {
      scheduler_.Yield();
      done(std::move(status));
    });
  }
  void DeleteBlobIfUntouched(const CallContext& context, const Digest& digest, std::string stamp,
                             absl::AnyInvocable<void(absl::StatusOr<bool>)> done) override {
    scheduler_.Yield();
    if (mistakes_.delete_ignores_stamp) {
      remove_(digest);
      return done(true);
    }
    inner_.DeleteBlobIfUntouched(context, digest, std::move(stamp),
                                 [&](absl::StatusOr<bool> deleted) {
                                   scheduler_.Yield();
                                   done(std::move(deleted));
                                 });
  }

  std::unique_ptr<BlobWriter> PutBlob(const CallContext& context, PutBlobOptions options) override {
    return inner_.PutBlob(context, std::move(options));
  }
  std::unique_ptr<BlobReader> GetBlob(const CallContext& context, const Digest& digest,
                                      ByteRange range) override {
    return inner_.GetBlob(context, digest, range);
  }
  void StatBlob(const CallContext& context, const Digest& digest,
                absl::AnyInvocable<void(absl::StatusOr<BlobInfo>)> done) override {
    inner_.StatBlob(context, digest, std::move(done));
  }
  std::unique_ptr<RenditionWriter> PutRendition(const CallContext& context,
                                                RenditionAddress address) override {
    return inner_.PutRendition(context, std::move(address));
  }
  std::unique_ptr<RenditionReader> GetRendition(const CallContext& context,
                                                RenditionAddress address,
                                                ByteRange range) override {
    return inner_.GetRendition(context, std::move(address), range);
  }
  void DeleteRenditions(const CallContext& context, const Digest& original,
                        absl::AnyInvocable<void(absl::StatusOr<int>)> done) override {
    inner_.DeleteRenditions(context, original, std::move(done));
  }

 private:
  BlobClient& inner_;
  Scheduler& scheduler_;
  SeamStore& store_;
  const Mistakes mistakes_;
  const std::vector<Digest> all_;
  const std::function<void(const Digest&)> remove_;
};

}  // namespace stockroom::api
