// How much work a search may be, from above.
#include <algorithm>
#include <limits>
#include <variant>

#include "services/api/search/exec/execute.h"
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

// Of one segment.
struct Bound {
  double fixed = 0;    // whatever else the query says
  double each = 0;     // for each document that it is asked about
  double matches = 0;  // at most so many match
};

class Bounds {
 public:
  // `looked`: what finding the bounds has cost so far; past kCheap there is no further look.
  Bounds(const Segment& segment, const std::string& stemming, double& looked)
      : segment_(segment), stemming_(stemming), looked_(looked) {}

  Bound Of(const QueryNode& node) const {
    return std::visit([this](const auto& is) { return Bound_(is); }, node.is);
  }

 private:
  double docs() const { return segment_.docs(); }

  Bound Bound_(const EverythingNode&) const { return {0, 0, docs()}; }
  Bound Bound_(const AndNode& node) const {
    // The first part is asked about everything, the others about what it leaves.
    Bound all{0, 0, docs()};
    for (const QueryNode& part : node.parts) {
      const Bound bound = Of(part);
      all.fixed += bound.fixed;
      all.each += bound.each;
      all.matches = std::min(all.matches, bound.matches);
    }
    return all;
  }
  Bound Bound_(const OrNode& node) const {
    Bound any;
    for (const QueryNode& part : node.parts) {
      const Bound bound = Of(part);
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
  Bound Bound_(const NotNode& node) const {
    const Bound part = Of(node.part[0]);
    return {part.fixed, part.each, docs()};
  }
  Bound Bound_(const WordsNode& node) const {
    Bound bound{0, 0, docs()};
    const Lookups lookups = LookupsOf(node, stemming_);
    for (const Wanted& wanted : lookups.all) {
      const Bound one = OfWord(wanted);
      bound.fixed += one.fixed;
      bound.matches = std::min(bound.matches, one.matches);
    }
    if (!lookups.enough) bound.fixed += kStored * bound.matches;
    return bound;
  }
  Bound Bound_(const TagNode& node) const { return OfWord(WantedOf(node)); }
  Bound Bound_(const DescriptionNode&) const {
    // May look through the dictionary, and then into documents.
    return {kTerm * segment_.terms(), kStored, docs()};
  }
  Bound Bound_(const RangeNode& node) const {
    return {0, node.field == NumberField::kCreated ? 0.0 : 1.0, docs()};
  }
  Bound Bound_(const NearNode&) const {
    return {kDistance * static_cast<double>(segment_.locations().points.size()), kDistance, docs()};
  }
  Bound Bound_(const ColorNode&) const { return {0, kColor, docs()}; }
  Bound Bound_(const HashNode&) const { return {0, kDistance, docs()}; }
  Bound Bound_(const SimilarNode&) const { return {kStored, kDistance, docs()}; }
  // Columns.
  template <typename Leaf>
  Bound Bound_(const Leaf&) const {
    return {0, 1, docs()};
  }

  Bound OfWord(const Wanted& word) const {
    const Bound endless{kEndless, 0, docs()};
    looked_ += kLook;
    if (looked_ > kCheap) return endless;
    const uint32_t work = ExpansionWork(segment_, word);
    // Whatever is similar enough may match.
    if (word.typos > 0 || !word.stemming.empty()) return {kLook + kFuzzyTerm * work, 0, docs()};
    Bound bound{kLook + kTerm * work, 0, docs()};
    looked_ += kTerm * work;
    if (work > kMostTerms || looked_ > kCheap) return endless;
    double postings = 0;
    double matches = 0;
    for (const Expansion& one : Expand(segment_, word)) {
      const double frequency = segment_.Frequency(one.term);
      matches += frequency;
      postings += std::min(frequency, kBitmap * segment_.chunks()) + kTerm * segment_.chunks();
    }
    bound.fixed += postings;
    bound.matches = std::min(matches, docs());
    return bound;
  }

  const Segment& segment_;
  const std::string& stemming_;
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

bool IsCheap(const Snapshot& snapshot, const ExecuteRequest& request) {
  if (CountWords(request.query) > kMostWords) return false;
  // What is done with each match, besides.
  double each_match = 1;
  if (request.sort == SortOrder::kRelevance) each_match += 10;
  if (request.sort == SortOrder::kRandom) each_match += kId;
  if (request.collapse) each_match += 10;
  for (const FacetField field : request.facets) {
    each_match += field == FacetField::kColor ? kColor : 2;
  }
  const bool tags = std::find(request.facets.begin(), request.facets.end(), FacetField::kTag) !=
                    request.facets.end();
  // Ends with the page; a chunk is all that it may look at in vain only if there is nothing to
  // test.
  const bool page_only = request.sort == SortOrder::kNewest && request.query.IsEverything() &&
                         !request.collapse && request.facets.empty();
  double work = 0;
  double found = 0;
  double looked = 0;
  for (const SegmentState& state : snapshot.segments) {
    const Bound bound = Bounds(*state.segment, request.stemming, looked).Of(request.query.root);
    work += kChunk * state.segment->chunks() + bound.fixed + bound.each * bound.matches;
    if (!page_only) work += each_match * bound.matches;
    found += bound.matches;
    if (work > kCheap) return false;
  }
  if (!tags) return true;
  // Of more matches tags are counted by arrays of all tags of all segments, and whoever is the
  // first to need them for a segment makes them.
  return found <= static_cast<double>(kReadDocuments) && work + kDecoded * found <= kCheap;
}

}  // namespace stockroom::api
