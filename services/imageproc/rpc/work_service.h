// The Work stream: apis dial in, get credits, send jobs, and hear the results.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/imageproc/core/credit_book.h"
#include "services/imageproc/core/job_runner.h"
#include "stockroom/internal/work.grpc.pb.h"

namespace stockroom::imageproc {

class WorkStream;

struct WorkServiceOptions {
  std::string worker_id;  // unique for each run
  std::string version;
  // Jobs at one time, over all streams: decoders and what is fetched or stored meanwhile.
  int slots = 3;
  absl::Duration credit_ttl = absl::Seconds(2);
  // A job that asks for more time gets this much.
  absl::Duration max_job_time = absl::Minutes(10);
  // What decodes here, for the hello. Must not block; may be null.
  std::function<std::vector<internal::Engine>()> engines;
  // Streams past this are refused with RESOURCE_EXHAUSTED.
  int max_streams = 1024;
};

// Metrics: stockroom_work_streams, stockroom_jobs_refused_total, and those of CreditBook, JobRunner
// and Executor ("jobs").
class WorkService final : public internal::WorkService::CallbackService {
 public:
  // `runner` must outlive it.
  WorkService(WorkServiceOptions options, JobRunner& runner, Metrics& metrics);
  // Drain first, and end the server: no stream may be left.
  ~WorkService() override;

  grpc::ServerBidiReactor<internal::ApiMessage, internal::WorkerMessage>* Work(
      grpc::CallbackServerContext* context) override;

  // Grants nothing more and says so on every stream, waits for running jobs, cancels those that
  // still run after `limit`, and closes the streams after the last result. Idempotent.
  void Drain(absl::Duration limit);

  int running_jobs() const { return book_.running(); }

 private:
  friend class WorkStream;

  // False: refused, `why` says how to end the stream.
  bool Join(const std::shared_ptr<WorkStream>& stream, absl::Status& why);
  void Leave(uint64_t stream_id);
  void ExpireCredits();

  const WorkServiceOptions options_;
  JobRunner& runner_;
  Gauge& streams_gauge_;
  Counter& refused_;
  CreditBook book_;
  Executor executor_;  // as many threads as slots: a job with a slot never waits for one

  Mutex mu_;
  CondVar changed_;
  std::map<uint64_t, std::shared_ptr<WorkStream>> streams_ SR_GUARDED_BY(mu_);
  uint64_t next_stream_ SR_GUARDED_BY(mu_) = 1;
  bool draining_ SR_GUARDED_BY(mu_) = false;
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  std::thread expirer_;
};

}  // namespace stockroom::imageproc
