#include "services/common/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace stockroom {
namespace {

std::string Text(size_t size) {
  std::string text;
  uint32_t state = 1;
  for (size_t i = 0; i < size; ++i) {
    state = state * 1664525 + 1013904223;
    text += static_cast<char>(state >> 24);
  }
  return text;
}

TEST(Crc32c, IsTheOneOfTheStandard) {
  // RFC 3720, appendix B.4, and the usual check value.
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32c, IsTheSameWithAndWithoutTheInstruction) {
  const std::string text = Text(8000);
  for (size_t size = 0; size < text.size(); size += size < 100 ? 1 : 97) {
    for (const size_t offset : {0, 1, 3}) {
      const std::string_view part = std::string_view(text).substr(offset, size);
      EXPECT_EQ(Crc32c(part), PortableCrc32c(part)) << size << " from " << offset;
    }
  }
}

TEST(Crc32c, GoesOnWhereItStopped) {
  const std::string text = Text(5000);
  const std::string_view view = text;
  for (const size_t cut : {0, 1, 7, 8, 1536, 4999, 5000}) {
    EXPECT_EQ(Crc32c(view.substr(cut), Crc32c(view.substr(0, cut))), Crc32c(view));
    EXPECT_EQ(PortableCrc32c(view.substr(cut), PortableCrc32c(view.substr(0, cut))), Crc32c(view));
  }
}

}  // namespace
}  // namespace stockroom
