#include "services/api/search/exec/budget.h"

#include <algorithm>
#include <limits>
#include <variant>

#include "services/api/search/exec/expand.h"
#include "services/api/search/exec/facets.h"
#include "services/api/search/query/words.h"

namespace stockroom::api {
namespace {

// Postings or documents that may be looked at; some nanoseconds each.
constexpr double kCheap = 100'000;
// What a step costs in units of a posting.
constexpr double kChunk = 256;     // anything at all in a chunk
constexpr double kBitmap = 512;    // a bitmap's postings, however many
constexpr double kColor = 40;      // a palette
constexpr double kStored = 100;    // a document's text
constexpr double kTerm = 4;        // a look into the dictionary; and into a chunk
constexpr double kFuzzyTerm = 40;  // a comparison that looks for typos or stems
constexpr double kDistance = 2;    // PDQ, and places
constexpr double kId = 20;
constexpr double kLook = 256;      // finding a word in the dictionary
constexpr double kDecoded = 1000;  // a whole document
// Longer expansions are not even added up.
constexpr uint32_t kMostTerms = 500;
// More are not even looked up.
constexpr size_t kMostWords = 64;

constexpr double kEndless = std::numeric_limits<double>::infinity();

class Bounds {
 public:
  // `looked`: what finding the bounds has cost so far; past kCheap there is no further look.
  Bounds(uint32_t number, PlanContext& context, double& looked)
      : number_(number),
        words_(context.words()),
        segment_(*context.snapshot().segments[number].segment),
        looked_(looked) {}

  WorkBound Of(const QueryNode& node) const {
    return std::visit([this](const auto& is) { return BoundOf(is); }, node.is);
  }

 private:
  double docs() const { return segment_.docs(); }

  WorkBound BoundOf(const EverythingNode&) const { return {0, 0, docs()}; }
  WorkBound BoundOf(const AndNode& node) const {
    // The first part is asked about everything, the others about what it leaves.
    WorkBound all{0, 0, docs()};
    for (const QueryNode& part : node.parts) {
      const WorkBound bound = Of(part);
      all.fixed += bound.fixed;
      all.each += bound.each;
      all.matches = std::min(all.matches, bound.matches);
    }
    return all;
  }
  WorkBound BoundOf(const OrNode& node) const {
    WorkBound any;
    for (const QueryNode& part : node.parts) {
      const WorkBound bound = Of(part);
      any.fixed += bound.fixed;
      any.each += bound.each;
      any.matches += bound.matches;
    }
    any.matches = std::min(any.matches, docs());
    // A part that tests documents is asked about all that come this far.
    any.fixed += any.each * docs();
    any.each = 0;
    return any;
  }
  WorkBound BoundOf(const NotNode& node) const {
    const WorkBound part = Of(node.part[0]);
    return {part.fixed, part.each, docs()};
  }
  WorkBound BoundOf(const WordsNode& node) const {
    WorkBound bound{0, 0, docs()};
    NodeWords& words = words_.Of(node);
    for (SearchedWord& word : words.all) {
      const WorkBound one = OfWord(word);
      bound.fixed += one.fixed;
      bound.matches = std::min(bound.matches, one.matches);
    }
    if (!words.enough) bound.fixed += kStored * bound.matches;
    return bound;
  }
  WorkBound BoundOf(const TagNode& node) const { return OfWord(words_.Of(node)); }
  WorkBound BoundOf(const DescriptionNode&) const {
    // May look through the dictionary, and then into documents.
    return {kTerm * segment_.terms(), kStored, docs()};
  }
  WorkBound BoundOf(const RangeNode& node) const {
    return {0, node.field == NumberField::kCreated ? 0.0 : 1.0, docs()};
  }
  WorkBound BoundOf(const NearNode&) const {
    return {kDistance * static_cast<double>(segment_.locations().points.size()), kDistance, docs()};
  }
  WorkBound BoundOf(const ColorNode&) const { return {0, kColor, docs()}; }
  WorkBound BoundOf(const HashNode&) const { return {0, kDistance, docs()}; }
  WorkBound BoundOf(const SimilarNode&) const { return {kStored, kDistance, docs()}; }
  // Columns.
  template <typename Leaf>
  WorkBound BoundOf(const Leaf&) const {
    return {0, 1, docs()};
  }

