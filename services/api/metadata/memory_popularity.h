// Views and downloads of the in-memory store. Its owner's lock guards it.
#pragma once

#include <map>
#include <string>

#include "services/api/domain/popularity_store.h"

namespace stockroom::api {

class MemoryPopularity {
 public:
  // All that is added until the next call belongs to one change.
  void BeginChange() { ++change_; }
  void Add(const Popularity& increment);
  void Forget(const std::string& image_id);
  PopularityStore::Page Read(const PopularityStore::Cursor& after, int limit) const;

 private:
  struct Row {
    int64_t views = 0;
    int64_t downloads = 0;
    int64_t change = 0;
  };
  int64_t change_ = 0;
  std::map<std::string, Row> rows_;
};

}  // namespace stockroom::api
