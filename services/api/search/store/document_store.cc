#include "services/api/search/store/document_store.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "services/api/search/store/content_hash.h"
#include "services/api/search/store/document_record.h"
#include "services/api/search/store/folder.h"
#include "services/api/search/store/mapped_file.h"
#include "services/api/search/store/record_batch.h"
#include "services/common/base/kept_room.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

// Each is a mapping, of which Linux gives a process 65,530.
constexpr size_t kMaxFiles = 16384;
// Of a thread that stores documents: some tens of them.
constexpr size_t kKeptForImages = size_t{128} << 10;
constexpr uint64_t kMinFileBytes = uint64_t{64} << 10;

// Files by number modulo the table's size, a power of two; numbers are chosen so that no two meet.
using FileTable = std::vector<std::shared_ptr<MappedFile>>;

const std::shared_ptr<MappedFile>& Slot(const FileTable& table, uint32_t number) {
  return table[number & (table.size() - 1)];
}

class MappedFiles final : public DocumentFiles {
 public:
  MappedFiles(FileTable table, std::shared_ptr<DocumentLedger> ledger)
      : table_(std::move(table)), ledger_(std::move(ledger)) {}

  DocumentView Read(Locator locator) const override {
    DocumentView view{.damaged = true};
    if (const MappedFile* file = Find(locator)) view = file->Read(UnitOf(locator));
    if (view.damaged) {
      ledger_->damaged.Add();
      ledger_->own_damaged.fetch_add(1, std::memory_order_relaxed);
    }
    return view;
  }
  MappedFile* Find(Locator locator) const {
    MappedFile* const file = Slot(table_, NumberOf(locator)).get();
    return file != nullptr && file->number() == NumberOf(locator) ? file : nullptr;
  }

 private:
  const FileTable table_;
  const std::shared_ptr<DocumentLedger> ledger_;
};

class FileDocumentStore final : public DocumentStore {
 public:
  FileDocumentStore(Options options, std::shared_ptr<const Folder> folder, Fd lock,
                    uint32_t next_number, Metrics& metrics)
      : options_(std::move(options)),
        folder_(std::move(folder)),
        lock_(std::move(lock)),
        ledger_(std::make_shared<DocumentLedger>(metrics)),
        next_number_(next_number) {
    MutexLock lock_state(mu_);
    Publish();
  }

  std::vector<absl::StatusOr<StoredDocument>> Append(
      std::span<const NewDocument> documents) override;
  void Release(Locator locator) override;
  Locator Relocate(Locator locator) override;
  std::shared_ptr<const DocumentFiles> files() const override {
    MutexLock lock(mu_);
    return published_;
  }
  Usage usage() const override;
  absl::StatusOr<std::vector<FileMark>> Seal() override;
  absl::Status Adopt(const std::vector<FileMark>& files, bool verify) override;

 private:
  // Stores the records, each of which then has its place or the reason why there is none.
  void Put(std::span<Record> records);
  absl::Status Reserve(Record& record) SR_REQUIRES(mu_);
  void Settle(Record& record) SR_REQUIRES(mu_);
  // A new file in the table, with room for `bytes`.
  absl::StatusOr<std::shared_ptr<MappedFile>> AddFile(uint64_t bytes) SR_REQUIRES(mu_);
  absl::Status GrowTable() SR_REQUIRES(mu_);
  absl::Status AdoptAll(const std::vector<FileMark>& files, bool verify) SR_REQUIRES(mu_);
  absl::Status RemoveAllBut(const std::vector<FileMark>& files) const;
  // If nobody needs it any more, nor will.
  void DropIfEmpty(MappedFile& file) SR_REQUIRES(mu_);
  void Publish() SR_REQUIRES(mu_);
  bool IsSparse(const MappedFile& file) const SR_REQUIRES(mu_) {
    return active_.get() != &file && static_cast<double>(file.live()) <
                                         options_.sparse * static_cast<double>(file.documents());
  }

