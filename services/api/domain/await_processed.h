// Waiting until an image was processed, for whoever stored it.
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/completions.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/call_context.h"
#include "services/common/base/executor.h"

namespace stockroom::api {

// What a waiting uploader is told about an image that can not be processed: INVALID_ARGUMENT
// (BAD_IMAGE).
absl::Status ProcessingFailed(const std::string& image_id, const std::string& reason);

// READY, FAILED or hidden: nobody waits for it any more.
bool IsProcessed(const Image& image);

// `done` gets the image as it is once it was processed, or after `longest`, with a feed position
// that holds what has happened to it; CANCELLED, the store's errors, UNAVAILABLE (SHUTTING_DOWN).
// It runs once, on `executor` unless nobody can wait any more; takes no thread meanwhile. Blocks on
// the store: call it from an executor. All must outlive the wait.
void AwaitProcessed(MetadataStore& store, Completions& completions, Executor& executor,
                    const CallContext& context, CreatedImage created, absl::Duration longest,
                    absl::AnyInvocable<void(absl::StatusOr<CreatedImage>)> done);

}  // namespace stockroom::api
