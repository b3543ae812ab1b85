// What a search asks for, as a tree. The language that people write it in: query_parser.h and
// docs/search.md; its JSON form: message Query of proto/stockroom/v1/search.proto. Pure values.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace stockroom::api {

// Text is indexed by the field it stands in. The numbers are bits of a FieldMask and of a posting's
// payload (segment.h), and are written into checkpoints.
enum class TextField : uint8_t {
  kTitle = 0,
  kDescription = 1,
  kTag = 2,
  kFilename = 3,
  kAttribute = 4
};
using FieldMask = uint8_t;
inline constexpr FieldMask kEveryField = 0x1f;
constexpr FieldMask MaskOf(TextField field) {
  return static_cast<FieldMask>(1u << static_cast<unsigned>(field));
}

// Bytes [begin, end) of the query's text; both 0 where there is no text (JSON form).
struct TextSpan {
  uint32_t begin = 0;
  uint32_t end = 0;
};

// Consecutive words of one field, folded and split as text/text_fold.h does. A bare word is one (or
// several: "img_12"), of which the last need only be the beginning of the field's word; a quoted
// phrase wants whole words. With `last_is_prefix` and `typos` the field's word either begins with
// this one or is at most `typos` edits away from it as a whole.
struct WordsNode {
  std::vector<std::string> words;  // never empty, no empty word
  bool last_is_prefix = false;
  FieldMask fields = kEveryField;
  // Letters that may be wrong, missing, superfluous or swapped with their neighbour (0 to 2); only
  // with exactly one word. The first letter must be right.
  int typos = 0;

  friend bool operator==(const WordsNode&, const WordsNode&) = default;
};

// A whole tag, FoldLine; or with `is_prefix` the beginning of one.
struct TagNode {
  std::string tag;
  bool is_prefix = false;

  friend bool operator==(const TagNode&, const TagNode&) = default;
};

// The folded description (FoldLine) holds this text anywhere, also in the middle of words: `desc:`.
struct DescriptionNode {
  std::string line;  // FoldLine, never empty

  friend bool operator==(const DescriptionNode&, const DescriptionNode&) = default;
};

enum class ValueField : uint8_t { kOwner, kLicense, kFormat, kCamera, kLens, kDataset, kState };

// kOwner: equal byte by byte. kLicense, kFormat, kDataset, kState: FoldLine of both is equal, or
// with `is_prefix` begins so. kCamera, kLens: the value holds the words of `value` consecutively,
// the last as the beginning of a word ("canon", "eos r").
// kState: uploading, pending, processing, ready, flagged, rejected, failed. An image that is not
// READY is found only by a query that names kState anywhere, and only by its owner or a moderator:
// what waits has not passed moderation yet.
struct ValueNode {
  ValueField field = ValueField::kFormat;
  std::string value;  // as it is compared
  bool is_prefix = false;

  friend bool operator==(const ValueNode&, const ValueNode&) = default;
};

// By aspect ratio r = width / height: square 0.95 <= r <= 1.05, landscape r > 1.05, portrait
// r < 0.95, panorama r >= 1.9 (which is landscape, too). An unknown size is none of them.
enum class Orientation : uint8_t { kLandscape, kPortrait, kSquare, kPanorama };
struct OrientationNode {
  Orientation orientation = Orientation::kLandscape;

  friend bool operator==(const OrientationNode&, const OrientationNode&) = default;
};

// Both ends inclusive. What is not known (size before processing, no taken time) is in no range.
enum class NumberField : uint8_t {
  kWidth,    // pixels
  kHeight,   // pixels
  kPixels,   // width times height
  kBytes,    // of the original
  kTaken,    // EXIF time as a DateNumber: 2020-12-24 is 20201224
  kDate,     // kTaken, else the day of upload, as a DateNumber
  kCreated,  // microseconds since 1970
};
struct RangeNode {
  NumberField field = NumberField::kWidth;
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();

  friend bool operator==(const RangeNode&, const RangeNode&) = default;
};

// `date:`, over NumberField::kDate. 0 stands for any.
struct DatePattern {
  int day = 0;
  int month = 0;
  int year = 0;

