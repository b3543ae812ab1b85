// Values are those that AWS publishes: the Amazon S3 API Reference and aws-sig-v4-test-suite.
#include "services/common/s3/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/time/civil_time.h"
#include "services/common/base/digest.h"
#include "services/common/base/strings.h"

namespace stockroom::s3 {
namespace {

using ::testing::HasSubstr;

const Credentials kExample{.access_key = "AKIAIOSFODNN7EXAMPLE",
                           .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                           .session_token = ""};
const Scope kScope{.region = "us-east-1"};
constexpr char kHost[] = "examplebucket.s3.amazonaws.com";

absl::Time May24() { return absl::FromCivil(absl::CivilSecond(2013, 5, 24), absl::UTCTimeZone()); }

// The Authorization header, which must end with `signature`.
std::string Authorize(RequestToSign request, std::string_view payload) {
  SignHeaders(request, payload, kExample, kScope, May24());
  return request.headers.back().second;
}

TEST(SigV4, SignsTheRangeOfAnObjectAsPublished) {
  RequestToSign request{.method = "GET",
                        .path = "/test.txt",
                        .query = {},
                        .headers = {{"Host", kHost}, {"Range", "bytes=0-9"}}};
  EXPECT_EQ(Authorize(request, kEmptyPayload),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, SignsAnUploadAsPublished) {
  RequestToSign request{.method = "PUT",
                        .path = "/test$file.text",
                        .query = {},
                        .headers = {{"Host", kHost},
                                    {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                    {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}};
  const std::string payload = Digest::Of("Welcome to Amazon S3.").hex();
  EXPECT_EQ(payload, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
  EXPECT_EQ(Authorize(request, payload),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
            "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, SignsParametersWithoutAValueAsPublished) {
  RequestToSign request{
      .method = "GET", .path = "/", .query = {{"lifecycle", ""}}, .headers = {{"Host", kHost}}};
  EXPECT_THAT(Authorize(request, kEmptyPayload),
              HasSubstr("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(SigV4, SignsAListingAsPublishedWhateverTheOrderOfItsParameters) {
  for (const Fields& query :
       {Fields{{"max-keys", "2"}, {"prefix", "J"}}, Fields{{"prefix", "J"}, {"max-keys", "2"}}}) {
    RequestToSign request{
        .method = "GET", .path = "/", .query = query, .headers = {{"Host", kHost}}};
    EXPECT_THAT(Authorize(request, kEmptyPayload),
                HasSubstr("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
  }
}

TEST(SigV4, PresignsAsPublished) {
  const std::string query = PresignedQuery(
      {.method = "GET", .path = "/test.txt", .query = {}, .headers = {{"Host", kHost}}},
      kUnsignedPayload, kExample, kScope, May24(), absl::Seconds(86'400));
  EXPECT_EQ(query,
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4, EncodesOnceAndKeepsTheSlashesOfPaths) {
  EXPECT_EQ(PercentEncode("a/b c+d%20~-._$\xc3\xa9", "/"), "a/b%20c%2Bd%2520~-._%24%C3%A9");
  EXPECT_EQ(PercentEncode("a/b"), "a%2Fb");
  EXPECT_EQ(PercentEncode(std::string_view("\0\n", 2), "/"), "%00%0A");
  // No dot segment and no double slash is taken away: keys may hold them.
  const std::string canonical = CanonicalRequest(
      {.method = "GET", .path = "/a//../b", .query = {}, .headers = {{"Host", "h"}}}, "x");
  EXPECT_THAT(canonical, HasSubstr("GET\n/a//../b\n"));
}

struct Suite {
  std::string method;
  std::string path;
  Fields query;
  Fields headers;
  std::string signature;
};

// Those of aws-sig-v4-test-suite whose paths S3 and other services encode alike.
TEST(SigV4, SignsTheCasesOfThePublishedSuite) {
  const Credentials credentials{.access_key = "AKIDEXAMPLE",
                                .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                .session_token = ""};
  const Scope scope{.region = "us-east-1", .service = "service"};
  const absl::Time time =
      absl::FromCivil(absl::CivilSecond(2015, 8, 30, 12, 36, 0), absl::UTCTimeZone());
  const std::string unreserved =
      "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const std::vector<Suite> suite = {
      {"GET", "/", {}, {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"POST", "/", {}, {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"GET",
       "/",
       {{"Param2", "value2"}, {"Param1", "value1"}},
       {},
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"GET",
       "/" + unreserved,
       {},
       {},
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"GET",
       "/\xe1\x88\xb4",
       {},
       {},
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"GET",
       "/",
       {{"\xe1\x88\xb4", "bar"}},
       {},
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"GET",
       "/example space/",
       {},
       {},
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"GET",
       "/",
       {},
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"POST",
       "/",
       {},
       {{"My-Header1", "value1"}},
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"GET",
       "/",
       {},
       {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
  };
  for (const Suite& s : suite) {
    RequestToSign request{.method = s.method, .path = s.path, .query = s.query, .headers = {}};
    request.headers = {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", AmzDate(time)}};
    request.headers.insert(request.headers.end(), s.headers.begin(), s.headers.end());
    const std::string canonical = CanonicalRequest(request, kEmptyPayload);
    EXPECT_EQ(Signature(credentials, scope, time, canonical), s.signature) << canonical;
  }
}

TEST(SigV4, SignsTheSessionTokenInBothForms) {
  Credentials temporary = kExample;
  temporary.session_token = "to/ken+";
  RequestToSign request{
      .method = "GET", .path = "/test.txt", .query = {}, .headers = {{"Host", kHost}}};
  const std::string query =
      PresignedQuery(request, kUnsignedPayload, temporary, kScope, May24(), absl::Seconds(60));
  EXPECT_THAT(query, HasSubstr("&X-Amz-Security-Token=to%2Fken%2B&"));
  SignHeaders(request, kEmptyPayload, temporary, kScope, May24());
  EXPECT_THAT(request.headers.back().second,
              HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token"));
}

TEST(SigV4, LetsNoUrlWorkForLongerThanS3Allows) {
  const RequestToSign request{
      .method = "GET", .path = "/", .query = {}, .headers = {{"Host", "h"}}};
  const auto query = [&](absl::Duration lasts) {
    return PresignedQuery(request, kUnsignedPayload, kExample, kScope, May24(), lasts);
  };
  EXPECT_THAT(query(absl::Hours(24 * 365)), HasSubstr("X-Amz-Expires=604800&"));
  EXPECT_THAT(query(absl::ZeroDuration()), HasSubstr("X-Amz-Expires=1&"));
}

// What a server would compute for a request line that differs in one byte.
std::string SignatureFor(const std::string& method, const std::string& url) {
  const size_t question = url.find('?');
  if (question == std::string::npos) return "";
  RequestToSign request{
      .method = method, .path = url.substr(0, question), .query = {}, .headers = {{"host", kHost}}};
  // The canonical form of what was sent is made from what was sent: bytes stand for themselves.
  const std::string canonical =
      absl::StrCat(method, "\n", request.path, "\n", url.substr(question + 1), "\nhost:", kHost,
                   "\n\nhost\n", kUnsignedPayload);
  return Signature(kExample, kScope, May24(), canonical);
}

TEST(SigV4, EveryByteOfAPresignedUrlCounts) {
  const std::string query =
      PresignedQuery({.method = "PUT",
                      .path = "/blobs/ab/file.txt",
                      .query = {{"partNumber", "1"}},
                      .headers = {{"Host", kHost}}},
                     kUnsignedPayload, kExample, kScope, May24(), absl::Seconds(600));
  const size_t cut = query.find("&X-Amz-Signature=");
  const std::string signature = query.substr(cut + 17);
  const std::string url = "/blobs/ab/file.txt?" + query.substr(0, cut);
  ASSERT_EQ(SignatureFor("PUT", url), signature);
  std::set<std::string> seen = {signature};
  for (size_t i = 0; i < url.size(); ++i) {
    for (const int flip : {1, 2, 4, 8, 16, 32, 64, 128}) {
      std::string changed = url;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      if (changed.find('?') == std::string::npos) continue;
      EXPECT_TRUE(seen.insert(SignatureFor("PUT", changed)).second) << changed;
    }
  }
  EXPECT_NE(SignatureFor("GET", url), signature);
}

}  // namespace
}  // namespace stockroom::s3
