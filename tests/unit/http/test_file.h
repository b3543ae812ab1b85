// A file that answers are made of.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "services/common/http/file_reads.h"
#include "services/common/http/message.h"
#include "tests/support/temp_folder.h"

namespace stockroom::http {

class TestFile {
 public:
  explicit TestFile(size_t size) {
    bytes_.resize(size);
    for (size_t i = 0; i < size; ++i) bytes_[i] = static_cast<char>(i * 2654435761u >> 13);
    const int fd = ::open(path().c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    EXPECT_EQ(::write(fd, bytes_.data(), bytes_.size()), static_cast<ssize_t>(size));
    descriptor_ = std::shared_ptr<const int>(new int(fd), [](const int* closing) {
      ::close(*closing);
      delete closing;
    });
  }

  std::string path() const { return folder_.path() + "/file"; }
  const std::string& bytes() const { return bytes_; }
  int descriptor() const { return *descriptor_; }
  // How many still hold it open, this included.
  long users() const { return descriptor_.use_count(); }

  FileBody Body(Executor& disk) const { return Body(disk, 0, static_cast<int64_t>(bytes_.size())); }
  FileBody Body(Executor& disk, int64_t offset, int64_t length) const {
    return {descriptor_, *descriptor_, offset, length, &disk};
  }

  void Cut(size_t size) { EXPECT_EQ(::ftruncate(*descriptor_, static_cast<off_t>(size)), 0); }

  // Out of the page cache; false where the file system has no other place for it.
  bool MakeCold() {
    EXPECT_EQ(::fdatasync(*descriptor_), 0);
    ::posix_fadvise(*descriptor_, 0, 0, POSIX_FADV_DONTNEED);
    return !IsCached(*descriptor_, 0, static_cast<int64_t>(bytes_.size()));
  }

 private:
  const testing::TempFolder folder_;
  std::string bytes_;
  std::shared_ptr<const int> descriptor_;
};

}  // namespace stockroom::http
