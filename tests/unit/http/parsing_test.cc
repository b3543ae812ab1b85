#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/status.h"
#include "services/common/http/chunked.h"
#include "services/common/http/head_parser.h"
#include "services/common/http/path_template.h"
#include "services/common/http/problem.h"
#include "services/common/http/response_head.h"
#include "services/common/http/router.h"
#include "services/common/http/url.h"

namespace stockroom::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(MediaType, IsWithoutParametersAndInLowerCase) {
  EXPECT_EQ(MediaType("Application/JSON; charset=utf-8"), "application/json");
  EXPECT_EQ(MediaType(" image/png "), "image/png");
  EXPECT_EQ(MediaType("multipart/form-data;boundary=x"), "multipart/form-data");
  EXPECT_EQ(MediaType(""), "");
  EXPECT_EQ(MediaType(";"), "");
}

TEST(HeadParser, ReadsAnOrdinaryHead) {
  const auto head = ParseRequestHead(
      "POST /a/b?x=1 HTTP/1.1\r\nHost: a:8080\r\nContent-Length: 12\r\nX-Thing:  two words "
      "\r\n\r\n");
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->path, "/a/b");
  EXPECT_EQ(head->query, "x=1");
  EXPECT_EQ(head->content_length, 12);
  EXPECT_EQ(head->headers.Get("x-thing"), "two words");
  EXPECT_TRUE(head->keep_alive);
}

TEST(HeadParser, RefusesWhatTwoParsersCouldReadDifferently) {
  const std::string start = "POST / HTTP/1.1\r\nHost: a\r\n";
  for (const std::string rest :
       {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: +1\r\n",
        "Content-Length: 1, 1\r\n", "Content-Length: 0x1\r\n",
        "Content-Length: 9999999999999999999\r\n", "Content-Length:\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "X: a\r\n folded\r\n",
        "X: a\r\n\tfolded\r\n", "X : a\r\n", ": a\r\n", "no colon\r\n", "X: a\x01\r\n",
        "X: a\rb\r\n", "Host: b\r\n", "Expect: the-unexpected\r\n"}) {
    EXPECT_FALSE(ParseRequestHead(start + rest + "\r\n").ok()) << rest;
  }
  EXPECT_FALSE(ParseRequestHead(start + std::string("X: a\0b\r\n\r\n", 10)).ok());
}

TEST(HeadParser, RefusesOddRequestLines) {
  for (const char* line :
       {"GET  / HTTP/1.1", "GET /", "GET / HTTP/2.0", "GET / http/1.1", "GET http://a/ HTTP/1.1",
        "OPTIONS * HTTP/1.1", "G(T / HTTP/1.1", "BREW / HTTP/1.1", "GET /a b HTTP/1.1",
        "GET /a#b HTTP/1.1", "GET /\x80 HTTP/1.1", " GET / HTTP/1.1", "", "GET /\t HTTP/1.1"}) {
    EXPECT_FALSE(ParseRequestHead(std::string(line) + "\r\nHost: a\r\n\r\n").ok()) << line;
  }
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1\r\n\r\n").ok()) << "no Host";
}

TEST(HeadParser, FindsTheEndWhereverTheBytesAreSplit) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (size_t cut = 0; cut < head.size(); ++cut) {
    size_t from = 0;
    const auto early = FindHeadEnd(head.substr(0, cut), &from);
    ASSERT_TRUE(early.ok());
    EXPECT_FALSE(early->has_value());
    const auto end = FindHeadEnd(head + "body\n", &from);
    ASSERT_TRUE(end.ok());
    EXPECT_EQ(*end, head.size());
  }
}

TEST(HeadParser, SeesABareLineFeedAtOnce) {
  size_t from = 0;
  EXPECT_FALSE(FindHeadEnd("GET / HTTP/1.1\nHost", &from).ok());
}

TEST(Chunked, DecodesWhereverTheBytesAreSplit) {
  const std::string wire = "4;ext=1\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: x\r\n\r\n";
  for (size_t cut = 0; cut <= wire.size(); ++cut) {
    ChunkedDecoder decoder;
    std::string out;
    ASSERT_TRUE(decoder.Feed(wire.substr(0, cut), &out).ok()) << cut;
    const auto used = decoder.Feed(wire.substr(cut) + "GET", &out);
    ASSERT_TRUE(used.ok()) << cut;
    EXPECT_TRUE(decoder.done());
    EXPECT_EQ(out, "Wikipedia");
    EXPECT_EQ(*used, wire.size() - cut);
  }
}

