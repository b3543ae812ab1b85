#include "services/api/index/index_keeper.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <future>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "services/api/index/index_files.h"
#include "services/api/search/store/content_hash.h"
#include "services/common/base/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kFeedBatch = 500;
// An image that changes all the time is looked at this often before it counts as differing.
constexpr int kLooks = 5;
// How often the loop looks whether the index was found damaged.
constexpr absl::Duration kLookForDamage = absl::Seconds(10);
constexpr absl::Duration kLongestRepairPause = absl::Hours(1);
// A rebuild of the loop's own; ten million images take some minutes.
constexpr absl::Duration kLongestRepair = absl::Hours(2);

absl::Status IndexFull(size_t lost) {
  return MakeStatus(absl::StatusCode::kResourceExhausted,
                    absl::StrCat(lost,
                                 " images could not be put into the new search index: is the disk "
                                 "of search.folder full? The index before it stays in use"),
                    {.reason = "INDEX_FULL"});
}

absl::Status CareRuns() {
  return MakeStatus(absl::StatusCode::kResourceExhausted,
                    "the index is being verified or rebuilt already; try again when that is done",
                    {.reason = "CARE_RUNS", .retry_after = absl::Seconds(10)});
}

}  // namespace

IndexKeeper::IndexKeeper(Options options, std::string root, MetadataStore& store,
                         FeedPosition& position, Metrics& metrics)
    : options_(std::move(options)),
      root_(std::move(root)),
      store_(store),
      position_(position),
      metrics_(metrics),
      checkpoints_(metrics.GetCounter("stockroom_index_checkpoints_total",
                                      "Checkpoints of the search index written.")),
      failures_(metrics.GetCounter("stockroom_index_checkpoint_failures_total",
                                   "Checkpoints of the search index that could not be written.")),
      verifications_(metrics.GetCounter("stockroom_index_verifications_total",
                                        "Times the index was compared with the database.")),
      differing_(metrics.GetGauge("stockroom_index_differing_images",
                                  "Images that differed in the last comparison.")),
      repairs_(metrics.GetCounter("stockroom_index_repairs_total",
                                  "Rebuilds of a damaged search index begun.")),
      repair_backoff_({.floor = options_.first_repair_pause / 2,
                       .first = options_.first_repair_pause,
                       .longest = kLongestRepairPause}) {}

IndexKeeper::~IndexKeeper() {
  Stop();
  index_.reset();
  if (lock_ >= 0) close(lock_);
}

absl::StatusOr<std::unique_ptr<IndexKeeper>> IndexKeeper::Open(Options options,
                                                               MetadataStore& store,
                                                               FeedPosition& position,
                                                               Metrics& metrics) {
  SR_ASSIGN_OR_RETURN(options.index.catalogue_id, store.CatalogueId());
  std::string root = options.index.documents.folder;
  std::unique_ptr<IndexKeeper> keeper(
      new IndexKeeper(std::move(options), std::move(root), store, position, metrics));
  SR_RETURN_IF_ERROR(keeper->LockRoot());
  SR_RETURN_IF_ERROR(keeper->OpenNewest());
  return keeper;
}

absl::Status IndexKeeper::LockRoot() {
  if (root_.empty()) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(root_, error);
  lock_ = open((root_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "search.folder: " + root_ + " can not be used: " + std::strerror(errno),
                      {.reason = "BAD_CONFIG"});
  }
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  return MakeStatus(
      absl::StatusCode::kFailedPrecondition,
      "search.folder: " + root_ + " is used by another process; each api needs its own",
      {.reason = "FOLDER_IN_USE"});
}

std::string IndexKeeper::FolderOf(int64_t number) const {
  return root_.empty() ? "" : IndexFolder(root_, number);
}

absl::StatusOr<std::unique_ptr<MemorySearchIndex>> IndexKeeper::OpenNumber(int64_t number) const {
  MemorySearchIndex::Options options = options_.index;
  options.documents.folder = FolderOf(number);
  if (!root_.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.documents.folder, error);
    if (error) {
      return MakeStatus(
          absl::StatusCode::kFailedPrecondition,
          "search.folder: " + options.documents.folder + " can not be made: " + error.message(),
          {.reason = "BAD_CONFIG"});
    }
  }
  return MemorySearchIndex::Open(std::move(options), metrics_);
}

