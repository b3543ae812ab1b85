// search with everything that can be asked for, and admin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/status.h"
#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/command_line.h"
#include "tools/stockroom/exit_codes.h"

namespace stockroom::cli {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class SearchTest : public ::testing::Test {
 protected:
  SearchTest() {
    for (const char* id : {"a", "b"}) {
      client_.images[id].set_id(id);
      client_.images[id].set_title(std::string("title of ") + id);
    }
  }
  Bench bench_;
  FakeClient client_;
};

SearchArgs Parsed(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"stockroom", "search"});
  const ParsedCommandLine parsed =
      ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
  EXPECT_FALSE(parsed.exit_code) << parsed.text;
  return parsed.invocation.search;
}

TEST_F(SearchTest, EveryOptionBecomesAPartOfTheRequest) {
  const SearchArgs args =
      Parsed({"(red OR blue)", "fox", "--order", "relevance", "--facet", "tag", "--facets",
              "camera,lens", "--typos", "2", "--stemming", "english", "--highlight", "--explain",
              "--exact-total", "--collapse"});
  EXPECT_EQ(RunSearch(bench_.program, client_, args), kExitOk);
  const v1::SearchImagesRequest& request = client_.searched.at(0);
  EXPECT_EQ(request.q(), "(red OR blue) fox");
  EXPECT_EQ(request.order(), v1::RELEVANCE);
  EXPECT_THAT(request.facets(), ElementsAre("tag", "camera", "lens"));
  EXPECT_EQ(request.typos(), 2);
  EXPECT_EQ(request.stemming(), "english");
  EXPECT_TRUE(request.highlight());
  EXPECT_TRUE(request.explain());
  EXPECT_TRUE(request.exact_total());
  EXPECT_TRUE(request.collapse_similar());
  EXPECT_FALSE(request.ids_only());
}

TEST_F(SearchTest, ASeedMeansRandomAndAnImageMeansSimilar) {
  RunSearch(bench_.program, client_, Parsed({"--seed", "42"}));
  EXPECT_EQ(client_.searched.at(0).order(), v1::RANDOM);
  EXPECT_EQ(client_.searched.at(0).seed(), 42u);
  EXPECT_THAT(bench_.err, HasSubstr("--seed 42 gives this order again"));
  RunSearch(bench_.program, client_, Parsed({"--similar-to", "a"}));
  EXPECT_EQ(client_.searched.at(1).order(), v1::MOST_SIMILAR);
  EXPECT_EQ(client_.searched.at(1).similar_to(), "a");
}

TEST_F(SearchTest, IdsStandAloneOnTheirLines) {
  EXPECT_EQ(RunSearch(bench_.program, client_, Parsed({"--ids"})), kExitOk);
  EXPECT_TRUE(client_.searched.at(0).ids_only());
  EXPECT_EQ(bench_.out, "a\nb\n");
}

