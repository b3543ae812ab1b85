// WorkerPool over gRPC: finds workers, keeps several streams to each on connections of their own,
// and redials for ever.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/worker_pool.h"
#include "services/api/workers/worker_peers.h"
#include "services/common/base/backoff.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/base/timer.h"
#include "services/common/rpc/tls.h"

namespace stockroom::api {

class GrpcWorkerPool final : public WorkerPool, public WorkerPeers {
 public:
  struct Options {
    std::string api_id;
    // host:port each. A host name is looked up again and again, and every address it has is a
    // worker (a Kubernetes headless service).
    std::vector<std::string> targets;
    int streams_per_worker = 2;
    absl::Duration lookup_every = absl::Seconds(5);
    Backoff::Options redial;
    // A worker that took the connection says hello within this time.
    absl::Duration hello_timeout = absl::Seconds(10);
    // How much longer than the job's deadline to wait for its result before giving the stream up.
    absl::Duration result_grace = absl::Seconds(15);
    // An empty name stands for the host of the target, as addresses are dialled.
    rpc::PeerTls tls;
  };
  // INVALID_ARGUMENT for a target that is not host:port.
  static absl::StatusOr<std::unique_ptr<GrpcWorkerPool>> Create(Options options, TimerQueue& timers,
                                                                Metrics& metrics);
  ~GrpcWorkerPool() override;

  void Start(absl::AnyInvocable<void()> on_credit) override;
  void SetDemand(int jobs) override;
  int Credits() override;
  void Submit(WorkAssignment work, absl::AnyInvocable<void(WorkOutcome)> done) override;
  void Cancel(const std::string& image_id) override;
  std::vector<WorkerStatus> Workers() override;
  std::vector<WorkerPeer> Serving() override;
  void Drain(absl::Duration limit) override;

 private:
  class Link;
  struct Core;

  explicit GrpcWorkerPool(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  void LookUpForever();

  std::shared_ptr<Core> core_;
  std::thread lookup_;
};

}  // namespace stockroom::api
