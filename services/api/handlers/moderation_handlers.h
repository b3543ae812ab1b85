// stockroom.v1.ModerationService as plain functions. Errors are listed in the proto.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/moderation.h"
#include "services/api/domain/moderator.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/moderation.pb.h"
#include "stockroom/v1/moderator_hook.pb.h"

namespace stockroom::api {

// What an external moderator is asked, and what its answer means: the proto of the hook.
v1::ModerateRequest ModerateRequestOf(const ModeratorQuestion& question);
// UNAVAILABLE (MODERATOR_ANSWER) if it is no verdict. Reason and labels are cut to what counts.
absl::StatusOr<ModeratorAnswer> ModeratorAnswerOf(const v1::ModerateResponse& response);
// The same for moderators that speak JSON.
std::string ModeratorJson(const ModeratorQuestion& question);
absl::StatusOr<ModeratorAnswer> ModeratorAnswerOf(const std::string& json);

class ModerationHandlers {
 public:
  explicit ModerationHandlers(Moderation& moderation) : moderation_(moderation) {}

  absl::Status ListFlagged(const CallContext& context, const Principal& who,
                           const v1::ListFlaggedRequest& request,
                           v1::ListFlaggedResponse* response);
  absl::Status DecideImage(const CallContext& context, const Principal& who,
                           const v1::DecideImageRequest& request, v1::Image* response);
  absl::Status ListDecisions(const CallContext& context, const Principal& who,
                             const v1::ListDecisionsRequest& request,
                             v1::ListDecisionsResponse* response);
  absl::Status AddBlockedHashes(const CallContext& context, const Principal& who,
                                const v1::AddBlockedHashesRequest& request,
                                v1::AddBlockedHashesResponse* response);
  absl::Status RemoveBlockedHashes(const CallContext& context, const Principal& who,
                                   const v1::RemoveBlockedHashesRequest& request,
                                   v1::RemoveBlockedHashesResponse* response);
  absl::Status ListBlockedHashes(const CallContext& context, const Principal& who,
                                 const v1::ListBlockedHashesRequest& request,
                                 v1::ListBlockedHashesResponse* response);
  absl::Status ImportBlockedHashes(const CallContext& context, const Principal& who,
                                   const v1::ImportBlockedHashesRequest& request,
                                   v1::AddBlockedHashesResponse* response);
  absl::Status ExportBlockedHashes(const CallContext& context, const Principal& who,
                                   const v1::ExportBlockedHashesRequest& request,
                                   v1::ExportBlockedHashesResponse* response);

  void AddTo(MethodTable& table);

 private:
  absl::Status Add(const Principal& who, std::vector<BlockedHash> hashes,
                   v1::AddBlockedHashesResponse* response);

  Moderation& moderation_;
};

}  // namespace stockroom::api
