#include "services/api/handlers/backup_messages.h"

#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

void ImageTo(const ArchivedImage& archived, v1::ArchivedImage* out) {
  const Image& image = archived.image;
  out->set_id(image.id);
  out->set_owner(image.owner);
  out->set_title(image.described.title);
  out->set_description(image.described.description);
  for (const std::string& tag : image.described.tags) out->add_tags(tag);
  out->set_license(image.described.license);
  out->mutable_attributes()->insert(image.described.attributes.begin(),
                                    image.described.attributes.end());
  out->set_visibility(static_cast<int>(image.described.visibility));
  out->set_filename(image.filename);
  out->set_state(static_cast<int>(image.state));
  out->set_failure_reason(image.failure_reason);
  out->set_quarantined(image.quarantined);
  out->set_sha256(std::string(image.sha256.bytes()));
  out->set_md5(image.md5);
  out->set_size_bytes(image.size_bytes);
  out->set_width(image.facts.width);
  out->set_height(image.facts.height);
  out->set_format(image.facts.format);
  out->set_media_type(image.facts.media_type);
  out->set_frames(image.facts.frames);
  if (image.facts.taken_time) out->set_taken_us(absl::ToUnixMicros(*image.facts.taken_time));
  out->mutable_analysis()->insert(image.analysis.begin(), image.analysis.end());
  for (const Rendition& rendition : image.renditions) {
    v1::ArchivedRendition& to = *out->add_renditions();
    to.set_preset(rendition.preset);
    to.set_recipe(rendition.recipe);
    to.set_key(rendition.key);
    to.set_format(rendition.format);
    to.set_media_type(rendition.media_type);
    to.set_width(rendition.width);
    to.set_height(rendition.height);
    to.set_size_bytes(rendition.size_bytes);
    to.set_sha256(std::string(rendition.sha256.bytes()));
  }
  out->set_work_plan(image.work_plan);
  out->set_create_us(absl::ToUnixMicros(image.create_time));
  out->set_update_us(absl::ToUnixMicros(image.update_time));
  out->set_revision(image.revision);
  out->set_approved(archived.approved);
}

absl::StatusOr<std::vector<Rendition>> RenditionsOf(const v1::ArchivedImage& image) {
  std::vector<Rendition> renditions;
  for (const v1::ArchivedRendition& from : image.renditions()) {
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(from.sha256()));
    renditions.push_back({.preset = from.preset(),
                          .recipe = from.recipe(),
                          .key = from.key(),
                          .format = from.format(),
                          .media_type = from.media_type(),
                          .width = from.width(),
                          .height = from.height(),
                          .size_bytes = from.size_bytes(),
                          .sha256 = digest});
  }
  return renditions;
}

absl::StatusOr<ArchivedRow> ImageFrom(const v1::ArchivedImage& from) {
  if (from.visibility() < 1 || from.visibility() > 3) {
    return InvalidField("rows", "an image has no such visibility");
  }
  Image image;
  image.id = from.id();
  image.owner = from.owner();
  image.described = {.title = from.title(),
                     .description = from.description(),
                     .tags = {from.tags().begin(), from.tags().end()},
                     .license = from.license(),
                     .attributes = {from.attributes().begin(), from.attributes().end()},
                     .visibility = static_cast<Visibility>(from.visibility())};
  image.filename = from.filename();
  image.state = static_cast<ImageState>(from.state());
  image.failure_reason = from.failure_reason();
  image.quarantined = from.quarantined();
  SR_ASSIGN_OR_RETURN(image.sha256, Digest::FromBytes(from.sha256()));
  image.md5 = from.md5();
  image.size_bytes = from.size_bytes();
  image.facts = {.width = from.width(),
                 .height = from.height(),
                 .format = from.format(),
                 .media_type = from.media_type(),
                 .frames = from.frames(),
                 .taken_time = std::nullopt};
  if (from.has_taken_us()) image.facts.taken_time = absl::FromUnixMicros(from.taken_us());
  image.analysis = {from.analysis().begin(), from.analysis().end()};
  SR_ASSIGN_OR_RETURN(image.renditions, RenditionsOf(from));
  image.work_plan = from.work_plan();
  image.create_time = absl::FromUnixMicros(from.create_us());
  image.update_time = absl::FromUnixMicros(from.update_us());
  image.revision = from.revision();
  return ArchivedImage{.image = std::move(image), .approved = from.approved()};
}

void HashTo(const BlockedHash& hash, v1::ArchivedHash* out) {
  out->set_hash(hash.hash);
  out->set_threshold(hash.threshold);
  out->set_label(hash.label);
  out->set_note(hash.note);
  out->set_creator(hash.creator);
  out->set_create_us(absl::ToUnixMicros(hash.create_time));
}

