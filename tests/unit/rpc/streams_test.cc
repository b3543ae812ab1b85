// The stream wrappers over a real loopback connection, with the blob and work protocols as
// examples.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "services/common/base/executor.h"
#include "services/common/rpc/channel.h"
#include "services/common/rpc/client_streams.h"
#include "services/common/rpc/server.h"
#include "services/common/rpc/server_streams.h"
#include "stockroom/internal/blobs.grpc.pb.h"
#include "stockroom/internal/work.grpc.pb.h"

namespace stockroom::rpc {
namespace {

using internal::PutBlobRequest;
using internal::PutBlobResponse;

// Counts bytes, answers with their number; remembers how calls ended.
class CountingReads final : public ReadHandler<PutBlobRequest, PutBlobResponse> {
 public:
  struct Log {
    Mutex mu;
    CondVar changed;
    int completed SR_GUARDED_BY(mu) = 0;
    int vanished SR_GUARDED_BY(mu) = 0;
    int closed SR_GUARDED_BY(mu) = 0;
    int reads SR_GUARDED_BY(mu) = 0;
  };
  explicit CountingReads(Log& log) : log_(log) {}

  void OnOpen(std::shared_ptr<ReadStream<PutBlobRequest, PutBlobResponse>> stream) override {
    stream_ = std::move(stream);
    stream_->Read();
  }
  void OnRead(PutBlobRequest* message) override {
    if (message != nullptr) {
      bytes_ += static_cast<int64_t>(message->chunk().size());
      {
        MutexLock lock(log_.mu);
        ++log_.reads;
        log_.changed.NotifyAll();
      }
      if (message->chunk() == "refuse") return stream_->Finish(absl::OutOfRangeError("refused"));
      return stream_->Read();
    }
    const absl::Status status = stream_->context().Check();
    {
      MutexLock lock(log_.mu);
      ++(status.ok() ? log_.completed : log_.vanished);
    }
    if (!status.ok()) return stream_->Finish(status);
    PutBlobResponse response;
    response.mutable_info()->set_size(bytes_);
    stream_->Finish(std::move(response));
  }
  void OnClosed() override {
    MutexLock lock(log_.mu);
    ++log_.closed;
    log_.changed.NotifyAll();
  }

 private:
  Log& log_;
  std::shared_ptr<ReadStream<PutBlobRequest, PutBlobResponse>> stream_;
  int64_t bytes_ = 0;
};

class CountingBlobs final : public internal::BlobService::CallbackService {
 public:
  explicit CountingBlobs(Executor& executor) : executor_(executor) {}
  grpc::ServerReadReactor<PutBlobRequest>* PutBlob(grpc::CallbackServerContext* context,
                                                   PutBlobResponse* response) override {
    return ServeReads<PutBlobRequest, PutBlobResponse>(context, {}, response,
                                                       std::make_shared<CountingReads>(log));
  }
  grpc::ServerUnaryReactor* StatBlob(grpc::CallbackServerContext* context,
                                     const internal::StatBlobRequest*,
                                     internal::BlobInfo* response) override {
    return RunUnary(context, executor_, {}, [this, response](const CallContext& call) {
      response->set_md5(call.request_id);
      {
        MutexLock lock(log.mu);
        trace = call.trace;
      }
      std::promise<void> cancelled;
      if (block) {
        const auto on_cancel = call.cancellation->OnCancel([&] { cancelled.set_value(); });
        cancelled.get_future().wait();
        return absl::CancelledError("was told");
      }
      return absl::OkStatus();
    });
  }
  CountingReads::Log log;
  std::atomic<bool> block{false};
  TraceContext trace;  // of the last StatBlob

 private:
  Executor& executor_;
};

class StreamsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = Server::Start({.listen = "127.0.0.1:0"}, {&service_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = MakeChannel("127.0.0.1:" + std::to_string(server_->port()), {});
    stub_ = internal::BlobService::NewStub(channel_);
  }

  using Writer = ClientWriter<PutBlobRequest, PutBlobResponse>;
  std::unique_ptr<Writer> OpenWriter(const CallContext& context) {
    return std::make_unique<Writer>(
        context, [&](grpc::ClientContext* client, PutBlobResponse* response, auto* reactor) {
          stub_->async()->PutBlob(client, response, reactor);
        });
  }
  static absl::Status Write(Writer& writer, const std::string& bytes) {
    PutBlobRequest request;
    request.set_chunk(bytes);
    std::promise<absl::Status> done;
    writer.Write(std::move(request), [&](absl::Status status) { done.set_value(status); });
    return done.get_future().get();
  }
  static absl::StatusOr<PutBlobResponse> Finish(Writer& writer) {
    std::promise<absl::StatusOr<PutBlobResponse>> done;
    writer.Finish([&](absl::StatusOr<PutBlobResponse> r) { done.set_value(std::move(r)); });
    return done.get_future().get();
  }

  Metrics metrics_;
  Executor executor_{{.name = "test", .threads = 2}, metrics_};
  CountingBlobs service_{executor_};
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<internal::BlobService::Stub> stub_;
};

TEST_F(StreamsTest, AWriterSendsInOrderAndGetsTheAnswer) {
  const auto writer = OpenWriter(CallContext::WithTimeout(absl::Seconds(10)));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Write(*writer, "0123456789").ok());
  const auto response = Finish(*writer);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->info().size(), 1000);
}

