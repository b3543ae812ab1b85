// An image in bytes: one byte of version, then the fields in the order below. Numbers are varints
// of seven bits a byte, lowest first, signed ones zigzag; strings and lists have their length
// before them. There is exactly one encoding of an image, and the decoder takes no other.
#include <algorithm>
#include <cstring>
#include <utility>

#include "services/api/search/store/document_store.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kVarintMost = 10;
// Absl's times count in quarters of a nanosecond. These two stand where less than a second would.
constexpr int64_t kTicks = 4'000'000'000;
constexpr uint64_t kEver = kTicks;
constexpr uint64_t kNever = kTicks + 1;

// Both directions go through one list of fields, so that they can not differ.
template <typename Coder, typename RenditionT>
void CodeRendition(Coder& coder, RenditionT& rendition) {
  coder.Text(rendition.preset);
  coder.Text(rendition.recipe);
  coder.Text(rendition.key);
  coder.Text(rendition.format);
  coder.Text(rendition.media_type);
  coder.Signed(rendition.width);
  coder.Signed(rendition.height);
  coder.Signed(rendition.size_bytes);
  coder.Sha256(rendition.sha256);
}

template <typename Coder, typename ImageT>
void CodeImage(Coder& coder, ImageT& image) {
  coder.Text(image.id);
  coder.Text(image.owner);
  coder.Text(image.described.title);
  coder.Text(image.described.description);
  coder.Texts(image.described.tags);
  coder.Text(image.described.license);
  coder.Map(image.described.attributes);
  coder.Enum(image.described.visibility, Visibility::kPublic, Visibility::kPrivate);
  coder.Text(image.filename);
  coder.Enum(image.state, ImageState::kUploading, ImageState::kFailed);
  coder.Text(image.failure_reason);
  coder.Bool(image.quarantined);
  coder.Sha256(image.sha256);
  coder.Text(image.md5);
  coder.Signed(image.size_bytes);
  coder.Signed(image.facts.width);
  coder.Signed(image.facts.height);
  coder.Text(image.facts.format);
  coder.Text(image.facts.media_type);
  coder.Signed(image.facts.frames);
  coder.MaybeTime(image.facts.taken_time);
  coder.Map(image.analysis);
  coder.Renditions(image.renditions);
  coder.Text(image.work_plan);
  coder.Time(image.create_time);
  coder.Time(image.update_time);
  coder.Signed(image.revision);
}

// How much room is enough.
class Sizer {
 public:
  size_t bytes() const { return bytes_; }

  void Text(const std::string& text) { bytes_ += kVarintMost + text.size(); }
  void Texts(const std::vector<std::string>& texts) {
    bytes_ += kVarintMost;
    for (const std::string& text : texts) Text(text);
  }
  void Map(const std::map<std::string, std::string>& map) {
    bytes_ += kVarintMost;
    for (const auto& [key, value] : map) bytes_ += 2 * kVarintMost + key.size() + value.size();
  }
  void Signed(int64_t) { bytes_ += kVarintMost; }
  template <typename E>
  void Enum(E, E, E) {
    ++bytes_;
  }
  void Bool(bool) { ++bytes_; }
  void Sha256(const Digest&) { bytes_ += Digest::kSize; }
  void Time(absl::Time) { bytes_ += 2 * kVarintMost; }
  void MaybeTime(const std::optional<absl::Time>&) { bytes_ += 1 + 2 * kVarintMost; }
  void Renditions(const std::vector<Rendition>& renditions) {
    bytes_ += kVarintMost;
    for (const Rendition& rendition : renditions) CodeRendition(*this, rendition);
  }

 private:
  size_t bytes_ = 0;
};

class Writer {
 public:
  explicit Writer(char* at) : at_(at) {}
  char* at() const { return at_; }

