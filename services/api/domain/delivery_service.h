// Delivery over the metadata store and the file server.
#pragma once

#include <map>
#include <string>

#include "services/api/domain/completions.h"
#include "services/api/domain/delivery.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/clock.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

class DeliveryService final : public Delivery {
 public:
  struct Options {
    // How long a viewer waits while a lost rendition is made again.
    absl::Duration remake_timeout = absl::Seconds(20);
  };
  // `on_job` runs after a job was queued.
  DeliveryService(Options options, MetadataStore& store, BlobClient& blobs,
                  Completions& completions, Executor& executor, Clock& clock,
                  std::function<void()> on_job, Metrics& metrics);

  void FindRendition(const CallContext& context, const Principal& who, const std::string& image_id,
                     const std::string& preset, const std::string& extension, Found done) override;
  void FindOriginal(const CallContext& context, const Principal& who, const std::string& image_id,
                    Found done) override;
  void Open(const CallContext& context, const Deliverable& what, ByteRange range,
            Opened done) override;

 private:
  absl::StatusOr<Image> Readable(const Principal& who, const std::string& image_id);
  void OpenOriginal(const CallContext& context, const Deliverable& what, ByteRange range,
                    Opened done);
  void OpenRendition(const CallContext& context, const Deliverable& what, ByteRange range,
                     std::optional<absl::Time> remake_until, Opened done);
  void QueueRemake(const CallContext& context, const Deliverable& what);
  void WaitForRemake(const CallContext& context, const Deliverable& what, ByteRange range,
                     absl::Time until, Opened done);

  const Options options_;
  MetadataStore& store_;
  BlobClient& blobs_;
  Completions& completions_;
  Executor& executor_;
  Clock& clock_;
  const std::function<void()> on_job_;
  Counter& remakes_total_;
};

}  // namespace stockroom::api
