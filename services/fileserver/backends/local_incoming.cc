#include "services/fileserver/backends/local_incoming.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {
namespace {

// Space is looked at again after this much of one sink.
constexpr int64_t kSpaceCheckBytes = int64_t{8} << 20;
// No file but the bytes is larger.
constexpr int64_t kMaxSmallFile = 64 << 10;
constexpr std::string_view kBytesPrefix = "bytes-";
// No id begins with it.
constexpr char kTemporary = '_';

absl::Status Missing(const std::string& id) {
  return NotFound("INCOMING_NOT_FOUND", "there is no upload " + id);
}

absl::Status Damaged(const std::string& path, std::string_view why) {
  return MakeStatus(absl::StatusCode::kDataLoss, path + ": " + std::string(why),
                    {.reason = "INCOMING_DAMAGED"});
}

}  // namespace

// Whoever has it appends to an incoming, or removes it.
class LocalIncoming::Claim {
 public:
  Claim(LocalIncoming& owner, std::string id) : owner_(owner), id_(std::move(id)) {}
  ~Claim() {
    MutexLock lock(owner_.mu_);
    owner_.claimed_.erase(id_);
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  LocalIncoming& owner_;
  const std::string id_;
};

class LocalIncoming::Sink final : public IncomingSink {
 public:
  Sink(LocalIncoming& owner, std::string id, std::unique_ptr<Claim> claim,
       std::unique_ptr<File> file, const Mark& mark)
      : owner_(owner),
        id_(std::move(id)),
        claim_(std::move(claim)),
        file_(std::move(file)),
        begun_(mark),
        synced_(mark),
        now_(mark) {}

  absl::Status Append(std::string_view bytes) override {
    SR_RETURN_IF_ERROR(broken_);
    SR_RETURN_IF_ERROR(append_failed_);
    append_failed_ = TryAppend(bytes);
    return append_failed_;
  }

  absl::Status Sync() override {
    SR_RETURN_IF_ERROR(broken_);
    if (now_.size == synced_.size) return absl::OkStatus();
    broken_ = file_->SyncData();
    if (broken_.ok()) broken_ = NameAs(now_);
    return broken_;
  }

  absl::Status Truncate(int64_t size) override {
    SR_RETURN_IF_ERROR(broken_);
    if (size < 0 || size > begun_.size) {
      return InvalidField("size", "must be at most what had arrived at the beginning");
    }
    SR_ASSIGN_OR_RETURN(const Mark mark, MarkAt(size));
    if (mark.size != synced_.size) broken_ = NameAs(mark);
    if (broken_.ok()) broken_ = file_->Truncate(size);
    if (broken_.ok()) now_ = mark;
    append_failed_ = broken_;
    return broken_;
  }

 private:
  absl::Status TryAppend(std::string_view bytes) {
    since_check_ += static_cast<int64_t>(bytes.size());
    if (since_check_ >= kSpaceCheckBytes) {
      since_check_ = 0;
      SR_RETURN_IF_ERROR(owner_.CheckSpace());
    }
    SR_RETURN_IF_ERROR(AppendAll(*file_, bytes));
    now_.size += static_cast<int64_t>(bytes.size());
    now_.crc = Crc32c(bytes, now_.crc);
    return absl::OkStatus();
  }

  // Durable when it returns OK.
  absl::Status NameAs(const Mark& mark) {
    {
      MutexLock lock(owner_.NamesOf(id_));
      SR_RETURN_IF_ERROR(owner_.env_.Rename(owner_.PathOf(id_, synced_), owner_.PathOf(id_, mark)));
      synced_ = mark;
    }
    return owner_.syncs_.Sync(owner_.FolderOf(id_));
  }