  WorkBound OfWord(SearchedWord& word) const {
    const WorkBound endless{kEndless, 0, docs()};
    looked_ += kLook;
    if (looked_ > kCheap) return endless;
    const Wanted& wanted = word.wanted();
    const uint32_t work = word.WorkIn(number_, segment_);
    // Whatever is similar enough may match.
    if (wanted.typos > 0 || !wanted.stemming.empty()) return {kLook + kFuzzyTerm * work, 0, docs()};
    WorkBound bound{kLook + kTerm * work, 0, docs()};
    looked_ += kTerm * work;
    if (work > kMostTerms || looked_ > kCheap) return endless;
    double postings = 0;
    double matches = 0;
    for (const TermOrd term : word.TermsIn(number_, segment_)) {
      const double frequency = segment_.Frequency(term);
      matches += frequency;
      postings += std::min(frequency, kBitmap * segment_.chunks()) + kTerm * segment_.chunks();
    }
    bound.fixed += postings;
    bound.matches = std::min(matches, docs());
    return bound;
  }

  const uint32_t number_;
  QueryWords& words_;
  const Segment& segment_;
  double& looked_;
};

size_t CountWords(const Query& query) {
  size_t words = 0;
  VisitLeaves(query, [&](const QueryNode& leaf, bool) {
    const auto* node = std::get_if<WordsNode>(&leaf.is);
    words += node == nullptr ? 1 : node->words.size();
  });
  return words;
}

}  // namespace

Budget::Budget(PlanContext& context)
    : context_(context), bounds_(context.snapshot().segments.size()) {
  if (CountWords(context.request().query) > kMostWords) spent_ = kEndless;
}

bool Budget::CoversAll(double owners) {
  Spend(owners);
  const ExecuteRequest& request = context_.request();
  // What is done with each match, besides.
  double each_match = 1;
  if (request.sort == SortOrder::kRelevance) each_match += 10;
  if (request.sort == SortOrder::kRandom) each_match += kId;
  if (request.collapse) each_match += 10;
  for (const FacetField field : request.facets) {
    each_match += field == FacetField::kColor ? kColor : 2;
  }
  double found = 0;
  const std::vector<SegmentState>& segments = context_.snapshot().segments;
  for (uint32_t number = 0; number < segments.size() && Spend(0); ++number) {
    const WorkBound& bound = BoundOf(number);
    Spend(kChunk * segments[number].segment->chunks() + bound.fixed +
          (bound.each + each_match) * bound.matches);
    found += bound.matches;
  }
  const bool tags = std::find(request.facets.begin(), request.facets.end(), FacetField::kTag) !=
                    request.facets.end();
  if (!tags) return Spend(0);
  // Of more matches tags are counted by arrays of all tags of all segments, and whoever is the
  // first to need them for a segment makes them.
  return found <= static_cast<double>(kReadDocuments) && Spend(kDecoded * found);
}

bool Budget::CoversChunk(uint32_t number, double owners) {
  const bool is_first = !bounds_[number].has_value();
  const WorkBound& bound = BoundOf(number);
  if (is_first) Spend(bound.fixed);
  return Spend(kChunk + owners + bound.each * std::min<double>(bound.matches, kChunkDocs));
}

bool Budget::Spend(double work) {
  spent_ += work;
  return spent_ <= kCheap;
}

const WorkBound& Budget::BoundOf(uint32_t number) {
  std::optional<WorkBound>& bound = bounds_[number];
  if (!bound) bound = Bounds(number, context_, looked_).Of(context_.request().query.root);
  return *bound;
}

}  // namespace stockroom::api
