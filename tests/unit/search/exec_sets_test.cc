// Sets of a chunk's documents: every operation against those of the standard library, with every
// kernel of this machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>
#include <random>
#include <vector>

#include "services/api/search/exec/chunk_set.h"
#include "services/api/search/exec/cursor.h"
#include "services/api/search/exec/payloads.h"
#include "services/api/search/exec/set_kernels.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

using Lows = std::vector<uint16_t>;  // ascending

Lows RandomLows(std::mt19937& random, uint32_t count) {
  Lows lows;
  for (uint32_t low = 0; low < kChunkDocs; ++low) {
    // Each as likely as the others, until there are enough (Knuth, algorithm S).
    if (random() % (kChunkDocs - low) < count - lows.size()) {
      lows.push_back(static_cast<uint16_t>(low));
    }
  }
  return lows;
}

// Postings that own what they point at.
struct OwnPostings {
  OwnPostings(const Lows& lows, bool as_bitmap, int log2_bits, std::mt19937& random) {
    list.assign(lows.begin(), lows.end());
    view.count = static_cast<uint32_t>(list.size());
    if (as_bitmap) {
      for (const uint16_t low : list) SetBit(bits.data(), low);
      uint32_t rank = 0;
      for (uint32_t w = 0; w < kChunkWords; ++w) {
        if (w % 8 == 0) ranks.push_back(static_cast<uint16_t>(rank));
        rank += static_cast<uint32_t>(std::popcount(bits[w]));
      }
      view.bitmap = bits.data();
      view.ranks = ranks.data();
    } else {
      view.docs = list.data();
    }
    if (log2_bits < 0) {
      view.uniform = 0x05;
      return;
    }
    const uint32_t entries = 1u << (1u << log2_bits);
    // Eight bits are the payload itself.
    for (uint32_t i = 0; i < entries; ++i) {
      table.push_back(static_cast<Payload>(log2_bits == 3 ? i : random()));
    }
    view.table = table.data();
    view.log2_bits = static_cast<uint8_t>(log2_bits);
    view.first = random() % 50;
    packed.resize((((view.first + view.count) << log2_bits) + 7) / 8);
    for (uint8_t& byte : packed) byte = static_cast<uint8_t>(random());
    view.packed = packed.data();
  }

  Lows WithPayload(Payload mask) const {
    Lows lows;
    for (uint32_t i = 0; i < list.size(); ++i) {
      if ((view.PayloadAt(i) & mask) != 0) lows.push_back(list[i]);
    }
    return lows;
  }

  ChunkBitmap bits{};
  std::vector<uint16_t> list;
  std::vector<uint16_t> ranks;
  std::vector<uint8_t> packed;
  std::vector<Payload> table;
  ChunkPostings view;
};

Lows Contents(const ChunkSet& set) {
  Lows lows;
  set.ForEach([&](uint16_t low) { lows.push_back(low); });
  EXPECT_EQ(lows.size(), set.Count());
  std::vector<uint16_t> list(set.Count());
  set.ListTo(list.data());
  EXPECT_TRUE(std::equal(list.begin(), list.end(), lows.begin(), lows.end()));
  EXPECT_EQ(set.empty() || lows.empty(), lows.empty());
  return lows;
}

Lows Both(const Lows& a, const Lows& b) {
  Lows both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}
Lows Without(const Lows& a, const Lows& b) {
  Lows rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
  return rest;
}

class SetsTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!UseSetKernels(GetParam())) GTEST_SKIP() << "not on this machine";
  }
  void TearDown() override {
    for (const char* best : {"avx512", "avx2", "portable"}) {
      if (UseSetKernels(best)) return;
    }
  }
};

TEST_P(SetsTest, PicksTheBytesOfTheBitsThatAreSet) {
  std::mt19937_64 random(12);
  for (const uint32_t count : {1u, 63u, 64u, 65u, 1000u, 4096u}) {
    // No longer than it says, so that a sanitizer sees who reads behind it.
    std::vector<uint8_t> bytes(count);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    std::vector<uint64_t> rows((count + 63) / 64);
    std::vector<uint8_t> expected;
    for (uint32_t i = 0; i < count; ++i) {
      if (random() % 3 != 0) continue;
      rows[i / 64] |= uint64_t{1} << (i % 64);
      expected.push_back(bytes[i]);
    }
    std::vector<uint8_t> picked(count + 64);
    picked.resize(Kernels().PickBytes(rows.data(), bytes.data(), count, picked.data()));
    EXPECT_EQ(picked, expected) << count;
  }
}