  friend bool operator==(const DatePattern&, const DatePattern&) = default;
};

// Great-circle distance on a sphere of radius 6371.0088 km (haversine), inclusive.
struct NearNode {
  double latitude = 0;   // degrees, -90 to 90
  double longitude = 0;  // degrees, -180 to 180
  double km = 0;         // 0 to 20,100

  friend bool operator==(const NearNode&, const NearNode&) = default;
};

// There is one. The numbers are the bits of a segment's flags and are written into checkpoints.
enum class HasField : uint8_t {
  kTitle = 0,
  kDescription = 1,
  kTags = 2,
  kLicense = 3,
  kAttributes = 4,
  kTaken = 5,
  kLocation = 6,  // GPS
  kCamera = 7,
  kLens = 8,
  kDataset = 9,
  kPalette = 10,
  kHash = 11,  // a PDQ hash of quality 50 or more
};
struct HasNode {
  HasField field = HasField::kTitle;

  friend bool operator==(const HasNode&, const HasNode&) = default;
};

// Dominant colours near this one: see similar/color.h. Either a name (black, white, grey, red,
// orange, yellow, green, teal, blue, purple, pink, brown) or any sRGB colour.
struct ColorNode {
  uint32_t rgb = 0;  // 0xrrggbb
  friend bool operator==(const ColorNode&, const ColorNode&) = default;
};

// A PDQ hash in four words, the first byte of its hexadecimal form the highest of the first.
using PdqWords = std::array<uint64_t, 4>;
inline constexpr int kPdqRadius = 31;  // the threshold that PDQ's authors recommend

// PDQ hashes at a Hamming distance of at most `radius` (0 to 64).
struct HashNode {
  PdqWords hash{};
  int radius = kPdqRadius;

  friend bool operator==(const HashNode&, const HashNode&) = default;
};

// Looks like that image: their PDQ hashes are at most `radius` apart. The image itself matches. One
// that the viewer may not read, does not exist or has no hash: nothing matches.
struct SimilarNode {
  std::string id;
  int radius = kPdqRadius;

  friend bool operator==(const SimilarNode&, const SimilarNode&) = default;
};

struct Md5Node {
  std::string md5;  // 16 bytes

  friend bool operator==(const Md5Node&, const Md5Node&) = default;
};

struct QueryNode;
// `*`. As the whole query, or where it makes a difference: NOT of it, or in an OR.
struct EverythingNode {
  friend bool operator==(const EverythingNode&, const EverythingNode&) = default;
};
// Never empty.
struct AndNode {
  std::vector<QueryNode> parts;
};
struct OrNode {
  std::vector<QueryNode> parts;
};
// What is unknown is no restriction: NOT of what matches nothing matches everything.
struct NotNode {
  std::vector<QueryNode> part;  // exactly one
};

struct QueryNode {
  std::variant<EverythingNode, AndNode, OrNode, NotNode, WordsNode, TagNode, DescriptionNode,
               ValueNode, OrientationNode, RangeNode, DatePattern, NearNode, HasNode, ColorNode,
               HashNode, SimilarNode, Md5Node>
      is;
  TextSpan span = {};
};
// Without regard to spans.
bool operator==(const QueryNode& a, const QueryNode& b);
inline bool operator==(const AndNode& a, const AndNode& b) { return a.parts == b.parts; }
inline bool operator==(const OrNode& a, const OrNode& b) { return a.parts == b.parts; }
inline bool operator==(const NotNode& a, const NotNode& b) { return a.part == b.part; }

struct Query {
  QueryNode root = {};

  bool IsEverything() const { return std::holds_alternative<EverythingNode>(root.is); }
  friend bool operator==(const Query& a, const Query& b) { return a.root == b.root; }
};

// The same in the language: ParseSearchQuery(CanonicalText(q), kMaxCanonicalBytes) == q for every q
// that ParseSearchQuery or CheckQuery gave. Equal queries have equal texts. Page tokens are bound
// to it.
std::string CanonicalText(const Query& query);
std::string CanonicalText(const QueryNode& node);

}  // namespace stockroom::api
