// What every WorkerPool does, over the twin in memory and over gRPC with a scripted worker; then
// what only the gRPC one can do: redial, expire, drain.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "absl/time/clock.h"
#include "services/api/workers/grpc_worker_pool.h"
#include "services/api/workers/memory_worker_pool.h"
#include "services/common/rpc/server.h"
#include "services/common/rpc/server_streams.h"
#include "stockroom/internal/work.grpc.pb.h"

namespace stockroom::api {
namespace {

using internal::ApiMessage;
using internal::WorkerMessage;

// Remembers streams and jobs; does what the test says.
class ScriptedWorker final : public internal::WorkService::CallbackService {
 public:
  class Stream final : public rpc::BidiHandler<ApiMessage, WorkerMessage> {
   public:
    Stream(ScriptedWorker& worker, std::string peer) : worker_(worker), peer_(std::move(peer)) {}
    void OnOpen(std::shared_ptr<rpc::BidiStream<WorkerMessage>> stream) override {
      out = std::move(stream);
      WorkerMessage hello;
      hello.mutable_hello()->set_worker_id("scripted");
      hello.mutable_hello()->set_slots(4);
      out->Send(std::move(hello));
    }
    void OnMessage(ApiMessage& message) override {
      MutexLock lock(worker_.mu);
      if (message.has_demand()) {
        worker_.demand = message.demand().jobs();
        worker_.peers.insert(peer_);
      }
      if (message.has_job()) worker_.jobs.emplace_back(this, message.job());
      if (message.has_cancel()) worker_.cancelled = message.cancel().assignment_id();
      worker_.changed.NotifyAll();
    }
    void OnReadsDone() override { out->Close(absl::OkStatus()); }
    void OnClosed(const absl::Status&) override {
      MutexLock lock(worker_.mu);
      worker_.streams.erase(this);
    }
    std::shared_ptr<rpc::BidiStream<WorkerMessage>> out;

   private:
    ScriptedWorker& worker_;
    const std::string peer_;
  };

  grpc::ServerBidiReactor<ApiMessage, WorkerMessage>* Work(
      grpc::CallbackServerContext* context) override {
    auto stream = std::make_shared<Stream>(*this, context->peer());
    {
      MutexLock lock(mu);
      streams.insert(stream.get());
    }
    return rpc::ServeBidi<ApiMessage, WorkerMessage>(context, stream);
  }

  template <typename Condition>
  bool Await(Condition condition) {
    const absl::Time end = absl::Now() + absl::Seconds(10);
    MutexLock lock(mu);
    while (!condition()) {
      if (absl::Now() > end) return false;
      changed.WaitFor(mu, end - absl::Now());
    }
    return true;
  }
  // From any stream that has spoken.
  void Give(int credits, int ttl_ms) {
    WorkerMessage message;
    message.mutable_credits()->set_ttl_ms(ttl_ms);
    MutexLock lock(mu);
    for (int i = 0; i < credits; ++i) message.mutable_credits()->add_ids(next_credit++);
    (*streams.begin())->out->Send(std::move(message));
  }
  void Finish(const std::string& image_id, internal::JobResult::Outcome outcome) {
    MutexLock lock(mu);
    for (auto& [stream, job] : jobs) {
      if (job.image_id() != image_id) continue;
      WorkerMessage message;
      message.mutable_result()->set_assignment_id(job.assignment_id());
      message.mutable_result()->set_outcome(outcome);
      message.mutable_result()->set_message("scripted");
      message.mutable_result()->mutable_image()->mutable_facts()->set_width(1);
      message.mutable_result()->mutable_image()->mutable_facts()->set_height(1);
      stream->out->Send(std::move(message));
    }
  }
  void Start(const std::string& image_id) {
    MutexLock lock(mu);
    for (auto& [stream, job] : jobs) {
      if (job.image_id() != image_id) continue;
      WorkerMessage message;
      message.mutable_started()->set_assignment_id(job.assignment_id());
      stream->out->Send(std::move(message));
    }
  }
  void SendDraining() {
    MutexLock lock(mu);
    for (Stream* stream : streams) {
      WorkerMessage message;
      message.mutable_draining();
      stream->out->Send(std::move(message));
    }
  }

  Mutex mu;
  CondVar changed;
  int demand = 0;
  uint64_t next_credit = 1;
  uint64_t cancelled = 0;
  std::set<std::string> peers;
  std::set<Stream*> streams;
  std::vector<std::pair<Stream*, internal::WorkJob>> jobs;
};

// ---- the contract -----------------------------------------------------------------------------

class Harness {
 public:
  virtual ~Harness() = default;
  virtual WorkerPool& pool() = 0;
  virtual void GiveCredits(int credits) = 0;
  virtual bool AwaitJob(const std::string& image_id) = 0;
  virtual void FinishWell(const std::string& image_id) = 0;
  virtual bool AwaitDemand(int jobs) = 0;
};

class MemoryHarness final : public Harness {
 public:
  WorkerPool& pool() override { return pool_; }
  void GiveCredits(int credits) override { pool_.GiveCredits(credits); }
  bool AwaitJob(const std::string& id) override { return pool_.AwaitJob().image_id == id; }
  void FinishWell(const std::string& id) override {
    pool_.Finish(id, {.kind = WorkOutcome::Kind::kDone});
  }
  bool AwaitDemand(int jobs) override { return pool_.demand() == jobs; }

