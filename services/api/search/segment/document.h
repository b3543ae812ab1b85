// What the index keeps of one image, before it is packed into a segment. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/api/domain/image.h"
#include "services/api/search/query/query.h"
#include "services/api/search/similar/looks.h"

namespace stockroom::api {

// A posting says where in the document its term stands: bits of TextField, and
// kWholeTag if it is all of a tag (so "tag:beach" needs no term of its own); the two highest bits
// say how often it stands there in all: 0 once, 1 twice, 2 three or four times, 3 more often.
using Payload = uint8_t;
inline constexpr Payload kWholeTag = 0x20;
inline constexpr int kFrequencyShift = 6;

// Terms are words as SplitWords gives them. A tag of other than one word (FoldLine, not equal to
// its only word) is a term, too: kTagPrefix before its line; its payload is kTag | kWholeTag.
inline constexpr char kTagPrefix = '\x01';
// Two words of a field that are one character each (IsOneCharacter) and stand side by side are a
// term as well: kPairPrefix, the words, a space between them; its payload says in which fields.
// Scripts without spaces are searched for by phrases of few characters, each of which stands in
// far more documents: so those of two need no look into any, and those of more into few.
inline constexpr char kPairPrefix = '\x02';
std::string PairTerm(std::string_view first, std::string_view second);

struct DocumentTerm {
  std::string_view term;
  Payload payload = 0;
};

// Terms side by side in memory of their own: a string for each would cost more than all else that
// is done with it.
class DocumentTerms {
 public:
  DocumentTerms() = default;
  DocumentTerms(std::initializer_list<DocumentTerm> terms) {
    for (const DocumentTerm& term : terms) push_back(term);
  }
  void reserve(size_t terms, size_t bytes) {
    terms_.reserve(terms);
    bytes_.reserve(bytes);
  }
  void push_back(const DocumentTerm& term) { Add({}, term.term, term.payload); }
  // `prefix` and `text` are the term.
  void Add(std::string_view prefix, std::string_view text, Payload payload) {
    bytes_.append(prefix).append(text);
    terms_.push_back({bytes_.size(), payload});
  }
  void clear() {
    terms_.clear();
    bytes_.clear();
  }
  bool empty() const { return terms_.empty(); }
  size_t size() const { return terms_.size(); }
  // Valid until something is added.
  DocumentTerm operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : terms_[i - 1].end;
    return {std::string_view(bytes_).substr(begin, terms_[i].end - begin), terms_[i].payload};
  }

 private:
  struct Term {
    size_t end = 0;  // in `bytes_`
    Payload payload = 0;
  };
  std::string bytes_;
  std::vector<Term> terms_;
};

// As in ValueField but kOwner; "" where there is none.
struct GeoPoint {
  int32_t latitude_e7 = 0;  // degrees times 10^7
  int32_t longitude_e7 = 0;
};

struct IndexedDocument {
  std::string id;
  std::string owner;
  ImageState state = ImageState::kReady;
  // Public, and not hidden by moderation: SeenAs.
  bool seen_by_all = false;
  DocumentTerms terms;  // sorted by term, each once
  // Number of words in all fields.
  uint32_t length = 0;
  std::string license;
  std::string format;
  std::string camera;  // make and model, the make not twice; from the analysis "facts"
  std::string lens;
  std::string dataset;  // the attribute "dataset", until datasets are a thing of their own
  int64_t created_us = 0;
  int32_t date = 0;        // DateNumber: taken, else created
  bool has_taken = false;  // `date` is the EXIF time
  uint32_t width = 0;
  uint32_t height = 0;
  uint64_t bytes = 0;
  uint16_t flags = 0;  // by HasField
  std::string md5;     // 16 bytes or none
  std::optional<GeoPoint> location;
  std::optional<PdqWords> pdq;  // quality 50 or more only
  std::optional<Looks> looks;

  // For what postings can not answer, kept in the document store:
  // the words of each field, in order: " red fox " behind a byte that names the field (1 + its
  // number), as in "\x01 red fox \x03 fox \x03 red \x04 img 12 jpg ". Every tag and attribute is a
  // field of its own. A phrase is a substring.
  std::string words;
  std::string description;  // FoldLine
};

// What is indexed of what processors found ("facts", "pdq", "thumbhash", "palette").
struct AnalysisFacts {
  std::string camera;
  std::string lens;
  std::optional<GeoPoint> location;
  std::optional<PdqWords> pdq;
  std::optional<Looks> looks;
};
// Anything may stand there: what can not be read is left out.
AnalysisFacts AnalysisFactsOf(const std::map<std::string, std::string>& analysis);

// Never fails. `facts` are those of the image's analysis.
IndexedDocument DocumentOf(const Image& image, AnalysisFacts facts);
inline IndexedDocument DocumentOf(const Image& image) {
  return DocumentOf(image, AnalysisFactsOf(image.analysis));
}

}  // namespace stockroom::api
