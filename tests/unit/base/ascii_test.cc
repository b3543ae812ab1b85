#include "services/common/base/ascii.h"

#include <gtest/gtest.h>

#include <string>

namespace stockroom {
namespace {

// Every character at every place of texts around the length of one look.
template <typename Check>
void ForEachCharAndPlace(Check check) {
  for (size_t length = 1; length <= 20; ++length) {
    for (size_t place = 0; place < length; ++place) {
      for (int c = 0; c < 256; ++c) {
        std::string text(length, 'x');
        text[place] = static_cast<char>(c);
        check(text, c);
      }
    }
  }
}

TEST(Ascii, SeesEveryCharacterThatIsNotVisible) {
  EXPECT_TRUE(IsVisibleAscii(""));
  ForEachCharAndPlace([](const std::string& text, int c) {
    ASSERT_EQ(IsVisibleAscii(text), c > 0x20 && c < 0x7f) << c << " in " << text.size();
  });
}

TEST(Ascii, SeesEveryControlButTheTab) {
  EXPECT_FALSE(HasControls(""));
  ForEachCharAndPlace([](const std::string& text, int c) {
    ASSERT_EQ(HasControls(text), (c < 0x20 && c != '\t') || c == 0x7f)
        << c << " in " << text.size();
  });
}

TEST(Ascii, SeesAControlBehindATab) {
  EXPECT_FALSE(HasControls("\tone\ttwo\tthree"));
  EXPECT_TRUE(HasControls("\tone\ttwo\tthree\n"));
}

}  // namespace
}  // namespace stockroom
