// stockroom.v1.SystemService as plain functions.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "services/api/domain/feed_position.h"
#include "services/api/domain/search_index.h"
#include "services/api/domain/worker_pool.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/system.pb.h"

namespace stockroom::api {

class SystemHandlers {
 public:
  struct JobNumbers {
    int waiting = 0;
    int running = 0;
  };
  SystemHandlers(std::string version, WorkerPool& workers, SearchIndex& index,
                 FeedPosition& position, std::function<JobNumbers()> jobs)
      : version_(std::move(version)),
        workers_(workers),
        index_(index),
        position_(position),
        jobs_(std::move(jobs)) {}

  absl::Status Ping(const CallContext& context, const Principal& who,
                    const v1::PingRequest& request, v1::PingResponse* response);
  absl::Status GetServerInfo(const CallContext& context, const Principal& who,
                             const v1::GetServerInfoRequest& request, v1::ServerInfo* response);

  void AddTo(MethodTable& table);

 private:
  const std::string version_;
  WorkerPool& workers_;
  SearchIndex& index_;
  FeedPosition& position_;
  const std::function<JobNumbers()> jobs_;
};

}  // namespace stockroom::api
