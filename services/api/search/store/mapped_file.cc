#include "services/api/search/store/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr uint64_t kPage = 4096;

uint64_t RoundUp(uint64_t bytes, uint64_t to) { return (bytes + to - 1) / to * to; }

// On a disk if possible: the kernel can then drop the pages when memory is short.
absl::StatusOr<Fd> NamelessFile() {
  const char* const tmpdir = std::getenv("TMPDIR");
  const std::string folder = tmpdir != nullptr && *tmpdir != '\0' ? tmpdir : "/tmp";
  Fd file(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.valid()) return file;
  // A full disk is an error; a folder that can not do this (read-only, not there, an old file
  // system) is not.
  const int error = errno;
  if (error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE) {
    return FileError(error, "making a file in " + folder);
  }
  Fd memory(memfd_create("stockroom-documents", MFD_CLOEXEC));
  if (!memory.valid()) return FileError(errno, "making a file in memory");
  return memory;
}

}  // namespace

std::string DocumentFileName(uint32_t number) {
  return "documents-" + std::to_string(number) + ".bin";
}

uint32_t NumberOfDocumentFile(std::string_view name) {
  const uint64_t number = NumberInName(name, "documents-", ".bin").value_or(0);
  return number <= kMaxNumber ? static_cast<uint32_t>(number) : 0;
}

DocumentLedger::DocumentLedger(Metrics& metrics)
    : files(metrics.GetGauge("stockroom_search_document_files",
                             "Files of the search index's documents")),
      bytes(metrics.GetGauge("stockroom_search_document_bytes",
                             "Bytes on the disk of the search index's documents")),
      live_bytes(metrics.GetGauge("stockroom_search_document_live_bytes",
                                  "Bytes of the search index's documents that are not outdated")),
      damaged(metrics.GetCounter("stockroom_search_documents_damaged_total",
                                 "Reads that met a damaged document of the search index")),
      refused(metrics.GetCounter("stockroom_search_documents_refused_total",
                                 "Documents of the search index that there was no room for")) {}

MappedFile::MappedFile(std::shared_ptr<const Folder> folder, std::string name,
                       std::shared_ptr<DocumentLedger> ledger)
    : folder_(std::move(folder)), name_(std::move(name)), ledger_(std::move(ledger)) {
  ledger_->files.Add(1);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<char*>(data_), capacity_);
  const bool remove = dropped_.load(std::memory_order_relaxed) &&
                      !keep_.load(std::memory_order_relaxed) && folder_ != nullptr;
  // One that stays is found by the next start, which removes what it does not need.
  if (remove) folder_->Remove(name_).IgnoreError();
  ledger_->files.Add(-1);
  ledger_->bytes.Add(-static_cast<int64_t>(allocated_));
  CountLive(-static_cast<int64_t>(live_bytes_));
  ledger_->own_bytes.fetch_sub(allocated_, std::memory_order_relaxed);
}

absl::StatusOr<std::shared_ptr<MappedFile>> MappedFile::Create(
    std::shared_ptr<const Folder> folder, uint32_t number, uint64_t capacity,
    std::shared_ptr<DocumentLedger> ledger) {
  const std::shared_ptr<MappedFile> file(
      new MappedFile(std::move(folder), DocumentFileName(number), std::move(ledger)));
  auto fd = file->folder_ == nullptr
                ? NamelessFile()
                : file->folder_->OpenFile(file->name_, O_RDWR | O_CREAT | O_EXCL);
  SR_RETURN_IF_ERROR(fd.status());
  file->fd_ = *std::move(fd);
  // Until it holds something: a file that came to nothing leaves no name.
  file->Drop();
  SR_RETURN_IF_ERROR(file->Map(RoundUp(capacity, kPage)));
  SR_RETURN_IF_ERROR(file->Allocate(kUnit));
  const FileHeader header = FileHeader::New(number);
  SR_RETURN_IF_ERROR(file->Write(0, {reinterpret_cast<const char*>(&header), sizeof header}));
  file->number_ = number;
  file->identity_ = header.identity_hex();
  file->used_.store(kUnit, std::memory_order_release);
  file->dropped_.store(false, std::memory_order_relaxed);
  return file;
}

