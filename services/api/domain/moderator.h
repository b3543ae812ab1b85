// Somebody outside who looks at pictures before they are visible: a program of the operator's,
// asked by one of services/api/moderators.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/image.h"

namespace stockroom::api {

struct ModeratorQuestion {
  std::string request_id;
  Image image;  // as it would be recorded: with facts and analysis
  // An encoded picture of it, of moderate size; empty if none is to be had.
  std::string preview;
  std::string preview_media_type;
};

struct ModeratorAnswer {
  enum class Verdict { kAllow, kFlag, kReject };
  Verdict verdict = Verdict::kAllow;
  std::string reason;
  std::vector<std::string> labels;
};

// Bounds on what is believed; more is cut off or refused.
inline constexpr size_t kMaxModeratorAnswer = 64 << 10;  // bytes
inline constexpr size_t kMaxModeratorReason = 1000;      // bytes
inline constexpr size_t kMaxModeratorLabels = 20;
inline constexpr size_t kMaxModeratorLabel = 100;  // bytes

// Thread-safe; asked by several threads at once.
class Moderator {
 public:
  virtual ~Moderator() = default;
  // Blocks until there is an answer, at most about `patience`. Any error means that there is none.
  virtual absl::StatusOr<ModeratorAnswer> Ask(const ModeratorQuestion& question,
                                              absl::Duration patience) = 0;
};

}  // namespace stockroom::api
