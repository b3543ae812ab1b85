// What the tests of moderation share.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "services/api/domain/block_list.h"
#include "services/api/domain/moderator.h"
#include "services/api/metadata/memory_store.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

// `bits` of the hash differ from all zeros; the picture is neither turned nor mirrored into itself.
inline std::string HashOf(const std::string& beginning) {
  std::string hash = beginning;
  // A pattern that none of the seven other turns comes near to.
  const std::string rest = "9a3c51e7d20f846b1c7e93a5f0d248b66b84f0c2e15793ad4c1f80e6b3d7295a";
  return hash + rest.substr(hash.size());
}

inline std::string PdqJson(const std::string& hash, int quality = 100) {
  return R"({"hash":")" + hash + R"(","quality":)" + std::to_string(quality) + "}";
}

inline BlockedHash Blocked(const std::string& hash, int threshold = kDefaultHashThreshold) {
  return {.hash = hash, .threshold = threshold, .label = "list", .note = {}, .creator = "mod"};
}

// Answers what it is told to.
class FakeModerator final : public Moderator {
 public:
  using Reply = std::function<absl::StatusOr<ModeratorAnswer>(const ModeratorQuestion&)>;
  explicit FakeModerator(Reply reply) : reply_(std::move(reply)) {}
  absl::StatusOr<ModeratorAnswer> Ask(const ModeratorQuestion& question, absl::Duration) override {
    {
      MutexLock lock(mu_);
      questions_.push_back(question);
    }
    return reply_(question);
  }
  std::vector<ModeratorQuestion> questions() {
    MutexLock lock(mu_);
    return questions_;
  }

 private:
  const Reply reply_;
  Mutex mu_;
  std::vector<ModeratorQuestion> questions_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
