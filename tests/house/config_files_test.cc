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

// Is `section.name` set at the file's top level, not only in a profile? The files are generated,
// two spaces a level.
bool Holds(const std::string& text, const std::string& key) {
  const std::string top = "\n" + text.substr(0, text.find("\nprofiles:"));
  const size_t dot = key.find('.');
  if (dot == std::string::npos) return top.find("\n" + key + ":") != std::string::npos;
  const size_t section = top.find("\n" + key.substr(0, dot) + ":\n");
  if (section == std::string::npos) return false;
  size_t end = section + 1;  // the section ends at the next line that is not indented
  while ((end = top.find('\n', end)) != std::string::npos && end + 1 < top.size() &&
         (top[end + 1] == ' ' || top[end + 1] == '\n')) {
    ++end;
  }
  return top.substr(section, end - section).find("\n  " + key.substr(dot + 1) + ":") !=
         std::string::npos;
}

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
      EXPECT_TRUE(Holds(text.str(), entry.key)) << file << " does not hold " << entry.key;
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
