// Server side of gRPC calls as plain objects with callbacks. With client_streams.h the only files
// that name grpc reactors.
//
// A handler implements one of the *Handler interfaces. gRPC reactions call it, so its methods must
// not block. Streams are shared: a stream kept past the end of its call is harmless, its methods
// then do nothing. A call ends only after somebody called Finish (Close for bidirectional ones),
// also when the client is gone; then OnClosed comes, exactly once and last, and the handler is
// released.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "services/common/base/executor.h"
#include "services/common/base/mutex.h"
#include "services/common/rpc/context.h"
#include "services/common/rpc/status.h"

namespace stockroom::rpc {

// ---- unary --------------------------------------------------------------------------------------

namespace detail {

class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  explicit UnaryReactor(CallContext context) : context_(std::move(context)) {}
  const CallContext& context() const { return context_; }
  void OnCancel() override { context_.cancellation->Cancel(); }
  void OnDone() override { delete this; }

  template <typename Handler>
  void RunOn(Executor& executor, Handler handler) {
    absl::Status queued = executor.Submit([this, handler = std::move(handler)]() mutable {
      absl::Status status = context_.Check();
      if (status.ok()) status = handler(context_);
      Finish(ToGrpc(status));
    });
    if (!queued.ok()) Finish(ToGrpc(queued));
  }

 private:
  const CallContext context_;
};

}  // namespace detail

// Runs `handler` (absl::Status(const CallContext&)) on `executor` and ends the call with what it
// returns. When the executor is full the call ends with RESOURCE_EXHAUSTED at once. Cancelling the
// call fires the context's cancellation.
template <typename Handler>
grpc::ServerUnaryReactor* RunUnary(grpc::CallbackServerContext* server_context, Executor& executor,
                                   const DeadlinePolicy& policy, Handler handler) {
  auto* reactor = new detail::UnaryReactor(FromServerContext(*server_context, policy));
  reactor->RunOn(executor, std::move(handler));
  return reactor;
}

// As RunUnary once `prepare` (void(const CallContext&, AnyInvocable<void(absl::Status)> ready))
// says that it is ready; its error ends the call. No thread is taken until then.
template <typename Prepare, typename Handler>
grpc::ServerUnaryReactor* RunUnaryAfter(grpc::CallbackServerContext* server_context,
                                        Executor& executor, const DeadlinePolicy& policy,
                                        Prepare prepare, Handler handler) {
  auto* reactor = new detail::UnaryReactor(FromServerContext(*server_context, policy));
  absl::AnyInvocable<void(absl::Status)> ready =
      [reactor, &executor, handler = std::move(handler)](absl::Status status) mutable {
        if (!status.ok()) return reactor->Finish(ToGrpc(status));
        reactor->RunOn(executor, std::move(handler));
      };
  prepare(reactor->context(), std::move(ready));
  return reactor;
}

// As RunUnary on the calling reaction: only for handlers that never block. One that says nothing
// (`handler` gives std::optional<absl::Status>) leaves the call as it was: null.
template <typename Handler>
grpc::ServerUnaryReactor* TryUnaryInline(grpc::CallbackServerContext* server_context,
                                         const DeadlinePolicy& policy, Handler handler) {
  const std::optional<absl::Status> status = handler(FromServerContext(*server_context, policy));
  if (!status) return nullptr;
  grpc::ServerUnaryReactor* reactor = server_context->DefaultReactor();
  reactor->Finish(ToGrpc(*status));
  return reactor;
}

// The same for a handler that always says something.
template <typename Handler>
grpc::ServerUnaryReactor* RunUnaryInline(grpc::CallbackServerContext* server_context,
                                         const DeadlinePolicy& policy, Handler handler) {
  return TryUnaryInline(
      server_context, policy,
      [&](const CallContext& context) -> std::optional<absl::Status> { return handler(context); });
}

// ---- client streaming: many requests, one response ----------------------------------------------

template <typename Request, typename Response>
class ReadStream {
 public:
  virtual ~ReadStream() = default;
  // Its cancellation fires when the client goes away or the deadline passes.
  virtual const CallContext& context() const = 0;
  // Asks for the next message; one at a time.
  virtual void Read() = 0;
  // Ends the call. Any thread; only the first call counts.
  virtual void Finish(absl::StatusOr<Response> result) = 0;
};

template <typename Request, typename Response>
class ReadHandler {
 public:
  virtual ~ReadHandler() = default;
  virtual void OnOpen(std::shared_ptr<ReadStream<Request, Response>> stream) = 0;
  // Answer to Read(): a message, or nullptr when no more will come. If the client is gone instead
  // of done, the context is cancelled by then. Not called after Finish.
  virtual void OnRead(Request* message) = 0;
  virtual void OnClosed() = 0;
};

