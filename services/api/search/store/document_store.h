// What the index shows of a document (and what postings can not answer), in memory-mapped files:
// outside of the heap, dropped by the kernel when memory is short (it counts as resident, RssFile,
// as long as the kernel keeps it). A cache, rebuilt from the database: everything is checksummed.
//
// Room on the disk is reserved before it is written, so a full disk is an error and not SIGBUS. A
// disk that can not read back what it holds still ends the process, as with any mapped file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/image.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/segment/segment.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

// A stored document. Views stay valid as long as the DocumentFiles that gave them.
struct DocumentView {
  std::string_view id;
  int64_t revision = 0;
  // Of the image's content, equal for equal images on every machine: see content_hash.h.
  uint64_t content_hash = 0;
  std::string_view md5;
  std::string_view words;        // IndexedDocument::words
  std::string_view description;  // IndexedDocument::description
  // A serialised v1.Image: `wire_basic` alone is the BASIC view, both together (they are adjacent)
  // are the FULL view. Empty without an encoder.
  std::string_view wire_basic;
  std::string_view wire_full;
  std::string_view image;  // EncodeImage
  // The file does not hold what was written (a torn or flipped page of a file that was adopted):
  // all else is empty.
  bool damaged = false;
};

// A whole Image in bytes of our own, versioned; and back. DecodeImage: DATA_LOSS for anything else.
std::string EncodeImage(const Image& image);
// The same to `to`, where EncodedRoom(image) bytes are free; gives the end.
char* EncodeImage(const Image& image, char* to);
size_t EncodedRoom(const Image& image);
absl::StatusOr<Image> DecodeImage(std::string_view bytes);
// Whether the image of these bytes has the same analysis as `image`; false of anything else.
bool HasAnalysisOf(const Image& image, std::string_view bytes);
// Whether it has the same owner and tags, and the same people see it (SeenAs); false of anything
// else.
bool IsFoundLike(const Image& image, std::string_view bytes);

// The files as of some moment: immutable, cheap to copy. Whoever holds it may read all documents
// whose locators were given before; files are unmapped and removed with their last holder.
// `Metrics` must outlive it.
class DocumentFiles {
 public:
  virtual ~DocumentFiles() = default;
  // Never fails for a locator that Append of this process gave and that was not released. A
  // document of an adopted file is checked when it is first read: `damaged`, also for a locator
  // that leads nowhere; then the index has to be rebuilt. Thread-safe, no lock.
  virtual DocumentView Read(Locator locator) const = 0;
};

// What is stored of one image.
struct NewDocument {
  const Image& image;
  const IndexedDocument& document;
  const WireImage& wire;
};
struct StoredDocument {
  Locator locator = 0;
  uint64_t content_hash = 0;
};

class DocumentStore {
 public:
  struct Options {
    // Where the files live, in a folder of this process's own that is locked while it is open.
    // Empty: nameless files in $TMPDIR, and no checkpoints.
    std::string folder;
    // A file is mapped whole (room on the disk is taken in steps of a 32nd of it, at most 8 MiB); a
    // dead document's room comes back with its file. From 64 KiB to 1 GiB. A document that does not
    // fit gets a file of its own, up to 1 GiB.
    uint64_t file_bytes = uint64_t{256} << 20;
    // Of all files, those included that only readers of old snapshots hold: about 30 million
    // documents of 2 KB.
    uint64_t max_bytes = uint64_t{64} << 30;
    // A file with less than this share of live bytes is worth emptying.
    double sparse = 0.5;
  };
  struct Usage {
    uint64_t files = 0;
    uint64_t bytes = 0;  // on the disk
    // Of documents not released, by the mean size of their files' documents.
    uint64_t live_bytes = 0;
    uint64_t damaged = 0;  // reads that met a damaged document: above 0, rebuild the index
  };

  // Starts empty: files left in the folder that Adopt does not name later are removed by it (so
  // without a checkpoint: Adopt({}, false)). FAILED_PRECONDITION (FOLDER_IN_USE): another process
  // has it; INTERNAL, RESOURCE_EXHAUSTED.
  // Metrics: stockroom_search_document_files, _document_bytes (both with files that only old
  // snapshots hold), _document_live_bytes, _documents_damaged_total, _documents_refused_total (no
  // room for them).
  static absl::StatusOr<std::unique_ptr<DocumentStore>> Open(Options options, Metrics& metrics);
  virtual ~DocumentStore() = default;

  // Everything is thread-safe. Calls wait for one another's short steps; the longest is the file
  // system's, when Append takes room on the disk. Some documents at a time (tens) take less than
  // one by one. What became of each: RESOURCE_EXHAUSTED (NO_SPACE: the disk is full;
  // DOCUMENT_TOO_LARGE; DOCUMENTS_FULL: Options.max_bytes), INTERNAL (I/O); nothing is lost but
  // those documents.
  virtual std::vector<absl::StatusOr<StoredDocument>> Append(
      std::span<const NewDocument> documents) = 0;
  // The document will not be read any more by who asks files() from now on. May be said again, even
  // when its file is long gone (file numbers are never given twice).
  virtual void Release(Locator locator) = 0;
  // Copies a document out of a sparse file; the same locator if its file is not sparse (or there is
  // no room, or it is damaged or released). For Merge, which is what empties sparse files. Both
  // copies live until one is released: the old ones once the merged segment is published, the new
  // ones if the merge comes to nothing (or the document died meanwhile).
  virtual Locator Relocate(Locator locator) = 0;
  virtual std::shared_ptr<const DocumentFiles> files() const = 0;
  virtual Usage usage() const = 0;

  // For checkpoints: names the files with their lengths; from now on they stay in the folder, even
  // emptied, until WriteCheckpoint finds that no manifest needs them. Together with the snapshot
  // that the checkpoint is of: no Release may come between. Waits for documents that are being
  // written. FAILED_PRECONDITION: without a folder.
  struct FileMark {
    std::string name;
    uint64_t bytes = 0;
    uint64_t documents = 0;  // dead ones too
    std::string identity;    // of the file's header: 32 hex digits
    // One bit a unit of 64 bytes: where the documents begin that live. Not in the manifest:
    // ReadCheckpoint finds them through the segments.
    std::vector<uint64_t> live;
  };
  virtual absl::StatusOr<std::vector<FileMark>> Seal() = 0;
  // Instead of starting empty, before anything is appended: takes over these files of an earlier
  // process, and removes all others from the folder. A start has no time to read every document, so
  // without `verify` only the files' headers and lengths are checked, and each document when it is
  // first read. DATA_LOSS: then the store is empty again, as is the folder.
  virtual absl::Status Adopt(const std::vector<FileMark>& files, bool verify) = 0;
};

}  // namespace stockroom::api
