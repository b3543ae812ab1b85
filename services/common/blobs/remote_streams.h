// ByteWriter and ByteReader over the gRPC wrappers of common/rpc.
//
// User callbacks may destroy the object that they come from, on any thread. So each stream's state
// is shared with the callbacks under way, which look whether the owner is still there before they
// go on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "services/common/base/mutex.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blob_client.h"
#include "services/common/blobs/call_metrics.h"
#include "services/common/blobs/wire.h"
#include "services/common/rpc/client_streams.h"

namespace stockroom {

// Holds a gRPC call until its owner lets go. Thread-safe.
template <typename Call>
class SharedCall {
 public:
  void Set(std::shared_ptr<Call> call) {
    MutexLock lock(mu_);
    call_ = std::move(call);
  }
  // Null once the owner is gone.
  std::shared_ptr<Call> Get() const {
    MutexLock lock(mu_);
    return call_;
  }
  void LetGo() {
    std::shared_ptr<Call> call;  // ended outside the lock
    MutexLock lock(mu_);
    call.swap(call_);
  }

 private:
  mutable Mutex mu_;
  std::shared_ptr<Call> call_ SR_GUARDED_BY(mu_);
};

inline absl::StatusOr<StoredBlob> ResultFromWire(const internal::PutBlobResponse& response) {
  SR_ASSIGN_OR_RETURN(BlobInfo info, FromWire(response.info()));
  return StoredBlob{.info = std::move(info), .existed = response.existed()};
}
inline absl::StatusOr<RenditionInfo> ResultFromWire(const internal::RenditionInfo& response) {
  return FromWire(response);
}

// Sends `header` before the first chunk and a trailer after the last.
template <typename Request, typename Response, typename Result>
class RemoteWriter final : public ByteWriter<Result> {
 public:
  using Call = rpc::ClientWriter<Request, Response>;
  using WriteDone = absl::AnyInvocable<void(absl::Status)>;

  RemoteWriter(std::shared_ptr<Call> call, Request header, CallMetrics& metrics)
      : state_(std::make_shared<State>(std::move(header), metrics)) {
    metrics.Started();
    state_->call.Set(std::move(call));
  }
  ~RemoteWriter() override { state_->call.LetGo(); }

  void Write(std::string chunk, WriteDone done) override {
    if (chunk.size() > kMaxChunkBytes) {
      done(InvalidArgument("CHUNK_TOO_LARGE", "a chunk has more than 1 MiB"));
      return;
    }
    state_->metrics.Moved(chunk.size());
    state_->sent += static_cast<int64_t>(chunk.size());
    Request message;
    message.set_chunk(std::move(chunk));
    Send(state_, std::move(message), std::move(done));
  }

  void Finish(absl::AnyInvocable<void(absl::StatusOr<Result>)> done) override {
    Request message;
    message.mutable_trailer()->set_size(state_->sent);
    Send(state_, std::move(message),
         [state = state_, done = std::move(done)](absl::Status status) mutable {
           if (!status.ok()) {
             done(std::move(status));
             return;
           }
           if (auto call = state->call.Get()) {
             call->Finish([state, done = std::move(done)](absl::StatusOr<Response> r) mutable {
               if (!state->call.Get()) return;
               absl::StatusOr<Result> result =
                   r.ok() ? ResultFromWire(*r) : absl::StatusOr<Result>(r.status());
               if (!result.ok()) state->metrics.Failed(result.status());
               done(std::move(result));
             });
           }
         });
  }

 private:
  struct State {
    State(Request h, CallMetrics& m) : header(std::move(h)), metrics(m) {}
    SharedCall<Call> call;
    std::optional<Request> header;  // until it is sent
    int64_t sent = 0;
    CallMetrics& metrics;
  };