absl::Status IndexKeeper::OpenNewest() {
  const std::vector<int64_t> numbers =
      root_.empty() ? std::vector<int64_t>() : IndexNumbersIn(root_);
  // A higher one was left by a rebuild that did not end: the index before it was still in use.
  number_ = numbers.empty() ? 1 : numbers.back();
  SR_ASSIGN_OR_RETURN(index_, OpenNumber(number_));
  for (const int64_t other : numbers) {
    if (other != number_) RemoveIndexFolder(FolderOf(other));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<MemorySearchIndex>> IndexKeeper::OpenNext(int64_t& number) const {
  number = number_ + 1;
  RemoveIndexFolder(FolderOf(number));
  return OpenNumber(number);
}

std::unique_ptr<MemorySearchIndex::Retired> IndexKeeper::Replace(
    std::unique_ptr<MemorySearchIndex> next, int64_t number) {
  auto retired = index_->ReplaceWith(std::move(next));
  // At once: it was replaced because it was wrong, and must not be what a restart takes.
  RemoveIndexFolder(FolderOf(number_));
  number_ = number;
  return retired;
}

absl::StatusOr<std::string> IndexKeeper::EventAt(int64_t position) const {
  if (position == 0) return "";
  const absl::StatusOr<std::vector<Event>> events = store_.ReadEvents(position - 1, 1);
  if (DetailsOf(events.status()).reason == kFeedTrimmed) {
    return absl::NotFoundError("the event is gone");
  }
  SR_RETURN_IF_ERROR(events.status());
  if (events->empty() || events->front().position != position) {
    return absl::NotFoundError("there is no such event");
  }
  const Event& event = events->front();
  return absl::StrCat(event.type, " ", event.image_id, " ", event.revision, "\n");
}

absl::StatusOr<std::optional<int64_t>> IndexKeeper::Restore() {
  // First of all: asked later, a database that does not answer would cost the checkpoint.
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, store_.GetFeedRange());
  const absl::StatusOr<int64_t> position = index_->LoadCheckpoint();
  if (!position.ok()) {
    LogInfo("the search index is loaded from the database", {{"why", position.status()}});
    return std::nullopt;
  }
  if (*position >= range.trimmed && *position <= range.last) {
    const absl::StatusOr<std::string> event = EventAt(*position);
    if (event.ok() && *event == ReadEventMark(FolderOf(number_), *position)) return *position;
  }
  LogWarning("the saved search index is not of this database's history; it is loaded anew",
             {{"position", *position}, {"trimmed", range.trimmed}, {"last", range.last}});
  int64_t number = 0;
  SR_ASSIGN_OR_RETURN(std::unique_ptr<MemorySearchIndex> empty, OpenNext(number));
  Replace(std::move(empty), number);
  return std::nullopt;
}

void IndexKeeper::Start(FeedFollower& follower, std::function<void()> on_rebuilt) {
  follower_ = &follower;
  on_rebuilt_ = std::move(on_rebuilt);
  if (!root_.empty()) loop_.Start("index-keeper", [this] { CareLoop(); });
}

void IndexKeeper::Stop() {
  stop_->Cancel();
  loop_.Stop();
  if (follower_ != nullptr && !root_.empty()) Checkpoint();
  follower_ = nullptr;
}

void IndexKeeper::CareLoop() {
  checkpoint_at_ = BootTimeNow() + options_.checkpoint_every;
  while (loop_.Sleep(std::min(options_.checkpoint_every, kLookForDamage))) {
    if (save_soon_.exchange(false) || BootTimeNow() >= checkpoint_at_) {
      Checkpoint();
      checkpoint_at_ = BootTimeNow() + options_.checkpoint_every;
    }
    Repair();
  }
}

void IndexKeeper::Repair() {
  const int64_t damaged = index_->damaged();
  if (damaged == 0 || !follower_->ready() || BootTimeNow() < repair_at_) return;
  repair_at_ = BootTimeNow() + repair_backoff_.Next();
  repairs_.Add();
  LogError("the search index is damaged and is rebuilt from the database", {{"reads", damaged}});
  CallContext context = CallContext::WithTimeout(kLongestRepair);
  context.cancellation = stop_;
  const absl::Status rebuilt = Rebuild(context).status();
  if (!rebuilt.ok() && !stop_->cancelled()) {
    LogError(
        "the damaged search index could not be rebuilt and stays in use",
        {{"error", rebuilt}, {"again_in_s", absl::ToInt64Seconds(repair_at_ - BootTimeNow())}});
  }
}

void IndexKeeper::Checkpoint() {
  if (!follower_->ready()) return;
  // Read before the index is looked at: it may be further than that, never less far.
  const int64_t position = position_.Get();
  const int64_t number = number_;
  if (!follower_->whole()) {
    LogWarning("the search index is not saved: images wait to be taken in");
    return;
  }
  if (position == saved_position_ && number == saved_number_) return;
  const std::string folder = FolderOf(number);
  const absl::StatusOr<std::string> event = EventAt(position);
  absl::Status saved = event.status();
  if (saved.ok()) saved = WriteEventMark(folder, position, *event);
  if (saved.ok()) saved = index_->SaveCheckpoint(position);
  if (number_ != number) return;  // it was replaced meanwhile; the next round saves the new one
  if (!saved.ok()) {
    failures_.Add();
    LogWarning("the search index could not be saved; a restart will take longer",
               {{"error", saved}});
    return;
  }
  checkpoints_.Add();
  RemoveEventMarksBut(folder, position);
  saved_position_ = position;
  saved_number_ = number;
  repair_backoff_.Reset();
}

absl::Status IndexKeeper::CheckReady() const {
  if (follower_ != nullptr && follower_->ready()) return absl::OkStatus();
  return Unavailable("INDEX_LOADING", "the search index is loading; try again shortly");
}

IndexInfo IndexKeeper::Info() const {
  return {.images = index_->size(),
          .feed_position = position_.Get(),
          .parts = index_->Memory(),
          .budget_bytes = options_.index.memory_budget_bytes};
}

absl::Status IndexKeeper::AwaitIndex(const CallContext& context) {
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, store_.GetFeedRange());
  auto reached = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> future = reached->get_future();
  position_.Wait(range.last, context, [reached](absl::Status s) { reached->set_value(s); });
  return future.get();
}

