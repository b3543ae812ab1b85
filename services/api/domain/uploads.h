// Use case: a photograph goes in.
//
// Bytes flow piece by piece into the file server and are never held whole. Blob first, row last:
// the image row, its job and its event are committed only after the file server said that the bytes
// are durable, and the answer comes after that.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/completions.h"
#include "services/api/domain/idempotency.h"
#include "services/api/domain/image.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"
#include "services/api/domain/quotas.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/blob_client.h"
#include "services/common/media/sniff.h"

namespace stockroom::api {

struct UploadRequest {
  Description described;
  std::string filename;
  std::optional<Digest> expected_sha256;
  bool allow_duplicate = false;
  // Answer when processed, or after `wait_timeout`.
  bool wait = false;
  absl::Duration wait_timeout = absl::Seconds(30);
  // With an idempotency key: names what was asked for besides the bytes, and renders the answer
  // that a repetition gets. `answer` is pure and runs on any thread.
  std::string fingerprint;
  std::function<std::string(const CreatedImage& created)> answer;
};

struct UploadResult : CreatedImage {
  // Not empty: the answer that the first upload under this key got; the image is not set then.
  std::string stored_answer;
  // This upload wanted to wait: a stored answer about a FAILED image is ProcessingFailed.
  bool waited = false;
};

// One upload. At most one operation in flight. Destroying it before Finish was called abandons it:
// what the file server has is dropped and no row appears. Destroying it after that only means that
// nobody wants the answer; the image may be stored.
class UploadSession {
 public:
  virtual ~UploadSession() = default;
  // `done` may run on a gRPC reaction: it must not block.
  virtual void Write(std::string chunk, absl::AnyInvocable<void(absl::Status)> done) = 0;
  virtual void Finish(absl::AnyInvocable<void(absl::StatusOr<UploadResult>)> done) = 0;
};

class Uploads {
 public:
  struct Options {
    // Largest original. Larger photographs than 200 MB are rare; a cap keeps one client from
    // filling the disk with one request.
    int64_t max_bytes = 200 << 20;
    // Uploads under way at once; each holds a few chunks of at most 1 MiB.
    int max_in_flight = 256;
    // The collector's grace period.
    absl::Duration grace = absl::Hours(24);
    // As the workers': what is taken here, they must decode.
    SvgPolicy svg = SvgPolicy::kRefused;
    // Must outlive the uploads. Null: owners may keep what they like.
    Quotas* quotas = nullptr;
  };
  Uploads(Options options, BlobClient& blobs, MetadataStore& store, Completions& completions,
          Executor& executor, Clock& clock, Metrics& metrics);

  // The principal's attributes win over those of the request: they are somebody's word who signed
  // them. INVALID_ARGUMENT for a bad description, RESOURCE_EXHAUSTED when too many uploads run or
  // the owner's quota is used up (QUOTA_EXCEEDED, also later).
  // Later errors come through the session: INVALID_ARGUMENT (EMPTY_UPLOAD, NOT_AN_IMAGE; with wait
  // also what the decoder says of the bytes), OUT_OF_RANGE (TOO_LARGE), DATA_LOSS
  // (DIGEST_MISMATCH), those of HoldKey. A key is held only while the row is written, since the
  // bytes decide whether it is the same upload: a repetition sends its bytes again.
  absl::StatusOr<std::unique_ptr<UploadSession>> Begin(const CallContext& context,
                                                       const Principal& who, UploadRequest request);

 private:
  class Session;

  const Options options_;
  BlobClient& blobs_;
  MetadataStore& store_;
  Completions& completions_;
  Executor& executor_;
  Clock& clock_;
  std::atomic<int> in_flight_{0};
  Gauge& in_flight_gauge_;
  Counter& bytes_total_;
  Counter& stored_total_;
  Counter& deduplicated_total_;
};

}  // namespace stockroom::api
