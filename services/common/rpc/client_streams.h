// Client side of gRPC calls as plain objects with callbacks.
//
// `start` always calls the generated stub's async()->Method(...) with the arguments it is given.
// Callbacks are gRPC reactions: they must not block. Every call has the context's deadline, and the
// context's cancellation cancels it.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_callback.h>

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "services/common/base/mutex.h"
#include "services/common/rpc/context.h"
#include "services/common/rpc/server_streams.h"
#include "services/common/rpc/status.h"

namespace stockroom::rpc {

// ---- unary --------------------------------------------------------------------------------------

// start(ClientContext*, const Request*, Response*, std::function<void(grpc::Status)>)
template <typename Response, typename Request, typename Start>
void CallUnary(const CallContext& call, Request request, Start start,
               absl::AnyInvocable<void(absl::StatusOr<Response>)> done) {
  // Not begun if it is in vain: a near server's answer can come before gRPC's timer, which counts
  // whole milliseconds.
  if (absl::Status in_vain = call.Check(); !in_vain.ok()) {
    done(std::move(in_vain));
    return;
  }
  struct State {
    grpc::ClientContext context;
    Request request;
    Response response;
    absl::AnyInvocable<void(absl::StatusOr<Response>)> done;
    std::unique_ptr<Cancellation::Registration> cancel;
  };
  auto state = std::make_shared<State>();
  state->request = std::move(request);
  state->done = std::move(done);
  ApplyTo(state->context, call);
  state->cancel = call.cancellation->OnCancel([weak = std::weak_ptr<State>(state)] {
    if (auto s = weak.lock()) s->context.TryCancel();
  });
  start(&state->context, &state->request, &state->response, [state](grpc::Status status) {
    state->cancel.reset();
    auto finished = std::move(state->done);
    if (status.ok()) {
      finished(std::move(state->response));
    } else {
      finished(FromGrpc(status));
    }
  });
}

// ---- client streaming
// -----------------------------------------------------------------------------

// start(ClientContext*, Response*, grpc::ClientWriteReactor<Request>*)
//
// One operation at a time. Destroying it before Finish has called back cancels the call; callbacks
// that have not begun do not run any more.
template <typename Request, typename Response>
class ClientWriter {
 public:
  template <typename Start>
  ClientWriter(const CallContext& call, Start start) : call_(std::make_shared<Call>(call)) {
    start(&call_->context, &call_->response, call_.get());
    call_->Begin(call_, call.cancellation);
  }
  ~ClientWriter() { call_->Abandon(); }
  ClientWriter(const ClientWriter&) = delete;
  ClientWriter& operator=(const ClientWriter&) = delete;

  // `done`: OK when the next Write may come, or the status that ended the call.
  void Write(Request request, absl::AnyInvocable<void(absl::Status)> done) {
    call_->Write(std::move(request), std::move(done));
  }
  // Half-closes and waits for the answer.
  void Finish(absl::AnyInvocable<void(absl::StatusOr<Response>)> done) {
    call_->Finish(std::move(done));
  }

 private:
  struct Call final : grpc::ClientWriteReactor<Request> {
    explicit Call(const CallContext& call) { ApplyTo(context, call); }

    void Begin(std::shared_ptr<Call> self, const std::shared_ptr<Cancellation>& cancellation) {
      self_ = std::move(self);
      this->AddHold();
      cancel_ = cancellation->OnCancel([this] { context.TryCancel(); });
      this->StartCall();
    }

    void Write(Request r, absl::AnyInvocable<void(absl::Status)> done) {
      std::optional<absl::Status> over;
      {
        MutexLock lock(mu_);
        if (final_status_) {
          over = Failure(*final_status_);
        } else {
          request_ = std::move(r);
          write_done_ = std::move(done);
          if (!broken_) this->StartWrite(&request_);
        }
      }
      if (over) done(*over);
    }

    void Finish(absl::AnyInvocable<void(absl::StatusOr<Response>)> done) {
      bool release = false;
      std::optional<absl::Status> over;
      {
        MutexLock lock(mu_);
        over = final_status_;
        if (!over) {
          finish_done_ = std::move(done);
          if (!broken_) this->StartWritesDone();
          release = TakeHold();
        }
      }
      if (over) Answer(*over, std::move(done));
      if (release) this->RemoveHold();
    }

    void Abandon() {
      bool release = false;
      // What callbacks hold is destroyed outside the lock: it may be anybody's.
      absl::AnyInvocable<void(absl::Status)> write_done;
      absl::AnyInvocable<void(absl::StatusOr<Response>)> finish_done;
      {
        MutexLock lock(mu_);
        write_done = std::exchange(write_done_, nullptr);
        finish_done = std::exchange(finish_done_, nullptr);
        if (!final_status_) context.TryCancel();
        release = TakeHold();
      }
      if (release) this->RemoveHold();
    }

