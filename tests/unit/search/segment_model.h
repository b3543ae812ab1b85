// Random documents, and what a segment of them must hold, found naively.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "services/api/search/segment/segment.h"

namespace stockroom::api {

struct ModelDocument {
  IndexedDocument document;
  Locator locator = 0;
};
using Model = std::vector<ModelDocument>;

class DocumentDice {
 public:
  explicit DocumentDice(uint64_t seed) : engine_(seed) {}

  uint64_t Below(uint64_t n) { return engine_() % n; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  std::string Bytes(size_t most, const std::string& from) {
    std::string text;
    for (size_t n = Below(most + 1); n > 0; --n) text += from[Below(from.size())];
    return text;
  }

  // `number` makes the id one of its own. Few different values, so that many are equal.
  ModelDocument Next(uint64_t number) {
    ModelDocument model{.document = Cheap(number), .locator = Below(uint64_t{1} << 48)};
    IndexedDocument& d = model.document;
    if (OneIn(5)) {
      d.id = Bytes(3, "abz\xff") + std::to_string(number);
    } else if (OneIn(20)) {
      char id[40];
      std::snprintf(id, sizeof(id), "ffffffff-ffff-ffff-ffff-ffff%08x",
                    static_cast<unsigned>(number));
      d.id = id;
    } else if (OneIn(20)) {
      // Of another time than the image; some begin behind it as what stands for other ids.
      char id[40];
      std::snprintf(id, sizeof(id), "%08x-0000-%s%08x", static_cast<unsigned>(engine_()),
                    OneIn(2) ? "ffff-ffff-ffff" : "7fff-8000-ffff", static_cast<unsigned>(number));
      d.id = id;
    }
    d.owner = Bytes(2, "ab");
    d.license = Bytes(1, "xy");
    d.format = OneIn(3) ? "png" : "jpeg";
    d.camera = OneIn(2) ? "" : "camera " + std::to_string(Below(400));
    d.lens = Bytes(2, "\x01\xff");
    d.dataset = OneIn(8) ? "set" : "";
    std::map<std::string, Payload> terms;
    for (uint64_t n = Below(30); n > 0; --n) {
      // Terms that begin alike, and some that are long.
      std::string term = Bytes(6, "ab\xff");
      if (OneIn(30)) term += std::string(Below(300), 'q');
      if (OneIn(10)) term = kTagPrefix + term;
      terms[term] = static_cast<Payload>(OneIn(3) ? Below(256) : Below(term.size() + 1));
    }
    d.terms.clear();
    for (auto& [term, payload] : terms) d.terms.push_back({term, payload});
    d.length = static_cast<uint32_t>(OneIn(4) ? Below(uint64_t{1} << 32) : Below(100));
    d.created_us = OneIn(50) ? static_cast<int64_t>(engine_()) : static_cast<int64_t>(Below(50));
    d.date = static_cast<int32_t>(19000101 + Below(1'200'000));
    d.width = static_cast<uint32_t>(Below(9000));
    d.height = static_cast<uint32_t>(Below(3));
    d.bytes = Below(uint64_t{1} << 40);
    d.flags = static_cast<uint16_t>(Below(64));
    d.state = static_cast<ImageState>(1 + Below(static_cast<uint64_t>(ImageState::kFailed)));
    d.seen_by_all = OneIn(2);
    if (OneIn(2)) d.md5 = std::string(16, static_cast<char>(Below(256)));
    if (OneIn(3)) {
      d.location = {static_cast<int32_t>(Below(900'000'000)), -static_cast<int32_t>(Below(1000))};
    }
    if (OneIn(2)) d.pdq = {engine_(), engine_(), engine_(), engine_()};
    if (OneIn(2)) {
      d.looks.emplace();
      d.looks = LooksFrom(engine_());
    }
    SetFlags(d);
    return model;
  }
  // Few terms: for many documents.
  static IndexedDocument Cheap(uint64_t number) {
    IndexedDocument d;
    char id[40];
    std::snprintf(id, sizeof(id), "0190f5b0-%04x-7000-8000-%012x",
                  static_cast<unsigned>(number * 40503 & 0xffff), static_cast<unsigned>(number));
    d.id = id;
    d.created_us = static_cast<int64_t>(number * 2654435761u % 1'000'003);
    return d;
  }
  static void SetFlags(IndexedDocument& d) {
    const auto put = [&](HasField field, bool is) {
      const auto bit = static_cast<uint16_t>(1u << static_cast<unsigned>(field));
      d.flags = static_cast<uint16_t>(is ? d.flags | bit : d.flags & ~bit);
    };
    put(HasField::kLocation, d.location.has_value());
    put(HasField::kHash, d.pdq.has_value());
    put(HasField::kPalette, d.looks.has_value());
  }
  static Looks LooksFrom(uint64_t bits) {
    Looks looks;
    std::memcpy(static_cast<void*>(&looks), &bits, sizeof(bits));
    return looks;
  }

  // With as many as a chunk and more: a term that nearly all have, one of every other, a rare one,
  // one that is only at the end, and one of their own for some.
  static Model Many(uint32_t docs) {
    Model model;
    for (uint32_t i = 0; i < docs; ++i) {
      ModelDocument& m = model.emplace_back(ModelDocument{Cheap(i), i * uint64_t{7}});
      IndexedDocument& d = m.document;
      const auto put = [&d](bool is, std::string term, uint32_t payload) {
        if (is) d.terms.push_back({std::move(term), static_cast<Payload>(payload)});
      };
      put(i % 97 != 0, "all", i % 5 == 0 ? 0x24 : 1);
      put(i % 30'000 == 1, "few", i % 2);
      put(i % 2 == 0, "half", 2);
      put(d.created_us < 20'000, "last", 4);
      put(i % 5000 == 0, "own" + std::to_string(i), 9);
      put(i % 1000 == 7, "rare", 1u << i % 3);
      put(i % 17 == 3, "some", i % 40);
      d.owner = "o" + std::to_string(i % 300);
      if (i % 7 == 2) d.location = {static_cast<int32_t>(i), -1};
      d.width = i % 70'000;
      d.length = i % 200;
      SetFlags(d);
    }
    return model;
  }

 private:
  std::mt19937_64 engine_;
};

inline std::shared_ptr<const Segment> BuildOf(const Model& model) {
  SegmentBuilder builder;
  for (const ModelDocument& m : model) builder.Add(m.document, m.locator);
  EXPECT_EQ(builder.docs(), model.size());
  std::vector<Doc> numbers;
  auto segment = builder.Build(&numbers);
  EXPECT_EQ(builder.docs(), 0u);
  EXPECT_EQ(numbers.size(), model.size());
  bool numbers_right = true;
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers_right &= segment->id(numbers[i]) == model[i].document.id;
  }
  EXPECT_TRUE(numbers_right);
  return segment;
}

inline std::string BytesOf(const Segment& segment) {
  return {reinterpret_cast<const char*>(segment.bytes().data()), segment.bytes().size()};
}

inline std::vector<std::pair<Doc, Payload>> PostingsOf(const Segment& segment, TermOrd term) {
  std::vector<std::pair<Doc, Payload>> all;
  for (uint32_t chunk = 0; chunk < segment.chunks(); ++chunk) {
    const ChunkPostings postings = segment.Postings(term, chunk);
    const Doc base = chunk * kChunkDocs;
    EXPECT_EQ(postings.docs != nullptr || postings.bitmap != nullptr, postings.count > 0);
    if (postings.docs != nullptr) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(postings.docs) % alignof(uint16_t), 0u);
      for (uint32_t i = 0; i < postings.count; ++i) {
        all.emplace_back(base + postings.docs[i], postings.PayloadAt(i));
      }
    } else if (postings.bitmap != nullptr) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(postings.bitmap) % alignof(uint64_t), 0u);
      uint32_t rank = 0;
      bool ranks_right = true;
      for (uint32_t low = 0; low < kChunkDocs; ++low) {
        if ((postings.bitmap[low / 64] >> low % 64 & 1) == 0) continue;
        ranks_right &= postings.RankOf(static_cast<uint16_t>(low)) == rank;
        all.emplace_back(base + low, postings.PayloadAt(rank++));
      }
      EXPECT_TRUE(ranks_right);
      EXPECT_EQ(rank, postings.count);
    }
  }
  return all;
}

