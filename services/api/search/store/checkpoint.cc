#include "services/api/search/store/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "services/api/search/segment/segment_memory.h"
#include "services/api/search/store/checkpoint_columns.h"
#include "services/api/search/store/checkpoint_manifest.h"
#include "services/api/search/store/folder.h"
#include "services/api/search/store/mapped_file.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

// A line for each file, of which there are thousands at most.
constexpr uint64_t kMaxManifestBytes = uint64_t{16} << 20;
constexpr uint64_t kMaxColumnsBytes = uint64_t{16} << 30;

std::string_view BytesOf(const Segment& segment) {
  return {reinterpret_cast<const char*>(segment.bytes().data()), segment.bytes().size()};
}

// 0: there is none.
absl::StatusOr<uint64_t> NewestNumber(const Folder& folder) {
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, folder.Names());
  uint64_t newest = 0;
  for (const std::string& name : names) {
    newest = std::max(newest, NumberInName(name, "index-", ".manifest").value_or(0));
  }
  return newest;
}

absl::StatusOr<Manifest> ReadManifest(const Folder& folder, uint64_t number) {
  SR_ASSIGN_OR_RETURN(const std::string text, folder.Read(ManifestName(number), kMaxManifestBytes));
  SR_ASSIGN_OR_RETURN(Manifest manifest, ParseManifest(text));
  if (manifest.number != number) return FileDamaged("the manifest is another one's");
  return manifest;
}

// One attempt at a checkpoint.
class CheckpointWriter {
 public:
  CheckpointWriter(const Folder& folder, const Checkpoint& checkpoint)
      : folder_(folder), checkpoint_(checkpoint) {}

  absl::Status Run() {
    SR_RETURN_IF_ERROR(Check());
    SR_ASSIGN_OR_RETURN(const uint64_t newest, NewestNumber(folder_));
    auto before = ReadManifest(folder_, newest);
    if (before.ok()) {
      before_ = *std::move(before);
    } else if (!absl::IsNotFound(before.status()) && !absl::IsDataLoss(before.status())) {
      return before.status();
    }
    // A damaged one is as good as none: nothing it names is trusted.
    manifest_.number = newest + 1;
    const absl::Status status = WriteAll();
    // Nobody reads what is left over, the next checkpoint tries again.
    Sweep(/*written=*/status.ok()).IgnoreError();
    return status;
  }

 private:
  absl::Status Check() const {
    for (const CheckpointSegment& segment : checkpoint_.segments) {
      const uint32_t docs = segment.segment->docs();
      const auto fits = [&](const auto& column) { return column.empty() || column.size() == docs; };
      if (segment.live.docs() != docs || !fits(segment.popularity) || !fits(segment.clusters)) {
        return InvalidArgument("BAD_CHECKPOINT", "a column does not fit its segment");
      }
    }
    std::vector<DocumentStore::FileMark> files = checkpoint_.documents;
    const absl::Status status = FindLiveDocuments(checkpoint_.segments, files);
    if (status.ok()) return status;
    return InvalidArgument("BAD_CHECKPOINT", Sv(status.message()));
  }

  absl::Status WriteAll() {
    manifest_.format = checkpoint_.format;
    manifest_.feed_position = checkpoint_.feed_position;
    manifest_.catalogue_id = checkpoint_.catalogue_id;
    for (const CheckpointSegment& segment : checkpoint_.segments) {
      SR_RETURN_IF_ERROR(WriteSegment(BytesOf(*segment.segment)));
    }
    SR_RETURN_IF_ERROR(WriteColumns());
    for (const auto& file : checkpoint_.documents) SR_RETURN_IF_ERROR(SyncDocuments(file));
    // All names are there before the one that makes them a checkpoint.
    SR_RETURN_IF_ERROR(folder_.SyncNames());
    SR_RETURN_IF_ERROR(folder_.Write(ManifestName(manifest_.number), {ManifestText(manifest_)}));
    return folder_.SyncNames();
  }

  absl::Status WriteSegment(std::string_view bytes) {
    const ManifestFile file = {
        .name = SegmentName(bytes), .bytes = bytes.size(), .crc = Crc32c(bytes)};
    manifest_.segments.push_back(file);
    const auto& old = before_.segments;
    if (std::find(old.begin(), old.end(), file) != old.end() && HasBytes(file.name, file.bytes)) {
      return absl::OkStatus();
    }
    return folder_.Write(file.name, {bytes});
  }

  absl::Status WriteColumns() {
    const CheckpointColumns columns(checkpoint_.segments);
    ManifestFile& file = manifest_.columns;
    file.name = ColumnsName(manifest_.number);
    for (const std::string_view part : columns.parts()) {
      file.bytes += part.size();
      file.crc = Crc32c(part, file.crc);
    }
    return folder_.Write(file.name, columns.parts());
  }

  absl::Status SyncDocuments(const DocumentStore::FileMark& mark) {
    manifest_.documents.push_back(mark);
    if (!HasBytes(mark.name, mark.bytes)) {
      return MakeStatus(absl::StatusCode::kInternal,
                        folder_.PathOf(mark.name) + " is gone or too short",
                        {.reason = "INDEX_FILES_DAMAGED"});
    }
    SR_ASSIGN_OR_RETURN(const Fd file, folder_.OpenFile(mark.name, O_RDONLY));
    if (fdatasync(file.get()) == 0) return absl::OkStatus();
    return FileError(errno, "syncing " + folder_.PathOf(mark.name));
  }

