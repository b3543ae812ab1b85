#include "services/api/search/query/words.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "services/api/search/query/field_table.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

// From this many letters on, one or two may be wrong: below, words are too near to one another.
constexpr size_t kLettersForOneTypo = 4;
constexpr size_t kLettersForTwoTypos = 8;

// Calls `visit(leaf, positive)`; `Node` is const or not.
template <typename Node, typename Visit>
void Walk(Node& node, bool positive, const Visit& visit) {
  if (auto* all = std::get_if<AndNode>(&node.is)) {
    for (auto& part : all->parts) Walk(part, positive, visit);
  } else if (auto* any = std::get_if<OrNode>(&node.is)) {
    for (auto& part : any->parts) Walk(part, positive, visit);
  } else if (auto* negated = std::get_if<NotNode>(&node.is)) {
    for (auto& part : negated->part) Walk(part, !positive, visit);
  } else {
    visit(node, positive);
  }
}

int TyposFor(const std::string& word, int typos) {
  // A wrong digit is another number.
  if (std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; })) return 0;
  const size_t letters = Utf8Length(word);
  if (letters < kLettersForOneTypo) return 0;
  return letters < kLettersForTwoTypos ? std::min(typos, 1) : typos;
}

// Leaf by leaf: what has become equal stands there twice.
Query WithWords(const Query& query, const std::vector<WordChange>& changes) {
  Query changed = query;
  size_t number = 0;
  Walk(changed.root, true, [&](QueryNode& leaf, bool) {
    if (auto* node = std::get_if<WordsNode>(&leaf.is)) {
      for (const WordChange& change : changes) {
        if (change.from.leaf == number) node->words.at(change.from.index) = change.to;
      }
    }
    ++number;
  });
  return changed;
}

}  // namespace

void VisitLeaves(const Query& query,
                 absl::FunctionRef<void(const QueryNode& leaf, bool positive)> visit) {
  Walk(query.root, true, visit);
}

bool NamesState(const Query& query) {
  bool names = false;
  VisitLeaves(query, [&](const QueryNode& leaf, bool) {
    const auto* value = std::get_if<ValueNode>(&leaf.is);
    names |= value != nullptr && value->field == ValueField::kState;
  });
  return names;
}

std::vector<QueryWord> PositiveWords(const Query& query) {
  std::vector<QueryWord> words;
  size_t number = 0;
  VisitLeaves(query, [&](const QueryNode& leaf, bool positive) {
    const auto* node = std::get_if<WordsNode>(&leaf.is);
    for (size_t i = 0; positive && node != nullptr && i < node->words.size(); ++i) {
      words.push_back({.word = node->words[i],
                       .is_prefix = node->last_is_prefix && i + 1 == node->words.size(),
                       .fields = node->fields,
                       .typos = node->typos,
                       .leaf = number,
                       .index = i,
                       .span = leaf.span});
    }
    ++number;
  });
  return words;
}

std::string ReplaceWords(std::string_view text, const Query& query,
                         const std::vector<WordChange>& changes) {
  const Query changed = WithWords(query, changes);
  std::string result;
  size_t done = 0;
  size_t number = 0;
  bool whole = true;
  // Leaves are in the order of their spans.
  VisitLeaves(changed, [&](const QueryNode& leaf, bool) {
    const size_t current = number++;
    if (std::none_of(changes.begin(), changes.end(),
                     [&](const WordChange& change) { return change.from.leaf == current; })) {
      return;
    }
    const TextSpan span = leaf.span;
    whole = whole && span.begin >= done && span.end > span.begin && span.end <= text.size();
    if (!whole) return;
    result.append(text.substr(done, span.begin - done));
    // Nothing may grow together with its neighbours: a"foxx"b.
    result += WordsText(std::get<WordsNode>(leaf.is), text[span.begin] == '"');
    if (span.end < text.size() && text[span.end] != ' ' && text[span.end] != ')') result += ' ';
    done = span.end;
  });
  return whole ? result.append(text.substr(done)) : CanonicalText(changed);
}

Query WithTypos(Query query, int typos) {
  Walk(query.root, true, [&](QueryNode& leaf, bool positive) {
    auto* node = std::get_if<WordsNode>(&leaf.is);
    if (node == nullptr || !positive || node->words.size() != 1 || !node->last_is_prefix) return;
    if (node->typos == 0) node->typos = TyposFor(node->words.front(), typos);
  });
  return query;
}

}  // namespace stockroom::api
