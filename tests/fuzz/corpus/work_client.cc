#include "tests/fuzz/corpus/work_client.h"

#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "services/common/base/status.h"
#include "services/common/rpc/channel.h"

namespace stockroom::corpus {

using internal::ApiMessage;
using internal::WorkerMessage;

class WorkClient::Stream final : public rpc::BidiHandler<WorkerMessage, ApiMessage> {
 public:
  void Greet(int demand) {
    ApiMessage hello;
    hello.mutable_hello()->set_api_id("corpus");
    Send(hello);
    ApiMessage message;
    message.mutable_demand()->set_jobs(demand);
    Send(message);
  }

  absl::StatusOr<Answer> Run(internal::WorkJob job, absl::Time deadline) {
    for (;;) {
      uint64_t id = 0;
      {
        MutexLock lock(mu_);
        while (credits_.empty()) SR_RETURN_IF_ERROR(AwaitChange(deadline, "no credit"));
        job.set_credit_id(credits_.front());
        credits_.pop_front();
        id = next_id_++;
        jobs_[id] = {};
      }
      job.set_assignment_id(id);
      ApiMessage message;
      *message.mutable_job() = job;
      Send(message);
      MutexLock lock(mu_);
      absl::Status answered;
      while (answered.ok() && !jobs_[id].result) answered = AwaitChange(deadline, "no result");
      Job done = std::move(jobs_[id]);
      jobs_.erase(id);
      SR_RETURN_IF_ERROR(answered);
      // The credit was too old: another one.
      if (done.result->outcome() == internal::JobResult::REFUSED) continue;
      return Answer{*std::move(done.result), done.ended - done.started};
    }
  }

  void Close() {
    if (auto open = stream()) open->Close(absl::OkStatus());
    MutexLock lock(mu_);
    while (!closed_) changed_.Wait(mu_);
  }

  void OnOpen(std::shared_ptr<rpc::BidiStream<ApiMessage>> stream) override {
    MutexLock lock(mu_);
    stream_ = std::move(stream);
  }
  void OnMessage(WorkerMessage& message) override {
    MutexLock lock(mu_);
    const absl::Time now = absl::Now();
    for (const uint64_t credit : message.credits().ids()) credits_.push_back(credit);
    if (message.has_started()) jobs_[message.started().assignment_id()].started = now;
    if (message.has_result()) {
      Job& job = jobs_[message.result().assignment_id()];
      job.ended = now;
      job.result = std::move(*message.mutable_result());
    }
    changed_.NotifyAll();
  }
  void OnReadsDone() override {}
  void OnClosed(const absl::Status&) override {
    MutexLock lock(mu_);
    closed_ = true;
    stream_ = nullptr;
    changed_.NotifyAll();
  }

 private:
  struct Job {
    absl::Time started;
    absl::Time ended;
    std::optional<internal::JobResult> result;
  };

  // Wakes for no reason, too: to be called in a loop over what is waited for.
  absl::Status AwaitChange(absl::Time deadline, const char* otherwise) SR_REQUIRES(mu_) {
    if (closed_) return absl::UnavailableError("the worker's stream has ended");
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError(otherwise);
    changed_.WaitFor(mu_, left);
    return absl::OkStatus();
  }
  std::shared_ptr<rpc::BidiStream<ApiMessage>> stream() {
    MutexLock lock(mu_);
    return stream_;
  }
  void Send(const ApiMessage& message) {
    if (auto open = stream()) open->Send(message);
  }

  Mutex mu_;
  CondVar changed_;
  std::shared_ptr<rpc::BidiStream<ApiMessage>> stream_ SR_GUARDED_BY(mu_);
  std::deque<uint64_t> credits_ SR_GUARDED_BY(mu_);
  std::map<uint64_t, Job> jobs_ SR_GUARDED_BY(mu_);
  uint64_t next_id_ SR_GUARDED_BY(mu_) = 1;
  bool closed_ SR_GUARDED_BY(mu_) = false;
};

WorkClient::WorkClient(const std::string& address, int threads)
    : stub_(internal::WorkService::NewStub(rpc::MakeChannel(address, {}))),
      stream_(std::make_shared<Stream>()) {
  rpc::OpenBidi<WorkerMessage, ApiMessage>(
      [this](grpc::ClientContext* context,
             grpc::ClientBidiReactor<ApiMessage, WorkerMessage>* reactor) {
        stub_->async()->Work(context, reactor);
      },
      std::shared_ptr<rpc::BidiHandler<WorkerMessage, ApiMessage>>(stream_));
  stream_->Greet(threads);
}

WorkClient::~WorkClient() { stream_->Close(); }

absl::StatusOr<Answer> WorkClient::Run(internal::WorkJob job, absl::Duration limit) {
  return stream_->Run(std::move(job), absl::Now() + limit);
}

}  // namespace stockroom::corpus
