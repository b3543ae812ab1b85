// What a token must claim, and when.
#include "services/api/auth/jwt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "services/api/auth/jw_refusal.h"
#include "services/common/base/status.h"
#include "tests/support/jws_signer.h"

namespace stockroom::api {
namespace {

using nlohmann::json;
using test::JwsSigner;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'700'000'000;
const absl::Time kTime = absl::FromUnixSeconds(kNow);

class JwtTest : public ::testing::Test {
 protected:
  json Claims() const {
    return {{"iss", "https://issuer.example"},
            {"aud", "stockroom"},
            {"sub", "alice"},
            {"exp", kNow + 600},
            {"iat", kNow - 10}};
  }
  absl::StatusOr<JwtClaims> Verify(const std::string& payload, absl::Time now = kTime) const {
    return VerifyJwt(signer_.Sign(payload), keys_, policy_, now);
  }
  // The detail of the refusal, "" if the token is good.
  std::string RefusedFor(const std::string& payload, absl::Time now = kTime) const {
    const auto claims = Verify(payload, now);
    if (claims.ok()) return "";
    EXPECT_EQ(DetailsOf(claims.status()).reason, "CREDENTIALS_INVALID") << claims.status();
    return RefusalDetail(claims.status());
  }
  std::string RefusedWith(const char* name, const json& value) const {
    json claims = Claims();
    claims[name] = value;
    return RefusedFor(claims.dump());
  }
  std::string RefusedWithout(const char* name) const {
    json claims = Claims();
    claims.erase(name);
    return RefusedFor(claims.dump());
  }
  // With the text of one claim as it is.
  std::string RefusedWithText(const std::string& name, const std::string& text) const {
    json claims = Claims();
    claims.erase(name);
    const std::string rest = claims.dump();
    return RefusedFor("{\"" + name + "\":" + text + "," + rest.substr(1));
  }

