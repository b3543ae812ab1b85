#include "services/api/domain/block_list.h"

#include <gtest/gtest.h>

#include <random>

#include "services/api/domain/moderation.h"
#include "services/common/base/status.h"
#include "tests/unit/moderation/stage.h"

namespace stockroom::api {
namespace {

class BlockListTest : public ::testing::Test {
 protected:
  int64_t Add(const std::string& hash, int threshold = kDefaultHashThreshold) {
    return moderation_.AddHashes(std::vector{Blocked(hash, threshold)}, 100)->version;
  }
  std::optional<Finding> Match(const std::string& pdq, int64_t after = 0) {
    EXPECT_TRUE(list_.Refresh().ok());
    return list_.Match(*list_.Get(), pdq, after);
  }

  Metrics metrics_;
  const std::unique_ptr<MetadataStore> store_ = NewMemoryStore();
  ModerationStore& moderation_ = store_->moderation();
  BlockList list_{{}, moderation_, metrics_};
};

TEST_F(BlockListTest, FindsWhatDiffersInFewBits) {
  Add(HashOf("00"));
  const auto same = Match(PdqJson(HashOf("00")));
  ASSERT_TRUE(same);
  EXPECT_EQ(same->distance, 0);
  EXPECT_EQ(same->hash, HashOf("00"));
  EXPECT_EQ(same->hash_version, 1);
  EXPECT_EQ(same->to, ImageState::kFlagged);
  EXPECT_EQ(same->labels, std::vector<std::string>{"list"});
  EXPECT_EQ(Match(PdqJson(HashOf("07")))->distance, 3);
}

TEST_F(BlockListTest, TheThresholdIsTheLastThatMatches) {
  Add(HashOf("0000"), 8);
  EXPECT_TRUE(Match(PdqJson(HashOf("00ff"))));
  EXPECT_FALSE(Match(PdqJson(HashOf("01ff"))));
}

TEST_F(BlockListTest, FlatPicturesAreNotCompared) {
  Add(HashOf("00"));
  EXPECT_TRUE(Match(PdqJson(HashOf("00"), 50)));
  EXPECT_FALSE(Match(PdqJson(HashOf("00"), 49)));
}

TEST_F(BlockListTest, FindsMirroredCopies) {
  Add(Pdq::FromHex(HashOf("00"))->Turned(PdqTurn::kTranspose).hex(), 0);
  EXPECT_TRUE(Match(PdqJson(HashOf("00"))));
}

TEST_F(BlockListTest, NamesTheClosestAndTheNewestVersion) {
  Add(HashOf("00"));
  Add(HashOf("03"));
  const auto finding = Match(PdqJson(HashOf("00")));
  EXPECT_EQ(finding->hash, HashOf("00"));
  EXPECT_EQ(finding->hash_version, 2) << "an approval of the first does not cover the second";
  EXPECT_EQ(Match(PdqJson(HashOf("00")), 1)->hash, HashOf("03"));
  EXPECT_FALSE(Match(PdqJson(HashOf("00")), 2));
}

TEST_F(BlockListTest, WhatIsNoHashMatchesNothing) {
  Add(HashOf("00"));
  for (const char* text : {"", "null", "[]", "{}", R"({"hash":1,"quality":100})",
                           R"({"hash":"00","quality":100})", R"({"hash":"zz"})", "{"}) {
    EXPECT_FALSE(Match(text)) << text;
  }
}

TEST_F(BlockListTest, EqualsANaiveScan) {
  std::mt19937_64 random(7);
  const auto text = [&] {
    std::string hash;
    for (int i = 0; i < 64; ++i) hash += "0123456789abcdef"[random() % 16];
    return hash;
  };
  std::vector<BlockedHash> hashes;
  for (int i = 0; i < 300; ++i) {
    hashes.push_back(Blocked(text(), static_cast<int>(random() % 65)));
    hashes.back().version = 1 + i % 7;
  }
  const BlockListSnapshot list(BlockListRows{.version = 7, .hashes = hashes});
  for (int round = 0; round < 100; ++round) {
    Pdq picture = *Pdq::FromHex(hashes[random() % hashes.size()].hash);
    for (int flips = static_cast<int>(random() % 70); flips > 0; --flips) {
      const int bit = static_cast<int>(random() % 256);
      picture.set_bit(bit, !picture.bit(bit));
    }
    const auto after = static_cast<int64_t>(random() % 7);
    int best = 1000;
    int64_t newest = 0;
    std::vector<Pdq> turned;
    for (const PdqTurn turn : kPdqTurns) turned.push_back(picture.Turned(turn));
    for (const BlockedHash& hash : hashes) {
      int distance = 1000;
      const Pdq blocked = *Pdq::FromHex(hash.hash);
      for (const Pdq& turn : turned) distance = std::min(distance, HammingDistance(blocked, turn));
      if (distance > hash.threshold || hash.version <= after) continue;
      best = std::min(best, distance);
      newest = std::max(newest, hash.version);
    }
    const auto finding = list.Match(picture, after);
    ASSERT_EQ(finding.has_value(), best < 1000);
    if (!finding) continue;
    EXPECT_EQ(finding->distance, best);
    EXPECT_EQ(finding->hash_version, newest);
  }
}

TEST(HashTextTest, ReadsOneHashALine) {
  const auto hashes = ParseHashText("# a list\n" + HashOf("0") + "\r\n\n  " + HashOf("1") +
                                    " , 12 , two, words \n" + HashOf("A") + ",,note");
  ASSERT_TRUE(hashes.ok()) << hashes.status();
  ASSERT_EQ(hashes->size(), 3u);
  EXPECT_EQ((*hashes)[0].threshold, kDefaultHashThreshold);
  EXPECT_EQ((*hashes)[1].threshold, 12);
  EXPECT_EQ((*hashes)[1].note, "two, words");
  EXPECT_EQ((*hashes)[2].hash, HashOf("a"));
  EXPECT_EQ((*hashes)[2].note, "note");
  const auto again = ParseHashText(HashText(*hashes));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *hashes);
}

TEST(HashTextTest, NamesTheFirstBadLine) {
  for (const std::string& bad : {std::string("xyz"), std::string("00"), HashOf("0").substr(1),
                                 HashOf("0") + ",far", HashOf("0") + ",65", HashOf("0") + ",-1"}) {
    const auto hashes = ParseHashText(HashOf("1") + "\n" + bad + "\n");
    EXPECT_EQ(hashes.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_NE(hashes.status().message().find("line 2"), absl::string_view::npos) << hashes.status();
  }
}

}  // namespace
}  // namespace stockroom::api
