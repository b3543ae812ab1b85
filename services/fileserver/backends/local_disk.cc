#include "services/fileserver/backends/local_disk.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/footer.h"
#include "services/fileserver/backends/local_source.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {
namespace {

// Space is looked at again after this much of one upload.
constexpr int64_t kSpaceCheckBytes = int64_t{8} << 20;
// Races with a collector or a delete that are lost in a row before giving up.
constexpr int kRaceAttempts = 5;

std::string ShardName(const Digest& digest) { return digest.hex().substr(0, 2); }

// Makes `path` and its parents; every one of them durable in its own parent, also those that a
// start which crashed has made but not synced.
absl::Status EnsureDurablePath(Env& env, const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string prefix = path.substr(0, end);
    if (!prefix.empty() && prefix.back() != '/' && prefix != "." && prefix != "..") {
      SR_RETURN_IF_ERROR(EnsureDirectory(env, prefix));
      const absl::Status synced = SyncParent(env, prefix);
      // A parent that we may not even open is not one that we have just written to.
      if (!synced.ok() && !absl::IsPermissionDenied(synced)) return synced;
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

absl::Status EnsureShards(Env& env, const std::string& directory) {
  SR_RETURN_IF_ERROR(EnsureDirectory(env, directory));
  for (int shard = 0; shard < 256; ++shard) {
    char name[4];
    std::snprintf(name, sizeof(name), "/%02x", static_cast<unsigned>(shard));
    SR_RETURN_IF_ERROR(EnsureDirectory(env, directory + name));
  }
  return env.SyncDirectory(directory);
}

}  // namespace

class LocalDisk::LocalBlobSink final : public BlobSink {
 public:
  LocalBlobSink(LocalDisk& disk, std::unique_ptr<File> file)
      : disk_(disk), file_(std::move(file)) {}

  absl::Status Append(std::string_view bytes) override {
    since_check_ += static_cast<int64_t>(bytes.size());
    if (since_check_ >= kSpaceCheckBytes) {
      since_check_ = 0;
      SR_RETURN_IF_ERROR(disk_.CheckSpace());
      // The disk works while the rest arrives, and no upload fills the memory with unwritten pages.
      file_->BeginWriteback();
    }
    return AppendAll(*file_, bytes);
  }

  absl::StatusOr<bool> Commit(const BlobInfo& info, const ChunkSums& sums) override {
    // Whatever happens, this descriptor is not synced a second time.
    const std::unique_ptr<File> file = std::move(file_);
    SR_ASSIGN_OR_RETURN(bool existed, disk_.Reuse(info.sha256));
    if (!existed) {
      SR_ASSIGN_OR_RETURN(const std::string footer, EncodeFooter(info, sums));
      SR_RETURN_IF_ERROR(AppendAll(*file, footer));
      SR_RETURN_IF_ERROR(file->SetModified(disk_.clock_.Read().now));
      SR_RETURN_IF_ERROR(disk_.SyncData(*file));
      SR_ASSIGN_OR_RETURN(existed, disk_.Publish(*file, info.sha256));
    }
    SR_RETURN_IF_ERROR(disk_.directory_syncs_.Sync(disk_.BlobShard(info.sha256)));
    return existed;
  }

 private:
  LocalDisk& disk_;
  std::unique_ptr<File> file_;
  int64_t since_check_ = 0;
};

class LocalDisk::LocalRenditionSink final : public RenditionSink {
 public:
  LocalRenditionSink(LocalDisk& disk, RenditionAddress address, std::string temporary,
                     std::unique_ptr<File> file)
      : disk_(disk),
        address_(std::move(address)),
        temporary_(std::move(temporary)),
        file_(std::move(file)) {}

  ~LocalRenditionSink() override {
    // What can not be removed now is removed at the next start.
    if (!temporary_.empty()) disk_.env_.Unlink(temporary_).IgnoreError();
  }

  absl::Status Append(std::string_view bytes) override { return AppendAll(*file_, bytes); }

  absl::Status Commit(const RenditionInfo& info, const ChunkSums& sums) override {
    SR_ASSIGN_OR_RETURN(const std::string footer, EncodeFooter(info, sums));
    SR_RETURN_IF_ERROR(AppendAll(*file_, footer));
    file_.reset();
    absl::Status renamed;
    for (int attempt = 0; attempt < kRaceAttempts; ++attempt) {
      SR_RETURN_IF_ERROR(EnsureDirectory(disk_.env_, disk_.RenditionDirectory(address_.original)));
      renamed = disk_.env_.Rename(temporary_, disk_.RenditionPath(address_));
      // NOT_FOUND: a delete has removed the directory just now.
      if (!absl::IsNotFound(renamed)) break;
    }
    SR_RETURN_IF_ERROR(renamed);
    temporary_.clear();
    if (disk_.evictor_) {
      disk_.evictor_->Added(info.size + static_cast<int64_t>(footer.size()));
    }
    return renamed;
  }

 private:
  LocalDisk& disk_;
  const RenditionAddress address_;
  std::string temporary_;  // empty once it has its final name
  std::unique_ptr<File> file_;
};

absl::StatusOr<std::unique_ptr<LocalDisk>> LocalDisk::Open(Env& env, const Options& options) {
  if (options.directory.empty()) return InvalidField("data_dir", "must name a directory");
  SR_RETURN_IF_ERROR(EnsureDurablePath(env, options.directory));
  absl::StatusOr<std::unique_ptr<FileLock>> lock = env.Lock(options.directory + "/LOCK");
  if (absl::IsFailedPrecondition(lock.status())) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "another file server uses " + options.directory +
                          "; stop it, or give this one a data_dir of its own",
                      {.reason = "DATA_DIR_IN_USE"});
  }
  if (!lock.ok()) return lock.status();
  std::unique_ptr<LocalDisk> disk(new LocalDisk(env, options, *std::move(lock)));
  SR_RETURN_IF_ERROR(disk->Prepare());
  disk->StartEviction();
  return disk;
}