absl::StatusOr<std::shared_ptr<MappedFile>> MappedFile::Adopt(
    std::shared_ptr<const Folder> folder, const DocumentStore::FileMark& mark, uint64_t capacity,
    std::shared_ptr<DocumentLedger> ledger) {
  const std::string path = folder->PathOf(mark.name);
  const uint64_t number = NumberOfDocumentFile(mark.name);
  if (number == 0 || mark.bytes < kUnit || mark.bytes > kMaxFileBytes || mark.bytes % kUnit != 0) {
    return FileDamaged(path + " can not be a file of documents");
  }
  const std::shared_ptr<MappedFile> file(
      new MappedFile(std::move(folder), mark.name, std::move(ledger)));
  SR_ASSIGN_OR_RETURN(file->fd_, file->folder_->OpenFile(mark.name, O_RDWR));
  struct stat info {};
  if (fstat(file->fd_.get(), &info) != 0) return FileError(errno, "looking at " + path);
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) < mark.bytes) {
    return FileDamaged(path + " is shorter than the checkpoint says");
  }
  file->CountAllocated(static_cast<uint64_t>(info.st_size));
  SR_RETURN_IF_ERROR(file->Map(RoundUp(std::max(capacity, mark.bytes), kPage)));
  FileHeader header;
  std::memcpy(&header, file->data_, sizeof header);
  if (!header.valid() || header.number != number || header.identity_hex() != mark.identity) {
    return FileDamaged(path + " is not the file that the checkpoint names");
  }
  file->number_ = header.number;
  file->identity_ = mark.identity;
  file->used_.store(mark.bytes, std::memory_order_release);
  file->documents_ = mark.documents;
  file->checked_ = std::make_unique<std::atomic<uint64_t>[]>(file->alive_.size());
  const size_t words = std::min(mark.live.size(), Word(mark.bytes / kUnit - 1) + 1);
  std::copy_n(mark.live.begin(), words, file->alive_.begin());
  for (const uint64_t word : file->alive_) file->live_ += std::popcount(word);
  if (mark.documents > 0)
    file->CountLive(static_cast<int64_t>(mark.bytes / mark.documents * file->live_));
  // What the manifest on the disk names must stay there.
  file->Keep();
  return file;
}

absl::Status MappedFile::Map(uint64_t capacity) {
  // Read-only, which keeps stray writes out.
  void* const at = mmap(nullptr, capacity, PROT_READ, MAP_SHARED, fd_.get(), /*offset=*/0);
  if (at == MAP_FAILED) return FileError(errno, "mapping " + name_);
  data_ = static_cast<const char*>(at);
  capacity_ = capacity;
  // Search hits lie anywhere: fetching what lies around one (128 KiB) made a cold read take 190
  // instead of 60 us here, and drove what was in use out of memory.
  madvise(at, capacity_, MADV_RANDOM);
  alive_.resize(Word(static_cast<uint32_t>(capacity / kUnit - 1)) + 1);
  return absl::OkStatus();
}

absl::Status MappedFile::Allocate(uint64_t end) {
  if (end <= allocated_) return absl::OkStatus();
  // Steps: many small stores (tests, small catalogues) should not take a whole file's room.
  const uint64_t step = std::clamp(capacity_ / 32, uint64_t{64} << 10, uint64_t{8} << 20);
  const uint64_t target = std::min(capacity_, RoundUp(std::max(end, allocated_ + step), kPage));
  SR_RETURN_IF_ERROR(AllocateRange(allocated_, target));
  CountAllocated(target - allocated_);
  return absl::OkStatus();
}

absl::Status MappedFile::AllocateRange(uint64_t begin, uint64_t end) {
  int error = EINTR;
  while (error == EINTR) {
    error = posix_fallocate(fd_.get(), static_cast<off_t>(begin), static_cast<off_t>(end - begin));
  }
  if (error == 0) return absl::OkStatus();
  return FileError(error, "making room for documents in " +
                              (folder_ == nullptr ? "a nameless file" : folder_->PathOf(name_)));
}

absl::Status MappedFile::Continue() {
  return used() < allocated_ ? AllocateRange(used(), allocated_) : absl::OkStatus();
}

