// One job from beginning to end: fetch the original, have it decoded, store renditions and rungs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/call_context.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/blob_client.h"
#include "services/imageproc/core/admission.h"
#include "services/imageproc/core/decoder.h"
#include "stockroom/internal/work.pb.h"

namespace stockroom::imageproc {

struct JobLimits {
  int64_t max_original_bytes = int64_t{256} << 20;
  int64_t max_pixels = 100'000'000;  // a job may ask for fewer, not for more
  bool allow_svg = false;
};

// Thread-safe. Metrics: stockroom_jobs_total (label outcome), stockroom_job_seconds (label step:
// fetch, wait, decode, store, all).
class JobRunner {
 public:
  JobRunner(BlobClient& blobs, Decoder& decoder, Admission& admission, const JobLimits& limits,
            Metrics& metrics);

  // Blocks at most until the context's deadline, a little longer where a peer is slow to notice.
  // Always answers; assignment_id is copied from the job.
  internal::JobResult Run(const CallContext& context, const internal::WorkJob& job);

 private:
  internal::JobResult Attempt(const CallContext& context, const internal::WorkJob& job);
  // Holds a CPU slot, and only here.
  absl::StatusOr<DecodedImage> Decode(const CallContext& context, const internal::WorkJob& job,
                                      std::string_view original);
  // The worker's own digests, not the store's word for it, become part of `made`.
  absl::Status Store(const CallContext& context, const Digest& original,
                     const std::vector<std::string>& bytes,
                     google::protobuf::RepeatedPtrField<internal::RenditionMade>& made);

  BlobClient& blobs_;
  Decoder& decoder_;
  Admission& admission_;
  const JobLimits limits_;
  Metrics& metrics_;
  Histogram& fetch_seconds_;
  Histogram& wait_seconds_;
  Histogram& decode_seconds_;
  Histogram& store_seconds_;
  Histogram& all_seconds_;
};

}  // namespace stockroom::imageproc
