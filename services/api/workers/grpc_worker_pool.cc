#include "services/api/workers/grpc_worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <set>
#include <utility>

#include "services/api/workers/addresses.h"
#include "services/api/workers/worker_link.h"
#include "services/common/base/config.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {

struct GrpcWorkerPool::Core {
  Core(Options o, TimerQueue& t, Metrics& metrics)
      : options(std::move(o)),
        timers(t),
        streams_gauge(metrics.GetGauge("stockroom_worker_streams", "Open streams to workers.")),
        submitted_total(
            metrics.GetCounter("stockroom_worker_jobs_total", "Jobs sent to workers.")) {}

  std::vector<std::shared_ptr<WorkerLink>> Links() {
    MutexLock lock(mu);
    std::vector<std::shared_ptr<WorkerLink>> all;
    for (const auto& [address, streams] : links)
      all.insert(all.end(), streams.begin(), streams.end());
    return all;
  }

  const Options options;
  TimerQueue& timers;
  Gauge& streams_gauge;
  Counter& submitted_total;

  Mutex mu;
  CondVar changed;
  bool stopping SR_GUARDED_BY(mu) = false;
  int demand SR_GUARDED_BY(mu) = 0;
  size_t next_link SR_GUARDED_BY(mu) = 0;  // where Submit looks first
  int next_pool_index SR_GUARDED_BY(mu) = 0;
  std::map<std::string, std::vector<std::shared_ptr<WorkerLink>>> links SR_GUARDED_BY(mu);
  // Their streams are being torn down; a channel must not be destroyed by one of its own callbacks.
  std::vector<std::shared_ptr<WorkerLink>> retired SR_GUARDED_BY(mu);
  absl::AnyInvocable<void()> on_credit;
};

absl::StatusOr<std::unique_ptr<GrpcWorkerPool>> GrpcWorkerPool::Create(Options options,
                                                                       TimerQueue& timers,
                                                                       Metrics& metrics) {
  for (const std::string& target : options.targets) {
    SR_RETURN_IF_ERROR(Annotate(ParseHostPort(target).status(), "worker address"));
  }
  auto core = std::make_shared<Core>(std::move(options), timers, metrics);
  return std::unique_ptr<GrpcWorkerPool>(new GrpcWorkerPool(std::move(core)));
}

GrpcWorkerPool::~GrpcWorkerPool() { Drain(absl::ZeroDuration()); }

void GrpcWorkerPool::Start(absl::AnyInvocable<void()> on_credit) {
  core_->on_credit = std::move(on_credit);
  lookup_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "worker-lookup");
    LookUpForever();
  });
}

void GrpcWorkerPool::LookUpForever() {
  Core& core = *core_;
  std::map<std::string, std::set<std::string>> known;  // target to its addresses
  for (;;) {
    std::map<std::string, rpc::PeerTls> wanted;  // by address
    for (const std::string& target : core.options.targets) {
      const absl::StatusOr<std::set<std::string>> found = LookUpAddresses(target);
      // A name server that is away for a moment takes no worker away.
      if (found.ok()) {
        known[target] = *found;
      } else {
        LogWarning("workers can not be looked up", {{"target", target}, {"error", found.status()}});
      }
      rpc::PeerTls tls = core.options.tls;
      if (tls.name.empty()) tls.name = ParseHostPort(target)->host;
      for (const std::string& address : known[target]) wanted.emplace(address, tls);
    }

    std::vector<std::shared_ptr<WorkerLink>> fresh;
    std::vector<std::shared_ptr<WorkerLink>> leaving;
    std::vector<std::shared_ptr<WorkerLink>> gone;  // destroyed at the end of the turn, here
    {
      MutexLock lock(core.mu);
      for (auto it = core.links.begin(); it != core.links.end();) {
        // An address that left DNS while its worker drains keeps its stream until that closes.
        const bool busy = std::any_of(it->second.begin(), it->second.end(),
                                      [](const auto& link) { return link->running() > 0; });
        if (wanted.contains(it->first) || busy) {
          ++it;
          continue;
        }
        leaving.insert(leaving.end(), it->second.begin(), it->second.end());
        it = core.links.erase(it);
      }
      for (const auto& [address, tls] : wanted) {
        std::vector<std::shared_ptr<WorkerLink>>& streams = core.links[address];
        while (static_cast<int>(streams.size()) < core.options.streams_per_worker) {
          streams.push_back(std::make_shared<WorkerLink>(WorkerLink::Settings{
              .api_id = core.options.api_id,
              .address = address,
              .pool_index = core.next_pool_index++,
              .redial = core.options.redial,
              .hello_timeout = core.options.hello_timeout,
              .result_grace = core.options.result_grace,
              .timers = &core.timers,
              .tls = tls,
              .on_credit = [c = core_.get()] { c->on_credit(); },
              .on_streams = [c = core_.get()](int delta) { c->streams_gauge.Add(delta); }}));
          streams.back()->SetDemand(core.demand);
          fresh.push_back(streams.back());
        }
      }
      core.retired.insert(core.retired.end(), leaving.begin(), leaving.end());
      const auto dead = std::stable_partition(core.retired.begin(), core.retired.end(),
                                              [](const auto& link) { return !link->Gone(); });
      gone.assign(dead, core.retired.end());
      core.retired.erase(dead, core.retired.end());
    }
    for (const auto& link : leaving) link->Retire();
    for (const auto& link : fresh) link->Dial();
    gone.clear();

    MutexLock lock(core.mu);
    if (!core.stopping) core.changed.WaitFor(core.mu, core.options.lookup_every);
    if (core.stopping) return;
  }
}

