#include "services/api/search/memory_search_index.h"

#include <utility>

#include "services/api/search/page_cursor.h"
#include "services/api/search/query_parser.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kLargestPage = 500;

}  // namespace

MemorySearchIndex::MemorySearchIndex(Metrics& metrics)
    : images_(metrics.GetGauge("stockroom_search_images", "Images that can be found.")),
      terms_(metrics.GetGauge("stockroom_search_terms", "Different words in the index.")),
      searches_(metrics.GetCounter("stockroom_search_searches_total", "Searches answered.")),
      rebuilds_(metrics.GetCounter("stockroom_search_rebuilds_total",
                                   "Times the index was rebuilt to be rid of holes.")) {}

void MemorySearchIndex::Bury(const std::string& id) {
  revisions_.erase(id);
  if (!deleted_.insert(id).second) return;
  deleted_in_order_.push_back(id);
  if (deleted_in_order_.size() <= kTombstones) return;
  deleted_.erase(deleted_in_order_.front());
  deleted_in_order_.pop_front();
}

MemorySearchIndex::Change MemorySearchIndex::Sift(std::vector<Image> changed) {
  // By id, as one call may bring an image twice.
  std::unordered_map<std::string, Image> news;
  for (Image& image : changed) {
    if (deleted_.contains(image.id)) continue;
    const auto [it, is_new] = revisions_.try_emplace(image.id, image.revision);
    if (!is_new && image.revision < it->second) continue;
    it->second = image.revision;
    std::string id = image.id;
    news.insert_or_assign(std::move(id), std::move(image));
  }
  Change change;
  for (auto& [id, image] : news) {
    const SearchCore::ImagePtr there = core_->Get(id);
    if (there != nullptr && *there == image) continue;
    if (there != nullptr) change.removed.push_back(id);
    if (image.state != ImageState::kReady) continue;
    change.added.push_back(std::make_shared<const Image>(std::move(image)));
  }
  return change;
}

void MemorySearchIndex::Apply(std::vector<Image> changed, const std::vector<std::string>& deleted) {
  MutexLock write(write_mu_);
  for (const std::string& id : deleted) Bury(id);
  Change change = Sift(std::move(changed));
  change.removed.insert(change.removed.end(), deleted.begin(), deleted.end());
  SearchCore::Batch batch = core_->Prepare(std::move(change.added));
  {
    WriteLock exclusive(lock_);
    for (const std::string& id : change.removed) core_->Remove(id);
    core_->Add(std::move(batch));
  }
  if (core_->WantsRebuild()) {
    std::unique_ptr<SearchCore> fresh = core_->Rebuilt();
    WriteLock exclusive(lock_);
    core_.swap(fresh);
    rebuilds_.Add();
  }
  images_.Set(core_->size());
  terms_.Set(core_->terms());
}

std::vector<std::string> MemorySearchIndex::KeepOnly(const std::unordered_set<std::string>& ids) {
  std::vector<std::string> gone;
  {
    MutexLock write(write_mu_);
    for (const auto& [id, revision] : revisions_) {
      if (!ids.contains(id)) gone.push_back(id);
    }
  }
  if (!gone.empty()) Apply({}, gone);
  return gone;
}

absl::StatusOr<SearchResult> MemorySearchIndex::Search(const Principal& who,
                                                       const SearchRequest& request) const {
  if (request.page_size < 0 || request.page_size > kLargestPage) {
    return InvalidField("page_size", "expected 1 to 500, or 0 for 50");
  }
  const size_t limit = request.page_size == 0 ? kDefaultPage : request.page_size;
  SR_ASSIGN_OR_RETURN(const ParsedQuery query, ParseQuery(request.query));
  std::optional<PageCursor> after;
  if (!request.page_token.empty()) {
    SR_ASSIGN_OR_RETURN(after, DecodePageToken(request.page_token, request.query));
  }
  SearchCore::Page page;
  {
    ReadLock shared(lock_);
    page = core_->Find(who.subject, query, after, limit);
  }
  searches_.Add();
  SearchResult result;
  result.total = page.total;
  if (page.more) {
    const Image& last = *page.images.back();
    result.next_page_token =
        EncodePageToken({absl::ToUnixNanos(last.create_time), last.id}, request.query);
  }
  result.images = std::move(page.images);
  return result;
}

int64_t MemorySearchIndex::size() const {
  ReadLock shared(lock_);
  return core_->size();
}

}  // namespace stockroom::api
