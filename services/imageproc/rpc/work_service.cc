#include "services/imageproc/rpc/work_service.h"

#include <utility>
#include <vector>

#include "services/common/base/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/rpc/server_streams.h"
#include "services/imageproc/rpc/work_stream.h"

namespace stockroom::imageproc {
namespace {

// A cancelled job's decoder is dead at once; what is left is its thread's way back.
constexpr absl::Duration kCancelTime = absl::Seconds(5);

}  // namespace

WorkService::WorkService(WorkServiceOptions options, JobRunner& runner, Metrics& metrics)
    : options_(std::move(options)),
      runner_(runner),
      streams_gauge_(metrics.GetGauge("stockroom_work_streams", "Work streams of apis.")),
      refused_(metrics.GetCounter("stockroom_jobs_refused_total",
                                  "Jobs that named no credit of their stream.")),
      book_(options_.slots, options_.credit_ttl, Clock::Real(), metrics),
      executor_({.name = "jobs", .threads = options_.slots, .max_queued = options_.slots}, metrics),
      expirer_([this] { ExpireCredits(); }) {}

WorkService::~WorkService() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  expirer_.join();
  executor_.Shutdown();
}

grpc::ServerBidiReactor<internal::ApiMessage, internal::WorkerMessage>* WorkService::Work(
    grpc::CallbackServerContext* context) {
  return rpc::ServeBidi<internal::ApiMessage, internal::WorkerMessage>(
      context, std::make_shared<WorkStream>(*this));
}

bool WorkService::Join(const std::shared_ptr<WorkStream>& stream, absl::Status& why) {
  MutexLock lock(mu_);
  if (draining_) {
    why = Unavailable("DRAINING", "the worker is shutting down");
    return false;
  }
  if (streams_.size() >= static_cast<size_t>(options_.max_streams)) {
    why = Overloaded("too many work streams", absl::Seconds(1));
    return false;
  }
  stream->SetId(next_stream_);
  streams_.emplace(next_stream_++, stream);
  streams_gauge_.Set(static_cast<int64_t>(streams_.size()));
  return true;
}

void WorkService::Leave(uint64_t stream_id) {
  MutexLock lock(mu_);
  streams_.erase(stream_id);
  streams_gauge_.Set(static_cast<int64_t>(streams_.size()));
}

void WorkService::ExpireCredits() {
  MutexLock lock(mu_);
  while (!stopping_) {
    changed_.WaitFor(mu_, options_.credit_ttl / 4);
    // Not under our lock: granting sends on streams.
    mu_.Unlock();
    book_.Expire();
    mu_.Lock();
  }
}

void WorkService::Drain(absl::Duration limit) {
  std::vector<std::shared_ptr<WorkStream>> streams;
  {
    MutexLock lock(mu_);
    draining_ = true;
    for (const auto& [id, stream] : streams_) streams.push_back(stream);
  }
  book_.StopGranting();
  for (const auto& stream : streams) stream->SayDraining();
  if (!book_.WaitIdle(limit)) {
    LogWarning("jobs still run at the end of the drain and are cancelled",
               {{"jobs", book_.running()}});
    for (const auto& stream : streams) stream->CancelJobs();
    book_.WaitIdle(kCancelTime);
  }
  for (const auto& stream : streams) stream->Close(absl::OkStatus());
}

}  // namespace stockroom::imageproc
