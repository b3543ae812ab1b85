#include "services/common/http/conditional.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "services/common/http/encoding.h"

namespace stockroom::http {
namespace {

const Entity kEntity{"\"abc\"", absl::FromUnixSeconds(1'600'000'000), 1000};

Selection With(std::initializer_list<std::pair<const char*, const char*>> fields,
               std::string_view method = "GET") {
  Headers headers;
  for (const auto& [name, value] : fields) headers.Add(name, value);
  return Select(method, headers, kEntity);
}

TEST(Conditional, SendsEverythingWithoutConditions) {
  const Selection all = With({});
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.length, 1000);
}

TEST(Conditional, AnswersNotModifiedToAMatchingTag) {
  for (const char* tags : {"\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*", "\"a,b\" , W/\"abc\""}) {
    EXPECT_EQ(With({{"If-None-Match", tags}}).status, 304) << tags;
  }
  for (const char* tags : {"\"x\"", "abc", "\"abc", ""}) {
    EXPECT_EQ(With({{"If-None-Match", tags}}).status, 200) << tags;
  }
}

TEST(Conditional, ATagOverridesADate) {
  const char* later = "Sun, 13 Sep 2020 12:26:41 GMT";
  EXPECT_EQ(With({{"If-Modified-Since", later}}).status, 304);
  EXPECT_EQ(With({{"If-Modified-Since", "Sun, 13 Sep 2020 12:26:39 GMT"}}).status, 200);
  EXPECT_EQ(With({{"If-Modified-Since", "yesterday"}}).status, 200);
  EXPECT_EQ(With({{"If-Modified-Since", later}, {"If-None-Match", "\"x\""}}).status, 200);
}

TEST(Conditional, IfMatchComparesStrongly) {
  EXPECT_EQ(With({{"If-Match", "\"abc\""}}).status, 200);
  EXPECT_EQ(With({{"If-Match", "W/\"abc\""}}).status, 412);
  EXPECT_EQ(With({{"If-Match", "\"x\""}}).status, 412);
}

TEST(Conditional, SelectsOneRange) {
  struct Case {
    const char* range;
    int status;
    int64_t offset, length;
  };
  for (const Case& c :
       {Case{"bytes=0-0", 206, 0, 1}, Case{"bytes=0-", 206, 0, 1000},
        Case{"bytes=999-", 206, 999, 1}, Case{"bytes=10-19", 206, 10, 10},
        Case{"bytes=990-5000", 206, 990, 10}, Case{"bytes=-1", 206, 999, 1},
        Case{"bytes=-5000", 206, 0, 1000}, Case{"Bytes=5-6", 206, 5, 2},
        Case{"bytes=0-99999999999999999999999", 206, 0, 1000},
        Case{"bytes=-99999999999999999999999", 206, 0, 1000}, Case{"bytes=1000-", 416, 0, 0},
        Case{"bytes=-0", 416, 0, 0}, Case{"bytes=99999999999999999999999-", 416, 0, 0},
        // Not readable, or several: the whole.
        Case{"bytes=0-1,3-4", 200, 0, 1000}, Case{"bytes=5-4", 200, 0, 1000},
        Case{"bytes=", 200, 0, 1000}, Case{"bytes=a-b", 200, 0, 1000},
        Case{"bytes=-", 200, 0, 1000}, Case{"lines=0-1", 200, 0, 1000},
        Case{"bytes=+1-2", 200, 0, 1000}}) {
    const Selection got = With({{"Range", c.range}});
    EXPECT_EQ(got.status, c.status) << c.range;
    EXPECT_EQ(got.offset, c.offset) << c.range;
    EXPECT_EQ(got.length, c.length) << c.range;
  }
}

TEST(Conditional, IfRangeNeedsTheSameStrongTag) {
  EXPECT_EQ(With({{"Range", "bytes=0-1"}, {"If-Range", "\"abc\""}}).status, 206);
  EXPECT_EQ(With({{"Range", "bytes=0-1"}, {"If-Range", "W/\"abc\""}}).status, 200);
  EXPECT_EQ(With({{"Range", "bytes=0-1"}, {"If-Range", "\"x\""}}).status, 200);
  EXPECT_EQ(With({{"Range", "bytes=0-1"}, {"If-Range", "Sun, 13 Sep 2020 12:26:40 GMT"}}).status,
            200);
}

TEST(Conditional, RangesOfHeadAreIgnored) {
  EXPECT_EQ(With({{"Range", "bytes=0-1"}}, "HEAD").status, 200);
}

TEST(Conditional, NothingOfAnEmptyEntityCanBeSelected) {
  Headers headers;
  headers.Add("Range", "bytes=0-");
  EXPECT_EQ(Select("GET", headers, {"\"e\"", absl::UnixEpoch(), 0}).status, 416);
}

TEST(Conditional, DescribesWhatWasSelected) {
  Response response;
  Describe(With({{"Range", "bytes=10-19"}}), kEntity, response);
  EXPECT_EQ(response.status, 206);
  EXPECT_EQ(response.headers.Get("Content-Range"), "bytes 10-19/1000");
  Describe(With({{"Range", "bytes=1000-"}}), kEntity, response);
  EXPECT_EQ(response.headers.Get("Content-Range"), "bytes */1000");
  EXPECT_EQ(response.headers.Get("ETag"), "\"abc\"");
}

TEST(Refusal, SaysOfWhatAndWhy) {
  const Response changed = RefusalOf({.status = 412}, "picture", "r-1");
  EXPECT_EQ(changed.status, 412);
  EXPECT_NE(changed.body.find("the picture is not the one that If-Match names"), std::string::npos);
  const Response outside = RefusalOf({.status = 416}, "file", "r-1");
  EXPECT_EQ(outside.status, 416);
  EXPECT_NE(outside.body.find("the range lies outside the file"), std::string::npos);
}

TEST(Encoding, GzipIsSentOnlyToThoseWhoTakeIt) {
  for (const char* yes : {"gzip", "deflate, GZIP;q=0.5", "*", "br, *;q=0.1"}) {
    EXPECT_TRUE(AcceptsGzip(yes)) << yes;
  }
  for (const char* no :
       {"", "identity", "gzip;q=0", "gzip; q=0.0, *", "*;q=0", "gzipped", "gzip;q=x"}) {
    EXPECT_FALSE(AcceptsGzip(no)) << no;
  }
}

TEST(Encoding, WhatIsPackedIsTheSameUnpacked) {
  for (const size_t size : {0, 1, 100, 1'000'000}) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i * i % 23);
    const std::string packed = Gzip(text);
    std::string unpacked(size + 1, 0);
    z_stream stream{};
    ASSERT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(unpacked.data());
    stream.avail_out = static_cast<uInt>(unpacked.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
    unpacked.resize(stream.total_out);
    inflateEnd(&stream);
    EXPECT_EQ(unpacked, text);
  }
}

}  // namespace
}  // namespace stockroom::http
