#include "services/fileserver/backends/s3_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/s3_layout.h"

namespace stockroom::fileserver {
namespace {

constexpr int64_t kFirstFetch = 256 << 10;
constexpr int64_t kMostSumsBytes = 64 << 20;  // of a blob of 1 TiB

// What was fetched and not yet read.
class Window {
 public:
  explicit Window(ReadAheadBudget& budget) : budget_(budget) {}
  ~Window() { Drop(); }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  // How much of [offset, offset + size) it holds, from the beginning.
  size_t Copy(int64_t offset, char* to, size_t size) const {
    if (offset < offset_ || offset >= end()) return 0;
    const size_t n = std::min(size, static_cast<size_t>(end() - offset));
    std::memcpy(to, bytes_.data() + (offset - offset_), n);
    return n;
  }
  bool Reserve(int64_t bytes) {
    Drop();
    if (!budget_.Take(bytes)) return false;
    reserved_ = bytes;
    return true;
  }
  void Keep(int64_t offset, std::string bytes) {
    offset_ = offset;
    bytes_ = std::move(bytes);
  }
  void Drop() {
    budget_.GiveBack(std::exchange(reserved_, 0));
    bytes_ = std::string();
  }

 private:
  int64_t end() const { return offset_ + static_cast<int64_t>(bytes_.size()); }

  ReadAheadBudget& budget_;
  int64_t reserved_ = 0;
  int64_t offset_ = 0;
  std::string bytes_;
};

absl::Status NotThere(const std::string& reason) {
  return NotFound(
      reason, reason == "BLOB_NOT_FOUND" ? "there is no such blob" : "there is no such rendition");
}

template <typename Info>
class S3Source final : public ByteSource<Info> {
 public:
  using Decode = std::function<absl::StatusOr<S3Record<Info>>(const s3::ObjectInfo&)>;

  S3Source(s3::Client& client, std::string key, std::string missing, Decode decode,
           const S3ReadOptions& options, ReadAheadBudget& budget)
      : client_(client),
        key_(std::move(key)),
        missing_(std::move(missing)),
        decode_(std::move(decode)),
        options_(options),
        window_(budget) {}

  // One of both, first.
  absl::Status Head() {
    const absl::StatusOr<s3::ObjectInfo> object = client_.Head(key_);
    if (!object.ok()) return Told(object.status());
    return Take(*object);
  }
  absl::Status HeadAndBeginning() {
    absl::StatusOr<s3::ObjectBytes> object = client_.Get(key_, 0, kFirstFetch);
    if (!object.ok()) return Told(object.status());
    SR_RETURN_IF_ERROR(Take(object->info));
    MutexLock lock(mu_);
    if (window_.Reserve(static_cast<int64_t>(object->bytes.size()))) {
      window_.Keep(0, std::move(object->bytes));
    }
    return absl::OkStatus();
  }

  const Info& info() const override { return record_.info; }

  absl::StatusOr<ChunkSums> Sums() override {
    if (!record_.sums_object.has_value()) return record_.sums;
    const int64_t bytes = (record_.info.size + kSumBytes - 1) / kSumBytes * 4;
    if (bytes > kMostSumsBytes) return Damaged("its sums are too many");
    const absl::StatusOr<s3::ObjectBytes> object =
        client_.Get(s3_layout::SumsKey(record_.info.sha256), 0, bytes);
    if (absl::IsNotFound(object.status())) return Damaged("its sums are missing");
    if (!object.ok()) return object.status();
    if (Digest::Of(object->bytes) != *record_.sums_object) return Damaged("its sums are damaged");
    return ChunkSums::Decode(object->bytes);
  }