void LocalDisk::StartEviction() {
  if (!options_.eviction) return;
  RenditionEvictor::Options options = *options_.eviction;
  options.directory = renditions_;
  options.reserve_bytes = options_.reserve_bytes;
  options.clock = options_.clock;
  evictor_ = std::make_unique<RenditionEvictor>(
      env_, options, options_.metrics ? *options_.metrics : unseen_metrics_);
  evictor_->Start();
}

LocalDisk::LocalDisk(Env& env, const Options& options, std::unique_ptr<FileLock> lock)
    : env_(env),
      options_(options),
      blobs_(options.directory + "/blobs"),
      renditions_(options.directory + "/renditions"),
      tmp_(options.directory + "/tmp"),
      quarantine_(options.directory + "/quarantine"),
      lock_(std::move(lock)),
      clock_(*options.clock, options.steady),
      data_sync_seconds_((options.metrics ? *options.metrics : unseen_metrics_)
                             .GetHistogram("stockroom_fileserver_sync_seconds",
                                           "Syncs of blobs' bytes and of their directories.",
                                           Histogram::LatencyBounds(), {{"what", "data"}})),
      directory_syncs_(env, options.metrics ? *options.metrics : unseen_metrics_) {}

absl::Status LocalDisk::Prepare() {
  SR_RETURN_IF_ERROR(EnsureShards(env_, blobs_));
  SR_RETURN_IF_ERROR(EnsureShards(env_, renditions_));
  SR_RETURN_IF_ERROR(EnsureDirectory(env_, tmp_));
  SR_RETURN_IF_ERROR(EnsureDirectory(env_, quarantine_));
  SR_RETURN_IF_ERROR(env_.SyncDirectory(options_.directory));
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> leftovers, env_.List(tmp_));
  for (const std::string& name : leftovers) {
    SR_RETURN_IF_ERROR(env_.Unlink(tmp_ + "/" + name));
  }
  if (!leftovers.empty()) LogInfo("removed unfinished files", {{"files", leftovers.size()}});
  return TryLinking();
}

