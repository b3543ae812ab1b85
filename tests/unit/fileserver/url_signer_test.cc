#include "services/fileserver/store/url_signer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::fileserver {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

constexpr char kKey[] = "a key of 32 bytes, more or less.";
constexpr char kOther[] = "another key, which came later...";
constexpr char kPath[] = "/blobs/00ff";
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

UrlSigner Signer(std::vector<std::string> keys = {kKey}) {
  return *UrlSigner::Create(std::move(keys));
}

struct Url {
  std::string path;
  std::string query;
};
Url Split(const std::string& url) {
  const size_t at = url.find('?');
  return {url.substr(0, at), at == std::string::npos ? "" : url.substr(at + 1)};
}

std::string ReasonOf(const absl::StatusOr<UrlParameters>& result) {
  if (result.ok()) return "OK";
  EXPECT_EQ(result.status().code(), absl::StatusCode::kPermissionDenied);
  return DetailsOf(result.status()).reason;
}

std::string Verify(const UrlSigner& signer, const Url& url, absl::Time now = kNow,
                   std::string_view method = "GET") {
  return ReasonOf(signer.Verify(method, url.path, url.query, now));
}

// As somebody who holds a key, but writes queries in another way than Sign.
Url SignedByHand(const std::string& query) {
  const std::string message = absl::StrCat("stockroom-url-1\nGET\n", kPath, "\n", query);
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), kKey, sizeof kKey - 1, reinterpret_cast<const unsigned char*>(message.data()),
       message.size(), hash, &size);
  return {
      kPath,
      absl::StrCat(query, "&signature=", ToBase64Url({reinterpret_cast<const char*>(hash), size}))};
}

TEST(UrlSigner, GivesBackTheParametersThatWereSigned) {
  const UrlSigner signer = Signer();
  const UrlParameters parameters = {{"type", "image/png; x=\"ä&?#/%\""}, {"filename", "a b+c.png"}};
  const Url url = Split(signer.Sign("GET", kPath, parameters, kNow + absl::Seconds(1)));
  EXPECT_EQ(url.path, kPath);
  EXPECT_THAT(url.query, StartsWith("type=image%2Fpng%3B%20x%3D%22%C3%A4%26%3F%23%2F%25%22&"
                                    "filename=a%20b%2Bc.png&expires=1700000001&signature="));
  const auto verified = signer.Verify("GET", url.path, url.query, kNow);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(*verified, parameters);
}

TEST(UrlSigner, SignsWithoutParametersToo) {
  const Url url = Split(Signer().Sign("GET", kPath, {}, kNow + absl::Seconds(1)));
  const auto verified = Signer().Verify("GET", url.path, url.query, kNow);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_THAT(*verified, IsEmpty());
  EXPECT_EQ(Verify(Signer(), SignedByHand("expires=1700000001")), "OK");
}

TEST(UrlSigner, AcceptsNoUrlOfWhichAnyByteWasChanged) {
  const UrlSigner signer = Signer();
  const std::string url = signer.Sign("GET", kPath, {{"type", "image/png"}, {"filename", "é.png"}},
                                      kNow + absl::Hours(1));
  ASSERT_EQ(Verify(signer, Split(url)), "OK");
  for (size_t at = 0; at < url.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string mutated = url;
      if (mutated[at] == static_cast<char>(byte)) continue;
      mutated[at] = static_cast<char>(byte);
      ASSERT_EQ(Verify(signer, Split(mutated)), "SIGNATURE_INVALID") << mutated;
    }
  }
}

TEST(UrlSigner, AcceptsNoUrlWithAByteMoreOrLess) {
  const UrlSigner signer = Signer();
  const std::string url = signer.Sign("GET", kPath, {{"type", "a"}}, kNow + absl::Hours(1));
  for (size_t at = 0; at <= url.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string longer = url;
      longer.insert(at, 1, static_cast<char>(byte));
      ASSERT_EQ(Verify(signer, Split(longer)), "SIGNATURE_INVALID") << longer;
    }
    if (at == url.size()) continue;
    std::string shorter = url;
    shorter.erase(at, 1);
    ASSERT_EQ(Verify(signer, Split(shorter)), "SIGNATURE_INVALID") << shorter;
    ASSERT_EQ(Verify(signer, Split(url.substr(0, at))), "SIGNATURE_INVALID");
  }
}

TEST(UrlSigner, BindsAUrlToItsMethod) {
  const Url url = Split(Signer().Sign("GET", kPath, {}, kNow + absl::Hours(1)));
  for (const char* method : {"PUT", "HEAD", "get", "", "GET "}) {
    EXPECT_EQ(Verify(Signer(), url, kNow, method), "SIGNATURE_INVALID") << method;
  }
}

