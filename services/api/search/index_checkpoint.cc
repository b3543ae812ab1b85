// Checkpoints of the index: what WriteCheckpoint keeps, and beside it a file with what it does not
// know of, the sums and the suggestions. That file is named by its content, and the manifest names
// it behind the catalogue: so they are of the same moment, or it is no checkpoint.
#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "services/api/search/index_core.h"
#include "services/api/search/store/checkpoint.h"
#include "services/api/search/store/folder.h"
#include "services/common/base/digest.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// Grows with every change to what DocumentOf, ContentHash or the segments make of an image.
constexpr uint32_t kIndexVersion = 4;
// About 40 million images.
constexpr uint64_t kLargestBeside = uint64_t{4} << 30;
constexpr std::string_view kPrefix = "beside-";
constexpr std::string_view kSuffix = ".bin";

uint32_t FormatOf(uint32_t encoder_version) {
  return kIndexVersion << 16 | (encoder_version & 0xffff);
}

std::string NameOf(const std::string& hash) {
  return std::string(kPrefix) + hash + std::string(kSuffix);
}

std::string SumsBytes(const ContentSums& sums) {
  static_assert(std::is_trivially_copyable_v<ContentSums>);
  std::string bytes(sizeof(sums), '\0');
  std::memcpy(bytes.data(), &sums, sizeof(sums));
  return bytes;
}

absl::Status NoFolder() {
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "the search index has no folder for checkpoints",
                    {.reason = "NO_CHECKPOINT_FOLDER"});
}

absl::Status Foreign() {
  return MakeStatus(absl::StatusCode::kDataLoss,
                    "the checkpoint of the search index is of another database or program",
                    {.reason = "FOREIGN_CHECKPOINT"});
}

std::vector<uint32_t> Values(const PopularityColumn& column) {
  std::vector<uint32_t> values(column.docs());
  for (Doc doc = 0; doc < values.size(); ++doc) values[doc] = column.At(doc);
  return values;
}

// All that begin so but `kept`.
void RemoveOthers(const Folder& folder, std::string_view prefix, const std::string& kept) {
  const absl::StatusOr<std::vector<std::string>> names = folder.Names();
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (name.starts_with(prefix) && name != kept) folder.Remove(name).IgnoreError();
  }
}

}  // namespace

absl::Status IndexCore::SaveCheckpoint(int64_t feed_position) {
  const std::string& path = options_.documents.folder;
  if (path.empty()) return NoFolder();
  MutexLock one_at_a_time(saving_);
  if (damaged() > 0) {
    return MakeStatus(absl::StatusCode::kDataLoss,
                      "documents of the search index are damaged: it has to be rebuilt",
                      {.reason = "DOCUMENTS_DAMAGED"});
  }
  Checkpoint checkpoint{.feed_position = feed_position,
                        .catalogue_id = "",
                        .format = FormatOf(options_.encoder_version),
                        .segments = {},
                        .documents = {}};
  std::shared_ptr<const Snapshot> snapshot;
  std::string beside;
  {
    WriteLock alone(applying_);
    {
      MutexLock lock(state_.mu);
      snapshot = state_.cell.Load();
      SR_ASSIGN_OR_RETURN(checkpoint.documents, state_.documents->Seal());
      beside = SumsBytes(state_.sums);
    }
    beside += state_.suggestions->Save();
  }
  for (const SegmentState& state : snapshot->segments) {
    if (state.live.count() == 0) continue;
    checkpoint.segments.push_back({state.segment, state.live, Values(state.loose->popularity), {}});
  }
  const std::string hash = Digest::Of(beside).hex();
  checkpoint.catalogue_id = hash + options_.catalogue_id;
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<const Folder> folder, Folder::Open(path));
  // One that is there already is of the checkpoint before, which said the same.
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, folder->Names());
  const bool is_new = std::find(names.begin(), names.end(), NameOf(hash)) == names.end();
  SR_RETURN_IF_ERROR(folder->Write(NameOf(hash), {beside}));
  if (const absl::Status written = WriteCheckpoint(path, checkpoint); !written.ok()) {
    if (is_new) folder->Remove(NameOf(hash)).IgnoreError();
    return written;
  }
  RemoveOthers(*folder, kPrefix, NameOf(hash));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> IndexCore::LoadCheckpoint() {
  const std::string& path = options_.documents.folder;
  if (path.empty()) return NoFolder();
  absl::StatusOr<int64_t> position = TakeOver(path);
  if (position.ok()) {
    merger_.AfterChange();
    CheckBudget();
    return position;
  }
  // Nothing of it is of use: the manifest first, as it is what names the rest.
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<const Folder> folder, Folder::Open(path));
  RemoveOthers(*folder, "index-", "");
  RemoveOthers(*folder, kPrefix, "");
  SR_RETURN_IF_ERROR(state_.suggestions->Load(Suggestions::Create()->Save()));
  SR_RETURN_IF_ERROR(state_.documents->Adopt({}, false));
  return position;
}

absl::StatusOr<int64_t> IndexCore::TakeOver(const std::string& path) {
  SR_ASSIGN_OR_RETURN(Checkpoint checkpoint, ReadCheckpoint(path));
  constexpr size_t kHashLetters = 64;
  if (checkpoint.format != FormatOf(options_.encoder_version) ||
      checkpoint.catalogue_id.size() < kHashLetters ||
      checkpoint.catalogue_id.substr(kHashLetters) != options_.catalogue_id) {
    return Foreign();
  }
  const std::string hash = checkpoint.catalogue_id.substr(0, kHashLetters);
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<const Folder> folder, Folder::Open(path));
  const absl::StatusOr<std::string> beside = folder->Read(NameOf(hash), kLargestBeside);
  ContentSums sums;
  if (!beside.ok() || Digest::Of(*beside).hex() != hash || beside->size() < sizeof(sums)) {
    return FileDamaged(NameOf(hash));
  }
  std::memcpy(&sums, beside->data(), sizeof(sums));
  SR_RETURN_IF_ERROR(state_.suggestions->Load(std::string_view(*beside).substr(sizeof(sums))));
  SR_RETURN_IF_ERROR(state_.documents->Adopt(checkpoint.documents, false));

  std::vector<SegmentState> states;
  for (CheckpointSegment& loaded : checkpoint.segments) {
    SegmentState& state =
        states.emplace_back(StateOf(std::move(loaded.segment), std::move(loaded.live)));
    for (Doc doc = 0; doc < loaded.popularity.size(); ++doc) {
      state.loose->popularity.Set(doc, loaded.popularity[doc]);
    }
  }
  MutexLock lock(state_.mu);
  std::shared_ptr<Snapshot> next = state_.Copy();
  for (SegmentState& state : states) {
    // Groups of near duplicates are found anew, in the background.
    std::vector<Doc> waiting;
    for (Doc doc = 0; doc < state.segment->docs(); ++doc) {
      if (state.live.Test(doc) && Has(*state.segment, doc, HasField::kHash)) waiting.push_back(doc);
    }
    if (!waiting.empty()) state_.unclustered[state.segment.get()] = std::move(waiting);
    next->segments.push_back(std::move(state));
  }
  state_.sums = sums;
  state_.Publish(std::move(next));
  return checkpoint.feed_position;
}

}  // namespace stockroom::api
