#include <algorithm>
#include <numeric>
#include <utility>

#include "services/api/search/segment/segment_draft.h"
#include "services/api/search/segment/term_table.h"

namespace stockroom::api {

using segment_format::Draft;
using segment_format::kIdTimes;
using segment_format::RawId;
using segment_format::TermTable;

// Documents as they were added; terms and values by number.
struct SegmentBuilder::State {
  struct Row {
    RawId id;
    std::array<int64_t, kIdTimes> numbers{};
    uint64_t terms_end = 0;  // in `terms`
    PdqWords pdq{};
    GeoPoint location;
    std::array<uint32_t, kOrdinals> values{};
    uint32_t md5 = 0;
    uint32_t looks = 0;  // number in `looks` + 1
    uint16_t flags = 0;  // DocFlags
    uint8_t length = 0;

    int64_t created_us() const { return numbers[static_cast<size_t>(Number::kCreatedUs)]; }
  };
  struct Term {
    uint32_t number = 0;
    Payload payload = 0;
  };

  bool Before(uint32_t a, uint32_t b) const;
  bool located(const Row& row) const { return (row.flags & FlagOf(HasField::kLocation)) != 0; }
  static uint16_t FlagOf(HasField field) {
    return static_cast<uint16_t>(1u << static_cast<unsigned>(field));
  }
  static void PutFlag(Row& row, HasField field, bool is) {
    row.flags = static_cast<uint16_t>(is ? row.flags | FlagOf(field) : row.flags & ~FlagOf(field));
  }
  // New numbers of the documents' numbers as added.
  std::vector<uint32_t> Order() const;
  void AddTerms(const std::vector<uint32_t>& order, Draft& draft) const;
  Draft::Shape ShapeOf(const std::vector<uint32_t>& order,
                       std::array<std::vector<uint32_t>, kOrdinals>& ords);

  std::vector<Row> rows;
  std::vector<Term> terms;
  std::vector<Looks> looks;
  std::vector<std::string> other_ids;
  TermTable texts;
  std::array<TermTable, kOrdinals> values;
};

void SegmentBuilder::Add(const IndexedDocument& document, Locator locator) {
  if (state_ == nullptr) {
    state_ = std::make_shared<State>();
    for (TermTable& values : state_->values) values.Number("");
  }
  State& state = *state_;
  State::Row& row = state.rows.emplace_back();
  if (const auto uuid = RawId::OfUuid(document.id)) {
    row.id = *uuid;
  } else {
    row.id = RawId::Other(static_cast<uint32_t>(state.other_ids.size()));
    state.other_ids.push_back(document.id);
  }
  row.numbers = {document.created_us,
                 document.date,
                 document.width,
                 document.height,
                 static_cast<int64_t>(document.bytes),
                 static_cast<int64_t>(locator)};
  const std::string* values[kOrdinals] = {&document.owner,  &document.license, &document.format,
                                          &document.camera, &document.lens,    &document.dataset};
  for (size_t i = 0; i < kOrdinals; ++i) row.values[i] = state.values[i].Number(*values[i]);
  // Step by step for all of them, so that the memory that a step needs is on the way.
  const size_t first = state.terms.size();
  const size_t count = document.terms.size();
  for (size_t i = 0; i < count; ++i) {
    const DocumentTerm term = document.terms[i];
    state.terms.push_back({state.texts.Prepare(term.term), term.payload});
  }
  for (size_t i = 0; i < count; ++i) state.texts.Fetch(state.terms[first + i].number);
  for (size_t i = 0; i < count; ++i) {
    uint32_t& number = state.terms[first + i].number;
    number = state.texts.Number(document.terms[i].term, number);
  }
  row.terms_end = state.terms.size();
  row.flags = DocFlags::Of(document.flags, document.state, document.seen_by_all);
  State::PutFlag(row, HasField::kLocation, document.location.has_value());
  State::PutFlag(row, HasField::kHash, document.pdq.has_value());
  State::PutFlag(row, HasField::kPalette, document.looks.has_value());
  if (document.location) row.location = *document.location;
  if (document.pdq) row.pdq = *document.pdq;
  if (document.looks) {
    state.looks.push_back(*document.looks);
    row.looks = static_cast<uint32_t>(state.looks.size());
  }
  row.md5 = Segment::Md5StartOf(document.md5);
  row.length = segment_format::LengthClass(document.length);
}

uint32_t SegmentBuilder::docs() const {
  return state_ == nullptr ? 0 : static_cast<uint32_t>(state_->rows.size());
}

bool SegmentBuilder::State::Before(uint32_t a, uint32_t b) const {
  const Row& x = rows[a];
  const Row& y = rows[b];
  if (x.created_us() != y.created_us()) return x.created_us() > y.created_us();
  if (!x.id.is_other() && !y.id.is_other()) return x.id > y.id;
  const auto text = [this](const RawId& id) {
    return id.is_other() ? other_ids[id.other()] : id.UuidText();
  };
  return text(x.id) > text(y.id);
}

std::vector<uint32_t> SegmentBuilder::State::Order() const {
  std::vector<uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) { return Before(a, b); });
  return order;
}