TEST_F(SearchTest, MatchesStandInBracketsWhereThereAreNoColours) {
  v1::Highlight& highlight = *client_.hits["a"].add_highlights();
  highlight.set_field("title");
  highlight.set_text("für Füchse\033[31m");
  v1::Highlight::Range& range = *highlight.add_ranges();
  range.set_begin(4);
  range.set_end(10);
  v1::Highlight::Range& lie = *highlight.add_ranges();
  lie.set_begin(-5);
  lie.set_end(2'000'000'000);
  EXPECT_EQ(RunSearch(bench_.program, client_, {.highlight = true}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("\n    title: für [Füchse][ [31m]\n"));
  EXPECT_THAT(bench_.out, Not(HasSubstr("\033")));
}

TEST_F(SearchTest, NearDuplicatesAreCountedBesideTheBest) {
  client_.hits["b"].set_similar_count(3);
  EXPECT_EQ(RunSearch(bench_.program, client_, {.collapse = true}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("\t+3\t"));
  EXPECT_THAT(bench_.err, HasSubstr("2 found, 2 without near duplicates"));
}

TEST_F(SearchTest, NothingFoundNamesTheQueryThatWasMeant) {
  client_.images.clear();
  client_.answer.set_did_you_mean("harbour");
  EXPECT_EQ(RunSearch(bench_.program, client_, {.query = "harbuor"}), kExitOk);
  EXPECT_THAT(bench_.err, HasSubstr("did you mean: harbour"));
}

TEST_F(SearchTest, AnEstimateSaysSo) {
  client_.answer.set_total_is_estimate(true);
  EXPECT_EQ(RunSearch(bench_.program, client_, {}), kExitOk);
  EXPECT_THAT(bench_.err, HasSubstr("about 2 found"));
}

TEST_F(SearchTest, TheExplanationStandsBehindTheImages) {
  client_.answer.set_canonical_query("red fox");
  client_.answer.set_explanation("and: 2\n  word \"red\": 5\n  word \"fox\": 3");
  EXPECT_EQ(RunSearch(bench_.program, client_, {.explain = true}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("understood as: red fox\n  and: 2\n    word \"red\": 5\n"));
}

TEST(SearchJson, HasTheHitOfEachImageAndLinesOfTheirOwnForTheRest) {
  Bench bench({.json = true});
  FakeClient client;
  client.images["a"].set_id("a");
  client.hits["a"].set_score(1.5);
  client.answer.set_canonical_query("x");
  client.answer.set_did_you_mean("y");
  client.answer.mutable_parsed_query()->mutable_words()->add_words("x");
  EXPECT_EQ(RunSearch(bench.program, client, {.query = "x", .explain = true}), kExitOk);
  std::istringstream lines(bench.out);
  std::vector<json> records;
  for (std::string line; std::getline(lines, line);) records.push_back(json::parse(line));
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0]["id"], "a");
  EXPECT_EQ(records[0]["hit"]["score"], 1.5);
  EXPECT_EQ(records[1]["type"], "explanation");
  EXPECT_EQ(records[1]["parsedQuery"]["words"]["words"][0], "x");
  EXPECT_EQ(records[2]["query"], "y");
}

TEST(SearchCommandLine, RefusesWhatIsNoChoice) {
  for (const std::vector<const char*>& wrong :
       std::vector<std::vector<const char*>>{{"search", "--order", "best"},
                                             {"search", "--typos", "3"},
                                             {"search", "--seed", "-1"},
                                             {"search", "--seed", "1", "--similar-to", "x"},
                                             {"admin"},
                                             {"admin", "burn-index"}}) {
    std::vector<const char*> arguments = {"stockroom"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(ParseCommandLine(static_cast<int>(arguments.size()), arguments.data()).exit_code,
              kExitUsage)
        << wrong.back();
  }
}

TEST(SearchCommandLine, ShellsCompleteOrdersAndFacets) {
  for (const CommandTree& command : DescribeCommandLine().commands) {
    if (command.name == "admin") {
      EXPECT_THAT(command.words,
                  ElementsAre("verify-index", "rebuild-index", "index", "scrub", "fsck", "backup",
                              "verify-backup", "restore", "copy-blobs"));
    }
    if (command.name != "search") continue;
    for (const CommandTree::Option& option : command.options) {
      if (option.names == std::vector<std::string>{"--order"}) {
        EXPECT_EQ(option.choices.size(), 6u);
      }
      if (option.names == std::vector<std::string>{"--facet"}) {
        EXPECT_EQ(option.choices.size(), 11u);
      }
    }
  }
}

TEST_F(SearchTest, AnIndexThatDiffersEndsWithAFailure) {
  client_.verdict->set_images(1234);
  client_.verdict->set_index_sum("00000000000000ab");
  client_.verdict->set_database_sum("00000000000000ab");
  EXPECT_EQ(RunAdmin(bench_.program, client_, {.action = "verify-index"}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("database  00000000000000ab"));
  EXPECT_THAT(bench_.err, HasSubstr("holds what the database holds"));
  client_.verdict->set_index_sum("00000000000000ac");
  client_.verdict->set_differing(2);
  client_.verdict->add_ids("x\033");
  bench_.out.clear();
  EXPECT_EQ(RunAdmin(bench_.program, client_, {.action = "verify-index"}), kExitFailed);
  EXPECT_THAT(bench_.out, HasSubstr("differs   x"));
  EXPECT_THAT(bench_.out, Not(HasSubstr("\033")));
  EXPECT_THAT(bench_.err, HasSubstr("differs from the database in 2 images"));
}

TEST_F(SearchTest, ADifferenceThatTheSumsDoNotShowIsOne) {
  client_.verdict->set_differing(1);
  EXPECT_EQ(RunAdmin(bench_.program, client_, {.action = "verify-index"}), kExitFailed);
}

TEST_F(SearchTest, RebuildingTellsHowLongItTook) {
  client_.rebuilt->set_images(12);
  client_.rebuilt->set_milliseconds(1500);
  EXPECT_EQ(RunAdmin(bench_.program, client_, {.action = "rebuild-index"}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("12 images in 1.5 s"));
  client_.rebuilt = Overloaded("one runs already", absl::Seconds(5));
  EXPECT_EQ(RunAdmin(bench_.program, client_, {.action = "rebuild-index"}), kExitAway);
}

TEST_F(SearchTest, TheIndexIsShownPartByPart) {
  client_.index_info.set_images(10);
  client_.index_info.set_budget_bytes(1'000'000);
  v1::IndexInfo::Part& postings = *client_.index_info.add_parts();
  postings.set_name("postings");
  postings.set_bytes(700);
  v1::IndexInfo::Part& documents = *client_.index_info.add_parts();
  documents.set_name("documents");
  documents.set_bytes(9000);
  documents.set_is_file(true);
  EXPECT_EQ(RunAdmin(bench_.program, client_, {.action = "index"}), kExitOk);
  EXPECT_EQ(bench_.out,
            "postings\t700\t70\tmemory\ndocuments\t9000\t900\tfile\nin memory\t700\t70\tmemory\n");
  EXPECT_THAT(bench_.err, HasSubstr("the budget is 1.0 MB"));
}

}  // namespace
}  // namespace stockroom::cli
