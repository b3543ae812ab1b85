// Which words of a segment's dictionary a word of the query stands for. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/api/search/query/query.h"
#include "services/api/search/segment/segment.h"

namespace stockroom::api {

// A word or tag as it is looked for.
struct Wanted {
  std::string text;
  bool is_tag = false;  // a whole tag, else a word
  bool is_prefix = false;
  int typos = 0;
  std::string stemming;  // "" or a language
  FieldMask fields = kEveryField;

  // Bits of which a payload needs one; 0: any payload will do.
  Payload mask() const {
    if (is_tag) return kWholeTag;
    return fields == kEveryField ? 0 : fields;
  }
};

// The words of a node, in order. Only a bare word is looked for by its stem.
std::vector<Wanted> WantedOf(const WordsNode& node, const std::string& stemming);
Wanted WantedOf(const TagNode& node);

// What all documents have in which the words stand side by side: words and pairs of characters (see
// kPairPrefix). If it is not `enough`, others may have it, too.
struct Lookups {
  std::vector<Wanted> all;
  bool enough = true;
};
Lookups LookupsOf(const WordsNode& node, const std::string& stemming);

struct Expansion {
  TermOrd term = kNoTerm;
  // How well it fits, for ranking: see docs/search.md. The very word: 1.
  float fit = 1;
};
// Ascending by term, each once. Looks through the part of the dictionary that begins alike.
std::vector<Expansion> Expand(const Segment& segment, const Wanted& wanted);

// Only the word or tag itself, kNoTerm if the segment lacks it.
TermOrd ExactTerm(const Segment& segment, const Wanted& wanted);

// An upper bound of how many terms Expand looks at, without looking.
uint32_t ExpansionWork(const Segment& segment, const Wanted& wanted);

}  // namespace stockroom::api