  const Options options_;
  const std::shared_ptr<const Folder> folder_;  // null: nameless files
  const Fd lock_;
  const std::shared_ptr<DocumentLedger> ledger_;

  mutable Mutex mu_;
  CondVar written_;
  size_t writing_ SR_GUARDED_BY(mu_) = 0;  // records between their Reserve and their Settle
  FileTable table_ SR_GUARDED_BY(mu_) = FileTable(8);
  size_t files_ SR_GUARDED_BY(mu_) = 0;
  std::shared_ptr<MappedFile> active_ SR_GUARDED_BY(mu_);  // in the table; null: none yet
  std::shared_ptr<const MappedFiles> published_ SR_GUARDED_BY(mu_);
  uint32_t next_number_ SR_GUARDED_BY(mu_);
};

std::vector<absl::StatusOr<StoredDocument>> FileDocumentStore::Append(
    std::span<const NewDocument> documents) {
  size_t bytes_of_all = 0;
  for (const NewDocument& one : documents) bytes_of_all += EncodedRoom(one.image);
  thread_local std::unique_ptr<char[]> kept;
  const KeptRoom<kKeptForImages> room(kept, bytes_of_all);
  char* to = room.data();
  std::vector<Record> records;
  records.reserve(documents.size());
  for (const auto& [image, document, wire] : documents) {
    char* const end = EncodeImage(image, to);
    const std::string_view bytes(to, static_cast<size_t>(end - to));
    to = end;
    records.push_back({.texts = {image.id, image.md5, document.words, document.description,
                                 wire.basic, wire.rest, bytes},
                       .revision = image.revision,
                       .content_hash = ContentHashOfEncoded(bytes)});
  }
  Put(records);
  std::vector<absl::StatusOr<StoredDocument>> stored;
  stored.reserve(records.size());
  for (const Record& record : records) {
    if (record.status.ok()) {
      stored.emplace_back(StoredDocument{record.locator(), record.content_hash});
    } else {
      ledger_->refused.Add();
      stored.emplace_back(record.status);
    }
  }
  return stored;
}

void FileDocumentStore::Put(std::span<Record> records) {
  for (Record& record : records) record.size = RecordSize(record.texts);
  {
    MutexLock lock(mu_);
    for (Record& record : records) record.status = Reserve(record);
    writing_ += records.size();
  }
  WriteRecords(records);
  MutexLock lock(mu_);
  for (Record& record : records) Settle(record);
  writing_ -= records.size();
  if (writing_ == 0) written_.NotifyAll();
}

absl::Status FileDocumentStore::Reserve(Record& record) {
  if (record.size > kMaxFileBytes - kUnit) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "an image's document has more than 1 GiB", {.reason = "DOCUMENT_TOO_LARGE"});
  }
  std::shared_ptr<MappedFile> file = active_;
  const bool alone = record.size > options_.file_bytes - kUnit;
  if (alone || file == nullptr || !file->Fits(record.size)) {
    SR_ASSIGN_OR_RETURN(file, AddFile(alone ? record.size + kUnit : options_.file_bytes));
    if (!alone) {
      std::swap(active_, file);
      if (file != nullptr) {
        file->Finish();
        DropIfEmpty(*file);
      }
      file = active_;
    }
  }
  const auto unit = file->Reserve(record.size);
  if (alone) {
    file->Finish();
    DropIfEmpty(*file);  // no room on the disk
  }
  SR_RETURN_IF_ERROR(unit.status());
  record.unit = *unit;
  record.file = std::move(file);
  return absl::OkStatus();
}

void FileDocumentStore::Settle(Record& record) {
  if (record.file == nullptr) return;
  if (record.status.ok()) return record.file->Commit(record.unit, record.size);
  record.file->Abandon();
  DropIfEmpty(*record.file);
}

