#include "services/api/handlers/wire_image.h"

#include <google/protobuf/wire_format_lite.h>

#include <cstring>
#include <initializer_list>
#include <string_view>

#include "services/api/handlers/analysis_bytes.h"
#include "services/api/handlers/convert.h"
#include "services/api/handlers/serialise.h"

namespace stockroom::api {
namespace {

using google::protobuf::internal::WireFormatLite;

// Fields of a message, in the order of their numbers; what is empty or 0 is left out, as proto3
// does. Filling in the message itself and serialising that takes four times as long, and every
// image goes through here when the index is loaded.
class Fields {
 public:
  explicit Fields(std::string& out) : out_(out) {}

  void Text(int field, std::string_view text) {
    if (!text.empty()) Bytes(field, {text});
  }
  // All of them as one text.
  void Bytes(int field, std::initializer_list<std::string_view> parts) {
    size_t size = 0;
    for (const std::string_view part : parts) size += part.size();
    Tag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
    Varint(size);
    for (const std::string_view part : parts) out_.append(part);
  }
  void Hex(int field, std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    if (bytes.empty()) return;
    Tag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
    Varint(2 * bytes.size());
    for (const char byte : bytes) {
      const char digits[2] = {kDigits[static_cast<uint8_t>(byte) >> 4], kDigits[byte & 15]};
      out_.append(digits, 2);
    }
  }
  void Number(int field, int64_t number) {
    if (number == 0) return;
    Tag(field, WireFormatLite::WIRETYPE_VARINT);
    Varint(static_cast<uint64_t>(number));
  }
  void Time(int field, absl::Time time) {
    const google::protobuf::Timestamp timestamp = ToTimestamp(time);
    const size_t begin = Open(field);
    Number(google::protobuf::Timestamp::kSecondsFieldNumber, timestamp.seconds());
    Number(google::protobuf::Timestamp::kNanosFieldNumber, timestamp.nanos());
    Close(begin);
  }

  // A message's length comes after it; that of most takes a single byte.
  size_t Open(int field) {
    Tag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
    out_ += '\0';
    return out_.size();
  }
  void Close(size_t begin) {
    uint8_t length[kLongest];
    const size_t bytes = Put(out_.size() - begin, length);
    if (bytes > 1) out_.insert(begin, bytes - 1, '\0');
    std::memcpy(out_.data() + begin - 1, length, bytes);
  }

 private:
  static constexpr size_t kLongest = 10;

  static size_t Put(uint64_t number, uint8_t* to) {
    size_t bytes = 0;
    for (; number >= 0x80; number >>= 7) to[bytes++] = static_cast<uint8_t>(number | 0x80);
    to[bytes++] = static_cast<uint8_t>(number);
    return bytes;
  }
  void Varint(uint64_t number) {
    uint8_t bytes[kLongest];
    out_.append(reinterpret_cast<const char*>(bytes), Put(number, bytes));
  }
  void Tag(int field, WireFormatLite::WireType type) {
    Varint(WireFormatLite::MakeTag(field, type));
  }

  std::string& out_;
};

void PutRendition(const Rendition& rendition, const std::string& id, Fields& fields) {
  using Message = v1::Rendition;
  const size_t begin = fields.Open(v1::Image::kRenditionsFieldNumber);
  fields.Text(Message::kPresetFieldNumber, rendition.preset);
  fields.Text(Message::kRecipeFieldNumber, rendition.recipe);
  fields.Text(Message::kFormatFieldNumber, rendition.format);
  fields.Text(Message::kMediaTypeFieldNumber, rendition.media_type);
  fields.Number(Message::kWidthFieldNumber, rendition.width);
  fields.Number(Message::kHeightFieldNumber, rendition.height);
  fields.Number(Message::kSizeBytesFieldNumber, rendition.size_bytes);
  fields.Bytes(Message::kUrlFieldNumber,
               {"/i/", id, "/", rendition.preset, ".", ExtensionOf(rendition.format)});
  fields.Close(begin);
}

// As ToMessage(BASIC), in the order of the fields' numbers.
void PutBasic(const Image& image, Fields& fields) {
  using Message = v1::Image;
  fields.Text(Message::kIdFieldNumber, image.id);
  fields.Text(Message::kOwnerFieldNumber, image.owner);
  fields.Text(Message::kTitleFieldNumber, image.described.title);
  fields.Text(Message::kDescriptionFieldNumber, image.described.description);
  for (const std::string& tag : image.described.tags) {
    fields.Bytes(Message::kTagsFieldNumber, {tag});
  }
  fields.Text(Message::kLicenseFieldNumber, image.described.license);
  for (const auto& [key, value] : image.described.attributes) {
    const size_t entry = fields.Open(Message::kAttributesFieldNumber);
    fields.Bytes(1, {key});
    fields.Bytes(2, {value});
    fields.Close(entry);
  }
  fields.Number(Message::kVisibilityFieldNumber, static_cast<int>(image.described.visibility));
  fields.Number(Message::kStateFieldNumber, static_cast<int>(image.state));
  fields.Text(Message::kFailureReasonFieldNumber, image.failure_reason);
  fields.Text(Message::kFilenameFieldNumber, image.filename);
  if (image.sha256 != Digest()) fields.Hex(Message::kSha256FieldNumber, image.sha256.bytes());
  fields.Hex(Message::kMd5FieldNumber, image.md5);
  fields.Number(Message::kSizeBytesFieldNumber, image.size_bytes);
  fields.Number(Message::kWidthFieldNumber, image.facts.width);
  fields.Number(Message::kHeightFieldNumber, image.facts.height);
  fields.Text(Message::kFormatFieldNumber, image.facts.format);
  fields.Text(Message::kMediaTypeFieldNumber, image.facts.media_type);
  fields.Number(Message::kFramesFieldNumber, image.facts.frames);
  if (image.facts.taken_time) fields.Time(Message::kTakenTimeFieldNumber, *image.facts.taken_time);
  for (const Rendition& rendition : image.renditions) PutRendition(rendition, image.id, fields);
  if (image.state != ImageState::kUploading) {
    fields.Bytes(Message::kOriginalUrlFieldNumber, {"/i/", image.id, "/original"});
  }
  fields.Time(Message::kCreateTimeFieldNumber, image.create_time);
  fields.Time(Message::kUpdateTimeFieldNumber, image.update_time);
  fields.Number(Message::kRevisionFieldNumber, image.revision);
  fields.Text(Message::kThumbHashFieldNumber, ThumbHashOf(image.analysis));
}

// The message's field `analysis`, from the message.
std::string AnalysisByMessage(const Image& image) {
  v1::Image message;
  ToMessage(image, v1::FULL, &message);
  v1::Image rest;
  rest.mutable_analysis()->Swap(message.mutable_analysis());
  return Serialise(rest);
}

}  // namespace

std::string BasicWireOf(const Image& image) {
  // Of the size of what it held before, so that it does not grow step by step.
  thread_local std::string scratch;
  scratch.clear();
  Fields fields(scratch);
  PutBasic(image, fields);
  return scratch;
}

std::string AnalysisWireOf(const Image& image) {
  thread_local std::string scratch;
  scratch.clear();
  Fields fields(scratch);
  const size_t begin = fields.Open(v1::Image::kAnalysisFieldNumber);
  if (!AppendAnalysisBytes(image.analysis, scratch)) return AnalysisByMessage(image);
  fields.Close(begin);
  return scratch;
}

}  // namespace stockroom::api
