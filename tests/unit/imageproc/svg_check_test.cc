#include "services/imageproc/codec/svg_check.h"

#include <gtest/gtest.h>

#include <string>

namespace stockroom::imageproc {
namespace {

std::string Svg(const std::string& inside) {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">" +
         inside + "</svg>";
}

TEST(SvgCheck, LetsADrawingThrough) {
  for (const char* inside :
       {"<rect fill='red'/>", "<use href=\"#a\"/>", "<rect fill=\"url(#grad)\"/>",
        "<style>rect { fill: url( '#grad' ); }</style>", "<!-- don't <image href='http://x'/> -->",
        "<image xlink:href=\"data:image/png;base64,AAAA\"/>", "<text>a &lt; b, it's 5 > 3</text>",
        "<a href=\"https://example.com\"><text>more</text></a>"}) {
    EXPECT_TRUE(CheckSvg(Svg(inside)).ok()) << inside << CheckSvg(Svg(inside));
  }
}

TEST(SvgCheck, RefusesWhateverPointsOutside) {
  for (const char* inside :
       {"<image href=\"http://example.com/a.png\"/>", "<image xlink:href='/etc/passwd'/>",
        "<image\nhref\n=\n'file:///x'/>", "<use href='other.svg#a'/>", "<feImage href='//x/y'/>",
        "<rect fill='url(http://x/y)'/>", "<rect style=\"fill: URL( 'x.svg#a' )\"/>",
        "<style>@import url(a.css);</style>", "<image href='data:image/svg+xml,&lt;svg/>'/>",
        "<image href='&#104;ttp://x'/>", "<xi:include href='a'/>", "<script src='x.js'/>",
        "<!-- ' --><image href='http://x'/><!-- ' -->"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckSvg(Svg(inside)))) << inside;
  }
  EXPECT_FALSE(CheckSvg("<!DOCTYPE svg [<!ENTITY a 'aaaa'>]>" + Svg("&a;")).ok());
  EXPECT_FALSE(CheckSvg("<?xml-stylesheet href='a.css'?>" + Svg("")).ok());
  EXPECT_FALSE(CheckSvg(Svg(std::string(9 << 20, ' '))).ok());
}

TEST(SvgCheck, SurvivesMarkupThatNeverEnds) {
  for (const char* text : {"<", "<a", "<a b", "<a b=", "<a b='", "<!--", "<?", "<![CDATA[", "url(",
                           "<a b=\"url(\"", "<a href", "style=\"url('\""}) {
    CheckSvg(text).IgnoreError();
  }
  std::string many = "<svg style='";
  while (many.size() < (4 << 20)) many += "url(#a";
  EXPECT_FALSE(CheckSvg(many + ")'/>").ok());
}

}  // namespace
}  // namespace stockroom::imageproc
