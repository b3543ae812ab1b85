// Ranges and validators as RFC 9110 has them (sections 13 and 14), over sockets; against curl,
// whose idea of them is not ours; and against the bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <optional>
#include <random>

#include "tests/unit/fileserver/http_fixture.h"

namespace stockroom::fileserver {
namespace {

struct Expected {
  int status;
  size_t offset = 0;
  size_t length = 0;  // of 206
};

struct Case {
  const char* name;
  // E stands for the entity tag, quotes included.
  std::string headers;
  Expected expected;
};

constexpr size_t kSize = 200'000;
constexpr Expected kWhole{200};
constexpr Expected kNotModified{304};
constexpr Expected kFailed{412};
constexpr Expected kUnsatisfiable{416};

const Case kCases[] = {
    // 14.1.2, 14.2: single ranges
    {"the first byte", "Range: bytes=0-0", {206, 0, 1}},
    {"the last byte", "Range: bytes=199999-199999", {206, 199'999, 1}},
    {"the last byte by suffix", "Range: bytes=-1", {206, 199'999, 1}},
    {"the first half KiB", "Range: bytes=0-511", {206, 0, 512}},
    {"to the end", "Range: bytes=199000-", {206, 199'000, 1000}},
    {"all of it is still a part", "Range: bytes=0-", {206, 0, kSize}},
    {"past the end is cut", "Range: bytes=199990-999999", {206, 199'990, 10}},
    {"an end beyond all numbers", "Range: bytes=5-99999999999999999999999999", {206, 5, kSize - 5}},
    {"a suffix longer than the file", "Range: bytes=-999999", {206, 0, kSize}},
    {"a suffix beyond all numbers", "Range: bytes=-99999999999999999999999", {206, 0, kSize}},
    {"the middle", "Range: bytes=65535-131072", {206, 65'535, 65'538}},
    {"across sums", "Range: bytes=65530-65541", {206, 65'530, 12}},
    {"units in capitals", "Range: BYTES=1-2", {206, 1, 2}},
    {"leading zeros", "Range: bytes=0001-0002", {206, 1, 2}},
    // 14.1.1: unsatisfiable
    {"from the end on", "Range: bytes=200000-", kUnsatisfiable},
    {"far behind the end", "Range: bytes=99999999999999999999-", kUnsatisfiable},
    {"a suffix of nothing", "Range: bytes=-0", kUnsatisfiable},
    // 14.2: what is not understood is ignored
    {"another unit", "Range: pages=1-2", kWhole},
    {"no unit", "Range: 1-2", kWhole},
    {"nothing", "Range: bytes=", kWhole},
    {"only a dash", "Range: bytes=-", kWhole},
    {"the wrong way round", "Range: bytes=5-4", kWhole},
    {"no number", "Range: bytes=a-b", kWhole},
    {"a negative number", "Range: bytes=--5", kWhole},
    {"a sign", "Range: bytes=+1-2", kWhole},
    {"a hexadecimal number", "Range: bytes=0x1-0x2", kWhole},
    {"spaces within", "Range: bytes=1 - 2", kWhole},
    // 14.2: a server may ignore several ranges
    {"two ranges", "Range: bytes=0-1,5-6", kWhole},
    {"overlapping ranges", "Range: bytes=0-100,50-150", kWhole},
    {"very many ranges",
     "Range: bytes=0-0" +
         [] {
           std::string many;
           for (int i = 0; i < 1000; ++i) many += ",0-0";
           return many;
         }(),
     kWhole},
    // 13.1.2: If-None-Match
    {"the same tag", "If-None-Match: E", kNotModified},
    {"weakly the same tag", "If-None-Match: W/E", kNotModified},
    {"another tag", "If-None-Match: \"x\"", kWhole},
    {"one of a list", "If-None-Match: \"a,b\", E , W/\"c\"", kNotModified},
    {"none of a list", "If-None-Match: \"a\", \"b\"", kWhole},
    {"any tag", "If-None-Match: *", kNotModified},
    {"no tag at all", "If-None-Match: x", kWhole},
    {"before any range", "If-None-Match: E\r\nRange: bytes=0-0", kNotModified},
    {"before an unsatisfiable range", "If-None-Match: E\r\nRange: bytes=999999-", kNotModified},
    {"another tag and a range", "If-None-Match: \"x\"\r\nRange: bytes=0-0", {206, 0, 1}},
    // 13.1.1: If-Match
    {"it still is", "If-Match: E", kWhole},
    {"it is not", "If-Match: \"x\"", kFailed},
    {"weak tags do not match strongly", "If-Match: W/E", kFailed},
    {"anything", "If-Match: *", kWhole},
    {"a list with it", "If-Match: \"x\", E", kWhole},
    {"before If-None-Match", "If-Match: \"x\"\r\nIf-None-Match: E", kFailed},
    {"before a range", "If-Match: \"x\"\r\nRange: bytes=0-0", kFailed},
    // 13.1.5: If-Range
    {"a range of the same", "If-Range: E\r\nRange: bytes=1-2", {206, 1, 2}},
    {"a range of another", "If-Range: \"x\"\r\nRange: bytes=1-2", kWhole},
    {"a range of weakly the same", "If-Range: W/E\r\nRange: bytes=1-2", kWhole},
    {"a range by date", "If-Range: Sat, 29 Oct 2033 19:43:31 GMT\r\nRange: bytes=1-2", kWhole},
    {"of another, and unsatisfiable", "If-Range: \"x\"\r\nRange: bytes=999999-", kWhole},
    {"of the same, and unsatisfiable", "If-Range: E\r\nRange: bytes=999999-", kUnsatisfiable},
    {"of the same without a range", "If-Range: E", kWhole},
    // 13.1.3, 13.1.4: there is no date to compare with
    {"modified since", "If-Modified-Since: Sat, 29 Oct 2033 19:43:31 GMT", kWhole},
    {"unmodified since", "If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT", kWhole},
};

class RangeConformance : public ::testing::TestWithParam<Disk> {
 protected:
  std::string WithTag(std::string headers) const {
    const std::string tag = "\"" + digest_.hex() + "\"";
    for (size_t at; (at = headers.find(" E")) != std::string::npos;)
      headers.replace(at + 1, 1, tag);
    for (size_t at; (at = headers.find("W/E")) != std::string::npos;) {
      headers.replace(at + 2, 1, tag);
    }
    return headers + "\r\n";
  }
  void ExpectAnswer(const Expected& expected, const http::RawResponse& response, bool head) {
    ASSERT_EQ(response.status, expected.status);
    const bool part = expected.status == 206;
    const size_t length = part ? expected.length : kSize;
    if (expected.status == 200 || part) {
      EXPECT_EQ(response.Header("Content-Length"), absl::StrCat(length));
      EXPECT_EQ(response.Header("Accept-Ranges"), "bytes");
      EXPECT_TRUE(response.body == (head ? "" : bytes_.substr(expected.offset, length)));
    }
    if (expected.status == 304) {
      EXPECT_EQ(response.body, "");
      EXPECT_EQ(response.Header("Content-Type"), "");
      EXPECT_NE(response.Header("Cache-Control"), "");
    }
    EXPECT_EQ(response.Header("ETag"), "\"" + digest_.hex() + "\"");
    std::string range;
    if (part) {
      range = absl::StrCat("bytes ", expected.offset, "-", expected.offset + expected.length - 1,
                           "/", kSize);
    }
    if (expected.status == 416) range = absl::StrCat("bytes */", kSize);
    EXPECT_EQ(response.Header("Content-Range"), range);
  }

  const std::string bytes_ = Pattern(kSize);
  static void TearDownTestSuite() { shared_.Reset(); }
  HttpFixture& fixture_ = shared_.On(GetParam());
  const Digest digest_ = fixture_.Put(bytes_);

 private:
  static inline SharedFixtures shared_;
};

TEST_P(RangeConformance, OfGet) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    ExpectAnswer(one.expected, fixture_.Get(fixture_.Blob(digest_), WithTag(one.headers)), false);
  }
}

// Ranges are defined for GET alone (14.2).
TEST_P(RangeConformance, OfHeadWhichKnowsNoRanges) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    Expected expected = one.expected;
    if (expected.status == 206 || expected.status == 416) expected = kWhole;
    ExpectAnswer(expected, fixture_.Ask("HEAD", fixture_.Blob(digest_), WithTag(one.headers)),
                 true);
  }
}

TEST_P(RangeConformance, AnyRangeIsThatPartOfTheBytes) {
  std::mt19937 random(20261121);
  http::RawClient client(fixture_.port());
  const std::string target = fixture_.Blob(digest_);
  for (int i = 0; i < 300; ++i) {
    // Small numbers and those near boundaries as often as any.
    const auto place = [&]() -> size_t {
      constexpr std::array<size_t, 8> kEdges = {0,       1,       4096,      65'536,
                                                131'072, 196'608, kSize - 1, kSize};
      const size_t at = random() % 2 == 0 ? random() % kSize : kEdges[random() % kEdges.size()];
      const size_t off = random() % 3;
      return at >= 1 && off == 0 ? at - 1 : at + (off == 2 ? 1 : 0);
    };
    const size_t first = place();
    const std::optional<size_t> last =
        random() % 4 == 0 ? std::nullopt : std::optional(first + place());
    const std::string range =
        absl::StrCat("bytes=", first, "-", last ? absl::StrCat(*last) : std::string());
    const http::RawResponse response = client.Ask(
        absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: a\r\nRange: ", range, "\r\n\r\n"));
    if (first >= kSize) {
      ASSERT_EQ(response.status, 416) << range;
      continue;
    }
    const size_t end = std::min(kSize, last.value_or(kSize) + (last ? 1 : 0));
    ASSERT_EQ(response.status, 206) << range;
    ASSERT_TRUE(response.body == bytes_.substr(first, end - first)) << range;
    ASSERT_EQ(response.Header("Content-Range"),
              absl::StrCat("bytes ", first, "-", end - 1, "/", kSize));
  }
}

// Standard output of a command.
std::string OutputOf(const std::string& command) {
  std::string output;
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  std::array<char, 65536> piece;
  while (const size_t n = std::fread(piece.data(), 1, piece.size(), pipe)) {
    output.append(piece.data(), n);
  }
  ::pclose(pipe);
  return output;
}

TEST_P(RangeConformance, CurlGetsTheSameAndResumesWhatWasCutOff) {
  const std::string url = absl::StrCat("'http://127.0.0.1:", fixture_.port(),
                                       fixture_.Blob(digest_, "image/png", "a.png"), "'");
  EXPECT_TRUE(OutputOf("curl -sS " + url) == bytes_);
  EXPECT_TRUE(OutputOf("curl -sS -r 1000-70000 " + url) == bytes_.substr(1000, 69'001));
  EXPECT_TRUE(OutputOf("curl -sS -r -5 " + url) == bytes_.substr(kSize - 5));
  EXPECT_TRUE(OutputOf("curl -sS --http1.0 " + url) == bytes_);
  // Two files over one connection, and what curl makes of the name.
  const testing::TempFolder folder;
  const std::string in_folder = "cd " + folder.path() + " && ";
  OutputOf(in_folder + "curl -sS -OJ " + url);
  EXPECT_TRUE(OutputOf("cat " + folder.path() + "/a.png") == bytes_);
  OutputOf(in_folder + "head -c 150001 a.png > part && curl -sS -C - -o part " + url);
  EXPECT_TRUE(OutputOf("cat " + folder.path() + "/part") == bytes_);
  // The tag is saved, and the second time nothing is sent.
  const std::string tagged =
      in_folder + "curl -sS --etag-save tag --etag-compare tag -o tagged -w '%{http_code}' " + url;
  EXPECT_EQ(OutputOf(tagged), "200");
  EXPECT_EQ(OutputOf(tagged), "304");
  EXPECT_EQ(OutputOf("curl -sS -o /dev/null -w '%{http_code}' -r 200000- " + url), "416");
  EXPECT_EQ(OutputOf("curl -sSI -o /dev/null -w '%{http_code} %header{content-length}' " + url),
            "200 200000");
}

INSTANTIATE_TEST_SUITE_P(Disks, RangeConformance, ::testing::Values(Disk::kReal, Disk::kInMemory));

}  // namespace
}  // namespace stockroom::fileserver
