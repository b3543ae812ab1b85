// Between the domain's words for work and the worker protocol's.
#pragma once

#include <vector>

#include "services/api/domain/worker_pool.h"
#include "stockroom/internal/work.pb.h"

namespace stockroom::api {

internal::WorkJob ToJob(const WorkAssignment& work, uint64_t assignment_id, uint64_t credit_id);

internal::Watermark ToWatermark(const WatermarkPicture& mark);
std::vector<WorkerEngine> FromEngines(const internal::WorkerHello& hello);

// A result that does not make sense (a digest of the wrong size, DONE without facts) becomes
// kRetry: the worker is at fault, not the image.
WorkOutcome FromResult(const internal::JobResult& result);

}  // namespace stockroom::api
