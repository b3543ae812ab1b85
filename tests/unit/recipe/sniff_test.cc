#include "services/common/media/sniff.h"

#include <gtest/gtest.h>

#include <string>

namespace stockroom {
namespace {

TEST(Sniff, KnowsWhatStockroomReads) {
  EXPECT_EQ(SniffMedia("\xFF\xD8\xFF\xE0"), MediaKind::kJpeg);
  EXPECT_EQ(SniffMedia("\x89PNG\r\n\x1A\n...."), MediaKind::kPng);
  EXPECT_EQ(SniffMedia("GIF89a...."), MediaKind::kGif);
  EXPECT_EQ(SniffMedia("RIFF....WEBPVP8 "), MediaKind::kWebp);
  EXPECT_EQ(SniffMedia(std::string_view("II*\0....", 8)), MediaKind::kTiff);
  EXPECT_EQ(SniffMedia(std::string_view("MM\0*....", 8)), MediaKind::kTiff);
  EXPECT_EQ(SniffMedia(std::string_view("\0\0\0\x1C"
                                        "ftypavif\0\0\0\0mif1avif",
                                        24)),
            MediaKind::kAvif);
  EXPECT_EQ(SniffMedia(std::string_view("\0\0\0\x1C"
                                        "ftypmif1\0\0\0\0mif1avif",
                                        24)),
            MediaKind::kAvif);
}

TEST(Sniff, KnowsNothingElse) {
  for (const std::string_view other :
       {std::string_view(), std::string_view("<svg xmlns="), std::string_view("%PDF-1.7"),
        std::string_view("RIFF....WAVEfmt "), std::string_view("\xFF\xD8"),
        std::string_view("BM......"),
        // HEIC has a box like AVIF's
        std::string_view("\0\0\0\x18"
                         "ftypheic\0\0\0\0mif1heic",
                         24),
        // the brand must be a brand, not the minor version
        std::string_view("\0\0\0\x10"
                         "ftypmif1avif",
                         16)}) {
    EXPECT_EQ(SniffMedia(other), MediaKind::kUnknown) << other;
  }
}

TEST(Sniff, NamesAndTypesAgree) {
  EXPECT_EQ(MediaName(MediaKind::kJpeg), "jpeg");
  EXPECT_EQ(MediaType(MediaKind::kAvif), "image/avif");
  EXPECT_EQ(MediaName(MediaKind::kUnknown), "");
}

}  // namespace
}  // namespace stockroom
