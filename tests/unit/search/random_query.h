// Queries of every kind, as trees that somebody else built: CheckQuery brings them into shape.
#pragma once

#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "services/api/search/query/date.h"
#include "services/api/search/query/query.h"

namespace stockroom::api::test {

class RandomQueries {
 public:
  explicit RandomQueries(uint32_t seed) : random_(seed) {}

  // At most 32 leaves and 32 levels; what CheckQuery accepts.
  Query Next() {
    leaves_ = 0;
    return {Node(1 + Below(6))};
  }

 private:
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool Chance() { return Below(2) == 0; }

  QueryNode Node(uint32_t levels) {
    if (levels <= 1 || leaves_ >= 16) return Leaf();
    switch (Below(4)) {
      case 0:
        return {AndNode{Nodes(levels - 1)}};
      case 1:
        return {OrNode{Nodes(levels - 1)}};
      case 2:
        return {NotNode{{Node(levels - 1)}}};
      default:
        return Leaf();
    }
  }
  std::vector<QueryNode> Nodes(uint32_t levels) {
    std::vector<QueryNode> nodes;
    for (uint32_t i = 1 + Below(3); i > 0; --i) nodes.push_back(Node(levels));
    return nodes;
  }

  std::string Text() {
    static const std::string kTexts[] = {
        "fox",        "red fox", "AND",        "Or",
        "not",        "a:b",     "-x",         "x*",
        "x~1",        "(a b)",   "\"q\" r",    ")",
        "1..2",       ">=5",     "\u00c9cole", "\u5bcc\u58eb\u5c71",
        "\ufb01n",    "a,b",     "\u2764",     "w",
        "none(tags)", "a\\ b",   "\uff02z"};
    return kTexts[Below(std::size(kTexts))] + (Below(4) == 0 ? " y" : "");
  }

  WordsNode Words() {
    WordsNode node;
    node.fields = Chance() ? kEveryField : static_cast<FieldMask>(1 + Below(31));
    node.last_is_prefix = Chance();
    if (Below(3) == 0) {
      node.words = {"fox"};
      node.typos = static_cast<int>(Below(3));
      return node;
    }
    node.words = {"a" + Text()};
    if (Chance()) node.words.push_back("b" + Text());
    return node;
  }

  RangeNode Range() {
    const auto field = static_cast<NumberField>(Below(7));
    const auto bound = [&]() -> int64_t {
      if (field == NumberField::kTaken || field == NumberField::kDate) {
        return DateNumber(static_cast<int>(Below(10000)), static_cast<int>(1 + Below(12)),
                          static_cast<int>(1 + Below(28)));
      }
      return static_cast<int64_t>((uint64_t{random_()} << 32 | random_()) >> Below(60)) &
             0xffffffffffffff;
    };
    RangeNode range{field};
    if (Chance()) range.min = bound();
    if (Chance()) range.max = bound();
    if (range.min > range.max) std::swap(range.min, range.max);
    return range;
  }

  QueryNode Value() {
    static const std::string kStates[] = {"ready", "Failed", "pending"};
    const auto field = static_cast<ValueField>(Below(7));
    if (field == ValueField::kState) return {ValueNode{field, kStates[Below(3)]}};
    if (field == ValueField::kOwner) {
      return {ValueNode{field, Chance() ? "auth0|Me (x)*" : " \u00c9 )"}};
    }
    return {ValueNode{field, "a" + Text(), Chance()}};
  }

  QueryNode Leaf() {
    ++leaves_;
    switch (Below(14)) {
      case 0:
        return {EverythingNode{}};
      case 1:
        return {TagNode{Text(), Chance()}};
      case 2:
        return {DescriptionNode{Text()}};
      case 3:
        return Value();
      case 4:
        return {OrientationNode{static_cast<Orientation>(Below(4))}};
      case 5:
      case 6:
        return {Range()};
      case 7:
        return {DatePattern{static_cast<int>(Below(29)), static_cast<int>(Below(13)),
                            static_cast<int>(Below(10000))}};
      case 8:
        return {NearNode{random_() * 1e-8 - 20, random_() * 4e-8 - 80, random_() * 1e-7}};
      case 9:
        return {HasNode{static_cast<HasField>(Below(12))}};
      case 10:
        return {ColorNode{Below(1 << 24)}};
      case 11:
        return {
            HashNode{{random_(), uint64_t{random_()} << 32, 0, 1}, static_cast<int>(Below(65))}};
      case 12:
        return {SimilarNode{"0190a5d0-0000-7000-8000-00000000000a", static_cast<int>(Below(65))}};
      default:
        return Below(8) == 0 ? QueryNode{Md5Node{"0123456789abcdef"}} : QueryNode{Words()};
    }
  }

  std::mt19937 random_;
  uint32_t leaves_ = 0;
};

}  // namespace stockroom::api::test
