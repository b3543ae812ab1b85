#include "services/api/domain/catalog.h"

#include <set>
#include <string_view>

#include "absl/strings/numbers.h"
#include "services/api/domain/access.h"
#include "services/api/domain/upload_rules.h"
#include "services/api/domain/validation.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

// services/imageproc/processors/list.cc. The block list and delivery believe them.
const std::set<std::string_view> kOwnAnalyses = {"blurhash",  "facts",      "palette",  "pdq",
                                                 "sharpness", "smart_crop", "thumbhash"};
constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;

absl::Status CheckIfRevision(int64_t if_revision) {
  if (if_revision >= 0) return absl::OkStatus();
  return InvalidField("if_revision", "expected the revision of an image, or 0 for no condition");
}

// Inside the store's transaction: the rights first, so that a stranger learns no revision.
absl::Status CheckMayWrite(const Principal& who, const Image& image, const WriteOptions& options) {
  SR_RETURN_IF_ERROR(CheckMayChange(who, image));
  if (options.if_revision == 0 || options.if_revision == image.revision) return absl::OkStatus();
  const std::string current = std::to_string(image.revision);
  return MakeStatus(absl::StatusCode::kAborted,
                    "the image has revision " + current + ", not " +
                        std::to_string(options.if_revision) + "; read it and decide anew",
                    {.reason = "REVISION_MISMATCH", .metadata = {{"current_revision", current}}});
}

// "list1:<microseconds>:<id>" in base64url. Opaque to clients; checked, since it comes from
// outside.
std::string EncodeToken(const Image& last) {
  return ToBase64Url("list1:" + std::to_string(absl::ToUnixMicros(last.create_time)) + ":" +
                     last.id);
}

absl::StatusOr<ListCursor> DecodeToken(const std::string& token) {
  const auto bad = [] {
    return InvalidField("page_token", "expected next_page_token of an earlier answer, unchanged");
  };
  const absl::StatusOr<std::string> text = FromBase64Url(token);
  if (!text.ok() || !text->starts_with("list1:")) return bad();
  const size_t colon = text->find(':', 6);
  if (colon == std::string::npos) return bad();
  int64_t micros = 0;
  const std::string id = text->substr(colon + 1);
  if (!absl::SimpleAtoi(text->substr(6, colon - 6), &micros) || !IsUuid(id)) return bad();
  return ListCursor{absl::FromUnixMicros(micros), id};
}

void Replace(DescribedField field, const Description& wanted, Description& out) {
  switch (field) {
    case DescribedField::kTitle:
      out.title = wanted.title;
      break;
    case DescribedField::kDescription:
      out.description = wanted.description;
      break;
    case DescribedField::kTags:
      out.tags = wanted.tags;
      break;
    case DescribedField::kLicense:
      out.license = wanted.license;
      break;
    case DescribedField::kAttributes:
      out.attributes = wanted.attributes;
      break;
    case DescribedField::kVisibility:
      out.visibility = wanted.visibility;
      break;
  }
}

// An open direct upload, as the image that it is to become.
absl::StatusOr<Image> GetUploading(UploadStore& uploads, const Principal& who,
                                   const std::string& id) {
  const absl::StatusOr<DirectUpload> upload = uploads.GetUpload(id);
  if (absl::IsNotFound(upload.status())) return NoSuchImage(id);
  SR_RETURN_IF_ERROR(upload.status());
  const bool shown = upload->state == UploadState::kOpen && CheckMayUse(who, *upload).ok();
  if (!shown) return NoSuchImage(id);
  return UploadingImage(*upload);
}

}  // namespace

absl::StatusOr<Image> Catalog::Get(const Principal& who, const std::string& id) {
  SR_RETURN_IF_ERROR(CheckImageId(id));
  absl::StatusOr<Image> image = store_.GetImage(id);
  if (absl::IsNotFound(image.status())) return GetUploading(store_.uploads(), who, id);
  if (image.ok() && !MayRead(who, *image)) return NoSuchImage(id);
  return image;
}

absl::StatusOr<ImagePage> Catalog::List(const Principal& who, int page_size,
                                        const std::string& page_token) {
  if (page_size < 0 || page_size > kMaxPage) {
    return InvalidField("page_size", "expected 1 to " + std::to_string(kMaxPage));
  }
  // Nobody knows which of the strangers an anonymous one's hidden image is from.
  ListQuery query{.viewer = who.subject,
                  .own_hidden = !who.anonymous,
                  .all_owners = who.scopes.Has(Scope::kModerate)};
  if (!page_token.empty()) {
    SR_ASSIGN_OR_RETURN(query.after, DecodeToken(page_token));
  }
  const int wanted = page_size == 0 ? kDefaultPage : page_size;
  query.limit = wanted + 1;  // one more tells whether there is another page
  ImagePage page;
  SR_ASSIGN_OR_RETURN(page.images, store_.ListImages(query));
  if (static_cast<int>(page.images.size()) > wanted) {
    page.images.resize(wanted);
    page.next_page_token = EncodeToken(page.images.back());
  }
  return page;
}

