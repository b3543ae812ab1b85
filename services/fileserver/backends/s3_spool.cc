#include "services/fileserver/backends/s3_spool.h"

#include <cstring>
#include <utility>

#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

// Space is looked at again after this much of one upload.
constexpr int64_t kSpaceCheckBytes = int64_t{8} << 20;

}  // namespace

absl::Status S3Spool::Append(std::string_view bytes) {
  if (file_ == nullptr && size_ + static_cast<int64_t>(bytes.size()) > memory_bytes_) {
    SR_RETURN_IF_ERROR(CheckReserve(env_, directory_, reserve_bytes_));
    SR_ASSIGN_OR_RETURN(std::unique_ptr<File> file, env_.OpenUnnamed(directory_));
    SR_RETURN_IF_ERROR(AppendAll(*file, memory_));
    file_ = std::move(file);
    memory_ = std::string();
  }
  if (file_ != nullptr) {
    since_check_ += static_cast<int64_t>(bytes.size());
    if (since_check_ >= kSpaceCheckBytes) {
      since_check_ = 0;
      SR_RETURN_IF_ERROR(CheckReserve(env_, directory_, reserve_bytes_));
    }
    SR_RETURN_IF_ERROR(AppendAll(*file_, bytes));
  } else {
    memory_ += bytes;
  }
  size_ += static_cast<int64_t>(bytes.size());
  crc32c_ = Crc32c(bytes, crc32c_);
  return absl::OkStatus();
}

absl::Status S3Spool::ReadAt(int64_t offset, char* to, size_t size) const {
  if (offset < 0 || offset > size_ || static_cast<int64_t>(size) > size_ - offset) {
    return absl::InternalError("a read behind the end of the spooled bytes");
  }
  if (file_ == nullptr) {
    std::memcpy(to, memory_.data() + offset, size);
    return absl::OkStatus();
  }
  SR_ASSIGN_OR_RETURN(const size_t got, file_->ReadAt(offset, to, size));
  return got == size ? absl::OkStatus()
                     : Unavailable("SPOOL_DAMAGED", "the spooled bytes can not be read back");
}

}  // namespace stockroom::fileserver
