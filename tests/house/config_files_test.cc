// The documented configuration files are accepted with every profile and hold every key.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "services/api/options.h"
#include "services/fileserver/options.h"
#include "services/imageproc/options.h"

namespace stockroom {
namespace {

template <typename Options>
void CheckFile(const std::string& process, ConfigSchema (*schema_for)(Options&)) {
  const std::string file = std::string(STOCKROOM_ROOT) + "/deploy/config/" + process + ".yaml";
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  for (const char* profile : {"development", "test", "staging", "production"}) {
    Options options;
    const ConfigSchema schema = schema_for(options);
    const char* argv[] = {"x", "--config", file.c_str(), "--profile", profile};
    const auto loaded = LoadConfig(schema, 5, argv);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    for (const ConfigSchema::Entry& entry : schema.entries()) {
      const std::string last = entry.key.substr(entry.key.rfind('.') + 1);
      EXPECT_NE(text.str().find(last + ":"), std::string::npos)
          << file << " does not mention " << entry.key;
    }
  }
}

TEST(ConfigFiles, AreAcceptedWithEveryProfileAndHoldEveryKey) {
  // A stray .env of the developer must not decide this test.
  std::filesystem::current_path(std::filesystem::temp_directory_path());
  CheckFile<api::Options>("api", &api::SchemaFor);
  CheckFile<imageproc::Options>("imageproc", &imageproc::SchemaFor);
  CheckFile<fileserver::Options>("fileserver", &fileserver::SchemaFor);
}

}  // namespace
}  // namespace stockroom
