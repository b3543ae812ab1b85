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
