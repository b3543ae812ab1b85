#include "services/api/search/text/highlight.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "services/api/search/text/stem.h"
#include "services/api/search/text/text_fold.h"
#include "services/api/search/text/text_spans.h"
#include "services/api/search/text/typo.h"

namespace stockroom::api {
namespace {

using Range = std::pair<uint32_t, uint32_t>;

// How much of a snippet may stand before the first match.
constexpr uint32_t kBeforeMatch = kSnippetBytes / 3;

bool StartsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

std::string_view FirstCharacter(std::string_view text) {
  size_t end = 1;
  while (end < text.size() && !StartsCharacter(text[end])) ++end;
  return text.substr(0, end);
}

// Leaves that are not under a NOT. CheckQuery bounds the depth.
void CollectPositive(const QueryNode& node, std::vector<const QueryNode*>& leaves) {
  if (const auto* all = std::get_if<AndNode>(&node.is)) {
    for (const QueryNode& part : all->parts) CollectPositive(part, leaves);
  } else if (const auto* any = std::get_if<OrNode>(&node.is)) {
    for (const QueryNode& part : any->parts) CollectPositive(part, leaves);
  } else if (!std::holds_alternative<NotNode>(node.is)) {
    leaves.push_back(&node);
  }
}

// One WordsNode, with what is the same for every word it is compared with.
class WordMatcher {
 public:
  WordMatcher(const WordsNode& node, const std::string& stemming) : node_(node) {
    if (stemming.empty() || node.words.size() != 1 || !node.last_is_prefix) return;
    stemming_ = stemming;
    stem_ = Stem(stemming, node.words.front());
    stem_prefix_ = StemPrefix(stemming, node.words.front());
  }

  void FindIn(const std::vector<SpannedWord>& words, std::vector<Range>& found) const {
    const size_t count = node_.words.size();
    for (size_t i = 0; i + count <= words.size(); ++i) {
      if (FitsAt(words, i)) found.emplace_back(words[i].begin, words[i + count - 1].end);
    }
  }

 private:
  bool FitsAt(const std::vector<SpannedWord>& words, size_t at) const {
    for (size_t k = 0; k + 1 < node_.words.size(); ++k) {
      if (words[at + k].word != node_.words[k]) return false;
    }
    return LastFits(words[at + node_.words.size() - 1].word);
  }
  bool LastFits(const std::string& there) const {
    const std::string& wanted = node_.words.back();
    if (there == wanted || (node_.last_is_prefix && there.starts_with(wanted))) return true;
    if (node_.words.size() != 1) return false;
    if (node_.typos > 0 && FirstCharacter(there) == FirstCharacter(wanted) &&
        TypoDistance(there, wanted, node_.typos) <= node_.typos) {
      return true;
    }
    return !stemming_.empty() && there.starts_with(stem_prefix_) && Stem(stemming_, there) == stem_;
  }

  const WordsNode& node_;
  std::string stemming_;
  std::string stem_;
  std::string stem_prefix_;
};

class Highlighter {
 public:
  Highlighter(const Query& query, const std::string& stemming) {
    std::vector<const QueryNode*> leaves;
    CollectPositive(query.root, leaves);
    for (const QueryNode* leaf : leaves) {
      if (const auto* words = std::get_if<WordsNode>(&leaf->is)) {
        words_.emplace_back(words->fields, WordMatcher(*words, stemming));
      } else if (const auto* tag = std::get_if<TagNode>(&leaf->is)) {
        tags_.push_back(tag);
      } else if (const auto* line = std::get_if<DescriptionNode>(&leaf->is)) {
        lines_.push_back(line);
      }
    }
  }

  std::vector<Range> InWords(TextField field, const std::vector<SpannedWord>& words) const {
    std::vector<Range> found;
    for (const auto& [fields, matcher] : words_) {
      if (fields & MaskOf(field)) matcher.FindIn(words, found);
    }
    return found;
  }

  std::vector<Range> InTag(const std::string& tag) const {
    const std::string line = FoldLine(tag);
    const bool whole = std::any_of(tags_.begin(), tags_.end(), [&](const TagNode* node) {
      return node->is_prefix ? line.starts_with(node->tag) : line == node->tag;
    });
    if (whole) return {{0, static_cast<uint32_t>(tag.size())}};
    return InWords(TextField::kTag, WordsWithSpans(FoldTextWithSpans(tag)));
  }

