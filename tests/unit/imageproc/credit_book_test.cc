#include "services/imageproc/core/credit_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace stockroom::imageproc {
namespace {

using ::testing::SizeIs;

class CreditBookTest : public ::testing::Test {
 protected:
  struct Api {
    uint64_t stream = 0;
    std::vector<uint64_t> credits;
  };

  CreditBook& Book(int slots) {
    book_.emplace_back(slots, absl::Seconds(2), clock_, metrics_);
    return book_.back();
  }
  Api& Connect(CreditBook& book) {
    Api& api = apis_.emplace_back();
    api.stream = book.AddStream([&api](std::vector<uint64_t> credits) {
      api.credits.insert(api.credits.end(), credits.begin(), credits.end());
    });
    return api;
  }

  FakeClock clock_{absl::FromUnixSeconds(1'000'000)};
  Metrics metrics_;
  std::deque<CreditBook> book_;
  std::deque<Api> apis_;
};

TEST_F(CreditBookTest, OffersNothingWithoutDemand) {
  CreditBook& book = Book(4);
  Api& api = Connect(book);
  EXPECT_THAT(api.credits, SizeIs(0));
  book.SetDemand(api.stream, 3);
  EXPECT_THAT(api.credits, SizeIs(3));
}

TEST_F(CreditBookTest, NeverOffersMoreThanTheBudgetOverAllStreams) {
  CreditBook& book = Book(3);
  Api& a = Connect(book);
  Api& b = Connect(book);
  book.SetDemand(a.stream, 2);
  book.SetDemand(b.stream, 100);
  EXPECT_THAT(a.credits, SizeIs(2));
  EXPECT_THAT(b.credits, SizeIs(1));
  EXPECT_TRUE(book.Spend(a.stream, a.credits[0]));
  EXPECT_THAT(a.credits, SizeIs(2)) << "a running job keeps its slot";
  EXPECT_THAT(b.credits, SizeIs(1));
  book.Release();
  EXPECT_EQ(a.credits.size() + b.credits.size(), 4U);
}

TEST_F(CreditBookTest, GoesRoundTheStreams) {
  CreditBook& book = Book(1);
  Api& a = Connect(book);
  Api& b = Connect(book);
  book.SetDemand(a.stream, 10);
  book.SetDemand(b.stream, 10);
  for (int round = 0; round < 6; ++round) {
    Api& turn = round % 2 == 0 ? a : b;
    ASSERT_TRUE(book.Spend(turn.stream, turn.credits.back())) << round;
    book.Release();
  }
  EXPECT_THAT(a.credits, SizeIs(4));
  EXPECT_THAT(b.credits, SizeIs(3));
}

TEST_F(CreditBookTest, RefusesACreditThatIsUnknownSpentOrSomebodyElses) {
  CreditBook& book = Book(2);
  Api& a = Connect(book);
  Api& b = Connect(book);
  book.SetDemand(a.stream, 1);
  ASSERT_THAT(a.credits, SizeIs(1));
  EXPECT_FALSE(book.Spend(a.stream, 9999));
  EXPECT_FALSE(book.Spend(b.stream, a.credits[0]));
  EXPECT_TRUE(book.Spend(a.stream, a.credits[0]));
  EXPECT_FALSE(book.Spend(a.stream, a.credits[0]));
  EXPECT_EQ(book.running(), 1);
}

TEST_F(CreditBookTest, TakesBackWhatIsNotSpentInTime) {
  CreditBook& book = Book(1);
  Api& idle = Connect(book);
  Api& busy = Connect(book);
  book.SetDemand(idle.stream, 1);
  book.SetDemand(busy.stream, 1);
  ASSERT_THAT(idle.credits, SizeIs(1));
  ASSERT_THAT(busy.credits, SizeIs(0));
  clock_.Advance(absl::Milliseconds(1999));
  book.Expire();
  EXPECT_THAT(busy.credits, SizeIs(0));
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(book.Spend(idle.stream, idle.credits[0])) << "expired, even before Expire()";
  EXPECT_THAT(busy.credits, SizeIs(1)) << "the slot goes to the other stream";
  EXPECT_TRUE(book.Spend(busy.stream, busy.credits[0]));
}

TEST_F(CreditBookTest, AStreamThatEndsGivesItsCreditsToTheOthers) {
  CreditBook& book = Book(1);
  Api& a = Connect(book);
  Api& b = Connect(book);
  book.SetDemand(a.stream, 1);
  book.SetDemand(b.stream, 1);
  book.RemoveStream(a.stream);
  EXPECT_THAT(b.credits, SizeIs(1));
  EXPECT_FALSE(book.Spend(a.stream, a.credits[0]));
}

TEST_F(CreditBookTest, StopsGrantingAndVoidsWhatIsOut) {
  CreditBook& book = Book(2);
  Api& api = Connect(book);
  book.SetDemand(api.stream, 2);
  ASSERT_TRUE(book.Spend(api.stream, api.credits[0]));
  book.StopGranting();
  EXPECT_FALSE(book.Spend(api.stream, api.credits[1]));
  EXPECT_FALSE(book.WaitIdle(absl::ZeroDuration()));
  book.Release();
  EXPECT_TRUE(book.WaitIdle(absl::ZeroDuration()));
  book.SetDemand(api.stream, 2);
  EXPECT_THAT(api.credits, SizeIs(2));
}

}  // namespace
}  // namespace stockroom::imageproc
