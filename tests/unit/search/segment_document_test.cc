#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "services/api/search/segment/document.h"

namespace stockroom::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Payload kTitle = 1;
constexpr Payload kDescription = 2;
constexpr Payload kTag = 4;
constexpr Payload kFile = 8;
constexpr Payload kAttribute = 16;

std::vector<std::pair<std::string, int>> TermsOf(const IndexedDocument& document) {
  std::vector<std::pair<std::string, int>> terms;
  for (size_t i = 0; i < document.terms.size(); ++i) {
    terms.emplace_back(document.terms[i].term, document.terms[i].payload);
  }
  return terms;
}
bool Has(const IndexedDocument& document, HasField field) {
  return (document.flags >> static_cast<unsigned>(field) & 1) != 0;
}

TEST(DocumentTest, TermsSayWhereTheyStandAndHowOften) {
  Image image;
  image.described.title = "Red Fóx";
  image.described.description = "fox,  fox!";
  image.described.tags = {"Fox", "red  SNOW", "c++"};
  image.described.attributes = {{"dataset", "Foxes 1"}, {"k", "red"}};
  image.filename = "IMG_12.jpg";
  const IndexedDocument d = DocumentOf(image);
  const auto pair = [](std::string text, int payload) { return std::pair(text, payload); };
  EXPECT_THAT(
      TermsOf(d),
      ElementsAre(pair("\x01"
                       "c++",
                       kTag | kWholeTag),
                  pair("\x01red snow", kTag | kWholeTag), pair("1", kAttribute), pair("12", kFile),
                  pair("c", kTag), pair("fox", kTitle | kDescription | kTag | kWholeTag | 2 << 6),
                  pair("foxes", kAttribute), pair("img", kFile), pair("jpg", kFile),
                  pair("red", kTitle | kTag | kAttribute | 2 << 6), pair("snow", kTag)));
  EXPECT_EQ(d.words,
            "\x01 red fox \x02 fox fox \x03 fox \x03 red snow \x03 c \x04 img 12 jpg "
            "\x05 foxes 1 \x05 red ");
  EXPECT_EQ(d.description, "fox, fox!");
  EXPECT_EQ(d.length, 14u);
  EXPECT_EQ(d.dataset, "Foxes 1");
}

TEST(DocumentTest, CharactersSideBySideAreATermAsWell) {
  Image image;
  image.described.title = "富士山 foto 日本";
  image.described.tags = {"士山", "富"};
  const auto pair = [](std::string text, int payload) { return std::pair(text, payload); };
  EXPECT_THAT(
      TermsOf(DocumentOf(image)),
      ElementsAre(pair("\x01士山", kTag | kWholeTag),
                  pair(PairTerm("士", "山"), kTitle | kTag | 1 << 6),
                  pair(PairTerm("富", "士"), kTitle), pair(PairTerm("日", "本"), kTitle),
                  pair("foto", kTitle), pair("士", kTitle | kTag | 1 << 6),
                  pair("富", kTitle | kTag | kWholeTag | 1 << 6),
                  pair("山", kTitle | kTag | 1 << 6), pair("日", kTitle), pair("本", kTitle)));
}

TEST(DocumentTest, FrequenciesGoInSteps) {
  for (const auto& [times, step] : {std::pair(1, 0), {2, 1}, {3, 2}, {4, 2}, {5, 3}, {50, 3}}) {
    Image image;
    for (int i = 0; i < times; ++i) image.described.description += "fox ";
    EXPECT_THAT(TermsOf(DocumentOf(image)),
                ElementsAre(std::pair(std::string("fox"), kDescription | step << 6)));
  }
}

TEST(DocumentTest, AnEmptyImageHasNothing) {
  const IndexedDocument d = DocumentOf(Image());
  EXPECT_THAT(d.terms, IsEmpty());
  EXPECT_EQ(d.words, "");
  EXPECT_EQ(d.flags, 0);
  EXPECT_EQ(d.length, 0u);
}

TEST(DocumentTest, ATagThatIsWrittenTwiceIsOneTerm) {
  Image image;
  image.described.tags = {"a b", "A  B", "x", "X", " ", "!"};
  EXPECT_THAT(TermsOf(DocumentOf(image)),
              ElementsAre(std::pair(std::string("\x01!"), kTag | kWholeTag),
                          std::pair(std::string("\x01"
                                                "a b"),
                                    kTag | kWholeTag),
                          std::pair(std::string("a"), kTag | 1 << 6),
                          std::pair(std::string("b"), kTag | 1 << 6),
                          std::pair(std::string("x"), kTag | kWholeTag | 1 << 6)));
}

