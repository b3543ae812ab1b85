// The index against a naive scan: random catalogues, edits, queries of the whole grammar.
//
//   SEARCH_ORACLE_COMPARISONS=1000000   how many in the first test (10,000 without)
//   SEARCH_ORACLE_SEED=N                begins with this seed: that of a failure fails at once
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/unit/search/oracle/difference.h"
#include "tests/unit/search/oracle/memory_subject.h"
#include "tests/unit/search/oracle/trial.h"

namespace stockroom::api {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

const uint64_t kSeed = FromEnvironment("SEARCH_ORACLE_SEED", 20261121);

TEST(SearchOracle, AgreesWithANaiveScan) {
  const uint64_t wanted = FromEnvironment("SEARCH_ORACLE_COMPARISONS", 10'000);
  const TrialOptions options;
  const auto each = static_cast<uint64_t>(options.steps * options.comparisons);
  uint64_t compared = 0;
  for (uint64_t seed = kSeed; compared < wanted; ++seed, compared += each) {
    const std::string problem = RunTrial(seed, options, MakeMemorySubject);
    ASSERT_TRUE(problem.empty()) << problem;
  }
  // A test of nothing is none.
  const Seen& seen = SeenSoFar();
  RecordProperty("searches", std::to_string(seen.searches));
  EXPECT_GT(seen.found * 3, seen.searches);
  EXPECT_GT(seen.hits, seen.searches);
  EXPECT_LT(seen.doubtful * 10, seen.searches);
  EXPECT_LT(seen.refused * 5, seen.searches);
}

// More documents than a chunk of the index has, in segments of their own and after merges. Minutes
// without optimisation.
TEST(SearchOracle, AgreesWithANaiveScanBeyondAChunk) {
  if (std::getenv("SEARCH_ORACLE_COMPARISONS") == nullptr) GTEST_SKIP() << "in the long mode only";
  const TrialOptions options{
      .images = 66'500, .steps = 2, .comparisons = 12, .filled = 66'000, .settle = 1, .restart = 1};
  const std::string problem = RunTrial(kSeed, options, MakeMemorySubject);
  ASSERT_TRUE(problem.empty()) << problem;
}

}  // namespace
}  // namespace stockroom::api
