#include "services/api/search/segment/document.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/api/search/text/text_fold.h"

namespace stockroom::api {
namespace {

constexpr char kDataset[] = "dataset";

// Collects the words of an image's fields.
class Words {
 public:
  explicit Words(std::string& all) : all_(all) {}

  // Returns how many there were.
  size_t Add(TextField field, std::string_view folded) {
    size_t words = 0;
    const size_t begin = all_.size();
    all_ += static_cast<char>(1 + static_cast<int>(field));
    all_ += ' ';
    bool was_character = false;
    ForEachWord(folded, [&](std::string_view word) {
      const bool is_character = IsOneCharacter(word);
      if (was_character && is_character) {
        const Use& before = uses_.back();
        pairs_.push_back({before.begin, before.size + 1 + word.size(), MaskOf(field)});
      }
      was_character = is_character;
      uses_.push_back({all_.size(), word.size(), MaskOf(field)});
      all_ += word;
      all_ += ' ';
      ++words;
    });
    // A field without words says nothing.
    if (words == 0) all_.resize(begin);
    return words;
  }
  void AddTag(const std::string& tag) {
    if (IsFoldedLine(tag)) return AddLine(tag);
    AddLine(FoldLine(tag));
  }
  void AddLine(std::string_view line) {
    if (line.empty()) return;
    const size_t words = Add(TextField::kTag, line);
    if (words == 1 && uses_.back().size == line.size()) {
      uses_.back().payload |= kWholeTag;
    } else {
      lines_.emplace_back(line);
    }
  }
  size_t count() const { return uses_.size(); }

  DocumentTerms Terms() {
    std::sort(lines_.begin(), lines_.end());
    lines_.erase(std::unique(lines_.begin(), lines_.end()), lines_.end());
    // Words begin with a letter or the like, so tags and pairs come before them.
    DocumentTerms terms;
    terms.reserve(lines_.size() + pairs_.size() + uses_.size(), 2 * all_.size());
    for (const std::string& line : lines_) {
      terms.Add({&kTagPrefix, 1}, line, static_cast<Payload>(MaskOf(TextField::kTag) | kWholeTag));
    }
    AppendTerms({&kPairPrefix, 1}, absl::MakeSpan(pairs_), terms);
    AppendTerms({}, absl::MakeSpan(uses_), terms);
    return terms;
  }

 private:
  static constexpr size_t kUsual = 64;

  struct Use {
    size_t begin;
    size_t size;
    Payload payload;
    // The first bytes of the word as a number, which orders as they do.
    uint64_t order = 0;
  };
  static constexpr size_t kOrdered = sizeof(Use::order);

  std::string_view TextOf(const Use& use) const {
    return std::string_view(all_).substr(use.begin, use.size);
  }
  // Needs kOrdered bytes behind the word.
  uint64_t OrderOf(const Use& use) const {
    uint64_t order = 0;
    std::memcpy(&order, all_.data() + use.begin, kOrdered);
    order = __builtin_bswap64(order);
    return use.size >= kOrdered ? order
                                : order >> 8 * (kOrdered - use.size) << 8 * (kOrdered - use.size);
  }
  bool IsBefore(const Use& a, const Use& b) const {
    if (a.order != b.order) return a.order < b.order;
    // Where all of one is in its number, it is how the other begins.
    if (a.size <= kOrdered || b.size <= kOrdered) return a.size < b.size;
    return TextOf(a) < TextOf(b);
  }
  bool IsSame(const Use& a, const Use& b) const {
    return a.order == b.order && a.size == b.size && (a.size <= kOrdered || TextOf(a) == TextOf(b));
  }
  // Sorts `uses`.
  void AppendTerms(std::string_view prefix, absl::Span<Use> uses, DocumentTerms& terms) const {
    all_.append(kOrdered, '\0');
    for (Use& use : uses) use.order = OrderOf(use);
    all_.resize(all_.size() - kOrdered);
    std::sort(uses.begin(), uses.end(),
              [this](const Use& a, const Use& b) { return IsBefore(a, b); });
    for (size_t i = 0; i < uses.size();) {
      const Use& first = uses[i];
      size_t times = 0;
      Payload payload = 0;
      for (; i < uses.size() && IsSame(uses[i], first); ++i, ++times) payload |= uses[i].payload;
      const int frequency = times == 1 ? 0 : times == 2 ? 1 : times <= 4 ? 2 : 3;
      terms.Add(prefix, TextOf(first),
                static_cast<Payload>(payload | frequency << kFrequencyShift));
    }
  }

