// Reading the files of LocalDisk.
#pragma once

#include <memory>
#include <string>

#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

// NOT_FOUND; DATA_LOSS when the footer is damaged, or is not that of `digest` and of this length.
absl::StatusOr<std::unique_ptr<BlobSource>> OpenLocalBlob(Env& env, const std::string& path,
                                                          const Digest& digest);
absl::StatusOr<std::unique_ptr<RenditionSource>> OpenLocalRendition(Env& env,
                                                                    const std::string& path);

}  // namespace stockroom::fileserver
