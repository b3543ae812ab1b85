#include "services/api/domain/direct_uploads.h"

#include <algorithm>
#include <utility>

#include "services/api/domain/access.h"
#include "services/api/domain/idempotency.h"
#include "services/api/domain/upload_rules.h"
#include "services/api/domain/validation.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/blobs/blocking.h"

namespace stockroom::api {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;
constexpr size_t kMaxContentType = 100;
constexpr absl::Duration kUsualUrl = absl::Hours(1);
constexpr char kTokenPrefix[] = "uploads1:";

absl::Status CheckAnnounced(const AnnounceRequest& request, int64_t max_bytes) {
  if (request.size_bytes < 1) return InvalidField("size_bytes", "expected the file's exact length");
  if (request.size_bytes > max_bytes) {
    return MakeStatus(
        absl::StatusCode::kOutOfRange,
        "the image has more than " + std::to_string(max_bytes) + " bytes, which is the limit",
        {.reason = "TOO_LARGE", .metadata = {{"limit_bytes", std::to_string(max_bytes)}}});
  }
  const bool header = std::all_of(request.content_type.begin(), request.content_type.end(),
                                  [](char c) { return c > ' ' && c < 0x7f; });
  if (!header || request.content_type.size() > kMaxContentType) {
    return InvalidField("content_type", "expected a media type such as image/jpeg");
  }
  if (request.expires_in < absl::ZeroDuration()) {
    return InvalidField("expires_in_seconds", "must not be negative");
  }
  return absl::OkStatus();
}

// The file server keeps milliseconds.
absl::Time WholeMillis(absl::Time time) { return absl::FromUnixMillis(absl::ToUnixMillis(time)); }

}  // namespace

DirectUploads::DirectUploads(Options options, UploadFinisher& finisher, IncomingClient& incoming,
                             MetadataStore& store, Completions& completions, Executor& executor,
                             Clock& clock, Metrics& metrics)
    : options_(std::move(options)),
      finisher_(finisher),
      incoming_(incoming),
      store_(store),
      completions_(completions),
      executor_(executor),
      clock_(clock),
      created_total_(metrics.GetCounter("stockroom_direct_uploads_created_total",
                                        "Direct uploads that were announced.")),
      completing_gauge_(metrics.GetGauge("stockroom_direct_uploads_completing",
                                         "Completions of direct uploads under way.")) {}

CallContext DirectUploads::CallOf(const CallContext& context) const {
  CallContext call = context;
  call.deadline = std::min(context.deadline, absl::Now() + options_.call_timeout);
  return call;
}

absl::StatusOr<DirectUpload> DirectUploads::Find(const Principal& who, const std::string& id) {
  SR_RETURN_IF_ERROR(CheckImageId(id));
  SR_ASSIGN_OR_RETURN(DirectUpload upload, store_.uploads().GetUpload(id));
  SR_RETURN_IF_ERROR(CheckMayUse(who, upload));
  return upload;
}

absl::StatusOr<DirectUpload> DirectUploads::Describe(const Principal& who,
                                                     AnnounceRequest& request) const {
  SR_RETURN_IF_ERROR(CheckAnnounced(request, options_.max_bytes));
  // Somebody's word who signed them: they win.
  for (const auto& [name, value] : who.attributes) request.described.attributes[name] = value;
  SR_RETURN_IF_ERROR(NormaliseDescription(request.described));
  const absl::Duration longest = options_.longest;
  DirectUpload upload;
  upload.owner = who.subject;
  upload.described = std::move(request.described);
  upload.filename = CleanFilename(request.filename);
  upload.content_type = std::move(request.content_type);
  upload.size_bytes = request.size_bytes;
  upload.sha256 = request.sha256;
  upload.md5 = std::move(request.md5);
  upload.crc32c = request.crc32c;
  upload.allow_duplicate = request.allow_duplicate;
  upload.create_time = clock_.Now();
  upload.id = NewUuidV7(upload.create_time);
  upload.expire_time =
      WholeMillis(upload.create_time + (request.expires_in == absl::ZeroDuration()
                                            ? longest
                                            : std::min(request.expires_in, longest)));
  upload.check_time = std::min(upload.create_time + options_.reconcile_after, upload.expire_time);
  return upload;
}