void SegmentBuilder::State::AddTerms(const std::vector<uint32_t>& order, Draft& draft) const {
  // A counting sort: documents are visited in order, so each term's come out ascending.
  std::vector<uint64_t> at(texts.size() + 1);
  for (const Term& term : terms) ++at[term.number + 1];
  std::partial_sum(at.begin(), at.end(), at.begin());
  std::vector<Doc> docs(terms.size());
  std::vector<Payload> payloads(terms.size());
  for (Doc doc = 0; doc < order.size(); ++doc) {
    const uint64_t begin = order[doc] == 0 ? 0 : rows[order[doc] - 1].terms_end;
    for (uint64_t i = begin; i < rows[order[doc]].terms_end; ++i) {
      const uint64_t to = at[terms[i].number]++;
      docs[to] = doc;
      payloads[to] = terms[i].payload;
    }
  }
  // Each count has moved to where the next term begins.
  for (const uint32_t number : texts.Sorted()) {
    const uint64_t begin = number == 0 ? 0 : at[number - 1];
    const uint64_t size = at[number] - begin;
    draft.AddTerm(texts.text(number), std::span(docs).subspan(begin, size),
                  std::span(payloads).subspan(begin, size));
  }
}

Draft::Shape SegmentBuilder::State::ShapeOf(const std::vector<uint32_t>& order,
                                            std::array<std::vector<uint32_t>, kOrdinals>& ords) {
  Draft::Shape shape;
  for (size_t i = 0; i < kOrdinals; ++i) {
    ords[i].resize(values[i].size());
    for (const uint32_t number : values[i].Sorted()) {
      ords[i][number] = static_cast<uint32_t>(shape.values[i].size());
      shape.values[i].emplace_back(values[i].text(number));
    }
  }
  for (Doc doc = 0; doc < order.size(); ++doc) {
    Row& row = rows[order[doc]];
    for (size_t i = 0; i < row.numbers.size(); ++i) shape.numbers[i].Add(doc, row.numbers[i]);
    if (!row.id.is_other()) shape.numbers[kIdTimes].Add(doc, row.id.After(row.created_us()));
    if (located(row)) ++shape.located;
    if (!row.id.is_other()) continue;
    const RawId id = RawId::Other(static_cast<uint32_t>(shape.other_ids.size()));
    shape.other_ids.push_back(std::move(other_ids[row.id.other()]));
    row.id = id;
  }
  shape.has_looks = !looks.empty();
  return shape;
}

std::shared_ptr<const Segment> SegmentBuilder::Build(std::vector<Doc>* numbers) {
  if (state_ == nullptr) {
    state_ = std::make_shared<State>();
    for (TermTable& values : state_->values) values.Number("");
  }
  const std::shared_ptr<State> state = std::move(state_);
  state_ = nullptr;
  const std::vector<uint32_t> order = state->Order();
  Draft draft(static_cast<uint32_t>(order.size()));
  state->AddTerms(order, draft);
  state->terms = {};
  std::array<std::vector<uint32_t>, kOrdinals> ords;
  draft.Allocate(state->ShapeOf(order, ords));
  uint32_t located = 0;
  if (numbers != nullptr) numbers->resize(order.size());
  for (Doc doc = 0; doc < order.size(); ++doc) {
    const State::Row& row = state->rows[order[doc]];
    if (numbers != nullptr) (*numbers)[order[doc]] = doc;
    draft.SetId(doc, row.id, row.created_us());
    for (size_t i = 0; i < row.numbers.size(); ++i) draft.SetNumber(i, doc, row.numbers[i]);
    for (size_t i = 0; i < kOrdinals; ++i) draft.SetOrdinal(i, doc, ords[i][row.values[i]]);
    draft.SetFlags(doc, row.flags);
    draft.SetLength(doc, row.length);
    draft.SetMd5(doc, row.md5);
    if (state->located(row)) draft.SetLocation(located++, doc, row.location);
    for (size_t w = 0; w < row.pdq.size(); ++w) draft.SetPdq(w, doc, row.pdq[w]);
    if (row.looks != 0) draft.SetLooks(doc, state->looks[row.looks - 1]);
  }
  return draft.Finish();
}

}  // namespace stockroom::api
