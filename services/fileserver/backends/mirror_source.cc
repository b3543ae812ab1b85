#include "services/fileserver/backends/mirror_source.h"

#include <atomic>
#include <string_view>
#include <utility>

#include "services/common/base/mutex.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

class MirrorSource final : public BlobSource {
 public:
  MirrorSource(std::unique_ptr<BlobSource> local, ChunkSums sums,
               std::function<absl::StatusOr<std::unique_ptr<BlobSource>>()> open_other,
               std::function<void(const absl::Status&)> on_damage)
      : local_(std::move(local)),
        sums_(std::move(sums)),
        open_other_(std::move(open_other)),
        on_damage_(std::move(on_damage)) {}

  const BlobInfo& info() const override { return local_->info(); }
  absl::StatusOr<ChunkSums> Sums() override { return sums_; }
  // It is not known what lies behind it, as everywhere: the scrub reads it.
  int Descriptor() const override { return local_->Descriptor(); }

  absl::Status ReadAt(int64_t offset, char* to, size_t size) override {
    absl::Status read = local_->ReadAt(offset, to, size);
    if (read.ok() && CanVerify(offset, size)) {
      read = sums_.Verify(offset, std::string_view(to, size));
    }
    if (read.ok()) return read;
    if (!told_.exchange(true)) on_damage_(read);
    BlobSource* other = Other();
    // What came of the local one counts, as long as there is no better one.
    if (other == nullptr || !other->ReadAt(offset, to, size).ok()) return read;
    return absl::OkStatus();
  }

 private:
  // Whole pieces, as Download reads them.
  bool CanVerify(int64_t offset, size_t size) const {
    const int64_t end = offset + static_cast<int64_t>(size);
    return !sums_.empty() && offset % kSumBytes == 0 &&
           (end % kSumBytes == 0 || end == info().size);
  }

  BlobSource* Other() {
    MutexLock lock(mu_);
    if (other_ == nullptr) {
      absl::StatusOr<std::unique_ptr<BlobSource>> opened = open_other_();
      if (!opened.ok() || (*opened)->info().size != info().size) return nullptr;
      other_ = *std::move(opened);
    }
    return other_.get();
  }

  const std::unique_ptr<BlobSource> local_;
  const ChunkSums sums_;
  const std::function<absl::StatusOr<std::unique_ptr<BlobSource>>()> open_other_;
  const std::function<void(const absl::Status&)> on_damage_;
  std::atomic<bool> told_{false};
  Mutex mu_;
  std::unique_ptr<BlobSource> other_ SR_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<BlobSource> MakeMirrorSource(
    std::unique_ptr<BlobSource> local, ChunkSums sums,
    std::function<absl::StatusOr<std::unique_ptr<BlobSource>>()> open_other,
    std::function<void(const absl::Status&)> on_damage) {
  return std::make_unique<MirrorSource>(std::move(local), std::move(sums), std::move(open_other),
                                        std::move(on_damage));
}

}  // namespace stockroom::fileserver
