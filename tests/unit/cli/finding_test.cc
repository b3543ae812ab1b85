// suggest, similar, search --facets, keys, whoami.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/command_line.h"
#include "tools/stockroom/exit_codes.h"

namespace stockroom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class FindingTest : public ::testing::Test {
 protected:
  FindingTest() {
    for (const char* id : {"a", "b", "c"}) {
      client_.images[id].set_id(id);
      client_.images[id].set_title(std::string("title of ") + id);
    }
  }
  Bench bench_;
  FakeClient client_;
};

TEST_F(FindingTest, SuggestionsAreRowsOfTextKindAndCount) {
  EXPECT_EQ(RunSuggest(bench_.program, client_, {.prefix = "har"}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("harbour"));
  EXPECT_THAT(bench_.out, HasSubstr("\ttag\t7\n"));
  EXPECT_THAT(bench_.out, Not(HasSubstr("\033")));
}

TEST_F(FindingTest, SimilarImagesAreShownWithTheirDistance) {
  EXPECT_EQ(RunSimilar(bench_.program, client_, {.id = "a", .limit = 1}), kExitOk);
  EXPECT_EQ(bench_.out, "0.125\tb\ttitle of b\n");
  EXPECT_EQ(RunSimilar(bench_.program, client_, {.id = "x"}), kExitNotFound);
}

TEST_F(FindingTest, FacetsAreAskedForOnceAndShownBehindTheImages) {
  EXPECT_EQ(RunSearch(bench_.program, client_, {.query = "x", .facets = {"tag", "year"}}), kExitOk);
  EXPECT_THAT(client_.searched.at(0).facets(), ElementsAre("tag", "year"));
  EXPECT_THAT(bench_.out, HasSubstr("tag\tsome\t3\nyear\tsome\t3\n"));
}

TEST_F(FindingTest, ANewKeysSecretStandsAloneOnStandardOutput) {
  const KeysArgs create = {
      .action = "create", .subject = "scanner", .role = "uploader", .lifetime = absl::Hours(24)};
  EXPECT_EQ(RunKeys(bench_.program, client_, create), kExitOk);
  EXPECT_EQ(bench_.out, "sr_secret\n");
  EXPECT_THAT(bench_.err, HasSubstr("not shown again"));
  EXPECT_THAT(bench_.err, Not(HasSubstr("sr_secret")));
  EXPECT_EQ(client_.created.subject(), "scanner");
  EXPECT_NEAR(static_cast<double>(client_.created.expire_time().seconds()),
              static_cast<double>(absl::ToUnixSeconds(absl::Now() + absl::Hours(24))), 600);
}

TEST_F(FindingTest, KeysAreListedPageAfterPageAndRevoked) {
  for (const char* subject : {"ann", "bob"}) {
    RunKeys(bench_.program, client_, {.action = "create", .subject = subject});
  }
  EXPECT_EQ(RunKeys(bench_.program, client_, {.action = "revoke", .ids = {"key-1"}}), kExitUsage)
      << "nobody can be asked";
  EXPECT_EQ(RunKeys(bench_.program, client_, {.action = "revoke", .ids = {"key-1"}, .yes = true}),
            kExitOk);
  bench_.out.clear();
  EXPECT_EQ(RunKeys(bench_.program, client_, {.action = "list"}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("key-0\t\tgood\tuploader\tann"));
  EXPECT_THAT(bench_.out, HasSubstr("key-1\t\trevoked\tuploader\tbob"));
  EXPECT_EQ(RunKeys(bench_.program, client_, {.action = "revoke", .ids = {"x"}, .yes = true}),
            kExitNotFound);
}

TEST_F(FindingTest, KeyArgumentsThatDoNotFitTogetherAreRefused) {
  for (const KeysArgs& wrong :
       {KeysArgs{.action = "create"}, KeysArgs{.action = "revoke"},
        KeysArgs{.action = "list", .ids = {"x"}}, KeysArgs{.action = "list", .subject = "x"}}) {
    EXPECT_EQ(RunKeys(bench_.program, client_, wrong), kExitUsage) << wrong.action;
  }
}

TEST_F(FindingTest, WhoIsNotKnownAndWhoMayNotAreToldApart) {
  client_.key_error = absl::PermissionDeniedError("the scope admin is missing");
  EXPECT_EQ(RunKeys(bench_.program, client_, {.action = "list"}), kExitRefused);
  EXPECT_THAT(bench_.err, HasSubstr("admin is missing; stockroom whoami shows what you may do"));
  client_.who = absl::UnauthenticatedError("the token has expired");
  EXPECT_EQ(RunWhoAmI(bench_.program, client_), kExitUnknown);
  EXPECT_THAT(bench_.err, HasSubstr("the token has expired; show an API key or token with"));
}

TEST_F(FindingTest, WhoAmITellsWhatMayBeDone) {
  client_.who->set_subject("ann");
  client_.who->add_scopes("images:read");
  client_.who->add_scopes("images:write");
  (*client_.who->mutable_attributes())["team"] = "red";
  EXPECT_EQ(RunWhoAmI(bench_.program, client_), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("ann"));
  EXPECT_THAT(bench_.out, HasSubstr("images:read, images:write"));
  EXPECT_THAT(bench_.out, HasSubstr("team = red"));
}

TEST(FindingCommandLine, ReadsTheNewCommands) {
  const auto parse = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "stockroom");
    return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
  };
  EXPECT_THAT(parse({"search", "x", "--facets", "tag,year"}).invocation.search.facets,
              ElementsAre("tag", "year"));
  EXPECT_EQ(parse({"suggest", "[a"}).invocation.suggest.prefix, "[a");
  EXPECT_EQ(parse({"similar", "id", "-n", "3"}).invocation.similar.limit, 3);
  const KeysArgs keys =
      parse({"keys", "create", "--subject", "s", "--scope", "images:read", "--expires", "90d"})
          .invocation.keys;
  EXPECT_EQ(keys.action, "create");
  EXPECT_THAT(keys.scopes, ElementsAre("images:read"));
  EXPECT_EQ(keys.lifetime, absl::Hours(90 * 24));
  EXPECT_THAT(parse({"keys", "revoke", "a", "b"}).invocation.keys.ids, ElementsAre("a", "b"));
  EXPECT_EQ(parse({"whoami", "--token-file", "-"}).invocation.settings.token_file, "-");
  for (const std::vector<const char*>& wrong :
       std::vector<std::vector<const char*>>{{"similar"},
                                             {"similar", "a", "-n", "101"},
                                             {"keys"},
                                             {"keys", "burn"},
                                             {"keys", "create", "--role", "god"},
                                             {"keys", "create", "--expires", "soon"}}) {
    EXPECT_EQ(parse(wrong).exit_code, kExitUsage);
  }
}

TEST(TokenFile, IsReadWithoutItsNewlineAndNeverToldInAMessage) {
  Bench bench;
  PartialSettings settings;
  EXPECT_TRUE(ReadTokenFile(settings).ok());
  EXPECT_FALSE(settings.api_key);
  settings.token_file = bench.Write("key", "  sr_abc\r\n");
  ASSERT_TRUE(ReadTokenFile(settings).ok());
  EXPECT_EQ(settings.api_key, "sr_abc");
  settings.token_file = bench.Write("empty", "\n");
  EXPECT_FALSE(ReadTokenFile(settings).ok());
  settings.token_file = bench.folder + "/none";
  EXPECT_FALSE(ReadTokenFile(settings).ok());
  settings.token_file = bench.folder;
  EXPECT_FALSE(ReadTokenFile(settings).ok());
  settings.token_file = bench.Write("long", std::string(100'000, 'x'));
  const absl::Status refused = ReadTokenFile(settings);
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("xxx")));
}

}  // namespace
}  // namespace stockroom::cli