absl::Status LocalDisk::TryLinking() {
  const std::string path = TemporaryPath();
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, env_.OpenUnnamed(tmp_));
  if (absl::Status linked = env_.Link(*file, path); !linked.ok()) {
    return Annotate(linked, "data_dir can not hold blobs (is /proc mounted?)");
  }
  return env_.Unlink(path);
}

absl::StatusOr<std::unique_ptr<BlobSink>> LocalDisk::CreateBlob() {
  SR_RETURN_IF_ERROR(directory_syncs_.broken());
  SR_RETURN_IF_ERROR(CheckSpace());
  SR_ASSIGN_OR_RETURN(std::unique_ptr<File> file, env_.OpenUnnamed(tmp_));
  return std::make_unique<LocalBlobSink>(*this, std::move(file));
}

absl::StatusOr<bool> LocalDisk::Reuse(const Digest& digest) {
  // Touched first: from now on nobody deletes it.
  absl::Status touched = TouchBlob(digest);
  if (absl::IsNotFound(touched)) return false;
  SR_RETURN_IF_ERROR(touched);
  return CheckIntact(digest).ok();
}

absl::Status LocalDisk::SyncData(File& file) {
  const absl::Time start = absl::Now();
  absl::Status synced = file.SyncData();
  data_sync_seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - start));
  return synced;
}

absl::StatusOr<bool> LocalDisk::Publish(File& file, const Digest& digest) {
  for (int attempt = 0; attempt < kRaceAttempts; ++attempt) {
    SR_ASSIGN_OR_RETURN(const bool linked, LinkOrTouch(file, digest));
    if (linked) return false;
    const absl::Status there = CheckIntact(digest);
    if (there.ok()) return true;
    if (!absl::IsNotFound(there)) {
      LogWarning("replacing a damaged blob", {{"digest", digest.hex()}, {"error", there}});
      SR_RETURN_IF_ERROR(Replace(file, digest));
      return false;
    }
    // Somebody removed it by hand, so it has to be linked after all.
  }
  return Unavailable("BLOB_CONTENDED", BlobPath(digest) + " comes and goes; try again");
}

absl::StatusOr<bool> LocalDisk::LinkOrTouch(File& file, const Digest& digest) {
  const std::string path = BlobPath(digest);
  MutexLock lock(LockOf(digest));
  absl::Status status;
  for (int attempt = 0; attempt < kRaceAttempts; ++attempt) {
    status = env_.Link(file, path);
    if (status.ok()) return true;
    if (!absl::IsAlreadyExists(status)) return status;
    status = TouchLocked(digest);
    if (status.ok()) return false;
    if (!absl::IsNotFound(status)) return status;
  }
  return status;
}

absl::Status LocalDisk::CheckIntact(const Digest& digest) {
  SR_ASSIGN_OR_RETURN(std::unique_ptr<BlobSource> source, OpenBlob(digest));
  SR_ASSIGN_OR_RETURN(const ChunkSums sums, source->Sums());
  StreamHasher hasher;
  std::string buffer;
  const int64_t size = source->info().size;
  for (int64_t position = 0; position < size; position += kChunkBytes) {
    buffer.resize(static_cast<size_t>(std::min(kChunkBytes, size - position)));
    SR_RETURN_IF_ERROR(source->ReadAt(position, buffer.data(), buffer.size()));
    if (sums.empty()) {
      hasher.Update(buffer);
    } else {
      SR_RETURN_IF_ERROR(sums.Verify(position, buffer));
    }
  }
  if (!sums.empty() || hasher.FinishSha256() == digest) return absl::OkStatus();
  return absl::DataLossError("its bytes have another SHA-256");
}