absl::Status DirectUploads::Insert(const CallContext&, const DirectUpload& upload,
                                   const std::optional<IdempotentWrite>& once) {
  Quotas* const quotas = options_.quotas;
  if (quotas != nullptr) SR_RETURN_IF_ERROR(quotas->Take(upload.owner, upload.size_bytes));
  absl::Status inserted = store_.uploads().CreateUpload(upload, options_.max_open, once);
  if (quotas != nullptr) {
    inserted.ok() ? quotas->Keep(upload.owner, upload.size_bytes)
                  : quotas->GiveBack(upload.owner, upload.size_bytes);
  }
  return inserted;
}

absl::StatusOr<UploadView> DirectUploads::Create(const CallContext& context, const Principal& who,
                                                 AnnounceRequest request) {
  const Digest fingerprint = Digest::Of(request.fingerprint);
  SR_ASSIGN_OR_RETURN(const DirectUpload upload, Describe(who, request));
  SR_ASSIGN_OR_RETURN(KeyOutcome key, HoldKey(store_, clock_, context, who, fingerprint,
                                              [](const Image& image, bool) { return image.id; }));
  // The URLs are secrets, and never stored: they are made anew.
  if (const auto* stored = std::get_if<StoredAnswer>(&key))
    return Get(context, who, stored->answer);
  auto* const held = std::get_if<HeldKey>(&key);
  SR_RETURN_IF_ERROR(
      Insert(context, upload, held == nullptr ? std::nullopt : std::optional(held->write())));
  if (held != nullptr) held->Written();
  absl::StatusOr<IncomingTicket> ticket = TicketOf(context, upload);
  if (!ticket.ok()) {
    // Who has a key comes back for this very upload; others begin anew, and need the room.
    if (held == nullptr) {
      const absl::Status ended = finisher_.End(upload, UploadState::kAborted).status();
      if (!ended.ok()) {
        LogWarning("an upload that nobody can use stays until it expires",
                   {{"upload", upload.id}, {"error", ended}}, context.request_id);
      }
    }
    return ticket.status();
  }
  created_total_.Add();
  return UploadView{.upload = upload, .received_bytes = 0, .ticket = *std::move(ticket)};
}

absl::StatusOr<IncomingTicket> DirectUploads::TicketOf(const CallContext& context,
                                                       const DirectUpload& upload) {
  return CreateIncoming(incoming_, CallOf(context),
                        {.id = upload.id,
                         .size = upload.size_bytes,
                         .content_type = upload.content_type,
                         .sha256 = upload.sha256,
                         .md5 = upload.md5,
                         .crc32c = upload.crc32c,
                         .expires = upload.expire_time});
}

absl::StatusOr<UploadView> DirectUploads::View(const CallContext& context,
                                               const DirectUpload& upload) {
  UploadView view{.upload = upload};
  if (upload.state != UploadState::kOpen || upload.expire_time <= clock_.Now()) return view;
  SR_ASSIGN_OR_RETURN(view.ticket, TicketOf(context, upload));
  // If it ended meanwhile, this has made its incoming again.
  SR_ASSIGN_OR_RETURN(view.upload, store_.uploads().GetUpload(upload.id));
  if (view.upload.state != UploadState::kOpen) {
    view.ticket.reset();
    finisher_.CleanUp(context, upload.id).IgnoreError();
    return view;
  }
  const absl::StatusOr<IncomingInfo> info = StatIncoming(incoming_, CallOf(context), upload.id);
  if (absl::IsNotFound(info.status())) {
    // Somebody has ended it just now, and removed what had arrived.
    SR_ASSIGN_OR_RETURN(view.upload, store_.uploads().GetUpload(upload.id));
    if (view.upload.state != UploadState::kOpen) {
      view.ticket.reset();
      return view;
    }
  }
  SR_RETURN_IF_ERROR(info.status());
  view.received_bytes = info->offset;
  return view;
}

