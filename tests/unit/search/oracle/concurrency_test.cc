// Searches while edits come: each sees one of the states that there were meanwhile, wholly.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "services/api/search/query/check.h"
#include "tests/unit/search/oracle/difference.h"
#include "tests/unit/search/oracle/memory_subject.h"
#include "tests/unit/search/oracle/random_request.h"

namespace stockroom::api {
namespace {

constexpr int kEdits = 120;
constexpr int kReaders = 3;

struct Life {
  std::vector<Edit> edits;
  std::vector<NaiveIndex> states;  // before the first, after each
};

Life RandomLife(RandomCatalogue& catalogue) {
  Life life;
  life.states.emplace_back();
  for (int n = 0; n < kEdits; ++n) {
    Edit edit = n == 0 ? catalogue.Fill(20) : catalogue.Next();
    // Changes without the document being rewritten are seen at once, in older states, too.
    edit.popularity.clear();
    edit.keep_only.reset();
    NaiveIndex next = life.states.back();
    next.Apply(edit.changed, edit.deleted);
    life.states.push_back(std::move(next));
    life.edits.push_back(std::move(edit));
  }
  return life;
}

// The whole answer at once, as one of the states gives it.
Question RandomQuestion(Draws& draws, const RandomCatalogue& catalogue) {
  while (true) {
    const auto checked = CheckQuery(RandomQuery(draws, catalogue));
    if (!checked.ok()) continue;
    Question q{.who = RandomPrincipal(draws),
               .query = *checked,
               .request = RandomRequest(draws, catalogue)};
    q.request.parsed = std::make_shared<const Query>(q.query);
    q.request.page_size = 500;
    q.request.collapse = false;
    if (q.request.sort == SortOrder::kSimilar) q.request.sort = SortOrder::kNewest;
    q.request.similar_to.clear();
    return q;
  }
}

TEST(SearchOracleConcurrency, EachSearchSeesOneOfTheStatesBetween) {
  RandomCatalogue catalogue(20261121, 40);
  const Life life = RandomLife(catalogue);
  const auto subject = MakeMemorySubject();
  std::atomic<size_t> begun{0};
  std::atomic<size_t> done{0};
  std::atomic<int> searches{0};
  std::vector<std::thread> threads;
  for (int reader = 0; reader < kReaders; ++reader) {
    threads.emplace_back([&, reader] {
      Draws draws(static_cast<uint64_t>(reader));
      while (done < life.edits.size()) {
        const Question q = RandomQuestion(draws, catalogue);
        const size_t from = done;
        // One call; what is compared with each state is its answer.
        auto answer = subject->index().Search(q.who, q.request);
        const size_t to = begun;
        std::string problem = "there is no state";
        for (size_t state = from; state <= to && !problem.empty(); ++state) {
          problem = AnswerDifference(answer, life.states[state], q);
        }
        ASSERT_EQ(problem, "") << Describe(q.who, q.request) << "\nstates " << from << " to " << to;
        ++searches;
      }
    });
  }
  for (const Edit& edit : life.edits) {
    ++begun;
    subject->index().Apply(edit.changed, edit.deleted);
    const int seen = ++done % 4 == 0 ? searches.load() : -1;
    // So that readers meet each few of them.
    while (seen >= 0 && searches.load() == seen && !::testing::Test::HasFailure()) {
      std::this_thread::yield();
    }
    if (done % 10 == 0) subject->Settle();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ContentDifference(subject->index(), life.states.back()), "");
}

}  // namespace
}  // namespace stockroom::api