TEST(UrlSigner, LetsNoPartReachIntoTheNext) {
  // The same bytes under the hash, cut elsewhere.
  const Url url = Split(Signer().Sign("GET", "/a\nb=1", {}, kNow + absl::Hours(1)));
  EXPECT_EQ(Verify(Signer(), {"/a", "b=1\n" + url.query}), "SIGNATURE_INVALID");
  EXPECT_EQ(Verify(Signer(), url), "SIGNATURE_INVALID");
}

TEST(UrlSigner, TakesOtherSpellingsOfTheSameTextForOtherUrls) {
  const UrlSigner signer = Signer();
  const std::string url =
      signer.Sign("GET", "/blobs/a%2Fb", {{"filename", "a b/c"}}, kNow + absl::Hours(1));
  ASSERT_EQ(Verify(signer, Split(url)), "OK");
  const std::pair<const char*, const char*> spellings[] = {
      {"a%2Fb", "a%2fb"},    {"a%2Fb", "a/b"},           {"%20", "+"},
      {"%20", "%2520"},      {"filename", "%66ilename"}, {"expires=", "expires%3D"},
      {"/blobs", "//blobs"}, {"/blobs", "/./blobs"},     {"b%2Fc", "b%2fc"},
  };
  for (const auto& [from, to] : spellings) {
    std::string respelled = url;
    respelled.replace(respelled.find(from), std::string(from).size(), to);
    EXPECT_EQ(Verify(signer, Split(respelled)), "SIGNATURE_INVALID") << respelled;
  }
}

TEST(UrlSigner, AcceptsNoParameterTwiceAndNoneBesidesTheSignedOnes) {
  const UrlSigner signer = Signer();
  const Url url = Split(signer.Sign("GET", kPath, {{"type", "a"}}, kNow + absl::Hours(1)));
  const std::string signature = url.query.substr(url.query.rfind('&'));
  for (const std::string& query :
       {url.query + "&type=b", "type=b&" + url.query, url.query + "&expires=9999999999",
        "expires=9999999999&" + url.query, url.query + signature,
        signature.substr(1) + "&" + url.query, url.query + "&", "&" + url.query, url.query + "#x",
        url.query + "&x"}) {
    EXPECT_EQ(Verify(signer, {kPath, query}), "SIGNATURE_INVALID") << query;
  }
}

TEST(UrlSigner, AcceptsNothingThatSignWouldNotWriteEvenWithTheRightKey) {
  ASSERT_EQ(Verify(Signer(), SignedByHand("type=a&expires=1700000001")), "OK");
  for (const char* query : {"expires=+1700000001",
                            "expires=00",
                            "expires=-0",
                            "expires=01700000001",
                            "expires=-1",
                            "expires=1700000001.0",
                            "expires=",
                            "expires",
                            "",
                            "type=a",
                            "expires=1700000001&type=a",
                            "expires=0x7fffffff",
                            "expires=9223372036854775808",
                            "expires=99999999999999999999999",
                            "expires=1e10",
                            "type=a&type=b&expires=1700000001",
                            "expires=1&expires=1700000001",
                            "a&expires=1700000001",
                            "signature=a&expires=1700000001",
                            "type=a+b&expires=1700000001",
                            "type=%2f&expires=1700000001",
                            "type=%&expires=1700000001",
                            "type=%4&expires=1700000001",
                            "type=%zz&expires=1700000001",
                            "%65xpires=1700000001",
                            "&expires=1700000001"}) {
    EXPECT_EQ(Verify(Signer(), SignedByHand(query)), "SIGNATURE_INVALID") << query;
  }
}

