// BlobClient straight onto the file server's stores, on a disk in memory. For tests.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/blob_client.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/memory_env.h"

namespace stockroom::api {

// Originals only, and whole ones. Callbacks run at once.
class DiskBlobs final : public BlobClient {
 public:
  explicit DiskBlobs(Clock& clock) : clock_(clock) { Open(); }

  // The process is gone, then the power, then both are back. Nothing may be under way.
  void CutPower() {
    store_.reset();
    disk_.reset();
    env_.Restart(fileserver::MemoryEnv::Survives::kOnlySynced);
    Open();
  }

  std::unique_ptr<BlobWriter> PutBlob(const CallContext&, PutBlobOptions options) override {
    return std::make_unique<Writer>(*store_->Put(options));
  }
  std::unique_ptr<BlobReader> GetBlob(const CallContext&, const Digest& digest,
                                      ByteRange range) override {
    return std::make_unique<Reader>(store_->Get(digest, range));
  }
  void StatBlob(const CallContext&, const Digest& digest,
                absl::AnyInvocable<void(absl::StatusOr<BlobInfo>)> done) override {
    done(store_->Stat(digest));
  }
  void ListBlobs(const CallContext&, ListBlobsOptions options,
                 absl::AnyInvocable<void(absl::StatusOr<BlobPage>)> done) override {
    done(store_->List(options));
  }
  void TouchBlob(const CallContext&, const Digest& digest,
                 absl::AnyInvocable<void(absl::Status)> done) override {
    done(store_->Touch(digest));
  }
  void DeleteBlobIfUntouched(const CallContext&, const Digest& digest, std::string stamp,
                             absl::AnyInvocable<void(absl::StatusOr<bool>)> done) override {
    done(store_->DeleteIfUntouched(digest, stamp));
  }
  std::unique_ptr<RenditionWriter> PutRendition(const CallContext&, RenditionAddress) override {
    return nullptr;
  }
  std::unique_ptr<RenditionReader> GetRendition(const CallContext&, RenditionAddress,
                                                ByteRange) override {
    return nullptr;
  }
  void DeleteRenditions(const CallContext&, const Digest&,
                        absl::AnyInvocable<void(absl::StatusOr<int>)> done) override {
    done(absl::UnimplementedError("originals only"));
  }

 private:
  class Writer final : public BlobWriter {
   public:
    explicit Writer(std::unique_ptr<fileserver::BlobUpload> upload) : upload_(std::move(upload)) {}
    void Write(std::string chunk, absl::AnyInvocable<void(absl::Status)> done) override {
      size_ += static_cast<int64_t>(chunk.size());
      done(upload_->Append(chunk));
    }
    void Finish(absl::AnyInvocable<void(absl::StatusOr<StoredBlob>)> done) override {
      done(upload_->Finish(size_));
    }

   private:
    std::unique_ptr<fileserver::BlobUpload> upload_;
    int64_t size_ = 0;
  };
  class Reader final : public BlobReader {
   public:
    using Opened = absl::StatusOr<std::unique_ptr<fileserver::BlobDownload>>;
    explicit Reader(Opened download) : download_(std::move(download)) {}
    void Open(absl::AnyInvocable<void(absl::StatusOr<BlobInfo>)> done) override {
      if (!download_.ok()) return done(download_.status());
      done((*download_)->info());
    }
    void Read(absl::AnyInvocable<void(absl::StatusOr<std::optional<std::string>>)> done) override {
      if ((*download_)->done()) return done(std::optional<std::string>());
      absl::StatusOr<std::string> piece = (*download_)->Next();
      if (!piece.ok()) return done(piece.status());
      done(std::optional<std::string>(*std::move(piece)));
    }

   private:
    Opened download_;
  };

  void Open() {
    disk_ = *fileserver::LocalDisk::Open(
        env_, {.directory = "/data", .reserve_bytes = 0, .clock = &clock_, .steady = [this] {
                 return clock_.Now() - absl::UnixEpoch();
               }});
    store_ =
        std::make_unique<fileserver::BlobStore>(*disk_, fileserver::BlobStore::Options{}, metrics_);
  }

  Clock& clock_;
  Metrics metrics_;
  fileserver::MemoryEnv env_;
  std::unique_ptr<fileserver::LocalDisk> disk_;
  std::unique_ptr<fileserver::BlobStore> store_;
};

}  // namespace stockroom::api