TEST_F(StreamsTest, AnEarlyErrorReachesTheWriterWithItsCode) {
  const auto writer = OpenWriter(CallContext::WithTimeout(absl::Seconds(10)));
  absl::Status status = Write(*writer, "refuse");
  while (status.ok()) status = Write(*writer, "more");
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_TRUE(absl::IsOutOfRange(Finish(*writer).status()));
}

TEST_F(StreamsTest, AClientThatVanishesIsNeverTakenForOneThatIsDone) {
  constexpr int kRounds = 100;
  for (int i = 0; i < kRounds; ++i) {
    auto writer = OpenWriter(CallContext::WithTimeout(absl::Seconds(10)));
    ASSERT_TRUE(Write(*writer, "half of it").ok());
    writer.reset();
  }
  MutexLock lock(service_.log.mu);
  // A call that was cancelled before it reached the server never opens; those that did must close.
  while (service_.log.closed < service_.log.reads) {
    ASSERT_TRUE(service_.log.changed.WaitFor(service_.log.mu, absl::Seconds(10)));
  }
  EXPECT_EQ(service_.log.completed, 0);
}

TEST_F(StreamsTest, CancellingTheContextEndsAWriter) {
  const CallContext context = CallContext::WithTimeout(absl::Seconds(30));
  const auto writer = OpenWriter(context);
  ASSERT_TRUE(Write(*writer, "x").ok());
  context.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(Finish(*writer).status()));
}

TEST_F(StreamsTest, TheRequestIdTravels) {
  CallContext context = CallContext::WithTimeout(absl::Seconds(10));
  context.request_id = "from-the-edge";
  std::promise<absl::StatusOr<internal::BlobInfo>> done;
  CallUnary<internal::BlobInfo>(
      context, internal::StatBlobRequest(),
      [&](auto* client, const auto* request, auto* response, auto callback) {
        stub_->async()->StatBlob(client, request, response, std::move(callback));
      },
      [&](absl::StatusOr<internal::BlobInfo> info) { done.set_value(std::move(info)); });
  const auto info = done.get_future().get();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->md5(), "from-the-edge");
}

TEST_F(StreamsTest, TheTraceTravelsAndEveryHopHasASpanOfItsOwn) {
  CallContext context = CallContext::WithTimeout(absl::Seconds(10));
  context.trace = ContinueTrace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=b");
  std::promise<absl::StatusOr<internal::BlobInfo>> done;
  CallUnary<internal::BlobInfo>(
      context, internal::StatBlobRequest(),
      [&](auto* client, const auto* request, auto* response, auto callback) {
        stub_->async()->StatBlob(client, request, response, std::move(callback));
      },
      [&](absl::StatusOr<internal::BlobInfo> info) { done.set_value(std::move(info)); });
  ASSERT_TRUE(done.get_future().get().ok());
  MutexLock lock(service_.log.mu);
  EXPECT_EQ(service_.trace.trace_id, context.trace.trace_id);
  EXPECT_NE(service_.trace.span_id, context.trace.span_id);
  EXPECT_EQ(service_.trace.flags, 1);
  EXPECT_EQ(service_.trace.state, "a=b");
}

TEST_F(StreamsTest, CancellingACallReachesTheHandlerThatWorksOnIt) {
  service_.block = true;
  const CallContext context = CallContext::WithTimeout(absl::Seconds(30));
  std::promise<absl::Status> done;
  CallUnary<internal::BlobInfo>(
      context, internal::StatBlobRequest(),
      [&](auto* client, const auto* request, auto* response, auto callback) {
        stub_->async()->StatBlob(client, request, response, std::move(callback));
      },
      [&](absl::StatusOr<internal::BlobInfo> info) { done.set_value(info.status()); });
  context.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(done.get_future().get()));
  executor_.Shutdown();  // returns only if the handler was told
}

