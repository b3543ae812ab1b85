// Walking the 256 folders of LocalDisk.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

// Adds the digests that names in <directory>/<shard> stand for; whatever else lies there is none of
// our business. Where `blobs`, they become true.
absl::Status AddDigests(Env& env, const std::string& directory, const std::string& shard,
                        bool blobs, std::map<std::string, bool>& digests);

// The cursor for the beginning of the next shard; empty after the last.
std::string NextShard(const std::string& shard);

}  // namespace stockroom::fileserver