absl::StatusOr<IndexKeeper::Content> IndexKeeper::ReadDatabase(const CallContext& context,
                                                               const std::set<size_t>& wanted) {
  Mutex mu;
  Content content;
  const auto position = store_.Snapshot([&](std::vector<Image> images) {
    SR_RETURN_IF_ERROR(context.Check());
    for (const Image& image : images) {
      const uint64_t hash = ContentHash(image);
      const size_t bucket = BucketOf(image.id);
      MutexLock lock(mu);
      ++content.images;
      ++content.sums[bucket].images;
      content.sums[bucket].sum += hash;
      if (wanted.contains(bucket)) content.hashes[bucket][image.id] = hash;
    }
    return absl::OkStatus();
  });
  SR_RETURN_IF_ERROR(position.status());
  SR_RETURN_IF_ERROR(AwaitIndex(context));
  return content;
}

std::set<std::string> IndexKeeper::Differing(const Content& database,
                                             const std::set<size_t>& buckets) const {
  std::set<std::string> ids;
  for (const auto& [bucket, images] : index_->Buckets(buckets)) {
    std::unordered_map<std::string, uint64_t> left = database.hashes[bucket];
    for (const auto& [id, hash] : images) {
      const auto it = left.find(id);
      if (it == left.end() || it->second != hash) ids.insert(id);
      if (it != left.end()) left.erase(it);
    }
    for (const auto& [id, hash] : left) ids.insert(id);
  }
  return ids;
}

absl::StatusOr<std::map<std::string, IndexKeeper::Difference>> IndexKeeper::StillDiffering(
    const CallContext& context, const std::set<std::string>& ids) {
  const std::vector<std::string> asked(ids.begin(), ids.end());
  SR_ASSIGN_OR_RETURN(const std::vector<Image> rows, store_.GetImages(asked));
  SR_RETURN_IF_ERROR(AwaitIndex(context));
  std::map<std::string, Difference> looked;
  for (const std::string& id : ids) looked[id] = {};
  for (const Image& row : rows) looked[row.id].database = ContentHash(row);
  for (const auto& [id, hash] : index_->HashesOf(asked)) looked[id].index = hash;
  std::erase_if(looked, [](const auto& one) { return one.second.index == one.second.database; });
  return looked;
}

absl::StatusOr<std::map<std::string, IndexKeeper::Difference>> IndexKeeper::FindDifferences(
    const CallContext& context, int64_t& images) {
  SR_ASSIGN_OR_RETURN(Content database, ReadDatabase(context, {}));
  images = database.images;
  const std::vector<IndexSum> sums = index_->Sums();
  std::set<size_t> suspects;
  for (size_t bucket = 0; bucket < kIndexBuckets; ++bucket) {
    if (sums[bucket] != database.sums[bucket]) suspects.insert(bucket);
  }
  std::map<std::string, Difference> differences;
  if (suspects.empty()) return differences;
  // Either something is wrong there, or something changed meanwhile: image by image now.
  SR_ASSIGN_OR_RETURN(database, ReadDatabase(context, suspects));
  std::set<std::string> ids = Differing(database, suspects);
  for (int look = 0; look < kLooks && !ids.empty(); ++look) {
    SR_ASSIGN_OR_RETURN(differences, StillDiffering(context, ids));
    ids.clear();
    for (const auto& [id, difference] : differences) ids.insert(id);
  }
  return differences;
}