TEST_F(StreamsTest, HealthSaysWhatItWasTold) {
  EXPECT_TRUE(server_->port() > 0);
  auto taken = Server::Start({.listen = "127.0.0.1:" + std::to_string(server_->port())}, {});
  EXPECT_TRUE(absl::IsUnavailable(taken.status())) << "a second server must not share the port";
}

// Echoes demands as draining messages; closes when the client half-closes.
class EchoBidi final : public BidiHandler<internal::ApiMessage, internal::WorkerMessage> {
 public:
  void OnOpen(std::shared_ptr<BidiStream<internal::WorkerMessage>> stream) override {
    stream_ = std::move(stream);
  }
  void OnMessage(internal::ApiMessage& message) override {
    internal::WorkerMessage reply;
    reply.mutable_hello()->set_slots(message.demand().jobs());
    stream_->Send(std::move(reply));
  }
  void OnReadsDone() override { stream_->Close(absl::DataLossError("closing words")); }
  void OnClosed(const absl::Status&) override {}

 private:
  std::shared_ptr<BidiStream<internal::WorkerMessage>> stream_;
};
class EchoWork final : public internal::WorkService::CallbackService {
 public:
  grpc::ServerBidiReactor<internal::ApiMessage, internal::WorkerMessage>* Work(
      grpc::CallbackServerContext* context) override {
    return ServeBidi<internal::ApiMessage, internal::WorkerMessage>(context,
                                                                    std::make_shared<EchoBidi>());
  }
};

class Collector final : public BidiHandler<internal::WorkerMessage, internal::ApiMessage> {
 public:
  void OnOpen(std::shared_ptr<BidiStream<internal::ApiMessage>> opened) override {
    stream = std::move(opened);
  }
  void OnMessage(internal::WorkerMessage& message) override {
    MutexLock lock(mu);
    received.push_back(message.hello().slots());
    changed.NotifyAll();
  }
  void OnReadsDone() override {}
  void OnClosed(const absl::Status& status) override { closed.set_value(status); }

  std::shared_ptr<BidiStream<internal::ApiMessage>> stream;
  std::promise<absl::Status> closed;
  Mutex mu;
  CondVar changed;
  std::vector<int> received SR_GUARDED_BY(mu);
};

class BidiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = *Server::Start({.listen = "127.0.0.1:0"}, {&service_});
    channel_ = MakeChannel("127.0.0.1:" + std::to_string(server_->port()), {});
    stub_ = internal::WorkService::NewStub(channel_);
  }
  std::shared_ptr<Collector> Open() {
    auto collector = std::make_shared<Collector>();
    OpenBidi<internal::WorkerMessage, internal::ApiMessage>(
        [&](grpc::ClientContext* context, auto* reactor) {
          stub_->async()->Work(context, reactor);
        },
        collector);
    return collector;
  }
  EchoWork service_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<internal::WorkService::Stub> stub_;
};

TEST_F(BidiTest, MessagesFromManyThreadsAllArrive) {
  const auto collector = Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        internal::ApiMessage message;
        message.mutable_demand()->set_jobs(t * 200 + i);
        EXPECT_TRUE(collector->stream->Send(std::move(message)));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  {
    MutexLock lock(collector->mu);
    while (collector->received.size() < 800) {
      ASSERT_TRUE(collector->changed.WaitFor(collector->mu, absl::Seconds(10)));
    }
    std::sort(collector->received.begin(), collector->received.end());
    for (int i = 0; i < 800; ++i) EXPECT_EQ(collector->received[i], i);
  }
  collector->stream->Close(absl::OkStatus());
  EXPECT_EQ(collector->closed.get_future().get(), absl::DataLossError("closing words"));
  EXPECT_FALSE(collector->stream->Send(internal::ApiMessage()));
}

TEST_F(BidiTest, AbortEndsBothSides) {
  const auto collector = Open();
  collector->stream->Abort();
  EXPECT_TRUE(absl::IsCancelled(collector->closed.get_future().get()));
  collector->stream->Abort();  // harmless
}

TEST_F(BidiTest, AServerThatEndsIsNoticed) {
  const auto collector = Open();
  internal::ApiMessage message;
  message.mutable_demand()->set_jobs(1);
  collector->stream->Send(std::move(message));
  {
    MutexLock lock(collector->mu);
    while (collector->received.empty()) {
      ASSERT_TRUE(collector->changed.WaitFor(collector->mu, absl::Seconds(10)));
    }
  }
  server_->Drain(absl::ZeroDuration());
  EXPECT_FALSE(collector->closed.get_future().get().ok());
}

}  // namespace
}  // namespace stockroom::rpc