  bool HasBytes(const std::string& name, uint64_t bytes) const {
    const auto file = folder_.OpenFile(name, O_RDONLY);
    struct stat info {};
    return file.ok() && fstat(file->get(), &info) == 0 &&
           static_cast<uint64_t>(info.st_size) >= bytes;
  }

  // Removes what is not needed: by the new checkpoint if it was `written`, else by the old one.
  absl::Status Sweep(bool written) const {
    const Manifest& needed = written ? manifest_ : before_;
    // Files of documents that the store made since are numbered higher than those it sealed.
    uint32_t sealed = 0;
    for (const auto& file : checkpoint_.documents) {
      sealed = std::max(sealed, NumberOfDocumentFile(file.name));
    }
    SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, folder_.Names());
    for (const std::string& name : names) {
      const uint32_t documents = NumberOfDocumentFile(name);
      const bool ours = name.starts_with("index-") || name.starts_with("segment-") ||
                        name.starts_with("columns-") || (documents != 0 && documents < sealed);
      const bool in_use =
          std::any_of(checkpoint_.documents.begin(), checkpoint_.documents.end(),
                      [&](const DocumentStore::FileMark& file) { return file.name == name; });
      if (!ours || in_use || name == ManifestName(needed.number) || needed.Names(name)) continue;
      SR_RETURN_IF_ERROR(folder_.Remove(name));
    }
    return absl::OkStatus();
  }

  const Folder& folder_;
  const Checkpoint& checkpoint_;
  Manifest before_;  // empty: there was none
  Manifest manifest_;
};

absl::StatusOr<std::shared_ptr<const Segment>> ReadSegment(const Folder& folder,
                                                           const ManifestFile& named) {
  const std::string path = folder.PathOf(named.name);
  SR_ASSIGN_OR_RETURN(const Fd file, folder.OpenFile(named.name, O_RDONLY));
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return FileError(errno, "looking at " + path);
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) != named.bytes) {
    return FileDamaged(path + " does not have the length that the manifest says");
  }
  const std::shared_ptr<uint64_t[]> block = AllocateSegment(named.bytes);
  if (block == nullptr) return FileError(ENOMEM, "memory for " + path);
  char* const bytes = reinterpret_cast<char*>(block.get());
  SR_RETURN_IF_ERROR(ReadAll(file.get(), bytes, named.bytes, path));
  // The kernel need not keep it as well.
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (Crc32c({bytes, named.bytes}) != named.crc) {
    return FileDamaged(path + " is damaged");
  }
  return Segment::Open({reinterpret_cast<const uint8_t*>(bytes), named.bytes}, block);
}

absl::Status ReadSegments(const Folder& folder, const Manifest& manifest,
                          std::vector<CheckpointSegment>& segments) {
  const size_t count = manifest.segments.size();
  segments.resize(count);
  std::vector<absl::Status> statuses(count);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) {
      auto segment = ReadSegment(folder, manifest.segments[i]);
      statuses[i] = segment.status();
      if (segment.ok()) segments[i].segment = *std::move(segment);
    }
  };
  const size_t threads = std::min<size_t>({4, count, std::thread::hardware_concurrency()});
  std::vector<std::thread> helpers;
  try {
    for (size_t i = 1; i < threads; ++i) helpers.emplace_back(work);
  } catch (const std::system_error&) {
    // Fewer threads take longer.
  }
  work();
  for (std::thread& helper : helpers) helper.join();
  for (const absl::Status& status : statuses) SR_RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

absl::StatusOr<Checkpoint> ReadFiles(const Folder& folder, uint64_t number) {
  SR_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(folder, number));
  Checkpoint checkpoint = {.feed_position = manifest.feed_position,
                           .catalogue_id = manifest.catalogue_id,
                           .format = manifest.format};
  SR_RETURN_IF_ERROR(ReadSegments(folder, manifest, checkpoint.segments));
  SR_ASSIGN_OR_RETURN(const std::string columns,
                      folder.Read(manifest.columns.name, kMaxColumnsBytes));
  if (columns.size() != manifest.columns.bytes || Crc32c(columns) != manifest.columns.crc) {
    return FileDamaged(folder.PathOf(manifest.columns.name) + " is damaged");
  }
  SR_RETURN_IF_ERROR(ParseColumns(columns, checkpoint.segments));
  SR_RETURN_IF_ERROR(FindLiveDocuments(checkpoint.segments, manifest.documents));
  checkpoint.documents = std::move(manifest.documents);
  return checkpoint;
}

}  // namespace

absl::Status WriteCheckpoint(const std::string& folder, const Checkpoint& checkpoint) {
  SR_ASSIGN_OR_RETURN(const auto opened, Folder::Make(folder));
  return CheckpointWriter(*opened, checkpoint).Run();
}

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& folder) {
  SR_ASSIGN_OR_RETURN(const auto opened, Folder::Open(folder));
  SR_ASSIGN_OR_RETURN(const uint64_t number, NewestNumber(*opened));
  if (number == 0) return NotFound("NO_CHECKPOINT", "no checkpoint in " + folder);
  auto checkpoint = ReadFiles(*opened, number);
  // A file that the manifest names is missing.
  if (absl::IsNotFound(checkpoint.status())) {
    checkpoint = FileDamaged(Sv(checkpoint.status().message()));
  }
  if (absl::IsDataLoss(checkpoint.status())) {
    // Else the next checkpoint would take a damaged segment of this one for its own.
    SR_RETURN_IF_ERROR(opened->Remove(ManifestName(number)));
  }
  return checkpoint;
}

}  // namespace stockroom::api
