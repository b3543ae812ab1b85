// What every Renderer does, over the twin in memory and over gRPC with workers' real RenderService
// and a fake decoder; then what only the gRPC one can do: distrust its workers.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <set>

#include "services/api/workers/grpc_renderer.h"
#include "services/api/workers/memory_renderer.h"
#include "services/api/workers/rendezvous.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "services/common/blobs/memory_blob_client.h"
#include "services/common/rpc/server.h"
#include "services/common/rpc/server_streams.h"
#include "services/imageproc/rpc/render_service.h"
#include "tests/support/fake_decoder.h"

namespace stockroom::api {
namespace {

using imageproc::testing::FakeDecoder;
using Result = absl::StatusOr<RenderedPicture>;

constexpr char kOriginal[] = "an original";

RenderOrder Order(int width) {
  RenderOrder order{.original = Digest::Of(kOriginal),
                    .traits = {.size = {4000, 3000},
                               .format = "jpeg",
                               .bytes = static_cast<int64_t>(sizeof kOriginal - 1)}};
  order.recipe.mode = Recipe::Mode::kFit;
  order.recipe.width = order.recipe.height = width;
  order.recipe.format = ImageFormat::kWebp;
  order.key = RenditionKey(order.recipe);
  return order;
}

std::future<Result> Begin(Renderer& renderer, RenderOrder order, const CallContext& context) {
  auto promise = std::make_shared<std::promise<Result>>();
  auto future = promise->get_future();
  renderer.Render(context, std::move(order),
                  [promise](Result result) { promise->set_value(std::move(result)); });
  return future;
}

Result Render(Renderer& renderer, RenderOrder order) {
  return Begin(renderer, std::move(order), CallContext::WithTimeout(absl::Seconds(30))).get();
}

// ---- the contract -------------------------------------------------------------------------------

class MemoryHarness {
 public:
  MemoryHarness() { renderer_.RemoveWorker("memory"); }
  Renderer& renderer() { return renderer_; }
  void AddWorker(const std::string& name) { renderer_.AddWorker(name); }
  // Nobody knows of it any more.
  void RemoveWorker(const std::string& name) { renderer_.RemoveWorker(name); }
  void Hold() { renderer_.Hold(); }
  void Release() { renderer_.Release(); }
  bool AwaitHeld(int orders) { return renderer_.AwaitWaiting(orders); }
  void FailNext(absl::Status status) {
    renderer_.SetAnswer([this, status](const RenderOrder& order) -> Result {
      renderer_.SetAnswer([](const RenderOrder& o) { return MemoryRenderer::Picture(o, "made"); });
      static_cast<void>(order);
      return status;
    });
  }
  // Which workers were asked for this key.
  std::vector<std::string> AskedFor(const std::string& key) {
    std::vector<std::string> workers;
    for (const auto& asked : renderer_.asked()) {
      if (asked.order.key == key) workers.push_back(asked.worker);
    }
    return workers;
  }

 private:
  MemoryRenderer renderer_;
};

// A worker with everything but a decoder.
struct Worker {
  explicit Worker(BlobClient& blobs)
      : admission({.slots = 8, .job_slots = 1}, metrics),
        maker({}, blobs, decoder, admission, metrics),
        store({}, blobs, metrics),
        renderer({.threads = 8}, maker, store, metrics),
        service({}, renderer, metrics),
        server(*rpc::Server::Start({.listen = "127.0.0.1:0"}, {&service})),
        address("127.0.0.1:" + std::to_string(server->port())) {
    server->SetServing(true);
  }
  ~Worker() {
    decoder.Hang(false);
    renderer.Drain(absl::Seconds(10));
    server->Drain(absl::Seconds(5));
  }

