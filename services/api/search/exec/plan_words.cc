#include <algorithm>
#include <cstring>

#include "services/api/search/exec/expand.h"
#include "services/api/search/exec/plan_parts.h"
#include "services/api/search/text/text_fold.h"

namespace stockroom::api {
namespace {

// Beyond these many terms the rest is taken to be as frequent.
constexpr size_t kTermsToEstimate = 256;

class TermsPlan final : public PlanNode {
 public:
  TermsPlan(const Segment& segment, std::vector<TermOrd> terms, Payload mask)
      : PlanNode(Cost::kPostings, EstimateOf(segment, terms)),
        segment_(segment),
        terms_(std::move(terms)),
        mask_(mask) {}

  bool AddAll(uint32_t chunk, uint64_t* bits) const override {
    for (const TermOrd term : terms_) AddPostings(segment_.Postings(term, chunk), mask_, bits);
    return true;
  }

 private:
  static double EstimateOf(const Segment& segment, const std::vector<TermOrd>& terms) {
    const size_t looked_at = std::min(terms.size(), kTermsToEstimate);
    double sum = 0;
    for (size_t i = 0; i < looked_at; ++i) sum += segment.Frequency(terms[i]);
    return sum * static_cast<double>(terms.size()) / static_cast<double>(looked_at);
  }

  void KeepIn(uint32_t chunk, ChunkSet& set) override {
    // Most words stand in some chunks only; a single one needs no bitmap.
    ChunkPostings only;
    size_t i = 0;
    for (; i < terms_.size(); ++i) {
      const ChunkPostings postings = segment_.Postings(terms_[i], chunk);
      if (postings.count == 0) continue;
      if (only.count != 0) break;
      only = postings;
    }
    if (i == terms_.size()) {
      if (mask_ == 0) {
        set.Keep(only);
      } else {
        set.Keep(only, mask_);
      }
      return;
    }
    alignas(64) uint64_t any[kChunkWords];
    std::memset(any, 0, sizeof(any));
    AddPostings(only, mask_, any);
    for (; i < terms_.size(); ++i) AddPostings(segment_.Postings(terms_[i], chunk), mask_, any);
    set.Keep(any);
  }
  void DropIn(uint32_t chunk, ChunkSet& set) override {
    if (terms_.size() == 1 && mask_ == 0) {
      set.Drop(segment_.Postings(terms_[0], chunk));
      return;
    }
    alignas(64) uint64_t any[kChunkWords];
    std::memset(any, 0, sizeof(any));
    AddAll(chunk, any);
    set.Drop(any);
  }

  const Segment& segment_;
  const std::vector<TermOrd> terms_;
  const Payload mask_;
};

bool AddTerms(LeafPlanner& planner, std::vector<TermOrd> terms, Payload mask) {
  auto plan = PlanForTerms(planner.segment(), std::move(terms), mask);
  if (plan == nullptr) return false;
  planner.parts.push_back(std::move(plan));
  return true;
}

bool AddWord(LeafPlanner& planner, SearchedWord& word) {
  return AddTerms(planner, word.TermsIn(planner.number, planner.segment()), word.wanted().mask());
}

// Whether the words stand side by side in a wanted field. For the format of `words` see
// IndexedDocument: a byte of 1 + the field's number comes before each field.
bool HasPhrase(std::string_view words, std::string_view phrase, FieldMask fields) {
  if (fields == kEveryField) return words.find(phrase) != std::string_view::npos;
  while (!words.empty()) {
    const int number = static_cast<unsigned char>(words[0]) - 1;
    const auto behind = std::find_if(words.begin() + 1, words.end(),
                                     [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    const auto size = static_cast<size_t>(behind - words.begin());
    if (number >= 0 && number < 8 && (fields >> number & 1) != 0 &&
        words.substr(1, size - 1).find(phrase) != std::string_view::npos) {
      return true;
    }
    words.remove_prefix(size);
  }
  return false;
}

// Terms of a description that hold, begin or end with a piece of text: what a substring's words may
// be parts of.
template <typename Fits>
std::vector<TermOrd> TermsThat(const Segment& segment, Fits fits) {
  std::vector<TermOrd> terms;
  // Words, but not the tags of several words, nor pairs: those stand before.
  const TermOrd first = segment.TermsWithPrefix(std::string(1, kPairPrefix)).second;
  segment.VisitTerms(first, segment.terms(), [&](TermOrd term, std::string_view text) {
    if (fits(text)) terms.push_back(term);
    return true;
  });
  return terms;
}

}  // namespace

std::unique_ptr<PlanNode> PlanForTerms(const Segment& segment, std::vector<TermOrd> terms,
                                       Payload mask) {
  if (terms.empty()) return nullptr;
  return std::make_unique<TermsPlan>(segment, std::move(terms), mask);
}

bool LeafPlanner::operator()(const WordsNode& node) {
  NodeWords& words = context.words().Of(node);
  for (SearchedWord& word : words.all) {
    if (!AddWord(*this, word)) return false;
  }
  if (words.enough) return true;
  // The documents hold all words; do they stand side by side?
  std::string phrase = " ";
  for (const std::string& word : node.words) phrase.append(word).append(" ");
  if (node.last_is_prefix) phrase.pop_back();
  AddTest(
      *this, PlanNode::Cost::kStored, 0.1,
      [phrase, fields = node.fields, &documents = *context.snapshot().documents, &in = segment()](
          Doc doc) { return HasPhrase(documents.Read(in.locator(doc)).words, phrase, fields); });
  return true;
}

bool LeafPlanner::operator()(const TagNode& node) {
  return AddWord(*this, context.words().Of(node));
}

bool LeafPlanner::operator()(const DescriptionNode& node) {
  const std::vector<std::string> words = SplitWords(node.line);
  const Payload in_description = MaskOf(TextField::kDescription);
  // Words inside of the text are whole words of the description; the first may be the end of one,
  // and the last the beginning. Only if there is none inside, the dictionary is looked through.
  for (size_t i = 1; i + 1 < words.size(); ++i) {
    const TermOrd term = segment().FindTerm(words[i]);
    if (term == kNoTerm || !AddTerms(*this, {term}, in_description)) return false;
  }
  if (words.size() == 1) {
    const auto holds = [&](std::string_view term) {
      return term.find(words[0]) != std::string_view::npos;
    };
    if (!AddTerms(*this, TermsThat(segment(), holds), in_description)) return false;
  } else if (words.size() == 2) {
    const auto ends = [&](std::string_view term) { return term.ends_with(words[0]); };
    if (!AddTerms(*this, TermsThat(segment(), ends), in_description)) return false;
  }
  AddTest(*this, PlanNode::Cost::kStored, 0.05,
          [line = node.line, &documents = *context.snapshot().documents, &in = segment()](Doc doc) {
            return (in.flags(doc) >> static_cast<int>(HasField::kDescription) & 1) != 0 &&
                   documents.Read(in.locator(doc)).description.find(line) != std::string_view::npos;
          });
  return true;
}

}  // namespace stockroom::api