  std::string& all_;
  // Of most images without a call for memory.
  absl::InlinedVector<Use, kUsual> uses_;
  absl::InlinedVector<Use, kUsual / 8> pairs_;
  std::vector<std::string> lines_;
};

// As DateNumber of the query language: 2020-12-24 is 20201224, in UTC.
int32_t DayNumber(absl::Time time) {
  const absl::CivilDay day = absl::ToCivilDay(time, absl::UTCTimeZone());
  const auto year = static_cast<int32_t>(std::clamp<int64_t>(day.year(), 0, 9999));
  return year * 10000 + day.month() * 100 + day.day();
}

// About as many bytes as the words of all fields take.
size_t WordsRoom(const Image& image, const std::string& description) {
  constexpr size_t kEach = 4;  // what is around a field
  size_t room = image.described.title.size() + description.size() + image.filename.size() +
                (3 + image.described.tags.size()) * kEach;
  for (const std::string& tag : image.described.tags) room += tag.size();
  for (const auto& [key, value] : image.described.attributes) room += value.size() + kEach;
  return room;
}

uint16_t FlagsOf(const Image& image, const IndexedDocument& document) {
  uint16_t flags = 0;
  const auto has = [&](HasField field, bool is) {
    flags |= static_cast<uint16_t>(is ? 1u << static_cast<unsigned>(field) : 0);
  };
  has(HasField::kTitle, !image.described.title.empty());
  has(HasField::kDescription, !image.described.description.empty());
  has(HasField::kTags, !image.described.tags.empty());
  has(HasField::kLicense, !image.described.license.empty());
  has(HasField::kAttributes, !image.described.attributes.empty());
  has(HasField::kTaken, document.has_taken);
  has(HasField::kLocation, document.location.has_value());
  has(HasField::kCamera, !document.camera.empty());
  has(HasField::kLens, !document.lens.empty());
  has(HasField::kDataset, !document.dataset.empty());
  has(HasField::kPalette, document.looks.has_value());
  has(HasField::kHash, document.pdq.has_value());
  return flags;
}

}  // namespace

std::string PairTerm(std::string_view first, std::string_view second) {
  return std::string(1, kPairPrefix).append(first).append(" ").append(second);
}

IndexedDocument DocumentOf(const Image& image, AnalysisFacts facts) {
  IndexedDocument document;
  document.id = image.id;
  document.owner = image.owner;
  document.state = image.state;
  document.seen_by_all = SeenAs(image) == Visibility::kPublic;

  document.description = FoldLine(image.described.description);
  document.words.reserve(WordsRoom(image, document.description));
  Words words(document.words);
  words.Add(TextField::kTitle, FoldText(image.described.title));
  words.Add(TextField::kDescription, document.description);
  for (const std::string& tag : image.described.tags) words.AddTag(tag);
  words.Add(TextField::kFilename, FoldText(image.filename));
  for (const auto& [key, value] : image.described.attributes) {
    words.Add(TextField::kAttribute, FoldText(value));
    if (key == kDataset) document.dataset = value;
  }
  document.length = static_cast<uint32_t>(words.count());
  document.terms = words.Terms();

  document.license = image.described.license;
  document.format = image.facts.format;
  document.created_us = absl::ToUnixMicros(image.create_time);
  document.has_taken = image.facts.taken_time.has_value();
  document.date = DayNumber(image.facts.taken_time.value_or(image.create_time));
  document.width = static_cast<uint32_t>(std::max(0, image.facts.width));
  document.height = static_cast<uint32_t>(std::max(0, image.facts.height));
  document.bytes = static_cast<uint64_t>(std::max<int64_t>(0, image.size_bytes));
  document.md5 = image.md5;

  document.camera = std::move(facts.camera);
  document.lens = std::move(facts.lens);
  document.location = facts.location;
  document.pdq = facts.pdq;
  document.looks = facts.looks;
  document.flags = FlagsOf(image, document);
  return document;
}

}  // namespace stockroom::api