absl::StatusOr<IndexVerdict> IndexKeeper::Verify(const CallContext& context) {
  SR_RETURN_IF_ERROR(CheckReady());
  if (busy_.exchange(true)) return CareRuns();
  const auto free = absl::MakeCleanup([this] { busy_ = false; });
  IndexVerdict verdict;
  SR_ASSIGN_OR_RETURN(const auto differences, FindDifferences(context, verdict.images));
  for (const IndexSum& sum : index_->Sums()) verdict.index_sum += sum.sum;
  // All but the differences was found equal, so that is what the database's sum is made of; a sum
  // of another moment would differ by what was changed since.
  verdict.database_sum = verdict.index_sum;
  for (const auto& [id, difference] : differences) {
    verdict.database_sum += difference.database - difference.index;
    if (verdict.ids.size() < IndexVerdict::kMostNamed) verdict.ids.push_back(id);
  }
  verdict.differing = static_cast<int64_t>(differences.size());
  verdict.feed_position = position_.Get();
  verifications_.Add();
  differing_.Set(verdict.differing);
  if (verdict.differing > 0) {
    LogError("the search index differs from the database",
             {{"images", verdict.differing}, {"first", verdict.ids.front()}});
  }
  return verdict;
}

absl::StatusOr<int64_t> IndexKeeper::CatchUp(const CallContext& context, SearchIndex& fresh,
                                             int64_t position) const {
  for (;;) {
    SR_RETURN_IF_ERROR(context.Check());
    SR_ASSIGN_OR_RETURN(FeedPiece piece, ReadFeedPiece(store_, position, kFeedBatch));
    if (piece.events.empty()) return position;
    position = piece.events.back().position;
    const size_t lost = fresh.Apply(std::move(piece.changed), piece.deleted).size();
    if (lost > 0) return IndexFull(lost);
  }
}

absl::StatusOr<IndexRebuilt> IndexKeeper::Rebuild(const CallContext& context) {
  SR_RETURN_IF_ERROR(CheckReady());
  if (busy_.exchange(true)) return CareRuns();
  const auto free = absl::MakeCleanup([this] { busy_ = false; });
  const absl::Time start = absl::Now();
  int64_t number = 0;
  SR_ASSIGN_OR_RETURN(std::unique_ptr<MemorySearchIndex> fresh, OpenNext(number));
  auto forget = absl::MakeCleanup([&] { RemoveIndexFolder(FolderOf(number)); });
  fresh->BeginLoading();
  absl::StatusOr<int64_t> position = store_.Snapshot([&](std::vector<Image> images) {
    SR_RETURN_IF_ERROR(context.Check());
    const size_t lost = fresh->Apply(std::move(images), {}).size();
    return lost > 0 ? IndexFull(lost) : absl::OkStatus();
  });
  SR_RETURN_IF_ERROR(position.status());
  fresh->EndLoading();
  // Most of what happened meanwhile; the rest while the old index stands still.
  SR_ASSIGN_OR_RETURN(position, CatchUp(context, *fresh, *position));
  absl::Status replaced;
  // Ends here, not on the follower's thread.
  std::unique_ptr<MemorySearchIndex::Retired> retired;
  SR_RETURN_IF_ERROR(follower_->Between([&] {
    const absl::StatusOr<int64_t> end = CatchUp(context, *fresh, *position);
    replaced = end.status();
    if (!end.ok()) return;
    retired = Replace(std::move(fresh), number);
  }));
  SR_RETURN_IF_ERROR(replaced);
  std::move(forget).Cancel();
  const IndexRebuilt rebuilt{.images = index_->size(), .took = absl::Now() - start};
  LogInfo("search index rebuilt",
          {{"images", rebuilt.images}, {"ms", absl::ToInt64Milliseconds(rebuilt.took)}});
  on_rebuilt_();
  // The checkpoint went with the index before it.
  save_soon_ = true;
  loop_.Poke();
  return rebuilt;
}

}  // namespace stockroom::api
