// admin: backup, verify-backup, restore.
//
// A backup takes the rows first and then the originals that they speak of. An image that is deleted
// meanwhile may lose its original to the collector at any moment: a row whose original is gone is
// looked at again, and left out if the image is gone, too. The manifest comes last. So no row of a
// finished backup lacks its original. The other way round, images that are uploaded after the
// originals were listed would come without theirs.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/status.h"
#include "tools/stockroom/backup_folder.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/patiently.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

constexpr int64_t kPiece = 1 << 20;
constexpr int kBatch = 200;
// How often a batch is sent while its originals go missing.
constexpr int kTurns = 5;

struct Totals {
  std::string snapshot;
  int64_t images = 0;
  int64_t other_rows = 0;
  int64_t copied = 0;
  int64_t copied_bytes = 0;
  int64_t original_bytes = 0;
  std::vector<std::string> lost;
};

void Show(const Program& program, const char* what, int64_t images) {
  program.out.SetBar(absl::StrCat(what, ": ", HumanCount(images), " images"));
}

// Every row of a kind.
absl::Status ExportAll(const Program& program, StoreClient& client,
                       v1::ExportRowsRequest::Kind kind, RowWriter& to, int64_t& count) {
  v1::ExportRowsRequest request;
  request.set_kind(kind);
  do {
    SR_ASSIGN_OR_RETURN(
        const v1::ExportRowsResponse page,
        Patiently<v1::ExportRowsResponse>(program, [&] { return client.ExportRows(request); }));
    for (const v1::ArchivedRow& row : page.rows()) SR_RETURN_IF_ERROR(to.Add(row));
    count += page.rows_size();
    if (kind == v1::ExportRowsRequest::IMAGES) Show(program, "reading", count);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

// Copies one original into the folder; its error if the bytes are not those of the digest.
absl::Status CopyOriginal(const Program& program, StoreClient& client, BackupFolder& folder,
                          const Digest& digest, int64_t size) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<DurableFile> file,
                      DurableFile::Create(folder.TemporaryPath("blob")));
  StreamHasher hasher;
  v1::ReadOriginalRequest request;
  request.set_sha256(std::string(digest.bytes()));
  request.set_length(kPiece);
  for (int64_t at = 0; at < size;) {
    request.set_offset(at);
    SR_ASSIGN_OR_RETURN(
        const v1::ReadOriginalResponse piece,
        Patiently<v1::ReadOriginalResponse>(program, [&] { return client.ReadOriginal(request); }));
    if (piece.data().empty() || piece.size() != size) {
      return absl::DataLossError("the original has another length than the database says");
    }
    hasher.Update(piece.data());
    SR_RETURN_IF_ERROR(file->Append(piece.data()));
    at += static_cast<int64_t>(piece.data().size());
  }
  if (hasher.FinishSha256() != digest) return absl::DataLossError("the original is damaged");
  return folder.AddBlob(*file, digest);
}

// An original that can not be had: was its image deleted meanwhile, or is it lost? Whoever backs up
// where nobody has to log in does not find others' private images with ImageService.
absl::Status GiveUp(const Program& program, StoreClient& client, const v1::ArchivedImage& image,
                    const absl::Status& why, Totals& totals) {
  v1::ExportRowsRequest request;
  request.set_kind(v1::ExportRowsRequest::IMAGES);
  request.set_image_id(image.id());
  SR_ASSIGN_OR_RETURN(
      const v1::ExportRowsResponse still,
      Patiently<v1::ExportRowsResponse>(program, [&] { return client.ExportRows(request); }));
  if (still.rows().empty()) return absl::OkStatus();
  totals.lost.push_back(image.id());
  program.out.Error(absl::StrCat("image ", OneLine(image.id()), " of ", OneLine(image.owner()),
                                 " has lost its original: ", OneLine(std::string(why.message()))));
  return absl::OkStatus();
}

