// Use cases of direct uploads: bytes that clients send straight to the file server or to S3. See
// proto/stockroom/v1/uploads.proto for what each means and can fail with.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/completions.h"
#include "services/api/domain/image.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"
#include "services/api/domain/quotas.h"
#include "services/api/domain/upload_finisher.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/incoming_client.h"

namespace stockroom::api {

struct AnnounceRequest {
  int64_t size_bytes = 0;
  std::string content_type;
  std::string filename;
  std::optional<Digest> sha256;
  std::string md5;  // 16 bytes or empty
  std::optional<uint32_t> crc32c;
  absl::Duration expires_in;  // zero: the longest
  Description described;
  bool allow_duplicate = false;
  // With an idempotency key: names what was asked for.
  std::string fingerprint;
};

struct UploadView {
  DirectUpload upload;
  int64_t received_bytes = 0;
  // Of an open one. Holds secrets: never log it.
  std::optional<IncomingTicket> ticket;
};

struct UploadPage {
  std::vector<DirectUpload> uploads;
  std::string next_page_token;  // empty on the last page
};

struct CompleteRequest {
  std::string id;
  // Answer when processed, or after `wait_timeout`.
  bool wait = false;
  absl::Duration wait_timeout = absl::Seconds(30);
};

struct OriginalUrl {
  std::string url;
  absl::Time expires;
};

// Thread-safe. All but Complete block on the store and on the file server, whose calls move no
// bytes. Metrics: stockroom_direct_uploads_created_total, stockroom_direct_uploads_completing,
// those of UploadFinisher.
class DirectUploads {
 public:
  struct Options {
    // As of uploads through the api.
    int64_t max_bytes = 200 << 20;
    // Longest time from CreateUpload to the last byte: a large file over a bad network, with a
    // night in between.
    absl::Duration longest = absl::Hours(24);
    // How soon the reconciler looks for one that is whole and was forgotten.
    absl::Duration reconcile_after = absl::Minutes(1);
    // Open ones of an owner: each holds a row, and a place on the file server.
    int max_open = 1000;
    // Completions under way at once: each makes the file server read and hash a file.
    int max_completing = 32;
    // Of URLs of originals.
    absl::Duration longest_url = absl::Hours(24 * 7);
    absl::Duration call_timeout = absl::Seconds(10);
    // Must outlive it. Null: owners may keep what they like.
    Quotas* quotas = nullptr;
  };
  // `finisher` is of the same incoming client and store. All must outlive it and the executor's
  // tasks.
  DirectUploads(Options options, UploadFinisher& finisher, IncomingClient& incoming,
                MetadataStore& store, Completions& completions, Executor& executor, Clock& clock,
                Metrics& metrics);

  absl::StatusOr<UploadView> Create(const CallContext& context, const Principal& who,
                                    AnnounceRequest request);
  absl::StatusOr<UploadView> Get(const CallContext& context, const Principal& who,
                                 const std::string& id);
  // `page_size` 1 to 500, 0 for 50.
  absl::StatusOr<UploadPage> List(const Principal& who, int page_size,
                                  const std::string& page_token);
  absl::StatusOr<DirectUpload> Abort(const CallContext& context, const Principal& who,
                                     const std::string& id);
  // Zero: an hour, or the longest.
  absl::StatusOr<OriginalUrl> GetOriginalUrl(const CallContext& context, const Principal& who,
                                             const std::string& id, absl::Duration expires_in);

  // Never blocks. `done` runs once, on the executor or at once.
  void Complete(const CallContext& context, const Principal& who, CompleteRequest request,
                absl::AnyInvocable<void(absl::StatusOr<CreatedImage>)> done);

 private:
  struct Completion;

  absl::StatusOr<DirectUpload> Find(const Principal& who, const std::string& id);
  absl::StatusOr<DirectUpload> Describe(const Principal& who, AnnounceRequest& request) const;
  absl::Status Insert(const CallContext& context, const DirectUpload& upload,
                      const std::optional<IdempotentWrite>& once);
  absl::StatusOr<IncomingTicket> TicketOf(const CallContext& context, const DirectUpload& upload);
  absl::StatusOr<UploadView> View(const CallContext& context, const DirectUpload& upload);
  CallContext CallOf(const CallContext& context) const;

  const Options options_;
  UploadFinisher& finisher_;
  IncomingClient& incoming_;
  MetadataStore& store_;
  Completions& completions_;
  Executor& executor_;
  Clock& clock_;
  std::atomic<int> completing_{0};
  Counter& created_total_;
  Gauge& completing_gauge_;
};

}  // namespace stockroom::api