namespace detail {

template <typename Request, typename Response>
class ReadStreamImpl final : public grpc::ServerReadReactor<Request>,
                             public ReadStream<Request, Response> {
 public:
  using Handler = ReadHandler<Request, Response>;

  static grpc::ServerReadReactor<Request>* Start(CallContext context, Response* response,
                                                 std::shared_ptr<Handler> handler) {
    std::shared_ptr<ReadStreamImpl> stream(
        new ReadStreamImpl(std::move(context), response, std::move(handler)));
    stream->self_ = stream;
    stream->handler_->OnOpen(stream);
    return stream.get();
  }

  const CallContext& context() const override { return context_; }

  void Read() override {
    MutexLock lock(mu_);
    if (!finished_) this->StartRead(&request_);
  }

  void Finish(absl::StatusOr<Response> result) override {
    MutexLock lock(mu_);
    if (finished_) return;
    finished_ = true;
    if (result.ok()) *response_ = *std::move(result);
    grpc::ServerReadReactor<Request>::Finish(ToGrpc(result.status()));
  }

 private:
  ReadStreamImpl(CallContext context, Response* response, std::shared_ptr<Handler> handler)
      : context_(std::move(context)), response_(response), handler_(std::move(handler)) {}

  void OnReadDone(bool ok) override {
    {
      MutexLock lock(mu_);
      if (finished_) return;
      if (!ok) {
        // "No more messages" means a half-close or a client that vanished, and OnCancel may come
        // later than this. Taking the one for the other would record half an upload as whole, so
        // ask the stream: after a reset, sending fails.
        this->StartSendInitialMetadata();
        return;
      }
    }
    handler_->OnRead(&request_);
  }
  void OnSendInitialMetadataDone(bool ok) override {
    if (!ok) context_.cancellation->Cancel();
    {
      MutexLock lock(mu_);
      if (finished_) return;
    }
    handler_->OnRead(nullptr);
  }
  void OnCancel() override { context_.cancellation->Cancel(); }
  void OnDone() override {
    handler_->OnClosed();
    handler_.reset();
    auto self = std::move(self_);
  }

  const CallContext context_;
  Response* const response_;
  std::shared_ptr<Handler> handler_;
  std::shared_ptr<ReadStreamImpl> self_;
  Request request_;
  Mutex mu_;
  bool finished_ SR_GUARDED_BY(mu_) = false;
};

}  // namespace detail

template <typename Request, typename Response>
grpc::ServerReadReactor<Request>* ServeReads(
    grpc::CallbackServerContext* context, const DeadlinePolicy& policy, Response* response,
    std::shared_ptr<ReadHandler<Request, Response>> handler) {
  return detail::ReadStreamImpl<Request, Response>::Start(FromServerContext(*context, policy),
                                                          response, std::move(handler));
}

// ---- server streaming: one request, many responses ----------------------------------------------

template <typename Response>
class WriteStream {
 public:
  virtual ~WriteStream() = default;
  virtual const CallContext& context() const = 0;
  // One at a time; OnWritten follows.
  virtual void Write(Response message) = 0;
  // Ends the call after the write in flight. Any thread; only the first call counts.
  virtual void Finish(absl::Status status) = 0;
};

template <typename Response>
class WriteHandler {
 public:
  virtual ~WriteHandler() = default;
  virtual void OnOpen(std::shared_ptr<WriteStream<Response>> stream) = 0;
  // The last Write is done; false when the client is gone (Finish still has to be called). Not
  // called after Finish.
  virtual void OnWritten(bool ok) = 0;
  virtual void OnClosed() = 0;
};

namespace detail {

template <typename Response>
class WriteStreamImpl final : public grpc::ServerWriteReactor<Response>,
                              public WriteStream<Response> {
 public:
  using Handler = WriteHandler<Response>;

  static grpc::ServerWriteReactor<Response>* Start(CallContext context,
                                                   std::shared_ptr<Handler> handler) {
    std::shared_ptr<WriteStreamImpl> stream(
        new WriteStreamImpl(std::move(context), std::move(handler)));
    stream->self_ = stream;
    stream->handler_->OnOpen(stream);
    return stream.get();
  }

  const CallContext& context() const override { return context_; }

  void Write(Response message) override {
    MutexLock lock(mu_);
    if (finished_) return;
    message_ = std::move(message);
    this->StartWrite(&message_);
  }

  void Finish(absl::Status status) override {
    MutexLock lock(mu_);
    if (finished_) return;
    finished_ = true;
    grpc::ServerWriteReactor<Response>::Finish(ToGrpc(status));
  }

 private:
  WriteStreamImpl(CallContext context, std::shared_ptr<Handler> handler)
      : context_(std::move(context)), handler_(std::move(handler)) {}

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(mu_);
      if (finished_) return;
    }
    handler_->OnWritten(ok);
  }
  void OnCancel() override { context_.cancellation->Cancel(); }
  void OnDone() override {
    handler_->OnClosed();
    handler_.reset();
    auto self = std::move(self_);
  }

  const CallContext context_;
  std::shared_ptr<Handler> handler_;
  std::shared_ptr<WriteStreamImpl> self_;
  Response message_;
  Mutex mu_;
  bool finished_ SR_GUARDED_BY(mu_) = false;
};

}  // namespace detail

