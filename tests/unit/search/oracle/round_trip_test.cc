// Random queries as text and back.
#include <gtest/gtest.h>

#include "services/api/search/query/check.h"
#include "services/api/search/query/query_parser.h"
#include "tests/unit/search/oracle/naive_index.h"
#include "tests/unit/search/oracle/random_request.h"

namespace stockroom::api {
namespace {

TEST(QueryRoundTrip, ReadsEveryCanonicalTextAsTheSameQuery) {
  RandomCatalogue catalogue(1, 40);
  catalogue.Fill(40);
  Draws draws(1);
  NaiveIndex truth;
  truth.Apply(catalogue.Fill(20).changed, {});
  for (int n = 0; n < 5000; ++n) {
    const Query raw = RandomQuery(draws, catalogue);
    const auto checked = CheckQuery(raw);
    if (!checked.ok()) continue;
    const std::string text = CanonicalText(*checked);
    const auto parsed = ParseSearchQuery(text, kMaxCanonicalBytes);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status();
    ASSERT_EQ(*parsed, *checked) << text << " was read as " << CanonicalText(*parsed);
    // Checking does not change what it means.
    const Principal who = RandomPrincipal(draws);
    ASSERT_EQ(truth.Find(who, raw).entries, truth.Find(who, *checked).entries) << text;
  }
}

}  // namespace
}  // namespace stockroom::api
