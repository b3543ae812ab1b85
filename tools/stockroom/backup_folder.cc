#include "tools/stockroom/backup_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/files.h"
#include "services/common/base/status.h"

namespace stockroom::cli {
namespace {

constexpr size_t kHeadBytes = 8;
constexpr size_t kReadBytes = 1 << 20;
// A row is at most what one message may hold.
constexpr uint32_t kMaxRowBytes = 64 << 20;
constexpr int64_t kMaxManifestBytes = 64 << 20;
// Of a manifest's JSON; it needs 2.
constexpr int kDeepestManifest = 4;
constexpr char kManifest[] = "/manifest.json";
// Of snapshots: UTC, in whole seconds, so that they sort by time.
constexpr char kNameFormat[] = "%E4Y%m%dT%H%M%SZ";
constexpr size_t kNameLength = 16;

std::string Little(uint32_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i, value >>= 8) bytes += static_cast<char>(value & 0xff);
  return bytes;
}

uint32_t FromLittle(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

absl::Status Damaged(const std::string& what) {
  return MakeStatus(absl::StatusCode::kDataLoss, what, {.reason = "BACKUP_DAMAGED"});
}

// Discarded unless it is JSON that one can walk through with a stack.
nlohmann::ordered_json ParseFlat(const std::string& text) {
  using Json = nlohmann::ordered_json;
  bool too_deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kDeepestManifest;
    return !too_deep;
  };
  Json json = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (too_deep) return Json(Json::value_t::discarded);
  return json;
}

// Throws where a member is missing or of another type.
absl::StatusOr<Manifest> ManifestFrom(const nlohmann::ordered_json& json) {
  if (json.at("format") != 1) return Damaged("the backup is of a newer version");
  Manifest manifest;
  manifest.catalogue_id = json.at("catalogueId");
  manifest.feed_position = json.at("feedPosition");
  manifest.time = json.at("time");
  manifest.images = json.at("images");
  manifest.other_rows = json.at("otherRows");
  manifest.original_bytes = json.at("originalBytes");
  manifest.rows_bytes = json.at("rowsBytes");
  SR_ASSIGN_OR_RETURN(manifest.rows_sha256,
                      Digest::FromHex(json.at("rowsSha256").get<std::string>()));
  manifest.lost_images = json.at("lostImages").get<std::vector<std::string>>();
  return manifest;
}

}  // namespace

std::string ManifestText(const Manifest& manifest) {
  nlohmann::ordered_json json = {{"format", 1},
                                 {"catalogueId", manifest.catalogue_id},
                                 {"feedPosition", manifest.feed_position},
                                 {"time", manifest.time},
                                 {"images", manifest.images},
                                 {"otherRows", manifest.other_rows},
                                 {"originalBytes", manifest.original_bytes},
                                 {"rowsBytes", manifest.rows_bytes},
                                 {"rowsSha256", manifest.rows_sha256.hex()},
                                 {"lostImages", manifest.lost_images}};
  json["check"] = Digest::Of(json.dump()).hex();
  return json.dump(2) + "\n";
}

absl::StatusOr<Manifest> ParseManifest(const std::string& text) {
  nlohmann::ordered_json json = ParseFlat(text);
  if (!json.is_object() || !json.contains("check")) return Damaged("the manifest is damaged");
  const nlohmann::ordered_json check = json["check"];
  json.erase("check");
  if (check !=
      Digest::Of(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace))
          .hex()) {
    return Damaged("the manifest is damaged");
  }
  try {
    return ManifestFrom(json);
  } catch (const nlohmann::json::exception& error) {
    return Damaged(absl::StrCat("the manifest is damaged: ", error.what()));
  }
}

absl::StatusOr<std::unique_ptr<RowWriter>> RowWriter::Create(const std::string& temporary) {
  SR_ASSIGN_OR_RETURN(std::unique_ptr<DurableFile> file, DurableFile::Create(temporary));
  return std::unique_ptr<RowWriter>(new RowWriter(std::move(file)));
}

absl::Status RowWriter::Add(const v1::ArchivedRow& row) {
  const std::string body = row.SerializeAsString();
  const std::string record =
      absl::StrCat(Little(static_cast<uint32_t>(body.size())), Little(Crc32c(body)), body);
  hasher_.Update(record);
  return file_->Append(record);
}

absl::Status RowWriter::Publish(const std::string& path) { return file_->Publish(path); }

