// One job from beginning to end: fetch the original, have it decoded, store the renditions.
#pragma once

#include <cstdint>

#include "services/common/base/call_context.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/blob_client.h"
#include "services/imageproc/core/decoder.h"
#include "stockroom/internal/work.pb.h"

namespace stockroom::imageproc {

struct JobLimits {
  int64_t max_original_bytes = int64_t{256} << 20;
  int64_t max_pixels = 100'000'000;  // a job may ask for fewer, not for more
};

// Thread-safe. Metrics: stockroom_jobs_total (label outcome), stockroom_job_seconds (label step:
// fetch, decode, store, all).
class JobRunner {
 public:
  JobRunner(BlobClient& blobs, Decoder& decoder, const JobLimits& limits, Metrics& metrics);

  // Blocks at most until the context's deadline, a little longer where a peer is slow to notice.
  // Always answers; assignment_id is copied from the job.
  internal::JobResult Run(const CallContext& context, const internal::WorkJob& job);

 private:
  internal::JobResult Attempt(const CallContext& context, const internal::WorkJob& job);

  BlobClient& blobs_;
  Decoder& decoder_;
  const JobLimits limits_;
  Metrics& metrics_;
  Histogram& fetch_seconds_;
  Histogram& decode_seconds_;
  Histogram& store_seconds_;
  Histogram& all_seconds_;
};

}  // namespace stockroom::imageproc