absl::Status CopyOriginals(const Program& program, StoreClient& client, BackupFolder& folder,
                           const std::string& all_rows, RowWriter& to, Totals& totals) {
  return VisitRows(all_rows, [&](const v1::ArchivedRow& row) -> absl::Status {
    if (!row.has_image()) {
      ++totals.other_rows;
      return to.Add(row);
    }
    const v1::ArchivedImage& image = row.image();
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(image.sha256()));
    if (!folder.HasBlob(digest, image.size_bytes())) {
      const absl::Status copied = CopyOriginal(program, client, folder, digest, image.size_bytes());
      if (absl::IsNotFound(copied) || absl::IsDataLoss(copied)) {
        return GiveUp(program, client, image, copied, totals);
      }
      SR_RETURN_IF_ERROR(copied);
      ++totals.copied;
      totals.copied_bytes += image.size_bytes();
    }
    ++totals.images;
    totals.original_bytes += image.size_bytes();
    Show(program, "copying", totals.images);
    return to.Add(row);
  });
}

absl::StatusOr<Totals> MakeSnapshot(const Program& program, StoreClient& client,
                                    BackupFolder& folder, bool settings) {
  SR_ASSIGN_OR_RETURN(const v1::Catalogue catalogue,
                      Patiently<v1::Catalogue>(program, [&] { return client.GetCatalogue(); }));
  const absl::Time now = absl::Now();
  SR_ASSIGN_OR_RETURN(const std::string name, folder.Begin(now));
  const std::string all_rows = folder.TemporaryPath("all-rows");
  {
    SR_ASSIGN_OR_RETURN(const std::unique_ptr<RowWriter> all,
                        RowWriter::Create(folder.TemporaryPath("exported")));
    int64_t count = 0;
    // Hashes before images: those that come back are held against them at once.
    std::vector<v1::ExportRowsRequest::Kind> kinds = {v1::ExportRowsRequest::BLOCKED_HASHES,
                                                      v1::ExportRowsRequest::IMAGES};
    if (settings) {
      kinds.push_back(v1::ExportRowsRequest::API_KEYS);
      kinds.push_back(v1::ExportRowsRequest::WEBHOOKS);
    }
    for (const v1::ExportRowsRequest::Kind kind : kinds) {
      SR_RETURN_IF_ERROR(ExportAll(program, client, kind, *all, count));
    }
    SR_RETURN_IF_ERROR(all->Publish(all_rows));
  }
  Totals totals;
  totals.snapshot = name;
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<RowWriter> rows,
                      RowWriter::Create(folder.TemporaryPath("rows")));
  SR_RETURN_IF_ERROR(CopyOriginals(program, client, folder, all_rows, *rows, totals));
  SR_RETURN_IF_ERROR(rows->Publish(folder.RowsPath(name)));
  SR_RETURN_IF_ERROR(RemoveFile(all_rows));
  SR_RETURN_IF_ERROR(
      folder.Finish(name, {.catalogue_id = catalogue.id(),
                           .feed_position = catalogue.feed_position(),
                           .time = absl::FormatTime(absl::RFC3339_sec, now, absl::UTCTimeZone()),
                           .images = totals.images,
                           .other_rows = totals.other_rows,
                           .original_bytes = totals.original_bytes,
                           .rows_bytes = rows->size(),
                           .rows_sha256 = rows->FinishSha256(),
                           .lost_images = totals.lost}));
  return totals;
}

int Backup(const Program& program, StoreClient& client, const StoreArgs& args) {
  const absl::StatusOr<std::unique_ptr<BackupFolder>> folder =
      BackupFolder::OpenToWrite(args.folder);
  if (!folder.ok()) return program.Fail(folder.status());
  const absl::StatusOr<Totals> made = MakeSnapshot(program, client, **folder, args.settings);
  program.out.SetBar("");
  if (!made.ok()) return program.Fail(made.status());
  BackupFolder::Pruned pruned;
  if (args.keep > 0) {
    const absl::StatusOr<BackupFolder::Pruned> done = (*folder)->Prune(args.keep, made->snapshot);
    if (!done.ok()) {
      return program.Fail(Annotate(
          done.status(), "the new backup is whole, but older ones were not, or not all, deleted"));
    }
    pruned = *done;
  }
  if (program.out.json()) {
    program.out.Json({{"type", "backup"},
                      {"images", made->images},
                      {"otherRows", made->other_rows},
                      {"copied", made->copied},
                      {"copiedBytes", made->copied_bytes},
                      {"originalBytes", made->original_bytes},
                      {"lostImages", made->lost},
                      {"prunedSnapshots", pruned.snapshots},
                      {"prunedOriginals", pruned.originals}});
  } else {
    program.out.Line(absl::StrCat(
        Plural(made->images, "image"), ", ", HumanBytes(made->original_bytes), "; ",
        Plural(made->copied, "original"), " copied, ", HumanBytes(made->copied_bytes)));
  }
  if (made->lost.empty()) return program.Ended();
  program.out.Error(absl::StrCat(Plural(made->lost.size(), "image"),
                                 " left out: stockroom admin fsck --full says why"));
  return kExitFailed;
}

