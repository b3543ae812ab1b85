// Direct uploads of the in-memory store. Its owner's lock guards it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/api/domain/metadata_store.h"
#include "services/api/domain/upload_store.h"

namespace stockroom::api {

// Each call as in UploadStore.
class MemoryUploads {
 public:
  absl::Status CheckRoom(const DirectUpload& upload, int max_open) const;
  void Insert(const DirectUpload& upload) { rows_.emplace(upload.id, upload); }
  absl::StatusOr<DirectUpload> Get(const std::string& id) const;
  std::vector<DirectUpload> List(const std::string& owner, const std::string& before,
                                 int limit) const;
  absl::StatusOr<EndedUpload> End(const std::string& id, UploadState to, const std::string& failure,
                                  absl::Time now);
  std::vector<DirectUpload> Due(absl::Time now, int limit) const;
  void Postpone(const std::string& id, absl::Time next);
  void NoteIncomingGone(const std::string& id, absl::Time next);
  void Forget(const std::string& id);

  // Before CreateImage: nothing if it is open, or how it was completed. An error otherwise.
  absl::StatusOr<std::optional<DirectUpload>> CompletedBefore(const std::string& id) const;
  void Complete(const std::string& id, const CreatedImage& created, absl::Time now);
  void AddTo(Usage& usage, const std::string& owner) const;

 private:
  std::map<std::string, DirectUpload> rows_;
};

}  // namespace stockroom::api
