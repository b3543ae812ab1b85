// Recipes: descriptions of a transform as text. Equal transforms have equal canonical text.
//
//   recipe = step *("/" step)       each step at most once, in any order; at least one
//   step   = NAME "=" value
//
// What is used of the original (upright as EXIF says):
//   crop=X,Y,W,H       that rectangle, in its pixels (up to 10000000 each); cut where it reaches
//                      over the edge
//   trim=T             without the border that differs from the top left corner by at most T
//                      (1 to 255), after crop
//   rotate=A           0, 90, 180 or 270 degrees clockwise, after trim
//   flip=F             h (left and right change places), v, or hv; after rotate
// How large it becomes (one of them; none: the size it has). Sides are 1 to 16384; for fit 0 leaves
// one of the sides free. No result has a side above 16384: it is scaled down further instead.
//   fit=WxH            inside W x H, ratio kept
//   cover=WxH          fills W x H, ratio kept, the rest is cut off where gravity says
//   pad=WxH            as fit, then on a canvas of exactly W x H
//   force=WxH          exactly W x H, ratio not kept
//   enlarge=1          may become larger than it is. Otherwise fit and pad leave a small picture
//                      its size (pad's canvas keeps W x H), and the boxes of cover and force are
//                      shrunk, ratio kept, until they fit into the picture
//   gravity=G          center, n, ne, e, se, s, sw, w or nw: what cover keeps, and where the
//   picture
//                      lies on pad's canvas; smart (what ingest found most interesting): only cover
//   focus=X,Y          the point to keep near the middle, each 0 to 1000 thousandths of the upright
//                      original; instead of gravity, only cover
//   dpr=D              1 to 4, up to two decimals: multiplies W and H, the larger one to at most
//                      16384. Canonical text has it multiplied already
//   bg=RRGGBB or RRGGBBAA   hex, what lies behind the whole picture: only for pad (white, or
//                      transparent where the format can) and for formats without alpha (white)
// How it looks (applied in this order, after the resize):
//   blur=S, sharpen=S  sigma in pixels of the result, 0.3 to 100 (sharpen: to 10), one decimal
//   brightness=N, contrast=N, saturation=N   -100 to 100
//   gamma=G            0.1 to 9.9, one decimal
//   gray=1, sepia=1, negate=1, tint=RRGGBB, pixelate=N (2 to 512)
//   mark=NAME[,G[,S[,O]]]  the operator's watermark NAME at gravity G (se; not smart), as wide as S
//                      percent of the picture (20), with O percent opacity (60), each 1 to 100
// How it is written:
//   format=F           auto (if absent), jpeg, png, webp, avif or gif
//   q=N                quality 1 to 100; 80 if absent; not for png, gif and lossless ones
//   lossless=1         webp and avif
//   palette=1          png of at most 256 colours
//   still=1            the first frame only; otherwise webp and gif keep an animation
//   keep=copyright     EXIF's Copyright and Artist stay; all other metadata is removed; not for gif
//   color=p3           Display P3 if the original has more colours than sRGB; sRGB otherwise; not
//                      for gif
//
// Steps that take 1 also take 0, which is as if they were absent. A step that can mean nothing
// beside the others is an error; with format=auto those are allowed that mean something for one of
// its formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stockroom {

enum class ImageFormat { kAuto, kJpeg, kPng, kWebp, kAvif, kGif };

std::string_view FormatName(ImageFormat format);       // "jpeg"
std::string_view FormatExtension(ImageFormat format);  // "jpg"; of kAuto: ""
std::string_view FormatMediaType(ImageFormat format);  // "image/jpeg"; of kAuto: ""
// By name ("jpeg") or extension ("jpg", "jpeg"), lower case; nullopt for others. "auto" is kAuto.
std::optional<ImageFormat> FormatFromName(std::string_view name);

struct Size {
  int width = 0;
  int height = 0;

  friend bool operator==(const Size&, const Size&) = default;
};

struct Rect {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;

  friend bool operator==(const Rect&, const Rect&) = default;
};

enum class Gravity {
  kCenter,
  kNorth,
  kNorthEast,
  kEast,
  kSouthEast,
  kSouth,
  kSouthWest,
  kWest,
  kNorthWest,
  kSmart
};

