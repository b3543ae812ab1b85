#include "services/api/handlers/backup_handlers.h"

#include "services/api/domain/access.h"
#include "services/api/handlers/backup_messages.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// A page of rows ends here. A message may have twice that (rpc::Server), and a row, with analyses
// of 1 MiB and texts, stays well below.
constexpr size_t kPageBytes = 2 << 20;

}  // namespace

absl::Status BackupHandlers::GetCatalogue(const CallContext&, const Principal&,
                                          const v1::GetCatalogueRequest&, v1::Catalogue* response) {
  SR_ASSIGN_OR_RETURN(const CatalogueState state, archive_.State());
  response->set_id(state.id);
  response->set_feed_position(state.feed_position);
  response->set_has_images(state.has_images);
  return absl::OkStatus();
}

absl::Status BackupHandlers::ExportRows(const CallContext&, const Principal& who,
                                        const v1::ExportRowsRequest& request,
                                        v1::ExportRowsResponse* response) {
  SR_RETURN_IF_ERROR(CheckMaySeeAll(who));
  if (request.kind() < v1::ExportRowsRequest::IMAGES ||
      request.kind() > v1::ExportRowsRequest::WEBHOOKS) {
    return InvalidField("kind", "must be one that is known");
  }
  const auto kind = static_cast<Archive::Kind>(request.kind() - v1::ExportRowsRequest::IMAGES);
  const bool one = kind == Archive::Kind::kImages && !request.image_id().empty();
  SR_ASSIGN_OR_RETURN(const ArchivedRows page, one ? archive_.ExportImage(request.image_id())
                                                   : archive_.Export(kind, request.page_token()));
  response->set_next_page_token(page.next_page_token);
  size_t bytes = 0;
  for (const ArchivedRow& row : page.rows) {
    v1::ArchivedRow& out = *response->add_rows();
    ToMessage(row, &out);
    bytes += out.ByteSizeLong();
    if (bytes > kPageBytes && &row != &page.rows.back()) {
      response->set_next_page_token(Archive::TokenAfter(row));
      break;
    }
  }
  return absl::OkStatus();
}

absl::Status BackupHandlers::ImportRows(const CallContext& context, const Principal& who,
                                        const v1::ImportRowsRequest& request,
                                        v1::ImportRowsResponse* response) {
  SR_RETURN_IF_ERROR(CheckMaySeeAll(who));
  if (request.rows_size() > Archive::kMostRows) {
    return InvalidField("rows", "must be at most 500 in one call");
  }
  std::vector<ArchivedRow> rows;
  for (const v1::ArchivedRow& message : request.rows()) {
    SR_ASSIGN_OR_RETURN(ArchivedRow row, FromMessage(message));
    rows.push_back(std::move(row));
  }
  SR_ASSIGN_OR_RETURN(const int64_t imported, archive_.Import(context, who, rows));
  response->set_imported(imported);
  return absl::OkStatus();
}

absl::Status BackupHandlers::MissingOriginals(const CallContext& context, const Principal& who,
                                              const v1::MissingOriginalsRequest& request,
                                              v1::MissingOriginalsResponse* response) {
  SR_RETURN_IF_ERROR(CheckMaySeeAll(who));
  if (request.sha256_size() > Archive::kMostRows) {
    return InvalidField("sha256", "must be at most 500 in one call");
  }
  std::vector<Digest> digests;
  for (const std::string& bytes : request.sha256()) {
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(bytes));
    digests.push_back(digest);
  }
  SR_ASSIGN_OR_RETURN(const std::vector<Digest> missing, archive_.Missing(context, digests));
  for (const Digest& digest : missing) response->add_sha256(std::string(digest.bytes()));
  return absl::OkStatus();
}

absl::Status BackupHandlers::ReadOriginal(const CallContext& context, const Principal& who,
                                          const v1::ReadOriginalRequest& request,
                                          v1::ReadOriginalResponse* response) {
  SR_RETURN_IF_ERROR(CheckMaySeeAll(who));
  SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(request.sha256()));
  SR_ASSIGN_OR_RETURN(OriginalPiece piece,
                      archive_.Read(context, digest, request.offset(), request.length()));
  response->set_size(piece.size);
  response->set_data(std::move(piece.data));
  return absl::OkStatus();
}

absl::Status BackupHandlers::CheckMayWrite(const Principal& who) { return CheckMaySeeAll(who); }

absl::StatusOr<std::unique_ptr<BlobWriter>> BackupHandlers::BeginWrite(const CallContext& context,
                                                                       const std::string& sha256) {
  SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(sha256));
  return archive_.Write(context, digest);
}

}  // namespace stockroom::api
