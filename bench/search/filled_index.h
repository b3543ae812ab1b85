// An index of this process's own with the first images of the catalogue.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "services/api/search/memory_search_index.h"
#include "services/common/base/metrics.h"
#include "tests/support/catalogue.h"

namespace stockroom::bench {

// As an api would have it. Without a folder: nameless files in $TMPDIR.
api::MemorySearchIndex::Options IndexOptions(const std::string& folder);

class FilledIndex {
 public:
  struct How {
    std::string folder = {};
    // Without renditions and the results that are not searched, so that ten million fit on a disk.
    bool lean = false;
  };
  // Batches of 10,000, as the loading of a database would bring them; then all merging is done.
  FilledIndex(const testing::Catalogue& catalogue, uint64_t images, const How& how);

  const api::SearchIndex& index() const { return *index_; }
  api::MemorySearchIndex& memory_index() { return *index_; }
  uint64_t images() const { return images_; }
  // Grown by filling: RssAnon, not counting mapped files.
  uint64_t own_memory() const { return own_memory_; }
  double fill_seconds() const { return fill_seconds_; }

 private:
  const uint64_t images_;
  uint64_t own_memory_ = 0;
  double fill_seconds_ = 0;
  Metrics metrics_;
  std::unique_ptr<api::MemorySearchIndex> index_;
};

}  // namespace stockroom::bench
