// Every public RPC as a plain function over messages. Both front ends (gRPC and the REST gateway)
// call through this table, so that they can not differ.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/principal.h"
#include "services/common/base/call_context.h"

namespace stockroom::api {

using MessagePtr = std::unique_ptr<google::protobuf::Message>;

struct UnaryMethod {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  // May wait for SQL or other threads: must run on an executor.
  bool blocking = true;
  // What the call may take, where that is more than others may; zero: as those.
  absl::Duration timeout = absl::ZeroDuration();
  // `request` is of the method's input type, the answer of its output type.
  std::function<absl::StatusOr<MessagePtr>(const CallContext&, const Principal&,
                                           const google::protobuf::Message& request)>
      call;
  // If set, comes before `call`, for what is to be waited for without a thread. `ready` runs once,
  // on any thread; an error is the answer.
  std::function<void(const CallContext&, const google::protobuf::Message& request,
                     absl::AnyInvocable<void(absl::Status)> ready)>
      prepare;
};

// A unary RPC that waits for others for long: it takes no thread meanwhile. Never blocks; `done`
// runs once, on any thread, and must not block.
struct AsyncMethod {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  // What the call may take, where that is more than others may; zero: as those.
  absl::Duration timeout = absl::ZeroDuration();
  std::function<void(const CallContext&, const Principal&, const google::protobuf::Message& request,
                     absl::AnyInvocable<void(absl::StatusOr<MessagePtr>)> done)>
      start;
};

// One running upload. At most one operation at a time; destroying it before Finish has called back
// abandons the upload and nothing becomes visible. Callbacks must not block.
class StreamedCall {
 public:
  virtual ~StreamedCall() = default;
  virtual void Write(std::string chunk, absl::AnyInvocable<void(absl::Status)> done) = 0;
  virtual void Finish(absl::AnyInvocable<void(absl::StatusOr<MessagePtr>)> done) = 0;
};

// A client-streaming RPC with the option stockroom.v1.streamed_body. Never blocks.
struct StreamedMethod {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  // `first` is a request whose header field is set.
  std::function<absl::StatusOr<std::unique_ptr<StreamedCall>>(
      const CallContext&, const Principal&, const google::protobuf::Message& first)>
      begin;
};

// The answers of one call, pulled one at a time. Callbacks must not block. Destroying it ends it.
class ResponseStream {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<MessagePtr>)>;
  virtual ~ResponseStream() = default;
  // An error ends the stream.
  virtual void Next(Done done) = 0;
  // Nobody wants more: a Next under way is answered CANCELLED at once.
  virtual void End() = 0;
};

// A server-streaming RPC. Never blocks.
struct ResponseStreamMethod {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  std::function<absl::StatusOr<std::unique_ptr<ResponseStream>>(
      const CallContext&, const Principal&, const google::protobuf::Message& request)>
      open;
};

// Filled by main, then only read.
class MethodTable {
 public:
  UnaryMethod& Add(UnaryMethod method) { return unary_.emplace_back(std::move(method)); }
  void Add(AsyncMethod method) { async_.push_back(std::move(method)); }
  void Add(StreamedMethod method) { streamed_.push_back(std::move(method)); }
  void Add(ResponseStreamMethod method) { response_streams_.push_back(std::move(method)); }

  const std::vector<UnaryMethod>& unary() const { return unary_; }
  const std::vector<AsyncMethod>& async() const { return async_; }
  const std::vector<StreamedMethod>& streamed() const { return streamed_; }
  const std::vector<ResponseStreamMethod>& response_streams() const { return response_streams_; }

 private:
  std::vector<UnaryMethod> unary_;
  std::vector<AsyncMethod> async_;
  std::vector<StreamedMethod> streamed_;
  std::vector<ResponseStreamMethod> response_streams_;
};

}  // namespace stockroom::api
