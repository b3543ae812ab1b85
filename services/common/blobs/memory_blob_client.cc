#include "services/common/blobs/memory_blob_client.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"

namespace stockroom {

template <typename Result>
class MemoryBlobClient::Writer final : public ByteWriter<Result> {
 public:
  using Store = std::function<absl::StatusOr<Result>(std::string bytes)>;
  Writer(CallContext context, int64_t limit, Store store)
      : context_(std::move(context)), limit_(limit), store_(std::move(store)) {}

  void Write(std::string chunk, absl::AnyInvocable<void(absl::Status)> done) override {
    if (status_.ok()) status_ = context_.Check();
    if (status_.ok() && limit_ < 0) status_ = InvalidField("max_bytes", "must not be negative");
    if (status_.ok() && static_cast<int64_t>(bytes_.size() + chunk.size()) > limit_) {
      status_ = MakeStatus(absl::StatusCode::kOutOfRange,
                           absl::StrCat("more than the ", limit_, " bytes that are allowed"),
                           {.reason = "TOO_LARGE", .metadata = {{"limit", absl::StrCat(limit_)}}});
    }
    if (status_.ok()) bytes_ += chunk;
    done(status_);
  }

  void Finish(absl::AnyInvocable<void(absl::StatusOr<Result>)> done) override {
    if (status_.ok()) status_ = context_.Check();
    if (status_.ok() && bytes_.empty()) {
      status_ = InvalidArgument("EMPTY", "there are no bytes to store");
    }
    if (!status_.ok()) {
      done(status_);
      return;
    }
    // The callback may destroy this writer.
    absl::StatusOr<Result> result = store_(std::move(bytes_));
    done(std::move(result));
  }

 private:
  const CallContext context_;
  const int64_t limit_;
  const Store store_;
  std::string bytes_;
  absl::Status status_;
};

template <typename Info>
class MemoryBlobClient::Reader final : public ByteReader<Info> {
 public:
  using OpenBytes = std::function<absl::StatusOr<std::pair<Info, Opened>>()>;
  Reader(CallContext context, ByteRange range, size_t chunk_bytes, OpenBytes open)
      : context_(std::move(context)),
        range_(range),
        chunk_bytes_(static_cast<int64_t>(chunk_bytes)),
        open_(std::move(open)) {}

  void Open(absl::AnyInvocable<void(absl::StatusOr<Info>)> done) override {
    done(DoOpen());  // the callback may destroy this reader
  }
  void Read(absl::AnyInvocable<void(absl::StatusOr<std::optional<std::string>>)> done) override {
    done(DoRead());
  }

 private:
  absl::StatusOr<Info> DoOpen() {
    status_ = context_.Check();
    SR_RETURN_IF_ERROR(status_);
    absl::StatusOr<std::pair<Info, Opened>> opened = open_();
    status_ = opened.status();
    SR_RETURN_IF_ERROR(status_);
    absl::StatusOr<ByteRange> resolved = ResolveRange(range_, opened->first.size);
    status_ = resolved.status();
    SR_RETURN_IF_ERROR(status_);
    position_ = resolved->offset;
    end_ = resolved->offset + resolved->length;
    opened_ = std::move(opened->second);
    return std::move(opened->first);
  }

  absl::StatusOr<std::optional<std::string>> DoRead() {
    if (status_.ok()) status_ = context_.Check();
    SR_RETURN_IF_ERROR(status_);
    if (position_ == end_) return std::optional<std::string>();
    const int64_t size = std::min(chunk_bytes_, end_ - position_);
    if (opened_.damaged && position_ + size == end_) {
      status_ = MakeStatus(absl::StatusCode::kDataLoss, "the stored bytes are damaged",
                           {.reason = "BLOB_DAMAGED"});
      return status_;
    }
    std::string chunk =
        opened_.bytes->substr(static_cast<size_t>(position_), static_cast<size_t>(size));
    position_ += size;
    return std::optional<std::string>(std::move(chunk));
  }

  const CallContext context_;
  const ByteRange range_;
  const int64_t chunk_bytes_;
  const OpenBytes open_;
  Opened opened_;
  int64_t position_ = 0;
  int64_t end_ = 0;
  absl::Status status_ = absl::FailedPreconditionError("Open comes first");
};

std::unique_ptr<BlobWriter> MemoryBlobClient::PutBlob(const CallContext& context,
                                                      PutBlobOptions options) {
  const int64_t limit = options.max_bytes == 0
                            ? options_.max_blob_bytes
                            : std::min(options.max_bytes, options_.max_blob_bytes);
  return std::make_unique<Writer<StoredBlob>>(
      context, limit, [this, expected = options.expected_sha256](std::string bytes) {
        return StoreBlob(std::move(bytes), expected);
      });
}

absl::StatusOr<StoredBlob> MemoryBlobClient::StoreBlob(std::string bytes,
                                                       const std::optional<Digest>& expected) {
  StreamHasher hasher(StreamHasher::Md5::kYes);
  hasher.Update(bytes);
  BlobInfo info{.sha256 = hasher.FinishSha256(),
                .md5 = hasher.FinishMd5(),
                .size = static_cast<int64_t>(bytes.size()),
                .crc32c = Crc32c(bytes)};
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(TakeFault(Call::kPutBlob));
  if (expected && *expected != info.sha256) {
    return MakeStatus(absl::StatusCode::kDataLoss,
                      "the bytes that arrived are not those that were announced",
                      {.reason = "DIGEST_MISMATCH"});
  }
  StoredBytes& stored = blobs_[info.sha256];
  const bool existed = stored.bytes != nullptr && !stored.damaged;
  if (!existed) {
    stored = StoredBytes{.bytes = std::make_shared<const std::string>(std::move(bytes)),
                         .md5 = info.md5,
                         .crc32c = *info.crc32c,
                         .put = options_.clock->Now()};
  }
  Touch(stored);
  return StoredBlob{.info = std::move(info), .existed = existed};
}

absl::StatusOr<std::pair<BlobInfo, MemoryBlobClient::Opened>> MemoryBlobClient::OpenBlob(
    const Digest& digest, Call call) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(TakeFault(call));
  const auto it = blobs_.find(digest);
  if (it == blobs_.end()) {
    return NotFound("BLOB_NOT_FOUND", "there is no blob " + digest.hex());
  }
  const StoredBytes& stored = it->second;
  return std::make_pair(BlobInfo{.sha256 = digest,
                                 .md5 = stored.md5,
                                 .size = static_cast<int64_t>(stored.bytes->size()),
                                 .crc32c = stored.crc32c},
                        Opened{.bytes = stored.bytes, .damaged = stored.damaged});
}

