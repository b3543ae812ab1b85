#include "services/common/base/strings.h"

#include <gtest/gtest.h>

namespace stockroom {
namespace {

TEST(Hex, RoundTripsAndRefusesWhatIsNotHex) {
  EXPECT_EQ(ToHex(std::string("\x00\xFF", 2)), "00ff");
  EXPECT_EQ(*FromHex("00fF"), std::string("\x00\xFF", 2));
  EXPECT_FALSE(FromHex("0").ok());
  EXPECT_FALSE(FromHex("0g").ok());
}

TEST(PercentEncoding, LeavesOnlyWhatIsUnreservedOrToBeKept) {  // RFC 3986, sections 2.1 and 2.3
  EXPECT_EQ(PercentEncode("a/b c+d%20~-._$\xc3\xa9"), "a%2Fb%20c%2Bd%2520~-._%24%C3%A9");
  EXPECT_EQ(PercentEncode("a/b c", "/"), "a/b%20c");
  EXPECT_EQ(PercentEncode(std::string_view("\0\n", 2)), "%00%0A");
  std::string query = "name=";
  AppendPercentEncoded("a&b", "", query);
  EXPECT_EQ(query, "name=a%26b");
}

TEST(Base64Url, RoundTripsWithoutPadding) {
  for (const std::string text : {"", "f", "fo", "foo", "\xFF\xFE>?"}) {
    const std::string encoded = ToBase64Url(text);
    EXPECT_EQ(encoded.find_first_of("+/="), std::string::npos);
    EXPECT_EQ(*FromBase64Url(encoded), text);
  }
  EXPECT_FALSE(FromBase64Url("Zg==").ok());
  EXPECT_FALSE(FromBase64Url("a b").ok());
}

TEST(Utf8, OnlyWellFormedTextIsClean) {
  for (const char* good :
       {"", "plain", "gr\xC3\xBC\xC3\x9F", "\xE6\x97\xA5\xE6\x9C\xAC", "\xF0\x9F\x93\xB7"}) {
    EXPECT_TRUE(IsCleanUtf8(good)) << good;
  }
  const std::string_view bad[] = {
      "\xC3",                       // cut off
      "\xC0\x80",                   // overlong
      "\xE0\x80\x80",               // overlong
      "\xED\xA0\x80",               // surrogate
      "\xF4\x90\x80\x80",           // past U+10FFFF
      "\xFF",                       // never valid
      "\x80",                       // continuation alone
      std::string_view("a\0b", 3),  // NUL
  };
  for (const std::string_view text : bad) EXPECT_FALSE(IsCleanUtf8(text)) << ToHex(text);
}

TEST(Utf8, LengthCountsCodePoints) { EXPECT_EQ(Utf8Length("a\xC3\xBC\xF0\x9F\x93\xB7"), 3u); }

}  // namespace
}  // namespace stockroom
