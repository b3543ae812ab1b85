// What decides without doing anything: signatures, addresses, URLs, filters, times of retries.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "absl/strings/escaping.h"
#include "services/api/domain/standard_webhooks.h"
#include "services/api/domain/webhooks.h"
#include "services/api/webhooks/address_rules.h"
#include "services/api/webhooks/retry_plan.h"
#include "services/api/webhooks/target_url.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using ::testing::HasSubstr;

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

// The example that the libraries of Standard Webhooks are tested with.
TEST(StandardWebhooks, SignsAsThePublishedExampleDoes) {
  std::string secret;
  ASSERT_TRUE(absl::Base64Unescape("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &secret));
  EXPECT_EQ(StandardSignature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                              R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  EXPECT_EQ(SecretText(secret), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
}

TEST(StandardWebhooks, TheOldSecretSignsTooUntilItsTimeIsOver) {
  Webhook webhook;
  webhook.secret = "new";
  webhook.old_secret = "old";
  webhook.old_secret_until = kNoon + absl::Seconds(1);
  const int64_t seconds = absl::ToUnixSeconds(kNoon);
  EXPECT_EQ(SignaturesOf(webhook, "id", kNoon, "{}"),
            StandardSignature("new", "id", seconds, "{}") + " " +
                StandardSignature("old", "id", seconds, "{}"));
  EXPECT_EQ(SignaturesOf(webhook, "id", kNoon + absl::Seconds(1), "{}"),
            StandardSignature("new", "id", seconds + 1, "{}"));
}

bool Allows(const AddressRules& rules, const std::string& address) {
  sockaddr_in in{.sin_family = AF_INET};
  if (inet_pton(AF_INET, address.c_str(), &in.sin_addr) == 1) {
    return rules.Allows(reinterpret_cast<const sockaddr*>(&in), sizeof in);
  }
  sockaddr_in6 in6{.sin6_family = AF_INET6};
  EXPECT_EQ(inet_pton(AF_INET6, address.c_str(), &in6.sin6_addr), 1) << address;
  return rules.Allows(reinterpret_cast<const sockaddr*>(&in6), sizeof in6);
}

TEST(AddressRules, AllowsOnlyWhatIsPublic) {
  const AddressRules rules = AddressRules::Create({}).value();
  for (const char* address : {"1.1.1.1",
                              "8.8.8.8",
                              "9.255.255.255",
                              "11.0.0.0",
                              "100.63.255.255",
                              "100.128.0.0",
                              "126.255.255.255",
                              "128.0.0.1",
                              "169.253.255.255",
                              "172.15.255.255",
                              "172.32.0.0",
                              "192.167.255.255",
                              "192.169.0.0",
                              "198.17.255.255",
                              "198.20.0.0",
                              "223.255.255.255",
                              "2606:4700:4700::1111",
                              "2a00:1450:4001:80b::200e",
                              "2001:4860:4860::8888",
                              "::ffff:8.8.8.8"}) {
    EXPECT_TRUE(Allows(rules, address)) << address;
  }
  for (const char* address :
       {"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1",
        "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8",
        "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
        "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        // IPv6
        "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
        "2001:10::1", "3fff::1", "100::1", "5f00::1",
        // IPv4 inside IPv6
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
        "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::a00:1",
        "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1"}) {
    EXPECT_FALSE(Allows(rules, address)) << address;
  }
  const sockaddr_un local{.sun_family = AF_UNIX};
  EXPECT_FALSE(rules.Allows(reinterpret_cast<const sockaddr*>(&local), sizeof local));
  const sockaddr_in cut{.sin_family = AF_INET};
  EXPECT_FALSE(rules.Allows(reinterpret_cast<const sockaddr*>(&cut), 4));
}

TEST(AddressRules, AllowsNetworksThatTheOperatorNamesAndNoMore) {
  const AddressRules rules =
      AddressRules::Create({"10.1.2.0/23", "fd00:1::/33", "127.0.0.1"}).value();
  for (const char* address :
       {"10.1.2.0", "10.1.3.255", "fd00:1:7fff::1", "127.0.0.1", "::ffff:127.0.0.1", "8.8.8.8"}) {
    EXPECT_TRUE(Allows(rules, address)) << address;
  }
  for (const char* address : {"10.1.4.0", "10.1.1.255", "fd00:1:8000::1", "127.0.0.2", "::1"}) {
    EXPECT_FALSE(Allows(rules, address)) << address;
  }
}

TEST(AddressRules, RefusesNetworksThatAreNone) {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "10.0.0.1/8",
                           "::/129", "fd00::1/8", "host", "10.0.0.0/8/8", "0x7f.0.0.1"}) {
    EXPECT_EQ(DetailsOf(AddressRules::Create({text}).status()).reason, "INVALID_FIELD") << text;
  }
  EXPECT_TRUE(AddressRules::Create({"0.0.0.0/0", "::/0"}).ok());
}

TEST(TargetUrl, IsHttpsToAPublicPlaceAndNothingElse) {
  const AddressRules rules = AddressRules::Create({}).value();
  for (const char* url :
       {"https://example.org", "https://example.org/a?b=c", "https://example.org:8443/",
        "HTTPS://EXAMPLE.ORG/", "https://8.8.8.8/", "https://[2606:4700::1111]/",
        "https://localhost/", "https://xn--bcher-kva.example/"}) {
    EXPECT_TRUE(CheckTargetUrl(url, false, rules).ok()) << CheckTargetUrl(url, false, rules);
  }
  for (const char* url : {"",
                          "example.org",
                          "//example.org/",
                          "http://example.org/",
                          "ftp://example.org/",
                          "file:///etc/passwd",
                          "gopher://example.org/",
                          "unix:/x",
                          "https://",
                          "https:///path",
                          "https://user@example.org/",
                          "https://user:pw@example.org/",
                          "https://example.org/#f",
                          "https://example.org/ x",
                          "https://example.org/\r\nx: y",
                          "https://b\xC3\xBC"
                          "cher.example/",
                          "https://example.org:22/",
                          "https://example.org:25/",
                          "https://example.org:0/",
                          "https://example.org:99999/",
                          "https://127.0.0.1/",
                          "https://127.1/",
                          "https://2130706433/",
                          "https://0x7f000001/",
                          "https://0177.0.0.1/",
                          "https://[::1]/",
                          "https://[::ffff:127.0.0.1]/",
                          "https://[fe80::1%25eth0]/",
                          "https://169.254.169.254/",
                          "https://10.0.0.1/",
                          "https://0/"}) {
    EXPECT_EQ(DetailsOf(CheckTargetUrl(url, false, rules)).reason, "WEBHOOK_URL") << url;
  }
  EXPECT_FALSE(CheckTargetUrl("https://e.org/" + std::string(2048, 'x'), false, rules).ok());
  EXPECT_TRUE(CheckTargetUrl("http://example.org/", true, rules).ok());
  const AddressRules loopback = AddressRules::Create({"127.0.0.0/8"}).value();
  EXPECT_TRUE(CheckTargetUrl("http://127.0.0.1:3000/", true, loopback).ok());
}

TEST(RetryPlan, WaitsAsToldWithALittleSpreadAndThenGivesUp) {
  const RetryPlan plan = RetryPlan::Create({"5s", "5m"}).value();
  for (int i = 0; i < 100; ++i) {
    const absl::Duration first = plan.WaitAfter(1, std::nullopt).value();
    EXPECT_GE(first, absl::Seconds(5));
    EXPECT_LE(first, absl::Seconds(5.5));
  }
  EXPECT_GE(plan.WaitAfter(2, std::nullopt).value(), absl::Minutes(5));
  EXPECT_EQ(plan.WaitAfter(3, std::nullopt), std::nullopt);
  EXPECT_EQ(plan.WaitAfter(3, absl::Seconds(1)), std::nullopt);
  EXPECT_EQ(RetryPlan().WaitAfter(1, std::nullopt), std::nullopt);
}

TEST(RetryPlan, ObeysRetryAfterWithinBounds) {
  const RetryPlan plan = RetryPlan::Create({"5s"}).value();
  EXPECT_GE(plan.WaitAfter(1, absl::Minutes(2)).value(), absl::Minutes(2));
  EXPECT_GE(plan.WaitAfter(1, absl::Seconds(1)).value(), absl::Seconds(5));
  EXPECT_LE(plan.WaitAfter(1, absl::Hours(999)).value(), absl::Hours(1) * 1.1);
}

TEST(RetryPlan, RefusesWhatIsNoListOfDelays) {
  for (const char* text : {"", "5", "x", "-5s", "0s", "25h", "inf", "1ms"}) {
    EXPECT_THAT(std::string(RetryPlan::Create({text}).status().message()),
                HasSubstr("webhooks.retry_delays"))
        << text;
  }
  EXPECT_FALSE(RetryPlan::Create(std::vector<std::string>(21, "5s")).ok());
}

class IsForTest : public ::testing::Test {
 protected:
  IsForTest() {
    image_.id = "i";
    image_.owner = "ann";
    image_.described.tags = {"sea", "dusk"};
    event_ = {.position = 10, .type = kImageReady, .image_id = "i", .owner = "ann"};
    webhook_.creator = "root";
    webhook_.after_position = 9;
  }
  bool Is() const { return IsFor(webhook_, event_, &image_); }

  Webhook webhook_;
  Event event_;
  Image image_;
};

TEST_F(IsForTest, EverythingThatIsSetMustHold) {
  EXPECT_TRUE(Is());
  webhook_.types = {kImageReady};
  webhook_.filter = {.tags = {"dusk"}, .owner = "ann"};
  EXPECT_TRUE(Is());
  webhook_.filter.tags = {"dusk", "dawn"};
  EXPECT_FALSE(Is());
  webhook_.filter.tags = {};
  webhook_.filter.owner = "ben";
  EXPECT_FALSE(Is());
  webhook_.filter.owner = "";
  webhook_.types = {kImageDeleted};
  EXPECT_FALSE(Is());
}

TEST_F(IsForTest, NothingFromBeforeItWasMadeOrWhileItIsDisabled) {
  webhook_.after_position = 10;
  EXPECT_FALSE(Is());
  webhook_.after_position = 9;
  webhook_.disabled = true;
  EXPECT_FALSE(Is());
}

TEST_F(IsForTest, DeletionsPassAFilterOfTags) {
  webhook_.filter.tags = {"never"};
  event_.type = kImageDeleted;
  EXPECT_TRUE(IsFor(webhook_, event_, nullptr));
  webhook_.filter.owner = "ben";
  EXPECT_FALSE(IsFor(webhook_, event_, nullptr));
  webhook_.filter.owner = "";
  event_.type = kImageCreated;
  EXPECT_FALSE(IsFor(webhook_, event_, nullptr)) << "nobody knows";
}

TEST_F(IsForTest, ItTellsOnlyOfWhatItsMakerCouldFind) {
  event_.visibility = Visibility::kPrivate;
  EXPECT_FALSE(Is());
  EXPECT_FALSE(IsFor(webhook_, event_, nullptr));
  webhook_.sees_all = true;
  EXPECT_TRUE(Is());
  webhook_.sees_all = false;
  webhook_.creator = "ann";
  EXPECT_TRUE(Is());
  webhook_.creator = "root";
  event_.visibility = Visibility::kPublic;
  // Hidden since.
  image_.described.visibility = Visibility::kUnlisted;
  EXPECT_FALSE(Is());
}

}  // namespace
}  // namespace stockroom::api
