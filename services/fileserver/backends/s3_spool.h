// Bytes on their way to S3, kept until they are all there and their digest is known: in memory
// while they are few, then in a file without a name, which vanishes with the process.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "services/common/s3/transport.h"
#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

// One thread appends; once that is over, any may read.
class S3Spool final : public s3::RequestBody {
 public:
  // `env` must outlive it. `directory` must exist once more than `memory_bytes` come; from then on
  // `reserve_bytes` of its disk are left free for others.
  S3Spool(Env& env, std::string directory, int64_t memory_bytes, int64_t reserve_bytes)
      : env_(env),
        directory_(std::move(directory)),
        memory_bytes_(memory_bytes),
        reserve_bytes_(reserve_bytes) {}

  // RESOURCE_EXHAUSTED (NO_SPACE), UNAVAILABLE. What came before stays readable.
  absl::Status Append(std::string_view bytes);

  int64_t size() const override { return size_; }
  // Of all bytes as they were appended.
  uint32_t crc32c() const { return crc32c_; }
  absl::Status ReadAt(int64_t offset, char* to, size_t size) const override;

 private:
  Env& env_;
  const std::string directory_;
  const int64_t memory_bytes_;
  const int64_t reserve_bytes_;
  std::string memory_;
  std::unique_ptr<File> file_;
  int64_t since_check_ = 0;
  int64_t size_ = 0;
  uint32_t crc32c_ = 0;
};

// A part of it.
class S3SpoolPart final : public s3::RequestBody {
 public:
  S3SpoolPart(const s3::RequestBody& whole, int64_t offset, int64_t size)
      : whole_(whole), offset_(offset), size_(size) {}
  int64_t size() const override { return size_; }
  absl::Status ReadAt(int64_t offset, char* to, size_t size) const override {
    return whole_.ReadAt(offset_ + offset, to, size);
  }

 private:
  const s3::RequestBody& whole_;
  const int64_t offset_;
  const int64_t size_;
};

}  // namespace stockroom::fileserver
