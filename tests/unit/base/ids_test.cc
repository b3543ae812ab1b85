#include "services/common/base/ids.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace stockroom {
namespace {

TEST(UuidV7, CarriesTheTimeVersionAndVariant) {
  const std::string id = NewUuidV7(absl::FromUnixMillis(0x03a352944000));
  EXPECT_TRUE(IsUuid(id)) << id;
  EXPECT_EQ(id.substr(0, 13), "03a35294-4000");
  EXPECT_EQ(id[14], '7');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
}

TEST(UuidV7, SortsInTheOrderOfMakingEvenWhenTheClockGoesBack) {
  std::string last;
  for (int i = 0; i < 10'000; ++i) {
    const absl::Time now = absl::FromUnixSeconds(4'100'000'000 - (i > 5'000 ? 100 : 0));
    const std::string id = NewUuidV7(now);
    EXPECT_LT(last, id);
    last = id;
  }
}

TEST(UuidV7, IsUniqueAcrossThreads) {
  std::mutex mu;
  std::set<std::string> all;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) {
        const std::string id = NewUuidV7(absl::FromUnixSeconds(4'200'000'000));
        const std::lock_guard lock(mu);
        all.insert(id);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(all.size(), 8'000u);
}

TEST(RequestId, FromOutsideIsKeptOnlyIfHarmless) {
  EXPECT_EQ(CleanRequestId("abc-123_X.y"), "abc-123_X.y");
  for (const std::string& bad : {std::string(), std::string(65, 'a'), std::string("a b"),
                                 std::string("a\nb"), std::string("a\"b")}) {
    EXPECT_NE(CleanRequestId(bad), bad);
    EXPECT_EQ(CleanRequestId(bad).size(), 16u);
  }
}

TEST(Uuid, OnlyTheCanonicalFormCounts) {
  EXPECT_TRUE(IsUuid("0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f"));
  for (const char* bad :
       {"", "0198C5A1-7b3e-7cc1-8d2f-3a5b6c7d8e9f", "0198c5a17b3e7cc18d2f3a5b6c7d8e9f",
        "0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9", "{198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9}"}) {
    EXPECT_FALSE(IsUuid(bad)) << bad;
  }
}

}  // namespace
}  // namespace stockroom