  absl::StatusOr<Mark> MarkAt(int64_t size) {
    if (size == begun_.size) return begun_;
    SR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                        owner_.env_.OpenToRead(owner_.PathOf(id_, synced_)));
    Mark mark;
    std::string buffer;
    while (mark.size < size) {
      buffer.resize(static_cast<size_t>(std::min(kChunkBytes, size - mark.size)));
      SR_ASSIGN_OR_RETURN(const size_t got, file->ReadAt(mark.size, buffer.data(), buffer.size()));
      if (got < buffer.size()) return Damaged(owner_.PathOf(id_, synced_), "is too short");
      mark.crc = Crc32c(buffer, mark.crc);
      mark.size += static_cast<int64_t>(got);
    }
    return mark;
  }

  LocalIncoming& owner_;
  const std::string id_;
  const std::unique_ptr<Claim> claim_;
  const std::unique_ptr<File> file_;
  const Mark begun_;
  Mark synced_;  // what the file is called
  Mark now_;     // what was appended; the file may hold a piece more that failed
  int64_t since_check_ = 0;
  absl::Status append_failed_;
  absl::Status broken_;
};

namespace {

class Source final : public IncomingSource {
 public:
  Source(std::unique_ptr<File> file, std::string path, std::string record, std::string note,
         int64_t size, uint32_t crc)
      : file_(std::move(file)),
        path_(std::move(path)),
        record_(std::move(record)),
        note_(std::move(note)),
        size_(size),
        crc_(crc) {}

  const std::string& record() const override { return record_; }
  std::string note() const override { return note_; }
  int64_t size() const override { return size_; }
  std::optional<uint32_t> crc32c() const override { return crc_; }
  absl::Status ReadAt(int64_t offset, char* to, size_t size) override {
    SR_ASSIGN_OR_RETURN(const size_t got, file_->ReadAt(offset, to, size));
    return got == size ? absl::OkStatus() : Damaged(path_, "the file ends too early");
  }