template <typename Response>
grpc::ServerWriteReactor<Response>* ServeWrites(grpc::CallbackServerContext* context,
                                                const DeadlinePolicy& policy,
                                                std::shared_ptr<WriteHandler<Response>> handler) {
  return detail::WriteStreamImpl<Response>::Start(FromServerContext(*context, policy),
                                                  std::move(handler));
}

// ---- bidirectional
// --------------------------------------------------------------------------------

// Past this many waiting messages the peer is considered not to read.
inline constexpr size_t kMaxQueuedMessages = 1024;

// Either side of a bidirectional stream. Thread-safe.
template <typename Out>
class BidiStream {
 public:
  virtual ~BidiStream() = default;
  // Queues a message, sent after those before it. False when the stream is closing or
  // kMaxQueuedMessages wait: the message is dropped, and the caller should Abort.
  virtual bool Send(Out message) = 0;
  // No more will be sent after what is queued. Server: ends the call with `status`. Client:
  // half-closes; the status is not used.
  virtual void Close(absl::Status status) = 0;
  // Ends it now; what is queued is lost.
  virtual void Abort() = 0;
};

template <typename In, typename Out>
class BidiHandler {
 public:
  virtual ~BidiHandler() = default;
  virtual void OnOpen(std::shared_ptr<BidiStream<Out>> stream) = 0;
  // Reading goes on by itself; messages come one after another, never two at the same time.
  virtual void OnMessage(In& message) = 0;
  // The peer will send no more. A server handler must Close, now or later.
  virtual void OnReadsDone() = 0;
  virtual void OnClosed(const absl::Status& status) = 0;
};

namespace detail {

template <typename In, typename Out>
class ServerBidiImpl final : public grpc::ServerBidiReactor<In, Out>, public BidiStream<Out> {
 public:
  using Handler = BidiHandler<In, Out>;

  static grpc::ServerBidiReactor<In, Out>* Start(grpc::CallbackServerContext* context,
                                                 std::shared_ptr<Handler> handler) {
    std::shared_ptr<ServerBidiImpl> stream(new ServerBidiImpl(context, std::move(handler)));
    stream->self_ = stream;
    stream->handler_->OnOpen(stream);
    stream->StartRead(&in_of(*stream));
    return stream.get();
  }

  bool Send(Out message) override {
    MutexLock lock(mu_);
    if (closing_ || queue_.size() >= kMaxQueuedMessages) return false;
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) this->StartWrite(&queue_.front());
    return true;
  }

  void Close(absl::Status status) override {
    MutexLock lock(mu_);
    if (closing_) return;
    closing_ = true;
    status_ = std::move(status);
    MaybeFinish();
  }

  void Abort() override {
    MutexLock lock(mu_);
    if (!closing_) {
      closing_ = true;
      status_ = absl::AbortedError("stream aborted");
    }
    if (finished_) return;
    finished_ = true;
    context_->TryCancel();
    this->Finish(ToGrpc(status_));
  }

 private:
  ServerBidiImpl(grpc::CallbackServerContext* context, std::shared_ptr<Handler> handler)
      : context_(context), handler_(std::move(handler)) {}
  static In& in_of(ServerBidiImpl& s) { return s.in_; }

  void MaybeFinish() SR_REQUIRES(mu_) {
    if (!closing_ || finished_ || !queue_.empty()) return;
    finished_ = true;
    this->Finish(ToGrpc(status_));
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      handler_->OnReadsDone();
      return;
    }
    handler_->OnMessage(in_);
    MutexLock lock(mu_);
    if (!finished_) {
      in_.Clear();
      this->StartRead(&in_);
    }
  }
  void OnWriteDone(bool ok) override {
    MutexLock lock(mu_);
    queue_.pop_front();
    if (!ok) queue_.clear();  // the client is gone; OnReadsDone tells the handler
    if (!queue_.empty() && !finished_) {
      this->StartWrite(&queue_.front());
    } else {
      MaybeFinish();
    }
  }
  void OnDone() override {
    absl::Status status;
    {
      MutexLock lock(mu_);
      status = context_->IsCancelled() ? absl::CancelledError("the peer is gone") : status_;
    }
    handler_->OnClosed(status);
    handler_.reset();
    auto self = std::move(self_);
  }

  grpc::CallbackServerContext* const context_;
  std::shared_ptr<Handler> handler_;
  std::shared_ptr<ServerBidiImpl> self_;
  In in_;
  Mutex mu_;
  std::deque<Out> queue_ SR_GUARDED_BY(mu_);  // front is being written
  bool closing_ SR_GUARDED_BY(mu_) = false;
  bool finished_ SR_GUARDED_BY(mu_) = false;
  absl::Status status_ SR_GUARDED_BY(mu_);
};

}  // namespace detail

template <typename In, typename Out>
grpc::ServerBidiReactor<In, Out>* ServeBidi(grpc::CallbackServerContext* context,
                                            std::shared_ptr<BidiHandler<In, Out>> handler) {
  return detail::ServerBidiImpl<In, Out>::Start(context, std::move(handler));
}

}  // namespace stockroom::rpc
