#include "services/common/base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace stockroom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() /
                 ("config_test_" + std::to_string(::getpid()) + "_" +
                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(directory_);
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(directory_);
    schema_.Text("name", &name_, "A name.");
    schema_.Integer("limits.size", &size_, 1, 1 << 20, "A size.");
    schema_.Boolean("fast", &fast_, "A truth value.");
    schema_.Duration("limits.wait", &wait_, absl::Seconds(1), absl::Hours(1), "A duration.");
    schema_.Choice("mode", &mode_, {"one", "two"}, "A choice.");
    schema_.TextList("peers", &peers_, "A list.");
    schema_.TextMap("presets", &presets_, "A mapping.");
  }
  void TearDown() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(directory_);
    unsetenv("STOCKROOM_DEMO_NAME");
    unsetenv("STOCKROOM_DEMO_NAMME");
    unsetenv("STOCKROOM_DEMO_PORT_8080_TCP");
    unsetenv("STOCKROOM_PROFILE");
  }

  static void Write(const std::string& file, const std::string& text) {
    std::ofstream(file) << text;
  }
  absl::StatusOr<LoadedConfig> Load(std::vector<const char*> flags = {}) {
    flags.insert(flags.begin(), "demo");
    return LoadConfig(schema_, static_cast<int>(flags.size()), flags.data());
  }
  std::string Error(const std::vector<const char*>& flags) {
    const auto loaded = Load(flags);
    EXPECT_FALSE(loaded.ok());
    return std::string(loaded.status().message());
  }

  std::filesystem::path directory_;
  std::filesystem::path before_;
  ConfigSchema schema_{"demo"};
  std::string name_ = "default";
  int64_t size_ = 7;
  bool fast_ = false;
  absl::Duration wait_ = absl::Seconds(5);
  std::string mode_ = "one";
  std::vector<std::string> peers_;
  std::vector<std::pair<std::string, std::string>> presets_;
};

TEST_F(ConfigTest, WithoutAnySourceDefaultsHold) {
  const auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->profile, "development");
  EXPECT_EQ(name_, "default");
  EXPECT_EQ(size_, 7);
}

TEST_F(ConfigTest, AFileSetsEveryKindOfValue) {
  Write("c.yaml",
        "name: photo\nfast: true\nmode: two\nlimits:\n  size: 64KiB\n  wait: 90s\n"
        "peers: [a:1, b:2]\npresets: {thumb: fit=1x1}\n");
  ASSERT_TRUE(Load({"--config", "c.yaml"}).ok());
  EXPECT_EQ(name_, "photo");
  EXPECT_TRUE(fast_);
  EXPECT_EQ(mode_, "two");
  EXPECT_EQ(size_, 65536);
  EXPECT_EQ(wait_, absl::Seconds(90));
  EXPECT_THAT(peers_, ElementsAre("a:1", "b:2"));
  EXPECT_THAT(presets_, ElementsAre(Pair("thumb", "fit=1x1")));
}

TEST_F(ConfigTest, LaterSourcesWin) {
  Write("c.yaml",
        "name: file\nprofiles:\n  staging:\n    name: profile\n  production: {name: no}\n");
  ASSERT_TRUE(Load({"--config", "c.yaml"}).ok());
  EXPECT_EQ(name_, "file");
  ASSERT_TRUE(Load({"--config", "c.yaml", "--profile", "staging"}).ok());
  EXPECT_EQ(name_, "profile");
  Write(".env", "# comment\nSTOCKROOM_PROFILE=staging\nexport STOCKROOM_DEMO_NAME='dotenv'\n");
  const auto loaded = Load({"--config", "c.yaml"});
  EXPECT_EQ(loaded->profile, "staging");
  EXPECT_EQ(name_, "dotenv");
  setenv("STOCKROOM_DEMO_NAME", "environment", 1);
  ASSERT_TRUE(Load({"--config", "c.yaml"}).ok());
  EXPECT_EQ(name_, "environment");
  ASSERT_TRUE(Load({"--config", "c.yaml", "--name=flag"}).ok());
  EXPECT_EQ(name_, "flag");
}

TEST_F(ConfigTest, AnUnknownKeyNamesFileLineAndTheLikelyOne) {
  Write("c.yaml", "name: x\nlimits:\n  sise: 3\n");
  const std::string error = Error({"--config", "c.yaml"});
  EXPECT_THAT(error, HasSubstr("c.yaml:3"));
  EXPECT_THAT(error, HasSubstr("limits.sise"));
  EXPECT_THAT(error, HasSubstr("did you mean limits.size"));
}

