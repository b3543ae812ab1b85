// Reading a blob of MirrorBackend: here, and where that fails from S3.
#pragma once

#include <functional>
#include <memory>

#include "services/fileserver/store/blob_backend.h"

namespace stockroom::fileserver {

// `local` is whole as far as its record says. Pieces that can not be read, or are not what its sums
// say, come from what `open_other` opens; `on_damage` is then called, once. Both are thread-safe
// and outlive it.
std::unique_ptr<BlobSource> MakeMirrorSource(
    std::unique_ptr<BlobSource> local, ChunkSums sums,
    std::function<absl::StatusOr<std::unique_ptr<BlobSource>>()> open_other,
    std::function<void(const absl::Status&)> on_damage);

}  // namespace stockroom::fileserver