void GrpcWorkerPool::SetDemand(int jobs) {
  {
    MutexLock lock(core_->mu);
    if (core_->stopping) jobs = 0;
    core_->demand = jobs;
  }
  for (const auto& link : core_->Links()) link->SetDemand(jobs);
}

int GrpcWorkerPool::Credits() {
  int credits = 0;
  for (const auto& link : core_->Links()) credits += link->Credits();
  return credits;
}

void GrpcWorkerPool::Submit(WorkAssignment work, absl::AnyInvocable<void(WorkOutcome)> done) {
  const std::vector<std::shared_ptr<WorkerLink>> links = core_->Links();
  size_t start = 0;
  {
    MutexLock lock(core_->mu);
    start = core_->next_link++;
  }
  for (size_t i = 0; i < links.size(); ++i) {
    if (links[(start + i) % links.size()]->TrySubmit(work, done)) {
      core_->submitted_total.Add();
      return;
    }
  }
  done({.kind = WorkOutcome::Kind::kNotBegun, .message = "no worker has a free slot"});
}

void GrpcWorkerPool::Cancel(const std::string& image_id) {
  for (const auto& link : core_->Links()) link->Cancel(image_id);
}

std::vector<WorkerStatus> GrpcWorkerPool::Workers() {
  std::vector<WorkerStatus> workers;
  MutexLock lock(core_->mu);
  for (const auto& [address, streams] : core_->links) {
    WorkerStatus status{.address = address};
    for (const auto& link : streams) link->Describe(status);
    if (status.streams > 0) workers.push_back(std::move(status));
  }
  return workers;
}

std::vector<WorkerPeer> GrpcWorkerPool::Serving() {
  std::vector<WorkerPeer> peers;
  MutexLock lock(core_->mu);
  for (const auto& [address, streams] : core_->links) {
    // One stream that drains tells of the whole worker: streams are told one after the other.
    WorkerStatus status;
    for (const auto& link : streams) link->Describe(status);
    if (status.streams > 0 && !status.draining) {
      peers.push_back({.address = address, .tls = streams.front()->tls()});
    }
  }
  return peers;
}

void GrpcWorkerPool::Drain(absl::Duration limit) {
  if (!lookup_.joinable()) return;
  SetDemand(0);
  {
    MutexLock lock(core_->mu);
    core_->stopping = true;
    core_->changed.NotifyAll();
  }
  lookup_.join();
  const std::vector<std::shared_ptr<WorkerLink>> links = core_->Links();
  const auto wait_until = [](absl::Time end, const auto& reached) {
    while (!reached() && absl::Now() < end) absl::SleepFor(absl::Milliseconds(5));
  };
  const auto idle = [&] {
    return std::all_of(links.begin(), links.end(), [](const auto& l) { return l->running() == 0; });
  };
  wait_until(absl::Now() + limit, idle);
  for (const auto& link : links) link->Retire();
  std::vector<std::shared_ptr<WorkerLink>> all = links;
  {
    MutexLock lock(core_->mu);
    all.insert(all.end(), core_->retired.begin(), core_->retired.end());
    core_->links.clear();
    core_->retired.clear();
  }
  // Aborted calls end at once; the bound is for a gRPC that does not keep its word.
  wait_until(absl::Now() + absl::Seconds(5), [&] {
    return std::all_of(all.begin(), all.end(), [](const auto& link) { return link->Gone(); });
  });
}

}  // namespace stockroom::api
