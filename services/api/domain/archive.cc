#include "services/api/domain/archive.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "services/api/domain/api_keys.h"
#include "services/api/domain/list_token.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"

namespace stockroom::api {
namespace {

// Touches after a commit are not the caller's to cancel: they decide about rows that exist.
constexpr absl::Duration kTouchTimeout = absl::Minutes(2);

}  // namespace

absl::StatusOr<CatalogueState> Archive::State() {
  CatalogueState state;
  SR_ASSIGN_OR_RETURN(state.id, store_.CatalogueId());
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange feed, store_.GetFeedRange());
  state.feed_position = feed.last;
  SR_ASSIGN_OR_RETURN(const std::vector<Image> one,
                      store_.ListImages({.all_owners = true, .limit = 1}));
  state.has_images = !one.empty();
  return state;
}

absl::StatusOr<ArchivedRows> Archive::Export(Kind kind, const std::string& page_token) {
  if (kind == Kind::kImages) return ExportImages(page_token);
  if (kind == Kind::kWebhooks) return ExportWebhooks(page_token);
  ArchivedRows page;
  if (kind == Kind::kBlockedHashes) {
    SR_ASSIGN_OR_RETURN(std::vector<BlockedHash> hashes,
                        store_.moderation().ListHashes(page_token, options_.page_size));
    for (BlockedHash& hash : hashes) page.rows.emplace_back(std::move(hash));
  } else {
    SR_ASSIGN_OR_RETURN(std::vector<ApiKey> keys,
                        store_.api_keys().ListApiKeys(page_token, options_.page_size));
    for (ApiKey& key : keys) page.rows.emplace_back(std::move(key));
  }
  if (!page.rows.empty() && static_cast<int>(page.rows.size()) == options_.page_size) {
    page.next_page_token = TokenAfter(page.rows.back());
  }
  return page;
}

// They come all at once; the page is of those after the token, by id.
absl::StatusOr<ArchivedRows> Archive::ExportWebhooks(const std::string& page_token) {
  SR_ASSIGN_OR_RETURN(std::vector<Webhook> webhooks, store_.webhooks().ListWebhooks());
  std::sort(webhooks.begin(), webhooks.end(),
            [](const Webhook& a, const Webhook& b) { return a.id < b.id; });
  ArchivedRows page;
  for (Webhook& webhook : webhooks) {
    if (webhook.id <= page_token) continue;
    if (static_cast<int>(page.rows.size()) == options_.page_size) {
      page.next_page_token = TokenAfter(page.rows.back());
      break;
    }
    page.rows.emplace_back(std::move(webhook));
  }
  return page;
}

std::string Archive::TokenAfter(const ArchivedRow& row) {
  if (const auto* image = std::get_if<ArchivedImage>(&row)) return TokenOf(image->image);
  if (const auto* hash = std::get_if<BlockedHash>(&row)) return hash->hash;
  if (const auto* key = std::get_if<ApiKey>(&row)) return key->id;
  return std::get<Webhook>(row).id;
}

absl::StatusOr<ArchivedRows> Archive::ExportImages(const std::string& page_token) {
  SR_ASSIGN_OR_RETURN(const std::optional<ListCursor> after, CursorOf(page_token));
  SR_ASSIGN_OR_RETURN(
      std::vector<Image> images,
      store_.ListImages({.all_owners = true, .after = after, .limit = options_.page_size}));
  ArchivedRows page;
  if (static_cast<int>(images.size()) == options_.page_size) {
    page.next_page_token = TokenOf(images.back());
  }
  for (Image& image : images) {
    SR_ASSIGN_OR_RETURN(ArchivedRow row, RowOf(std::move(image)));
    page.rows.push_back(std::move(row));
  }
  return page;
}

absl::StatusOr<ArchivedRows> Archive::ExportImage(const std::string& id) {
  ArchivedRows page;
  absl::StatusOr<Image> image = store_.GetImage(id);
  if (absl::IsNotFound(image.status())) return page;
  SR_RETURN_IF_ERROR(image.status());
  SR_ASSIGN_OR_RETURN(ArchivedRow row, RowOf(*std::move(image)));
  page.rows.push_back(std::move(row));
  return page;
}

absl::StatusOr<ArchivedRow> Archive::RowOf(Image image) {
  SR_ASSIGN_OR_RETURN(const std::optional<int64_t> approved,
                      store_.moderation().ApprovedVersion(image.id));
  return ArchivedImage{.image = std::move(image), .approved = approved.has_value()};
}

