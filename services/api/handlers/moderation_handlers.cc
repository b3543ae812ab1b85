#include "services/api/handlers/moderation_handlers.h"

#include <utility>

#include "services/api/handlers/add_unary.h"
#include "services/api/handlers/convert.h"
#include "services/api/handlers/fingerprint.h"
#include "services/api/handlers/serialise.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

void ToMessage(const Decision& decision, v1::Decision* out) {
  out->set_id(decision.id);
  out->set_image_id(decision.image_id);
  out->set_image_owner(decision.image_owner);
  *out->mutable_time() = ToTimestamp(decision.time);
  out->set_by(static_cast<v1::DecidedBy>(decision.by));
  out->set_who(decision.who);
  out->set_from(static_cast<v1::State>(decision.from));
  out->set_to(static_cast<v1::State>(decision.to));
  out->set_reason(decision.reason);
  out->set_hash(decision.hash);
  out->set_distance(decision.distance);
  for (const std::string& label : decision.labels) out->add_labels(label);
  out->set_revision(decision.revision);
}

void ToMessage(const BlockedHash& hash, v1::BlockedHash* out) {
  out->set_hash(hash.hash);
  out->set_threshold(hash.threshold);
  out->set_label(hash.label);
  out->set_note(hash.note);
  out->set_creator(hash.creator);
  *out->mutable_create_time() = ToTimestamp(hash.create_time);
}

absl::StatusOr<ImageState> HiddenStateOf(v1::State state) {
  if (state == v1::STATE_UNSPECIFIED || state == v1::FLAGGED) return ImageState::kFlagged;
  if (state == v1::REJECTED) return ImageState::kRejected;
  return InvalidField("state", "expected FLAGGED or REJECTED");
}

absl::StatusOr<ImageState> StateAfter(v1::Verdict verdict) {
  switch (verdict) {
    case v1::APPROVE:
      return ImageState::kReady;
    case v1::REJECT:
      return ImageState::kRejected;
    case v1::REOPEN:
      return ImageState::kFlagged;
    default:
      return InvalidField("verdict", "expected APPROVE, REJECT or REOPEN");
  }
}

v1::Image FullImage(const Image& image) {
  v1::Image message;
  ToMessage(image, v1::FULL, &message);
  return message;
}

}  // namespace

absl::Status ModerationHandlers::ListFlagged(const CallContext&, const Principal&,
                                             const v1::ListFlaggedRequest& request,
                                             v1::ListFlaggedResponse* response) {
  SR_ASSIGN_OR_RETURN(const ImageState state, HiddenStateOf(request.state()));
  SR_ASSIGN_OR_RETURN(HiddenPage page,
                      moderation_.ListHidden(state, request.page_size(), request.page_token()));
  for (const HiddenPage::Item& item : page.items) {
    v1::FlaggedImage* out = response->add_images();
    ToMessage(item.image, v1::BASIC, out->mutable_image());
    if (item.latest) ToMessage(*item.latest, out->mutable_decision());
  }
  response->set_next_page_token(std::move(page.next_page_token));
  return absl::OkStatus();
}

absl::Status ModerationHandlers::DecideImage(const CallContext& context, const Principal& who,
                                             const v1::DecideImageRequest& request,
                                             v1::Image* response) {
  SR_ASSIGN_OR_RETURN(const ImageState to, StateAfter(request.verdict()));
  const auto answer = [](const Image& image, bool) { return Serialise(FullImage(image)); };
  SR_ASSIGN_OR_RETURN(KeyOutcome key,
                      moderation_.HoldKey(context, who, FingerprintOf(request), answer));
  if (const auto* stored = std::get_if<StoredAnswer>(&key)) {
    if (response->ParseFromString(stored->answer)) return absl::OkStatus();
    return MakeStatus(absl::StatusCode::kInternal,
                      "the stored answer to this idempotency key can not be read",
                      {.reason = "BAD_STORED_ANSWER"});
  }
  auto* held = std::get_if<HeldKey>(&key);
  WriteOptions options{.if_revision = request.if_revision()};
  if (held != nullptr) options.once = held->write();
  SR_ASSIGN_OR_RETURN(const ChangedImage changed,
                      moderation_.Decide(who, request.id(), to, request.reason(), options));
  *response = FullImage(changed.image);
  response->set_feed_position(changed.feed_position);
  if (held != nullptr) held->Answered(Serialise(*response));
  return absl::OkStatus();
}

absl::Status ModerationHandlers::ListDecisions(const CallContext&, const Principal&,
                                               const v1::ListDecisionsRequest& request,
                                               v1::ListDecisionsResponse* response) {
  SR_ASSIGN_OR_RETURN(
      DecisionPage page,
      moderation_.ListDecisions(request.image_id(), request.page_size(), request.page_token()));
  for (const Decision& decision : page.decisions) ToMessage(decision, response->add_decisions());
  response->set_next_page_token(std::move(page.next_page_token));
  return absl::OkStatus();
}

