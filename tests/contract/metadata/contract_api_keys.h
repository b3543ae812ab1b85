// The MetadataStore contract: API keys, usage.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/common/base/status.h"
#include "tests/contract/metadata/contract_fixture.h"

namespace stockroom::api {

inline ApiKey KeyOf(const std::string& id) {
  return {.id = id,
          .prefix = "sr_" + id,
          .secret_hash = Digest::Of("secret of " + id),
          .subject = "anna",
          .role = Role::kModerator,
          .scopes = Scope::kRead | Scope::kModerate,
          .label = "Annas Kamera",
          .create_time = kNoon};
}

TEST_P(MetadataStoreContract, FindsAnApiKeyByTheHashOfItsSecret) {
  ApiKeyStore& keys = store().api_keys();
  ApiKey key = KeyOf("a");
  key.expire_time = kNoon + absl::Hours(1);
  ASSERT_TRUE(keys.AddApiKey(key, 10).ok());
  EXPECT_EQ(Value(keys.FindApiKey(key.secret_hash)), key);
  EXPECT_EQ(Value(keys.FindApiKey(Digest::Of("guess"))), std::nullopt);
}

TEST_P(MetadataStoreContract, RefusesAnApiKeyThatIsThereAlready) {
  ApiKeyStore& keys = store().api_keys();
  ASSERT_TRUE(keys.AddApiKey(KeyOf("a"), 10).ok());
  EXPECT_EQ(Code(keys.AddApiKey(KeyOf("a"), 10)), absl::StatusCode::kAlreadyExists);
  ApiKey same_secret = KeyOf("b");
  same_secret.secret_hash = KeyOf("a").secret_hash;
  EXPECT_EQ(Code(keys.AddApiKey(same_secret, 10)), absl::StatusCode::kAlreadyExists);
}

TEST_P(MetadataStoreContract, BoundsTheNumberOfApiKeys) {
  ApiKeyStore& keys = store().api_keys();
  ASSERT_TRUE(keys.AddApiKey(KeyOf("a"), 1).ok());
  const absl::Status refused = keys.AddApiKey(KeyOf("b"), 1);
  EXPECT_EQ(Code(refused), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(DetailsOf(refused).reason, "TOO_MANY_KEYS");
  // Those that are over take nobody's place.
  Value(keys.RevokeApiKey("a", kNoon));
  ApiKey expiring = KeyOf("c");
  expiring.expire_time = kNoon + absl::Hours(1);
  ASSERT_TRUE(keys.AddApiKey(expiring, 1).ok());
  ApiKey later = KeyOf("d");
  later.create_time = kNoon + absl::Hours(1);
  EXPECT_TRUE(keys.AddApiKey(later, 1).ok());
}

TEST_P(MetadataStoreContract, KeepsTheTimeOfAnApiKeysFirstRevocation) {
  ApiKeyStore& keys = store().api_keys();
  ASSERT_TRUE(keys.AddApiKey(KeyOf("a"), 10).ok());
  EXPECT_EQ(Value(keys.RevokeApiKey("a", kNoon + absl::Hours(1))).revoke_time,
            kNoon + absl::Hours(1));
  EXPECT_EQ(Value(keys.RevokeApiKey("a", kNoon + absl::Hours(2))).revoke_time,
            kNoon + absl::Hours(1));
  EXPECT_FALSE(Value(keys.FindApiKey(KeyOf("a").secret_hash))->ValidAt(kNoon));
  EXPECT_EQ(DetailsOf(keys.RevokeApiKey("b", kNoon).status()).reason, "KEY_NOT_FOUND");
}

TEST_P(MetadataStoreContract, ListsApiKeysNewestFirstInPages) {
  ApiKeyStore& keys = store().api_keys();
  for (const char* id : {"a", "c", "b"}) ASSERT_TRUE(keys.AddApiKey(KeyOf(id), 10).ok());
  const std::vector<ApiKey> page = Value(keys.ListApiKeys("", 2));
  ASSERT_EQ(page.size(), 2u);
  EXPECT_EQ(page[0].id, "c");
  EXPECT_EQ(page[1].id, "b");
  const std::vector<ApiKey> rest = Value(keys.ListApiKeys("b", 2));
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0], KeyOf("a"));
}

TEST_P(MetadataStoreContract, CountsWhatAnOwnerHas) {
  EXPECT_EQ(Value(store().UsageOf("ann")).images, 0);
  EXPECT_EQ(Value(store().UsageOf("ann")).bytes, 0);
  Create("a");
  Create("b");
  Value(store().CreateImage(Upload("c", "bob"), kNoon));
  EXPECT_EQ(Value(store().UsageOf("ann")).images, 2);
  EXPECT_EQ(Value(store().UsageOf("ann")).bytes, 2 * 12345);
  Value(store().DeleteImage("a", kNoon, Allow));
  EXPECT_EQ(Value(store().UsageOf("ann")).images, 1);
}

TEST_P(MetadataStoreContract, ListsEverybodysImagesForWhoeverSeesThemAll) {
  NewImage hidden = Upload("a", "bob");
  hidden.described.visibility = Visibility::kPrivate;
  Value(store().CreateImage(hidden, kNoon));
  EXPECT_EQ(Value(store().ListImages({.viewer = "ann"})).size(), 0u);
  EXPECT_EQ(Value(store().ListImages({.viewer = "ann", .all_owners = true})).size(), 1u);
}

}  // namespace stockroom::api