 private:
  MemoryWorkerPool pool_;
};

class GrpcHarness final : public Harness {
 public:
  GrpcHarness() {
    server_ = *rpc::Server::Start({.listen = "127.0.0.1:0"}, {&worker});
    port = server_->port();
    pool_ = *GrpcWorkerPool::Create(
        {.api_id = "test",
         .targets = {"127.0.0.1:" + std::to_string(port)},
         .streams_per_worker = 2,
         .redial = {.first = absl::Milliseconds(20), .longest = absl::Milliseconds(100)}},
        timers_, metrics_);
  }
  WorkerPool& pool() override { return *pool_; }
  void GiveCredits(int credits) override {
    ASSERT_TRUE(worker.Await([&] { return worker.peers.size() == 2; }));
    worker.Give(credits, 60'000);
  }
  bool AwaitJob(const std::string& id) override {
    return worker.Await([&] {
      for (const auto& [stream, job] : worker.jobs) {
        if (job.image_id() == id) return true;
      }
      return false;
    });
  }
  void FinishWell(const std::string& id) override { worker.Finish(id, internal::JobResult::DONE); }
  bool AwaitDemand(int jobs) override {
    return worker.Await([&] { return worker.demand == jobs; });
  }
  void StopServer() { server_->Drain(absl::ZeroDuration()); }
  void RestartServer() {
    server_.reset();
    auto again = rpc::Server::Start({.listen = "127.0.0.1:" + std::to_string(port)}, {&second});
    ASSERT_TRUE(again.ok()) << again.status();
    server_ = *std::move(again);
  }

  ScriptedWorker worker;
  ScriptedWorker second;  // after RestartServer
  int port = 0;

 private:
  TimerQueue timers_;
  Metrics metrics_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<GrpcWorkerPool> pool_;
};

class Outcome {
 public:
  absl::AnyInvocable<void(WorkOutcome)> Callback() {
    return [this](WorkOutcome outcome) {
      EXPECT_EQ(++calls_, 1) << "told more than once";
      promise_.set_value(std::move(outcome));
    };
  }
  WorkOutcome Get() { return promise_.get_future().get(); }

