#include "services/api/gateway/json_writer.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/field_mask_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace stockroom::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::TimeUtil;

constexpr int kMaxDepth = 100;

// Length of the UTF-8 sequence at the beginning of `s` (RFC 3629), 0 if it is none.
size_t SequenceLength(std::string_view s) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length == 0 || length > s.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
  if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogates
  if (first == 0xf0 && byte(1) < 0x90) return 0;  // overlong
  if (first == 0xf4 && byte(1) > 0x8f) return 0;  // past the last
  return length;
}

bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>';
}

class Writer {
 public:
  absl::Status Write(const Message& message);
  std::string Take() { return std::move(out_); }

 private:
  absl::Status WriteFields(const Message& message);
  absl::Status WriteField(const Message& message, const FieldDescriptor& field);
  absl::Status WriteList(const Message& message, const FieldDescriptor& field);
  absl::Status WriteMap(const Message& message, const FieldDescriptor& field);
  // `index` < 0: the field is not repeated.
  absl::Status WriteOne(const Message& message, const FieldDescriptor& field, int index);
  absl::Status WriteTime(const google::protobuf::Timestamp& time);
  absl::Status WriteStruct(const google::protobuf::Struct& fields, int depth);
  absl::Status WriteValue(const google::protobuf::Value& value, int depth);
  absl::Status WriteValues(const google::protobuf::ListValue& list, int depth);
  void WriteEnum(const FieldDescriptor& field, int number);
  void WriteDouble(double number);
  void WriteText(std::string_view text);
  void WriteEscaped(std::string_view sequence);
  void WriteKey(std::string_view key) {
    WriteText(key);
    out_.push_back(':');
  }

  std::string out_;
};

absl::Status TooDeep() { return absl::InternalError("a value is nested too deep to be written"); }

template <typename Known>
const Known& As(const Message& message) {
  return *google::protobuf::DynamicCastToGenerated<Known>(&message);
}

absl::Status Writer::WriteTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() < TimeUtil::kTimestampMinSeconds ||
      time.seconds() > TimeUtil::kTimestampMaxSeconds || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return absl::InternalError("a time is out of range");
  }
  WriteText(TimeUtil::ToString(time));
  return absl::OkStatus();
}

absl::Status Writer::Write(const Message& message) {
  switch (message.GetDescriptor()->well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return WriteTime(As<google::protobuf::Timestamp>(message));
    case Descriptor::WELLKNOWNTYPE_DURATION:
      WriteText(TimeUtil::ToString(As<google::protobuf::Duration>(message)));
      return absl::OkStatus();
    case Descriptor::WELLKNOWNTYPE_FIELDMASK: {
      std::string paths;
      google::protobuf::util::FieldMaskUtil::ToJsonString(As<google::protobuf::FieldMask>(message),
                                                          &paths);
      WriteText(paths);
      return absl::OkStatus();
    }
    case Descriptor::WELLKNOWNTYPE_STRUCT:
      return WriteStruct(As<google::protobuf::Struct>(message), 0);
    case Descriptor::WELLKNOWNTYPE_VALUE:
      return WriteValue(As<google::protobuf::Value>(message), 0);
    case Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return WriteValues(As<google::protobuf::ListValue>(message), 0);
    default:
      return WriteFields(message);
  }
}

absl::Status Writer::WriteFields(const Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  out_.push_back('{');
  const size_t begin = out_.size();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.has_presence() && !reflection.HasField(message, &field)) continue;
    if (out_.size() > begin) out_.push_back(',');
    WriteKey(field.json_name());
    const absl::Status written = WriteField(message, field);
    if (!written.ok()) return written;
  }
  out_.push_back('}');
  return absl::OkStatus();
}

absl::Status Writer::WriteField(const Message& message, const FieldDescriptor& field) {
  if (field.is_map()) return WriteMap(message, field);
  if (field.is_repeated()) return WriteList(message, field);
  return WriteOne(message, field, -1);
}

absl::Status Writer::WriteList(const Message& message, const FieldDescriptor& field) {
  out_.push_back('[');
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    if (i > 0) out_.push_back(',');
    const absl::Status written = WriteOne(message, field, i);
    if (!written.ok()) return written;
  }
  out_.push_back(']');
  return absl::OkStatus();
}

absl::Status Writer::WriteMap(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  std::vector<std::pair<std::string, const Message*>> entries;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    Writer text;
    const absl::Status written = text.WriteOne(entry, key, -1);
    if (!written.ok()) return written;
    std::string name = text.Take();
    // Numbers and booleans are keys as text.
    if (name.front() != '"') name = absl::StrCat("\"", name, "\"");
    entries.emplace_back(std::move(name), &entry);
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  out_.push_back('{');
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out_.push_back(',');
    out_.append(entries[i].first).push_back(':');
    const absl::Status written = WriteOne(*entries[i].second, value, -1);
    if (!written.ok()) return written;
  }
  out_.push_back('}');
  return absl::OkStatus();
}

