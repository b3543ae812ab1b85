#include "services/api/domain/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "services/api/handlers/convert.h"
#include "services/api/handlers/key_handlers.h"
#include "services/api/metadata/memory_store.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using ::testing::StartsWith;

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

class ApiKeysTest : public ::testing::Test {
 protected:
  static Principal With(Role role) {
    return {.subject = "boss", .anonymous = false, .scopes = ScopesOf(role)};
  }
  std::string FieldOf(const ApiKeyRequest& request) {
    const absl::Status status = keys_.Create(With(Role::kAdmin), request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    const ErrorDetails details = DetailsOf(status);
    return details.violations.empty() ? "" : details.violations[0].field;
  }

  FakeClock clock_{kNoon};
  const std::unique_ptr<MetadataStore> store_ = NewMemoryStore();
  ApiKeys keys_{store_->api_keys(), clock_};
};

TEST_F(ApiKeysTest, ASecretIsShownOnceAndOnlyItsHashIsKept) {
  const auto made = keys_.Create(With(Role::kAdmin), {.subject = "anna", .label = "camera"});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(LooksLikeApiKey(made->secret));
  EXPECT_EQ(made->key.secret_hash, Digest::Of(made->secret));
  EXPECT_THAT(made->secret, StartsWith(made->key.prefix));
  EXPECT_LT(made->key.prefix.size(), 12u);
  EXPECT_EQ(made->key.scopes, ScopesOf(Role::kUploader));
  const auto other = keys_.Create(With(Role::kAdmin), {.subject = "anna"});
  EXPECT_NE(other->secret, made->secret);
}

TEST_F(ApiKeysTest, AKeyMayDoLessThanItsRoleButNotMore) {
  const auto made = keys_.Create(
      With(Role::kAdmin), {.subject = "a", .role = Role::kModerator, .scopes = {"images:read"}});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->key.scopes, Scopes(Scope::kRead));
  EXPECT_EQ(FieldOf({.subject = "a", .role = Role::kViewer, .scopes = {"images:write"}}),
            "scopes[0]");
  EXPECT_EQ(FieldOf({.subject = "a", .scopes = {"images:read", "everything"}}), "scopes[1]");
}

TEST_F(ApiKeysTest, NobodyMakesAKeyThatMayDoMoreThanThemselves) {
  Principal limited = With(Role::kModerator);
  limited.scopes = limited.scopes | Scopes(Scope::kAdmin);
  EXPECT_TRUE(keys_.Create(limited, {.subject = "a", .role = Role::kAdmin}).ok());
  // Nor one that stands for somebody whose images they may not see.
  Principal no_moderator{
      .subject = "a", .anonymous = false, .scopes = Scope::kRead | Scope::kWrite | Scope::kAdmin};
  const auto refused = keys_.Create(no_moderator, {.subject = "a", .role = Role::kModerator});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(DetailsOf(refused.status()).reason, "SCOPE_MISSING");
  const std::vector<std::string> read = {"images:read"};
  EXPECT_TRUE(keys_.Create(no_moderator, {.subject = "a", .scopes = read}).ok());
  EXPECT_FALSE(keys_.Create(no_moderator, {.subject = "b", .scopes = read}).ok());
}

TEST_F(ApiKeysTest, RefusesSubjectsLabelsAndTimesThatMakeNoSense) {
  EXPECT_EQ(FieldOf({.subject = ""}), "subject");
  EXPECT_EQ(FieldOf({.subject = "anonymous"}), "subject");
  EXPECT_EQ(FieldOf({.subject = "a\nb"}), "subject");
  EXPECT_EQ(FieldOf({.subject = std::string(256, 'a')}), "subject");
  EXPECT_EQ(FieldOf({.subject = "\xff"}), "subject");
  EXPECT_EQ(FieldOf({.subject = "a", .label = std::string(256, 'a')}), "label");
  EXPECT_EQ(FieldOf({.subject = "a", .expire_time = kNoon}), "expire_time");
}

TEST_F(ApiKeysTest, ListsInPages) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(keys_.Create(With(Role::kAdmin), {.subject = std::to_string(i)}).ok());
  }
  const auto page = keys_.List(2, "");
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->keys.size(), 2u);
  EXPECT_EQ(page->keys[0].subject, "2");
  const auto rest = keys_.List(2, page->next_page_token);
  ASSERT_EQ(rest->keys.size(), 1u);
  EXPECT_EQ(rest->keys[0].subject, "0");
  EXPECT_EQ(rest->next_page_token, "");
  EXPECT_FALSE(keys_.List(501, "").ok());
  EXPECT_FALSE(keys_.List(1, "' OR 1=1").ok());
}

TEST_F(ApiKeysTest, TimesThatNoMessageCanHoldEndNothing) {
  KeyHandlers handlers(keys_, nullptr);
  v1::CreateApiKeyRequest request;
  v1::CreateApiKeyResponse response;
  request.set_subject("anna");
  for (const int64_t seconds : {int64_t{253'402'300'800}, std::numeric_limits<int64_t>::max(),
                                std::numeric_limits<int64_t>::min()}) {
    request.mutable_expire_time()->set_seconds(seconds);
    const absl::Status status =
        handlers.CreateApiKey(CallContext(), With(Role::kAdmin), request, &response);
    EXPECT_EQ(DetailsOf(status).reason, "INVALID_FIELD") << seconds;
  }
  EXPECT_EQ(ToTimestamp(absl::InfiniteFuture()).seconds(), 253'402'300'799);
  EXPECT_LT(ToTimestamp(absl::InfinitePast()).seconds(), 0);
}

TEST(Roles, EachMayDoWhatTheOneBeforeMay) {
  Scopes before;
  for (const Role role : {Role::kViewer, Role::kUploader, Role::kModerator, Role::kAdmin}) {
    EXPECT_TRUE(ScopesOf(role).Contains(before));
    EXPECT_NE(ScopesOf(role), before);
    EXPECT_EQ(RoleNamed(RoleName(role)), role);
    before = ScopesOf(role);
  }
  EXPECT_EQ(ScopeNames(before).size(), 4u);
  for (const std::string& name : ScopeNames(before)) {
    ASSERT_TRUE(ScopeNamed(name).has_value());
    EXPECT_TRUE(before.Has(*ScopeNamed(name)));
  }
  EXPECT_EQ(RoleNamed("Admin"), std::nullopt);
  EXPECT_EQ(ScopeNamed(""), std::nullopt);
}

}  // namespace
}  // namespace stockroom::api
