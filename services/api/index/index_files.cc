#include "services/api/index/index_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "absl/strings/numbers.h"

namespace stockroom::api {
namespace {

constexpr std::string_view kFolderPrefix = "index-";
constexpr std::string_view kMarkPrefix = "event-";

std::string MarkName(int64_t position) {
  return std::string(kMarkPrefix) + std::to_string(position);
}

}  // namespace

std::string IndexFolder(const std::string& root, int64_t number) {
  return root + "/" + std::string(kFolderPrefix) + std::to_string(number);
}

std::vector<int64_t> IndexNumbersIn(const std::string& root) {
  std::vector<int64_t> numbers;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    const std::string name = entry.path().filename().string();
    int64_t number = 0;
    if (name.starts_with(kFolderPrefix) &&
        absl::SimpleAtoi(name.substr(kFolderPrefix.size()), &number) && number > 0) {
      numbers.push_back(number);
    }
  }
  std::sort(numbers.rbegin(), numbers.rend());
  return numbers;
}

void RemoveIndexFolder(const std::string& folder) {
  if (folder.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

absl::Status WriteEventMark(const std::string& folder, int64_t position, const std::string& event) {
  std::ofstream file(folder + "/" + MarkName(position), std::ios::binary | std::ios::trunc);
  file << event;
  file.close();
  return file.good() ? absl::OkStatus()
                     : absl::InternalError("the event's mark can not be written");
}

std::string ReadEventMark(const std::string& folder, int64_t position) {
  std::ifstream file(folder + "/" + MarkName(position), std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void RemoveEventMarksBut(const std::string& folder, int64_t position) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::error_code ignored;
    if (name.starts_with(kMarkPrefix) && name != MarkName(position)) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
}

}  // namespace stockroom::api
