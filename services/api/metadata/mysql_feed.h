// Events as rows of MySQL.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/feed_sequencer.h"
#include "services/api/metadata/mysql_pool.h"

namespace stockroom::api {

// Within the causing transaction. Returns the row's number; its position is given after the commit.
// `image` as after the change; of a deleted one the revision is one more than its last.
absl::StatusOr<int64_t> AppendEvent(MysqlConnection& db, const char* type, const Image& image,
                                    absl::Time now);

// See MetadataStore.
absl::StatusOr<MetadataStore::FeedRange> ReadFeedRange(MysqlConnection& db);
absl::StatusOr<std::vector<Event>> ReadEventRows(MysqlConnection& db, int64_t position, int limit);
absl::StatusOr<bool> HasUnnumberedEvents(MysqlConnection& db);
// Within a transaction.
absl::StatusOr<int> TrimEventRows(MysqlConnection& db, absl::Time before, int limit);

// Rounds have a session of their own, which the server ends after a few silent seconds: an api that
// was stopped in the middle of a round must not keep the counter locked.
class MysqlFeedTable final : public FeedTable {
 public:
  static constexpr absl::Duration kSilence = absl::Seconds(5);

  // `before_commit`: for tests, may fail.
  MysqlFeedTable(MysqlAddress address, MysqlSession session, MysqlPool& pool,
                 std::function<absl::Status()> before_commit);

  absl::StatusOr<std::unique_ptr<FeedRound>> Begin() override;
  absl::StatusOr<int64_t> PositionOf(int64_t row) override;

 private:
  class Round;
  void GiveBack(std::unique_ptr<MysqlConnection> db);

  const MysqlAddress address_;
  const MysqlSession session_;
  MysqlPool& pool_;
  const std::function<absl::Status()> before_commit_;
  Mutex mu_;
  // Of the last round, if the server has hardly ended it yet.
  std::unique_ptr<MysqlConnection> idle_ SR_GUARDED_BY(mu_);
  absl::Time idle_since_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