absl::StatusOr<int64_t> Archive::Import(const CallContext& context, const Principal& who,
                                        std::span<const ArchivedRow> rows) {
  std::vector<ArchivedImage> images;
  std::vector<BlockedHash> hashes;
  for (const ArchivedRow& row : rows) {
    if (const auto* image = std::get_if<ArchivedImage>(&row)) images.push_back(*image);
    if (const auto* hash = std::get_if<BlockedHash>(&row)) hashes.push_back(*hash);
    const auto* key = std::get_if<ApiKey>(&row);
    if (key != nullptr) SR_RETURN_IF_ERROR(CheckMayGive(who, key->subject, key->scopes));
  }
  // Before anything is put in: the usual way to end without.
  const absl::Duration touched = options_.steady();
  SR_RETURN_IF_ERROR(TouchAll(context, images));
  int64_t imported = 0;
  for (const ArchivedRow& row : rows) {
    if (const auto* key = std::get_if<ApiKey>(&row)) {
      SR_ASSIGN_OR_RETURN(const int64_t added, ImportKey(*key));
      imported += added;
    }
    if (const auto* webhook = std::get_if<Webhook>(&row)) {
      SR_ASSIGN_OR_RETURN(const int64_t added, ImportWebhook(*webhook));
      imported += added;
    }
  }
  if (!hashes.empty()) {
    SR_ASSIGN_OR_RETURN(const ModerationStore::Added added,
                        store_.moderation().AddHashes(hashes, options_.max_hashes));
    imported += added.added;
  }
  SR_ASSIGN_OR_RETURN(const int64_t put_in, ImportImages(context, images, touched));
  return imported + put_in;
}

absl::Status Archive::TouchAll(const CallContext& context,
                               const std::vector<ArchivedImage>& images) {
  std::set<Digest> touched;
  for (const ArchivedImage& archived : images) {
    if (!touched.insert(archived.image.sha256).second) continue;
    const absl::Status there = TouchBlob(blobs_, context, archived.image.sha256);
    if (absl::IsNotFound(there)) {
      return MakeStatus(absl::StatusCode::kFailedPrecondition,
                        "the original of image " + archived.image.id +
                            " is not there: " + archived.image.sha256.hex(),
                        {.reason = "ORIGINAL_MISSING"});
    }
    SR_RETURN_IF_ERROR(there);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Archive::ImportImages(const CallContext& context,
                                              const std::vector<ArchivedImage>& images,
                                              absl::Duration touched) {
  if (images.empty()) return 0;
  SR_ASSIGN_OR_RETURN(const int64_t imported, store_.ImportImages(images, clock_.Now()));
  // In time, as AdmitBlob sees it; else what was collected meanwhile is named, and comes again.
  if (options_.steady() - touched <= options_.grace / 2) return imported;
  CallContext own = CallContext::WithTimeout(kTouchTimeout);
  own.request_id = context.request_id;
  own.trace = context.trace;
  SR_RETURN_IF_ERROR(TouchAll(own, images));
  return imported;
}

absl::StatusOr<int64_t> Archive::ImportKey(const ApiKey& key) {
  const absl::Status added = store_.api_keys().AddApiKey(key, options_.max_api_keys);
  if (absl::IsAlreadyExists(added)) return 0;
  SR_RETURN_IF_ERROR(added);
  return 1;
}

absl::StatusOr<int64_t> Archive::ImportWebhook(Webhook webhook) {
  const absl::Status there = store_.webhooks().GetWebhook(webhook.id).status();
  if (there.ok()) return 0;
  if (!absl::IsNotFound(there)) return there;
  // It is told of what happens from now on, not of what is put back.
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange feed, store_.GetFeedRange());
  webhook.after_position = feed.last;
  SR_RETURN_IF_ERROR(store_.webhooks().CreateWebhook(webhook, options_.max_webhooks));
  return 1;
}

absl::StatusOr<std::vector<Digest>> Archive::Missing(const CallContext& context,
                                                     std::span<const Digest> digests) {
  SR_ASSIGN_OR_RETURN(const std::vector<BlobVerdict> verdicts,
                      VerifyAll(files_, context, digests, false));
  std::vector<Digest> missing;
  for (const BlobVerdict& verdict : verdicts) {
    if (verdict.state != BlobVerdict::State::kOk) missing.push_back(verdict.sha256);
  }
  return missing;
}

absl::StatusOr<OriginalPiece> Archive::Read(const CallContext& context, const Digest& digest,
                                            int64_t offset, int64_t length) {
  if (length < 1 || length > kMostBytes) return InvalidField("length", "must be 1 to 2 MiB");
  OriginalPiece piece;
  SR_ASSIGN_OR_RETURN(piece.data, ReadBlobRange(blobs_, context, digest,
                                                {.offset = offset, .length = length}, piece.size));
  return piece;
}

std::unique_ptr<BlobWriter> Archive::Write(const CallContext& context, const Digest& digest) {
  return blobs_.PutBlob(context, {.expected_sha256 = digest});
}

}  // namespace stockroom::api
