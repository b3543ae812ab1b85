// Brings durable jobs and workers together: leases jobs only for credits that workers have granted,
// sends them, and records what came back.
#pragma once

#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/screening.h"
#include "services/api/domain/worker_pool.h"
#include "services/common/base/clock.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/base/timer.h"

namespace stockroom::api {

class JobDispatcher {
 public:
  struct Options {
    std::string holder;  // this api process, for operators who look at leases
    std::vector<NamedRecipe> presets;
    std::vector<int> ladder;                   // common/recipe/ladder.h
    std::vector<WatermarkPicture> watermarks;  // those that the presets name
    // Recorded with each result (ProcessingResult::work_plan).
    std::string work_plan;
    int64_t max_pixels = 0;
    // Runs before an image that was processed before is processed anew, on a thread that may block.
    std::function<void(const Image&)> before_anew = [](const Image&) {};
    // Longest that one image may take on a worker, fetching and storing included.
    absl::Duration job_deadline = absl::Seconds(60);
    // Must outlast a few missed renewals; a dead api's jobs wait this long for another api.
    absl::Duration lease = absl::Seconds(60);
    // How often to look for jobs that nobody announced (another api's, or those whose time comes).
    absl::Duration poll = absl::Seconds(1);
    // Past one of these the image is quarantined.
    // An image that kills its decoder this often is at fault itself.
    int max_decoder_deaths = 3;
    // Jobs whose worker vanished: circumstances, unless it keeps happening.
    int max_worker_losses = 10;
    // Attempts in all. With the longest pause of 5 minutes between tries this rides out a working
    // day without file server.
    int max_attempts = 100;
    // Looks at results before they are recorded. Drain stops it. May be null: nobody does.
    Screening* screening = nullptr;
  };
  JobDispatcher(Options options, MetadataStore& store, WorkerPool& workers, Executor& executor,
                TimerQueue& timers, Clock& clock, Metrics& metrics);
  ~JobDispatcher();

  void Start();
  // There may be a new job or a new credit. Never blocks.
  void Poke();
  // Leases no more, lets workers finish until `limit`, gives the rest back. Idempotent.
  void Drain(absl::Duration limit);

  struct Counts {
    int waiting = 0;
    int running = 0;
  };
  // As of the last look.
  Counts counts() const;

 private:
  struct Running {
    Job job;
    absl::Time renew_at;
  };

  void Run();
  // False while draining. Drain waits for the end of a look.
  bool BeginLook();
  void EndLook();
  void LookForWork();
  LeaseRequest NextLease(int waiting);
  void Send(const LeasedJob& leased);
  // Without blocking: asks the moderator if that is needed, then records.
  void Screen(const LeasedJob& leased, WorkOutcome outcome);
  void QueueRecord(const Job& job, WorkOutcome outcome);
  absl::Status Complete(const JobRef& ref, const WorkOutcome& outcome);
  void RenewLeases();
  void Record(const Job& job, const WorkOutcome& outcome, int tries);
  absl::Status RecordOnce(const Job& job, const WorkOutcome& outcome);
  absl::Status GiveBackOrFail(const Job& job, const WorkOutcome& outcome);
  void Forget(const Job& job);

  const Options options_;
  MetadataStore& store_;
  WorkerPool& workers_;
  Executor& executor_;
  TimerQueue& timers_;
  Clock& clock_;
  Gauge& waiting_gauge_;
  Gauge& running_gauge_;
  Counter& done_total_;
  Counter& failed_total_;
  Counter& quarantined_total_;
  Counter& given_back_total_;

  mutable Mutex mu_;
  CondVar wake_;
  CondVar idle_;
  bool poked_ SR_GUARDED_BY(mu_) = false;
  bool stopping_ SR_GUARDED_BY(mu_) = false;  // leases no more
  bool looking_ SR_GUARDED_BY(mu_) = false;
  bool ended_ SR_GUARDED_BY(mu_) = false;  // renews no more
  int waiting_ SR_GUARDED_BY(mu_) = 0;
  std::map<std::string, Running> running_ SR_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace stockroom::api