  Metrics metrics;
  FakeDecoder decoder;
  imageproc::Admission admission;
  imageproc::RenditionMaker maker;
  imageproc::BackgroundStore store;
  imageproc::Renderer renderer;
  imageproc::RenderService service;
  std::unique_ptr<rpc::Server> server;
  const std::string address;
};

class Peers final : public WorkerPeers {
 public:
  std::vector<WorkerPeer> Serving() override {
    MutexLock lock(mu_);
    return peers_;
  }
  void Add(const std::string& address) {
    MutexLock lock(mu_);
    peers_.push_back({.address = address});
  }
  void Remove(const std::string& address) {
    MutexLock lock(mu_);
    std::erase_if(peers_, [&](const WorkerPeer& peer) { return peer.address == address; });
  }

 private:
  Mutex mu_;
  std::vector<WorkerPeer> peers_ SR_GUARDED_BY(mu_);
};

class GrpcHarness {
 public:
  GrpcHarness() {
    EXPECT_TRUE(WriteBlob(blobs_, CallContext::WithTimeout(absl::Seconds(30)), kOriginal).ok());
    renderer_ = std::make_unique<GrpcRenderer>(
        GrpcRenderer::Options{.max_rendition_bytes = 3 << 20}, peers_, metrics_);
  }
  GrpcRenderer& renderer() { return *renderer_; }
  void AddWorker(const std::string& name) {
    workers_[name] = std::make_unique<Worker>(blobs_);
    peers_.Add(workers_[name]->address);
  }
  void RemoveWorker(const std::string& name) { peers_.Remove(workers_.at(name)->address); }
  void Hold() {
    for (auto& [name, worker] : workers_) worker->decoder.Hang(true);
  }
  void Release() {
    for (auto& [name, worker] : workers_) worker->decoder.Hang(false);
  }
  bool AwaitHeld(int orders) { return workers_.begin()->second->decoder.AwaitRunning(orders); }
  // Of every worker.
  void FailNext(const absl::Status& status) {
    for (auto& [name, worker] : workers_) worker->decoder.FailNext({status});
  }
  std::vector<std::string> AskedFor(const std::string& key) {
    std::vector<std::string> asked;
    for (auto& [name, worker] : workers_) {
      for (const auto& seen : worker->decoder.seen()) {
        if (RenditionKey(*ParseRecipe(seen.request.presets(0).recipe())) == key) {
          asked.push_back(name);
        }
      }
    }
    return asked;
  }
  Worker& worker(const std::string& name) { return *workers_.at(name); }
  Peers& peers() { return peers_; }
  Metrics& metrics() { return metrics_; }
  void DestroyRenderer() { renderer_.reset(); }

