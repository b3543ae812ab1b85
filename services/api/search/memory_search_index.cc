#include "services/api/search/memory_search_index.h"

#include <cstdlib>
#include <thread>
#include <utility>

#include "services/api/search/index_core.h"
#include "services/api/search/index_reader.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<std::unique_ptr<MemorySearchIndex>> MemorySearchIndex::Open(Options options,
                                                                           Metrics& metrics) {
  SR_ASSIGN_OR_RETURN(std::unique_ptr<DocumentStore> documents,
                      DocumentStore::Open(options.documents, metrics));
  return std::unique_ptr<MemorySearchIndex>(new MemorySearchIndex(
      std::make_shared<IndexCore>(std::move(documents), std::move(options), metrics)));
}

MemorySearchIndex::MemorySearchIndex(std::shared_ptr<IndexCore> core) : core_(std::move(core)) {}

namespace {

std::shared_ptr<IndexCore> NamelessCore(Metrics& metrics) {
  absl::StatusOr<std::unique_ptr<DocumentStore>> documents = DocumentStore::Open({}, metrics);
  if (!documents.ok()) {
    LogError("the search index has no place for its documents", {{"error", documents.status()}});
    std::abort();
  }
  return std::make_shared<IndexCore>(*std::move(documents), MemorySearchIndex::Options(), metrics);
}

}  // namespace

MemorySearchIndex::MemorySearchIndex(Metrics& metrics) : MemorySearchIndex(NamelessCore(metrics)) {}

MemorySearchIndex::~MemorySearchIndex() = default;

std::vector<std::string> MemorySearchIndex::Apply(std::vector<Image> changed,
                                                  const std::vector<std::string>& deleted) {
  return core_.Load()->Apply(std::move(changed), deleted);
}

void MemorySearchIndex::BeginLoading() { core_.Load()->BeginLoading(); }
void MemorySearchIndex::EndLoading() { core_.Load()->EndLoading(); }

std::vector<std::string> MemorySearchIndex::KeepOnly(const std::unordered_set<std::string>& ids) {
  return core_.Load()->KeepOnly(ids);
}

std::shared_ptr<const Image> MemorySearchIndex::Find(const std::string& id) const {
  return FindReady(core_.Load()->state(), id);
}

absl::StatusOr<SearchResult> MemorySearchIndex::Search(const Principal& who,
                                                       const SearchRequest& request) const {
  return SearchImages(core_.Load()->state(), who, request);
}

std::optional<absl::StatusOr<SearchResult>> MemorySearchIndex::SearchIfCheap(
    const Principal& who, const SearchRequest& request) const {
  return SearchImagesIfCheap(core_.Load()->state(), who, request);
}

absl::StatusOr<std::vector<Suggestion>> MemorySearchIndex::Suggest(const Principal& who,
                                                                   const std::string& prefix,
                                                                   int limit) const {
  return SuggestTerms(core_.Load()->state(), who, prefix, limit);
}

absl::StatusOr<std::vector<SimilarImage>> MemorySearchIndex::FindSimilar(const Principal& who,
                                                                         const std::string& id,
                                                                         int limit) const {
  return FindSimilarImages(core_.Load()->state(), who, id, limit);
}

int64_t MemorySearchIndex::size() const { return core_.Load()->state().cell.Load()->ready; }

void MemorySearchIndex::SetPopularity(const std::vector<std::pair<std::string, uint32_t>>& counts) {
  core_.Load()->SetPopularity(counts);
}

std::vector<IndexSum> MemorySearchIndex::Sums() const { return core_.Load()->Sums(); }

std::map<size_t, ImageHashes> MemorySearchIndex::Buckets(const std::set<size_t>& buckets) const {
  return core_.Load()->Buckets(buckets);
}

ImageHashes MemorySearchIndex::HashesOf(std::span<const std::string> ids) const {
  return core_.Load()->HashesOf(ids);
}

std::vector<MemoryPart> MemorySearchIndex::Memory() const { return core_.Load()->Memory(); }

absl::StatusOr<int64_t> MemorySearchIndex::LoadCheckpoint() {
  return core_.Load()->LoadCheckpoint();
}

absl::Status MemorySearchIndex::SaveCheckpoint(int64_t feed_position) {
  return core_.Load()->SaveCheckpoint(feed_position);
}

MemorySearchIndex::Retired::Retired(std::shared_ptr<IndexCore> core) : core_(std::move(core)) {}

MemorySearchIndex::Retired::~Retired() {
  core_->Stop();
  // So that no search is the last to hold it, and has to take it apart.
  while (core_.use_count() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::unique_ptr<MemorySearchIndex::Retired> MemorySearchIndex::ReplaceWith(
    std::unique_ptr<MemorySearchIndex> other) {
  auto retired = std::make_unique<Retired>(core_.Load());
  const std::shared_ptr<IndexCore> next = other->core_.Load();
  // No row says it: until it is counted anew, what the index before knew is the best there is.
  next->SetPopularity(core_.Load()->Popularity());
  core_.Store(next);
  return retired;
}

int64_t MemorySearchIndex::damaged() const { return core_.Load()->damaged(); }

void MemorySearchIndex::Settle() { core_.Load()->Settle(); }

}  // namespace stockroom::api
