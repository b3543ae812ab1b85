#include "services/fileserver/backends/shards.h"

#include <cstdio>
#include <vector>

#include "services/common/base/digest.h"

namespace stockroom::fileserver {

absl::Status AddDigests(Env& env, const std::string& directory, const std::string& shard,
                        bool blobs, std::map<std::string, bool>& digests) {
  const absl::StatusOr<std::vector<std::string>> names = env.List(directory + "/" + shard);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (name.starts_with(shard) && Digest::FromHex(name).ok()) digests[name] |= blobs;
  }
  return absl::OkStatus();
}

std::string NextShard(const std::string& shard) {
  const unsigned long number = std::stoul(shard, nullptr, 16);
  if (number >= 255) return "";
  char next[4];
  std::snprintf(next, sizeof(next), "%02x", static_cast<unsigned>(number + 1) & 0xffU);
  return next;
}

}  // namespace stockroom::fileserver