void MappedFile::CountAllocated(uint64_t bytes) {
  allocated_ += bytes;
  ledger_->bytes.Add(static_cast<int64_t>(bytes));
  ledger_->own_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void MappedFile::CountLive(int64_t bytes) {
  live_bytes_ += static_cast<uint64_t>(bytes);
  ledger_->live_bytes.Add(bytes);
}

absl::StatusOr<uint32_t> MappedFile::Reserve(uint64_t size) {
  const uint64_t begin = used();
  const uint64_t end = begin + size;
  SR_RETURN_IF_ERROR(Allocate(end));
  ++writing_;
  used_.store(end, std::memory_order_release);
  return static_cast<uint32_t>(begin / kUnit);
}

absl::Status MappedFile::Write(uint32_t unit, std::string_view records) const {
  auto at = static_cast<off_t>(unit * kUnit);
  while (!records.empty()) {
    const ssize_t n = pwrite(fd_.get(), records.data(), records.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return FileError(n == 0 ? EIO : errno, "writing documents");
    records.remove_prefix(static_cast<size_t>(n));
    at += n;
  }
  return absl::OkStatus();
}

void MappedFile::Commit(uint32_t unit, uint64_t size) {
  if (checked_ != nullptr) checked_[Word(unit)].fetch_or(Bit(unit), std::memory_order_release);
  alive_[Word(unit)] |= Bit(unit);
  ++documents_;
  ++live_;
  CountLive(static_cast<int64_t>(size));
  EndWriting();
}

void MappedFile::Abandon() { EndWriting(); }

void MappedFile::EndWriting() {
  --writing_;
  if (finished_ && writing_ == 0) fd_ = Fd();
}

void MappedFile::Finish() {
  finished_ = true;
  if (writing_ == 0) fd_ = Fd();
}

bool MappedFile::Lives(uint32_t unit) const {
  return Word(unit) < alive_.size() && (alive_[Word(unit)] & Bit(unit)) != 0;
}

void MappedFile::Release(uint32_t unit) {
  if (!Lives(unit)) return;
  alive_[Word(unit)] &= ~Bit(unit);
  // The mean: the document's own length may be on a page that would have to be fetched first.
  CountLive(-static_cast<int64_t>(live_bytes_ / live_));
  --live_;
}

bool MappedFile::Whole(uint32_t unit) const {
  const uint64_t begin = unit * kUnit;
  const uint64_t end = used();
  if (unit == 0 || begin >= end) return false;
  if (checked_ == nullptr) return true;
  if ((checked_[Word(unit)].load(std::memory_order_acquire) & Bit(unit)) != 0) return true;
  if (!IsRecord(data_ + begin, end - begin, unit)) return false;
  checked_[Word(unit)].fetch_or(Bit(unit), std::memory_order_release);
  return true;
}

DocumentView MappedFile::Read(uint32_t unit) const {
  if (!Whole(unit)) return {.damaged = true};
  return ViewRecord(data_ + unit * kUnit);
}

DocumentStore::FileMark MappedFile::Mark() const {
  return {.name = name_,
          .bytes = used(),
          .documents = documents_,
          .identity = identity_,
          .live = alive_};
}

absl::Status MappedFile::Verify() const {
  void* const at = const_cast<char*>(data_);
  madvise(at, capacity_, MADV_SEQUENTIAL);
  absl::Status status = VerifyAll();
  madvise(at, capacity_, MADV_RANDOM);
  return status;
}

absl::Status MappedFile::VerifyAll() const {
  uint64_t documents = 0;
  uint64_t live = 0;
  for (uint64_t at = kUnit; at < used();) {
    const auto unit = static_cast<uint32_t>(at / kUnit);
    if (!Whole(unit)) {
      return FileDamaged(name_ + " is damaged at byte " + std::to_string(at));
    }
    ++documents;
    if (Lives(unit)) ++live;
    at += RecordBytes(data_ + at);
  }
  if (documents == documents_ && live == live_) return absl::OkStatus();
  return FileDamaged(name_ + " has other documents than the checkpoint says");
}

}  // namespace stockroom::api