TEST(Chunked, RefusesWhatIsNotExactlyAChunk) {
  for (const std::string wire :
       {"4\nWiki\r\n", "x\r\n", "-4\r\n", "4\r\nWikixx", "ffffffffffffffff\r\n", " 4\r\n", "\r\n",
        "4 \r\nWiki\r\n", "0x4\r\nWiki\r\n"}) {
    ChunkedDecoder decoder;
    std::string out;
    EXPECT_FALSE(decoder.Feed(wire, &out).ok()) << wire;
  }
  ChunkedDecoder decoder;
  std::string out;
  EXPECT_FALSE(decoder.Feed("4;" + std::string(1000, 'x'), &out).ok());
}

TEST(Url, DecodesOnceAndStrictly) {
  EXPECT_EQ(*PercentDecode("a%20b%252F"), "a b%2F");
  EXPECT_EQ(*PercentDecode("a+b"), "a+b");
  EXPECT_EQ(*PercentDecode("%41"), "A");
  for (const char* bad : {"%", "%4", "%4g", "%00", "%0a", "%7f", "%ff", "%c0%af"}) {
    EXPECT_FALSE(PercentDecode(bad).ok()) << bad;
  }
}

TEST(Url, ReadsQueries) {
  const auto pairs = ParseQuery("a=1&b=x+y%26z&&c&d=");
  ASSERT_TRUE(pairs.ok());
  EXPECT_THAT(*pairs,
              ElementsAre(Pair("a", "1"), Pair("b", "x y&z"), Pair("c", ""), Pair("d", "")));
  EXPECT_FALSE(ParseQuery("a=%").ok());
}

TEST(PathTemplate, CapturesAndDecodes) {
  const auto path = PathTemplate::Parse("/v1/images/{id}/analysis/{name}");
  ASSERT_TRUE(path.ok());
  const auto match = path->Match(SplitPath("/v1/images/a%20b/analysis/c"));
  ASSERT_TRUE(match.ok() && match->has_value());
  EXPECT_THAT(**match, ElementsAre(Pair("id", "a b"), Pair("name", "c")));
  EXPECT_FALSE((*path->Match(SplitPath("/v1/images//analysis/c"))).has_value());
  EXPECT_FALSE((*path->Match(SplitPath("/v1/images/a/analysis/c/"))).has_value());
  EXPECT_FALSE(path->Match(SplitPath("/v1/images/%00/analysis/c")).ok());
}

TEST(PathTemplate, KnowsVerbsAndRests) {
  const auto rest = PathTemplate::Parse("/files/{name=**}");
  EXPECT_THAT(**rest->Match(SplitPath("/files/a/b/c")), ElementsAre(Pair("name", "a/b/c")));
  const auto nested = PathTemplate::Parse("/v1/{name=shelves/*/books/*}:lend");
  EXPECT_THAT(**nested->Match(SplitPath("/v1/shelves/1/books/2:lend")),
              ElementsAre(Pair("name", "shelves/1/books/2")));
  EXPECT_FALSE((*nested->Match(SplitPath("/v1/shelves/1/books/2"))).has_value());
  for (const char* bad : {"", "a", "/{}", "/{a", "/**/a", "/a:", "/{a=**}/b", "/a{b}"}) {
    EXPECT_FALSE(PathTemplate::Parse(bad).ok()) << bad;
  }
}

Response Nothing(Request&) { return {}; }