  JwsSigner signer_ = JwsSigner::Hmac("HS256", std::string(32, 's'));
  JwkSet keys_ = *JwkSet::Parse(signer_.JwkSet());
  JwtPolicy policy_{.issuers = {"https://issuer.example"},
                    .audiences = {"stockroom", "https://stockroom.example"},
                    .clock_skew = absl::ZeroDuration()};
};

TEST_F(JwtTest, AGoodTokenSaysWhoItsBearerIs) {
  json all = Claims();
  all["aud"] = {"other", "stockroom"};
  all["nbf"] = kNow - 5;
  all["jti"] = "id-1";
  const auto claims = Verify(all.dump());
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->subject(), "alice");
  EXPECT_EQ(claims->issuer(), "https://issuer.example");
  EXPECT_THAT(claims->audiences(), ElementsAre("other", "stockroom"));
  EXPECT_EQ(claims->expires(), kTime + absl::Seconds(600));
  EXPECT_EQ(claims->not_before(), kTime - absl::Seconds(5));
  EXPECT_EQ(claims->issued_at(), kTime - absl::Seconds(10));
  EXPECT_EQ(claims->jwt_id(), "id-1");
}

TEST_F(JwtTest, ATokenIsExpiredFromTheSecondThatItNames) {
  const std::string token = Claims().dump();
  const absl::Time end = kTime + absl::Seconds(600);
  EXPECT_EQ(RefusedFor(token, end - absl::Milliseconds(1)), "");
  EXPECT_EQ(RefusedFor(token, end), "EXPIRED");
  EXPECT_EQ(RefusedFor(token, end + absl::Seconds(1)), "EXPIRED");
}

TEST_F(JwtTest, TheSkewIsGrantedOnceToEachEnd) {
  policy_.clock_skew = absl::Seconds(30);
  json all = Claims();
  all["nbf"] = all["iat"] = kNow;
  const absl::Time end = kTime + absl::Seconds(600);
  EXPECT_EQ(RefusedFor(all.dump(), end + absl::Seconds(29)), "");
  EXPECT_EQ(RefusedFor(all.dump(), end + absl::Seconds(30)), "EXPIRED");
  EXPECT_EQ(RefusedFor(all.dump(), kTime - absl::Seconds(30)), "");
  EXPECT_EQ(RefusedFor(all.dump(), kTime - absl::Seconds(31)), "NOT_YET_VALID");
  all.erase("nbf");
  EXPECT_EQ(RefusedFor(all.dump(), kTime - absl::Seconds(30)), "");
  EXPECT_EQ(RefusedFor(all.dump(), kTime - absl::Seconds(31)), "ISSUED_IN_FUTURE");
}

TEST_F(JwtTest, TimesMayHaveFractions) {
  json all = Claims();
  all["exp"] = kNow + 0.5;
  EXPECT_EQ(RefusedFor(all.dump(), kTime + absl::Milliseconds(499)), "");
  EXPECT_EQ(RefusedFor(all.dump(), kTime + absl::Milliseconds(500)), "EXPIRED");
}

TEST_F(JwtTest, TimesThatAreNoneAreRefused) {
  for (const char* name : {"exp", "nbf", "iat"}) {
    for (const char* text :
         {"null", "\"1800000000\"", "true", "[]", "{}", "-1", "-0.5", "253402300800", "1e300",
          "18446744073709551615", "99999999999999999999999", "-9223372036854775808", "1e400"}) {
      EXPECT_EQ(RefusedWithText(name, text), "MALFORMED") << name << " " << text;
    }
  }
  EXPECT_EQ(RefusedWithText("exp", "253402300799"), "");
  EXPECT_EQ(RefusedWithText("exp", "1.8e9"), "");
  EXPECT_EQ(RefusedWithText("exp", "0"), "EXPIRED");
  EXPECT_EQ(RefusedWithText("nbf", "-0"), "");
}

TEST_F(JwtTest, ExpIsRequiredUnlessThePolicySaysOtherwise) {
  EXPECT_EQ(RefusedWithout("exp"), "MISSING_CLAIM");
  policy_.require_exp = false;
  EXPECT_EQ(RefusedWithout("exp"), "");
}

TEST_F(JwtTest, TheLifetimeCanBeLimited) {
  policy_.max_lifetime = absl::Seconds(610);
  policy_.require_exp = false;
  EXPECT_EQ(RefusedFor(Claims().dump()), "");
  EXPECT_EQ(RefusedWith("exp", kNow + 601), "LIFETIME_TOO_LONG");
  EXPECT_EQ(RefusedWithout("iat"), "MISSING_CLAIM");
  EXPECT_EQ(RefusedWithout("exp"), "MISSING_CLAIM");
}

TEST_F(JwtTest, TheAudienceMustBeOneOfOurs) {
  EXPECT_EQ(RefusedWithout("aud"), "MISSING_CLAIM");
  EXPECT_EQ(RefusedWith("aud", "other"), "WRONG_AUDIENCE");
  EXPECT_EQ(RefusedWith("aud", "Stockroom"), "WRONG_AUDIENCE");
  EXPECT_EQ(RefusedWith("aud", "stockroom "), "WRONG_AUDIENCE");
  EXPECT_EQ(RefusedWith("aud", ""), "WRONG_AUDIENCE");
  EXPECT_EQ(RefusedWith("aud", json::array()), "WRONG_AUDIENCE");
  EXPECT_EQ(RefusedWith("aud", {"other", "https://stockroom.example"}), "");
  EXPECT_EQ(RefusedWith("aud", json::array({"stockroom", 1})), "MALFORMED");
  EXPECT_EQ(RefusedWith("aud", json::object()), "MALFORMED");
  EXPECT_EQ(RefusedWith("aud", nullptr), "MALFORMED");
  EXPECT_EQ(RefusedWith("aud", 5), "MALFORMED");
}

TEST_F(JwtTest, TheIssuerMustBeTrusted) {
  EXPECT_EQ(RefusedWithout("iss"), "MISSING_CLAIM");
  EXPECT_EQ(RefusedWith("iss", "https://issuer.example/"), "WRONG_ISSUER");
  EXPECT_EQ(RefusedWith("iss", ""), "WRONG_ISSUER");
  EXPECT_EQ(RefusedWith("iss", {"https://issuer.example"}), "MALFORMED");
}

TEST_F(JwtTest, TheSubjectMustBeAName) {
  EXPECT_EQ(RefusedWithout("sub"), "MISSING_CLAIM");
  EXPECT_EQ(RefusedWith("sub", ""), "MALFORMED");
  EXPECT_EQ(RefusedWith("sub", 7), "MALFORMED");
  EXPECT_EQ(RefusedWith("sub", nullptr), "MALFORMED");
  EXPECT_EQ(RefusedWith("sub", std::string(255, 's')), "");
  EXPECT_EQ(RefusedWith("sub", std::string(256, 's')), "MALFORMED");
  EXPECT_EQ(RefusedWithText("sub", R"("a\u0000b")"), "MALFORMED");
}

TEST_F(JwtTest, ClaimsWithTwoReadingsAreRefused) {
  const std::string good = Claims().dump();
  EXPECT_EQ(RefusedFor(R"({"sub":"admin",)" + good.substr(1)), "MALFORMED");
  EXPECT_EQ(RefusedFor(R"({"s\u0075b":"admin",)" + good.substr(1)), "MALFORMED");
  EXPECT_EQ(RefusedFor(R"({"roles":{"a":1,"a":2},)" + good.substr(1)), "MALFORMED");
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("\"text\""), good + "x",
        good + std::string(1, '\0'), "\xEF\xBB\xBF" + good, "{\"x\":\"\xff\"," + good.substr(1),
        "{\"x\":NaN," + good.substr(1), "{\"x\":Infinity," + good.substr(1),
        "{\"x\":01," + good.substr(1),
        "{\"x\":" + std::string(17, '[') + std::string(17, ']') + "," + good.substr(1)}) {
    EXPECT_EQ(RefusedFor(bad), "MALFORMED") << bad;
  }
}