  void Text(std::string_view text) {
    Unsigned(text.size());
    Bytes(text);
  }
  void Texts(const std::vector<std::string>& texts) {
    Unsigned(texts.size());
    for (const std::string& text : texts) Text(text);
  }
  void Map(const std::map<std::string, std::string>& map) {
    Unsigned(map.size());
    for (const auto& [key, value] : map) {
      Text(key);
      Text(value);
    }
  }
  void Signed(int64_t number) {
    Unsigned(static_cast<uint64_t>(number) << 1 ^ static_cast<uint64_t>(number >> 63));
  }
  template <typename E>
  void Enum(E value, E, E) {
    *at_++ = static_cast<char>(value);
  }
  void Bool(bool value) { *at_++ = value ? 1 : 0; }
  void Sha256(const Digest& digest) { Bytes(digest.bytes()); }
  void Time(absl::Time time) {
    const bool ever = time == absl::InfiniteFuture();
    if (ever || time == absl::InfinitePast()) {
      Signed(0);
      return Unsigned(ever ? kEver : kNever);
    }
    const int64_t seconds = absl::ToUnixSeconds(time);  // rounded down
    Signed(seconds);
    Unsigned(static_cast<uint64_t>((time - absl::FromUnixSeconds(seconds)) /
                                   (absl::Nanoseconds(1) / 4)));
  }
  void MaybeTime(const std::optional<absl::Time>& time) {
    Bool(time.has_value());
    if (time) Time(*time);
  }
  void Renditions(const std::vector<Rendition>& renditions) {
    Unsigned(renditions.size());
    for (const Rendition& rendition : renditions) CodeRendition(*this, rendition);
  }
  void Unsigned(uint64_t number) {
    for (; number >= 0x80; number >>= 7) *at_++ = static_cast<char>(number | 0x80);
    *at_++ = static_cast<char>(number);
  }

 private:
  void Bytes(std::string_view bytes) {
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }

  char* at_;
};

// After the first thing that does not fit, everything is empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  bool done() const { return !broken_ && left_.empty(); }
  bool broken() const { return broken_; }

  void Text(std::string& text) { text.assign(Bytes(Unsigned())); }
  void Texts(std::vector<std::string>& texts) {
    texts.resize(Count(1));
    for (std::string& text : texts) Text(text);
  }
  void Map(std::map<std::string, std::string>& map) {
    for (size_t left = Count(2); left > 0 && !broken_; --left) {
      const std::string_view key = Bytes(Unsigned());
      if (!map.empty() && key <= map.rbegin()->first) return Break();
      Text(map.emplace_hint(map.end(), key, std::string())->second);
    }
  }
  template <typename T>
  void Signed(T& number) {
    const uint64_t zigzag = Unsigned();
    const int64_t value = static_cast<int64_t>(zigzag >> 1 ^ (~(zigzag & 1) + 1));
    number = static_cast<T>(value);
    if (number != value) Break();
  }
  template <typename E>
  void Enum(E& value, E first, E last) {
    const uint8_t byte = Byte();
    if (byte < static_cast<uint8_t>(first) || byte > static_cast<uint8_t>(last)) return Break();
    value = static_cast<E>(byte);
  }
  void Bool(bool& value) {
    const uint8_t byte = Byte();
    if (byte > 1) return Break();
    value = byte == 1;
  }
  void Sha256(Digest& digest) {
    const std::string_view bytes = Bytes(Digest::kSize);
    if (!broken_) digest = *Digest::FromBytes(bytes);
  }
  void Time(absl::Time& time) {
    int64_t seconds = 0;
    Signed(seconds);
    const uint64_t ticks = Unsigned();
    if (ticks > kNever || (ticks >= kEver && seconds != 0)) return Break();
    if (ticks == kEver) {
      time = absl::InfiniteFuture();
    } else if (ticks == kNever) {
      time = absl::InfinitePast();
    } else {
      time =
          absl::FromUnixSeconds(seconds) + absl::Nanoseconds(1) / 4 * static_cast<int64_t>(ticks);
      // Absl's own ends, where it would say "infinite".
      if (absl::ToUnixSeconds(time) != seconds) Break();
    }
  }
  void MaybeTime(std::optional<absl::Time>& time) {
    bool there = false;
    Bool(there);
    if (there) Time(time.emplace());
  }
  void Renditions(std::vector<Rendition>& renditions) {
    renditions.resize(Count(5 + 3 + Digest::kSize));
    for (Rendition& rendition : renditions) CodeRendition(*this, rendition);
  }
  uint8_t Byte() {
    const std::string_view byte = Bytes(1);
    return byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
  }

  std::string_view Bytes(uint64_t size) {
    if (size > left_.size()) {
      Break();
      return {};
    }
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }
  uint64_t Unsigned() {
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint64_t byte = Byte();
      // Bits that do not fit, or a last byte that says nothing: not as Writer writes.
      if (shift == 63 && byte > 1) break;
      if (byte == 0 && shift > 0) break;
      number |= (byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return number;
    }
    Break();
    return 0;
  }
  // Of things that take at least `each` bytes: nothing hostile makes us reserve more than it sent.
  size_t Count(size_t each) {
    const uint64_t count = Unsigned();
    if (count <= left_.size() / each) return count;
    Break();
    return 0;
  }

 private:
  void Break() {
    broken_ = true;
    left_ = {};
  }
  std::string_view left_;
  bool broken_ = false;
};

