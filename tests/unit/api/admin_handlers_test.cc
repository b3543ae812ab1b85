#include "services/api/handlers/admin_handlers.h"

#include <gtest/gtest.h>

#include "services/api/handlers/gate.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

class FakeCare final : public IndexCare {
 public:
  absl::StatusOr<IndexVerdict> verdict = IndexVerdict();
  absl::StatusOr<IndexRebuilt> rebuilt = IndexRebuilt();
  IndexInfo info;

  absl::StatusOr<IndexVerdict> Verify(const CallContext&) override { return verdict; }
  absl::StatusOr<IndexRebuilt> Rebuild(const CallContext&) override { return rebuilt; }
  IndexInfo Info() const override { return info; }
};

class AdminHandlersTest : public ::testing::Test {
 protected:
  FakeCare care_;
  AdminHandlers handlers_{care_};
  const CallContext context_ = CallContext::WithTimeout(absl::Seconds(10));
  const Principal who_ = Principal::Anonymous();
};

TEST_F(AdminHandlersTest, SumsAreSixteenHexadecimalDigits) {
  care_.verdict = IndexVerdict{.images = 5,
                               .index_sum = 0xab,
                               .database_sum = 0xffff'ffff'ffff'ffff,
                               .differing = 300,
                               .ids = {"a", "b"},
                               .feed_position = 12};
  v1::VerifyIndexResponse response;
  ASSERT_TRUE(handlers_.VerifyIndex(context_, who_, {}, &response).ok());
  EXPECT_EQ(response.images(), 5);
  EXPECT_EQ(response.index_sum(), "00000000000000ab");
  EXPECT_EQ(response.database_sum(), "ffffffffffffffff");
  EXPECT_EQ(response.differing(), 300);
  ASSERT_EQ(response.ids_size(), 2);
  EXPECT_EQ(response.ids(1), "b");
  EXPECT_EQ(response.feed_position(), 12);
}

TEST_F(AdminHandlersTest, RebuildingSaysHowMuchAndHowLong) {
  care_.rebuilt = IndexRebuilt{.images = 9, .took = absl::Milliseconds(1500)};
  v1::RebuildIndexResponse response;
  ASSERT_TRUE(handlers_.RebuildIndex(context_, who_, {}, &response).ok());
  EXPECT_EQ(response.images(), 9);
  EXPECT_EQ(response.milliseconds(), 1500);
}

TEST_F(AdminHandlersTest, ErrorsOfTheCarePassThrough) {
  care_.verdict = Overloaded("one runs already", absl::Seconds(5));
  care_.rebuilt = Unavailable("INDEX_LOADING", "the index is loading");
  v1::VerifyIndexResponse verdict;
  EXPECT_EQ(handlers_.VerifyIndex(context_, who_, {}, &verdict).code(),
            absl::StatusCode::kResourceExhausted);
  v1::RebuildIndexResponse rebuilt;
  EXPECT_EQ(DetailsOf(handlers_.RebuildIndex(context_, who_, {}, &rebuilt)).reason,
            "INDEX_LOADING");
}

TEST_F(AdminHandlersTest, PartsAreNamedWithTheirBytes) {
  care_.info = {.images = 3,
                .feed_position = 4,
                .parts = {{.name = "postings", .bytes = 100},
                          {.name = "documents", .bytes = 5'000'000'000, .is_file = true}},
                .budget_bytes = 1 << 20};
  v1::IndexInfo response;
  ASSERT_TRUE(handlers_.GetIndexInfo(context_, who_, {}, &response).ok());
  EXPECT_EQ(response.images(), 3);
  EXPECT_EQ(response.feed_position(), 4);
  EXPECT_EQ(response.budget_bytes(), 1 << 20);
  ASSERT_EQ(response.parts_size(), 2);
  EXPECT_EQ(response.parts(0).name(), "postings");
  EXPECT_FALSE(response.parts(0).is_file());
  EXPECT_EQ(response.parts(1).bytes(), 5'000'000'000);
  EXPECT_TRUE(response.parts(1).is_file());
}

TEST_F(AdminHandlersTest, AllOfItIsForAdminsAndMayTakeLongerThanOtherCalls) {
  MethodTable table;
  handlers_.AddTo(table);
  ASSERT_EQ(table.unary().size(), 3u);
  for (const UnaryMethod& method : table.unary()) {
    EXPECT_TRUE(ScopesNeededFor(*method.descriptor).Has(Scope::kAdmin))
        << method.descriptor->name();
  }
  EXPECT_EQ(table.unary()[0].timeout, AdminHandlers::kTimeout);
  EXPECT_EQ(table.unary()[1].timeout, AdminHandlers::kTimeout);
  EXPECT_FALSE(table.unary()[2].blocking);
}

}  // namespace
}  // namespace stockroom::api
