#include "services/common/s3/xml.h"

#include <gtest/gtest.h>

#include "services/common/base/status.h"

namespace stockroom::s3 {
namespace {

TEST(Xml, ReadsWhatS3ServersSend) {
  const absl::StatusOr<XmlElement> root = ParseXml(
      "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n"
      "  <IsTruncated>false</IsTruncated><Prefix/>\r\n"
      "  <Contents><Key>a &amp; b &#x20AC;&#39;</Key><ETag>&quot;e&quot;</ETag></Contents>\n"
      "  <ns:Contents><Key></Key></ns:Contents></ListBucketResult>\n");
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->name, "ListBucketResult");
  EXPECT_EQ(root->TextOf("IsTruncated"), "false");
  ASSERT_EQ(root->children.size(), 4u);
  EXPECT_EQ(root->Find("Contents")->TextOf("Key"), "a & b \xe2\x82\xac'");
  EXPECT_EQ(root->Find("Contents")->TextOf("ETag"), "\"e\"");
  EXPECT_EQ(root->children[3].name, "Contents");
  EXPECT_EQ(root->Find("Nothing"), nullptr);
  EXPECT_EQ(root->TextOf("Nothing"), "");
}

TEST(Xml, RefusesEverythingElse) {
  for (const char* document : {
           "",
           "text",
           "<a>",
           "<a></b>",
           "<a/><b/>",
           "<a>text<b/></a>",
           "<a b></a>",
           "<a b=c></a>",
           "<a b=\"<\"/>",
           "<a b=\"c/>",
           "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
           "<a>&b;</a>",
           "<a>&#0;</a>",
           "<a>&#xD800;</a>",
           "<a>&#x110000;</a>",
           "<a>&#99999999999;</a>",
           "<a>&#;</a>",
           "<a>&#12</a>",
           "<a><![CDATA[b]]></a>",
           "<a><!-- b --></a>",
           "<a><?b?></a>",
           "<?xml version=\"1.0\"",
           "<a>\xff</a>",
           "< a/>",
           "<a",
           "</a>",
       }) {
    EXPECT_FALSE(ParseXml(document).ok()) << document;
  }
}

TEST(Xml, IsNotFollowedDeeperThanAllowed) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  const absl::Status status = ParseXml(deep).status();
  EXPECT_EQ(DetailsOf(status).reason, "BAD_XML") << status;
}

TEST(Xml, IsReadAsItIsWritten) {
  const std::string hostile = "<&>\"'\r\n\t]]>";
  EXPECT_EQ(ParseXml("<a>" + XmlEscape(hostile) + "</a>")->text, hostile);
}

// Every prefix and every single damaged byte of an answer: an error or a value, never a crash.
TEST(Xml, SurvivesDamage) {
  const std::string whole =
      "<?xml version=\"1.0\"?><a x='1'><b>&lt;&#65;</b><c><d/></c><e>text</e></a>";
  ASSERT_TRUE(ParseXml(whole).ok());
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_FALSE(ParseXml(whole.substr(0, i)).ok()) << i;
    for (int byte = 0; byte < 256; ++byte) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(byte);
      (void)ParseXml(damaged);
    }
  }
}

}  // namespace
}  // namespace stockroom::s3