// Walks over an image's fields up to the renditions; who derives from it looks at some of them.
class Walk {
 public:
  Walk(std::string_view bytes, const Image& image) : reader_(bytes), image_(image) {}
  bool equal() const { return equal_; }

  void Text(const std::string&) { reader_.Bytes(reader_.Unsigned()); }
  void Texts(const std::vector<std::string>&) { SkipTexts(1); }
  void Map(const std::map<std::string, std::string>&) { SkipTexts(2); }
  void Signed(int64_t) { reader_.Unsigned(); }
  template <typename E>
  void Enum(E, E, E) {
    reader_.Byte();
  }
  void Bool(bool) { reader_.Byte(); }
  void Sha256(const Digest&) { reader_.Bytes(Digest::kSize); }
  void Time(absl::Time) {
    reader_.Unsigned();
    reader_.Unsigned();
  }
  void MaybeTime(const std::optional<absl::Time>&) {
    if (reader_.Byte() != 0) Time({});
  }
  void Renditions(const std::vector<Rendition>&) {}

 protected:
  bool IsNext(const std::string& text) { return reader_.Bytes(reader_.Unsigned()) == text; }

  Reader reader_;
  const Image& image_;
  bool equal_ = false;

 private:
  void SkipTexts(uint64_t each) {
    for (uint64_t left = each * reader_.Count(each); left > 0; --left) {
      reader_.Bytes(reader_.Unsigned());
    }
  }
};

class AnalysisComparison : public Walk {
 public:
  using Walk::Walk;

  void Map(const std::map<std::string, std::string>& map) {
    if (&map != &image_.analysis) return Walk::Map(map);
    equal_ = reader_.Unsigned() == map.size();
    for (auto it = map.begin(); equal_ && it != map.end(); ++it) {
      equal_ = IsNext(it->first) && IsNext(it->second);
    }
    equal_ = equal_ && !reader_.broken();
  }
};

class FindingComparison : public Walk {
 public:
  using Walk::Walk;

  void Text(const std::string& text) {
    if (&text != &image_.owner) return Walk::Text(text);
    same_ = IsNext(text) && same_;
  }
  void Texts(const std::vector<std::string>& tags) {
    same_ = reader_.Unsigned() == tags.size() && same_;
    for (auto it = tags.begin(); same_ && it != tags.end(); ++it) same_ = IsNext(*it);
  }
  void Enum(Visibility, Visibility, Visibility) {
    seen_as_ = static_cast<Visibility>(reader_.Byte());
  }
  // The last field that matters.
  void Enum(ImageState, ImageState, ImageState) {
    if (IsHidden(static_cast<ImageState>(reader_.Byte()))) seen_as_ = Visibility::kPrivate;
    equal_ = same_ && seen_as_ == SeenAs(image_) && !reader_.broken();
  }

 private:
  bool same_ = true;  // so far
  Visibility seen_as_ = Visibility::kPrivate;
};

template <typename Comparison>
bool Compare(const Image& image, std::string_view bytes) {
  if (bytes.empty() || bytes[0] != static_cast<char>(kVersion)) return false;
  Comparison comparison(bytes.substr(1), image);
  CodeImage(comparison, image);
  return comparison.equal();
}

}  // namespace

size_t EncodedRoom(const Image& image) {
  Sizer sizer;
  CodeImage(sizer, image);
  return 1 + sizer.bytes();
}

char* EncodeImage(const Image& image, char* to) {
  *to = static_cast<char>(kVersion);
  Writer writer(to + 1);
  CodeImage(writer, image);
  return writer.at();
}

std::string EncodeImage(const Image& image) {
  std::string bytes(EncodedRoom(image), '\0');
  bytes.resize(static_cast<size_t>(EncodeImage(image, bytes.data()) - bytes.data()));
  return bytes;
}

bool HasAnalysisOf(const Image& image, std::string_view bytes) {
  return Compare<AnalysisComparison>(image, bytes);
}

bool IsFoundLike(const Image& image, std::string_view bytes) {
  return Compare<FindingComparison>(image, bytes);
}

absl::StatusOr<Image> DecodeImage(std::string_view bytes) {
  Reader reader(bytes);
  Image image;
  if (reader.Byte() == kVersion) {
    CodeImage(reader, image);
    if (reader.done()) return image;
  }
  return MakeStatus(absl::StatusCode::kDataLoss,
                    "these bytes are not an image as this version stores it",
                    {.reason = "IMAGE_BYTES_DAMAGED"});
}

}  // namespace stockroom::api