// The newest, or the one that was named.
absl::StatusOr<std::string> ChooseSnapshot(const BackupFolder& folder, const std::string& wanted) {
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, folder.Snapshots());
  if (names.empty()) return NotFound("NO_BACKUP", "no backup was finished in this folder");
  if (wanted.empty()) return names.back();
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
  return NotFound("NO_BACKUP", "there is no finished backup " + wanted);
}

absl::StatusOr<int64_t> VerifySnapshot(const Program& program, const BackupFolder& folder,
                                       const std::string& name, std::set<Digest>& seen) {
  SR_ASSIGN_OR_RETURN(const Manifest manifest, folder.CheckRows(name));
  int64_t images = 0;
  int64_t damaged = 0;
  SR_RETURN_IF_ERROR(
      VisitRows(folder.RowsPath(name), [&](const v1::ArchivedRow& row) -> absl::Status {
        if (program.stop->cancelled()) return absl::CancelledError("interrupted");
        if (!row.has_image()) return absl::OkStatus();
        Show(program, "verifying", ++images);
        SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(row.image().sha256()));
        if (!seen.insert(digest).second) return absl::OkStatus();
        const absl::Status whole = folder.VerifyBlob(digest, row.image().size_bytes());
        if (whole.ok()) return whole;
        ++damaged;
        program.out.Error(absl::StrCat(OneLine(std::string(whole.message())), "; of image ",
                                       OneLine(row.image().id())));
        return absl::OkStatus();
      }));
  if (images != manifest.images) return absl::DataLossError(name + ": rows are missing");
  return damaged;
}

int VerifyBackup(const Program& program, const StoreArgs& args) {
  const absl::StatusOr<std::unique_ptr<BackupFolder>> folder =
      BackupFolder::OpenToRead(args.folder);
  if (!folder.ok()) return program.Fail(folder.status());
  const absl::StatusOr<std::vector<std::string>> names = (*folder)->Snapshots();
  if (!names.ok()) return program.Fail(names.status());
  if (names->empty()) {
    return program.Fail(NotFound("NO_BACKUP", "no backup was finished in this folder"));
  }
  // Shared originals are read once. 32 bytes each.
  std::set<Digest> seen;
  int64_t damaged = 0;
  for (const std::string& name : *names) {
    const absl::StatusOr<int64_t> found = VerifySnapshot(program, **folder, name, seen);
    program.out.SetBar("");
    if (absl::IsCancelled(found.status())) return program.Fail(found.status());
    if (!found.ok()) {
      program.out.Error(absl::StrCat(name, ": ", OneLine(std::string(found.status().message()))));
    }
    damaged += found.value_or(1);
  }
  if (program.out.json()) {
    program.out.Json({{"type", "verdict"},
                      {"whole", damaged == 0},
                      {"snapshots", names->size()},
                      {"originals", seen.size()},
                      {"damaged", damaged}});
  } else {
    program.out.Line(absl::StrCat(Plural(names->size(), "backup"), ", ",
                                  Plural(seen.size(), "original"), ", ", damaged, " damaged"));
  }
  if (damaged == 0) return program.Ended();
  program.out.Error("delete the damaged files and back up again, while the cluster has them");
  return kExitFailed;
}

absl::Status SendOriginal(const Program& program, StoreClient& client, const BackupFolder& folder,
                          const Digest& digest) {
  const auto sent = Patiently<v1::WriteOriginalResponse>(
      program, [&]() -> absl::StatusOr<v1::WriteOriginalResponse> {
        SR_ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file,
                            ReadableFile::Open(folder.BlobPath(digest)));
        return client.WriteOriginal(std::string(digest.bytes()),
                                    [&] { return file->Next(kPiece); });
      });
  return Annotate(sent.status(), folder.BlobPath(digest));
}