inline std::vector<std::pair<Doc, GeoPoint>> LocationsOf(const Segment& segment) {
  std::vector<std::pair<Doc, GeoPoint>> all;
  const GeoColumn locations = segment.locations();
  for (uint32_t chunk = 0; chunk < segment.chunks(); ++chunk) {
    const auto [begin, end] = locations.RangeOf(chunk);
    for (uint32_t i = begin; i < end; ++i) {
      all.emplace_back(chunk * kChunkDocs + locations.lows[i], locations.points[i]);
    }
  }
  return all;
}

inline uint32_t InSteps(uint32_t words) {
  if (words < 40) return words;
  uint32_t unit = 1;
  while (words / unit >= 8) unit *= 2;
  return words / unit * unit;
}

inline void ExpectTermsOf(const Segment& segment, const Model& sorted) {
  std::map<std::string, std::vector<std::pair<Doc, Payload>>> terms;
  for (Doc doc = 0; doc < sorted.size(); ++doc) {
    const DocumentTerms& of_document = sorted[doc].document.terms;
    for (size_t i = 0; i < of_document.size(); ++i) {
      terms[std::string(of_document[i].term)].push_back({doc, of_document[i].payload});
    }
  }
  ASSERT_EQ(segment.terms(), terms.size());
  std::vector<std::string> texts;
  for (const auto& [text, postings] : terms) texts.push_back(text);
  TermOrd ord = 0;
  for (const auto& [text, postings] : terms) {
    ASSERT_EQ(segment.FindTerm(text), ord);
    ASSERT_EQ(segment.TermText(ord), text);
    ASSERT_EQ(segment.Frequency(ord), postings.size());
    ASSERT_TRUE(PostingsOf(segment, ord) == postings) << testing::PrintToString(text);
    for (const std::string& other : {text + '\0', text.substr(0, text.size() / 2), text + "zz"}) {
      const auto behind = terms.lower_bound(other);
      if (behind == terms.end() || behind->first != other) {
        ASSERT_EQ(segment.FindTerm(other), kNoTerm);
      }
      const auto [first, last] = segment.TermsWithPrefix(other);
      ASSERT_LE(first, last);
      ASSERT_LE(last, segment.terms());
      ASSERT_TRUE(first == 0 || texts[first - 1] < other);
      ASSERT_TRUE(first == segment.terms() || texts[first] >= other);
      ASSERT_TRUE(first == last || texts[last - 1].starts_with(other));
      ASSERT_FALSE(last < segment.terms() && texts[last].starts_with(other));
    }
    ++ord;
  }
  auto it = terms.begin();
  segment.VisitTerms(0, segment.terms(), [&](TermOrd visited, std::string_view text) {
    EXPECT_EQ(visited, std::distance(terms.begin(), it));
    EXPECT_EQ(text, it->first);
    ++it;
    return true;
  });
  EXPECT_EQ(it, terms.end());
}

