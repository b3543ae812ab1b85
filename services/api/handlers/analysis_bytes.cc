#include "services/api/handlers/analysis_bytes.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wire_format_lite.h>
#include <simdjson.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "services/api/handlers/varint.h"
#include "services/common/base/kept_room.h"

namespace stockroom::api {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;
using google::protobuf::internal::WireFormatLite;

// Bytes kept for the next: enough for results of some kilobytes.
constexpr size_t kKept = size_t{64} << 10;

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

// Writes into memory that is there.
class Writer {
 public:
  // What an entry needs at most. Each byte of a text becomes twelve at most: "1," is a Value of a
  // double in a list.
  static size_t RoomFor(std::string_view key, std::string_view text) {
    return key.size() + 12 * text.size() + 64;
  }

  explicit Writer(char* to) : at_(to) {}
  const char* at() const { return at_; }

  // False: too deep.
  bool Entry(std::string_view key, simdjson::dom::element value, int level) {
    char* const entry = Open(kFieldsTag);
    Text(kKeyTag, key);
    char* const of_value = Open(kValueTag);
    const bool fits = PutValue(value, level);
    Close(of_value);
    Close(entry);
    return fits;
  }

 private:
  bool PutValue(simdjson::dom::element value, int level) {
    if (level > kDeepestAnalysis) return false;
    using simdjson::dom::element_type;
    switch (value.type()) {
      case element_type::OBJECT: {
        char* const begin = Open(kStructTag);
        bool fits = true;
        for (const auto [key, member] : simdjson::dom::object(value)) {
          fits = fits && Entry(key, member, level + 1);
        }
        Close(begin);
        return fits;
      }
      case element_type::ARRAY: {
        char* const begin = Open(kListTag);
        bool fits = true;
        for (const simdjson::dom::element element : simdjson::dom::array(value)) {
          if (!fits) break;
          char* const one = Open(kValuesTag);
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
        Short(kBoolTag, bool(value) ? 1 : 0);
        return true;
      case element_type::NULL_VALUE:
        Short(kNullTag, 0);
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
  char* Open(char tag) {
    *at_++ = tag;
    return ++at_;
  }
  void Close(char* begin) {
    const auto size = static_cast<size_t>(at_ - begin);
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
  void Text(char tag, std::string_view text) {
    *at_++ = tag;
    at_ = PutVarint(text.size(), at_);
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void Number(double number) {
    static_assert(std::endian::native == std::endian::little);
    *at_++ = kNumberTag;
    std::memcpy(at_, &number, sizeof(number));
    at_ += sizeof(number);
  }
  void Short(char tag, char value) {
    *at_++ = tag;
    *at_++ = value;
  }

  char* at_;
};

// False if it is no JSON object. Valid until the thread parses the next.
bool ParseObject(const std::string& text, simdjson::dom::element& root) {
  thread_local simdjson::dom::parser parser;
  return !parser.parse(text).get(root) && root.is_object();
}

}  // namespace

bool AppendAnalysisBytes(const std::map<std::string, std::string>& analysis, std::string& bytes) {
  for (const auto& [name, text] : analysis) {
    simdjson::dom::element root;
    if (!ParseObject(text, root)) return false;
    thread_local std::unique_ptr<char[]> kept;
    const KeptRoom<kKept> room(kept, Writer::RoomFor(name, text));
    Writer writer(room.data());
    if (!writer.Entry(name, root, 0)) return false;
    bytes.append(room.data(), static_cast<size_t>(writer.at() - room.data()));
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
