#include "services/common/media/pdq.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom {
namespace {

// Of Meta's regression pictures: the bridge, as it is.
constexpr char kBridge[] = "d8f8f0cce0f4a84f0e370a22028f67f0b36e2ed596623e1d33e6b39c4e9c9b22";

TEST(Pdq, ReadsAndWritesHex) {
  const auto pdq = Pdq::FromHex(kBridge);
  ASSERT_TRUE(pdq.ok()) << pdq.status();
  EXPECT_EQ(pdq->hex(), kBridge);
  EXPECT_EQ(*Pdq::FromBytes(pdq->bytes()), *pdq);
  EXPECT_EQ(Pdq::FromHex(std::string(64, 'F'))->hex(), std::string(64, 'f'));
  for (const std::string& bad :
       {std::string(), std::string(63, '0'), std::string(65, '0'), std::string(64, 'g'),
        " " + std::string(63, '0'), "0x" + std::string(62, '0')}) {
    EXPECT_EQ(DetailsOf(Pdq::FromHex(bad).status()).reason, "BAD_PDQ") << bad;
  }
  EXPECT_FALSE(Pdq::FromBytes("short").ok());
}

TEST(Pdq, CountsBitsFromTheEndOfItsHex) {
  Pdq pdq;
  pdq.set_bit(0, true);
  EXPECT_EQ(pdq.hex(), std::string(63, '0') + "1");
  pdq.set_bit(255, true);
  EXPECT_EQ(pdq.hex(), "8" + std::string(62, '0') + "1");
  EXPECT_TRUE(pdq.bit(0) && pdq.bit(255) && !pdq.bit(1));
  pdq.set_bit(0, false);
  EXPECT_EQ(pdq.hex(), "8" + std::string(63, '0'));
}

TEST(Pdq, TheDistanceIsTheNumberOfBitsThatDiffer) {
  const Pdq a = *Pdq::FromHex(kBridge);
  Pdq b = a;
  EXPECT_EQ(HammingDistance(a, b), 0);
  for (const int index : {0, 63, 64, 128, 255}) b.set_bit(index, !b.bit(index));
  EXPECT_EQ(HammingDistance(a, b), 5);
  EXPECT_EQ(HammingDistance(Pdq(), *Pdq::FromHex(std::string(64, 'f'))), 256);
}

TEST(Pdq, TurningIsAGroup) {
  const Pdq pdq = *Pdq::FromHex(kBridge);
  EXPECT_EQ(pdq.Turned(PdqTurn::kNone), pdq);
  EXPECT_EQ(pdq.Turned(PdqTurn::kRotate90).Turned(PdqTurn::kRotate90),
            pdq.Turned(PdqTurn::kRotate180));
  EXPECT_EQ(pdq.Turned(PdqTurn::kRotate180).Turned(PdqTurn::kRotate90),
            pdq.Turned(PdqTurn::kRotate270));
  EXPECT_EQ(pdq.Turned(PdqTurn::kRotate270).Turned(PdqTurn::kRotate90), pdq);
  EXPECT_EQ(pdq.Turned(PdqTurn::kFlipHorizontal).Turned(PdqTurn::kFlipVertical),
            pdq.Turned(PdqTurn::kRotate180));
  EXPECT_EQ(pdq.Turned(PdqTurn::kTranspose).Turned(PdqTurn::kFlipHorizontal),
            pdq.Turned(PdqTurn::kRotate90));
  EXPECT_EQ(pdq.Turned(PdqTurn::kTranspose).Turned(PdqTurn::kRotate180),
            pdq.Turned(PdqTurn::kAntiTranspose));
}

TEST(Pdq, TurnedHashesAreThoseOfTurnedPictures) {
  // Published for the same picture, turned.
  const std::pair<PdqTurn, const char*> published[] = {
      {PdqTurn::kRotate270, "38a50efd71c83f429013d68d0ffffc52e34e0e15ada952a9d29684214aa9e5af"},
      {PdqTurn::kRotate180, "2dadda64b5a142e5d362209057da895ae63b8c7fc277b4b766b319361f893188"},
      {PdqTurn::kRotate90, "a5f0a457248995e8c9065c275aaa54d8b61ba4bdf8fcfc0387c32f8b0bfc4f05"},
      {PdqTurn::kFlipVertical, "d8f80f31e0f417b00e37f5dd028f980fb36ed12a9662c1e233e64c634e9c64dd"},
      {PdqTurn::kFlipHorizontal,
       "0dad259bb1a1bd18d362576556da32a1e63b7380c2374b4866b3c6c91b89ce77"},
      {PdqTurn::kTranspose, "f0a5e10271dcc0bd9c5309720fff018de34ef1e8ada9a956d2967ade1ea91a50"},
      {PdqTurn::kAntiTranspose, "69f05aa8a4996a17c146a2da5aaaab07b61b5b60f8fc07fc83c3d0740bfcb0fa"},
  };
  const Pdq bridge = *Pdq::FromHex(kBridge);
  for (const auto& [turn, hex] : published) {
    const Pdq turned = *Pdq::FromHex(hex);
    EXPECT_LE(HammingDistance(bridge.Turned(turn), turned), 20) << hex;
    for (const PdqTurn other : kPdqTurns) {
      if (other == turn) continue;
      EXPECT_GT(HammingDistance(bridge.Turned(other), turned), 90) << hex;
    }
  }
}

}  // namespace
}  // namespace stockroom