absl::Status ModerationHandlers::Add(const Principal& who, std::vector<BlockedHash> hashes,
                                     v1::AddBlockedHashesResponse* response) {
  SR_ASSIGN_OR_RETURN(const ModerationStore::Added added,
                      moderation_.AddHashes(who, std::move(hashes)));
  response->set_added(added.added);
  response->set_changed(added.changed);
  response->set_version(added.version);
  return absl::OkStatus();
}

absl::Status ModerationHandlers::AddBlockedHashes(const CallContext&, const Principal& who,
                                                  const v1::AddBlockedHashesRequest& request,
                                                  v1::AddBlockedHashesResponse* response) {
  std::vector<BlockedHash> hashes;
  hashes.reserve(request.hashes_size());
  for (const v1::BlockedHash& hash : request.hashes()) {
    hashes.push_back({.hash = hash.hash(),
                      .threshold = hash.has_threshold() ? hash.threshold() : kDefaultHashThreshold,
                      .label = hash.label(),
                      .note = hash.note(),
                      .creator = {}});
  }
  return Add(who, std::move(hashes), response);
}

absl::Status ModerationHandlers::RemoveBlockedHashes(const CallContext&, const Principal&,
                                                     const v1::RemoveBlockedHashesRequest& request,
                                                     v1::RemoveBlockedHashesResponse* response) {
  SR_ASSIGN_OR_RETURN(const int removed,
                      moderation_.RemoveHashes({request.hashes().begin(), request.hashes().end()}));
  response->set_removed(removed);
  return absl::OkStatus();
}

absl::Status ModerationHandlers::ListBlockedHashes(const CallContext&, const Principal&,
                                                   const v1::ListBlockedHashesRequest& request,
                                                   v1::ListBlockedHashesResponse* response) {
  SR_ASSIGN_OR_RETURN(HashPage page,
                      moderation_.ListHashes(request.page_size(), request.page_token()));
  for (const BlockedHash& hash : page.hashes) ToMessage(hash, response->add_hashes());
  response->set_next_page_token(std::move(page.next_page_token));
  return absl::OkStatus();
}

absl::Status ModerationHandlers::ImportBlockedHashes(const CallContext&, const Principal& who,
                                                     const v1::ImportBlockedHashesRequest& request,
                                                     v1::AddBlockedHashesResponse* response) {
  SR_ASSIGN_OR_RETURN(std::vector<BlockedHash> hashes, ParseHashText(request.text()));
  for (BlockedHash& hash : hashes) hash.label = request.label();
  return Add(who, std::move(hashes), response);
}

absl::Status ModerationHandlers::ExportBlockedHashes(const CallContext&, const Principal&,
                                                     const v1::ExportBlockedHashesRequest& request,
                                                     v1::ExportBlockedHashesResponse* response) {
  SR_ASSIGN_OR_RETURN(HashPage page,
                      moderation_.ListHashes(request.page_size(), request.page_token()));
  response->set_text(HashText(page.hashes));
  response->set_next_page_token(std::move(page.next_page_token));
  return absl::OkStatus();
}

void ModerationHandlers::AddTo(MethodTable& table) {
  const auto* service = v1::Decision::descriptor()->file()->FindServiceByName("ModerationService");
  AddUnary<v1::ListFlaggedRequest, v1::ListFlaggedResponse>(table, service, "ListFlagged", this,
                                                            &ModerationHandlers::ListFlagged);
  AddUnary<v1::DecideImageRequest, v1::Image>(table, service, "DecideImage", this,
                                              &ModerationHandlers::DecideImage);
  AddUnary<v1::ListDecisionsRequest, v1::ListDecisionsResponse>(
      table, service, "ListDecisions", this, &ModerationHandlers::ListDecisions);
  AddUnary<v1::AddBlockedHashesRequest, v1::AddBlockedHashesResponse>(
      table, service, "AddBlockedHashes", this, &ModerationHandlers::AddBlockedHashes);
  AddUnary<v1::RemoveBlockedHashesRequest, v1::RemoveBlockedHashesResponse>(
      table, service, "RemoveBlockedHashes", this, &ModerationHandlers::RemoveBlockedHashes);
  AddUnary<v1::ListBlockedHashesRequest, v1::ListBlockedHashesResponse>(
      table, service, "ListBlockedHashes", this, &ModerationHandlers::ListBlockedHashes);
  AddUnary<v1::ImportBlockedHashesRequest, v1::AddBlockedHashesResponse>(
      table, service, "ImportBlockedHashes", this, &ModerationHandlers::ImportBlockedHashes);
  AddUnary<v1::ExportBlockedHashesRequest, v1::ExportBlockedHashesResponse>(
      table, service, "ExportBlockedHashes", this, &ModerationHandlers::ExportBlockedHashes);
}

}  // namespace stockroom::api
