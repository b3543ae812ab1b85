// A memory store with images and webhooks, and a clock that stands still.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "services/api/domain/webhooks.h"
#include "services/api/metadata/memory_store.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/base/status.h"

namespace stockroom::api {

class Stage : public ::testing::Test {
 protected:
  static Principal Root() {
    return {.subject = "root", .anonymous = false, .scopes = Scope::kRead | Scope::kAdmin};
  }
  Image Upload(const std::string& id, Description described = {},
               const std::string& owner = "ann") {
    NewImage image{.id = id, .owner = owner, .described = std::move(described)};
    image.sha256 = Digest::Of(id);
    image.md5 = std::string(16, 'm');
    return store_->CreateImage(image, clock_.Now())->image;
  }
  void Delete(const std::string& id) {
    ASSERT_TRUE(
        store_->DeleteImage(id, clock_.Now(), [](const Image&) { return absl::OkStatus(); }).ok());
  }
  std::string Make(WebhookSpec spec = {}) {
    if (spec.url.empty()) spec.url = "https://example.org/hook";
    const absl::StatusOr<Webhook> made = webhooks_.Create(Root(), std::move(spec));
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? made->id : "";
  }
  std::vector<WebhookDelivery> Log(const std::string& webhook) {
    return *hooks_.ListDeliveries({.webhook_id = webhook, .limit = 1000});
  }
  std::vector<std::string> Types(const std::string& webhook) {
    std::vector<std::string> types;
    for (const WebhookDelivery& delivery : Log(webhook)) types.push_back(delivery.type);
    std::sort(types.begin(), types.end());
    return types;
  }
  uint64_t Count(const std::string& name, const Metrics::Labels& labels = {}) {
    return metrics_.GetCounter(name, "", labels).value();
  }

  Metrics metrics_;
  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  const std::unique_ptr<MetadataStore> store_ = NewMemoryStore();
  WebhookStore& hooks_ = store_->webhooks();
  int woken_ = 0;
  Webhooks webhooks_{{.max_webhooks = 10,
                      .max_pending = 5,
                      .check_url = [](const std::string&) { return absl::OkStatus(); },
                      .wake = [this] { ++woken_; }},
                     *store_,
                     clock_};
};

}  // namespace stockroom::api