// Those that the rows speak of and the cluster lacks.
absl::Status SendOriginals(const Program& program, StoreClient& client, const BackupFolder& folder,
                           const v1::ImportRowsRequest& batch) {
  v1::MissingOriginalsRequest wanted;
  for (const v1::ArchivedRow& row : batch.rows()) {
    if (row.has_image()) wanted.add_sha256(row.image().sha256());
  }
  if (wanted.sha256_size() == 0) return absl::OkStatus();
  SR_ASSIGN_OR_RETURN(const v1::MissingOriginalsResponse missing,
                      Patiently<v1::MissingOriginalsResponse>(
                          program, [&] { return client.MissingOriginals(wanted); }));
  const std::set<std::string> distinct(missing.sha256().begin(), missing.sha256().end());
  for (const std::string& bytes : distinct) {
    SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(bytes));
    SR_RETURN_IF_ERROR(SendOriginal(program, client, folder, digest));
  }
  return absl::OkStatus();
}

// Originals first, in each batch: so none waits for its row for long, and no collector takes it. If
// one was taken nevertheless, all over again: what is there is passed over.
absl::Status SendBatch(const Program& program, StoreClient& client, const BackupFolder& folder,
                       v1::ImportRowsRequest& batch, int64_t& imported) {
  absl::StatusOr<v1::ImportRowsResponse> answer = absl::UnknownError("not asked");
  for (int turn = 0; turn < kTurns; ++turn) {
    SR_RETURN_IF_ERROR(SendOriginals(program, client, folder, batch));
    answer = Patiently<v1::ImportRowsResponse>(program, [&] { return client.ImportRows(batch); });
    if (DetailsOf(answer.status()).reason != "ORIGINAL_MISSING") break;
  }
  SR_RETURN_IF_ERROR(answer.status());
  imported += answer->imported();
  batch.clear_rows();
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SendAll(const Program& program, StoreClient& client,
                                const BackupFolder& folder, const std::string& name) {
  v1::ImportRowsRequest batch;
  int64_t imported = 0;
  int64_t seen = 0;
  SR_RETURN_IF_ERROR(
      VisitRows(folder.RowsPath(name), [&](const v1::ArchivedRow& row) -> absl::Status {
        *batch.add_rows() = row;
        Show(program, "restoring", ++seen);
        // Bytes, too: a message has a bound.
        if (batch.rows_size() < kBatch && batch.ByteSizeLong() < (1 << 20)) return absl::OkStatus();
        return SendBatch(program, client, folder, batch, imported);
      }));
  if (batch.rows_size() > 0) {
    SR_RETURN_IF_ERROR(SendBatch(program, client, folder, batch, imported));
  }
  return imported;
}

int Restore(const Program& program, StoreClient& client, const StoreArgs& args) {
  const absl::StatusOr<std::unique_ptr<BackupFolder>> folder =
      BackupFolder::OpenToRead(args.folder);
  if (!folder.ok()) return program.Fail(folder.status());
  const absl::StatusOr<std::string> name = ChooseSnapshot(**folder, args.snapshot);
  if (!name.ok()) return program.Fail(name.status());
  const absl::StatusOr<Manifest> manifest = (*folder)->CheckRows(*name);
  if (!manifest.ok()) return program.Fail(manifest.status());
  const auto catalogue = Patiently<v1::Catalogue>(program, [&] { return client.GetCatalogue(); });
  if (!catalogue.ok()) return program.Fail(catalogue.status());
  if (catalogue->has_images() && !args.merge) {
    return program.Fail(MakeStatus(
        absl::StatusCode::kFailedPrecondition,
        "there are images in this cluster; restore into an empty one, or add to it with --merge "
        "(what it has stays as it is; an interrupted restore goes on so)",
        {.reason = "NOT_EMPTY"}));
  }
  const absl::StatusOr<int64_t> imported = SendAll(program, client, **folder, *name);
  program.out.SetBar("");
  if (!imported.ok()) return program.Fail(imported.status());
  if (program.out.json()) {
    program.out.Json({{"type", "restored"},
                      {"backup", *name},
                      {"imported", *imported},
                      {"images", manifest->images}});
  } else {
    program.out.Line(absl::StrCat(Plural(*imported, "row"), " of the backup of ",
                                  OneLine(manifest->time), " restored"));
  }
  return program.Ended();
}

}  // namespace

int RunBackup(const Program& program, StoreClient& client, const StoreArgs& args) {
  if (args.action == "backup") return Backup(program, client, args);
  return Restore(program, client, args);
}

int RunVerifyBackup(const Program& program, const StoreArgs& args) {
  return VerifyBackup(program, args);
}

}  // namespace stockroom::cli