// In thousandths of the upright original, before crop.
struct Focus {
  int x = 500;
  int y = 500;

  friend bool operator==(const Focus&, const Focus&) = default;
};

struct MarkStep {
  std::string name;  // as IsPresetName
  Gravity gravity = Gravity::kSouthEast;
  int width_percent = 20;
  int opacity_percent = 60;

  friend bool operator==(const MarkStep&, const MarkStep&) = default;
};

struct Recipe {
  enum class Mode { kKeep, kFit, kCover, kPad, kForce };

  std::optional<Rect> crop;
  int trim = 0;    // 0: none
  int rotate = 0;  // degrees clockwise
  bool flip_h = false;
  bool flip_v = false;

  Mode mode = Mode::kKeep;
  int width = 0;   // 0: free
  int height = 0;  // 0: free, only of kFit, and only one of the two
  bool enlarge = false;
  Gravity gravity = Gravity::kCenter;
  std::optional<Focus> focus;
  std::optional<uint32_t> background;  // 0xRRGGBBAA

  int blur = 0;     // tenths of a pixel; 0: none
  int sharpen = 0;  // tenths of a pixel
  int brightness = 0;
  int contrast = 0;
  int saturation = 0;
  int gamma = 10;  // tenths
  bool gray = false;
  bool sepia = false;
  bool negate = false;
  std::optional<uint32_t> tint;  // 0xRRGGBB
  int pixelate = 0;
  std::optional<MarkStep> mark;

  ImageFormat format = ImageFormat::kAuto;
  int quality = 80;  // 1 to 100; meaningless for png, gif and lossless ones
  bool lossless = false;
  bool palette = false;
  bool still = false;
  bool keep_copyright = false;
  bool wide_color = false;

  friend bool operator==(const Recipe&, const Recipe&) = default;
};

// No result has a longer side: the limit of the WebP container, and enough for any screen.
inline constexpr int kMaxSide = 16384;
// Longer texts are no recipes; one with every step has less than half of it.
inline constexpr size_t kMaxRecipeText = 1024;

// In its normal form, see Normalized. INVALID_ARGUMENT (BAD_RECIPE) names the step and what is
// expected, in printable ASCII whatever `text` holds.
absl::StatusOr<Recipe> ParseRecipe(std::string_view text);

// One form for each meaning: what means nothing for the mode and the format has its default value,
// and of two ways to say the same (rotate=180, flip=hv) only the shorter one is left.
Recipe Normalized(Recipe recipe);

// Of the normal form. Steps in the order of the table above; those that say what is the default
// anyway are left out, but for format, and q where it has a meaning:
// "fit=320x320/format=jpeg/q=80". Parsing it gives the normal form again; two recipes have the same
// text only if they mean the same. Never empty. `recipe` has only values that the grammar allows.
std::string CanonicalText(const Recipe& recipe);

// `scale` times as large a box (client hints), in normal form; its larger side at most 16384 and
// its ratio kept. A scale that is no number above 0 changes nothing.
Recipe Scaled(Recipe recipe, double scale);

// What is needed to turn `format=auto` and `gravity=smart` into something definite.
struct Resolution {
  ImageFormat format = ImageFormat::kJpeg;  // for kAuto
  Focus focus;                              // for kSmart
};
// In normal form, with neither kAuto nor kSmart; steps that mean nothing for its format or mode are
// dropped, so that equal results have equal text. Only such recipes have a RenditionKey.
Recipe Resolved(Recipe recipe, const Resolution& resolution);

// Changes whenever the same recipe would give other bytes (encoder, resizer, colour handling), so
// that renditions of an older engine are not found any more.
inline constexpr std::string_view kEngineEpoch = "2";

// Address of a rendition below its original: the first 32 hex digits of
// SHA-256(canonical text "\n" epoch). Requires a resolved recipe.
std::string RenditionKey(const Recipe& resolved);

// 1 to 32 characters of a-z, 0-9 and dash, beginning with a letter.
bool IsPresetName(std::string_view name);

}  // namespace stockroom
