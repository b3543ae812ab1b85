#include "services/common/base/signing_keys.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

constexpr size_t kLeastKeyBytes = 16;  // 128 bits
constexpr size_t kMostKeys = 8;        // each one costs a hash in every check

}  // namespace

std::vector<std::string> ParseSigningKeys(std::string_view content) {
  std::vector<std::string> keys;
  for (const absl::string_view line : absl::StrSplit(Av(content), '\n')) {
    const absl::string_view key = absl::StripAsciiWhitespace(line);
    if (!key.empty() && key.front() != '#') keys.emplace_back(key);
  }
  return keys;
}

absl::Status CheckSigningKeys(const std::vector<std::string>& keys) {
  if (keys.empty() || keys.size() > kMostKeys) {
    return InvalidArgument("BAD_SIGNING_KEYS",
                           absl::StrCat("expected 1 to ", kMostKeys, " keys for signing URLs"));
  }
  for (const std::string& key : keys) {
    if (key.size() < kLeastKeyBytes) {
      return InvalidArgument(
          "BAD_SIGNING_KEYS",
          absl::StrCat("a key for signing URLs has less than ", kLeastKeyBytes, " bytes"));
    }
  }
  return absl::OkStatus();
}

}  // namespace stockroom
