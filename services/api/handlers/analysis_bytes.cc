#include "services/api/handlers/analysis_bytes.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wire_format_lite.h>
#include <simdjson.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "services/api/handlers/plain_json.h"
#include "services/api/handlers/varint.h"

namespace stockroom::api {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;
using google::protobuf::internal::WireFormatLite;

// Of a message with fields up to number 15: one byte.
constexpr char TagOf(int field, WireFormatLite::WireType type) {
  return static_cast<char>(WireFormatLite::MakeTag(field, type));
}
constexpr auto kText = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
constexpr char kFieldsTag = TagOf(Struct::kFieldsFieldNumber, kText);
constexpr char kValuesTag = TagOf(ListValue::kValuesFieldNumber, kText);
// Of an entry of a map: protobuf's own numbers.
constexpr char kKeyTag = TagOf(1, kText);
constexpr char kValueTag = TagOf(2, kText);
constexpr char kNullTag = TagOf(Value::kNullValueFieldNumber, WireFormatLite::WIRETYPE_VARINT);
constexpr char kNumberTag = TagOf(Value::kNumberValueFieldNumber, WireFormatLite::WIRETYPE_FIXED64);
constexpr char kStringTag = TagOf(Value::kStringValueFieldNumber, kText);
constexpr char kBoolTag = TagOf(Value::kBoolValueFieldNumber, WireFormatLite::WIRETYPE_VARINT);
constexpr char kStructTag = TagOf(Value::kStructValueFieldNumber, kText);
constexpr char kListTag = TagOf(Value::kListValueFieldNumber, kText);

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  // False: too deep.
  bool Entry(std::string_view key, simdjson::dom::element value, int level) {
    const size_t entry = Open(kFieldsTag);
    Text(kKeyTag, key);
    const size_t of_value = Open(kValueTag);
    const bool fits = PutValue(value, level);
    Close(of_value);
    Close(entry);
    return fits;
  }
  // The same of a Value in bytes.
  void Entry(std::string_view key, std::string_view value) {
    const size_t entry = Open(kFieldsTag);
    Text(kKeyTag, key);
    Text(kValueTag, value);
    Close(entry);
  }

 private:
  bool PutValue(simdjson::dom::element value, int level) {
    if (level > kDeepestAnalysis) return false;
    using simdjson::dom::element_type;
    switch (value.type()) {
      case element_type::OBJECT: {
        const size_t begin = Open(kStructTag);
        bool fits = true;
        for (const auto [key, member] : simdjson::dom::object(value)) {
          fits = fits && Entry(key, member, level + 1);
        }
        Close(begin);
        return fits;
      }
      case element_type::ARRAY: {
        const size_t begin = Open(kListTag);
        bool fits = true;
        for (const simdjson::dom::element element : simdjson::dom::array(value)) {
          if (!fits) break;
          const size_t one = Open(kValuesTag);
          fits = PutValue(element, level + 1);
          Close(one);
        }
        Close(begin);
        return fits;
      }
      case element_type::STRING:
        Text(kStringTag, std::string_view(value));
        return true;
      case element_type::BOOL:
        Bool(bool(value));
        return true;
      case element_type::NULL_VALUE:
        Null();
        return true;
      case element_type::INT64:
        Number(static_cast<double>(int64_t(value)));
        return true;
      case element_type::UINT64:
        Number(static_cast<double>(uint64_t(value)));
        return true;
      case element_type::DOUBLE:
        Number(double(value));
        return true;
    }
    return false;
  }

  // The length comes later; that of most takes a single byte.
  size_t Open(char tag) {
    out_ += tag;
    out_ += '\0';
    return out_.size();
  }
  void Close(size_t begin) {
    size_t size = out_.size() - begin;
    if (size < 0x80) {
      out_[begin - 1] = static_cast<char>(size);
      return;
    }
    char length[kLongestVarint];
    const auto bytes = static_cast<size_t>(PutVarint(size, length) - length);
    out_.insert(begin, bytes - 1, '\0');
    std::memcpy(out_.data() + begin - 1, length, bytes);
  }
  void Text(char tag, std::string_view text) {
    char head[1 + kLongestVarint] = {tag};
    out_.append(head, static_cast<size_t>(PutVarint(text.size(), head + 1) - head));
    out_.append(text);
  }
  void Number(double number) {
    static_assert(std::endian::native == std::endian::little);
    char bytes[9] = {kNumberTag};
    std::memcpy(bytes + 1, &number, sizeof(number));
    out_.append(bytes, sizeof(bytes));
  }
  void Bool(bool value) {
    out_ += kBoolTag;
    out_ += static_cast<char>(value ? 1 : 0);
  }
  void Null() {
    out_ += kNullTag;
    out_ += '\0';
  }

