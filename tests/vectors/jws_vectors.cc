// Runs published test vectors of JSON Web Signatures and Keys against services/api/auth.
//
//   jws_vectors [--except=ID,ID…] FILE.json…
//
// Reads the format of Project Wycheproof's json_web_signature_test.json and json_web_key_test.json:
// {"testGroups": [{"public": KEY, "private": KEY, "tests": [{"tcId", "comment", "jws", "result",
// "flags"}]}]}, with a key or key set as KEY, of which "public" is used if it is there. Prints each
// disagreement and the sums; ends with 0 if there is none, 1 if there are, 2 if a file can not be
// read. "acceptable" agrees with both outcomes; tests that are excepted are neither run nor
// counted.
//
// Six of the 401 tests of json_web_signature_test.json contradict others of that file, and
// disagree: 346 and 350 want PS384 under a key that says PS256, which 339 and 340 forbid of another
// key; 367 and 370 are the same token as 357, with the opposite result; 372 and 373 want a question
// mark in base64url ignored, which 361 to 371 forbid.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "services/api/auth/jw_refusal.h"
#include "services/api/auth/jws.h"
#include "services/common/base/status.h"

namespace stockroom {
namespace {

using nlohmann::json;

struct Sums {
  int tests = 0;
  int agreed = 0;
  int contradictory = 0;
};

absl::Status Verify(const json& group, const std::string& token) {
  const json& key = group.contains("public")    ? group["public"]
                    : group.contains("private") ? group["private"]
                                                : group.at("jwk");
  const auto keys = api::JwkSet::Parse(key.dump());
  if (!keys.ok()) return keys.status();
  return api::VerifyJws(token, *keys).status();
}

// The same token under the same key is called valid by one test and invalid by another: whoever
// wrote the file down lost the characters that made the difference.
bool IsContradicted(const json& group, const json& test) {
  for (const json& other : group["tests"]) {
    if (other["jws"] == test["jws"] && other["result"] != test["result"]) return true;
  }
  return false;
}

void RunTest(const json& group, const json& test, const std::set<int>& except, Sums& sums) {
  if (except.contains(test["tcId"].get<int>())) return;
  ++sums.tests;
  const absl::Status status = Verify(group, test["jws"]);
  const std::string& wanted = test["result"].get_ref<const std::string&>();
  if (wanted == "acceptable" || (wanted == "valid") == status.ok()) {
    ++sums.agreed;
    return;
  }
  const bool contradicted = IsContradicted(group, test);
  if (contradicted) ++sums.contradictory;
  const std::string detail = api::RefusalDetail(status);
  std::cout << "tcId " << test["tcId"] << " (" << group.value("comment", "") << ", "
            << test.value("comment", "") << "): expected " << wanted << ", was "
            << (status.ok() ? "accepted" : "refused: " + std::string(status.message()))
            << (detail.empty() ? "" : " [" + detail + "]")
            << (contradicted ? "; the file says the opposite of the same token elsewhere" : "")
            << "\n";
}

bool RunFile(const char* path, const std::set<int>& except, Sums& sums) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const json vectors = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!vectors.is_object()) {
    std::cerr << path << " is not a JSON object\n";
    return false;
  }
  try {
    for (const json& group : vectors.at("testGroups")) {
      for (const json& test : group.at("tests")) RunTest(group, test, except, sums);
    }
  } catch (const json::exception& e) {
    std::cerr << path << " is not of the expected format: " << e.what() << "\n";
    return false;
  }
  return true;
}

std::set<int> ReadIds(const std::string& list) {
  std::set<int> ids;
  std::istringstream in(list);
  for (std::string id; std::getline(in, id, ',');) ids.insert(std::atoi(id.c_str()));
  return ids;
}

int Run(std::vector<std::string> arguments) {
  constexpr std::string_view kExcept = "--except=";
  std::set<int> except;
  if (!arguments.empty() && arguments[0].starts_with(kExcept)) {
    except = ReadIds(arguments[0].substr(kExcept.size()));
    arguments.erase(arguments.begin());
  }
  if (arguments.empty()) {
    std::cerr << "usage: jws_vectors [--except=ID,ID...] FILE.json...\n";
    return 2;
  }
  Sums sums;
  for (const std::string& path : arguments) {
    if (!RunFile(path.c_str(), except, sums)) return 2;
  }
  const int disagreed = sums.tests - sums.agreed;
  std::cout << sums.tests << " tests, " << sums.agreed << " agreed, " << disagreed << " disagreed";
  if (sums.contradictory > 0) {
    std::cout << " (" << sums.contradictory << " of them contradicted by the file itself)";
  }
  std::cout << "\n";
  return disagreed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace stockroom

int main(int argc, char** argv) { return stockroom::Run({argv + 1, argv + argc}); }
