// Two apis over one database and one file server, in memory, and what people do with direct
// uploads.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "services/api/domain/direct_uploads.h"
#include "services/api/domain/upload_reconciler.h"
#include "services/api/metadata/memory_store.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/timer.h"
#include "services/common/blobs/memory_blob_client.h"
#include "services/common/blobs/memory_incoming_client.h"
#include "tests/unit/api/forwarding_store.h"

namespace stockroom::api {

// A store at which something may happen between two steps of somebody else.
class EventfulStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  absl::StatusOr<CreatedImage> CreateImage(const NewImage& image, absl::Time now) override {
    if (before_create) std::exchange(before_create, nullptr)();
    if (!fail_create.ok()) return std::exchange(fail_create, absl::OkStatus());
    return inner_.CreateImage(image, now);
  }
  std::function<void()> before_create;
  absl::Status fail_create;
};

// A file server that something may happen at before it is asked how much has arrived.
class EventfulIncoming final : public IncomingClient {
 public:
  explicit EventfulIncoming(IncomingClient& inner) : inner_(inner) {}
  void Create(const CallContext& context, IncomingSpec spec,
              absl::AnyInvocable<void(absl::StatusOr<IncomingTicket>)> done) override {
    inner_.Create(context, std::move(spec), std::move(done));
  }
  void Stat(const CallContext& context, const std::string& id,
            absl::AnyInvocable<void(absl::StatusOr<IncomingInfo>)> done) override {
    if (before_stat) std::exchange(before_stat, nullptr)();
    inner_.Stat(context, id, std::move(done));
  }
  void Complete(const CallContext& context, const std::string& id,
                absl::AnyInvocable<void(absl::StatusOr<IncomingBlob>)> done) override {
    inner_.Complete(context, id, std::move(done));
  }
  void Remove(const CallContext& context, const std::string& id,
              absl::AnyInvocable<void(absl::Status)> done) override {
    inner_.Remove(context, id, std::move(done));
  }
  void SignBlobUrl(const CallContext& context, BlobUrlSpec spec,
                   absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) override {
    inner_.SignBlobUrl(context, std::move(spec), std::move(done));
  }
  std::function<void()> before_stat;

 private:
  IncomingClient& inner_;
};

// An api's parts over the shared database and file server.
struct Api {
  Api(MetadataStore& store, MemoryBlobClient& blobs, IncomingClient& incoming, Clock& clock,
      const std::string& name, Quotas::Options quota, DirectUploads::Options options)
      : quotas(quota, store, clock),
        finisher({.quotas = &quotas}, incoming, blobs, store, clock, metrics),
        uploads(With(options, quotas), finisher, incoming, store, completions, executor, clock,
                metrics),
        reconciler({.holder = name}, finisher, incoming, store, clock, metrics) {}
  static DirectUploads::Options With(DirectUploads::Options options, Quotas& quotas) {
    options.quotas = &quotas;
    return options;
  }

  Metrics metrics;
  TimerQueue timers;
  Completions completions{timers};
  Executor executor{{.name = "test", .threads = 4}, metrics};
  Quotas quotas;
  UploadFinisher finisher;
  DirectUploads uploads;
  UploadReconciler reconciler;
};

class DirectUploadsTest : public ::testing::Test {
 protected:
  using Fault = MemoryIncomingClient::Call;

  DirectUploadsTest() { InitLogging("test", LogLevel::kOff); }

  static std::string Png(const std::string& rest) {
    return std::string("\x89PNG\r\n\x1A\n", 8) + rest;
  }
  static Principal Person(const std::string& name, Scopes more = {}) {
    return {.subject = name, .anonymous = false, .scopes = Scope::kRead | Scope::kWrite | more};
  }
  static Principal Anna() { return Person("anna"); }
  static Principal Ben() { return Person("ben"); }
  static CallContext Call(const std::string& key = "") {
    CallContext context = CallContext::WithTimeout(absl::Seconds(20));
    context.idempotency_key = key;
    return context;
  }
  static std::string Why(const absl::Status& status) { return DetailsOf(status).reason; }

  static AnnounceRequest Announcing(const std::string& bytes) {
    return {.size_bytes = static_cast<int64_t>(bytes.size()),
            .content_type = "image/png",
            .filename = "a/b/one.png",
            .described = {.title = "One"}};
  }
  absl::StatusOr<UploadView> TryCreate(const AnnounceRequest& request,
                                       const Principal& who = Anna()) {
    return one_.uploads.Create(Call(), who, request);
  }
  std::string Create(const AnnounceRequest& request, const Principal& who = Anna()) {
    const absl::StatusOr<UploadView> view = TryCreate(request, who);
    EXPECT_TRUE(view.ok()) << view.status();
    return view.ok() ? view->upload.id : "";
  }
  // Announced and wholly sent, not completed.
  std::string Send(const std::string& bytes, const Principal& who = Anna()) {
    const std::string id = Create(Announcing(bytes), who);
    EXPECT_TRUE(incoming_.Append(id, 0, bytes).ok());
    return id;
  }
  absl::StatusOr<CreatedImage> Complete(const std::string& id, const Principal& who = Anna(),
                                        Api* api = nullptr) {
    std::promise<absl::StatusOr<CreatedImage>> done;
    (api == nullptr ? one_ : *api)
        .uploads.Complete(Call(), who, {.id = id},
                          [&](absl::StatusOr<CreatedImage> r) { done.set_value(std::move(r)); });
    absl::StatusOr<CreatedImage> answer = done.get_future().get();
    Settle(api == nullptr ? one_ : *api);
    return answer;
  }
  // What an answered completion still does has been done.
  static void Settle(Api& api) {
    std::promise<void> all[4];
    std::promise<void> go;
    const std::shared_future<void> gone(go.get_future());
    for (std::promise<void>& each : all) {
      EXPECT_TRUE(api.executor.SubmitAdmitted([&each, gone] {
        each.set_value();
        gone.wait();
      }));
    }
    for (std::promise<void>& each : all) each.get_future().wait();
    go.set_value();
  }
  UploadReconciler::Round Reconcile(Api* api = nullptr) {
    const auto round = (api == nullptr ? one_ : *api).reconciler.RunOnce();
    EXPECT_TRUE(round.ok()) << round.status();
    return round.value_or(UploadReconciler::Round{});
  }
  DirectUpload Row(const std::string& id) {
    const auto row = store_.uploads().GetUpload(id);
    EXPECT_TRUE(row.ok()) << row.status();
    return row.value_or(DirectUpload{});
  }
  size_t ImageCount() { return store_.ListImages({.viewer = "anna", .limit = 500})->size(); }
  int64_t ImagesUsed() { return store_.UsageOf("anna")->images; }

  FakeClock clock_{absl::FromUnixMillis(absl::ToUnixMillis(absl::Now()))};
  const std::unique_ptr<MetadataStore> inner_ = NewMemoryStore();
  EventfulStore store_{*inner_};
  MemoryBlobClient blobs_;
  MemoryIncomingClient incoming_{{.clock = &clock_}, blobs_};
  Api one_{store_,
           blobs_,
           incoming_,
           clock_,
           "one",
           {.max_images = 3},
           {.max_bytes = 1000, .max_open = 10}};
  Api two_{store_,
           blobs_,
           incoming_,
           clock_,
           "two",
           {.max_images = 3},
           {.max_bytes = 1000, .max_open = 10}};
};

}  // namespace stockroom::api
