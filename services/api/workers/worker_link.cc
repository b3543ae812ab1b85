#include "services/api/workers/worker_link.h"

#include <utility>
#include <vector>

#include "services/api/workers/work_messages.h"
#include "services/common/base/log.h"
#include "services/common/rpc/channel.h"

namespace stockroom::api {
namespace {

// Credits are used a little before the worker lets them lapse: messages take time to arrive.
constexpr double kCreditUse = 0.8;

}  // namespace

WorkerLink::WorkerLink(Settings settings)
    : settings_(std::move(settings)),
      channel_(rpc::MakeChannel(settings_.address,
                                {.pool_index = settings_.pool_index, .tls = settings_.tls})),
      stub_(internal::WorkService::NewStub(channel_)),
      backoff_(settings_.redial) {}

void WorkerLink::ChangeState(State next) {
  if (state_ != State::kRetired) state_ = next;  // nothing leads out of kRetired
  const bool counted = stream_ != nullptr && (next == State::kOpen || next == State::kDraining);
  if (counted != stream_counted_) {
    stream_counted_ = counted;
    settings_.on_streams(counted ? 1 : -1);
  }
}

void WorkerLink::Dial() {
  {
    MutexLock lock(mu_);
    if (state_ != State::kResting) return;
    ChangeState(State::kDialing);
  }
  rpc::OpenBidi<internal::WorkerMessage, internal::ApiMessage>(
      [this](grpc::ClientContext* context, auto* reactor) {
        stub_->async()->Work(context, reactor);
      },
      shared_from_this());
}

void WorkerLink::OnOpen(std::shared_ptr<rpc::BidiStream<internal::ApiMessage>> stream) {
  internal::ApiMessage hello;
  hello.mutable_hello()->set_api_id(settings_.api_id);
  stream->Send(std::move(hello));
  const std::weak_ptr<rpc::BidiStream<internal::ApiMessage>> weak_stream = stream;
  settings_.timers->RunAt(absl::Now() + settings_.hello_timeout,
                          [weak = weak_from_this(), weak_stream] {
                            const auto self = weak.lock();
                            const auto silent = weak_stream.lock();
                            if (self == nullptr || silent == nullptr) return;
                            MutexLock lock(self->mu_);
                            if (self->state_ == State::kDialing && self->stream_ == silent)
                              silent->Abort();
                          });
  MutexLock lock(mu_);
  last_stream_ = stream;
  if (state_ == State::kRetired) {
    stream->Abort();
  } else {
    stream_ = std::move(stream);
  }
}

void WorkerLink::OnMessage(internal::WorkerMessage& message) {
  switch (message.message_case()) {
    case internal::WorkerMessage::kHello:
      return OnHello(message.hello());
    case internal::WorkerMessage::kCredits:
      return OnCredits(message.credits());
    case internal::WorkerMessage::kStarted: {
      MutexLock lock(mu_);
      const auto it = running_.find(message.started().assignment_id());
      if (it != running_.end()) it->second.started = true;
      return;
    }
    case internal::WorkerMessage::kResult:
      return OnResult(message.result());
    case internal::WorkerMessage::kDraining: {
      MutexLock lock(mu_);
      ChangeState(State::kDraining);
      credits_.clear();
      return;
    }
    case internal::WorkerMessage::MESSAGE_NOT_SET:
      return;
  }
}

void WorkerLink::OnHello(const internal::WorkerHello& hello) {
  LogInfo(
      "worker connected",
      {{"address", settings_.address}, {"worker", hello.worker_id()}, {"slots", hello.slots()}});
  MutexLock lock(mu_);
  if (state_ != State::kDialing) return;
  ChangeState(State::kOpen);
  backoff_.Reset();
  worker_id_ = hello.worker_id();
  worker_version_ = hello.version();
  worker_engines_ = FromEngines(hello);
  internal::ApiMessage demand;
  demand.mutable_demand()->set_jobs(demand_);
  stream_->Send(std::move(demand));
}

void WorkerLink::OnCredits(const internal::Credits& credits) {
  {
    MutexLock lock(mu_);
    if (state_ != State::kOpen) return;
    const absl::Time expires =
        absl::Now() + kCreditUse * absl::Milliseconds(std::max(0, credits.ttl_ms()));
    for (const uint64_t id : credits.ids()) credits_.push_back({id, expires});
  }
  settings_.on_credit();
}

void WorkerLink::OnResult(const internal::JobResult& result) {
  Running finished;
  {
    MutexLock lock(mu_);
    const auto it = running_.find(result.assignment_id());
    if (it == running_.end()) return;
    finished = std::move(it->second);
    running_.erase(it);
  }
  settings_.timers->Cancel(finished.overdue);
  finished.done(FromResult(result));
}

void WorkerLink::OnClosed(const absl::Status& status) {
  std::map<uint64_t, Running> lost;
  bool was_open = false;
  {
    MutexLock lock(mu_);
    was_open = stream_counted_;
    stream_.reset();
    ChangeState(State::kResting);
    credits_.clear();
    lost.swap(running_);
    if (state_ == State::kResting) {
      settings_.timers->RunAt(absl::Now() + backoff_.Next(), [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->Dial();
      });
    }
  }
  if (was_open) {
    LogInfo("worker stream closed",
            {{"address", settings_.address}, {"jobs_given_back", lost.size()}, {"status", status}});
  }
  for (auto& [id, job] : lost) {
    settings_.timers->Cancel(job.overdue);
    job.done({.kind = job.started ? WorkOutcome::Kind::kWorkerLost : WorkOutcome::Kind::kNotBegun,
              .message = "the worker at " + settings_.address + " is gone"});
  }
}

void WorkerLink::SetDemand(int jobs) {
  MutexLock lock(mu_);
  if (demand_ == jobs) return;
  demand_ = jobs;
  if (state_ != State::kOpen) return;
  internal::ApiMessage message;
  message.mutable_demand()->set_jobs(jobs);
  if (!stream_->Send(std::move(message))) stream_->Abort();
}

void WorkerLink::DropExpiredCredits() {
  const absl::Time now = absl::Now();
  std::erase_if(credits_, [now](const Credit& credit) { return credit.expires <= now; });
}

int WorkerLink::Credits() {
  MutexLock lock(mu_);
  DropExpiredCredits();
  return static_cast<int>(credits_.size());
}

bool WorkerLink::TrySubmit(WorkAssignment& work, absl::AnyInvocable<void(WorkOutcome)>& done) {
  MutexLock lock(mu_);
  DropExpiredCredits();
  if (state_ != State::kOpen || credits_.empty()) return false;
  const uint64_t assignment = next_assignment_++;
  internal::ApiMessage message;
  *message.mutable_job() = ToJob(work, assignment, credits_.front().id);
  credits_.pop_front();
  if (!stream_->Send(std::move(message))) {
    stream_->Abort();
    return false;
  }
  Running running{.image_id = work.image_id, .done = std::move(done)};
  running.overdue = settings_.timers->RunAt(absl::Now() + work.deadline + settings_.result_grace,
                                            [weak = weak_from_this()] {
                                              const auto self = weak.lock();
                                              if (self == nullptr) return;
                                              LogWarning("a worker owes a result and is given up",
                                                         {{"address", self->settings_.address}});
                                              self->AbortStream();
                                            });
  running_.emplace(assignment, std::move(running));
  return true;
}

void WorkerLink::Cancel(const std::string& image_id) {
  MutexLock lock(mu_);
  for (const auto& [assignment, job] : running_) {
    if (job.image_id != image_id || stream_ == nullptr) continue;
    internal::ApiMessage message;
    message.mutable_cancel()->set_assignment_id(assignment);
    if (!stream_->Send(std::move(message))) stream_->Abort();
  }
}

void WorkerLink::AbortStream() {
  MutexLock lock(mu_);
  if (stream_ != nullptr) stream_->Abort();
}

void WorkerLink::Describe(WorkerStatus& status) {
  MutexLock lock(mu_);
  DropExpiredCredits();
  if (!stream_counted_) return;
  status.id = worker_id_;
  status.version = worker_version_;
  status.engines = worker_engines_;
  status.streams += 1;
  status.credits += static_cast<int>(credits_.size());
  status.running += static_cast<int>(running_.size());
  status.draining = status.draining || state_ == State::kDraining;
}

int WorkerLink::running() {
  MutexLock lock(mu_);
  return static_cast<int>(running_.size());
}

bool WorkerLink::open() {
  MutexLock lock(mu_);
  return stream_counted_;
}

void WorkerLink::Retire() {
  MutexLock lock(mu_);
  ChangeState(State::kRetired);
  state_ = State::kRetired;
  credits_.clear();
  if (stream_ != nullptr) stream_->Abort();
}

bool WorkerLink::Gone() {
  MutexLock lock(mu_);
  return state_ == State::kRetired && stream_ == nullptr && last_stream_.expired();
}

}  // namespace stockroom::api
