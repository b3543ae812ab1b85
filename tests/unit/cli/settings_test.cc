#include "tools/stockroom/settings.h"

#include <gtest/gtest.h>

namespace stockroom::cli {
namespace {

EnvironmentFn From(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(Settings, FlagsWinOverEnvironmentAndEnvironmentOverFile) {
  const auto file = ParseConfigFile(
      "address: [file-1:1, file-2:2]\ngateway: http://file:80/\ntimeout: 5m\n", "c.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  auto settings = Combine(*file, {}, {});
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->addresses, (std::vector<std::string>{"file-1:1", "file-2:2"}));
  EXPECT_EQ(settings->gateway, "http://file:80");
  EXPECT_EQ(settings->timeout, absl::Minutes(5));

  const PartialSettings environment =
      FromEnvironment(From({{"STOCKROOM_ADDRESS", "env:1"}, {"STOCKROOM_GATEWAY", ""}}));
  settings = Combine(*file, environment, {});
  EXPECT_EQ(settings->address(), "env:1");
  EXPECT_EQ(settings->gateway, "http://file:80");

  PartialSettings flags;
  flags.addresses = "flag:1";
  EXPECT_EQ(Combine(*file, environment, flags)->address(), "flag:1");
}

TEST(Settings, MistakesNameThePlaceAndNeverTheValue) {
  const auto unknown = ParseConfigFile("adress: x\n", "c.yaml");
  EXPECT_NE(unknown.status().message().find("c.yaml: unknown key adress"), std::string::npos);
  const auto shape = ParseConfigFile("api_key: [secret]\n", "c.yaml");
  EXPECT_FALSE(shape.ok());
  EXPECT_EQ(shape.status().message().find("secret"), std::string::npos);
  EXPECT_FALSE(ParseConfigFile("tls: perhaps\n", "c.yaml").ok());
  EXPECT_NE(ParseConfigFile("a: [", "c.yaml").status().message().find("c.yaml:1"),
            std::string::npos);
  EXPECT_TRUE(ParseConfigFile("", "c.yaml").ok());

  PartialSettings flags;
  flags.addresses = "no-port";
  EXPECT_FALSE(Combine({}, {}, flags).ok());
  flags = {};
  flags.gateway = "ftp://x";
  EXPECT_FALSE(Combine({}, {}, flags).ok());
  flags = {};
  flags.timeout = "soon";
  EXPECT_FALSE(Combine({}, {}, flags).ok());
  flags = {};
  flags.api_key = "two words\n";
  EXPECT_FALSE(Combine({}, {}, flags).ok());
}

TEST(Settings, AKeyDoesNotLeaveTheMachineUnencrypted) {
  PartialSettings flags;
  flags.api_key = "secret";
  EXPECT_TRUE(Combine({}, {}, flags).ok());  // loopback
  flags.addresses = "api.example.org:50051";
  const auto refused = Combine({}, {}, flags);
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().message().find("secret"), std::string::npos);
  flags.tls = true;
  EXPECT_TRUE(Combine({}, {}, flags).ok());
  flags.gateway = "http://api.example.org";
  EXPECT_FALSE(Combine({}, {}, flags).ok());
  flags.plaintext_key = true;
  EXPECT_TRUE(Combine({}, {}, flags).ok());
}

TEST(Settings, FilesLieWhereTheDesktopWantsThem) {
  EXPECT_EQ(DefaultConfigPath(From({{"HOME", "/h"}})), "/h/.config/stockroom/config.yaml");
  EXPECT_EQ(DefaultConfigPath(From({{"HOME", "/h"}, {"XDG_CONFIG_HOME", "/x"}})),
            "/x/stockroom/config.yaml");
  EXPECT_EQ(DefaultJournalPath(From({{"HOME", "/h"}})), "/h/.cache/stockroom/uploads.db");
  EXPECT_EQ(DefaultJournalPath(From({})), "");
}

}  // namespace
}  // namespace stockroom::cli