  // The header first if that has not been sent, then `message`.
  static void Send(std::shared_ptr<State> state, Request message, WriteDone done) {
    const std::shared_ptr<Call> call = state->call.Get();
    if (!call) return;
    if (!state->header) {
      call->Write(std::move(message), [state, done = std::move(done)](absl::Status status) mutable {
        if (!state->call.Get()) return;
        if (!status.ok()) state->metrics.Failed(status);
        done(std::move(status));
      });
      return;
    }
    Request header = *std::exchange(state->header, std::nullopt);
    call->Write(std::move(header), [state, message = std::move(message),
                                    done = std::move(done)](absl::Status status) mutable {
      if (!state->call.Get()) return;
      if (status.ok()) {
        Send(state, std::move(message), std::move(done));
      } else {
        state->metrics.Failed(status);
        done(std::move(status));
      }
    });
  }

  const std::shared_ptr<State> state_;
};

// Takes the info message first and counts that all bytes of the range come.
template <typename Request, typename Response, typename Info>
class RemoteReader final : public ByteReader<Info> {
 public:
  using Call = rpc::ClientReader<Request, Response>;
  using OpenDone = absl::AnyInvocable<void(absl::StatusOr<Info>)>;
  using ReadDone = absl::AnyInvocable<void(absl::StatusOr<std::optional<std::string>>)>;

  RemoteReader(std::shared_ptr<Call> call, ByteRange range, CallMetrics& metrics)
      : state_(std::make_shared<State>(range, metrics)) {
    metrics.Started();
    state_->call.Set(std::move(call));
  }
  ~RemoteReader() override { state_->call.LetGo(); }

  void Open(OpenDone done) override {
    Next([state = state_, done = std::move(done)](Message message) mutable {
      absl::StatusOr<Info> info = InfoOf(*state, std::move(message));
      if (!info.ok()) state->metrics.Failed(info.status());
      done(std::move(info));
    });
  }

  void Read(ReadDone done) override {
    Next([state = state_, done = std::move(done)](Message message) mutable {
      absl::StatusOr<std::optional<std::string>> chunk = ChunkOf(*state, std::move(message));
      if (!chunk.ok()) state->metrics.Failed(chunk.status());
      done(std::move(chunk));
    });
  }

 private:
  using Message = absl::StatusOr<std::optional<Response>>;
  struct State {
    State(ByteRange r, CallMetrics& m) : range(r), metrics(m) {}
    SharedCall<Call> call;
    const ByteRange range;
    int64_t left = 0;  // bytes that are to come
    CallMetrics& metrics;
  };

  void Next(absl::AnyInvocable<void(Message)> then) {
    const std::shared_ptr<Call> call = state_->call.Get();
    call->Read([state = state_, then = std::move(then)](Message message) mutable {
      if (state->call.Get()) then(std::move(message));
    });
  }

  static absl::StatusOr<Info> InfoOf(State& state, Message message) {
    SR_RETURN_IF_ERROR(message.status());
    if (!message->has_value() || !(*message)->has_info()) {
      return absl::InternalError("the file server did not begin with the info message");
    }
    SR_ASSIGN_OR_RETURN(Info info, FromWire((*message)->info()));
    SR_ASSIGN_OR_RETURN(const ByteRange range, ResolveRange(state.range, info.size));
    state.left = range.length;
    return info;
  }

  static absl::StatusOr<std::optional<std::string>> ChunkOf(State& state, Message message) {
    SR_RETURN_IF_ERROR(message.status());
    if (!message->has_value()) {
      if (state.left > 0) return absl::DataLossError("the file server sent too few bytes");
      return std::optional<std::string>();
    }
    std::string chunk = std::move(*(*message)->mutable_chunk());
    state.left -= static_cast<int64_t>(chunk.size());
    state.metrics.Moved(chunk.size());
    if (state.left < 0) return absl::DataLossError("the file server sent too many bytes");
    return std::optional<std::string>(std::move(chunk));
  }

  const std::shared_ptr<State> state_;
};

}  // namespace stockroom
