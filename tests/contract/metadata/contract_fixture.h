// What the parts of the MetadataStore contract share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "services/api/domain/metadata_store.h"

namespace stockroom::api {

// Owns whatever a store needs (folder, metrics) and the store.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual MetadataStore& store() = 0;
};

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<StoreUnderTest>()> make;
};
inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }

// `status` or `status_or` is OK; says what it is otherwise.
template <typename T>
T Value(absl::StatusOr<T> result) {
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : T();
}
inline absl::StatusCode Code(const absl::Status& status) { return status.code(); }
template <typename T>
absl::StatusCode Code(const absl::StatusOr<T>& result) {
  return result.status().code();
}

inline const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

inline NewImage Upload(const std::string& id, const std::string& owner = "ann",
                       const std::string& bytes = "") {
  NewImage image;
  image.id = id;
  image.owner = owner;
  image.described.title = "title of " + id;
  image.filename = id + ".jpg";
  image.sha256 = Digest::Of(bytes.empty() ? "bytes of " + id : bytes);
  image.md5 = std::string("\0\x01md5 of 16 byte", 16);
  image.size_bytes = 12345;
  return image;
}

inline ProcessingResult Processed() {
  ProcessingResult result;
  result.facts = {.width = 640,
                  .height = 480,
                  .format = "jpeg",
                  .media_type = "image/jpeg",
                  .frames = 1,
                  .taken_time = kNoon - absl::Hours(24)};
  result.analysis = {{"facts", R"({"a":1.50})"}};
  Rendition thumb{.preset = "thumb-150",
                  .recipe = "fit=150x150/format=jpeg",
                  .key = "0123",
                  .format = "jpeg",
                  .media_type = "image/jpeg",
                  .width = 150,
                  .height = 113,
                  .size_bytes = 4000,
                  .sha256 = Digest::Of("thumb")};
  result.renditions = {thumb};
  return result;
}

inline absl::Status Allow(const Image&) { return absl::OkStatus(); }

// Runs `body(0)` … `body(n - 1)`, each on a thread, and waits.
inline void InThreads(int n, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < n; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

class MetadataStoreContract : public ::testing::TestWithParam<StoreKind> {
 protected:
  MetadataStore& store() { return subject_->store(); }

  Image Create(const std::string& id, absl::Time now = kNoon) {
    return Value(store().CreateImage(Upload(id), now)).image;
  }
  int Enqueue(const std::string& id, JobPriority priority = JobPriority::kInteractive,
              absl::Time now = kNoon) {
    return Value(store().EnqueueJobs(std::vector<std::string>{id},
                                     {.request_id = "request", .priority = priority}, now));
  }
  // The only job that is free at `now`.
  LeasedJob LeaseOne(absl::Time now = kNoon, absl::Duration lease = absl::Seconds(60)) {
    auto jobs =
        Value(store().LeaseJobs({.holder = "api-1", .max_jobs = 1, .now = now, .lease = lease}));
    EXPECT_EQ(jobs.size(), 1u);
    return jobs.empty() ? LeasedJob{} : jobs[0];
  }
  static JobRef Ref(const LeasedJob& leased) { return {leased.job.id, leased.job.token}; }
  std::vector<Event> Events(int64_t after = 0) { return Value(store().ReadEvents(after, 100000)); }
  std::vector<std::string> EventTypes() {
    std::vector<std::string> types;
    for (const Event& event : Events()) types.push_back(event.type);
    return types;
  }
  Image MakeReady(const std::string& id) {
    Create(id);
    return Value(store().CompleteJob(Ref(LeaseOne()), Processed(), kNoon));
  }

 private:
  std::unique_ptr<StoreUnderTest> subject_ = GetParam().make();
};

}  // namespace stockroom::api
