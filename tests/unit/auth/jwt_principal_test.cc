#include "services/api/auth/jwt_principal.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "services/common/base/status.h"
#include "tests/support/jws_signer.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

class JwtPrincipalTest : public ::testing::Test {
 protected:
  absl::StatusOr<Principal> Who(json claims) {
    claims.update({{"iss", "me"}, {"aud", "stockroom"}, {"exp", 1'700'000'600}});
    if (!claims.contains("sub")) claims["sub"] = "anna";
    const absl::StatusOr<JwtClaims> verified =
        VerifyJwt(signer_.Sign(claims.dump()), *JwkSet::Parse(signer_.JwkSet()),
                  {.issuers = {"me"}, .audiences = {"stockroom"}}, kNoon);
    EXPECT_TRUE(verified.ok()) << verified.status();
    if (!verified.ok()) return verified.status();
    return PrincipalOf(*verified, mapping_);
  }
  Scopes ScopesWith(const json& claims) {
    const auto who = Who(claims);
    EXPECT_TRUE(who.ok()) << who.status();
    return who.ok() ? who->scopes : Scopes();
  }

  test::JwsSigner signer_ = test::JwsSigner::Generate("EdDSA");
  JwtMapping mapping_;
};

TEST_F(JwtPrincipalTest, TheGreatestRoleCounts) {
  EXPECT_EQ(ScopesWith({{"roles", {"uploader", "moderator", "cook"}}}), ScopesOf(Role::kModerator));
  EXPECT_EQ(ScopesWith({{"roles", "viewer admin"}}), ScopesOf(Role::kAdmin));
  EXPECT_EQ(ScopesWith({{"roles", 7}}), ScopesOf(Role::kViewer));
}

TEST_F(JwtPrincipalTest, WhoHasNoRoleGetsTheDefault) {
  EXPECT_EQ(ScopesWith(json::object()), ScopesOf(Role::kViewer));
  mapping_.default_role = std::nullopt;
  EXPECT_TRUE(ScopesWith(json::object()).empty());
}

TEST_F(JwtPrincipalTest, RolesHaveTheNamesThatTheIssuerGaveThem) {
  mapping_.roles_claim = "/realm_access/roles";
  mapping_.role_names = {{"photo-team", Role::kUploader}};
  EXPECT_EQ(ScopesWith({{"realm_access", {{"roles", {"photo-team"}}}}}), ScopesOf(Role::kUploader));
}

TEST_F(JwtPrincipalTest, ScopesOfOursNarrowTheRoleAndOthersDoNot) {
  EXPECT_EQ(ScopesWith({{"roles", "admin"}, {"scope", "openid images:read images:write"}}),
            Scope::kRead | Scope::kWrite);
  EXPECT_EQ(ScopesWith({{"roles", "viewer"}, {"scope", "images:read admin"}}),
            Scopes(Scope::kRead));
  EXPECT_EQ(ScopesWith({{"roles", "viewer"}, {"scope", "openid profile"}}), Scopes(Scope::kRead));
}

TEST_F(JwtPrincipalTest, ChosenClaimsBecomeAttributes) {
  mapping_.attributes = {{"org", "tenant"}, {"level", "level"}, {"absent", "x"}, {"groups", "y"}};
  const auto who = Who({{"org", "acme"}, {"level", 3}, {"groups", {"a"}}, {"secret", "s"}});
  ASSERT_TRUE(who.ok());
  EXPECT_EQ(who->attributes,
            (std::map<std::string, std::string>{{"tenant", "acme"}, {"level", "3"}}));
  EXPECT_EQ(who->subject, "anna");
  EXPECT_FALSE(who->anonymous);
}

TEST_F(JwtPrincipalTest, NobodyIsCalledAnonymous) {
  EXPECT_EQ(DetailsOf(Who({{"sub", "anonymous"}}).status()).reason, "CREDENTIALS_INVALID");
  EXPECT_FALSE(Who({{"sub", "a\nb"}}).ok());
}

}  // namespace
}  // namespace stockroom::api
