#include "services/common/recipe/signing.h"

#include <gtest/gtest.h>

#include <string>

#include "services/common/base/status.h"

namespace stockroom {
namespace {

constexpr char kPath[] = "/i/0190/cover=320x320/q=70.webp";
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

PathSigner Signer(std::vector<std::string> keys) { return *PathSigner::Create(std::move(keys)); }
std::string OldKey() { return std::string(16, 'o'); }
std::string NewKey() { return std::string(32, 'n'); }

struct Query {
  std::string signature;
  std::string expires;
};

Query Parsed(const std::string& query) {
  const size_t and_at = query.find("&expires=");
  EXPECT_TRUE(query.starts_with("sig="));
  if (and_at == std::string::npos) return {query.substr(4), ""};
  return {query.substr(4, and_at - 4), query.substr(and_at + 9)};
}

std::string ReasonOf(const absl::Status& status) { return DetailsOf(status).reason; }

TEST(PathSigner, SignsAsAnybodyCanWithOpenssl) {
  // printf %s PATH | openssl dgst -sha256 -hmac KEY -binary | basenc --base64url, without '='
  const PathSigner signer = Signer({"0123456789abcdef"});
  EXPECT_EQ(signer.Sign("/i/abc/thumb-320.webp", std::nullopt),
            "sig=NKy43f0VB6t9glvUedPI2hF6Ck_cbHfsCpTVtUTuEzQ");
  EXPECT_EQ(signer.Sign("/i/abc/thumb-320.webp", kNow),
            "sig=dR7uQ1gSNjmOJa4Fpxodc--q5ADdRtUM0neoZqzd48Q&expires=1700000000");
}

TEST(PathSigner, TakesWhatItSigned) {
  const PathSigner signer = Signer({NewKey()});
  const Query forever = Parsed(signer.Sign(kPath, std::nullopt));
  EXPECT_TRUE(signer.Verify(kPath, forever.signature, "", kNow).ok());
  const Query soon = Parsed(signer.Sign(kPath, kNow + absl::Minutes(1)));
  EXPECT_TRUE(signer.Verify(kPath, soon.signature, soon.expires, kNow).ok());
}

TEST(PathSigner, RefusesEverythingElse) {
  const PathSigner signer = Signer({NewKey()});
  const Query good = Parsed(signer.Sign(kPath, kNow + absl::Minutes(1)));
  const auto refused = [&](std::string_view path, std::string_view signature,
                           std::string_view expires) {
    const absl::Status status = signer.Verify(path, signature, expires, kNow);
    return absl::IsPermissionDenied(status) && ReasonOf(status) == "SIGNATURE_INVALID";
  };
  EXPECT_TRUE(refused("/i/0190/cover=320x320/q=71.webp", good.signature, good.expires));
  EXPECT_TRUE(refused(kPath, good.signature, ""));
  EXPECT_TRUE(refused(kPath, good.signature, good.expires + "0"));
  EXPECT_TRUE(refused(kPath, good.signature, "0" + good.expires));
  EXPECT_TRUE(refused(kPath, "", good.expires));
  EXPECT_TRUE(refused(kPath, good.signature + "=", good.expires));
  for (size_t i = 0; i < good.signature.size(); ++i) {
    std::string other = good.signature;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    EXPECT_TRUE(refused(kPath, other, good.expires)) << i;
  }
  for (const char* no_number : {"-1", " 1", "1 ", "soon", "99999999999999999999"}) {
    const Query forged = Parsed(signer.Sign(std::string(kPath) + "?expires=" + no_number, {}));
    EXPECT_TRUE(refused(kPath, forged.signature, no_number)) << no_number;
  }
  // What is signed as path and expiry must not pass as a path alone.
  EXPECT_TRUE(refused(std::string(kPath) + "?expires=" + good.expires, good.signature, ""));
}

TEST(PathSigner, RefusesWhatHasExpired) {
  const PathSigner signer = Signer({NewKey()});
  const Query query = Parsed(signer.Sign(kPath, kNow));
  EXPECT_TRUE(signer.Verify(kPath, query.signature, query.expires, kNow - absl::Seconds(1)).ok());
  EXPECT_EQ(ReasonOf(signer.Verify(kPath, query.signature, query.expires, kNow)),
            "SIGNATURE_EXPIRED");
  // Who can not sign is not told whether it has.
  EXPECT_EQ(ReasonOf(signer.Verify(kPath, "forged", query.expires, kNow)), "SIGNATURE_INVALID");
}

TEST(PathSigner, TheFirstKeySignsAndAllVerify) {
  const Query old_url = Parsed(Signer({OldKey()}).Sign(kPath, std::nullopt));
  const PathSigner both = Signer({NewKey(), OldKey()});
  EXPECT_TRUE(both.Verify(kPath, old_url.signature, "", kNow).ok());
  EXPECT_EQ(both.Sign(kPath, std::nullopt), Signer({NewKey()}).Sign(kPath, std::nullopt));
  EXPECT_FALSE(Signer({NewKey()}).Verify(kPath, old_url.signature, "", kNow).ok());
}

TEST(PathSigner, ReadsKeysFromAFile) {
  const auto signer = PathSigner::FromKeyFile("# since March\n  " + NewKey() + "\r\n\n" + OldKey());
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_EQ(signer->Sign(kPath, {}), Signer({NewKey()}).Sign(kPath, {}));
  const Query old_url = Parsed(Signer({OldKey()}).Sign(kPath, {}));
  EXPECT_TRUE(signer->Verify(kPath, old_url.signature, "", kNow).ok());
  EXPECT_FALSE(PathSigner::FromKeyFile("# nothing\n\n").ok());
}

TEST(PathSigner, WantsKeysThatNobodyGuesses) {
  EXPECT_FALSE(PathSigner::Create({}).ok());
  EXPECT_FALSE(PathSigner::Create({NewKey(), std::string(15, 'x')}).ok());
  EXPECT_FALSE(PathSigner::Create(std::vector<std::string>(9, NewKey())).ok());
  const absl::Status status = PathSigner::Create({"secret"}).status();
  EXPECT_EQ(status.message().find("secret"), std::string::npos);
}

}  // namespace
}  // namespace stockroom
