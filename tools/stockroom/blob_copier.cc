#include "tools/stockroom/blob_copier.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"
#include "services/common/blobs/await.h"
#include "services/common/blobs/blocking.h"
#include "tools/stockroom/blob_lister.h"
#include "tools/stockroom/retry.h"

namespace stockroom::cli {
namespace {

constexpr absl::Duration kCallTimeout = absl::Minutes(2);
// The slowest link that a copy may take, besides what the limit allows.
constexpr double kSlowest = 64 << 10;
// Originals listed ahead of those that are copied.
constexpr size_t kAhead = 1000;

class Copier {
 public:
  Copier(BlobServer from, BlobServer to, const BlobCopyOptions& options,
         std::shared_ptr<Cancellation> stop)
      : from_(from), to_(to), options_(options), stop_(std::move(stop)) {}

  absl::StatusOr<BlobCopyCounts> Run() {
    std::vector<std::thread> threads;
    for (int i = 0; i < options_.jobs; ++i) threads.emplace_back([this] { Work(); });
    const absl::Status listed = ListAll();
    {
      MutexLock lock(mu_);
      listed_ = true;
      changed_.NotifyAll();
    }
    for (std::thread& thread : threads) thread.join();
    SR_RETURN_IF_ERROR(listed);
    if (stop_->cancelled()) return absl::CancelledError("interrupted");
    MutexLock lock(mu_);
    return counts_;
  }

 private:
  struct Job {
    ListedOriginal original;
    // Unset: the other one has to be asked.
    std::optional<bool> present;
  };

  CallContext Context(absl::Duration timeout) const {
    CallContext context = CallContext::WithTimeout(timeout);
    context.cancellation = stop_;
    return context;
  }
  absl::Status Patiently(absl::FunctionRef<absl::Status()> call) const {
    return Retry(options_.patience, call,
                 [this](absl::Duration d) { return SleepUnlessStopped(d, *stop_); });
  }

  // The source first: what it lists and the other one does not is asked for or sent, so that what
  // appears there meanwhile does no harm.
  absl::Status ListAll() {
    const auto context = [this] { return Context(kCallTimeout); };
    const auto patience = [this](absl::FunctionRef<absl::Status()> call) {
      return Patiently(call);
    };
    BlobLister source(from_.blobs, from_.care, context);
    BlobLister target(to_.blobs, to_.care, context);
    bool target_lists = true;
    std::optional<ListedOriginal> there;
    for (bool first = true;; first = false) {
      SR_ASSIGN_OR_RETURN(const std::optional<ListedOriginal> here, source.Next(patience));
      if (!here) return absl::OkStatus();
      while (target_lists && (first || (there && there->sha256 < here->sha256))) {
        first = false;
        absl::StatusOr<std::optional<ListedOriginal>> next = target.Next(patience);
        if (absl::IsCancelled(next.status())) return next.status();
        // It is then asked for each one.
        target_lists = next.ok();
        if (target_lists) there = *next;
      }
      Job job{.original = *here, .present = {}};
      if (target_lists) {
        job.present = there && there->sha256 == here->sha256 && there->size == here->size;
      }
      SR_RETURN_IF_ERROR(Enqueue(job));
    }
  }

  absl::Status Enqueue(const Job& job) {
    MutexLock lock(mu_);
    while (jobs_.size() >= kAhead && !stop_->cancelled()) {
      changed_.WaitFor(mu_, absl::Milliseconds(200));
    }
    if (stop_->cancelled()) return absl::CancelledError("interrupted");
    ++counts_.seen;
    counts_.seen_bytes += job.original.size;
    jobs_.push_back(job);
    changed_.NotifyAll();
    return absl::OkStatus();
  }

  void Work() {
    for (;;) {
      Job job;
      {
        MutexLock lock(mu_);
        while (jobs_.empty() && !listed_) changed_.Wait(mu_);
        if (jobs_.empty() || stop_->cancelled()) return;
        job = jobs_.front();
        jobs_.pop_front();
        changed_.NotifyAll();
      }
      const absl::Status done = Deal(job);
      MutexLock lock(mu_);
      if (!done.ok() && !stop_->cancelled()) {
        ++counts_.failed;
        if (options_.failed) options_.failed(job.original.sha256, done);
      }
      if (options_.progress) options_.progress(counts_);
    }
  }

