// One stream to one worker: dials, says hello, holds credits, knows its running jobs, redials.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "services/api/domain/worker_pool.h"
#include "services/api/workers/grpc_worker_pool.h"
#include "services/common/base/backoff.h"
#include "services/common/base/mutex.h"
#include "services/common/base/timer.h"
#include "services/common/rpc/client_streams.h"
#include "stockroom/internal/work.grpc.pb.h"

namespace stockroom::api {

// Thread-safe. Callbacks (outcomes, credits) run without any lock held.
//
//   kResting --dial--> kDialing --hello--> kOpen --Draining--> kDraining
//      ^------------------- stream closed -------------------------'
//   any --Retire--> (stream aborted) --> kRetired
class WorkerLink final : public rpc::BidiHandler<internal::WorkerMessage, internal::ApiMessage>,
                         public std::enable_shared_from_this<WorkerLink> {
 public:
  struct Settings {
    std::string api_id;
    std::string address;
    int pool_index = 0;
    Backoff::Options redial;
    absl::Duration hello_timeout;
    absl::Duration result_grace;
    TimerQueue* timers = nullptr;
    rpc::PeerTls tls;
    // Credits arrived. Must stay callable as long as the link lives.
    std::function<void()> on_credit;
    // A stream opened or closed, for metrics.
    std::function<void(int delta)> on_streams;
  };
  explicit WorkerLink(Settings settings);

  void Dial();
  void SetDemand(int jobs);
  int Credits();
  // False if there was no credit: `work` and `done` are untouched.
  bool TrySubmit(WorkAssignment& work, absl::AnyInvocable<void(WorkOutcome)>& done);
  // Asks the worker to stop what it does for this image, if anything.
  void Cancel(const std::string& image_id);
  // Adds this stream to `status`.
  void Describe(WorkerStatus& status);
  const rpc::PeerTls& tls() const { return settings_.tls; }
  int running();
  bool open();
  // No more dialling; the stream, if any, is aborted and its jobs are reported as lost.
  void Retire();
  // Retired, and gRPC holds nothing of it any more: the channel may be destroyed.
  bool Gone();

  void OnOpen(std::shared_ptr<rpc::BidiStream<internal::ApiMessage>> stream) override;
  void OnMessage(internal::WorkerMessage& message) override;
  void OnReadsDone() override {}
  void OnClosed(const absl::Status& status) override;

 private:
  enum class State { kResting, kDialing, kOpen, kDraining, kRetired };
  struct Credit {
    uint64_t id;
    absl::Time expires;
  };
  struct Running {
    std::string image_id;
    absl::AnyInvocable<void(WorkOutcome)> done;
    bool started = false;
    TimerQueue::Id overdue;
  };

  void ChangeState(State next) SR_REQUIRES(mu_);
  void DropExpiredCredits() SR_REQUIRES(mu_);
  void OnHello(const internal::WorkerHello& hello);
  void OnCredits(const internal::Credits& credits);
  void OnResult(const internal::JobResult& result);
  void AbortStream();

  const Settings settings_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<internal::WorkService::Stub> stub_;

  Mutex mu_;
  State state_ SR_GUARDED_BY(mu_) = State::kResting;
  bool stream_counted_ SR_GUARDED_BY(mu_) = false;
  std::shared_ptr<rpc::BidiStream<internal::ApiMessage>> stream_ SR_GUARDED_BY(mu_);
  std::weak_ptr<rpc::BidiStream<internal::ApiMessage>> last_stream_ SR_GUARDED_BY(mu_);
  Backoff backoff_ SR_GUARDED_BY(mu_);
  std::string worker_id_ SR_GUARDED_BY(mu_);
  std::string worker_version_ SR_GUARDED_BY(mu_);
  std::vector<WorkerEngine> worker_engines_ SR_GUARDED_BY(mu_);
  int demand_ SR_GUARDED_BY(mu_) = 0;
  std::deque<Credit> credits_ SR_GUARDED_BY(mu_);
  uint64_t next_assignment_ SR_GUARDED_BY(mu_) = 1;
  std::map<uint64_t, Running> running_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