absl::StatusOr<std::shared_ptr<MappedFile>> FileDocumentStore::AddFile(uint64_t bytes) {
  if (ledger_->own_bytes.load(std::memory_order_relaxed) + bytes > options_.max_bytes) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "the search index's documents take " + std::to_string(options_.max_bytes) +
                          " bytes, which is all they may",
                      {.reason = "DOCUMENTS_FULL"});
  }
  if (2 * (files_ + 1) > table_.size()) SR_RETURN_IF_ERROR(GrowTable());
  while (Slot(table_, next_number_) != nullptr) ++next_number_;
  if (next_number_ > kMaxNumber) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "the search index has used up all numbers of document files: remove its "
                      "folder and start anew",
                      {.reason = "DOCUMENTS_FULL"});
  }
  SR_ASSIGN_OR_RETURN(auto file, MappedFile::Create(folder_, next_number_, bytes, ledger_));
  table_[next_number_ & (table_.size() - 1)] = file;
  ++next_number_;
  ++files_;
  Publish();
  return file;
}

absl::Status FileDocumentStore::GrowTable() {
  if (files_ >= kMaxFiles) {
    return MakeStatus(absl::StatusCode::kResourceExhausted,
                      "the search index has too many document files: they should be larger",
                      {.reason = "DOCUMENTS_FULL"});
  }
  // What did not meet modulo n does not meet modulo 2n.
  FileTable larger(2 * table_.size());
  for (auto& file : table_) {
    if (file != nullptr) larger[file->number() & (larger.size() - 1)] = std::move(file);
  }
  table_ = std::move(larger);
  return absl::OkStatus();
}

void FileDocumentStore::Release(Locator locator) {
  MutexLock lock(mu_);
  MappedFile* const file = published_->Find(locator);
  if (file == nullptr) return;
  file->Release(UnitOf(locator));
  DropIfEmpty(*file);
}

void FileDocumentStore::DropIfEmpty(MappedFile& file) {
  if (file.live() > 0 || file.writing() || active_.get() == &file) return;
  file.Drop();
  table_[file.number() & (table_.size() - 1)] = nullptr;
  --files_;
  Publish();
}

void FileDocumentStore::Publish() {
  published_ = std::make_shared<const MappedFiles>(table_, ledger_);
}

Locator FileDocumentStore::Relocate(Locator locator) {
  std::shared_ptr<const MappedFiles> files;
  MappedFile* from = nullptr;
  {
    MutexLock lock(mu_);
    files = published_;
    from = files->Find(locator);
    if (from == nullptr || !IsSparse(*from) || !from->Lives(UnitOf(locator))) return locator;
  }
  // Outside of the lock, as it may have to wait for the disk. A damaged document stays where it is,
  // so that whoever reads it learns of it.
  const DocumentView view = from->Read(UnitOf(locator));
  if (view.damaged) return locator;
  std::string_view rest = view.wire_full;
  rest.remove_prefix(view.wire_basic.size());
  const std::string_view parts[] = {view.id,         view.md5, view.words, view.description,
                                    view.wire_basic, rest,     view.image};
  std::string copy;
  for (const std::string_view part : parts) copy += part;
  RecordTexts texts;
  size_t at = 0;
  for (size_t i = 0; i < std::size(parts); ++i) {
    texts[i] = std::string_view(copy).substr(at, parts[i].size());
    at += parts[i].size();
  }
  Record record{.texts = texts, .revision = view.revision, .content_hash = view.content_hash};
  Put({&record, 1});
  return record.status.ok() ? record.locator() : locator;
}

DocumentStore::Usage FileDocumentStore::usage() const {
  MutexLock lock(mu_);
  Usage usage{.files = files_,
              .bytes = ledger_->own_bytes.load(std::memory_order_relaxed),
              .damaged = ledger_->own_damaged.load(std::memory_order_relaxed)};
  for (const auto& file : table_) {
    if (file != nullptr) usage.live_bytes += file->live_bytes();
  }
  return usage;
}

