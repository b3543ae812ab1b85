// All of one index, so that it can be replaced by another in one step.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "services/api/search/index_state.h"
#include "services/api/search/index_writer.h"
#include "services/api/search/memory_search_index.h"
#include "services/api/search/merger.h"
#include "services/api/search/near_duplicates.h"
#include "services/api/search/suggest/reader_writer_lock.h"

namespace stockroom::api {

class IndexCore {
 public:
  IndexCore(std::unique_ptr<DocumentStore> documents, MemorySearchIndex::Options options,
            Metrics& metrics);

  std::vector<std::string> Apply(std::vector<Image> changed,
                                 const std::vector<std::string>& deleted);
  std::vector<std::string> KeepOnly(const std::unordered_set<std::string>& ids);
  void BeginLoading();
  void EndLoading();
  void SetPopularity(const std::vector<std::pair<std::string, uint32_t>>& counts) {
    writer_.SetPopularity(counts);
  }
  // Of all that have been asked for.
  std::vector<std::pair<std::string, uint32_t>> Popularity() const;
  std::vector<IndexSum> Sums();
  std::map<size_t, ImageHashes> Buckets(const std::set<size_t>& buckets) const;
  ImageHashes HashesOf(std::span<const std::string> ids) const;
  std::vector<MemoryPart> Memory() const;
  int64_t damaged() const { return static_cast<int64_t>(state_.documents->usage().damaged); }

  // index_checkpoint.cc
  absl::StatusOr<int64_t> LoadCheckpoint();
  absl::Status SaveCheckpoint(int64_t feed_position);

  void Settle() { merger_.Settle(); }
  void Stop() { merger_.Stop(); }

  const IndexState& state() const { return state_; }

 private:
  void CheckBudget();
  // Leaves the documents as they are if it fails.
  absl::StatusOr<int64_t> TakeOver(const std::string& path);

  IndexMetrics metrics_;
  const MemorySearchIndex::Options options_;
  IndexState state_;
  IndexWriter writer_;
  NearDuplicates duplicates_;
  // Shared by those who apply, and held alone by who looks at all that an Apply changes.
  ReaderWriterLock applying_;
  Mutex saving_;
  std::atomic<int64_t> budget_checked_ns_{0};
  Merger merger_;  // last: its thread uses the others
};

}  // namespace stockroom::api