std::string Catalog::TokenAfter(const Image& image) { return EncodeToken(image); }

absl::StatusOr<ChangedImage> Catalog::Update(const Principal& who, const std::string& id,
                                             const std::set<DescribedField>& fields,
                                             const Description& wanted,
                                             const WriteOptions& options) {
  SR_RETURN_IF_ERROR(CheckImageId(id));
  SR_RETURN_IF_ERROR(CheckIfRevision(options.if_revision));
  Description checked = wanted;
  SR_RETURN_IF_ERROR(NormaliseDescription(checked));
  const auto edit = [&](Image& current) -> absl::Status {
    SR_RETURN_IF_ERROR(CheckMayWrite(who, current, options));
    for (const DescribedField field : fields) Replace(field, checked, current.described);
    return absl::OkStatus();
  };
  absl::StatusOr<ChangedImage> changed = store_.UpdateImage(id, clock_.Now(), edit, options.once);
  if (absl::IsNotFound(changed.status())) return NoSuchImage(id);
  if (changed.ok() && listener_ != nullptr) listener_->Changed(changed->image);
  return changed;
}

absl::StatusOr<ChangedImage> Catalog::Delete(const CallContext& context, const Principal& who,
                                             const std::string& id, const WriteOptions& options) {
  SR_RETURN_IF_ERROR(CheckImageId(id));
  SR_RETURN_IF_ERROR(CheckIfRevision(options.if_revision));
  absl::StatusOr<ChangedImage> removed = store_.DeleteImage(
      id, clock_.Now(), [&](const Image& current) { return CheckMayWrite(who, current, options); },
      options.once);
  if (absl::IsNotFound(removed.status())) return NoSuchImage(id);
  SR_RETURN_IF_ERROR(removed.status());
  if (listener_ != nullptr) listener_->Deleted(removed->image);
  LogInfo("image deleted", {{"image", id}}, context.request_id);

  // Images of equal bytes share renditions; removing them too early only costs a remake, so neither
  // a race nor an error here matters. The original's bytes are left to the collector.
  const Digest digest = removed->image.sha256;
  const auto referenced = store_.ReferencedAmong({&digest, 1});
  if (referenced.ok() && referenced->empty()) {
    blobs_.DeleteRenditions(context, digest,
                            [id, request_id = context.request_id](absl::StatusOr<int> deleted) {
                              if (deleted.ok()) return;
                              LogWarning("renditions of a deleted image stay until collected",
                                         {{"image", id}, {"error", deleted.status()}}, request_id);
                            });
  }
  return removed;
}

absl::StatusOr<ChangedImage> Catalog::PutAnalysis(const Principal& who, const std::string& id,
                                                  const std::string& name, const std::string& json,
                                                  const WriteOptions& options) {
  SR_RETURN_IF_ERROR(CheckImageId(id));
  SR_RETURN_IF_ERROR(CheckIfRevision(options.if_revision));
  SR_RETURN_IF_ERROR(CheckAnalysisName(name));
  if (kOwnAnalyses.contains(name)) {
    return InvalidField("name", "'" + name + "' is what Stockroom itself finds; choose another");
  }
  if (json.size() > kMaxAnalysisBytes) {
    return InvalidField("result", "has " + std::to_string(json.size()) +
                                      " bytes of JSON; at most " +
                                      std::to_string(kMaxAnalysisBytes) + " are allowed");
  }
  const auto edit = [&](Image& current) -> absl::Status {
    SR_RETURN_IF_ERROR(CheckMayWrite(who, current, options));
    current.analysis[name] = json;
    if (current.analysis.size() > kMaxAttributes) {
      return InvalidField("name", "the image has " + std::to_string(kMaxAttributes) +
                                      " results already, which is the limit");
    }
    size_t bytes = 0;
    for (const auto& [each, result] : current.analysis) bytes += each.size() + result.size();
    if (bytes > kMaxAllAnalysisBytes) {
      return InvalidField("result", "with it the image's results would have " +
                                        std::to_string(bytes) + " bytes; at most " +
                                        std::to_string(kMaxAllAnalysisBytes) + " are allowed");
    }
    return absl::OkStatus();
  };
  absl::StatusOr<ChangedImage> changed = store_.UpdateImage(id, clock_.Now(), edit, options.once);
  if (absl::IsNotFound(changed.status())) return NoSuchImage(id);
  if (changed.ok() && listener_ != nullptr) listener_->Changed(changed->image);
  return changed;
}

absl::StatusOr<KeyOutcome> Catalog::HoldKey(
    const CallContext& context, const Principal& who, const Digest& fingerprint,
    std::function<std::string(const Image& image, bool deduplicated)> answer) {
  return api::HoldKey(store_, clock_, context, who, fingerprint, std::move(answer));
}

}  // namespace stockroom::api
