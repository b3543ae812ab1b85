#include "services/common/s3/xml.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::s3 {
namespace {

bool IsNameByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.' ||
         c == ':';
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void AppendUtf8(uint32_t code, std::string& to) {
  const auto put = [&](uint32_t byte) { to += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view document) : text_(document) {}

  absl::StatusOr<XmlElement> Document() {
    Take("\xef\xbb\xbf");
    if (Take("<?xml")) {
      const size_t end = text_.find("?>", at_);
      if (end == std::string_view::npos) return Wrong("the declaration does not end");
      at_ = end + 2;
    }
    SkipSpace();
    SR_ASSIGN_OR_RETURN(XmlElement root, Element(1));
    SkipSpace();
    if (at_ != text_.size()) return Wrong("something follows the root");
    return root;
  }

 private:
  absl::Status Wrong(std::string_view what) const {
    return InvalidArgument("BAD_XML", absl::StrCat("byte ", at_, ": ", Av(what)));
  }
  bool Take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  std::string_view Name() {
    const size_t begin = at_;
    while (at_ < text_.size() && IsNameByte(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  // Behind the name, up to and with '>' or "/>"; true for the latter.
  absl::StatusOr<bool> Attributes() {
    for (;;) {
      SkipSpace();
      if (Take("/>")) return true;
      if (Take(">")) return false;
      if (Name().empty()) return Wrong("an attribute or '>' is expected");
      SkipSpace();
      if (!Take("=")) return Wrong("'=' is expected");
      SkipSpace();
      const char quote = at_ < text_.size() ? text_[at_] : '\0';
      if (quote != '"' && quote != '\'') return Wrong("a quote is expected");
      const size_t end = text_.find(quote, at_ + 1);
      if (end == std::string_view::npos) return Wrong("a quote is missing");
      if (text_.substr(at_, end - at_).find('<') != std::string_view::npos) {
        return Wrong("'<' in an attribute");
      }
      at_ = end + 1;
    }
  }

  absl::StatusOr<XmlElement> Element(int depth) {
    if (depth > kDeepestXml) return Wrong("elements are nested too deeply");
    if (!Take("<")) return Wrong("an element is expected");
    const std::string_view name = Name();
    if (name.empty()) return Wrong("the name of an element is expected");
    XmlElement element;
    const size_t colon = name.rfind(':');
    element.name = colon == std::string_view::npos ? name : name.substr(colon + 1);
    SR_ASSIGN_OR_RETURN(const bool empty, Attributes());
    if (empty) return element;
    while (at_ < text_.size()) {
      if (Take("</")) {
        if (Name() != name) return Wrong("the end of another element");
        SkipSpace();
        if (!Take(">")) return Wrong("'>' is expected");
        SR_RETURN_IF_ERROR(CheckText(element));
        return element;
      }
      if (text_[at_] == '<') {
        SR_ASSIGN_OR_RETURN(XmlElement child, Element(depth + 1));
        element.children.push_back(std::move(child));
      } else {
        SR_RETURN_IF_ERROR(Characters(element.text));
      }
    }
    return Wrong("the document ends too early");
  }

  absl::Status CheckText(XmlElement& element) const {
    if (!IsCleanUtf8(element.text)) return Wrong("text that is not UTF-8");
    if (element.children.empty()) return absl::OkStatus();
    if (!std::all_of(element.text.begin(), element.text.end(), IsSpace)) {
      return Wrong("text between elements");
    }
    element.text.clear();
    return absl::OkStatus();
  }

  absl::Status Characters(std::string& to) {
    if (text_[at_] != '&') {
      const size_t end = std::min(text_.find_first_of("<&", at_), text_.size());
      to += text_.substr(at_, end - at_);
      at_ = end;
      return absl::OkStatus();
    }
    for (const auto& [entity, character] : {std::pair<std::string_view, char>{"&lt;", '<'},
                                            {"&gt;", '>'},
                                            {"&amp;", '&'},
                                            {"&quot;", '"'},
                                            {"&apos;", '\''}}) {
      if (!Take(entity)) continue;
      to += character;
      return absl::OkStatus();
    }
    return Number(to);
  }

  absl::Status Number(std::string& to) {
    if (!Take("&#")) return Wrong("an entity that is not known");
    const int base = Take("x") ? 16 : 10;
    uint32_t code = 0;
    const size_t begin = at_;
    for (; at_ < text_.size() && text_[at_] != ';'; ++at_) {
      const int digit = HexDigit(text_[at_]);
      if (digit < 0 || digit >= base || at_ - begin > 7) return Wrong("a number that is none");
      code = code * static_cast<uint32_t>(base) + static_cast<uint32_t>(digit);
    }
    if (at_ == begin || !Take(";")) return Wrong("a number that does not end");
    if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
      return Wrong("a number that is no character");
    }
    AppendUtf8(code, to);
    return absl::OkStatus();
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

const XmlElement* XmlElement::Find(std::string_view child) const {
  const auto it = std::find_if(children.begin(), children.end(),
                               [&](const XmlElement& c) { return c.name == child; });
  return it == children.end() ? nullptr : &*it;
}

std::string_view XmlElement::TextOf(std::string_view child) const {
  const XmlElement* const found = Find(child);
  return found == nullptr ? std::string_view() : found->text;
}

absl::StatusOr<XmlElement> ParseXml(std::string_view document) {
  return Reader(document).Document();
}

std::string XmlEscape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\r':
        escaped += "&#13;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace stockroom::s3