 private:
  const std::unique_ptr<File> file_;
  const std::string path_;
  const std::string record_;
  const std::string note_;
  const int64_t size_;
  const uint32_t crc_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LocalIncoming>> LocalIncoming::Open(Env& env,
                                                                   const Options& options) {
  std::unique_ptr<LocalIncoming> incoming(new LocalIncoming(env, options));
  SR_RETURN_IF_ERROR(incoming->Prepare());
  return incoming;
}

LocalIncoming::LocalIncoming(Env& env, const Options& options)
    : env_(env),
      options_(options),
      folder_(options.data_dir + "/incoming"),
      own_syncs_(options.syncs == nullptr ? std::make_unique<DirectorySyncs>(env, unseen_metrics_)
                                          : nullptr),
      syncs_(options.syncs == nullptr ? *own_syncs_ : *options.syncs) {}

absl::Status LocalIncoming::Prepare() {
  SR_RETURN_IF_ERROR(EnsureDirectory(env_, folder_));
  SR_RETURN_IF_ERROR(syncs_.Sync(options_.data_dir));
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env_.List(folder_));
  for (const std::string& name : names) {
    if (name.front() == kTemporary) SR_RETURN_IF_ERROR(EmptyFolder(FolderOf(name)));
  }
  return absl::OkStatus();
}

absl::Status LocalIncoming::CreateIncoming(const std::string& id, std::string_view record) {
  SR_RETURN_IF_ERROR(CheckSpace());
  const std::string temporary = TemporaryFolder();
  absl::Status made = MakeFolder(temporary, record);
  if (made.ok()) {
    MutexLock lock(NamesOf(id));
    const absl::Status there = env_.Stat(FolderOf(id)).status();
    if (there.ok()) made = absl::AlreadyExistsError("there is an upload " + id);
    if (absl::IsNotFound(there)) made = env_.Rename(temporary, FolderOf(id));
    if (!there.ok() && !absl::IsNotFound(there)) made = there;
  }
  if (!made.ok()) EmptyFolder(temporary).IgnoreError();  // if that fails, the next start does it
  if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
  // Also of one that exists: whoever made it may not have synced its name yet.
  SR_RETURN_IF_ERROR(syncs_.Sync(folder_));
  return made;
}

absl::Status LocalIncoming::MakeFolder(const std::string& path, std::string_view record) {
  SR_RETURN_IF_ERROR(env_.MakeDirectory(path));
  SR_RETURN_IF_ERROR(WriteSyncedFile(env_, path + "/record", record));
  SR_RETURN_IF_ERROR(
      WriteSyncedFile(env_, absl::StrCat(path, "/", Av(kBytesPrefix), "0-00000000"), ""));
  return syncs_.Sync(path);
}

absl::StatusOr<std::unique_ptr<IncomingSource>> LocalIncoming::OpenIncoming(const std::string& id) {
  std::unique_ptr<Source> source;
  {
    MutexLock lock(NamesOf(id));
    SR_ASSIGN_OR_RETURN(const Mark mark, FindMark(id));
    const std::string path = PathOf(id, mark);
    SR_ASSIGN_OR_RETURN(std::string record, ReadFile(FolderOf(id) + "/record"));
    absl::StatusOr<std::string> note = ReadFile(FolderOf(id) + "/note");
    if (!note.ok() && !absl::IsNotFound(note.status())) return note.status();
    SR_ASSIGN_OR_RETURN(std::unique_ptr<File> file, env_.OpenToRead(path));
    source = std::make_unique<Source>(std::move(file), path, std::move(record),
                                      std::move(note).value_or(""), mark.size, mark.crc);
  }
  // Whoever gave the file its name may not have synced that yet, or may have died before.
  const absl::Status synced = syncs_.Sync(FolderOf(id));
  if (absl::IsNotFound(synced)) return Missing(id);
  if (!synced.ok()) return synced;
  return source;
}

absl::StatusOr<std::unique_ptr<IncomingSink>> LocalIncoming::AppendIncoming(const std::string& id,
                                                                            int64_t offset) {
  SR_ASSIGN_OR_RETURN(std::unique_ptr<Claim> claim, Take(id));
  SR_RETURN_IF_ERROR(CheckSpace());
  Mark mark;
  std::unique_ptr<File> file;
  {
    MutexLock lock(NamesOf(id));
    SR_ASSIGN_OR_RETURN(mark, FindMark(id));
    SR_ASSIGN_OR_RETURN(file, env_.OpenToAppend(PathOf(id, mark)));
  }
  if (mark.size != offset) {
    return MakeStatus(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat(mark.size, " bytes have arrived, not ", offset),
        {.reason = "OFFSET_MISMATCH", .metadata = {{"offset", absl::StrCat(mark.size)}}});
  }
  SR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
  if (size < mark.size) return Damaged(PathOf(id, mark), "is shorter than its name says");
  if (size > mark.size) {
    // A name that goes back must be durable before bytes are overwritten that another may promise.
    SR_RETURN_IF_ERROR(syncs_.Sync(FolderOf(id)));
    SR_RETURN_IF_ERROR(file->Truncate(mark.size));
  }
  return std::make_unique<Sink>(*this, id, std::move(claim), std::move(file), mark);
}

absl::Status LocalIncoming::NoteIncoming(const std::string& id, std::string_view note) {
  const std::string temporary = TemporaryFolder();  // a file this time, removed at start as well
  absl::Status status = WriteSyncedFile(env_, temporary, note);
  if (status.ok()) {
    MutexLock lock(NamesOf(id));
    status = env_.Rename(temporary, FolderOf(id) + "/note");
  }
  if (!status.ok()) {
    env_.Unlink(temporary).IgnoreError();
    return absl::IsNotFound(status) ? Missing(id) : status;
  }
  return syncs_.Sync(FolderOf(id));
}

absl::Status LocalIncoming::RemoveIncoming(const std::string& id) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<Claim> claim, Take(id));
  const std::string temporary = TemporaryFolder();
  {
    MutexLock lock(NamesOf(id));
    const absl::Status there = env_.Stat(FolderOf(id)).status();
    if (absl::IsNotFound(there)) return absl::OkStatus();
    SR_RETURN_IF_ERROR(there);
    SR_RETURN_IF_ERROR(env_.Rename(FolderOf(id), temporary));
  }
  SR_RETURN_IF_ERROR(syncs_.Sync(folder_));
  if (absl::Status emptied = EmptyFolder(temporary); !emptied.ok()) {
    LogWarning("what is left of an upload is removed at the next start",
               {{"folder", temporary}, {"error", emptied}});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> LocalIncoming::ListIncomings(const std::string& after,
                                                                      int limit) {
  SR_ASSIGN_OR_RETURN(std::vector<std::string> names, env_.List(folder_));
  std::erase_if(
      names, [&](const std::string& name) { return name.front() == kTemporary || name <= after; });
  if (names.size() > static_cast<size_t>(limit)) names.resize(static_cast<size_t>(limit));
  return names;
}

absl::StatusOr<std::unique_ptr<LocalIncoming::Claim>> LocalIncoming::Take(const std::string& id) {
  MutexLock lock(mu_);
  if (!claimed_.insert(id).second) {
    return MakeStatus(absl::StatusCode::kAborted, "the upload is being written just now",
                      {.reason = "INCOMING_BUSY",
                       .metadata = {},
                       .violations = {},
                       .retry_after = absl::Seconds(1)});
  }
  return std::make_unique<Claim>(*this, id);
}

// Callers hold NamesOf(id).
absl::StatusOr<LocalIncoming::Mark> LocalIncoming::FindMark(const std::string& id) {
  absl::StatusOr<std::vector<std::string>> names = env_.List(FolderOf(id));
  if (absl::IsNotFound(names.status())) return Missing(id);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (!name.starts_with(kBytesPrefix)) continue;
    const std::string_view rest = std::string_view(name).substr(kBytesPrefix.size());
    const size_t dash = std::min(rest.find('-'), rest.size() - 1);
    Mark mark;
    const bool read = absl::SimpleAtoi(Av(rest.substr(0, dash)), &mark.size) && mark.size >= 0 &&
                      absl::SimpleHexAtoi(Av(rest.substr(dash + 1)), &mark.crc);
    // Only what we would write ourselves.
    if (read && PathOf(id, mark) == FolderOf(id) + "/" + name) return mark;
  }
  return Damaged(FolderOf(id), "holds no bytes");
}