absl::StatusOr<ArchivedRow> HashFrom(const v1::ArchivedHash& from) {
  if (from.hash().size() != 64 || from.threshold() < 0 || from.threshold() > kMaxHashThreshold) {
    return InvalidField("rows", "a blocked hash is none");
  }
  return BlockedHash{.hash = from.hash(),
                     .threshold = from.threshold(),
                     .label = from.label(),
                     .note = from.note(),
                     .creator = from.creator(),
                     .create_time = absl::FromUnixMicros(from.create_us())};
}

void KeyTo(const ApiKey& key, v1::ArchivedKey* out) {
  out->set_id(key.id);
  out->set_prefix(key.prefix);
  out->set_secret_hash(std::string(key.secret_hash.bytes()));
  out->set_subject(key.subject);
  out->set_role(static_cast<int>(key.role));
  for (const std::string& name : ScopeNames(key.scopes)) out->add_scopes(name);
  out->set_label(key.label);
  out->set_create_us(absl::ToUnixMicros(key.create_time));
  if (key.expire_time) out->set_expire_us(absl::ToUnixMicros(*key.expire_time));
  if (key.revoke_time) out->set_revoke_us(absl::ToUnixMicros(*key.revoke_time));
}

absl::StatusOr<ArchivedRow> KeyFrom(const v1::ArchivedKey& from) {
  if (from.role() < 1 || from.role() > 4) return InvalidField("rows", "a key has no such role");
  ApiKey key;
  key.id = from.id();
  key.prefix = from.prefix();
  SR_ASSIGN_OR_RETURN(key.secret_hash, Digest::FromBytes(from.secret_hash()));
  key.subject = from.subject();
  key.role = static_cast<Role>(from.role());
  for (const std::string& name : from.scopes()) {
    const std::optional<Scope> scope = ScopeNamed(name);
    if (!scope) return InvalidField("rows", "a key has a scope that is not known");
    key.scopes = key.scopes | Scopes(*scope);
  }
  key.label = from.label();
  key.create_time = absl::FromUnixMicros(from.create_us());
  if (from.has_expire_us()) key.expire_time = absl::FromUnixMicros(from.expire_us());
  if (from.has_revoke_us()) key.revoke_time = absl::FromUnixMicros(from.revoke_us());
  return key;
}

void WebhookTo(const Webhook& webhook, v1::ArchivedWebhook* out) {
  out->set_id(webhook.id);
  out->set_url(webhook.url);
  for (const std::string& type : webhook.types) out->add_types(type);
  for (const std::string& tag : webhook.filter.tags) out->add_filter_tags(tag);
  out->set_filter_owner(webhook.filter.owner);
  out->set_label(webhook.label);
  out->set_disabled(webhook.disabled);
  out->set_disabled_reason(webhook.disabled_reason);
  out->set_creator(webhook.creator);
  out->set_sees_all(webhook.sees_all);
  out->set_secret(webhook.secret);
  out->set_create_us(absl::ToUnixMicros(webhook.create_time));
  out->set_update_us(absl::ToUnixMicros(webhook.update_time));
}

ArchivedRow WebhookFrom(const v1::ArchivedWebhook& from) {
  return Webhook{.id = from.id(),
                 .url = from.url(),
                 .types = {from.types().begin(), from.types().end()},
                 .filter = {.tags = {from.filter_tags().begin(), from.filter_tags().end()},
                            .owner = from.filter_owner()},
                 .label = from.label(),
                 .disabled = from.disabled(),
                 .disabled_reason = from.disabled_reason(),
                 .creator = from.creator(),
                 .sees_all = from.sees_all(),
                 .secret = from.secret(),
                 .create_time = absl::FromUnixMicros(from.create_us()),
                 .update_time = absl::FromUnixMicros(from.update_us())};
}

}  // namespace

void ToMessage(const ArchivedRow& row, v1::ArchivedRow* out) {
  if (const auto* image = std::get_if<ArchivedImage>(&row)) ImageTo(*image, out->mutable_image());
  if (const auto* hash = std::get_if<BlockedHash>(&row)) HashTo(*hash, out->mutable_blocked_hash());
  if (const auto* key = std::get_if<ApiKey>(&row)) KeyTo(*key, out->mutable_api_key());
  if (const auto* webhook = std::get_if<Webhook>(&row)) WebhookTo(*webhook, out->mutable_webhook());
}

absl::StatusOr<ArchivedRow> FromMessage(const v1::ArchivedRow& row) {
  switch (row.row_case()) {
    case v1::ArchivedRow::kImage:
      return ImageFrom(row.image());
    case v1::ArchivedRow::kBlockedHash:
      return HashFrom(row.blocked_hash());
    case v1::ArchivedRow::kApiKey:
      return KeyFrom(row.api_key());
    case v1::ArchivedRow::kWebhook:
      return WebhookFrom(row.webhook());
    case v1::ArchivedRow::ROW_NOT_SET:
      break;
  }
  return InvalidField("rows", "one is of a kind that is not known");
}

}  // namespace stockroom::api