inline void ExpectRow(const Segment& segment, Doc doc, const ModelDocument& model) {
  const IndexedDocument& d = model.document;
  ASSERT_EQ(segment.id(doc), d.id);
  ASSERT_EQ(segment.FindId(d.id), doc);
  ASSERT_EQ(segment.locator(doc), model.locator);
  const auto value = [&](Ordinal column) {
    return segment.ordinals(column).value(segment.ordinals(column).At(doc));
  };
  ASSERT_EQ(value(Ordinal::kOwner), d.owner);
  ASSERT_EQ(value(Ordinal::kLicense), d.license);
  ASSERT_EQ(value(Ordinal::kFormat), d.format);
  ASSERT_EQ(value(Ordinal::kCamera), d.camera);
  ASSERT_EQ(value(Ordinal::kLens), d.lens);
  ASSERT_EQ(value(Ordinal::kDataset), d.dataset);
  ASSERT_EQ(segment.numbers(Number::kCreatedUs).At(doc), d.created_us);
  ASSERT_EQ(segment.numbers(Number::kDate).At(doc), d.date);
  ASSERT_EQ(segment.numbers(Number::kWidth).At(doc), d.width);
  ASSERT_EQ(segment.numbers(Number::kHeight).At(doc), d.height);
  ASSERT_EQ(segment.numbers(Number::kBytes).At(doc), static_cast<int64_t>(d.bytes));
  ASSERT_EQ(segment.flags(doc), d.flags);
  ASSERT_EQ(segment.state(doc), d.state);
  ASSERT_EQ(segment.seen_by_all(doc), d.seen_by_all);
  ASSERT_EQ(Segment::LengthOf(segment.length_class(doc)), InSteps(d.length));
  uint32_t md5 = 0;
  for (size_t i = 0; i < 3 && !d.md5.empty(); ++i) md5 = md5 << 8 | static_cast<uint8_t>(d.md5[i]);
  ASSERT_EQ(segment.md5_start(doc), md5);
  const PdqWords pdq = d.pdq.value_or(PdqWords{});
  for (size_t w = 0; w < 4; ++w) ASSERT_EQ(segment.pdq().words[w][doc], pdq[w]);
  if (d.looks) {
    ASSERT_NE(segment.looks(), nullptr);
    ASSERT_EQ(std::memcmp(&segment.looks()[doc], &*d.looks, sizeof(Looks)), 0);
  }
}

