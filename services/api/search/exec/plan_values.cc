#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "services/api/search/exec/facet_values.h"
#include "services/api/search/exec/findable.h"
#include "services/api/search/exec/plan_parts.h"
#include "services/api/search/query/date.h"
#include "services/api/search/segment/segment.h"
#include "services/api/search/store/document_store.h"

namespace stockroom::api {
namespace {

using Cost = PlanNode::Cost;

bool HasFlag(const Segment& segment, Doc doc, HasField field) {
  return (segment.flags(doc) >> static_cast<int>(field) & 1) != 0;
}

// Documents are numbered newest first, so those of a span of time stand side by side.
class SpanPlan final : public PlanNode {
 public:
  SpanPlan(Doc first, Doc last)
      : PlanNode(Cost::kRange, last - first), first_(first), last_(last) {}

 private:
  void KeepIn(uint32_t chunk, ChunkSet& set) override {
    const Doc base = chunk * kChunkDocs;
    const Doc first = std::clamp(first_, base, base + kChunkDocs);
    const Doc last = std::clamp(last_, base, base + kChunkDocs);
    set.KeepRange(first - base, last - base);
  }

  const Doc first_;
  const Doc last_;
};

// The first document created at `time` or before.
Doc FirstNotAfter(const Segment& segment, int64_t time) {
  const NumberColumn& created = segment.numbers(Number::kCreatedUs);
  Doc first = 0;
  Doc last = segment.docs();
  while (first < last) {
    const Doc middle = first + (last - first) / 2;
    if (created.At(middle) > time) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first;
}

bool AddCreated(LeafPlanner& planner, const RangeNode& node) {
  if (node.min > node.max) return false;
  const Doc first = FirstNotAfter(planner.segment(), node.max);
  const Doc last = node.min == std::numeric_limits<int64_t>::min()
                       ? planner.segment().docs()
                       : FirstNotAfter(planner.segment(), node.min - 1);
  if (first >= last) return false;
  planner.parts.push_back(std::make_unique<SpanPlan>(first, last));
  return true;
}

// The part of the column's span that a range covers; 0: none.
double ShareOf(const NumberColumn& column, int64_t min, int64_t max) {
  if (max < column.min() || min > column.max() || min > max) return 0;
  const double span = static_cast<double>(column.max()) - static_cast<double>(column.min()) + 1;
  const double covered = static_cast<double>(std::min(max, column.max())) -
                         static_cast<double>(std::max(min, column.min())) + 1;
  return std::max(1e-6, covered / span);
}

bool AddNumber(LeafPlanner& planner, Number number, int64_t min, int64_t max) {
  const NumberColumn& column = planner.segment().numbers(number);
  const double share = ShareOf(column, min, max);
  if (share == 0) return false;
  // All of the segment's: nothing to compare.
  if (min <= column.min() && max >= column.max()) return true;
  AddTest(planner, Cost::kColumn, share, [&column, min, max](Doc doc) {
    const int64_t value = column.At(doc);
    return (value >= min) & (value <= max);
  });
  return true;
}

// Which values of a column are meant, by number.
template <typename Fits>
bool AddOrdinal(LeafPlanner& planner, Ordinal field, Fits fits) {
  const OrdinalColumn& column = planner.segment().ordinals(field);
  std::vector<uint8_t> wanted(std::max<uint32_t>(column.values(), 1));
  uint32_t hits = 0;
  // 0 is no value.
  for (uint32_t ord = 1; ord < column.values(); ++ord) {
    wanted[ord] = fits(ord) ? 1 : 0;
    hits += wanted[ord];
  }
  if (hits == 0) return false;
  AddTest(planner, Cost::kColumn, static_cast<double>(hits) / column.values(),
          [&column, wanted = std::move(wanted)](Doc doc) { return wanted[column.At(doc)] != 0; });
  return true;
}

bool AddState(LeafPlanner& planner, const ValueNode& node) {
  std::array<bool, 1 << DocFlags::kStateBits> wanted{};
  bool any = false;
  for (int state = 1; state <= static_cast<int>(ImageState::kFailed); ++state) {
    const std::string_view name = StateName(static_cast<ImageState>(state));
    wanted[state] = node.is_prefix ? name.starts_with(node.value) : name == node.value;
    any |= wanted[state];
  }
  if (!any) return false;
  AddTest(planner, Cost::kColumn, 0.5, [wanted, &in = planner.segment()](Doc doc) {
    return wanted[static_cast<size_t>(in.state(doc))];
  });
  return true;
}

Ordinal OrdinalOf(ValueField field) {
  switch (field) {
    case ValueField::kOwner:
      return Ordinal::kOwner;
    case ValueField::kLicense:
      return Ordinal::kLicense;
    case ValueField::kCamera:
      return Ordinal::kCamera;
    case ValueField::kLens:
      return Ordinal::kLens;
    case ValueField::kDataset:
      return Ordinal::kDataset;
    default:
      return Ordinal::kFormat;
  }
}

}  // namespace

bool LeafPlanner::operator()(const ValueNode& node) {
  if (node.field == ValueField::kState) return AddState(*this, node);
  const Ordinal field = OrdinalOf(node.field);
  if (node.field == ValueField::kOwner) {
    const OrdinalColumn& owners = segment().ordinals(field);
    const uint32_t owner = FindOrdinal(owners, node.value);
    if (owner == owners.values()) return false;
    AddTest(*this, Cost::kColumn, 1.0 / owners.values(),
            [&owners, owner](Doc doc) { return owners.At(doc) == owner; });
    return true;
  }
  const std::vector<std::string>& folded = state().loose->hints.Folded(segment(), field);
  if (node.field == ValueField::kCamera || node.field == ValueField::kLens) {
    return AddOrdinal(*this, field, [&, words = " " + node.value](uint32_t ord) {
      return folded[ord].find(words) != std::string::npos;
    });
  }
  return AddOrdinal(*this, field, [&](uint32_t ord) {
    return node.is_prefix ? folded[ord].starts_with(node.value) : folded[ord] == node.value;
  });
}

bool LeafPlanner::operator()(const OrientationNode& node) {
  const NumberColumn& width = segment().numbers(Number::kWidth);
  const NumberColumn& height = segment().numbers(Number::kHeight);
  AddTest(*this, Cost::kColumn, 0.4,
          [&width, &height, bit = OrientationBit(node.orientation)](Doc doc) {
            return (OrientationsOf(width.At(doc), height.At(doc)) & bit) != 0;
          });
  return true;
}

bool LeafPlanner::operator()(const RangeNode& node) {
  switch (node.field) {
    // A size of 0 is not known.
    case NumberField::kWidth:
      return AddNumber(*this, Number::kWidth, std::max<int64_t>(node.min, 1), node.max);
    case NumberField::kHeight:
      return AddNumber(*this, Number::kHeight, std::max<int64_t>(node.min, 1), node.max);
    case NumberField::kBytes:
      return AddNumber(*this, Number::kBytes, node.min, node.max);
    case NumberField::kDate:
      return AddNumber(*this, Number::kDate, node.min, node.max);
    case NumberField::kCreated:
      return AddCreated(*this, node);
    case NumberField::kTaken:
      AddTest(*this, Cost::kColumn, 0.5,
              [&in = segment()](Doc doc) { return HasFlag(in, doc, HasField::kTaken); });
      return AddNumber(*this, Number::kDate, node.min, node.max);
    case NumberField::kPixels:
      break;
  }
  AddTest(*this, Cost::kColumn, 0.5, [&in = segment(), node](Doc doc) {
    const int64_t pixels = in.numbers(Number::kWidth).At(doc) * in.numbers(Number::kHeight).At(doc);
    return pixels > 0 && pixels >= node.min && pixels <= node.max;
  });
  return true;
}

bool LeafPlanner::operator()(const DatePattern& node) {
  const NumberColumn& date = segment().numbers(Number::kDate);
  AddTest(*this, Cost::kColumn, 0.1,
          [&date, node](Doc doc) { return Matches(node, static_cast<int32_t>(date.At(doc))); });
  return true;
}

bool LeafPlanner::operator()(const HasNode& node) {
  AddTest(*this, Cost::kColumn, 0.5,
          [&in = segment(), field = node.field](Doc doc) { return HasFlag(in, doc, field); });
  return true;
}

bool LeafPlanner::operator()(const Md5Node& node) {
  if (node.md5.size() < Segment::kMd5Start) return false;
  AddTest(*this, Cost::kColumn, 1e-6,
          [start = Segment::Md5StartOf(node.md5), &in = segment()](Doc doc) {
            return in.md5_start(doc) == start;
          });
  AddTest(*this, Cost::kStored, 1e-6,
          [md5 = node.md5, &documents = *context.snapshot().documents, &in = segment()](Doc doc) {
            return documents.Read(in.locator(doc)).md5 == md5;
          });
  return true;
}

}  // namespace stockroom::api