TEST(DocumentTest, ColumnsAreTheImages) {
  Image image;
  image.id = "id";
  image.owner = "ann";
  image.state = ImageState::kFlagged;
  image.described.license = "CC0";
  image.facts = {.width = 40,
                 .height = -1,
                 .format = "png",
                 .taken_time = absl::FromCivil(absl::CivilDay(2020, 12, 24), absl::UTCTimeZone())};
  image.size_bytes = 77;
  image.md5 = std::string(16, 'm');
  image.create_time = absl::FromUnixMicros(1'600'000'000'000'001);
  IndexedDocument d = DocumentOf(image);
  EXPECT_EQ(d.id, "id");
  EXPECT_EQ(d.owner, "ann");
  EXPECT_EQ(d.state, ImageState::kFlagged);
  EXPECT_FALSE(d.seen_by_all);
  EXPECT_EQ(d.license, "CC0");
  EXPECT_EQ(d.format, "png");
  EXPECT_EQ(d.width, 40u);
  EXPECT_EQ(d.height, 0u);
  EXPECT_EQ(d.bytes, 77u);
  EXPECT_EQ(d.md5, image.md5);
  EXPECT_EQ(d.created_us, 1'600'000'000'000'001);
  EXPECT_EQ(d.date, 20201224);
  EXPECT_TRUE(d.has_taken);
  EXPECT_TRUE(Has(d, HasField::kTaken));
  EXPECT_TRUE(Has(d, HasField::kLicense));
  EXPECT_FALSE(Has(d, HasField::kTitle));
  image.state = ImageState::kReady;
  image.facts.taken_time.reset();
  d = DocumentOf(image);
  EXPECT_EQ(d.date, 20200913);
  EXPECT_FALSE(Has(d, HasField::kTaken));
  EXPECT_TRUE(d.seen_by_all);
  image.described.visibility = Visibility::kUnlisted;
  EXPECT_FALSE(DocumentOf(image).seen_by_all);
}

TEST(DocumentTest, TakesWhatProcessorsFound) {
  Image image;
  image.analysis["facts"] =
      R"({"width":3,"camera":{"make":"Canon","model":" Canon EOS R5 ","lens":"RF 50mm"},)"
      R"("exposure":{"iso":100},"gps":{"altitude_m":3,"latitude":-48.5,"longitude":16.1234567}})";
  const std::string hash = "0123456789abcdef" + std::string(47, '0') + "F";
  image.analysis["pdq"] = R"({"hash":")" + hash + R"(","quality":50})";
  image.analysis["thumbhash"] =
      R"({"base64":")" + absl::Base64Escape(std::string(24, '\x11')) + "\"}";
  const IndexedDocument d = DocumentOf(image);
  EXPECT_EQ(d.camera, "Canon EOS R5");
  EXPECT_EQ(d.lens, "RF 50mm");
  ASSERT_TRUE(d.location.has_value());
  EXPECT_EQ(d.location->latitude_e7, -485000000);
  EXPECT_EQ(d.location->longitude_e7, 161234567);
  EXPECT_THAT(d.pdq.value(), ElementsAre(0x0123456789abcdef, 0u, 0u, 15u));
  EXPECT_TRUE(d.looks.has_value());
  for (const HasField field : {HasField::kCamera, HasField::kLens, HasField::kLocation,
                               HasField::kHash, HasField::kPalette}) {
    EXPECT_TRUE(Has(d, field));
  }
}

TEST(DocumentTest, TheMakeIsNotSaidTwice) {
  for (const auto& [camera, expected] :
       {std::pair(R"("make":"NIKON","model":"Nikon Z6")", "Nikon Z6"),
        {R"("make":"Apple","model":"iPhone 12")", "Apple iPhone 12"},
        {R"("make":"Apple")", "Apple"},
        {R"("model":"Z6")", "Z6"},
        {R"("make":"  ","model":"")", ""}}) {
    Image image;
    image.analysis["facts"] = std::string(R"({"camera":{)") + camera + "}}";
    EXPECT_EQ(DocumentOf(image).camera, expected);
  }
}

TEST(DocumentTest, WhatCanNotBeReadIsLeftOut) {
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  const std::string name(500, 'x');
  const std::string good_hash(64, 'a');
  for (const std::string& facts : std::vector<std::string>{
           "",
           "7",
           "[]",
           "null",
           "{",
           "{\"camera\":{\"make\":\"C\"}",
           "{\"camera\":7}",
           R"({"camera":[{"make":"C"}],"gps":[{"latitude":1,"longitude":2}]})",
           R"({"make":"C","latitude":1,"longitude":2})",
           R"({"x":{"camera":{"make":"C"},"gps":{"latitude":1,"longitude":2}}})",
           R"({"camera":{"make":["C"],"x":{"make":"C"}}})",
           R"({"camera":{"make":)" + ("\"" + name + "\"") + "}}",
           R"({"gps":{"latitude":91,"longitude":2}})",
           R"({"gps":{"latitude":1,"longitude":-181}})",
           R"({"gps":{"latitude":1}})",
           R"({"gps":{"latitude":"1","longitude":"2"}})",
           R"({"gps":{"latitude":1e999,"longitude":2}})",
           R"({"a":)" + deep + "}",
           R"({"camera":{"make":"C"},"a":)" + deep + "}",
           R"({"camera":{"make":"C"},"a":")" + std::string(20'000, 'y') + "\"}",
           "{\"camera\":{\"make\":\"\xff\"}}"}) {
    Image image;
    image.analysis["facts"] = facts;
    const IndexedDocument d = DocumentOf(image);
    EXPECT_EQ(d.camera, "") << facts;
    EXPECT_FALSE(d.location.has_value()) << facts;
  }
  for (const std::string& pdq : std::vector<std::string>{
           R"({"hash":")" + good_hash + R"(","quality":49})", R"({"hash":")" + good_hash + "\"}",
           R"({"quality":99})", R"({"hash":"ab","quality":99})",
           R"({"hash":")" + std::string(63, 'a') + R"(g","quality":99})",
           R"({"hash":7,"quality":99})", R"([{"hash":")" + good_hash + R"(","quality":99}])"}) {
    Image image;
    image.analysis["pdq"] = pdq;
    EXPECT_FALSE(DocumentOf(image).pdq.has_value()) << pdq;
  }
}

TEST(DocumentTest, AKeyThatComesTwiceSaysTheLast) {
  Image image;
  image.analysis["facts"] =
      R"({"camera":{"make":"A","model":"B","make":"C"},"gps":{"latitude":1,"longitude":2}})";
  EXPECT_EQ(DocumentOf(image).camera, "C B");
}

}  // namespace
}  // namespace stockroom::api