  absl::Status Deal(const Job& job) {
    const Digest& digest = job.original.sha256;
    bool present = job.present.value_or(false);
    if (!job.present) {
      const absl::Status asked = Patiently([&] {
        const auto info = Await<absl::StatusOr<BlobInfo>>(
            [&](auto done) { to_.blobs.StatBlob(Context(kCallTimeout), digest, std::move(done)); });
        present = info.ok() && info->size == job.original.size;
        return info.status();
      });
      if (!asked.ok() && !absl::IsNotFound(asked) && !absl::IsDataLoss(asked)) return asked;
    }
    if (present) {
      SR_ASSIGN_OR_RETURN(const bool kept, Keep(job.original));
      if (kept) return absl::OkStatus();
    }
    const absl::Status sent = Patiently([&] { return Send(job.original); });
    return sent;
  }

  // Whether the other one's collector leaves it alone. False: it is gone already.
  absl::StatusOr<bool> Keep(const ListedOriginal& original) {
    const bool may_be_wanted =
        !original.touched || *original.touched >= options_.now() - options_.touch_newer;
    if (may_be_wanted) {
      const absl::Status touched =
          Patiently([&] { return TouchBlob(to_.blobs, Context(kCallTimeout), original.sha256); });
      if (absl::IsNotFound(touched)) return false;
      SR_RETURN_IF_ERROR(touched);
    }
    MutexLock lock(mu_);
    ++counts_.present;
    counts_.touched += may_be_wanted ? 1 : 0;
    return true;
  }

  // The bytes by way of this process. The one that stores them verifies that they are those of the
  // digest before anything is visible.
  absl::Status Send(const ListedOriginal& original) {
    double slowest = kSlowest;
    if (options_.bytes_per_second > 0) {
      const double share = static_cast<double>(options_.bytes_per_second) / options_.jobs;
      slowest = std::min(slowest, share / 2);
    }
    const CallContext context =
        Context(kCallTimeout + absl::Seconds(static_cast<double>(original.size) / slowest));
    const std::unique_ptr<BlobReader> reader =
        from_.blobs.GetBlob(context, original.sha256, ByteRange{});
    const auto info =
        Await<absl::StatusOr<BlobInfo>>([&](auto done) { reader->Open(std::move(done)); });
    if (absl::IsNotFound(info.status())) {
      MutexLock lock(mu_);
      ++counts_.gone;
      return absl::OkStatus();
    }
    if (!info.ok()) return Annotate(info.status(), "reading");
    const std::unique_ptr<BlobWriter> writer =
        to_.blobs.PutBlob(context, {.max_bytes = info->size, .expected_sha256 = original.sha256});
    for (;;) {
      using Piece = absl::StatusOr<std::optional<std::string>>;
      Piece piece = Await<Piece>([&](auto done) { reader->Read(std::move(done)); });
      if (!piece.ok()) return Annotate(piece.status(), "reading");
      if (!piece->has_value()) break;
      SR_RETURN_IF_ERROR(Pace(static_cast<int64_t>((*piece)->size())));
      const auto written = Await<absl::Status>(
          [&](auto done) { writer->Write(**std::move(piece), std::move(done)); });
      if (!written.ok()) return Annotate(written, "writing");
    }
    const auto stored =
        Await<absl::StatusOr<StoredBlob>>([&](auto done) { writer->Finish(std::move(done)); });
    if (!stored.ok()) return Annotate(stored.status(), "writing");
    MutexLock lock(mu_);
    ++counts_.copied;
    counts_.copied_bytes += info->size;
    return absl::OkStatus();
  }

  // Waits for the turn of so many bytes.
  absl::Status Pace(int64_t bytes) {
    if (options_.bytes_per_second <= 0) return absl::OkStatus();
    absl::Duration wait;
    {
      MutexLock lock(mu_);
      const absl::Time now = absl::Now();
      free_at_ = std::max(free_at_, now);
      wait = free_at_ - now;
      free_at_ += absl::Seconds(static_cast<double>(bytes) /
                                static_cast<double>(options_.bytes_per_second));
    }
    return wait > absl::ZeroDuration() ? SleepUnlessStopped(wait, *stop_) : absl::OkStatus();
  }

  const BlobServer from_;
  const BlobServer to_;
  const BlobCopyOptions& options_;
  const std::shared_ptr<Cancellation> stop_;

  Mutex mu_;
  CondVar changed_;
  std::deque<Job> jobs_ SR_GUARDED_BY(mu_);
  bool listed_ SR_GUARDED_BY(mu_) = false;
  BlobCopyCounts counts_ SR_GUARDED_BY(mu_);
  absl::Time free_at_ SR_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace

absl::StatusOr<BlobCopyCounts> CopyBlobs(BlobServer from, BlobServer to,
                                         const BlobCopyOptions& options,
                                         std::shared_ptr<Cancellation> stop) {
  return Copier(from, to, options, std::move(stop)).Run();
}

}  // namespace stockroom::cli
