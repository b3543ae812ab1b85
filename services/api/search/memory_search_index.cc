#include "services/api/search/memory_search_index.h"

#include <utility>

#include "services/api/domain/access.h"
#include "services/api/search/page_cursor.h"
#include "services/api/search/query_parser.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kLargestPage = 500;
constexpr int kDefaultSuggestions = 10;
constexpr int kMostSuggestions = 50;
constexpr size_t kLongestPrefix = 100;
constexpr int kDefaultSimilar = 20;
constexpr int kMostSimilar = 100;

// As MayFind.
Viewer ViewerOf(const Principal& who) {
  return {.subject = who.subject, .sees_all = who.scopes.Has(Scope::kModerate)};
}

// 0 means the default.
absl::StatusOr<size_t> LimitOf(const char* field, int limit, int usual, int most) {
  if (limit < 0 || limit > most) {
    return InvalidField(
        field, "expected 1 to " + std::to_string(most) + ", or 0 for " + std::to_string(usual));
  }
  return limit == 0 ? usual : limit;
}

}  // namespace

MemorySearchIndex::MemorySearchIndex(Metrics& metrics)
    : images_(metrics.GetGauge("stockroom_search_images", "Images that can be found.")),
      terms_(metrics.GetGauge("stockroom_search_terms", "Different words in the index.")),
      searches_(metrics.GetCounter("stockroom_search_searches_total", "Searches answered.")),
      suggestions_(
          metrics.GetCounter("stockroom_search_suggestions_total", "Suggestions answered.")),
      similar_(metrics.GetCounter("stockroom_search_similar_total",
                                  "Searches for similar images answered.")),
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
    if (image.state != ImageState::kReady) {
      change.unready.push_back({id, {image.owner, image.described.visibility}});
      continue;
    }
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
    for (const std::string& id : change.removed) {
      core_->Remove(id);
      unready_.erase(id);
    }
    for (const auto& document : batch.documents) unready_.erase(document.image->id);
    for (auto& [id, unready] : change.unready) unready_[id] = std::move(unready);
    core_->Add(std::move(batch));
  }
  if (core_->WantsRebuild()) {
    std::shared_ptr<SearchCore> fresh = core_->Rebuilt();
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
  SR_ASSIGN_OR_RETURN(const size_t limit,
                      LimitOf("page_size", request.page_size, kDefaultPage, kLargestPage));
  SR_ASSIGN_OR_RETURN(const ParsedQuery query, ParseQuery(request.query));
  std::optional<PageCursor> after;
  if (!request.page_token.empty()) {
    SR_ASSIGN_OR_RETURN(after, DecodePageToken(request.page_token, request.query));
  }
  const Viewer viewer = ViewerOf(who);
  SearchCore::Page page;
  SlotSet found;
  std::shared_ptr<const SearchCore> core;
  {
    ReadLock shared(lock_);
    core = core_;
    page = core->Find(viewer, query, after, limit, request.facets.empty() ? nullptr : &found);
  }
  searches_.Add();
  SearchResult result;
  if (!request.facets.empty()) result.facets = CountFacets(*core, viewer, request.facets, found);
  result.total = page.total;
  if (page.more) {
    const Image& last = *page.images.back();
    result.next_page_token =
        EncodePageToken({absl::ToUnixNanos(last.create_time), last.id}, request.query);
  }
  result.images = std::move(page.images);
  return result;
}

std::vector<Facet> MemorySearchIndex::CountFacets(const SearchCore& core, const Viewer& viewer,
                                                  const std::vector<FacetField>& fields,
                                                  const SlotSet& found) const {
  SearchCore::Counts counts;
  {
    ReadLock shared(lock_);
    counts = core.EmptyCounts(fields);
  }
  for (size_t begin = 0; begin < found.slots(); begin += kPiece) {
    ReadLock shared(lock_);
    core.Count(fields, found, begin, begin + kPiece, counts);
  }
  ReadLock shared(lock_);
  return core.Facets(viewer, fields, counts);
}

absl::StatusOr<std::vector<Suggestion>> MemorySearchIndex::Suggest(const Principal& who,
                                                                   const std::string& prefix,
                                                                   int limit) const {
  SR_ASSIGN_OR_RETURN(const size_t most,
                      LimitOf("limit", limit, kDefaultSuggestions, kMostSuggestions));
  if (prefix.size() > kLongestPrefix) {
    return InvalidField("prefix", "at most " + std::to_string(kLongestPrefix) + " bytes");
  }
  suggestions_.Add();
  ReadLock shared(lock_);
  return core_->Suggest(ViewerOf(who), prefix, most);
}

absl::StatusOr<std::vector<SimilarImage>> MemorySearchIndex::FindSimilar(const Principal& who,
                                                                         const std::string& id,
                                                                         int limit) const {
  SR_ASSIGN_OR_RETURN(const size_t most,
                      LimitOf("page_size", limit, kDefaultSimilar, kMostSimilar));
  std::optional<SearchCore::SimilarScan> scan;
  std::shared_ptr<const SearchCore> core;
  {
    ReadLock shared(lock_);
    SR_RETURN_IF_ERROR(CheckMayCompare(who, id));
    core = core_;
    scan = core->BeginSimilar(ViewerOf(who), id, most);
  }
  similar_.Add();
  std::vector<SimilarImage> images;
  if (!scan) return images;
  for (size_t begin = 0; begin < scan->candidates.slots(); begin += kPiece) {
    ReadLock shared(lock_);
    core->Compare(*scan, begin, begin + kPiece);
  }
  ReadLock shared(lock_);
  for (const SearchCore::SimilarId& similar : core->Similar(*std::move(scan))) {
    // As it is by now: it may have been changed, hidden or deleted since the scan began.
    const SearchCore::ImagePtr image = core_->Get(similar.id);
    if (image != nullptr && MayFind(who, *image)) images.push_back({image, similar.distance});
  }
  return images;
}

absl::Status MemorySearchIndex::CheckMayCompare(const Principal& who, const std::string& id) const {
  if (const SearchCore::ImagePtr image = core_->Get(id)) {
    return MayRead(who, *image) ? absl::OkStatus() : NoSuchImage(id);
  }
  const auto it = unready_.find(id);
  if (it == unready_.end() || !MayRead(who, it->second.owner, it->second.visibility)) {
    return NoSuchImage(id);
  }
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "image " + id + " has not been processed, so nothing is known of its looks",
                    {.reason = "IMAGE_NOT_READY"});
}

int64_t MemorySearchIndex::size() const {
  ReadLock shared(lock_);
  return core_->size();
}

}  // namespace stockroom::api