    void OnWriteDone(bool ok) override {
      absl::AnyInvocable<void(absl::Status)> done;
      bool release = false;
      {
        MutexLock lock(mu_);
        if (ok) {
          done = std::move(write_done_);
          write_done_ = nullptr;
        } else {
          broken_ = true;  // OnDone brings the reason
          release = TakeHold();
        }
      }
      if (done) done(absl::OkStatus());
      if (release) this->RemoveHold();
    }

    void OnDone(const grpc::Status& status) override {
      cancel_.reset();
      absl::AnyInvocable<void(absl::Status)> write_done;
      absl::AnyInvocable<void(absl::StatusOr<Response>)> finish_done;
      const absl::Status final_status = FromGrpc(status);
      {
        MutexLock lock(mu_);
        final_status_ = final_status;
        write_done = std::move(write_done_);
        finish_done = std::move(finish_done_);
      }
      auto self = std::move(self_);
      if (write_done) write_done(Failure(final_status));
      if (finish_done) Answer(final_status, std::move(finish_done));
    }

    bool TakeHold() SR_REQUIRES(mu_) { return std::exchange(held_, false); }
    static absl::Status Failure(const absl::Status& status) {
      return status.ok() ? absl::AbortedError("the peer ended the upload early") : status;
    }
    void Answer(const absl::Status& status,
                absl::AnyInvocable<void(absl::StatusOr<Response>)> done) {
      if (status.ok()) {
        done(std::move(response));
      } else {
        done(status);
      }
    }

    grpc::ClientContext context;
    Response response;
    std::shared_ptr<Call> self_;
    std::unique_ptr<Cancellation::Registration> cancel_;
    Mutex mu_;
    Request request_ SR_GUARDED_BY(mu_);
    absl::AnyInvocable<void(absl::Status)> write_done_ SR_GUARDED_BY(mu_);
    absl::AnyInvocable<void(absl::StatusOr<Response>)> finish_done_ SR_GUARDED_BY(mu_);
    bool held_ SR_GUARDED_BY(mu_) = true;
    bool broken_ SR_GUARDED_BY(mu_) = false;
    std::optional<absl::Status> final_status_ SR_GUARDED_BY(mu_);
  };

  std::shared_ptr<Call> call_;
};

// ---- server streaming
// -----------------------------------------------------------------------------

// start(ClientContext*, const Request*, grpc::ClientReadReactor<Response>*)
//
// One Read at a time. Destroying it cancels the call; callbacks that have not begun do not run.
template <typename Request, typename Response>
class ClientReader {
 public:
  template <typename Start>
  ClientReader(const CallContext& call, Request request, Start start)
      : call_(std::make_shared<Call>(call, std::move(request))) {
    start(&call_->context, &call_->request, call_.get());
    call_->Begin(call_, call.cancellation);
  }
  ~ClientReader() { call_->Abandon(); }
  ClientReader(const ClientReader&) = delete;
  ClientReader& operator=(const ClientReader&) = delete;

  // The next message; nullopt when the server ended the stream with OK, else its status.
  void Read(absl::AnyInvocable<void(absl::StatusOr<std::optional<Response>>)> done) {
    call_->Read(std::move(done));
  }

 private:
  using ReadDone = absl::AnyInvocable<void(absl::StatusOr<std::optional<Response>>)>;

  struct Call final : grpc::ClientReadReactor<Response> {
    Call(const CallContext& call, Request r) : request(std::move(r)) { ApplyTo(context, call); }

    void Begin(std::shared_ptr<Call> self, const std::shared_ptr<Cancellation>& cancellation) {
      self_ = std::move(self);
      this->AddHold();
      cancel_ = cancellation->OnCancel([this] { context.TryCancel(); });
      this->StartCall();
    }

    void Read(ReadDone done) {
      std::optional<absl::Status> over;
      {
        MutexLock lock(mu_);
        if (final_status_) {
          over = *final_status_;
        } else {
          done_ = std::move(done);
          if (!broken_) this->StartRead(&response_);
        }
      }
      if (over) End(std::move(done), *over);
    }

    void Abandon() {
      bool release = false;
      ReadDone done;  // what it holds is destroyed outside the lock
      {
        MutexLock lock(mu_);
        done = std::exchange(done_, nullptr);
        if (!final_status_) context.TryCancel();
        release = std::exchange(held_, false);
      }
      if (release) this->RemoveHold();
    }

    void OnReadDone(bool ok) override {
      ReadDone done;
      bool release = false;
      std::optional<Response> message;
      {
        MutexLock lock(mu_);
        if (ok) {
          done = std::move(done_);
          done_ = nullptr;
          message = std::move(response_);
          response_ = Response();
        } else {
          broken_ = true;  // OnDone brings the status
          release = std::exchange(held_, false);
        }
      }
      if (done) done(std::move(message));
      if (release) this->RemoveHold();
    }