absl::Status VisitRows(const std::string& path,
                       absl::FunctionRef<absl::Status(const v1::ArchivedRow&)> visit) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file, ReadableFile::Open(path));
  std::string buffer;
  size_t at = 0;
  // At least so many bytes behind `at`; false at the end of the file.
  const auto have = [&](size_t bytes) -> absl::StatusOr<bool> {
    while (buffer.size() - at < bytes) {
      buffer.erase(0, std::exchange(at, 0));
      SR_ASSIGN_OR_RETURN(const std::string more, file->Next(std::max(bytes, kReadBytes)));
      if (more.empty()) return false;
      buffer += more;
    }
    return true;
  };
  v1::ArchivedRow row;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const bool head, have(kHeadBytes));
    if (!head && buffer.size() == at) return absl::OkStatus();
    if (!head) return Damaged(path + " ends in the middle of a row");
    const uint32_t size = FromLittle(std::string_view(buffer).substr(at));
    const uint32_t sum = FromLittle(std::string_view(buffer).substr(at + 4));
    if (size > kMaxRowBytes) return Damaged(path + ": a row is damaged");
    SR_ASSIGN_OR_RETURN(const bool whole, have(kHeadBytes + size));
    if (!whole) return Damaged(path + " ends in the middle of a row");
    const std::string_view body = std::string_view(buffer).substr(at + kHeadBytes, size);
    if (Crc32c(body) != sum || !row.ParseFromArray(body.data(), static_cast<int>(size))) {
      return Damaged(path + ": a row is damaged");
    }
    at += kHeadBytes + size;
    SR_RETURN_IF_ERROR(visit(row));
  }
}

absl::StatusOr<std::unique_ptr<BackupFolder>> BackupFolder::OpenToWrite(const std::string& path) {
  for (const char* folder : {"/blobs", "/snapshots", "/tmp"}) {
    SR_RETURN_IF_ERROR(MakeFolder(path + folder));
  }
  // Even if they are there: who made them may have died before their names were durable.
  SR_RETURN_IF_ERROR(SyncFolder(path));
  const absl::Status above = SyncFolder(path + "/..");
  // One that we may not read, or that is no disk's (autofs), is others' business, as is its entry.
  if (!above.ok() && !absl::IsPermissionDenied(above) && !absl::IsInvalidArgument(above)) {
    return above;
  }
  SR_ASSIGN_OR_RETURN(std::unique_ptr<FolderLock> lock, FolderLock::Take(path + "/LOCK"));
  std::unique_ptr<BackupFolder> folder(new BackupFolder(path, std::move(lock)));
  SR_RETURN_IF_ERROR(folder->RemoveUnfinished());
  return folder;
}

absl::StatusOr<std::unique_ptr<BackupFolder>> BackupFolder::OpenToRead(const std::string& path) {
  if (!ListFolder(path + "/snapshots").ok()) {
    return NotFound("NO_BACKUP", path + " is no folder of backups");
  }
  return std::unique_ptr<BackupFolder>(new BackupFolder(path, nullptr));
}

absl::Status BackupFolder::RemoveUnfinished() {
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> left, ListFolder(path_ + "/tmp"));
  for (const std::string& name : left) SR_RETURN_IF_ERROR(RemoveFile(TemporaryPath(name)));
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(path_ + "/snapshots"));
  for (const std::string& name : names) {
    const std::string folder = path_ + "/snapshots/" + name;
    SR_ASSIGN_OR_RETURN(const bool finished, Exists(folder + kManifest));
    if (finished) continue;
    SR_RETURN_IF_ERROR(RemoveFile(folder + "/rows"));
    ::rmdir(folder.c_str());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> BackupFolder::Snapshots() const {
  SR_ASSIGN_OR_RETURN(std::vector<std::string> names, ListFolder(path_ + "/snapshots"));
  std::vector<std::string> finished;
  for (std::string& name : names) {
    SR_ASSIGN_OR_RETURN(const bool there, Exists(path_ + "/snapshots/" + name + kManifest));
    if (there) finished.push_back(std::move(name));
  }
  return finished;
}

absl::StatusOr<Manifest> BackupFolder::ReadManifest(const std::string& snapshot) const {
  SR_ASSIGN_OR_RETURN(
      const std::string text,
      ReadFileAtMost(path_ + "/snapshots/" + snapshot + kManifest, kMaxManifestBytes));
  return ParseManifest(text);
}

absl::StatusOr<Manifest> BackupFolder::CheckRows(const std::string& snapshot) const {
  SR_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(snapshot));
  SR_ASSIGN_OR_RETURN(const Digest digest, DigestOfFile(RowsPath(snapshot)));
  if (digest != manifest.rows_sha256) return Damaged(RowsPath(snapshot) + " is damaged");
  return manifest;
}

std::string BackupFolder::RowsPath(const std::string& snapshot) const {
  return path_ + "/snapshots/" + snapshot + "/rows";
}

std::string BackupFolder::BlobPath(const Digest& digest) const {
  const std::string hex = digest.hex();
  return path_ + "/blobs/" + hex.substr(0, 2) + "/" + hex;
}

absl::StatusOr<std::string> BackupFolder::Begin(absl::Time now) {
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(path_ + "/snapshots"));
  // Names tell which is the newest, so a clock that went back must not show in them.
  for (const std::string& name : names) {
    absl::Time taken;
    // What older versions put behind the time, within a second, is less than the next second.
    if (!absl::ParseTime(kNameFormat, name.substr(0, kNameLength), &taken, nullptr)) continue;
    now = std::max(now, taken + absl::Seconds(1));
  }
  const std::string name = absl::FormatTime(kNameFormat, now, absl::UTCTimeZone());
  const std::string folder = path_ + "/snapshots/" + name;
  if (::mkdir(folder.c_str(), 0700) != 0) return ErrnoStatus(errno, "mkdir " + folder);
  SR_RETURN_IF_ERROR(SyncFolder(path_ + "/snapshots"));
  return name;
}

