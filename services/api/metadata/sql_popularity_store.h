// Views and downloads as rows, alike in every SQL database (see image_rows.h), and the
// PopularityStore on them.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/popularity_store.h"
#include "services/common/base/status.h"

namespace stockroom::api {

// The row of the last number stays locked until the commit: changes become visible in the order of
// their numbers, whoever makes them.
template <typename Db>
absl::StatusOr<int64_t> NextPopularityChange(Db& db) {
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE popularity_changes SET last_number = last_number + 1 WHERE id = 1").Run());
  auto query = db.Query("SELECT last_number FROM popularity_changes WHERE id = 1");
  if (query.Step()) return query.Integer(0);
  SR_RETURN_IF_ERROR(query.status());
  return absl::InternalError("the table popularity_changes is empty");
}

// `Tx` as in store_transactions.h.
template <typename Tx>
absl::Status AddPopularityRow(Tx& tx, const Popularity& counted, int64_t change) {
  SR_RETURN_IF_ERROR(tx.db
                         .Query("UPDATE image_popularity SET views = views + ?,"
                                " downloads = downloads + ?, change_number = ? WHERE image_id = ?")
                         .Bind(counted.views, counted.downloads, change, counted.image_id)
                         .Run());
  if (tx.db.Changes() > 0) return absl::OkStatus();
  // Locked, so that the image can not go away before its row is there.
  const absl::Status image = tx.LockImage(counted.image_id).status();
  if (absl::IsNotFound(image)) return absl::OkStatus();
  SR_RETURN_IF_ERROR(image);
  return tx.db
      .Query(
          "INSERT INTO image_popularity (image_id, views, downloads, change_number)"
          " VALUES (?, ?, ?, ?)")
      .Bind(counted.image_id, counted.views, counted.downloads, change)
      .Run();
}

template <typename Tx>
absl::Status AddPopularityRows(Tx& tx, std::span<const Popularity> increments) {
  // In one order everywhere, so that two such calls do not wait for each other crosswise.
  std::map<std::string, Popularity> sums;
  for (const Popularity& one : increments) {
    Popularity& sum = sums[one.image_id];
    sum.image_id = one.image_id;
    sum.views += one.views;
    sum.downloads += one.downloads;
  }
  SR_ASSIGN_OR_RETURN(const int64_t change, NextPopularityChange(tx.db));
  for (const auto& [id, sum] : sums) {
    SR_RETURN_IF_ERROR(AddPopularityRow(tx, sum, change));
  }
  return absl::OkStatus();
}

template <typename Db>
absl::StatusOr<PopularityStore::Page> ReadPopularityRows(Db& db,
                                                         const PopularityStore::Cursor& after,
                                                         int limit) {
  // The first comparison alone bounds the index's range.
  auto query = db.Query(
      "SELECT image_id, views, downloads, change_number FROM image_popularity"
      " WHERE change_number >= ? AND (change_number > ? OR image_id > ?)"
      " ORDER BY change_number, image_id LIMIT ?");
  query.Bind(after.change, after.change, after.image_id, limit);
  PopularityStore::Page page{.images = {}, .next = after};
  while (query.Step()) {
    page.images.push_back({query.Text(0), query.Integer(1), query.Integer(2)});
    page.next = {query.Integer(3), page.images.back().image_id};
  }
  SR_RETURN_IF_ERROR(query.status());
  return page;
}

// `Store` is a SQL store: Read<T>(work on its connection), Write<T>(work in a transaction).
template <typename Store>
class SqlPopularityStore final : public PopularityStore {
 public:
  explicit SqlPopularityStore(Store& store) : store_(store) {}

  absl::Status AddPopularity(std::span<const Popularity> increments) override {
    if (increments.empty()) return absl::OkStatus();
    return store_
        .template Write<bool>([&](auto& write) -> absl::StatusOr<bool> {
          SR_RETURN_IF_ERROR(AddPopularityRows(write, increments));
          return true;
        })
        .status();
  }
  absl::StatusOr<Page> ReadPopularity(const Cursor& after, int limit) override {
    return store_.template Read<Page>(
        [&](auto& db) { return ReadPopularityRows(db, after, limit); });
  }

 private:
  Store& store_;
};

}  // namespace stockroom::api