TEST_P(SetsTest, PicksAllBytesOfTheDocumentsThatAreWanted) {
  std::mt19937_64 random(13);
  // Up to so many bytes a document; and each so seldom wanted.
  for (const uint32_t most : {1u, 2u, 10u, 200u}) {
    for (const uint32_t seldom : {1u, 2u, 3u, 50u}) {
      constexpr uint32_t kWords = 40;
      std::vector<uint8_t> bytes;
      std::vector<uint64_t> firsts(kWords);
      std::vector<uint32_t> begun;  // by word
      std::vector<uint64_t> rows(1);
      std::vector<std::vector<uint8_t>> expected(kWords);
      uint32_t docs = 0;
      for (uint32_t left = 0, wanted = 0; bytes.size() < kWords * 64; --left) {
        if (bytes.size() % 64 == 0) begun.push_back(docs);
        if (left == 0) {
          left = 1 + random() % most;
          firsts[bytes.size() / 64] |= uint64_t{1} << bytes.size() % 64;
          wanted = random() % seldom == 0 ? 1 : 0;
          rows[docs / 64] |= uint64_t{wanted} << docs % 64;
          if (++docs % 64 == 0) rows.push_back(0);
        }
        bytes.push_back(static_cast<uint8_t>(random()));
        if (wanted != 0) expected[(bytes.size() - 1) / 64].push_back(bytes.back());
      }
      rows.push_back(0);
      // Whatever word it begins with, as what began before goes on there.
      for (uint32_t word = 0; word < kWords; ++word) {
        const uint32_t words = 1 + static_cast<uint32_t>(random() % (kWords - word));
        std::vector<uint8_t> all;
        for (uint32_t w = word; w < word + words; ++w) {
          all.insert(all.end(), expected[w].begin(), expected[w].end());
        }
        std::vector<uint8_t> picked(size_t{words} * 64 + 64);
        picked.resize(Kernels().PickRuns(rows.data(), begun[word], &firsts[word], &bytes[word * 64],
                                         words, picked.data()));
        ASSERT_EQ(picked, all) << most << " " << seldom << " " << word;
      }
    }
  }
}

TEST_P(SetsTest, EveryOperationIsThatOfSets) {
  std::mt19937 random(7);
  const uint32_t sizes[] = {0, 8, 100, 1500, 4097, 30000};
  for (const uint32_t left : sizes) {
    const Lows a = RandomLows(random, left);
    const OwnPostings of_a(a, left > 2000, -1, random);
    for (const uint32_t right : sizes) {
      SCOPED_TRACE(std::to_string(left) + " and " + std::to_string(right));
      const Lows b = RandomLows(random, right);
      for (const int form : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
        // A list or a bitmap, with uniform payloads or packed ones of 1, 2, 4 and 8 bits.
        const OwnPostings of_b(b, form % 2 == 1, form / 2 - 1, random);
        const auto start = [&](ChunkSet& set) {
          if (of_a.view.bitmap != nullptr) {
            set.View(of_a.view.bitmap);
          } else {
            set.View(of_a.list.data(), of_a.view.count);
          }
        };
        ChunkSet kept;
        start(kept);
        kept.Keep(of_b.view);
        EXPECT_EQ(Contents(kept), Both(a, b));
        ChunkSet dropped;
        start(dropped);
        dropped.Drop(of_b.view);
        EXPECT_EQ(Contents(dropped), Without(a, b));
        ChunkSet masked;
        start(masked);
        masked.Keep(of_b.view, 0x11);
        EXPECT_EQ(Contents(masked), Both(a, of_b.WithPayload(0x11)));
        ChunkBitmap any{};
        AddPostings(of_b.view, 0x11, any.data());
        ChunkSet added;
        added.View(any.data());
        EXPECT_EQ(Contents(added), of_b.WithPayload(0x11));
        dropped.Drop(kept);
        EXPECT_EQ(Contents(dropped), Without(a, b));
        kept.AddTo(any.data());
        if (of_a.view.bitmap != nullptr && !b.empty()) {
          std::vector<uint64_t> hits((b.size() + 63) / 64);
          EXPECT_EQ(Kernels().TestEach(of_a.view.bitmap, b.data(), of_b.view.count, hits.data()),
                    Both(a, b).size());
          Lows tested;
          for (uint32_t i = 0; i < hits.size() * 64; ++i) {
            if ((hits[i / 64] >> (i % 64) & 1) != 0) tested.push_back(b.at(i));
          }
          EXPECT_EQ(tested, Both(a, b));
        }
        const Lows odd = [&] {
          Lows lows;
          for (const uint16_t low : a) {
            if (low % 2 == 1) lows.push_back(low);
          }
          return lows;
        }();
        ChunkSet filtered;
        start(filtered);
        filtered.Filter([](uint16_t low) { return low % 2 == 1; });
        EXPECT_EQ(Contents(filtered), odd);
      }
    }
  }
}