bool BackupFolder::HasBlob(const Digest& digest, int64_t size) const {
  const absl::StatusOr<int64_t> bytes = FileBytes(BlobPath(digest));
  return bytes.ok() && *bytes == size;
}

absl::Status BackupFolder::AddBlob(DurableFile& file, const Digest& digest) {
  const std::string path = BlobPath(digest);
  const std::string folder = path.substr(0, path.find_last_of('/'));
  SR_RETURN_IF_ERROR(MakeFolder(folder));
  return file.Publish(path);
}

absl::Status BackupFolder::VerifyBlob(const Digest& digest, int64_t size) const {
  SR_ASSIGN_OR_RETURN(const int64_t bytes, FileBytes(BlobPath(digest)));
  if (bytes != size) return Damaged(BlobPath(digest) + " has another length");
  SR_ASSIGN_OR_RETURN(const Digest found, DigestOfFile(BlobPath(digest)));
  return found == digest ? absl::OkStatus() : Damaged(BlobPath(digest) + " is damaged");
}

absl::Status BackupFolder::Finish(const std::string& snapshot, const Manifest& manifest) {
  const std::string folder = path_ + "/snapshots/" + snapshot;
  // All of them: one that was killed may have left names here that it has not synced.
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> shards, ListFolder(path_ + "/blobs"));
  for (const std::string& shard : shards) {
    SR_RETURN_IF_ERROR(SyncFolder(path_ + "/blobs/" + shard));
  }
  SR_RETURN_IF_ERROR(SyncFolder(path_ + "/blobs"));
  SR_RETURN_IF_ERROR(SyncFolder(folder));
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<DurableFile> file,
                      DurableFile::Create(TemporaryPath("manifest")));
  SR_RETURN_IF_ERROR(file->Append(ManifestText(manifest)));
  SR_RETURN_IF_ERROR(file->Publish(folder + kManifest));
  return SyncFolder(folder);
}

absl::StatusOr<BackupFolder::Pruned> BackupFolder::Prune(int keep, const std::string& newest) {
  SR_ASSIGN_OR_RETURN(std::vector<std::string> names, Snapshots());
  const auto found = std::find(names.begin(), names.end(), newest);
  if (found == names.end()) return Damaged("the backup " + newest + " is gone");
  // Whatever the names of the others say.
  std::rotate(found, found + 1, names.end());
  const size_t dropped = names.size() - std::min(names.size(), static_cast<size_t>(keep));
  // Before anything goes: whatever is not known for certain to be unused stays.
  SR_ASSIGN_OR_RETURN(const std::vector<Digest> used,
                      UsedBy(std::span<const std::string>(names).subspan(dropped)));
  Pruned pruned;
  for (const std::string& name : std::span<const std::string>(names).first(dropped)) {
    const std::string folder = path_ + "/snapshots/" + name;
    SR_RETURN_IF_ERROR(RemoveFile(folder + kManifest));
    SR_RETURN_IF_ERROR(SyncFolder(folder));
    SR_RETURN_IF_ERROR(RemoveFile(folder + "/rows"));
    ::rmdir(folder.c_str());
    ++pruned.snapshots;
  }
  SR_ASSIGN_OR_RETURN(pruned.originals, RemoveUnused(used));
  return pruned;
}

absl::StatusOr<std::vector<Digest>> BackupFolder::UsedBy(
    std::span<const std::string> snapshots) const {
  std::vector<Digest> used;
  for (const std::string& name : snapshots) {
    // Rows alone do not tell that some are missing at the end.
    SR_RETURN_IF_ERROR(CheckRows(name).status());
    SR_RETURN_IF_ERROR(VisitRows(RowsPath(name), [&](const v1::ArchivedRow& row) -> absl::Status {
      if (!row.has_image()) return absl::OkStatus();
      SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(row.image().sha256()));
      used.push_back(digest);
      return absl::OkStatus();
    }));
    // Snapshots have most of their originals in common.
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
  }
  return used;
}

absl::StatusOr<int64_t> BackupFolder::RemoveUnused(const std::vector<Digest>& used) {
  int64_t removed = 0;
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> shards, ListFolder(path_ + "/blobs"));
  for (const std::string& shard : shards) {
    SR_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                        ListFolder(path_ + "/blobs/" + shard));
    for (const std::string& name : names) {
      const absl::StatusOr<Digest> digest = Digest::FromHex(name);
      if (!digest.ok() || std::binary_search(used.begin(), used.end(), *digest)) continue;
      SR_RETURN_IF_ERROR(RemoveFile(BlobPath(*digest)));
      ++removed;
    }
  }
  return removed;
}

}  // namespace stockroom::cli
