#include "services/api/jobs/dispatcher.h"

#include <pthread.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/random/random.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// More than workers can use at once; keeps the number on the wire meaningless to grow.
constexpr int kMaxDemand = 256;
// One lease transaction takes at most this many jobs.
constexpr int kLeaseBatch = 32;
// Enough to know that there is work for everybody.
constexpr int kCountLimit = 1000;
constexpr int kRecordTries = 6;
// While hashes come in one by one.
constexpr int kListTries = 10;
// How long a drain waits for the database to take the last results.
constexpr absl::Duration kRecordLimit = absl::Seconds(10);

// 0.5 s, 1 s, 2 s, … up to `longest`, each up to a quarter longer so that jobs that failed together
// do not come back together.
absl::Duration RetryPause(int attempt, absl::Duration longest) {
  thread_local absl::BitGen random;
  const absl::Duration pause =
      std::min(absl::Milliseconds(250) * (1 << std::clamp(attempt, 0, 16)), longest);
  return pause * absl::Uniform(random, 1.0, 1.25);
}

}  // namespace

JobDispatcher::JobDispatcher(Options options, MetadataStore& store, WorkerPool& workers,
                             Executor& executor, TimerQueue& timers, Clock& clock, Metrics& metrics)
    : options_(std::move(options)),
      store_(store),
      workers_(workers),
      executor_(executor),
      timers_(timers),
      clock_(clock),
      waiting_gauge_(metrics.GetGauge("stockroom_jobs_waiting", "Jobs that wait for a worker.")),
      running_gauge_(metrics.GetGauge("stockroom_jobs_running", "Jobs that workers have.")),
      done_total_(metrics.GetCounter("stockroom_jobs_done_total", "Jobs completed.")),
      failed_total_(metrics.GetCounter("stockroom_jobs_failed_total", "Jobs given up.")),
      quarantined_total_(metrics.GetCounter("stockroom_jobs_quarantined_total",
                                            "Jobs given up as dangerous or hopeless.")),
      given_back_total_(metrics.GetCounter("stockroom_jobs_given_back_total",
                                           "Jobs put back to be tried again.")) {}

JobDispatcher::~JobDispatcher() { Drain(absl::ZeroDuration()); }

void JobDispatcher::Start() {
  workers_.Start([this] { Poke(); });
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "dispatcher");
    Run();
  });
}

void JobDispatcher::Poke() {
  MutexLock lock(mu_);
  poked_ = true;
  wake_.NotifyOne();
}

JobDispatcher::Counts JobDispatcher::counts() const {
  MutexLock lock(mu_);
  return {.waiting = waiting_, .running = static_cast<int>(running_.size())};
}