// The segment holds exactly these documents, in its order.
inline void ExpectHolds(const Segment& segment, Model model) {
  std::sort(model.begin(), model.end(), [](const ModelDocument& a, const ModelDocument& b) {
    return a.document.created_us != b.document.created_us
               ? a.document.created_us > b.document.created_us
               : a.document.id > b.document.id;
  });
  ASSERT_EQ(segment.docs(), model.size());
  ASSERT_EQ(segment.chunks(), (model.size() + kChunkDocs - 1) / kChunkDocs);
  ASSERT_NO_FATAL_FAILURE(ExpectTermsOf(segment, model));
  std::vector<Doc> located;
  // Of many, those about the ends of chunks and some of the others.
  const auto is_looked_at = [&](Doc doc) {
    return model.size() < 10'000 || doc % 29 == 0 || (doc + 2) % kChunkDocs < 4 ||
           doc + 2 >= model.size();
  };
  for (Doc doc = 0; doc < model.size(); ++doc) {
    if (is_looked_at(doc)) {
      ASSERT_NO_FATAL_FAILURE(ExpectRow(segment, doc, model[doc]));
    }
    if (model[doc].document.location) located.push_back(doc);
  }
  const auto places = LocationsOf(segment);
  ASSERT_EQ(places.size(), located.size());
  for (size_t i = 0; i < located.size(); ++i) {
    ASSERT_EQ(places[i].first, located[i]);
    ASSERT_EQ(places[i].second.latitude_e7, model[located[i]].document.location->latitude_e7);
    ASSERT_EQ(places[i].second.longitude_e7, model[located[i]].document.location->longitude_e7);
  }
  for (const char* id : {"", "no", "0190f5b0-0000-7000-8000-ffffffffffff"}) {
    ASSERT_EQ(segment.FindId(id), std::nullopt);
  }
  const SegmentBytes parts = segment.parts();
  EXPECT_EQ(parts.dictionary + parts.postings + parts.columns + parts.ids + parts.looks,
            segment.bytes().size());
}

}  // namespace stockroom::api
