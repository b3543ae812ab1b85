#include "services/imageproc/codec/svg_check.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/strings.h"

namespace stockroom::imageproc {
namespace {

// More markup than any drawing for a page has; keeps the time for this check and for drawing short.
constexpr size_t kMaxSvgBytes = 8 << 20;

absl::Status Refused(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("The SVG has ", Av(what), "; that is not read."));
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

bool IsInnerReference(std::string_view target) {
  target = Trimmed(target);
  if (target.empty() || target.front() == '#') return true;
  for (const char* type : {"png", "jpeg", "jpg", "gif", "webp"}) {
    const std::string prefix = absl::StrCat("data:image/", type);
    if (absl::StartsWithIgnoreCase(Av(target), prefix) && target.size() > prefix.size() &&
        (target[prefix.size()] == ';' || target[prefix.size()] == ',')) {
      return true;
    }
  }
  return false;
}

// Style text, in attributes or <style>: url(...) only to inner things, no @import. Who spells them
// with escapes gets past this, to a library without a base address in a process without files.
absl::Status CheckStyle(std::string_view css) {
  const std::string lower = absl::AsciiStrToLower(Av(css));
  if (lower.find("@import") != std::string::npos) return Refused("a style sheet from elsewhere");
  for (size_t at = lower.find("url("); at != std::string::npos; at = lower.find("url(", at + 1)) {
    // Not further than the next one, or many without an end would take time without an end.
    const size_t end = lower.find_first_of("()", at + 4);
    if (end == std::string::npos || lower[end] == '(') return Refused("a reference without an end");
    std::string_view target = Trimmed(css.substr(at + 4, end - at - 4));
    if (!target.empty() && (target.front() == '"' || target.front() == '\'')) {
      target = target.substr(1, target.size() - 1 - (target.back() == target.front() ? 1 : 0));
    }
    if (!IsInnerReference(target)) return Refused("a reference to something outside of it");
  }
  return absl::OkStatus();
}

// `tag`: what stands between < and >.
absl::Status CheckTag(std::string_view tag) {
  const size_t name_end = std::min(tag.find_first_of(" \t\r\n\f/"), tag.size());
  const std::string_view name = tag.substr(0, name_end);
  const bool link = name == "a" || name.ends_with(":a");
  for (size_t at = name_end; at < tag.size();) {
    const size_t equals = tag.find('=', at);
    if (equals == std::string_view::npos) break;
    const std::string_view attribute = Trimmed(tag.substr(at, equals - at));
    const size_t open = tag.find_first_of("\"'", equals);
    if (open == std::string_view::npos) break;
    const size_t close = std::min(tag.find(tag[open], open + 1), tag.size());
    const std::string_view value = tag.substr(open + 1, close - open - 1);
    const bool reference = attribute.ends_with("href") || attribute.ends_with("src");
    if (reference && !link && !IsInnerReference(value)) {
      return Refused("a reference to something outside of it");
    }
    if (absl::Status status = CheckStyle(value); !status.ok()) return status;
    at = close + 1;
  }
  return absl::OkStatus();
}

// Of a comment, literal text or an instruction at the beginning of `text`; 0 if there is none.
size_t OpaqueLength(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
      {"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};
  for (const auto& [open, close] : kKinds) {
    if (!text.starts_with(open)) continue;
    const size_t end = text.find(close, open.size());
    return end == std::string_view::npos ? text.size() : end + close.size();
  }
  return 0;
}

// The end of a tag: > outside of quotes.
size_t TagEnd(std::string_view text, size_t at) {
  char quote = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      return at;
    }
  }
  return text.size();
}

}  // namespace

absl::Status CheckSvg(std::string_view document) {
  if (document.size() > kMaxSvgBytes) return Refused("more than 8 MiB of markup");
  if (document.find('\0') != std::string_view::npos) return Refused("zero bytes");
  const std::string lower = absl::AsciiStrToLower(Av(document));
  for (const char* declaration :
       {"<!entity", "<!element", "<!attlist", "<!notation", "<?xml-stylesheet"}) {
    if (lower.find(declaration) != std::string::npos) return Refused("declarations");
  }
  if (absl::Status status = CheckStyle(document); !status.ok()) return status;
  for (size_t at = document.find('<'); at != std::string_view::npos; at = document.find('<', at)) {
    const std::string_view rest = document.substr(at);
    if (const size_t length = OpaqueLength(rest); length > 0) {
      at += length;
      continue;
    }
    const size_t end = TagEnd(document, at + 1);
    const std::string_view tag = document.substr(at + 1, end - at - 1);
    if (tag.starts_with("xi:include")) return Refused("an inclusion");
    if (absl::Status status = CheckTag(tag); !status.ok()) return status;
    at = end;
  }
  return absl::OkStatus();
}

}  // namespace stockroom::imageproc
