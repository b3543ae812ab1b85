// One append-only file of the document store, mapped whole.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/search/store/document_record.h"
#include "services/api/search/store/folder.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

// What all files of a store add up to. Files may outlive their store, `metrics` must outlive both.
struct DocumentLedger {
  explicit DocumentLedger(Metrics& metrics);

  Gauge& files;
  Gauge& bytes;
  Gauge& live_bytes;
  Counter& damaged;
  Counter& refused;
  // Of this store alone; `metrics` sum over all stores of the process.
  std::atomic<uint64_t> own_bytes{0};
  std::atomic<uint64_t> own_damaged{0};
};

// Read and Write are thread-safe and take no lock. The rest is called by one thread at a time: the
// store's.
class MappedFile {
 public:
  // `folder` null: nameless. RESOURCE_EXHAUSTED, INTERNAL.
  static absl::StatusOr<std::shared_ptr<MappedFile>> Create(std::shared_ptr<const Folder> folder,
                                                            uint32_t number, uint64_t capacity,
                                                            std::shared_ptr<DocumentLedger> ledger);
  // Of an earlier process, `mark.bytes` long; can be appended to up to `capacity`. DATA_LOSS if it
  // is not the file that `mark` means.
  static absl::StatusOr<std::shared_ptr<MappedFile>> Adopt(std::shared_ptr<const Folder> folder,
                                                           const DocumentStore::FileMark& mark,
                                                           uint64_t capacity,
                                                           std::shared_ptr<DocumentLedger> ledger);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  DocumentView Read(uint32_t unit) const;
  // Whether a whole document begins there: of an adopted file, looks if nobody did before.
  bool Whole(uint32_t unit) const;

  uint32_t number() const { return number_; }
  bool Fits(uint64_t size) const { return size <= capacity_ - used(); }
  // A record is appended in three steps, of which the second takes longest and may overlap others'.
  // First its place, the unit where it begins; `size` must fit. RESOURCE_EXHAUSTED: the disk is
  // full.
  absl::StatusOr<uint32_t> Reserve(uint64_t size);
  // Then its bytes, also those of several records that lie side by side. Not through the mapping: a
  // page that is written first there costs a fault, which takes longer than all the rest.
  absl::Status Write(uint32_t unit, std::string_view records) const;
  // Then it lives, or, if it could not be written, its place stays empty.
  void Commit(uint32_t unit, uint64_t size);
  void Abandon();
  // Somebody is between the first and the last step.
  bool writing() const { return writing_ > 0; }
  // Of an adopted file, before the first Reserve: what is behind its documents may be a hole.
  absl::Status Continue();
  // Nothing will be reserved any more.
  void Finish();

  bool Lives(uint32_t unit) const;
  // Nothing happens if it does not live.
  void Release(uint32_t unit);
  uint64_t documents() const { return documents_; }
  uint64_t live() const { return live_; }
  uint64_t used() const { return used_.load(std::memory_order_acquire); }
  // Of the living, if the dead were as large as they.
  uint64_t live_bytes() const { return live_bytes_; }

  DocumentStore::FileMark Mark() const;
  // Stays in the folder, whatever becomes of this object.
  void Keep() { keep_.store(true, std::memory_order_relaxed); }
  // Nobody needs it but who holds it: the name goes with the last of them, if it is not kept.
  void Drop() { dropped_.store(true, std::memory_order_relaxed); }

  // Reads every document. DATA_LOSS unless all are whole, and the living are among them.
  absl::Status Verify() const;

 private:
  MappedFile(std::shared_ptr<const Folder> folder, std::string name,
             std::shared_ptr<DocumentLedger> ledger);
  absl::Status Map(uint64_t capacity);
  absl::Status VerifyAll() const;
  // Makes sure that the disk has room for the first `end` bytes.
  absl::Status Allocate(uint64_t end);
  absl::Status AllocateRange(uint64_t begin, uint64_t end);
  void EndWriting();
  void CountAllocated(uint64_t bytes);
  void CountLive(int64_t bytes);
  // Of `unit`, in bitmaps by unit.
  static size_t Word(uint32_t unit) { return unit / 64; }
  static uint64_t Bit(uint32_t unit) { return uint64_t{1} << unit % 64; }

  const std::shared_ptr<const Folder> folder_;  // null: nameless
  const std::string name_;
  const std::shared_ptr<DocumentLedger> ledger_;
  uint32_t number_ = 0;
  std::string identity_;
  Fd fd_;  // while it may grow
  bool finished_ = false;
  uint64_t writing_ = 0;  // records reserved, and neither committed nor abandoned
  const char* data_ = nullptr;
  uint64_t capacity_ = 0;   // mapped
  uint64_t allocated_ = 0;  // of which these can be written and read
  std::atomic<uint64_t> used_{0};
  std::vector<uint64_t> alive_;  // by unit
  uint64_t documents_ = 0;
  uint64_t live_ = 0;
  uint64_t live_bytes_ = 0;
  // By unit: was found whole. Null: all were written here.
  std::unique_ptr<std::atomic<uint64_t>[]> checked_;
  std::atomic<bool> keep_{false};
  std::atomic<bool> dropped_{false};
};

std::string DocumentFileName(uint32_t number);
// 0: it is not the name of a document file.
uint32_t NumberOfDocumentFile(std::string_view name);

}  // namespace stockroom::api