absl::Status LocalDisk::Replace(File& file, const Digest& digest) {
  const std::string temporary = TemporaryPath();
  SR_RETURN_IF_ERROR(env_.Link(file, temporary));
  MutexLock lock(LockOf(digest));
  absl::Status renamed = env_.Rename(temporary, BlobPath(digest));
  if (!renamed.ok()) env_.Unlink(temporary).IgnoreError();
  return renamed;
}

absl::StatusOr<std::unique_ptr<BlobSource>> LocalDisk::OpenBlob(const Digest& digest) {
  return OpenLocalBlob(env_, BlobPath(digest), digest);
}

absl::StatusOr<std::unique_ptr<RenditionSink>> LocalDisk::CreateRendition(
    const RenditionAddress& address) {
  SR_RETURN_IF_ERROR(CheckSpace());
  std::string path = TemporaryPath();
  SR_ASSIGN_OR_RETURN(std::unique_ptr<File> file, env_.Create(path));
  return std::make_unique<LocalRenditionSink>(*this, address, std::move(path), std::move(file));
}

absl::StatusOr<std::unique_ptr<RenditionSource>> LocalDisk::OpenRendition(
    const RenditionAddress& address) {
  const std::string path = RenditionPath(address);
  absl::StatusOr<std::unique_ptr<RenditionSource>> source = OpenLocalRendition(env_, path);
  if (source.ok() && evictor_) evictor_->Used(path);
  return source;
}

absl::Status LocalDisk::RemoveRendition(const RenditionAddress& address) {
  const absl::Status removed = env_.Unlink(RenditionPath(address));
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

absl::StatusOr<int> LocalDisk::RemoveRenditions(const Digest& original) {
  const std::string directory = RenditionDirectory(original);
  const absl::StatusOr<std::vector<std::string>> names = env_.List(directory);
  if (absl::IsNotFound(names.status())) return 0;
  if (!names.ok()) return names.status();
  int removed = 0;
  for (const std::string& name : *names) {
    const absl::Status status = env_.Unlink(directory + "/" + name);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    if (status.ok()) ++removed;
  }
  // A rendition that was put in meanwhile keeps its directory.
  env_.RemoveDirectory(directory).IgnoreError();
  return removed;
}

absl::Status LocalDisk::CheckSpace() {
  absl::Status room = CheckReserve(env_, options_.directory, options_.reserve_bytes);
  if (DetailsOf(room).reason == "NO_SPACE" && evictor_) evictor_->RoomNeeded();
  return room;
}

absl::Status LocalDisk::CheckWritable() {
  SR_RETURN_IF_ERROR(directory_syncs_.broken());
  SR_RETURN_IF_ERROR(CheckSpace());
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, env_.OpenUnnamed(tmp_));
  SR_RETURN_IF_ERROR(AppendAll(*file, "probe"));
  return file->SyncData();
}

std::optional<int64_t> LocalDisk::FreeBytes() {
  const absl::StatusOr<int64_t> free = env_.FreeBytes(options_.directory);
  if (!free.ok()) return std::nullopt;
  return std::max<int64_t>(0, *free - options_.reserve_bytes);
}

std::string LocalDisk::TemporaryPath() {
  return absl::StrCat(tmp_, "/", next_temporary_.fetch_add(1));
}

std::string LocalDisk::BlobShard(const Digest& digest) const {
  return blobs_ + "/" + ShardName(digest);
}

std::string LocalDisk::BlobPath(const Digest& digest) const {
  return BlobShard(digest) + "/" + digest.hex();
}

std::string LocalDisk::RenditionDirectory(const Digest& original) const {
  return renditions_ + "/" + ShardName(original) + "/" + original.hex();
}

std::string LocalDisk::RenditionPath(const RenditionAddress& address) const {
  return RenditionDirectory(address.original) + "/" + address.key;
}

}  // namespace stockroom::fileserver