std::unique_ptr<BlobReader> MemoryBlobClient::GetBlob(const CallContext& context,
                                                      const Digest& digest, ByteRange range) {
  return std::make_unique<Reader<BlobInfo>>(context, range, options_.chunk_bytes, [this, digest] {
    return OpenBlob(digest, Call::kGetBlob);
  });
}

void MemoryBlobClient::StatBlob(const CallContext& context, const Digest& digest,
                                absl::AnyInvocable<void(absl::StatusOr<BlobInfo>)> done) {
  if (const absl::Status status = context.Check(); !status.ok()) {
    done(status);
    return;
  }
  absl::StatusOr<std::pair<BlobInfo, Opened>> opened = OpenBlob(digest, Call::kStatBlob);
  if (opened.ok()) {
    done(std::move(opened->first));
  } else {
    done(opened.status());
  }
}

std::unique_ptr<RenditionWriter> MemoryBlobClient::PutRendition(const CallContext& context,
                                                                RenditionAddress address) {
  return std::make_unique<Writer<RenditionInfo>>(
      context, options_.max_rendition_bytes,
      [this, address = std::move(address)](std::string bytes) {
        return StoreRendition(std::move(bytes), address);
      });
}

absl::StatusOr<RenditionInfo> MemoryBlobClient::StoreRendition(std::string bytes,
                                                               const RenditionAddress& address) {
  SR_RETURN_IF_ERROR(CheckRenditionKey(address.key));
  const RenditionInfo info{.sha256 = Digest::Of(bytes), .size = static_cast<int64_t>(bytes.size())};
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(TakeFault(Call::kPutRendition));
  renditions_[{address.original, address.key}] =
      std::make_shared<const std::string>(std::move(bytes));
  return info;
}

absl::StatusOr<std::pair<RenditionInfo, MemoryBlobClient::Opened>> MemoryBlobClient::OpenRendition(
    const RenditionAddress& address) {
  SR_RETURN_IF_ERROR(CheckRenditionKey(address.key));
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(TakeFault(Call::kGetRendition));
  const auto it = renditions_.find({address.original, address.key});
  if (it == renditions_.end()) {
    return NotFound("RENDITION_NOT_FOUND", "there is no such rendition");
  }
  return std::make_pair(RenditionInfo{.sha256 = Digest::Of(*it->second),
                                      .size = static_cast<int64_t>(it->second->size())},
                        Opened{.bytes = it->second});
}

std::unique_ptr<RenditionReader> MemoryBlobClient::GetRendition(const CallContext& context,
                                                                RenditionAddress address,
                                                                ByteRange range) {
  return std::make_unique<Reader<RenditionInfo>>(
      context, range, options_.chunk_bytes,
      [this, address = std::move(address)] { return OpenRendition(address); });
}

void MemoryBlobClient::DeleteRenditions(const CallContext& context, const Digest& original,
                                        absl::AnyInvocable<void(absl::StatusOr<int>)> done) {
  absl::Status status = context.Check();
  int removed = 0;
  {
    MutexLock lock(mu_);
    if (status.ok()) status = TakeFault(Call::kDeleteRenditions);
    if (status.ok()) {
      removed = static_cast<int>(
          std::erase_if(renditions_, [&](const auto& r) { return r.first.first == original; }));
    }
  }
  if (status.ok()) {
    done(removed);
  } else {
    done(status);
  }
}

void MemoryBlobClient::FailNext(Call call, absl::Status error) {
  MutexLock lock(mu_);
  faults_[call].push_back(std::move(error));
}

absl::Status MemoryBlobClient::TakeFault(Call call) {
  std::deque<absl::Status>& queue = faults_[call];
  if (queue.empty()) return absl::OkStatus();
  absl::Status error = std::move(queue.front());
  queue.pop_front();
  return error;
}

void MemoryBlobClient::DamageBlob(const Digest& digest) {
  MutexLock lock(mu_);
  if (const auto it = blobs_.find(digest); it != blobs_.end()) it->second.damaged = true;
}

void MemoryBlobClient::RemoveBlob(const Digest& digest) {
  MutexLock lock(mu_);
  blobs_.erase(digest);
}

size_t MemoryBlobClient::blob_count() const {
  MutexLock lock(mu_);
  return blobs_.size();
}

size_t MemoryBlobClient::rendition_count() const {
  MutexLock lock(mu_);
  return renditions_.size();
}

}  // namespace stockroom