void JobDispatcher::Drain(absl::Duration limit) {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mu_);
    stopping_ = true;
    while (looking_) idle_.Wait(mu_);
  }
  workers_.Drain(limit);  // every running job has its outcome now
  if (options_.screening != nullptr) options_.screening->Stop();
  {
    MutexLock lock(mu_);
    const absl::Time end = absl::Now() + kRecordLimit;
    while (!running_.empty() && absl::Now() < end) idle_.WaitFor(mu_, absl::Seconds(1));
    ended_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

void JobDispatcher::Run() {
  for (;;) {
    if (BeginLook()) {
      LookForWork();
      EndLook();
    }
    // Also while draining: workers still finish what they have.
    RenewLeases();
    MutexLock lock(mu_);
    const absl::Time next_look = absl::Now() + options_.poll;
    while ((!poked_ || stopping_) && !ended_ && absl::Now() < next_look) {
      wake_.WaitFor(mu_, next_look - absl::Now());
    }
    poked_ = false;
    if (ended_) return;
  }
}

bool JobDispatcher::BeginLook() {
  MutexLock lock(mu_);
  looking_ = !stopping_;
  return looking_;
}

void JobDispatcher::EndLook() {
  MutexLock lock(mu_);
  looking_ = false;
  idle_.NotifyAll();
}

// Background jobs never get the last quarter of what this api may run, so that a photograph that
// somebody waits for finds a place at once.
LeaseRequest JobDispatcher::NextLease(int waiting) {
  const bool saturated = options_.screening != nullptr && options_.screening->saturated();
  const int credits = saturated ? 0 : workers_.Credits();
  MutexLock lock(mu_);
  int background = 0;
  for (const auto& [id, running] : running_) {
    background += running.job.priority == JobPriority::kBackground ? 1 : 0;
  }
  const int places = static_cast<int>(running_.size()) + credits;
  return {.holder = options_.holder,
          .max_jobs = std::min({waiting, credits, kLeaseBatch}),
          .max_background = std::max(0, std::max(1, places * 3 / 4) - background),
          .now = clock_.Now(),
          .lease = options_.lease};
}

void JobDispatcher::LookForWork() {
  const absl::StatusOr<MetadataStore::JobCounts> counts =
      store_.CountJobs(clock_.Now(), kCountLimit);
  if (!counts.ok()) {
    LogWarning("can not count jobs", {{"error", counts.status()}});
    return;
  }
  int waiting = counts->waiting;
  workers_.SetDemand(std::min(waiting, kMaxDemand));
  for (;;) {
    const LeaseRequest request = NextLease(waiting);
    if (request.max_jobs <= 0) break;
    const absl::StatusOr<std::vector<LeasedJob>> leased = store_.LeaseJobs(request);
    if (!leased.ok()) {
      LogWarning("can not lease jobs", {{"error", leased.status()}});
      break;
    }
    if (leased->empty()) break;  // not due yet, or others took them
    for (const LeasedJob& job : *leased) Send(job);
    waiting -= static_cast<int>(leased->size());
    workers_.SetDemand(std::clamp(waiting, 0, kMaxDemand));
  }
  waiting_gauge_.Set(waiting);
  MutexLock lock(mu_);
  waiting_ = waiting;
}

void JobDispatcher::Send(const LeasedJob& leased) {
  {
    MutexLock lock(mu_);
    running_[leased.job.id] = {leased.job, clock_.Now() + options_.lease / 3};
    running_gauge_.Set(static_cast<int64_t>(running_.size()));
  }
  if (!leased.image.work_plan.empty()) options_.before_anew(leased.image);
  WorkAssignment work{.request_id = CleanRequestId(leased.job.request_id),
                      .image_id = leased.image.id,
                      .original = leased.image.sha256,
                      .original_size = leased.image.size_bytes,
                      .presets = options_.presets,
                      .ladder = options_.ladder,
                      .watermarks = options_.watermarks,
                      .max_pixels = options_.max_pixels,
                      .deadline = options_.job_deadline};
  LogDebug("job sent", {{"image", leased.image.id}, {"attempt", leased.job.attempt}},
           work.request_id);
  workers_.Submit(std::move(work),
                  [this, leased](WorkOutcome outcome) { Screen(leased, std::move(outcome)); });
}

void JobDispatcher::Screen(const LeasedJob& leased, WorkOutcome outcome) {
  Screening* const screening = options_.screening;
  if (outcome.kind != WorkOutcome::Kind::kDone || screening == nullptr ||
      !screening->MustAsk(leased.image)) {
    return QueueRecord(leased.job, std::move(outcome));
  }
  // The lease is renewed meanwhile, as while the worker had it.
  const auto shared = std::make_shared<WorkOutcome>(std::move(outcome));
  screening->Ask(leased.image, shared->result, leased.job.request_id,
                 [this, job = leased.job, shared](absl::StatusOr<std::optional<Finding>> finding) {
                   if (finding.ok()) {
                     shared->result.finding = *std::move(finding);
                   } else {
                     shared->kind = WorkOutcome::Kind::kNotBegun;
                   }
                   QueueRecord(job, std::move(*shared));
                 });
}

void JobDispatcher::QueueRecord(const Job& job, WorkOutcome outcome) {
  auto record = [this, job, outcome = std::move(outcome)] { Record(job, outcome, 1); };
  // During shutdown nobody records: the lease runs out, or the next start ends it.
  if (!executor_.SubmitAdmitted(std::move(record))) Forget(job);
}

void JobDispatcher::RenewLeases() {
  const absl::Time now = clock_.Now();
  std::vector<JobRef> due;
  {
    MutexLock lock(mu_);
    for (auto& [id, running] : running_) {
      if (running.renew_at > now) continue;
      due.push_back({id, running.job.token});
      running.renew_at = now + options_.lease / 3;
    }
  }
  if (due.empty()) return;
  const auto held = store_.RenewLeases(due, now + options_.lease);
  // A lost lease needs no action here: the token keeps the late result out.
  if (!held.ok()) LogWarning("can not renew leases", {{"error", held.status()}});
}

// On the executor. Retries when the database is away: the work is done and worth keeping.
void JobDispatcher::Record(const Job& job, const WorkOutcome& outcome, int tries) {
  const absl::Status status = RecordOnce(job, outcome);
  const bool gone = absl::IsFailedPrecondition(status) || absl::IsNotFound(status);
  if (status.ok() || gone || tries >= kRecordTries) {
    if (!status.ok()) {
      LogInfo("a result was not recorded", {{"image", job.image_id}, {"error", status}});
    }
    Forget(job);
    Poke();
    return;
  }
  timers_.RunAt(absl::Now() + RetryPause(tries, absl::Seconds(10)), [this, job, outcome, tries] {
    if (!executor_.SubmitAdmitted(
            [this, job, outcome, tries] { Record(job, outcome, tries + 1); })) {
      Forget(job);
    }
  });
}

absl::Status JobDispatcher::RecordOnce(const Job& job, const WorkOutcome& outcome) {
  const JobRef ref{job.id, job.token};
  switch (outcome.kind) {
    case WorkOutcome::Kind::kDone: {
      const absl::Status status = Complete(ref, outcome);
      if (status.ok()) done_total_.Add();
      return status;
    }
    case WorkOutcome::Kind::kBadImage: {
      const absl::Status status =
          store_.FailJob(ref, FailKind::kFailed, outcome.message, clock_.Now()).status();
      if (status.ok()) failed_total_.Add();
      return status;
    }
    case WorkOutcome::Kind::kNotBegun:
      given_back_total_.Add();
      return store_.ReleaseJob(ref, ReleaseKind::kNotBegun, clock_.Now());
    case WorkOutcome::Kind::kRetry:
    case WorkOutcome::Kind::kDecoderDied:
    case WorkOutcome::Kind::kWorkerLost:
      return GiveBackOrFail(job, outcome);
  }
  return absl::InternalError("unknown outcome");
}

// Again with a newer block list, as often as one comes in meanwhile.
absl::Status JobDispatcher::Complete(const JobRef& ref, const WorkOutcome& outcome) {
  for (int tries = 1;; ++tries) {
    ProcessingResult result = outcome.result;
    result.work_plan = options_.work_plan;
    if (options_.screening != nullptr) SR_RETURN_IF_ERROR(options_.screening->Check(result));
    const absl::Status status = store_.CompleteJob(ref, result, clock_.Now()).status();
    const bool again = DetailsOf(status).reason == kBlockListChanged;
    if (!again || options_.screening == nullptr || tries == kListTries) return status;
    SR_RETURN_IF_ERROR(options_.screening->Refresh());
  }
}

absl::Status JobDispatcher::GiveBackOrFail(const Job& job, const WorkOutcome& outcome) {
  ReleaseKind kind = ReleaseKind::kAttempted;
  absl::Time not_before = clock_.Now() + RetryPause(job.attempt, absl::Minutes(5));
  bool hopeless = job.attempt >= options_.max_attempts;
  if (outcome.kind == WorkOutcome::Kind::kDecoderDied) {
    kind = ReleaseKind::kDecoderDied;
    hopeless |= job.decoder_deaths + 1 >= options_.max_decoder_deaths;
  }
  if (outcome.kind == WorkOutcome::Kind::kWorkerLost) {
    kind = ReleaseKind::kWorkerLost;
    hopeless |= job.worker_losses + 1 >= options_.max_worker_losses;
    not_before = clock_.Now();  // the image is not at fault, and others can take it at once
  }
  const JobRef ref{job.id, job.token};
  if (hopeless) {
    LogWarning("job quarantined",
               {{"image", job.image_id}, {"attempts", job.attempt}, {"reason", outcome.message}});
    quarantined_total_.Add();
    failed_total_.Add();
    return store_
        .FailJob(ref, FailKind::kQuarantined,
                 "given up after " + std::to_string(job.attempt) + " attempts: " + outcome.message,
                 clock_.Now())
        .status();
  }
  LogInfo("job given back",
          {{"image", job.image_id}, {"attempt", job.attempt}, {"reason", outcome.message}});
  given_back_total_.Add();
  return store_.ReleaseJob(ref, kind, not_before);
}

void JobDispatcher::Forget(const Job& job) {
  MutexLock lock(mu_);
  const auto it = running_.find(job.id);
  // Its lease may have been lost and given to us again.
  if (it != running_.end() && it->second.job.token == job.token) running_.erase(it);
  running_gauge_.Set(static_cast<int64_t>(running_.size()));
  if (running_.empty()) idle_.NotifyAll();
}

}  // namespace stockroom::api