TEST_F(ConfigTest, ABadValueNamesFileLineAndWhatWasExpected) {
  Write("c.yaml", "name: x\n\nlimits:\n  size: many\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), AllOf(HasSubstr("c.yaml:4"), HasSubstr("limits.size"),
                                                   HasSubstr("an integer from 1")));
  Write("c.yaml", "limits: {size: 0}\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("out of range"));
  Write("c.yaml", "limits: {size: 99999999999999999999}\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("not an integer"));
  Write("c.yaml", "limits: {size: 9999999999TiB}\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("not an integer"));
  Write("c.yaml", "fast: yes\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("true or false"));
  Write("c.yaml", "mode: three\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("one of one, two"));
  Write("c.yaml", "limits: {wait: 2h}\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("duration"));
  Write("c.yaml", "peers: a\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("a list of texts"));
}

TEST_F(ConfigTest, BrokenFilesAreNamed) {
  EXPECT_THAT(Error({"--config", "missing.yaml"}), HasSubstr("missing.yaml: can not be read"));
  Write("c.yaml", "name: [\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("c.yaml:2"));
  Write("c.yaml", "name: a\nname: b\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("given twice"));
  Write("c.yaml", "profiles: {prod: {name: a}}\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("unknown profile"));
  Write("c.yaml", "- a\n");
  EXPECT_THAT(Error({"--config", "c.yaml"}), HasSubstr("expected a mapping"));
}

TEST_F(ConfigTest, AMistypedEnvironmentVariableStopsTheStart) {
  setenv("STOCKROOM_DEMO_NAMME", "x", 1);
  EXPECT_THAT(Error({}), HasSubstr("STOCKROOM_DEMO_NAMME"));
}

TEST_F(ConfigTest, VariablesThatKubernetesInjectsAreLeftAlone) {
  setenv("STOCKROOM_DEMO_PORT_8080_TCP", "tcp://10.0.0.1:8080", 1);
  EXPECT_TRUE(Load().ok());
}

TEST_F(ConfigTest, AMistypedLineOfDotEnvIsNamed) {
  Write(".env", "\nnonsense\n");
  EXPECT_THAT(Error({}), HasSubstr(".env:2"));
  Write(".env", "STOCKROOM_DEMO_NAMME=x\n");
  EXPECT_THAT(Error({}), HasSubstr(".env:1"));
}

TEST_F(ConfigTest, UnknownFlagsAndProfilesStopTheStart) {
  EXPECT_THAT(Error({"--nmae=x"}), HasSubstr("nmae"));
  EXPECT_THAT(Error({"--profile", "prod"}), HasSubstr("development, test, staging, production"));
  EXPECT_THAT(Error({"--limits.size=0"}), HasSubstr("flag --limits.size"));
}

TEST_F(ConfigTest, ABooleanFlagNeedsNoValue) {
  ASSERT_TRUE(Load({"--fast"}).ok());
  EXPECT_TRUE(fast_);
  ASSERT_TRUE(Load({"--fast=false"}).ok());
  EXPECT_FALSE(fast_);
}

TEST_F(ConfigTest, ThePrintedDefaultFileReadsBackAsTheDefaults) {
  name_ = "with \"quotes\"";
  ConfigSchema schema("demo");
  schema.Text("name", &name_, "A name.");
  schema.TextList("peers", &peers_, "A list.");
  schema.Duration("limits.wait", &wait_, absl::Seconds(1), absl::Hours(1), "A duration.");
  Write("c.yaml", schema.DefaultFile());
  name_ = "other";
  wait_ = absl::Seconds(1);
  const char* argv[] = {"demo", "--config", "c.yaml"};
  ASSERT_TRUE(LoadConfig(schema, 3, argv).ok());
  EXPECT_EQ(name_, "with \"quotes\"");
  EXPECT_EQ(wait_, absl::Seconds(5));
}

TEST(BindRule, OnlyLoopbackMayBeBoundWithoutSayingSo) {
  for (const char* loopback : {"127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "localhost:80"}) {
    EXPECT_TRUE(CheckMayBind("listen", loopback, false).ok()) << loopback;
  }
  for (const char* open : {"0.0.0.0:80", "[::]:80", "10.0.0.1:80", "127.evil.example:80",
                           "127.0.0.1.evil.example:80", "128.0.0.1:80"}) {
    EXPECT_FALSE(CheckMayBind("listen", open, false).ok()) << open;
    EXPECT_TRUE(CheckMayBind("listen", open, true).ok()) << open;
  }
  EXPECT_THAT(std::string(CheckMayBind("listen", "0.0.0.0:80", false).message()),
              HasSubstr("allow_anonymous"));
}

TEST(HostPort, IsParsedStrictly) {
  EXPECT_EQ(ParseHostPort("[::1]:0")->host, "::1");
  EXPECT_EQ(ParseHostPort("worker-1.local:50061")->port, 50061);
  for (const char* bad :
       {"", "host", ":80", "host:", "host:65536", "host:-1", "host:8x", "::1:80"}) {
    EXPECT_FALSE(ParseHostPort(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace stockroom
