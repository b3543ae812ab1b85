// What comes between a worker's result and the image's being visible.
#pragma once

#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/block_list.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/moderator.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/blobs/blob_client.h"

namespace stockroom::api {

// If the external moderator gives no answer.
enum class ModeratorPolicy {
  kFlag,   // a person decides
  kAllow,  // as if it had allowed it
  kRetry,  // the image waits
};

// Thread-safe. Threads of its own ask the external moderator, since that blocks.
class Screening {
 public:
  struct Options {
    ModeratorPolicy policy = ModeratorPolicy::kFlag;
    // Of one question.
    absl::Duration patience = absl::Seconds(10);
    // Questions at the same time from this api.
    int concurrency = 8;
    // Pauses between questions about the same image (kRetry).
    absl::Duration first_pause = absl::Seconds(1);
    absl::Duration longest_pause = absl::Minutes(1);
    // The preview is the largest rendition that is no larger, since those grow with the presets.
    int64_t max_preview_bytes = 1 << 20;
  };
  // `moderator` may be null. All must outlive it.
  Screening(Options options, BlockList& list, Moderator* moderator, MetadataStore& store,
            BlobClient& blobs, Metrics& metrics);
  ~Screening();

  // Whether anybody is to be asked about this image: it is not visible yet, and there is a
  // moderator.
  bool MustAsk(const Image& image) const;
  // Asks about an image as it would be with this result. Never blocks. `done` runs once, on a
  // thread of its own: nothing, a finding, or UNAVAILABLE when stopping. What the block list knows
  // and what a person approved is not asked about.
  using Answered = absl::AnyInvocable<void(absl::StatusOr<std::optional<Finding>>)>;
  void Ask(const Image& image, const ProcessingResult& result, const std::string& request_id,
           Answered done);
  // So many wait for an answer that no more work should be begun.
  bool saturated() const;

  // Compares with the block list, and notes its version in the result. Blocks only before the list
  // was loaded.
  absl::Status Check(ProcessingResult& result);
  // The store knows a newer list. Blocks.
  absl::Status Refresh() { return list_.Refresh(); }

  // Questions that wait end with UNAVAILABLE; returns when all `done` have run. Idempotent.
  void Stop();

 private:
  struct Question {
    ModeratorQuestion text;
    std::vector<Rendition> renditions;
    Answered done;
  };
  void Answer(Question& question);
  absl::StatusOr<std::optional<Finding>> Decide(Question& question);
  absl::StatusOr<std::optional<Finding>> AskUntilPolicy(const ModeratorQuestion& question);
  void FetchPreview(Question& question);
  // False when stopping.
  bool Sleep(absl::Duration pause);

  const Options options_;
  BlockList& list_;
  Moderator* const moderator_;
  ModerationStore& store_;
  BlobClient& blobs_;
  Metrics& metrics_;
  Gauge& waiting_gauge_;
  mutable Mutex mu_;
  CondVar wake_;
  int waiting_ SR_GUARDED_BY(mu_) = 0;
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  Executor executor_;  // last: its threads use the rest
};

}  // namespace stockroom::api
