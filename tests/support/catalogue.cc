#include "tests/support/catalogue.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

namespace stockroom::testing {
namespace {

using api::Image;
using api::ImageState;
using api::Visibility;

constexpr size_t kCameras = 80;
constexpr size_t kPlaces = 500;
constexpr int64_t kFirstDay = 1'500'000'000;  // 2017-07-14, seconds since 1970
// So that a million images are eight years.
constexpr int64_t kMicrosecondsApart = 250'000'000;

// What an image's draws are for: each kind is a sequence of its own, so that adding to one leaves
// the others as they are.
enum What : uint64_t { kIdentity, kTagWords, kTitle, kText, kPicture, kHash, kQuery, kPrefix };

uint64_t Mixed(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

template <size_t n>
const char* Pick(Draws& draws, const std::array<const char*, n>& from) {
  return from[draws.Below(n)];
}

// Of `share` (they add up to 100) one name each.
struct Share {
  const char* name;
  uint64_t share;
};
template <size_t n>
const char* Weighted(Draws& draws, const std::array<Share, n>& from) {
  uint64_t left = draws.Below(100);
  for (const Share& one : from) {
    if (left < one.share) return one.name;
    left -= one.share;
  }
  return from.back().name;
}

// A word of two (the most frequent) or three syllables, different for every number below a million.
std::string Spelled(size_t number) {
  static constexpr char kConsonants[] = "bcdfghjklmnprstvwxyz";
  static constexpr char kVowels[] = "aeiou";
  static constexpr std::array<const char*, 6> kEnds = {"", "", "n", "s", "er", "ing"};
  const bool is_short = number < 500;
  size_t syllables = number * 387'420'489 % (is_short ? 10'000 : 1'000'000);
  std::string word;
  for (int i = 0; i < (is_short ? 2 : 3); ++i, syllables /= 100) {
    word += kConsonants[syllables % 100 / 5];
    word += kVowels[syllables % 5];
  }
  return word + kEnds[Mixed(number) % kEnds.size()];
}

void Replace(std::string& word, char letter, const char* with) {
  if (const size_t at = word.find(letter); at != std::string::npos) word.replace(at, 1, with);
}

// Six in a hundred have an accent, two are Cyrillic, two are Han.
std::string InSomeScript(size_t number) {
  std::string word = Spelled(number);
  const uint64_t kind = number < 200 ? 100 : Mixed(number + 7) % 100;
  if (kind < 6) {
    Replace(word, 'e', "é");
    Replace(word, 'o', "ö");
  } else if (kind < 8) {
    static constexpr std::array<const char*, 26> kLetters = {
        "а", "б", "ц", "д", "е", "ф", "г", "х", "и", "й", "к", "л", "м",
        "н", "о", "п", "я", "р", "с", "т", "у", "в", "ж", "ы", "ю", "з"};
    std::string cyrillic;
    for (const char c : word) cyrillic += kLetters[c - 'a'];
    return cyrillic;
  } else if (kind < 10) {
    // Two of the first 1,024 of the block.
    std::string han;
    for (const size_t c : {number % 1024, number / 1024 + Mixed(number) % 900}) {
      const uint32_t point = 0x4e00 + static_cast<uint32_t>(c % 1024);
      han += static_cast<char>(0xe0 | (point >> 12));
      han += static_cast<char>(0x80 | (point >> 6 & 0x3f));
      han += static_cast<char>(0x80 | (point & 0x3f));
    }
    return han;
  }
  return word;
}

std::string Base64Of(const std::string& bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i + 2 < bytes.size(); i += 3) {
    uint32_t three = 0;
    for (size_t k = 0; k < 3; ++k) three = three << 8 | static_cast<uint8_t>(bytes[i + k]);
    for (int shift = 18; shift >= 0; shift -= 6) text += kDigits[three >> shift & 63];
  }
  return text;
}

std::string PaletteOf(Draws& draws) {
  std::string colors;
  double left = 1;
  for (uint64_t n = 3 + draws.Below(4); n > 0; --n) {
    const double weight = n == 1 ? left : left * (0.3 + draws.Unit() * 0.4);
    left -= weight;
    char text[64];
    std::snprintf(text, sizeof(text), R"(%s{"hex":"#%06x","weight":%.4f})",
                  colors.empty() ? "" : ",", static_cast<unsigned>(draws.Below(1 << 24)), weight);
    colors += text;
  }
  return absl::StrCat(R"({"colors":[)", colors, "]}");
}

struct Camera {
  std::string make;
  std::string model;
  std::string lens;
};
Camera CameraOf(size_t number, Draws& draws) {
  static constexpr std::array<const char*, 8> kMakes = {
      "Canon", "NIKON CORPORATION", "SONY", "Apple", "FUJIFILM", "Panasonic", "Leica", "OLYMPUS"};
  static constexpr std::array<const char*, 4> kSeries = {"EOS R", "Z ", "Alpha ", "X-T"};
  Camera camera;
  camera.make = kMakes[number % kMakes.size()];
  camera.model =
      absl::StrCat(number % 2 == 0 ? camera.make + " " : "", kSeries[number / 8 % 4], number);
  // Two thirds say which lens; two or three fit each camera.
  if (draws.Chance(0.67)) {
    const uint64_t lens = number % 40 * 3 + draws.Below(3);
    camera.lens = absl::StrCat(18 + lens, "-", 55 + lens * 2, "mm F", 1 + lens % 6, ".8");
  }
  return camera;
}

// Pixels of cameras and telephones; a tenth is cropped somehow.
void Measure(Draws& draws, Image& image) {
  static constexpr std::array<std::pair<int, int>, 8> kSizes = {{{6000, 4000},
                                                                 {4032, 3024},
                                                                 {5184, 3456},
                                                                 {8256, 5504},
                                                                 {3840, 2160},
                                                                 {1920, 1080},
                                                                 {2048, 2048},
                                                                 {9000, 3000}}};
  auto [width, height] = kSizes[std::min(draws.Below(8), draws.Below(8))];
  if (draws.Chance(0.1)) {
    width = static_cast<int>(600 + draws.Below(5000));
    height = static_cast<int>(600 + draws.Below(5000));
  }
  if (draws.Chance(0.3)) std::swap(width, height);
  static constexpr std::array<Share, 6> kFormats = {
      {{"jpeg", 82}, {"png", 8}, {"webp", 5}, {"heif", 2}, {"tiff", 2}, {"gif", 1}}};
  image.facts.width = width;
  image.facts.height = height;
  image.facts.frames = 1;
  image.facts.format = Weighted(draws, kFormats);
  image.facts.media_type = "image/" + image.facts.format;
  image.size_bytes = static_cast<int64_t>(static_cast<double>(width) * height *
                                          (0.05 + draws.Unit() * draws.Unit() * 0.6));
}

// Three in four have EXIF, a third of those GPS near one of 500 places.
std::string FactsOf(Draws& draws, const Zipf& cameras, const Zipf& places, Image& image) {
  std::string facts = absl::StrCat(
      R"({"width":)", image.facts.width, R"(,"height":)", image.facts.height, R"(,"format":")",
      image.facts.format, R"(","media_type":")", image.facts.media_type,
      R"(","frames":1,"progressive":false,"bit_depth":8,"has_alpha":false,"color_space":"srgb")",
      R"(,"orientation":1)");
  if (draws.Chance(0.75)) {
    const Camera camera = CameraOf(cameras.Draw(draws), draws);
    image.facts.taken_time = absl::FromUnixSeconds(absl::ToUnixSeconds(image.create_time) -
                                                   static_cast<int64_t>(draws.Below(90) * 86'400));
    absl::StrAppend(
        &facts, R"(,"taken_time":")",
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", *image.facts.taken_time, absl::UTCTimeZone()),
        R"(","camera":{"make":")", camera.make, R"(","model":")", camera.model, "\"");
    if (!camera.lens.empty()) absl::StrAppend(&facts, R"(,"lens":")", camera.lens, "\"");
    absl::StrAppend(&facts, R"(,"software":"1.0"},"exposure":{"time_s":0.004,"f_number":4,"iso":)",
                    100 << draws.Below(6), R"(,"focal_length_mm":)", 18 + draws.Below(180), "}");
    if (draws.Chance(0.33)) {
      const uint64_t place = Mixed(places.Draw(draws) + 99);
      char gps[96];
      std::snprintf(gps, sizeof(gps), R"(,"gps":{"latitude":%.7f,"longitude":%.7f})",
                    static_cast<double>(place % 130) - 60 + (draws.Unit() - 0.5) * 0.4,
                    static_cast<double>(place / 130 % 350) - 175 + (draws.Unit() - 0.5) * 0.4);
      facts += gps;
    }
  }
  return facts + "}";
}

api::Rendition RenditionOf(const Image& image, int width) {
  api::Rendition rendition;
  rendition.preset = absl::StrCat("thumb-", width);
  rendition.recipe = absl::StrCat("fit=", width, "x0/format=webp/q=80");
  rendition.sha256 = Digest::Of(rendition.recipe + image.id);
  rendition.key = rendition.sha256.hex().substr(0, 32);
  rendition.format = "webp";
  rendition.media_type = "image/webp";
  rendition.width = width;
  rendition.height = static_cast<int32_t>(int64_t{width} * image.facts.height / image.facts.width);
  rendition.size_bytes = int64_t{width} * rendition.height / 10;
  return rendition;
}

std::string Hex(const std::array<uint64_t, 4>& hash) {
  char text[65];
  std::snprintf(text, sizeof(text), "%016llx%016llx%016llx%016llx",
                static_cast<unsigned long long>(hash[0]), static_cast<unsigned long long>(hash[1]),
                static_cast<unsigned long long>(hash[2]), static_cast<unsigned long long>(hash[3]));
  return text;
}

bool IsPlain(const std::string& tag) {
  return std::all_of(tag.begin(), tag.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

// UUIDv7 whose time is the image's.
std::string IdOf(absl::Time created, uint64_t i, uint64_t random) {
  const uint64_t ms = static_cast<uint64_t>(absl::ToUnixMillis(created));
  char id[48];
  std::snprintf(id, sizeof(id), "%08llx-%04llx-7%03llx-%04llx-%012llx",
                static_cast<unsigned long long>(ms >> 16),
                static_cast<unsigned long long>(ms & 0xffff),
                static_cast<unsigned long long>(i & 0xfff),
                static_cast<unsigned long long>(0x8000 | (random >> 50 & 0x3fff)),
                static_cast<unsigned long long>(random & 0xffffffffffff));
  return id;
}

}  // namespace

uint64_t Draws::Next() { return Mixed(state_ += 0x9e3779b97f4a7c15); }

Zipf::Zipf(size_t size, double flatness) {
  double sum = 0;
  for (size_t rank = 0; rank < size; ++rank) {
    sums_.push_back(sum += 1 / (static_cast<double>(rank) + flatness));
  }
}

size_t Zipf::Draw(Draws& draws) const {
  const auto it = std::upper_bound(sums_.begin(), sums_.end(), draws.Unit() * sums_.back());
  return std::min(static_cast<size_t>(it - sums_.begin()), sums_.size() - 1);
}

Catalogue::Catalogue(uint64_t seed)
    : seed_(seed),
      word_ranks_(kWords, 20),
      tag_ranks_(kTags, 10),
      owners_(kOwners, 5),
      cameras_(kCameras, 3),
      places_(kPlaces, 5) {
  for (size_t rank = 0; rank < kWords; ++rank) words_.push_back(InSomeScript(rank));
  // One in seven has two words.
  for (size_t rank = 0; rank < kTags; ++rank) {
    tags_.push_back(rank % 7 == 3 ? words_[rank] + " " + words_[rank * 13 % kWords] : words_[rank]);
  }
}

Draws Catalogue::DrawsFor(uint64_t i, uint64_t what) const {
  return Draws(Mixed(seed_ ^ Mixed(i * 16 + what)));
}

std::vector<std::string> Catalogue::TagsOf(uint64_t i) const {
  Draws draws = DrawsFor(i, kTagWords);
  std::vector<size_t> ranks;
  while (ranks.size() < kTagsEach) {
    const size_t rank = tag_ranks_.Draw(draws);
    if (std::find(ranks.begin(), ranks.end(), rank) == ranks.end()) ranks.push_back(rank);
  }
  std::vector<std::string> tags;
  for (const size_t rank : ranks) tags.push_back(tags_[rank]);
  return tags;
}

std::string Catalogue::TitleOf(uint64_t i, const std::vector<std::string>& tags,
                               int64_t revision) const {
  Draws draws = DrawsFor(i + (static_cast<uint64_t>(revision - 1) << 44), kTitle);
  std::vector<std::string> title;
  for (uint64_t n = 3 + draws.Below(5); n > 0; --n) {
    title.push_back(draws.Chance(0.6) ? tags[draws.Below(tags.size())]
                                      : words_[word_ranks_.Draw(draws)]);
  }
  return absl::StrJoin(title, " ");
}

std::array<uint64_t, 4> Catalogue::PdqOf(uint64_t i) const {
  Draws draws = DrawsFor(i, kHash);
  const bool is_copy = draws.Below(8) == 0 && i > 0;
  const uint64_t root = is_copy ? i - 1 - draws.Below(std::min<uint64_t>(i, 50)) : i;
  Draws bits = DrawsFor(root, kHash + 8);
  std::array<uint64_t, 4> hash = {bits.Next(), bits.Next(), bits.Next(), bits.Next()};
  for (uint64_t n = is_copy ? draws.Below(6) : 0; n > 0; --n) {
    hash[draws.Below(4)] ^= uint64_t{1} << draws.Below(64);
  }
  return hash;
}

void Catalogue::Analyse(uint64_t i, Image& image) const {
  Draws draws = DrawsFor(i, kPicture);
  Measure(draws, image);
  image.analysis["facts"] = FactsOf(draws, cameras_, places_, image);
  std::string thumbhash(24, '\0');
  for (char& byte : thumbhash) byte = static_cast<char>(draws.Below(256));
  thumbhash[2] = static_cast<char>(thumbhash[2] & 0x7f);  // no alpha
  image.analysis["thumbhash"] =
      absl::StrCat(R"({"base64":")", Base64Of(thumbhash),
                   R"(","average_rgba":[112,98,87,255],"aspect":1.3333333730697632})");
  image.analysis["blurhash"] = R"({"hash":"LEHV6nWB2yk8pyo0adR*.7kCMdnj","components":[4,3]})";
  image.analysis["palette"] = PaletteOf(draws);
  // One in 25 shows too little for a hash.
  image.analysis["pdq"] = absl::StrCat(R"({"hash":")", Hex(PdqOf(i)), R"(","quality":)",
                                       draws.Chance(0.04) ? 20 : 100, "}");
  image.analysis["sharpness"] =
      absl::StrCat(R"({"score":)", 40 + draws.Below(55), R"(,"method":"laplacian-variance"})");
  image.analysis["smart_crop"] =
      R"({"x":0.25,"y":0.125,"w":0.5,"h":0.75,"focus":{"x":0.5,"y":0.4375}})";
}

Image Catalogue::At(uint64_t i, int64_t revision) const {
  Draws draws = DrawsFor(i, kIdentity);
  Image image;
  image.create_time =
      absl::FromUnixMicros(kFirstDay * 1'000'000 + static_cast<int64_t>(i) * kMicrosecondsApart +
                           static_cast<int64_t>(draws.Below(kMicrosecondsApart)));
  image.update_time = image.create_time + absl::Seconds(revision);
  image.id = IdOf(image.create_time, i, draws.Next());
  image.owner = absl::StrCat("owner-", owners_.Draw(draws));
  image.revision = revision;
  image.sha256 = Digest::Of(image.id);
  for (int n = 0; n < 16; ++n) image.md5 += static_cast<char>(draws.Below(256));
  static constexpr std::array<Share, 4> kNames = {
      {{"IMG_", 40}, {"DSC", 30}, {"PXL_2023", 15}, {"scan-", 15}}};
  image.filename = absl::StrCat(Weighted(draws, kNames), 1000 + draws.Below(9000), ".jpg");
  const uint64_t state = draws.Below(100);
  image.state = state < 97   ? ImageState::kReady
                : state < 98 ? ImageState::kFlagged
                : state < 99 ? ImageState::kProcessing
                             : ImageState::kFailed;
  const uint64_t visibility = draws.Below(100);
  image.described.visibility = visibility < 92   ? Visibility::kPublic
                               : visibility < 95 ? Visibility::kUnlisted
                                                 : Visibility::kPrivate;
  static constexpr std::array<Share, 9> kLicenses = {{{"", 20},
                                                      {"CC0-1.0", 25},
                                                      {"CC-BY-4.0", 20},
                                                      {"CC-BY-SA-4.0", 10},
                                                      {"CC-BY-NC-4.0", 8},
                                                      {"Unsplash", 7},
                                                      {"editorial", 5},
                                                      {"royalty-free", 4},
                                                      {"all rights reserved", 1}}};
  image.described.license = Weighted(draws, kLicenses);
  if (draws.Chance(0.3)) {
    image.described.attributes["dataset"] = absl::StrCat("set-", draws.Below(40));
  }
  image.described.tags = TagsOf(i);
  image.described.title = TitleOf(i, image.described.tags, revision);
  if (Draws text = DrawsFor(i, kText); text.Chance(0.4)) {
    for (uint64_t n = 6 + text.Below(15); n > 0; --n) {
      absl::StrAppend(&image.described.description, image.described.description.empty() ? "" : " ",
                      words_[word_ranks_.Draw(text)]);
    }
  }
  if (image.state == ImageState::kProcessing) return image;
  Analyse(i, image);
  for (const int width : {320, 640, 1280}) image.renditions.push_back(RenditionOf(image, width));
  image.work_plan = "benchmark";
  return image;
}

TwoWords Catalogue::TwoWordsAndFilter(uint64_t n, uint64_t images) const {
  Draws draws = DrawsFor(n, kQuery);
  // Words of one image, so that something is found; single words of Latin letters, which all who
  // compete can split.
  std::string first;
  std::string second;
  while (second.empty()) {
    const std::vector<std::string> tags = TagsOf(draws.Below(images));
    for (const std::string& tag : tags) {
      if (!IsPlain(tag) || draws.Chance(0.5)) continue;
      if (first.empty()) {
        first = tag;
      } else if (tag != first) {
        second = tag;
        break;
      }
    }
    if (second.empty()) first.clear();
  }
  struct Filter {
    const char* query;
    const char* condition;
  };
  static constexpr std::array<Filter, 6> kFilters = {
      {{"license:cc0-1.0", "license = 'CC0-1.0'"},
       {"type:jpeg", "format = 'jpeg'"},
       {"w>=3000", "width >= 3000"},
       {"orientation:landscape", "width * 100 > height * 105"},
       {"NOT license:cc-by-4.0", "license <> 'CC-BY-4.0'"},
       {"created:2018-01-01..2021-12-31",
        "created_us >= 1514764800000000 AND created_us < 1640995200000000"}}};
  const Filter& filter = kFilters[draws.Below(kFilters.size())];
  return {.query = absl::StrCat(first, " ", second, " ", filter.query),
          .fts5 = absl::StrCat("\"", first, "\"* AND \"", second, "\"*"),
          .mariadb = absl::StrCat("+", first, "* +", second, "*"),
          .condition = filter.condition};
}

std::string Catalogue::AnyOfFiveWords(uint64_t n) const {
  Draws draws = DrawsFor(n + 1'000'000'000, kQuery);
  std::vector<std::string> words;
  while (words.size() < 5) words.push_back(words_[word_ranks_.Draw(draws)]);
  return absl::StrJoin(words, " OR ");
}

std::string Catalogue::Prefix(uint64_t n) const {
  Draws draws = DrawsFor(n, kPrefix);
  const std::string& text =
      draws.Chance(0.5) ? words_[word_ranks_.Draw(draws)] : tags_[tag_ranks_.Draw(draws)];
  // Whole characters.
  size_t end = 0;
  for (uint64_t letters = 1 + draws.Below(4); letters > 0 && end < text.size(); --letters) {
    do ++end;
    while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80);
  }
  return text.substr(0, end);
}

}  // namespace stockroom::testing