  absl::Status ReadAt(int64_t offset, char* to, size_t size) override {
    MutexLock lock(mu_);
    const size_t copied = window_.Copy(offset, to, size);
    offset += static_cast<int64_t>(copied);
    to += copied;
    size -= copied;
    if (size == 0) return absl::OkStatus();
    ahead_ = offset == read_to_ ? std::min(2 * ahead_, options_.read_ahead) : kFirstFetch;
    SR_ASSIGN_OR_RETURN(std::string bytes, Fetch(offset, static_cast<int64_t>(size)));
    if (bytes.size() < size) return Damaged("it ends too early");
    std::memcpy(to, bytes.data(), size);
    read_to_ = offset + static_cast<int64_t>(bytes.size());
    if (bytes.size() > size) {
      window_.Keep(offset + static_cast<int64_t>(size), bytes.substr(size));
    } else {
      window_.Drop();
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Told(const absl::Status& status) const {
    return DetailsOf(status).reason == "S3_NO_SUCH_KEY" ? NotThere(missing_) : status;
  }
  absl::Status Damaged(std::string_view why) const {
    return MakeStatus(absl::StatusCode::kDataLoss, key_ + ": " + std::string(why),
                      {.reason = "BLOB_DAMAGED"});
  }
  absl::Status Take(const s3::ObjectInfo& object) {
    absl::StatusOr<S3Record<Info>> record = decode_(object);
    if (!record.ok()) return Annotate(record.status(), key_);
    record_ = *std::move(record);
    MutexLock lock(mu_);
    etag_ = object.etag;
    return absl::OkStatus();
  }

  // At least `wanted` bytes, more if there is memory for them.
  absl::StatusOr<std::string> Fetch(int64_t offset, int64_t wanted) SR_REQUIRES(mu_) {
    const int64_t left = record_.info.size - offset;
    int64_t length = std::min(std::max(wanted, ahead_), left);
    if (length > wanted && !window_.Reserve(length)) length = wanted;
    for (bool again = false;; again = true) {
      absl::StatusOr<s3::ObjectBytes> object = client_.Get(key_, offset, length, etag_);
      if (object.ok()) return std::move(object->bytes);
      if (!absl::IsAborted(object.status()) || again) return Told(object.status());
      // Somebody has put the same bytes again, in another way.
      const absl::StatusOr<s3::ObjectInfo> now = client_.Head(key_);
      if (!now.ok()) return Told(now.status());
      const absl::StatusOr<S3Record<Info>> record = decode_(*now);
      if (!record.ok()) return Annotate(record.status(), key_);
      if (record->info.sha256 != record_.info.sha256) {
        return Unavailable("REPLACED", key_ + " was replaced while it was read");
      }
      etag_ = now->etag;
    }
  }

  s3::Client& client_;
  const std::string key_;
  const std::string missing_;
  const Decode decode_;
  const S3ReadOptions options_;
  S3Record<Info> record_;
  Mutex mu_;
  std::string etag_ SR_GUARDED_BY(mu_);
  Window window_ SR_GUARDED_BY(mu_);
  int64_t ahead_ SR_GUARDED_BY(mu_) = kFirstFetch / 2;
  int64_t read_to_ SR_GUARDED_BY(mu_) = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BlobSource>> OpenS3Blob(s3::Client& client, const Digest& digest,
                                                       const S3ReadOptions& options,
                                                       ReadAheadBudget& budget) {
  auto source = std::make_unique<S3Source<BlobInfo>>(
      client, s3_layout::BlobKey(digest), "BLOB_NOT_FOUND",
      [digest](const s3::ObjectInfo& object) { return DecodeBlobRecord(object, digest); }, options,
      budget);
  SR_RETURN_IF_ERROR(source->Head());
  return source;
}

absl::StatusOr<std::unique_ptr<RenditionSource>> OpenS3Rendition(s3::Client& client,
                                                                 const RenditionAddress& address,
                                                                 const S3ReadOptions& options,
                                                                 ReadAheadBudget& budget) {
  auto source = std::make_unique<S3Source<RenditionInfo>>(client, s3_layout::RenditionKey(address),
                                                          "RENDITION_NOT_FOUND",
                                                          DecodeRenditionRecord, options, budget);
  SR_RETURN_IF_ERROR(source->HeadAndBeginning());
  return source;
}

}  // namespace stockroom::fileserver
