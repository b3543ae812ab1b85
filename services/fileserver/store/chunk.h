// A stretch of stored bytes in memory.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace stockroom::fileserver {

// Not zeroed before something is read into it, as a string would be: that cost as much as its
// checksum. Of one that was moved from nothing is left to use.
class Chunk {
 public:
  explicit Chunk(size_t size)
      : bytes_(std::make_unique_for_overwrite<char[]>(size)), kept_(bytes_.get(), size) {}

  // Where `view().size()` bytes are to be read to. Not after Keep.
  char* data() { return bytes_.get(); }
  std::string_view view() const { return kept_; }
  // Forgets all but `size` bytes from `offset` on.
  void Keep(size_t offset, size_t size) { kept_ = kept_.substr(offset, size); }

 private:
  std::unique_ptr<char[]> bytes_;
  std::string_view kept_;
};

}  // namespace stockroom::fileserver
