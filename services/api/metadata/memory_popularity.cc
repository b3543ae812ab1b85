#include "services/api/metadata/memory_popularity.h"

#include <map>
#include <tuple>
#include <utility>

namespace stockroom::api {

void MemoryPopularity::Add(const Popularity& increment) {
  Row& row = rows_[increment.image_id];
  row.views += increment.views;
  row.downloads += increment.downloads;
  row.change = change_;
}

void MemoryPopularity::Forget(const std::string& image_id) { rows_.erase(image_id); }

PopularityStore::Page MemoryPopularity::Read(const PopularityStore::Cursor& after,
                                             int limit) const {
  std::map<std::pair<int64_t, std::string>, Popularity> later;
  for (const auto& [id, row] : rows_) {
    if (std::tie(row.change, id) > std::tie(after.change, after.image_id)) {
      later[{row.change, id}] = {id, row.views, row.downloads};
    }
  }
  PopularityStore::Page page{.images = {}, .next = after};
  for (const auto& [place, popularity] : later) {
    if (page.images.size() >= static_cast<size_t>(limit)) break;
    page.images.push_back(popularity);
    page.next = {place.first, place.second};
  }
  return page;
}

}  // namespace stockroom::api