absl::StatusOr<std::vector<DocumentStore::FileMark>> FileDocumentStore::Seal() {
  if (folder_ == nullptr) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "nameless files can not be part of a checkpoint", {.reason = "NO_FOLDER"});
  }
  MutexLock lock(mu_);
  while (writing_ > 0) written_.Wait(mu_);
  std::vector<FileMark> marks;
  for (const auto& file : table_) {
    if (file == nullptr) continue;
    file->Keep();
    marks.push_back(file->Mark());
  }
  return marks;
}

absl::Status FileDocumentStore::Adopt(const std::vector<FileMark>& files, bool verify) {
  if (folder_ == nullptr && !files.empty()) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "a store without a folder can not take over files", {.reason = "NO_FOLDER"});
  }
  MutexLock lock(mu_);
  if (files_ > 0) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "files can only be taken over by an empty store", {.reason = "NOT_EMPTY"});
  }
  if (folder_ == nullptr) return absl::OkStatus();
  absl::Status status = AdoptAll(files, verify);
  if (!status.ok()) {
    table_ = FileTable(8);
    files_ = 0;
    active_ = nullptr;
  }
  Publish();
  const bool lost = status.code() == absl::StatusCode::kDataLoss;
  if (status.ok() || lost) status.Update(RemoveAllBut(lost ? std::vector<FileMark>() : files));
  return status;
}

absl::Status FileDocumentStore::AdoptAll(const std::vector<FileMark>& files, bool verify) {
  std::vector<std::shared_ptr<MappedFile>> adopted;
  for (const FileMark& mark : files) {
    auto file = MappedFile::Adopt(folder_, mark, options_.file_bytes, ledger_);
    if (absl::IsNotFound(file.status())) return FileDamaged(Sv(file.status().message()));
    SR_RETURN_IF_ERROR(file.status());
    if (verify) SR_RETURN_IF_ERROR((*file)->Verify());
    adopted.push_back(*std::move(file));
  }
  // The last may have room left.
  const auto last = std::max_element(adopted.begin(), adopted.end(),
                                     [](auto& a, auto& b) { return a->number() < b->number(); });
  for (const auto& file : adopted) {
    while (Slot(table_, file->number()) != nullptr || 2 * (files_ + 1) > table_.size()) {
      // Files of one process do not meet in a table twice as large as it had.
      if (table_.size() >= 4 * kMaxFiles) return FileDamaged("documents: impossible file numbers");
      SR_RETURN_IF_ERROR(GrowTable());
    }
    table_[file->number() & (table_.size() - 1)] = file;
    ++files_;
    next_number_ = std::max(next_number_, file->number() + 1);
    if (file == *last && file->Fits(kUnit) && file->Continue().ok()) {
      active_ = file;
    } else {
      file->Finish();
      DropIfEmpty(*file);
    }
  }
  return absl::OkStatus();
}

absl::Status FileDocumentStore::RemoveAllBut(const std::vector<FileMark>& files) const {
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, folder_->Names());
  for (const std::string& name : names) {
    if (NumberOfDocumentFile(name) == 0) continue;
    const bool named = std::any_of(files.begin(), files.end(),
                                   [&](const FileMark& mark) { return mark.name == name; });
    if (!named) SR_RETURN_IF_ERROR(folder_->Remove(name));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DocumentStore>> DocumentStore::Open(Options options,
                                                                   Metrics& metrics) {
  options.file_bytes = std::clamp(options.file_bytes, kMinFileBytes, kMaxFileBytes);
  std::shared_ptr<const Folder> folder;
  Fd lock;
  uint32_t next = 1;
  if (!options.folder.empty()) {
    SR_ASSIGN_OR_RETURN(folder, Folder::Make(options.folder));
    SR_ASSIGN_OR_RETURN(lock, folder->Lock());
    SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, folder->Names());
    for (const std::string& name : names) next = std::max(next, NumberOfDocumentFile(name) + 1);
  }
  return std::make_unique<FileDocumentStore>(std::move(options), std::move(folder), std::move(lock),
                                             next, metrics);
}

}  // namespace stockroom::api