 private:
  std::atomic<int> calls_{0};
  std::promise<WorkOutcome> promise_;
};

void AwaitCredits(WorkerPool& pool, int credits) {
  const absl::Time end = absl::Now() + absl::Seconds(10);
  while (pool.Credits() != credits && absl::Now() < end) std::this_thread::yield();
  ASSERT_EQ(pool.Credits(), credits);
}

template <typename H>
class WorkerPoolContract : public ::testing::Test {
 protected:
  void TearDown() override { harness_.pool().Drain(absl::ZeroDuration()); }
  H harness_;
};
using Harnesses = ::testing::Types<MemoryHarness, GrpcHarness>;
TYPED_TEST_SUITE(WorkerPoolContract, Harnesses);

TYPED_TEST(WorkerPoolContract, WithoutACreditNothingBegins) {
  this->harness_.pool().Start([] {});
  Outcome outcome;
  this->harness_.pool().Submit({.image_id = "a"}, outcome.Callback());
  EXPECT_EQ(outcome.Get().kind, WorkOutcome::Kind::kNotBegun);
}

TYPED_TEST(WorkerPoolContract, DemandReachesTheWorkersAndCreditsComeBack) {
  std::promise<void> credit;
  this->harness_.pool().Start([&, told = false]() mutable {
    if (!std::exchange(told, true)) credit.set_value();
  });
  this->harness_.pool().SetDemand(3);
  EXPECT_TRUE(this->harness_.AwaitDemand(3));
  this->harness_.GiveCredits(2);
  credit.get_future().wait();
  AwaitCredits(this->harness_.pool(), 2);
}

TYPED_TEST(WorkerPoolContract, ACreditBuysOneJobWhoseOutcomeComesOnce) {
  this->harness_.pool().Start([] {});
  this->harness_.GiveCredits(1);
  AwaitCredits(this->harness_.pool(), 1);
  Outcome first;
  Outcome second;
  this->harness_.pool().Submit({.image_id = "a"}, first.Callback());
  this->harness_.pool().Submit({.image_id = "b"}, second.Callback());
  EXPECT_EQ(second.Get().kind, WorkOutcome::Kind::kNotBegun);
  ASSERT_TRUE(this->harness_.AwaitJob("a"));
  this->harness_.FinishWell("a");
  EXPECT_EQ(first.Get().kind, WorkOutcome::Kind::kDone);
}

TYPED_TEST(WorkerPoolContract, DrainTellsEveryRunningJobAndThenNothingComes) {
  this->harness_.pool().Start([] {});
  this->harness_.GiveCredits(2);
  AwaitCredits(this->harness_.pool(), 2);
  Outcome running;
  this->harness_.pool().Submit({.image_id = "a"}, running.Callback());
  ASSERT_TRUE(this->harness_.AwaitJob("a"));
  this->harness_.pool().Drain(absl::ZeroDuration());
  const WorkOutcome::Kind kind = running.Get().kind;
  EXPECT_TRUE(kind == WorkOutcome::Kind::kWorkerLost || kind == WorkOutcome::Kind::kNotBegun);
  Outcome late;
  this->harness_.pool().Submit({.image_id = "b"}, late.Callback());
  EXPECT_EQ(late.Get().kind, WorkOutcome::Kind::kNotBegun);
}

// ---- over gRPC --------------------------------------------------------------------------------

class GrpcPool : public ::testing::Test {
 protected:
  void SetUp() override {
    harness_.pool().Start([] {});
  }
  void TearDown() override { harness_.pool().Drain(absl::ZeroDuration()); }
  void Submit(const std::string& id, Outcome& outcome) {
    harness_.GiveCredits(1);
    AwaitCredits(harness_.pool(), 1);
    harness_.pool().Submit({.image_id = id}, outcome.Callback());
    ASSERT_TRUE(harness_.AwaitJob(id));
  }
  GrpcHarness harness_;
};

TEST_F(GrpcPool, EachStreamHasAConnectionOfItsOwn) {
  EXPECT_TRUE(harness_.worker.Await([&] { return harness_.worker.peers.size() == 2; }));
}

TEST_F(GrpcPool, ABrokenStreamGivesItsJobsBackAtOnceAndTellsThoseThatHadBegun) {
  Outcome begun;
  Outcome waiting;
  Submit("begun", begun);
  Submit("waiting", waiting);
  harness_.worker.Start("begun");
  // The stream keeps order: a result for another job behind it proves that it was read.
  Outcome marker;
  Submit("marker", marker);
  harness_.worker.Finish("marker", internal::JobResult::RETRY);
  EXPECT_EQ(marker.Get().kind, WorkOutcome::Kind::kRetry);
  harness_.StopServer();
  EXPECT_EQ(begun.Get().kind, WorkOutcome::Kind::kWorkerLost);
  EXPECT_EQ(waiting.Get().kind, WorkOutcome::Kind::kNotBegun);
  EXPECT_EQ(harness_.pool().Credits(), 0);
}

TEST_F(GrpcPool, RedialsAWorkerThatComesBack) {
  ASSERT_TRUE(harness_.worker.Await([&] { return harness_.worker.peers.size() == 2; }));
  harness_.StopServer();
  harness_.RestartServer();
  EXPECT_TRUE(harness_.second.Await([&] { return harness_.second.peers.size() == 2; }));
}

TEST_F(GrpcPool, CreditsLapse) {
  ASSERT_TRUE(harness_.worker.Await([&] { return harness_.worker.peers.size() == 2; }));
  harness_.worker.Give(1, 60'000);
  AwaitCredits(harness_.pool(), 1);
  harness_.worker.Give(1, 0);  // void when it arrives
  harness_.worker.Give(1, 60'000);
  AwaitCredits(harness_.pool(), 2);
}

TEST_F(GrpcPool, DrainingVoidsCreditsButRunningJobsEndWell) {
  Outcome running;
  Submit("a", running);
  harness_.worker.Give(1, 60'000);
  AwaitCredits(harness_.pool(), 1);
  harness_.worker.SendDraining();
  AwaitCredits(harness_.pool(), 0);
  harness_.worker.Finish("a", internal::JobResult::DONE);
  EXPECT_EQ(running.Get().kind, WorkOutcome::Kind::kDone);
}

TEST_F(GrpcPool, CancelReachesTheWorker) {
  Outcome running;
  Submit("a", running);
  harness_.pool().Cancel("a");
  EXPECT_TRUE(harness_.worker.Await([&] { return harness_.worker.cancelled != 0; }));
  harness_.worker.Finish("a", internal::JobResult::CANCELLED);
  EXPECT_EQ(running.Get().kind, WorkOutcome::Kind::kRetry);
}

TEST(GrpcPoolTargets, AreCheckedBeforeAnythingIsDialled) {
  TimerQueue timers;
  Metrics metrics;
  EXPECT_TRUE(absl::IsInvalidArgument(
      GrpcWorkerPool::Create({.targets = {"no-port"}}, timers, metrics).status()));
}

}  // namespace
}  // namespace stockroom::api