absl::Status Writer::WriteOne(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& r = *message.GetReflection();
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      out_ += (one ? r.GetBool(message, &field) : r.GetRepeatedBool(message, &field, index))
                  ? "true"
                  : "false";
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      absl::StrAppend(
          &out_, one ? r.GetInt32(message, &field) : r.GetRepeatedInt32(message, &field, index));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      absl::StrAppend(
          &out_, one ? r.GetUInt32(message, &field) : r.GetRepeatedUInt32(message, &field, index));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      absl::StrAppend(
          &out_, "\"",
          one ? r.GetInt64(message, &field) : r.GetRepeatedInt64(message, &field, index), "\"");
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      absl::StrAppend(
          &out_, "\"",
          one ? r.GetUInt64(message, &field) : r.GetRepeatedUInt64(message, &field, index), "\"");
      break;
    case FieldDescriptor::CPPTYPE_FLOAT: {
      const float number =
          one ? r.GetFloat(message, &field) : r.GetRepeatedFloat(message, &field, index);
      char text[32];
      if (!std::isfinite(number)) {
        WriteDouble(number);
      } else {  // as few digits as name this float
        out_.append(text, std::to_chars(text, text + sizeof text, number).ptr);
      }
      break;
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
      WriteDouble(one ? r.GetDouble(message, &field) : r.GetRepeatedDouble(message, &field, index));
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      WriteEnum(field, one ? r.GetEnumValue(message, &field)
                           : r.GetRepeatedEnumValue(message, &field, index));
      break;
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& text =
          one ? r.GetStringReference(message, &field, &scratch)
              : r.GetRepeatedStringReference(message, &field, index, &scratch);
      if (field.type() == FieldDescriptor::TYPE_BYTES) {
        absl::StrAppend(&out_, "\"", absl::Base64Escape(text), "\"");
      } else {
        WriteText(text);
      }
      break;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return Write(one ? r.GetMessage(message, &field)
                       : r.GetRepeatedMessage(message, &field, index));
  }
  return absl::OkStatus();
}

absl::Status Writer::WriteStruct(const google::protobuf::Struct& fields, int depth) {
  std::vector<std::pair<std::string_view, const google::protobuf::Value*>> members;
  members.reserve(fields.fields().size());
  for (const auto& [name, value] : fields.fields()) members.emplace_back(name, &value);
  std::sort(members.begin(), members.end());
  out_.push_back('{');
  for (size_t i = 0; i < members.size(); ++i) {
    if (i > 0) out_.push_back(',');
    WriteKey(members[i].first);
    const absl::Status written = WriteValue(*members[i].second, depth + 1);
    if (!written.ok()) return written;
  }
  out_.push_back('}');
  return absl::OkStatus();
}

absl::Status Writer::WriteValues(const google::protobuf::ListValue& list, int depth) {
  out_.push_back('[');
  for (int i = 0; i < list.values_size(); ++i) {
    if (i > 0) out_.push_back(',');
    const absl::Status written = WriteValue(list.values(i), depth + 1);
    if (!written.ok()) return written;
  }
  out_.push_back(']');
  return absl::OkStatus();
}

absl::Status Writer::WriteValue(const google::protobuf::Value& value, int depth) {
  if (depth > kMaxDepth) return TooDeep();
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      WriteDouble(value.number_value());
      break;
    case google::protobuf::Value::kStringValue:
      WriteText(value.string_value());
      break;
    case google::protobuf::Value::kBoolValue:
      out_ += value.bool_value() ? "true" : "false";
      break;
    case google::protobuf::Value::kStructValue:
      return WriteStruct(value.struct_value(), depth);
    case google::protobuf::Value::kListValue:
      return WriteValues(value.list_value(), depth);
    default:
      out_ += "null";
  }
  return absl::OkStatus();
}

void Writer::WriteEnum(const FieldDescriptor& field, int number) {
  if (field.enum_type()->full_name() == "google.protobuf.NullValue") {
    out_ += "null";
    return;
  }
  const auto* value = field.enum_type()->FindValueByNumber(number);
  if (value == nullptr) {
    absl::StrAppend(&out_, number);
  } else {
    absl::StrAppend(&out_, "\"", value->name(), "\"");
  }
}

void Writer::WriteDouble(double number) {
  if (!std::isfinite(number)) {
    out_ += std::isnan(number) ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char text[32];
  out_.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

void Writer::WriteText(std::string_view text) {
  out_.push_back('"');
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && IsPlain(text[plain])) ++plain;
    out_.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const size_t length = SequenceLength(text);
    if (length == 0) {
      out_ += "\xef\xbf\xbd";  // U+FFFD
    } else {
      WriteEscaped(text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  out_.push_back('"');
}

void Writer::WriteEscaped(std::string_view sequence) {
  // Line separators end a line in older JavaScript.
  if (sequence == "\xe2\x80\xa8") {
    out_ += "\\u2028";
  } else if (sequence == "\xe2\x80\xa9") {
    out_ += "\\u2029";
  } else if (sequence.size() > 1) {
    out_ += sequence;
  } else if (sequence == "\"" || sequence == "\\") {
    out_.append("\\").append(sequence);
  } else if (sequence == "\n") {
    out_ += "\\n";
  } else {
    absl::StrAppend(&out_, "\\u",
                    absl::Hex(static_cast<unsigned char>(sequence[0]), absl::kZeroPad4));
  }
}

}  // namespace

absl::StatusOr<std::string> WriteJson(const Message& message) {
  Writer writer;
  const absl::Status written = writer.Write(message);
  if (!written.ok()) return written;
  return writer.Take();
}

}  // namespace stockroom::api
