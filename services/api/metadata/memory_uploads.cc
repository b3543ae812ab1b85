#include "services/api/metadata/memory_uploads.h"

#include <algorithm>
#include <tuple>

#include "services/api/domain/upload_rules.h"
#include "services/api/metadata/transitions.h"
#include "services/api/metadata/upload_transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::Status MemoryUploads::CheckRoom(const DirectUpload& upload, int max_open) const {
  const auto open = std::count_if(rows_.begin(), rows_.end(), [&](const auto& row) {
    return row.second.owner == upload.owner && row.second.state == UploadState::kOpen;
  });
  if (open >= max_open) return TooManyUploads(max_open);
  return rows_.contains(upload.id) ? IdTaken(upload.id) : absl::OkStatus();
}

absl::StatusOr<DirectUpload> MemoryUploads::Get(const std::string& id) const {
  const auto it = rows_.find(id);
  if (it == rows_.end()) return NoSuchUpload(id);
  return it->second;
}

std::vector<DirectUpload> MemoryUploads::List(const std::string& owner, const std::string& before,
                                              int limit) const {
  std::vector<DirectUpload> page;
  for (auto it = rows_.rbegin(); it != rows_.rend() && static_cast<int>(page.size()) < limit;
       ++it) {
    if (it->second.owner != owner || (!before.empty() && it->first >= before)) continue;
    page.push_back(it->second);
  }
  return page;
}

absl::StatusOr<EndedUpload> MemoryUploads::End(const std::string& id, UploadState to,
                                               const std::string& failure, absl::Time now) {
  const auto it = rows_.find(id);
  if (it == rows_.end()) return NoSuchUpload(id);
  DirectUpload& upload = it->second;
  if (upload.state != UploadState::kOpen) return EndedUpload{upload, false};
  upload.state = to;
  upload.failure = failure;
  upload.end_time = upload.check_time = StoredTime(now);
  return EndedUpload{upload, true};
}

std::vector<DirectUpload> MemoryUploads::Due(absl::Time now, int limit) const {
  std::vector<DirectUpload> due;
  for (const auto& [id, upload] : rows_) {
    if (upload.check_time <= StoredTime(now)) due.push_back(upload);
  }
  std::sort(due.begin(), due.end(), [](const DirectUpload& a, const DirectUpload& b) {
    return std::tie(a.check_time, a.id) < std::tie(b.check_time, b.id);
  });
  due.resize(std::min(due.size(), static_cast<size_t>(std::max(limit, 0))));
  return due;
}

void MemoryUploads::Postpone(const std::string& id, absl::Time next) {
  const auto it = rows_.find(id);
  if (it == rows_.end()) return;
  it->second.check_time = StoredTime(next);
  ++it->second.checks;
}

void MemoryUploads::NoteIncomingGone(const std::string& id, absl::Time next) {
  const auto it = rows_.find(id);
  if (it == rows_.end() || it->second.state == UploadState::kOpen) return;
  it->second.incoming_gone = true;
  it->second.check_time = StoredTime(next);
}

void MemoryUploads::Forget(const std::string& id) {
  const auto it = rows_.find(id);
  if (it == rows_.end() || it->second.state == UploadState::kOpen) return;
  if (it->second.incoming_gone) rows_.erase(it);
}

absl::StatusOr<std::optional<DirectUpload>> MemoryUploads::CompletedBefore(
    const std::string& id) const {
  SR_ASSIGN_OR_RETURN(DirectUpload upload, Get(id));
  SR_RETURN_IF_ERROR(UploadEnded(upload));
  if (upload.state == UploadState::kOpen) return std::nullopt;
  return upload;
}

void MemoryUploads::Complete(const std::string& id, const CreatedImage& created, absl::Time now) {
  DirectUpload& upload = rows_.at(id);
  upload.state = UploadState::kCompleted;
  upload.image_id = created.image.id;
  upload.deduplicated = created.deduplicated;
  upload.end_time = StoredTime(now);
  upload.check_time = StoredTime(now + kCleanUpPatience);
}

void MemoryUploads::AddTo(Usage& usage, const std::string& owner) const {
  for (const auto& [id, upload] : rows_) {
    if (upload.owner != owner || upload.state != UploadState::kOpen) continue;
    ++usage.images;
    usage.bytes += upload.size_bytes;
  }
}

}  // namespace stockroom::api