  void InLines(const std::string& description, std::vector<Range>& found) const {
    if (lines_.empty()) return;
    const FoldedText text = FoldLineWithSpans(description);
    for (const DescriptionNode* node : lines_) {
      const size_t size = node->line.size();
      for (size_t at = text.folded.find(node->line); at != std::string::npos;
           at = text.folded.find(node->line, at + size)) {
        found.emplace_back(text.begins[at], text.ends[at + size - 1]);
      }
    }
  }

 private:
  std::vector<std::pair<FieldMask, WordMatcher>> words_;
  std::vector<const TagNode*> tags_;
  std::vector<const DescriptionNode*> lines_;
};

// In order, those that overlap or touch made one.
void Tidy(std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<Range> tidy;
  for (const Range& range : ranges) {
    if (tidy.empty() || range.first > tidy.back().second) {
      tidy.push_back(range);
    } else {
      tidy.back().second = std::max(tidy.back().second, range.second);
    }
  }
  ranges = std::move(tidy);
}

// The bytes of a long text to show: from and to the ends of words where there are some near.
Range SnippetOf(const std::string& text, const std::vector<SpannedWord>& words, Range first) {
  const auto size = static_cast<uint32_t>(text.size());
  if (size <= kSnippetBytes) return {0, size};
  uint32_t begin = 0;
  if (first.first > kBeforeMatch) {
    const auto word = std::lower_bound(
        words.begin(), words.end(), first.first - kBeforeMatch,
        [](const SpannedWord& candidate, uint32_t at) { return candidate.begin < at; });
    begin = word == words.end() ? first.first : std::min(word->begin, first.first);
  }
  uint32_t end = begin + static_cast<uint32_t>(kSnippetBytes);
  if (end >= size) return {begin, size};
  const auto behind = std::upper_bound(
      words.begin(), words.end(), end,
      [](uint32_t at, const SpannedWord& candidate) { return at < candidate.end; });
  if (behind != words.begin() && std::prev(behind)->end > first.first) {
    return {begin, std::prev(behind)->end};
  }
  while (end > begin && !StartsCharacter(text[end])) --end;
  return {begin, end};
}

void AddHighlight(std::string field, const std::string& text, Range part, std::vector<Range> ranges,
                  std::vector<Highlight>& highlights) {
  Highlight highlight{std::move(field), text.substr(part.first, part.second - part.first), {}};
  Tidy(ranges);
  for (const Range& range : ranges) {
    const uint32_t begin = std::max(range.first, part.first);
    const uint32_t end = std::min(range.second, part.second);
    if (begin < end) highlight.ranges.emplace_back(begin - part.first, end - part.first);
  }
  if (!highlight.ranges.empty()) highlights.push_back(std::move(highlight));
}

Range WholeOf(const std::string& text) { return {0, static_cast<uint32_t>(text.size())}; }

}  // namespace

std::vector<Highlight> HighlightsOf(const Image& image, const Query& query,
                                    const std::string& stemming) {
  const Highlighter highlighter(query, stemming);
  std::vector<Highlight> highlights;
  const std::string& title = image.described.title;
  AddHighlight("title", title, WholeOf(title),
               highlighter.InWords(TextField::kTitle, WordsWithSpans(FoldTextWithSpans(title))),
               highlights);
  const std::string& description = image.described.description;
  const std::vector<SpannedWord> words = WordsWithSpans(FoldTextWithSpans(description));
  std::vector<Range> found = highlighter.InWords(TextField::kDescription, words);
  highlighter.InLines(description, found);
  if (!found.empty()) {
    const Range first = *std::min_element(found.begin(), found.end());
    AddHighlight("description", description, SnippetOf(description, words, first), std::move(found),
                 highlights);
  }
  for (const std::string& tag : image.described.tags) {
    AddHighlight("tags", tag, WholeOf(tag), highlighter.InTag(tag), highlights);
  }
  return highlights;
}

}  // namespace stockroom::api
