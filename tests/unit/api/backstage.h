// The api's parts in memory, as the use cases need them.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>

#include "services/api/domain/completions.h"
#include "services/api/domain/feed_position.h"
#include "services/api/domain/uploads.h"
#include "services/api/events/feed_follower.h"
#include "services/api/metadata/memory_store.h"
#include "services/api/search/memory_search_index.h"
#include "services/common/base/executor.h"
#include "services/common/base/timer.h"
#include "services/common/blobs/memory_blob_client.h"

namespace stockroom::api {

class Backstage : public ::testing::Test {
 protected:
  // A PNG's beginning; nothing here decodes.
  static std::string Png(const std::string& rest) {
    return std::string("\x89PNG\r\n\x1A\n", 8) + rest;
  }
  static Principal Anna() { return {.subject = "anna", .anonymous = false}; }
  static Principal Ben() { return {.subject = "ben", .anonymous = false}; }
  static CallContext Call() { return CallContext::WithTimeout(absl::Seconds(20)); }

  static absl::Status Write(UploadSession& session, std::string bytes) {
    std::promise<absl::Status> done;
    session.Write(std::move(bytes), [&](absl::Status status) { done.set_value(status); });
    return done.get_future().get();
  }
  static absl::StatusOr<UploadResult> Finish(UploadSession& session) {
    std::promise<absl::StatusOr<UploadResult>> done;
    session.Finish([&](absl::StatusOr<UploadResult> r) { done.set_value(std::move(r)); });
    return done.get_future().get();
  }
  absl::StatusOr<UploadResult> Upload(const std::string& bytes, UploadRequest request = {},
                                      const Principal& who = Anna()) {
    auto session = uploads_.Begin(Call(), who, std::move(request));
    if (!session.ok()) return session.status();
    if (absl::Status written = Write(**session, bytes); !written.ok()) return written;
    return Finish(**session);
  }
  static absl::Status Await(FeedPosition& position, int64_t wanted, CallContext context = Call()) {
    auto reached = std::make_shared<std::promise<absl::Status>>();
    std::future<absl::Status> future = reached->get_future();
    position.Wait(wanted, context, [reached](absl::Status status) { reached->set_value(status); });
    return future.get();
  }
  size_t ImageCount() { return store_->ListImages({.viewer = "anna", .limit = 500})->size(); }
  // Leases the only job there is.
  LeasedJob Lease() {
    auto jobs = store_->LeaseJobs({.holder = "test", .max_jobs = 1, .now = absl::Now()});
    EXPECT_EQ(jobs->size(), 1u);
    return jobs->at(0);
  }

  Metrics metrics_;
  TimerQueue timers_;
  const std::unique_ptr<MetadataStore> store_ = NewMemoryStore();
  MemoryBlobClient blobs_;
  Completions completions_{timers_};
  Executor executor_{{.name = "test", .threads = 4}, metrics_};
  Uploads uploads_{{.max_bytes = 1000, .max_in_flight = 2},
                   blobs_,
                   *store_,
                   completions_,
                   executor_,
                   Clock::Real(),
                   metrics_};
};

}  // namespace stockroom::api