absl::StatusOr<std::string> LocalIncoming::ReadFile(const std::string& path) {
  absl::StatusOr<std::string> content = ReadSmallFile(env_, path, kMaxSmallFile);
  if (absl::IsDataLoss(content.status())) return Damaged(path, "is larger than any of ours");
  return content;
}

// Also of a single file.
absl::Status LocalIncoming::EmptyFolder(const std::string& path) {
  const absl::StatusOr<FileInfo> info = env_.Stat(path);
  if (absl::IsNotFound(info.status())) return absl::OkStatus();
  if (!info.ok()) return info.status();
  if (info->regular) return env_.Unlink(path);
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env_.List(path));
  for (const std::string& name : names) SR_RETURN_IF_ERROR(env_.Unlink(path + "/" + name));
  return env_.RemoveDirectory(path);
}

absl::Status LocalIncoming::CheckSpace() {
  return CheckReserve(env_, folder_, options_.reserve_bytes);
}

std::string LocalIncoming::PathOf(const std::string& id, const Mark& mark) const {
  return absl::StrFormat("%s/%s%d-%08x", FolderOf(id), std::string(kBytesPrefix), mark.size,
                         mark.crc);
}

std::string LocalIncoming::TemporaryFolder() {
  return absl::StrCat(folder_, "/", std::string(1, kTemporary), next_temporary_.fetch_add(1));
}

Mutex& LocalIncoming::NamesOf(const std::string& id) {
  return names_[std::hash<std::string>()(id) % kLocks];
}

}  // namespace stockroom::fileserver