 private:
  Metrics metrics_;
  MemoryBlobClient blobs_;
  Peers peers_;
  std::map<std::string, std::unique_ptr<Worker>> workers_;
  std::unique_ptr<GrpcRenderer> renderer_;
};

template <typename H>
class RendererContract : public ::testing::Test {
 protected:
  H harness_;
};
using Harnesses = ::testing::Types<MemoryHarness, GrpcHarness>;
TYPED_TEST_SUITE(RendererContract, Harnesses);

TYPED_TEST(RendererContract, GivesThePictureAndItsDigest) {
  this->harness_.AddWorker("a");
  const Result made = Render(this->harness_.renderer(), Order(100));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->bytes->empty());
  EXPECT_EQ(made->sha256, Digest::Of(*made->bytes));
  EXPECT_EQ(made->media_type, "image/webp");
  EXPECT_GE(made->size.width, 1);
}

TYPED_TEST(RendererContract, SaysSoWhenNoWorkerIsThere) {
  const absl::Status status = Render(this->harness_.renderer(), Order(100)).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(DetailsOf(status).reason, "NO_WORKER");
}

TYPED_TEST(RendererContract, EqualOrdersGoToOneWorkerAndOrdersAreSpread) {
  for (const char* name : {"a", "b", "c"}) this->harness_.AddWorker(name);
  std::map<std::string, int> share;
  for (int i = 1; i <= 60; ++i) {
    for (int again = 0; again < 2; ++again) {
      ASSERT_TRUE(Render(this->harness_.renderer(), Order(i)).ok());
    }
    const auto asked = this->harness_.AskedFor(Order(i).key);
    ASSERT_EQ(std::set(asked.begin(), asked.end()).size(), 1U);
    ++share[asked[0]];
  }
  EXPECT_EQ(share.size(), 3U);
}

TYPED_TEST(RendererContract, WhenAWorkerGoesOnlyItsShareMoves) {
  for (const char* name : {"a", "b", "c"}) this->harness_.AddWorker(name);
  std::map<int, std::string> owner;
  for (int i = 1; i <= 30; ++i) {
    ASSERT_TRUE(Render(this->harness_.renderer(), Order(i)).ok());
    owner[i] = this->harness_.AskedFor(Order(i).key).at(0);
  }
  this->harness_.RemoveWorker("b");
  for (int i = 1; i <= 30; ++i) {
    ASSERT_TRUE(Render(this->harness_.renderer(), Order(i)).ok());
    auto asked = this->harness_.AskedFor(Order(i).key);
    ASSERT_EQ(asked.size(), 2U);
    if (owner[i] != "b") {
      EXPECT_EQ(asked[0], asked[1]);
    } else {
      EXPECT_NE(asked[0], asked[1]);
    }
  }
}

TYPED_TEST(RendererContract, ABusyWorkersAnswerIsTheAnswerAndNobodyElseIsAsked) {
  for (const char* name : {"a", "b"}) this->harness_.AddWorker(name);
  this->harness_.FailNext(
      MakeStatus(absl::StatusCode::kResourceExhausted, "busy",
                 {.reason = "WORKER_BUSY", .retry_after = absl::Milliseconds(170)}));
  const absl::Status status = Render(this->harness_.renderer(), Order(7)).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(DetailsOf(status).reason, "WORKER_BUSY");
  EXPECT_EQ(DetailsOf(status).retry_after, absl::Milliseconds(170));
  EXPECT_EQ(this->harness_.AskedFor(Order(7).key).size(), 1U);
}

TYPED_TEST(RendererContract, ADeadDecodersPictureIsNotTriedElsewhere) {
  for (const char* name : {"a", "b"}) this->harness_.AddWorker(name);
  this->harness_.FailNext(
      MakeStatus(absl::StatusCode::kAborted, "died", {.reason = "DECODER_DIED"}));
  const absl::Status status = Render(this->harness_.renderer(), Order(7)).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_EQ(this->harness_.AskedFor(Order(7).key).size(), 1U);
}

TYPED_TEST(RendererContract, AnotherWorkerStandsInForOneThatCanNot) {
  for (const char* name : {"a", "b", "c", "d"}) this->harness_.AddWorker(name);
  this->harness_.FailNext(Unavailable("NO_DECODER", "no decoder"));
  const Result made = Render(this->harness_.renderer(), Order(7));
  // In memory the next worker can; over gRPC all that are asked can not, and three are asked.
  const size_t asked = this->harness_.AskedFor(Order(7).key).size();
  if (made.ok()) {
    EXPECT_EQ(asked, 2U);
  } else {
    EXPECT_TRUE(absl::IsUnavailable(made.status())) << made.status();
    EXPECT_EQ(asked, 3U);
  }
}

TYPED_TEST(RendererContract, EndsAtTheDeadline) {
  this->harness_.AddWorker("a");
  this->harness_.Hold();
  auto result =
      Begin(this->harness_.renderer(), Order(1), CallContext::WithTimeout(absl::Milliseconds(50)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.get().status()));
  EXPECT_TRUE(this->harness_.AwaitHeld(0));
}

TYPED_TEST(RendererContract, CancellingEndsTheWork) {
  this->harness_.AddWorker("a");
  this->harness_.Hold();
  const CallContext context = CallContext::WithTimeout(absl::Hours(1));
  auto result = Begin(this->harness_.renderer(), Order(1), context);
  ASSERT_TRUE(this->harness_.AwaitHeld(1));
  context.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(result.get().status()));
  EXPECT_TRUE(this->harness_.AwaitHeld(0));
  const CallContext late = context;
  EXPECT_TRUE(absl::IsCancelled(Begin(this->harness_.renderer(), Order(2), late).get().status()));
}