TEST(Router, PrefersTheMoreSpecificRouteWhateverTheOrder) {
  Router router;
  ASSERT_TRUE(router.AddPlain("GET", "/{a=**}", {}, Nothing).ok());
  ASSERT_TRUE(router.AddPlain("GET", "/images/{id}", {}, Nothing).ok());
  ASSERT_TRUE(router.AddPlain("GET", "/images/new", {}, Nothing).ok());
  ASSERT_TRUE(router.AddPlain("GET", "/images:search", {}, Nothing).ok());
  ASSERT_TRUE(router.AddPlain("GET", "/images", {}, Nothing).ok());
  std::string allow;
  const auto find = [&](const char* path) {
    return router.Find("GET", path, &allow)->route->path.text();
  };
  EXPECT_EQ(find("/images/new"), "/images/new");
  EXPECT_EQ(find("/images/old"), "/images/{id}");
  EXPECT_EQ(find("/images:search"), "/images:search");
  EXPECT_EQ(find("/images"), "/images");
  EXPECT_EQ(find("/other/thing"), "/{a=**}");
}

TEST(Router, RefusesTwoRoutesForTheSamePaths) {
  Router router;
  ASSERT_TRUE(router.AddPlain("GET", "/a/{b}", {}, Nothing).ok());
  EXPECT_EQ(router.AddPlain("GET", "/a/{c}", {}, Nothing).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(router.AddPlain("POST", "/a/{c}", {}, Nothing).ok());
}

TEST(Router, TellsWhichMethodsAPathHas) {
  Router router;
  ASSERT_TRUE(router.AddPlain("GET", "/a", {}, Nothing).ok());
  ASSERT_TRUE(router.AddPlain("PATCH", "/a", {}, Nothing).ok());
  std::string allow;
  EXPECT_EQ(HttpStatusOf(router.Find("DELETE", "/a", &allow).status()), 405);
  EXPECT_EQ(allow, "GET, HEAD, PATCH");
  EXPECT_TRUE(router.Find("HEAD", "/a", &allow).ok());
}

TEST(Problem, MapsEveryCodeAndSomeReasons) {
  using absl::StatusCode;
  const std::pair<StatusCode, int> codes[] = {
      {StatusCode::kCancelled, 499},          {StatusCode::kUnknown, 500},
      {StatusCode::kInvalidArgument, 400},    {StatusCode::kDeadlineExceeded, 504},
      {StatusCode::kNotFound, 404},           {StatusCode::kAlreadyExists, 409},
      {StatusCode::kPermissionDenied, 403},   {StatusCode::kResourceExhausted, 429},
      {StatusCode::kFailedPrecondition, 400}, {StatusCode::kAborted, 409},
      {StatusCode::kOutOfRange, 400},         {StatusCode::kUnimplemented, 501},
      {StatusCode::kInternal, 500},           {StatusCode::kUnavailable, 503},
      {StatusCode::kDataLoss, 500},           {StatusCode::kUnauthenticated, 401}};
  for (const auto& [code, status] : codes) {
    EXPECT_EQ(HttpStatusOf(absl::Status(code, "x")), status) << code;
  }
  EXPECT_EQ(HttpStatusOf(MakeError(StatusCode::kOutOfRange, "IMAGE_TOO_LARGE", "")), 413);
  EXPECT_EQ(HttpStatusOf(MakeError(StatusCode::kFailedPrecondition, "IMAGE_NOT_READY", "")), 409);
  EXPECT_EQ(HttpStatusOf(MakeError(StatusCode::kDataLoss, "DIGEST_MISMATCH", "")), 422);
}

TEST(Problem, SaysWhenToComeBackInSecondsAndMilliseconds) {
  const Response response = ProblemResponse(Overloaded("busy", absl::Milliseconds(1250)), "id");
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.headers.Get("Retry-After"), "2");
  EXPECT_THAT(response.body, HasSubstr("\"retry_after_ms\":1250"));
  EXPECT_THAT(response.body, HasSubstr("\"request_id\":\"id\""));
}

TEST(ResponseHead, LeavesOutAHeaderThatWouldSplitTheResponse) {
  Response response;
  response.headers.Add("Location", "/a\r\nSet-Cookie: x");
  response.headers.Add("ETag", "\"b\"");
  const std::string head = SerializeHead(response, {}, "id", absl::UnixEpoch());
  EXPECT_THAT(head, Not(HasSubstr("Cookie")));
  EXPECT_THAT(head, HasSubstr("ETag: \"b\"\r\n"));
  EXPECT_THAT(head, HasSubstr("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
}

}  // namespace
}  // namespace stockroom::http
