#include "services/api/handlers/wire_image.h"

#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

#include "services/api/handlers/analysis_bytes.h"
#include "services/api/handlers/convert.h"
#include "services/api/handlers/serialise.h"
#include "services/api/handlers/varint.h"

namespace stockroom::api {
namespace {

using google::protobuf::internal::WireFormatLite;

// Memory that is written to front to back; kept, so that it does not grow step by step each time.
class Buffer {
 public:
  void Clear() { at_ = bytes_.get(); }
  size_t size() const { return static_cast<size_t>(at_ - bytes_.get()); }
  char* data() { return bytes_.get(); }
  std::string_view text() const { return {bytes_.get(), size()}; }
  // Where the next bytes go, at most `most`; Advance says how far they went.
  char* Room(size_t most) {
    if (static_cast<size_t>(end_ - at_) < most) Grow(most);
    return at_;
  }
  void Advance(const char* to) { at_ += to - at_; }

 private:
  void Grow(size_t most) {
    const size_t used = size();
    const size_t room = std::max(kFirst, 2 * (used + most));
    auto bytes = std::make_unique_for_overwrite<char[]>(room);
    if (used > 0) std::memcpy(bytes.get(), bytes_.get(), used);
    bytes_ = std::move(bytes);
    at_ = bytes_.get() + used;
    end_ = bytes_.get() + room;
  }

  static constexpr size_t kFirst = 4096;
  std::unique_ptr<char[]> bytes_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

// Fields of a message, in the order of their numbers; what is empty or 0 is left out, as proto3
// does. Filling in the message itself and serialising that takes four times as long, and every
// image goes through here when the index is loaded.
class Fields {
 public:
  explicit Fields(Buffer& out) : out_(out) {}

  void Text(int field, std::string_view text) {
    if (!text.empty()) Bytes(field, {text});
  }
  // What is before a text of that size.
  void Announce(int field, size_t size) { out_.Advance(Head(field, size)); }
  // All of them as one text.
  void Bytes(int field, std::initializer_list<std::string_view> parts) {
    size_t size = 0;
    for (const std::string_view part : parts) size += part.size();
    char* to = Head(field, size);
    for (const std::string_view part : parts) to = Copy(part, to);
    out_.Advance(to);
  }
  void Hex(int field, std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    if (bytes.empty()) return;
    char* to = Head(field, 2 * bytes.size());
    for (const char byte : bytes) {
      *to++ = kDigits[static_cast<uint8_t>(byte) >> 4];
      *to++ = kDigits[byte & 15];
    }
    out_.Advance(to);
  }
  void Number(int field, int64_t number) {
    if (number == 0) return;
    char* to = out_.Room(2 * kLongestVarint);
    to = PutVarint(WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT), to);
    out_.Advance(PutVarint(static_cast<uint64_t>(number), to));
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
    Announce(field, 0);
    return out_.size();
  }
  void Close(size_t begin) {
    const size_t size = out_.size() - begin;
    char length[kLongestVarint];
    const auto bytes = static_cast<size_t>(PutVarint(size, length) - length);
    if (bytes > 1) {
      out_.Advance(out_.Room(bytes) + bytes - 1);
      std::memmove(out_.data() + begin + bytes - 1, out_.data() + begin, size);
    }
    std::memcpy(out_.data() + begin - 1, length, bytes);
  }

 private:
  static char* Copy(std::string_view text, char* to) {
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    return to + text.size();
  }
  // Gives where the field's `size` bytes go.
  char* Head(int field, size_t size) {
    char* to = out_.Room(2 * kLongestVarint + size);
    to = PutVarint(WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED), to);
    return PutVarint(size, to);
  }

  Buffer& out_;
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
  thread_local Buffer scratch;
  scratch.Clear();
  Fields fields(scratch);
  PutBasic(image, fields);
  return std::string(scratch.text());
}

std::string AnalysisWireOf(const Image& image) {
  // Of the size of what it held before, so that it does not grow step by step.
  thread_local std::string results;
  thread_local Buffer head;
  results.clear();
  if (!AppendAnalysisBytes(image.analysis, results)) return AnalysisByMessage(image);
  head.Clear();
  Fields(head).Announce(v1::Image::kAnalysisFieldNumber, results.size());
  std::string wire;
  wire.reserve(head.size() + results.size());
  return wire.append(head.text()).append(results);
}

}  // namespace stockroom::api
