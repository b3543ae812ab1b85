#include "services/api/search/exec/snapshot.h"

namespace stockroom::api {

std::optional<Snapshot::Place> Snapshot::Find(std::string_view id) const {
  const IdKey key(id);
  for (uint32_t i = 0; i < segments.size(); ++i) {
    const std::optional<Doc> doc = segments[i].segment->FindId(key);
    if (doc && segments[i].live.Test(*doc)) return Place{i, *doc};
  }
  return std::nullopt;
}

}  // namespace stockroom::api