TEST_P(SetsTest, ARangeIsCutOutExactly) {
  std::mt19937 random(8);
  for (const uint32_t size : {500u, 30000u}) {
    const Lows a = RandomLows(random, size);
    const OwnPostings of_a(a, size > 4096, -1, random);
    for (const auto& [first, last] : std::vector<std::pair<uint32_t, uint32_t>>{
             {0, 0}, {0, 65536}, {1, 65535}, {64, 128}, {63, 65}, {100, 90}, {65535, 65536}}) {
      ChunkSet set;
      set.Clear();
      set.View(of_a.list.data(), of_a.view.count);
      set.KeepRange(first, last);
      Lows wanted;
      for (const uint16_t low : a) {
        if (low >= first && low < last) wanted.push_back(low);
      }
      EXPECT_EQ(Contents(set), wanted) << first << " " << last;
    }
  }
}

TEST_P(SetsTest, PayloadBitsAreThoseOfPayloadAt) {
  std::mt19937 random(9);
  for (const int log2_bits : {-1, 0, 1, 2, 3}) {
    for (const uint32_t size : {1u, 31u, 32u, 33u, 64u, 65u, 5000u}) {
      const OwnPostings own(RandomLows(random, size), false, log2_bits, random);
      std::vector<uint64_t> bits(kChunkWords);
      PayloadBits(own.view, 0x24, bits.data());
      for (uint32_t i = 0; i < (size + 63) / 64 * 64; ++i) {
        const bool wanted = i < size && (own.view.PayloadAt(i) & 0x24) != 0;
        ASSERT_EQ(bits[i / 64] >> (i % 64) & 1, wanted ? 1u : 0u) << log2_bits << " " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, SetsTest, ::testing::Values("portable", "avx2", "avx512"));

TEST(PageTokens, CarryTheCursorExactlyAndAreBoundToTheirSearch) {
  const Cursor cursor{.sort = SortOrder::kRelevance,
                      .seed = 0xfedcba9876543210u,
                      .key = -12.375,
                      .created_us = -5,
                      .id = "some-id",
                      .weights = {RoundedWeight(0.1), RoundedWeight(63.9), RoundedWeight(-1)}};
  const PageBinding binding{.query = "red fox",
                            .sort = SortOrder::kRelevance,
                            .seed = 0xfedcba9876543210u,
                            .similar_to = "x",
                            .collapse = true,
                            .stemming = "english"};
  const std::string token = EncodePageToken(cursor, binding);
  const auto same = DecodePageToken(token, binding);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(*same, cursor);
  for (int part = 0; part < 6; ++part) {
    PageBinding other = binding;
    if (part == 0) other.query = "red foxes";
    if (part == 1) other.sort = SortOrder::kNewest;
    if (part == 2) other.seed = 1;
    if (part == 3) other.similar_to = "y";
    if (part == 4) other.collapse = false;
    if (part == 5) other.stemming = "german";
    const auto refused = DecodePageToken(token, other);
    EXPECT_EQ(DetailsOf(refused.status()).reason, "BAD_PAGE_TOKEN") << part;
  }
}

TEST(PageTokens, MadeUpOnesAreRefusedOrHarmless) {
  const PageBinding binding{.query = "fox", .sort = SortOrder::kNewest};
  const std::string good =
      *FromBase64Url(EncodePageToken({.id = "abc", .weights = {1, 2}}, binding));
  for (size_t length = 0; length < good.size(); ++length) {
    const auto cut = DecodePageToken(ToBase64Url(good.substr(0, length)), binding);
    if (cut.ok()) {
      EXPECT_LT(cut->id.size(), 4u);
    }
  }
  for (size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1 << bit);
      const auto cursor = DecodePageToken(ToBase64Url(bad), binding);
      if (!cursor.ok()) {
        EXPECT_EQ(DetailsOf(cursor.status()).reason, "BAD_PAGE_TOKEN");
        continue;
      }
      EXPECT_TRUE(std::isfinite(cursor->key));
      EXPECT_LE(cursor->weights.size(), 255u);
    }
  }
  for (const std::string& text :
       {std::string("%%%"), std::string(5000, 'A'), std::string("AAAA")}) {
    EXPECT_FALSE(DecodePageToken(text, binding).ok());
  }
  // What no number is stays out of comparisons.
  for (const double key : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_FALSE(DecodePageToken(EncodePageToken({.key = key}, binding), binding).ok());
  }
}

}  // namespace
}  // namespace stockroom::api