  std::string& out_;
};

// Makes of plain JSON what Writer makes of any.
class PlainWriter {
 public:
  // Each byte of a text becomes twelve at most: "1," is a Value of a double in a list.
  static constexpr size_t kMostText = 8 << 10;
  static constexpr size_t kRoom = 12 * kMostText + 64;

  explicit PlainWriter(char* to) : at_(to) {}
  const char* at() const { return at_; }

  void Begin(bool is_object) {
    if (depth_ > 0) BeginValue();
    Open(is_object ? kStructTag : kListTag);
    levels_[depth_++] = is_object;
  }
  void End() {
    --depth_;
    Close();
    if (depth_ > 0) EndValue();
  }
  void Key(std::string_view key) {
    Open(kFieldsTag);
    Put(kKeyTag, key);
  }
  void Text(std::string_view text) {
    BeginValue();
    Put(kStringTag, text);
    EndValue();
  }
  void Number(double number) {
    static_assert(std::endian::native == std::endian::little);
    BeginValue();
    *at_++ = kNumberTag;
    std::memcpy(at_, &number, sizeof(number));
    at_ += sizeof(number);
    EndValue();
  }
  void Bool(bool value) {
    BeginValue();
    *at_++ = kBoolTag;
    *at_++ = value ? 1 : 0;
    EndValue();
  }
  void Null() {
    BeginValue();
    *at_++ = kNullTag;
    *at_++ = 0;
    EndValue();
  }

 private:
  // Those of a level, of its member and of that one's value.
  static constexpr int kMostOpen = 3 * PlainJson<PlainWriter>::kDeepest;

  bool in_object() const { return levels_[depth_ - 1]; }
  void BeginValue() { Open(in_object() ? kValueTag : kValuesTag); }
  void EndValue() {
    Close();
    if (in_object()) Close();
  }
  void Open(char tag) {
    *at_++ = tag;
    open_[opened_++] = ++at_;
  }
  void Close() {
    char* const begin = open_[--opened_];
    auto size = static_cast<size_t>(at_ - begin);
    if (size < 0x80) {
      begin[-1] = static_cast<char>(size);
      return;
    }
    char length[kLongestVarint];
    const auto bytes = static_cast<size_t>(PutVarint(size, length) - length);
    std::memmove(begin + bytes - 1, begin, size);
    std::memcpy(begin - 1, length, bytes);
    at_ += bytes - 1;
  }
  void Put(char tag, std::string_view text) {
    *at_++ = tag;
    at_ = PutVarint(text.size(), at_);
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }

  char* at_;
  int depth_ = 0;
  int opened_ = 0;
  bool levels_[PlainJson<PlainWriter>::kDeepest] = {};
  char* open_[kMostOpen] = {};
};

// As Writer::Entry. Appends nothing, and gives false, if the text is not plain.
bool AppendPlainEntry(const std::string& name, const std::string& text, std::string& bytes) {
  if (text.size() > PlainWriter::kMostText) return false;
  thread_local const auto room = std::make_unique_for_overwrite<char[]>(PlainWriter::kRoom);
  PlainWriter sink(room.get());
  if (!PlainJson(text, sink).ReadObject()) return false;
  const std::string_view value(room.get(), static_cast<size_t>(sink.at() - room.get()));
  Writer(bytes).Entry(name, value);
  return true;
}

// False if it is no JSON object. Valid until the thread parses the next.
bool ParseObject(const std::string& text, simdjson::dom::element& root) {
  thread_local simdjson::dom::parser parser;
  return !parser.parse(text).get(root) && root.is_object();
}

}  // namespace

bool AppendAnalysisBytes(const std::map<std::string, std::string>& analysis, std::string& bytes) {
  Writer writer(bytes);
  for (const auto& [name, text] : analysis) {
    if (AppendPlainEntry(name, text, bytes)) continue;
    simdjson::dom::element root;
    if (!ParseObject(text, root) || !writer.Entry(name, root, 0)) return false;
  }
  return true;
}

std::optional<std::string> TextInResult(const std::string& result, const char* member) {
  simdjson::dom::element root;
  std::string_view text;
  if (!ParseObject(result, root) || root[member].get(text)) return std::nullopt;
  return std::string(text);
}

}  // namespace stockroom::api