TYPED_TEST(RendererContract, WhatWaitedIsAnswered) {
  this->harness_.AddWorker("a");
  this->harness_.Hold();
  auto result =
      Begin(this->harness_.renderer(), Order(1), CallContext::WithTimeout(absl::Seconds(30)));
  ASSERT_TRUE(this->harness_.AwaitHeld(1));
  this->harness_.Release();
  EXPECT_TRUE(result.get().ok());
}

// ---- over gRPC ----------------------------------------------------------------------------------

class GrpcRendererTest : public ::testing::Test {
 protected:
  GrpcHarness harness_;
};

TEST_F(GrpcRendererTest, PutsLargeAnswersTogether) {
  harness_.AddWorker("a");
  harness_.worker("a").decoder.PadTo((2 << 20) + 17);
  const Result made = Render(harness_.renderer(), Order(1));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->bytes->size(), (2U << 20) + 17);
  harness_.worker("a").decoder.PadTo((3 << 20) + 1);
  const absl::Status status = Render(harness_.renderer(), Order(2)).status();
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
}

TEST_F(GrpcRendererTest, AWorkerThatVanishedOrDrainsIsReplaced) {
  for (const char* name : {"a", "b", "c"}) harness_.AddWorker(name);
  harness_.worker("a").server->Drain(absl::ZeroDuration());
  harness_.worker("b").renderer.Drain(absl::ZeroDuration());
  for (int i = 1; i <= 30; ++i) {
    const Result made = Render(harness_.renderer(), Order(i));
    EXPECT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(harness_.AskedFor(Order(i).key), std::vector<std::string>{"c"});
  }
  EXPECT_GT(harness_.metrics().GetCounter("stockroom_render_stand_ins_total", "").value(), 0U);
}

TEST_F(GrpcRendererTest, CallsBackBeforeItGoes) {
  harness_.AddWorker("a");
  harness_.Hold();
  auto result = Begin(harness_.renderer(), Order(1), CallContext::WithTimeout(absl::Hours(1)));
  ASSERT_TRUE(harness_.AwaitHeld(1));
  harness_.DestroyRenderer();
  EXPECT_TRUE(absl::IsCancelled(result.get().status()));
}

// Says what the test wants.
class LyingWorker final : public internal::RenderService::CallbackService {
 public:
  grpc::ServerWriteReactor<internal::RenderReply>* Render(grpc::CallbackServerContext* context,
                                                          const internal::RenderRequest*) override {
    return rpc::ServeWrites<internal::RenderReply>(context, {}, std::make_shared<Call>(replies));
  }
  std::vector<internal::RenderReply> replies;

 private:
  class Call final : public rpc::WriteHandler<internal::RenderReply> {
   public:
    explicit Call(std::vector<internal::RenderReply> r) : replies_(std::move(r)) {}
    void OnOpen(std::shared_ptr<rpc::WriteStream<internal::RenderReply>> stream) override {
      stream_ = std::move(stream);
      OnWritten(true);
    }
    void OnWritten(bool ok) override {
      if (!ok || next_ == replies_.size()) return stream_->Finish(absl::OkStatus());
      stream_->Write(replies_[next_++]);
    }
    void OnClosed() override {}

   private:
    const std::vector<internal::RenderReply> replies_;
    size_t next_ = 0;
    std::shared_ptr<rpc::WriteStream<internal::RenderReply>> stream_;
  };
};