TEST_F(JwtTest, OnlyTokensThatAreCredentialsAreTaken) {
  const auto with_typ = [&](const std::string& typ) {
    const std::string token =
        signer_.Sign(R"({"alg":"HS256","typ":")" + typ + "\"}", Claims().dump());
    return RefusalDetail(VerifyJwt(token, keys_, policy_, kTime).status());
  };
  for (const char* typ : {"JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"}) {
    EXPECT_EQ(with_typ(typ), "") << typ;
  }
  for (const char* typ : {"", "logout+jwt", "secevent+jwt", "JOSE", "application/", "dpop+jwt"}) {
    EXPECT_EQ(with_typ(typ), "WRONG_TYPE") << typ;
  }
  policy_.types = {"at+jwt"};
  EXPECT_EQ(RefusedFor(Claims().dump()), "WRONG_TYPE");
}

TEST_F(JwtTest, ClaimsCountOnlyWithTheRightSignature) {
  const JwsSigner other = JwsSigner::Hmac("HS256", std::string(32, 'o'));
  json expired = Claims();
  expired["exp"] = 1;
  const auto claims = VerifyJwt(other.Sign(expired.dump()), keys_, policy_, kTime);
  EXPECT_EQ(RefusalDetail(claims.status()), "BAD_SIGNATURE");
}

TEST_F(JwtTest, APolicyThatTrustsEverybodyIsRefused) {
  const auto refused = [&](const JwtPolicy& policy) {
    return DetailsOf(VerifyJwt(signer_.Sign(Claims().dump()), keys_, policy, kTime).status())
        .reason;
  };
  JwtPolicy policy = policy_;
  policy.audiences = {};
  EXPECT_EQ(refused(policy), "BAD_JWT_POLICY");
  policy.audiences = {"stockroom", ""};
  EXPECT_EQ(refused(policy), "BAD_JWT_POLICY");
  policy = policy_;
  policy.issuers = {};
  EXPECT_EQ(refused(policy), "BAD_JWT_POLICY");
  policy = policy_;
  policy.clock_skew = absl::Minutes(5) + absl::Seconds(1);
  EXPECT_EQ(refused(policy), "BAD_JWT_POLICY");
  policy.clock_skew = absl::Seconds(-1);
  EXPECT_EQ(refused(policy), "BAD_JWT_POLICY");
}

TEST_F(JwtTest, OtherClaimsAreWithinReach) {
  json all = Claims();
  all["scope"] = "images:read  images:write";
  all["roles"] = {"viewer", 1, "uploader"};
  all["realm_access"] = {{"roles", {"admin"}}, {"a/b", true}};
  all["https://example.org/team"] = "red";
  all["level"] = 3;
  all["/level"] = "literal";
  all["email_verified"] = true;
  const auto claims = Verify(all.dump());
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_THAT(claims->Words("scope"), ElementsAre("images:read", "images:write"));
  EXPECT_THAT(claims->Words("roles"), ElementsAre("viewer", "uploader"));
  EXPECT_THAT(claims->Words("/realm_access/roles"), ElementsAre("admin"));
  EXPECT_EQ(claims->Text("/realm_access/roles/0"), "admin");
  EXPECT_EQ(claims->Flag("/realm_access/a~1b"), true);
  EXPECT_EQ(claims->Text("https://example.org/team"), "red");
  EXPECT_EQ(claims->Number("level"), 3);
  EXPECT_EQ(claims->Text("/level"), "literal");
  EXPECT_EQ(claims->Scalar("level"), "3");
  EXPECT_EQ(claims->Scalar("email_verified"), "true");
  EXPECT_EQ(claims->Scalar("sub"), "alice");
  EXPECT_EQ(claims->Scalar("roles"), std::nullopt);
  EXPECT_EQ(claims->Text("level"), std::nullopt);
  EXPECT_EQ(claims->Flag("level"), std::nullopt);
  EXPECT_EQ(claims->Number("scope"), std::nullopt);
  for (const char* absent : {"", "/", "/x", "x", "/roles/9", "/roles/01", "/roles/-", "/roles/x",
                             "/~", "/scope/0", "roles/0"}) {
    EXPECT_FALSE(claims->Has(absent)) << absent;
    EXPECT_THAT(claims->Words(absent), IsEmpty()) << absent;
  }
}

TEST_F(JwtTest, ClaimsOfNobodyAreEmpty) {
  const JwtClaims claims;
  EXPECT_EQ(claims.subject(), "");
  EXPECT_FALSE(claims.Has("sub"));
}

}  // namespace
}  // namespace stockroom::api
