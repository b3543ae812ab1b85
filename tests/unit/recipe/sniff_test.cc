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
  EXPECT_EQ(SniffMedia(std::string_view("\xFF\x0A....", 6)), MediaKind::kJxl);
  EXPECT_EQ(SniffMedia(std::string_view("\0\0\0\x0CJXL \r\n\x87\n....", 16)), MediaKind::kJxl);
}

TEST(Sniff, TellsHeicFromAvif) {
  const auto boxes = [](const std::string& major, const std::string& compatible) {
    const auto size = static_cast<char>(16 + compatible.size());
    return std::string(3, '\0') + size + "ftyp" + major + std::string(4, '\0') + compatible;
  };
  for (const char* major : {"heic", "heix", "hevc", "mif1", "msf1"}) {
    EXPECT_EQ(SniffMedia(boxes(major, "mif1heic")), MediaKind::kHeic) << major;
  }
  EXPECT_EQ(SniffMedia(boxes("mif1", "miafavif")), MediaKind::kAvif);
  EXPECT_EQ(SniffMedia(boxes("avis", "heic")), MediaKind::kAvif);
  // The brand must be a brand, not the minor version.
  EXPECT_EQ(SniffMedia(std::string_view("\0\0\0\x10"
                                        "ftypmif1avif",
                                        16)),
            MediaKind::kHeic);
  EXPECT_EQ(SniffMedia(boxes("mp42", "isomavif")), MediaKind::kUnknown) << "a film";
}

TEST(Sniff, TakesSvgOnlyWhereItIsAllowed) {
  const auto sniff = [](std::string_view text) { return SniffMedia(text, SvgPolicy::kAllowed); };
  const std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
  for (const std::string& before :
       {std::string(), std::string("\xEF\xBB\xBF \n"), std::string("<?xml version=\"1.0\"?>\n"),
        std::string(
            "<?xml version=\"1.0\"?><!-- > <svg -->\n<!DOCTYPE svg PUBLIC \"x\" \"y\">\n")}) {
    EXPECT_EQ(sniff(before + svg), MediaKind::kSvg) << before;
    EXPECT_EQ(SniffMedia(before + svg), MediaKind::kUnknown) << before;
  }
  for (const char* other : {"<svgx/>", "<svg", "<html><svg/></html>", "x<svg/>", "<!-- <svg/>",
                            "<?xml <svg/>", "<!DOCTYPE html><svg/>", "<SVG/>", ""}) {
    EXPECT_EQ(sniff(other), MediaKind::kUnknown) << other;
  }
  EXPECT_EQ(sniff(std::string(kSniffBytes, ' ') + svg), MediaKind::kUnknown);
}

TEST(Sniff, KnowsNothingElse) {
  for (const std::string_view other :
       {std::string_view(), std::string_view("<svg xmlns="), std::string_view("%PDF-1.7"),
        std::string_view("RIFF....WAVEfmt "), std::string_view("\xFF\xD8"),
        std::string_view("BM......")}) {
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