TEST(GrpcRendererDistrust, NothingThatMakesNoSenseIsTaken) {
  LyingWorker worker;
  const auto server = *rpc::Server::Start({.listen = "127.0.0.1:0"}, {&worker});
  Peers peers;
  peers.Add("127.0.0.1:" + std::to_string(server->port()));
  Metrics metrics;
  GrpcRenderer renderer({}, peers, metrics);
  const RenderOrder order = Order(1);
  internal::RenderReply honest;
  honest.mutable_made()->set_key(order.key);
  honest.mutable_made()->set_media_type("image/webp");
  honest.mutable_made()->set_width(1);
  honest.mutable_made()->set_height(1);
  honest.mutable_made()->set_size_bytes(3);
  honest.mutable_made()->set_sha256(std::string(Digest::Of("abc").bytes()));
  internal::RenderReply bytes;
  bytes.set_chunk("abc");
  const auto reason = [&](std::vector<internal::RenderReply> replies) {
    worker.replies = std::move(replies);
    return DetailsOf(Render(renderer, order).status()).reason;
  };
  const auto but = [&](auto change) {
    internal::RenderReply reply = honest;
    change(*reply.mutable_made());
    return reply;
  };
  EXPECT_EQ(reason({honest, bytes}), "");
  EXPECT_EQ(reason({}), "WORKER_NONSENSE");
  EXPECT_EQ(reason({bytes}), "WORKER_NONSENSE");
  EXPECT_EQ(reason({honest}), "WORKER_NONSENSE");
  EXPECT_EQ(reason({honest, honest, bytes}), "WORKER_NONSENSE");
  EXPECT_EQ(reason({honest, bytes, bytes}), "WORKER_NONSENSE");
  EXPECT_EQ(reason({but([](auto& made) { made.set_key("other"); }), bytes}), "WORKER_NONSENSE");
  EXPECT_EQ(reason({but([](auto& made) { made.set_media_type("text/html"); }), bytes}),
            "WORKER_NONSENSE");
  EXPECT_EQ(reason({but([](auto& made) { made.set_sha256("?"); }), bytes}), "WORKER_NONSENSE");
  EXPECT_EQ(reason({but([](auto& made) { made.set_width(0); }), bytes}), "WORKER_NONSENSE");
  EXPECT_EQ(reason({but([](auto& made) { made.set_size_bytes(-1); }), bytes}), "WORKER_NONSENSE");
  EXPECT_EQ(reason({but([](auto& made) { made.set_size_bytes(int64_t{1} << 50); }), bytes}),
            "TOO_LARGE");
  server->Drain(absl::ZeroDuration());
}

// ---- rendezvous ---------------------------------------------------------------------------------

TEST(Rendezvous, EveryWorkerGetsItsShareAndAnyTwoKeepTheirOrder) {
  const std::vector<std::string> four = {"10.0.0.1:50061", "10.0.0.2:50061", "10.0.0.3:50061",
                                         "10.0.0.4:50061"};
  const std::vector<std::string> three(four.begin(), four.end() - 1);
  std::map<std::string, int> share;
  for (int i = 0; i < 4000; ++i) {
    const Digest original = Digest::Of(std::to_string(i));
    std::vector<std::string> ranked = RankWorkers(original, "key", four);
    ++share[ranked[0]];
    std::erase(ranked, four.back());
    ASSERT_EQ(RankWorkers(original, "key", three), ranked);
  }
  for (const std::string& worker : four) {
    EXPECT_GT(share[worker], 850) << worker;
    EXPECT_LT(share[worker], 1150) << worker;
  }
}

TEST(Rendezvous, IsTheSameInEveryProcess) {
  EXPECT_EQ(RankWorkers(Digest::Of("x"), "key", {"a:1", "b:1", "c:1"}),
            RankWorkers(Digest::Of("x"), "key", {"c:1", "b:1", "a:1"}));
  // Written down, so that a change of the hash does not go unseen: while old and new apis run side
  // by side, each would have renditions made by another worker.
  EXPECT_EQ(RankWorkers(Digest::Of("x"), "key", {"a:1", "b:1", "c:1"})[0], "a:1");
}

}  // namespace
}  // namespace stockroom::api