TEST(UrlSigner, AUrlWorksUntilTheVerySecondOfItsExpiry) {
  const UrlSigner signer = Signer();
  const absl::Time expires = absl::FromUnixSeconds(1'700'000'100);
  const Url url = Split(signer.Sign("GET", kPath, {}, expires));
  EXPECT_EQ(Verify(signer, url, expires - absl::Seconds(1)), "OK");
  EXPECT_EQ(Verify(signer, url, expires - absl::Nanoseconds(1)), "OK");
  EXPECT_EQ(Verify(signer, url, expires), "SIGNATURE_EXPIRED");
  EXPECT_EQ(Verify(signer, url, expires + absl::Nanoseconds(1)), "SIGNATURE_EXPIRED");
  EXPECT_EQ(Verify(signer, url, absl::InfiniteFuture()), "SIGNATURE_EXPIRED");
  EXPECT_EQ(Verify(signer, url, absl::InfinitePast()), "OK");
}

TEST(UrlSigner, RoundsTheExpiryUpToWholeSeconds) {
  const absl::Time expires = absl::FromUnixSeconds(1'700'000'100);
  EXPECT_THAT(Signer().Sign("GET", kPath, {}, expires), HasSubstr("?expires=1700000100&"));
  EXPECT_THAT(Signer().Sign("GET", kPath, {}, expires + absl::Nanoseconds(1)),
              HasSubstr("?expires=1700000101&"));
}

TEST(UrlSigner, KeepsTimesAtTheEndsOfTheScaleInOrder) {
  const UrlSigner signer = Signer();
  const Url past = Split(signer.Sign("GET", kPath, {}, absl::InfinitePast()));
  EXPECT_THAT(past.query, StartsWith("expires=0&"));
  EXPECT_EQ(Verify(signer, past), "SIGNATURE_EXPIRED");
  EXPECT_EQ(Verify(signer, past, absl::UnixEpoch()), "SIGNATURE_EXPIRED");
  const Url never = Split(signer.Sign("GET", kPath, {}, absl::InfiniteFuture()));
  EXPECT_THAT(never.query,
              StartsWith(absl::StrCat("expires=", std::numeric_limits<int64_t>::max(), "&")));
  EXPECT_EQ(Verify(signer, never), "OK");
}

TEST(UrlSigner, VerifiesWithEveryKeyAndSignsWithTheFirst) {
  const UrlSigner before = Signer({kKey});
  const UrlSigner both = Signer({kOther, kKey});
  const UrlSigner after = Signer({kOther});
  const Url old_url = Split(before.Sign("GET", kPath, {}, kNow + absl::Hours(1)));
  const Url new_url = Split(both.Sign("GET", kPath, {}, kNow + absl::Hours(1)));
  EXPECT_EQ(Verify(both, old_url), "OK");
  EXPECT_EQ(Verify(both, new_url), "OK");
  EXPECT_EQ(Verify(after, new_url), "OK");
  EXPECT_EQ(Verify(after, old_url), "SIGNATURE_INVALID");
  EXPECT_EQ(Verify(before, new_url), "SIGNATURE_INVALID");
}

TEST(UrlSigner, WantsKeysThatCanNotBeGuessedAndNotTooMany) {
  EXPECT_FALSE(UrlSigner::Create({}).ok());
  EXPECT_FALSE(UrlSigner::Create({kKey, "15 bytes, sorry"}).ok());
  EXPECT_TRUE(UrlSigner::Create({"16 bytes, enough"}).ok());
  EXPECT_TRUE(UrlSigner::Create(std::vector<std::string>(8, kKey)).ok());
  const absl::Status many = UrlSigner::Create(std::vector<std::string>(9, kKey)).status();
  EXPECT_TRUE(absl::IsInvalidArgument(many));
  EXPECT_THAT(std::string(many.message()), Not(HasSubstr(kKey)));
}

TEST(UrlSigner, RefusesQueriesWithoutASignature) {
  for (const char* query : {"", "signature=", "expires=1&signature=", "&signature=&signature="}) {
    EXPECT_EQ(Verify(Signer(), {kPath, query}), "SIGNATURE_INVALID") << query;
  }
}

TEST(UrlSigner, SignsAsHmacDoesWhateverTheLengthOfTheKey) {
  for (const size_t size : {16, 63, 64, 65, 200}) {
    const std::string key(size, 'k');
    const std::string message = absl::StrCat("stockroom-url-1\nGET\n", kPath, "\nexpires=5");
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(size),
         reinterpret_cast<const unsigned char*>(message.data()), message.size(), hash, &length);
    EXPECT_EQ(Signer({key}).Sign("GET", kPath, {}, absl::FromUnixSeconds(5)),
              absl::StrCat(kPath, "?expires=5&signature=",
                           ToBase64Url({reinterpret_cast<const char*>(hash), length})));
  }
}

// Fixed for ever: URLs outlive the program that signed them, and others may sign them too.
TEST(UrlSigner, SignsAsTheHeaderSays) {
  EXPECT_EQ(SignedByHand("type=image%2Fpng&expires=1700000001").query,
            Split(Signer().Sign("GET", kPath, {{"type", "image/png"}},
                                absl::FromUnixSeconds(1'700'000'001)))
                .query);
}

}  // namespace
}  // namespace stockroom::fileserver
