// An api as a worker sees it, that sends one job after the other from any thread.
#pragma once

#include <grpcpp/channel.h>

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/mutex.h"
#include "services/common/rpc/client_streams.h"
#include "stockroom/internal/work.grpc.pb.h"

namespace stockroom::corpus {

struct Answer {
  internal::JobResult result;
  absl::Duration took;  // from the worker's "started" to its result
};

// Thread-safe.
class WorkClient {
 public:
  // `threads`: how many jobs there will be at one time, at most.
  WorkClient(const std::string& address, int threads);
  ~WorkClient();

  // Blocks for a credit, then for the result. UNAVAILABLE: the stream has broken.
  // DEADLINE_EXCEEDED: no credit or no result within `limit`.
  absl::StatusOr<Answer> Run(internal::WorkJob job, absl::Duration limit);

 private:
  class Stream;
  std::unique_ptr<internal::WorkService::Stub> stub_;
  std::shared_ptr<Stream> stream_;
};

}  // namespace stockroom::corpus
