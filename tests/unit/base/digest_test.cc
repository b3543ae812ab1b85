#include "services/common/base/digest.h"

#include <gtest/gtest.h>

#include "services/common/base/strings.h"

namespace stockroom {
namespace {

TEST(Digest, OfAbcIsThePublishedOne) {  // FIPS 180-2, appendix B.1
  EXPECT_EQ(Digest::Of("abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, OnlyExactTextsAndBytesAreDigests) {
  const std::string hex = Digest::Of("abc").hex();
  EXPECT_EQ(*Digest::FromHex(hex), Digest::Of("abc"));
  EXPECT_EQ(*Digest::FromBytes(Digest::Of("abc").bytes()), Digest::Of("abc"));
  std::string upper = hex;
  upper[1] = 'A';
  for (const std::string& bad :
       {std::string(), hex.substr(1), hex + "0", upper, "g" + hex.substr(1)}) {
    EXPECT_FALSE(Digest::FromHex(bad).ok()) << bad;
  }
  EXPECT_FALSE(Digest::FromBytes("short").ok());
}

TEST(HmacSha256, OfPublishedKeysAndTextsAreThePublishedOnes) {  // RFC 4231, section 4
  EXPECT_EQ(ToHex(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(ToHex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(ToHex(HmacSha256(std::string(20, '\xaa'), std::string(50, '\xdd'))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  // A key that is longer than SHA-256's block.
  EXPECT_EQ(ToHex(HmacSha256(std::string(131, '\xaa'),
                             "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(SameSecret, IsForTheSameBytesOnly) {
  EXPECT_TRUE(SameSecret("", ""));
  EXPECT_TRUE(SameSecret(std::string("a\0b", 3), std::string("a\0b", 3)));
  EXPECT_FALSE(SameSecret(std::string("a\0b", 3), std::string("a\0c", 3)));
  EXPECT_FALSE(SameSecret("abc", "ab"));
  EXPECT_FALSE(SameSecret("", "a"));
}

TEST(StreamHasher, GivesBothSumsInOnePass) {
  StreamHasher hasher(StreamHasher::Md5::kYes);
  hasher.Update("a");
  hasher.Update("");
  hasher.Update("bc");
  EXPECT_EQ(hasher.FinishSha256(), Digest::Of("abc"));
  EXPECT_EQ(ToHex(hasher.FinishMd5()), "900150983cd24fb0d6963f7d28e17f72");  // RFC 1321, A.5
}

}  // namespace
}  // namespace stockroom
