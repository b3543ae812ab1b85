// The XML that S3 servers answer with: elements and text, nothing else.
//
// Strict: no DTD (and so no entities but the five and numbers), no processing instructions, no
// CDATA, no comments. Attributes (xmlns) are read over. Text beside child elements must be white
// space.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace stockroom::s3 {

inline constexpr int kDeepestXml = 16;

struct XmlElement {
  std::string name;  // without its namespace prefix
  std::string text;  // decoded; empty if there are children
  std::vector<XmlElement> children;

  // The first of that name; null if there is none.
  const XmlElement* Find(std::string_view child) const;
  // Text of the first of that name; empty if there is none.
  std::string_view TextOf(std::string_view child) const;
};

// INVALID_ARGUMENT says what is wrong and where. The caller bounds the size.
absl::StatusOr<XmlElement> ParseXml(std::string_view document);

// `text` as text of an element.
std::string XmlEscape(std::string_view text);

}  // namespace stockroom::s3
