#include "services/api/handlers/store_handlers.h"

#include "services/api/domain/access.h"
#include "services/api/handlers/add_unary.h"
#include "services/api/handlers/convert.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

const char* NameOf(ScrubStatus::State state) {
  switch (state) {
    case ScrubStatus::State::kOff:
      return "off";
    case ScrubStatus::State::kWaiting:
      return "waiting";
    case ScrubStatus::State::kRunning:
      return "running";
    case ScrubStatus::State::kHalted:
      return "halted";
  }
  return "unknown";
}

const char* NameOf(ImageProblem::Kind kind) {
  switch (kind) {
    case ImageProblem::Kind::kMissing:
      return "missing";
    case ImageProblem::Kind::kDamaged:
      return "damaged";
    case ImageProblem::Kind::kUnreadable:
      return "unreadable";
    case ImageProblem::Kind::kWrongSize:
      return "wrong-size";
    case ImageProblem::Kind::kWrongMd5:
      return "wrong-md5";
  }
  return "unknown";
}

void ToMessage(const ScrubCounts& counts, v1::ScrubNumbers* out) {
  out->set_blobs(counts.blobs);
  out->set_renditions(counts.renditions);
  out->set_bytes(counts.bytes);
  out->set_damaged_blobs(counts.damaged_blobs);
  out->set_damaged_renditions(counts.damaged_renditions);
  out->set_read_errors(counts.read_errors);
}

void ToMessage(const ScrubStatus& status, v1::Scrub* out) {
  out->set_state(NameOf(status.state));
  out->set_pass(status.pass);
  out->set_requested(status.requested);
  if (status.pass > 0) *out->mutable_start_time() = ToTimestamp(status.started);
  out->set_progress(status.progress);
  ToMessage(status.counts, out->mutable_counts());
  if (status.last_ended > absl::UnixEpoch()) {
    *out->mutable_last_end_time() = ToTimestamp(status.last_ended);
    ToMessage(status.last, out->mutable_last());
  }
  out->set_halted_because(status.halted_because);
}

}  // namespace

// One of the checks that run at once.
class StoreHandlers::Turn {
 public:
  explicit Turn(std::atomic<int>& checks) : checks_(checks), mine_(checks.fetch_add(1)) {}
  ~Turn() { checks_.fetch_sub(1); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  absl::Status status() const {
    if (mine_ < kMostChecks) return absl::OkStatus();
    return Overloaded("enough checks of the store run already", absl::Seconds(2));
  }

 private:
  std::atomic<int>& checks_;
  const int mine_;
};

absl::Status StoreHandlers::GetScrub(const CallContext& context, const Principal&,
                                     const v1::GetScrubRequest&, v1::Scrub* response) {
  SR_ASSIGN_OR_RETURN(const ScrubStatus status, care_.files().GetScrubStatus(context));
  ToMessage(status, response);
  return absl::OkStatus();
}

absl::Status StoreHandlers::StartScrub(const CallContext& context, const Principal&,
                                       const v1::StartScrubRequest& request, v1::Scrub* response) {
  SR_ASSIGN_OR_RETURN(const ScrubStatus status,
                      care_.files().StartScrub(context, request.bytes_per_second()));
  ToMessage(status, response);
  return absl::OkStatus();
}

absl::Status StoreHandlers::ListQuarantined(const CallContext& context, const Principal&,
                                            const v1::ListQuarantinedRequest& request,
                                            v1::ListQuarantinedResponse* response) {
  const int page_size = request.page_size() == 0 ? 100 : request.page_size();
  SR_ASSIGN_OR_RETURN(const QuarantinedPage page,
                      care_.files().ListQuarantined(context, request.page_token(), page_size));
  for (const QuarantinedBlob& blob : page.blobs) {
    v1::QuarantinedOriginal& out = *response->add_originals();
    out.set_sha256(blob.sha256.hex());
    out.set_name(blob.name);
    out.set_size_bytes(blob.size);
    *out.mutable_time() = ToTimestamp(blob.time);
    out.set_why(blob.why);
    out.set_healed(blob.healed);
  }
  response->set_next_page_token(page.next_cursor);
  return absl::OkStatus();
}

absl::Status StoreHandlers::CheckImages(const CallContext& context, const Principal& who,
                                        const v1::CheckImagesRequest& request,
                                        v1::CheckImagesResponse* response) {
  SR_RETURN_IF_ERROR(CheckMaySeeAll(who));
  const Turn turn(checks_);
  SR_RETURN_IF_ERROR(turn.status());
  SR_ASSIGN_OR_RETURN(const CheckedImages checked,
                      care_.CheckImages(context, request.page_token(), request.full()));
  response->set_images(checked.images);
  response->set_bytes(checked.bytes);
  for (const ImageProblem& problem : checked.problems) {
    v1::ImageProblem& out = *response->add_problems();
    out.set_image_id(problem.image_id);
    out.set_owner(problem.owner);
    out.set_sha256(problem.sha256.hex());
    out.set_kind(NameOf(problem.kind));
    out.set_message(problem.message);
  }
  response->set_next_page_token(checked.next_page_token);
  return absl::OkStatus();
}

absl::Status StoreHandlers::CheckBlobs(const CallContext& context, const Principal&,
                                       const v1::CheckBlobsRequest& request,
                                       v1::CheckBlobsResponse* response) {
  const Turn turn(checks_);
  SR_RETURN_IF_ERROR(turn.status());
  SR_ASSIGN_OR_RETURN(const CheckedBlobs checked, care_.CheckBlobs(context, request.page_token()));
  response->set_originals(checked.originals);
  response->set_bytes(checked.bytes);
  response->set_unreferenced(checked.unreferenced);
  response->set_unreferenced_bytes(checked.unreferenced_bytes);
  if (checked.unreferenced > 0) {
    *response->mutable_oldest_unreferenced() = ToTimestamp(checked.oldest_unreferenced);
  }
  response->set_only_renditions(checked.only_renditions);
  response->set_next_page_token(checked.next_page_token);
  return absl::OkStatus();
}

void StoreHandlers::AddTo(MethodTable& table) {
  const auto* service =
      v1::GetScrubRequest::descriptor()->file()->FindServiceByName("StoreService");
  AddUnary<v1::GetScrubRequest, v1::Scrub>(table, service, "GetScrub", this,
                                           &StoreHandlers::GetScrub);
  AddUnary<v1::StartScrubRequest, v1::Scrub>(table, service, "StartScrub", this,
                                             &StoreHandlers::StartScrub);
  AddUnary<v1::ListQuarantinedRequest, v1::ListQuarantinedResponse>(
      table, service, "ListQuarantined", this, &StoreHandlers::ListQuarantined);
  AddUnary<v1::CheckImagesRequest, v1::CheckImagesResponse>(table, service, "CheckImages", this,
                                                            &StoreHandlers::CheckImages)
      .timeout = kTimeout;
  AddUnary<v1::CheckBlobsRequest, v1::CheckBlobsResponse>(table, service, "CheckBlobs", this,
                                                          &StoreHandlers::CheckBlobs)
      .timeout = kTimeout;
}

}  // namespace stockroom::api