absl::StatusOr<UploadView> DirectUploads::Get(const CallContext& context, const Principal& who,
                                              const std::string& id) {
  SR_ASSIGN_OR_RETURN(const DirectUpload upload, Find(who, id));
  return View(context, upload);
}

absl::StatusOr<UploadPage> DirectUploads::List(const Principal& who, int page_size,
                                               const std::string& page_token) {
  if (page_size < 0 || page_size > kMaxPage) {
    return InvalidField("page_size", "expected 1 to " + std::to_string(kMaxPage));
  }
  std::string before;
  if (!page_token.empty()) {
    const absl::StatusOr<std::string> text = FromBase64Url(page_token);
    if (text.ok() && text->starts_with(kTokenPrefix))
      before = text->substr(sizeof kTokenPrefix - 1);
    if (!IsUuid(before)) {
      return InvalidField("page_token", "expected next_page_token of an earlier answer, unchanged");
    }
  }
  const int wanted = page_size == 0 ? kDefaultPage : page_size;
  UploadPage page;
  SR_ASSIGN_OR_RETURN(page.uploads, store_.uploads().ListUploads(who.subject, before, wanted + 1));
  if (static_cast<int>(page.uploads.size()) > wanted) {
    page.uploads.resize(wanted);
    page.next_page_token = ToBase64Url(kTokenPrefix + page.uploads.back().id);
  }
  return page;
}

absl::StatusOr<DirectUpload> DirectUploads::Abort(const CallContext& context, const Principal& who,
                                                  const std::string& id) {
  SR_ASSIGN_OR_RETURN(const DirectUpload upload, Find(who, id));
  SR_ASSIGN_OR_RETURN(const EndedUpload ended, finisher_.End(upload, UploadState::kAborted));
  if (ended.upload.state == UploadState::kCompleted) {
    return MakeStatus(
        absl::StatusCode::kFailedPrecondition,
        "the upload is the image " + ended.upload.image_id + " by now; delete that",
        {.reason = "UPLOAD_COMPLETED", .metadata = {{"image_id", ended.upload.image_id}}});
  }
  if (const absl::Status cleaned = finisher_.CleanUp(context, id); !cleaned.ok()) {
    LogWarning("what an upload has sent stays until it is reconciled",
               {{"upload", id}, {"error", cleaned}}, context.request_id);
  }
  return ended.upload;
}

absl::StatusOr<OriginalUrl> DirectUploads::GetOriginalUrl(const CallContext& context,
                                                          const Principal& who,
                                                          const std::string& id,
                                                          absl::Duration expires_in) {
  SR_RETURN_IF_ERROR(CheckImageId(id));
  if (expires_in < absl::ZeroDuration()) {
    return InvalidField("expires_in_seconds", "must not be negative");
  }
  const absl::StatusOr<Image> image = store_.GetImage(id);
  if (absl::IsNotFound(image.status())) return NoSuchImage(id);
  SR_RETURN_IF_ERROR(image.status());
  if (!MaySeePicture(who, *image)) return NoSuchImage(id);
  const absl::Duration wanted = expires_in == absl::ZeroDuration() ? kUsualUrl : expires_in;
  OriginalUrl answer;
  answer.expires = absl::FromUnixSeconds(
      absl::ToUnixSeconds(clock_.Now() + std::min(wanted, options_.longest_url)));
  std::string name = image->filename;
  if (name.empty())
    name = image->id + (image->facts.format.empty() ? "" : "." + ExtensionOf(image->facts.format));
  SR_ASSIGN_OR_RETURN(answer.url, SignBlobUrl(incoming_, CallOf(context),
                                              {.digest = image->sha256,
                                               .expires = answer.expires,
                                               .content_type = image->facts.media_type,
                                               .filename = std::move(name)}));
  return answer;
}

}  // namespace stockroom::api
