#include "services/imageproc/rpc/work_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::imageproc {

using internal::ApiMessage;
using internal::JobResult;
using internal::WorkerMessage;
using internal::WorkJob;

namespace {

constexpr size_t kMaxApiIdBytes = 128;

}  // namespace

void WorkStream::OnOpen(std::shared_ptr<rpc::BidiStream<WorkerMessage>> stream) {
  stream_ = std::move(stream);
  absl::Status why;
  if (!service_.Join(shared_from_this(), why)) {
    Close(std::move(why));
    return;
  }
  WorkerMessage message;
  auto& hello = *message.mutable_hello();
  hello.set_worker_id(service_.options_.worker_id);
  hello.set_version(service_.options_.version);
  hello.set_slots(service_.options_.slots);
  if (service_.options_.engines) {
    for (internal::Engine& engine : service_.options_.engines()) {
      *hello.add_engines() = std::move(engine);
    }
  }
  Send(std::move(message));
}

void WorkStream::OnMessage(ApiMessage& message) {
  State state;
  uint64_t book_id = 0;
  {
    MutexLock lock(mu_);
    state = state_;
    book_id = book_id_;
  }
  if (state == State::kClosed) return;
  const bool is_hello = message.message_case() == ApiMessage::kHello;
  if (is_hello != (state == State::kOpened)) {
    BreakOff("exactly the first message must be a hello");
    return;
  }
  switch (message.message_case()) {
    case ApiMessage::kHello:
      Serve(message.hello());
      break;
    case ApiMessage::kDemand:
      service_.book_.SetDemand(book_id, message.demand().jobs());
      break;
    case ApiMessage::kJob:
      Begin(std::move(*message.mutable_job()));
      break;
    case ApiMessage::kCancel:
      Cancel(message.cancel().assignment_id());
      break;
    case ApiMessage::MESSAGE_NOT_SET:
      break;  // from a newer api; it can do without an answer
  }
}

void WorkStream::Serve(const internal::ApiHello& hello) {
  // The book holds the stream only weakly: a grant must not keep a dead stream's handler alive.
  const uint64_t book_id =
      service_.book_.AddStream([weak = weak_from_this()](std::vector<uint64_t> credits) {
        if (auto self = weak.lock()) self->SendCredits(credits);
      });
  bool late = false;
  {
    MutexLock lock(mu_);
    late = state_ == State::kClosed;
    if (!late) {
      state_ = State::kServing;
      book_id_ = book_id;
      api_id_ = hello.api_id().substr(0, kMaxApiIdBytes);
    }
  }
  if (late) service_.book_.RemoveStream(book_id);
  LogInfo("api connected", {{"api", hello.api_id().substr(0, kMaxApiIdBytes)}});
}

void WorkStream::Begin(WorkJob job) {
  CallContext context;
  context.trace = TraceOfRequest(job.request_id());
  context.request_id = CleanRequestId(job.request_id(), context.trace.trace_id);
  const absl::Duration asked = absl::Milliseconds(std::max(0, job.deadline_ms()));
  context.deadline = absl::Now() + std::min(asked, service_.options_.max_job_time);
  uint64_t book_id = 0;
  {
    MutexLock lock(mu_);
    book_id = book_id_;
  }
  if (!service_.book_.Spend(book_id, job.credit_id())) {
    Refuse(job.assignment_id(), "the credit is unknown, spent or expired");
    return;
  }
  bool added = false;
  {
    MutexLock lock(mu_);
    added = state_ == State::kServing &&
            jobs_.emplace(job.assignment_id(), context.cancellation).second;
  }
  if (!added) {
    service_.book_.Release();
    BreakOff("the assignment id is in use");
    return;
  }
  const uint64_t assignment_id = job.assignment_id();
  const bool queued = service_.executor_.SubmitAdmitted(
      [self = shared_from_this(), context, job = std::move(job)] { self->RunJob(context, job); });
  if (!queued) {
    JobResult refused;
    refused.set_assignment_id(assignment_id);
    refused.set_outcome(JobResult::REFUSED);
    refused.set_message("the worker is shutting down");
    End(std::move(refused));
  }
}

void WorkStream::Refuse(uint64_t assignment_id, std::string text) {
  service_.refused_.Add();
  WorkerMessage message;
  JobResult& result = *message.mutable_result();
  result.set_assignment_id(assignment_id);
  result.set_outcome(JobResult::REFUSED);
  result.set_message(std::move(text));
  Send(std::move(message));
}

void WorkStream::RunJob(const CallContext& context, const WorkJob& job) {
  WorkerMessage started;
  started.mutable_started()->set_assignment_id(job.assignment_id());
  Send(std::move(started));
  End(service_.runner_.Run(context, job));
}

void WorkStream::End(JobResult result) {
  {
    MutexLock lock(mu_);
    jobs_.erase(result.assignment_id());
  }
  WorkerMessage message;
  *message.mutable_result() = std::move(result);
  // Sent before the slot is free: whoever waits for idleness knows that all results are on their
  // way.
  Send(std::move(message));
  service_.book_.Release();
}

void WorkStream::Cancel(uint64_t assignment_id) {
  std::shared_ptr<Cancellation> cancellation;
  {
    MutexLock lock(mu_);
    const auto found = jobs_.find(assignment_id);
    if (found != jobs_.end()) cancellation = found->second;
  }
  if (cancellation != nullptr) cancellation->Cancel();
}

void WorkStream::CancelJobs() {
  std::vector<std::shared_ptr<Cancellation>> all;
  {
    MutexLock lock(mu_);
    for (const auto& [id, cancellation] : jobs_) all.push_back(cancellation);
  }
  for (const auto& cancellation : all) cancellation->Cancel();
}

void WorkStream::OnReadsDone() {
  CancelJobs();
  Close(absl::OkStatus());
}

void WorkStream::OnClosed(const absl::Status& status) {
  uint64_t book_id = 0;
  std::string api_id;
  {
    MutexLock lock(mu_);
    state_ = State::kClosed;
    book_id = std::exchange(book_id_, 0);
    api_id = api_id_;
  }
  CancelJobs();
  if (book_id != 0) service_.book_.RemoveStream(book_id);
  LogInfo("api disconnected", {{"api", api_id}, {"status", status}});
  service_.Leave(id_);
}

void WorkStream::SayDraining() {
  WorkerMessage message;
  message.mutable_draining();
  Send(std::move(message));
}

void WorkStream::Close(absl::Status status) {
  {
    MutexLock lock(mu_);
    state_ = State::kClosed;
  }
  stream_->Close(std::move(status));
}

void WorkStream::BreakOff(std::string_view why) {
  CancelJobs();
  Close(InvalidArgument("PROTOCOL", why));
}

void WorkStream::Send(WorkerMessage message) {
  if (stream_->Send(std::move(message))) return;
  bool closed = false;
  {
    MutexLock lock(mu_);
    closed = state_ == State::kClosed;
  }
  if (!closed) stream_->Abort();
}

void WorkStream::SendCredits(const std::vector<uint64_t>& credits) {
  WorkerMessage message;
  auto& out = *message.mutable_credits();
  for (const uint64_t credit : credits) out.add_ids(credit);
  // Shorter than the book's own patience, for the time that messages travel.
  out.set_ttl_ms(
      static_cast<int32_t>(absl::ToInt64Milliseconds(service_.options_.credit_ttl * 3 / 4)));
  Send(std::move(message));
}

}  // namespace stockroom::imageproc
