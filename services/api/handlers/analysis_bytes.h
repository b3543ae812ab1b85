// Analysis results, which are stored as JSON, as the bytes of a google.protobuf.Struct: straight
// from the text, without the thousand small messages between, which took longer to make than all
// else that is done to index an image.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace stockroom::api {

// Levels of a result that are shown: those who read messages follow them by recursion.
inline constexpr int kDeepestAnalysis = 64;

// Appends the fields of the Struct, each a result under its name. False, with something appended or
// not, if a result is no JSON object, is too deep, or has a number that 64 bits do not hold: for
// ToMessage, which can do more. Equal results give equal bytes.
bool AppendAnalysisBytes(const std::map<std::string, std::string>& analysis, std::string& bytes);

// The text under `member` of a result; nothing if there is none.
std::optional<std::string> TextInResult(const std::string& result, const char* member);

}  // namespace stockroom::api