    void OnDone(const grpc::Status& status) override {
      cancel_.reset();
      ReadDone done;
      absl::Status final_status = FromGrpc(status);
      {
        MutexLock lock(mu_);
        final_status_ = final_status;
        done = std::move(done_);
      }
      auto self = std::move(self_);
      if (done) End(std::move(done), final_status);
    }

    static void End(ReadDone done, const absl::Status& status) {
      if (status.ok()) {
        done(std::optional<Response>());
      } else {
        done(status);
      }
    }

    grpc::ClientContext context;
    const Request request;
    std::shared_ptr<Call> self_;
    std::unique_ptr<Cancellation::Registration> cancel_;
    Mutex mu_;
    Response response_ SR_GUARDED_BY(mu_);
    ReadDone done_ SR_GUARDED_BY(mu_);
    bool held_ SR_GUARDED_BY(mu_) = true;
    bool broken_ SR_GUARDED_BY(mu_) = false;
    std::optional<absl::Status> final_status_ SR_GUARDED_BY(mu_);
  };

  std::shared_ptr<Call> call_;
};

// ---- bidirectional
// --------------------------------------------------------------------------------

namespace detail {

template <typename In, typename Out>
class ClientBidiImpl final : public grpc::ClientBidiReactor<Out, In>, public BidiStream<Out> {
 public:
  using Handler = BidiHandler<In, Out>;

  explicit ClientBidiImpl(std::shared_ptr<Handler> handler) : handler_(std::move(handler)) {}

  grpc::ClientContext& context() { return context_; }

  void Begin(std::shared_ptr<ClientBidiImpl> self) {
    self_ = self;
    this->AddHold();  // for Send and Close from outside a reaction
    handler_->OnOpen(self);
    this->StartRead(&in_);
    this->StartCall();
  }

  bool Send(Out message) override {
    MutexLock lock(mu_);
    if (closing_ || queue_.size() >= kMaxQueuedMessages) return false;
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) this->StartWrite(&queue_.front());
    return true;
  }

  void Close(absl::Status) override {
    bool release = false;
    {
      MutexLock lock(mu_);
      if (closing_) return;
      closing_ = true;
      release = MaybeHalfClose();
    }
    if (release) this->RemoveHold();
  }

  void Abort() override {
    bool release = false;
    {
      MutexLock lock(mu_);
      closing_ = true;
      if (!done_) context_.TryCancel();
      release = std::exchange(held_, false);
    }
    if (release) this->RemoveHold();
  }

 private:
  // True when the caller must remove the hold.
  bool MaybeHalfClose() SR_REQUIRES(mu_) {
    if (!closing_ || !queue_.empty() || !held_) return false;
    held_ = false;
    this->StartWritesDone();
    return true;
  }

  void OnReadDone(bool ok) override {
    if (ok) {
      handler_->OnMessage(in_);
      in_.Clear();
      this->StartRead(&in_);
      return;
    }
    handler_->OnReadsDone();
    bool release = false;
    {
      MutexLock lock(mu_);
      closing_ = true;  // the server ended the call; OnDone follows
      release = std::exchange(held_, false);
    }
    if (release) this->RemoveHold();
  }
  void OnWriteDone(bool ok) override {
    bool release = false;
    {
      MutexLock lock(mu_);
      queue_.pop_front();
      if (!ok) {
        queue_.clear();  // OnReadDone(false) and OnDone follow
        closing_ = true;
      } else if (!queue_.empty()) {
        this->StartWrite(&queue_.front());
      } else {
        release = MaybeHalfClose();
      }
    }
    if (release) this->RemoveHold();
  }
  void OnDone(const grpc::Status& status) override {
    {
      MutexLock lock(mu_);
      closing_ = true;
      done_ = true;
    }
    handler_->OnClosed(FromGrpc(status));
    handler_.reset();
    auto self = std::move(self_);
  }

  grpc::ClientContext context_;
  std::shared_ptr<Handler> handler_;
  std::shared_ptr<ClientBidiImpl> self_;
  In in_;
  Mutex mu_;
  std::deque<Out> queue_ SR_GUARDED_BY(mu_);  // front is being written
  bool closing_ SR_GUARDED_BY(mu_) = false;
  bool held_ SR_GUARDED_BY(mu_) = true;
  bool done_ SR_GUARDED_BY(mu_) = false;
};

}  // namespace detail

// Opens a bidirectional stream without a deadline of its own (the caller bounds its life and Aborts
// it). `start(ClientContext*, grpc::ClientBidiReactor<Out, In>*)`. `handler` gets OnOpen before
// this returns, and OnClosed exactly once.
template <typename In, typename Out, typename Start>
void OpenBidi(Start start, std::shared_ptr<BidiHandler<In, Out>> handler) {
  auto stream = std::make_shared<detail::ClientBidiImpl<In, Out>>(std::move(handler));
  start(&stream->context(), stream.get());
  stream->Begin(stream);
}

}  // namespace stockroom::rpc
