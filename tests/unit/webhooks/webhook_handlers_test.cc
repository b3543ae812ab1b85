#include "services/api/handlers/webhook_handlers.h"

#include <google/protobuf/util/time_util.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "tests/unit/webhooks/stage.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

class WebhookHandlersTest : public Stage {
 protected:
  template <typename Request, typename Response>
  absl::Status Call(absl::Status (WebhookHandlers::*method)(const CallContext&, const Principal&,
                                                            const Request&, Response*),
                    const Request& request, Response* response) {
    return (handlers_.*method)(CallContext::WithTimeout(absl::Seconds(5)), Root(), request,
                               response);
  }
  v1::CreateWebhookResponse Create() {
    v1::CreateWebhookRequest request;
    request.set_url("https://example.org/hook");
    request.add_types("image.ready");
    request.mutable_filter()->add_tags("sea");
    request.set_label("site");
    v1::CreateWebhookResponse response;
    EXPECT_TRUE(Call(&WebhookHandlers::CreateWebhook, request, &response).ok());
    return response;
  }
  static std::string Reason(const absl::Status& status) { return DetailsOf(status).reason; }

  WebhookHandlers handlers_{webhooks_};
};

TEST_F(WebhookHandlersTest, TheSecretIsInTheAnswersThatMadeItAndNowhereElse) {
  const v1::CreateWebhookResponse created = Create();
  EXPECT_THAT(created.secret(), StartsWith("whsec_"));
  EXPECT_EQ(created.secret().size(), 6 + 44u);
  v1::ListWebhooksResponse list;
  ASSERT_TRUE(Call(&WebhookHandlers::ListWebhooks, v1::ListWebhooksRequest(), &list).ok());
  ASSERT_EQ(list.webhooks_size(), 1);
  EXPECT_EQ(list.webhooks(0).SerializeAsString(), created.webhook().SerializeAsString());
  EXPECT_EQ(list.DebugString().find(created.secret().substr(6, 20)), std::string::npos);
  v1::RotateWebhookSecretRequest rotate;
  rotate.set_id(created.webhook().id());
  v1::RotateWebhookSecretResponse rotated;
  ASSERT_TRUE(Call(&WebhookHandlers::RotateWebhookSecret, rotate, &rotated).ok());
  EXPECT_NE(rotated.secret(), created.secret());
  EXPECT_EQ(rotated.webhook().old_secret_expire_time().seconds(),
            absl::ToUnixSeconds(clock_.Now()) + 86400);
  EXPECT_EQ(SecretText(hooks_.GetWebhook(created.webhook().id())->old_secret), created.secret());
  rotate.set_grace_seconds(0);
  ASSERT_TRUE(Call(&WebhookHandlers::RotateWebhookSecret, rotate, &rotated).ok());
  EXPECT_EQ(hooks_.GetWebhook(created.webhook().id())->old_secret, "");
  rotate.set_grace_seconds(604'801);
  EXPECT_EQ(Reason(Call(&WebhookHandlers::RotateWebhookSecret, rotate, &rotated)), "INVALID_FIELD");
}

TEST_F(WebhookHandlersTest, AnUpdateChangesWhatItsMaskNames) {
  const std::string id = Create().webhook().id();
  v1::UpdateWebhookRequest request;
  request.mutable_webhook()->set_id(id);
  request.mutable_webhook()->set_label("ignored");
  request.mutable_update_mask()->add_paths("disabled");
  request.mutable_webhook()->set_disabled(true);
  v1::Webhook webhook;
  ASSERT_TRUE(Call(&WebhookHandlers::UpdateWebhook, request, &webhook).ok());
  EXPECT_TRUE(webhook.disabled());
  EXPECT_EQ(webhook.label(), "site");
  EXPECT_THAT(webhook.types(), ElementsAre("image.ready"));
  request.mutable_webhook()->set_disabled(false);
  request.mutable_update_mask()->add_paths("filter");
  webhook.Clear();
  ASSERT_TRUE(Call(&WebhookHandlers::UpdateWebhook, request, &webhook).ok());
  EXPECT_FALSE(webhook.disabled());
  EXPECT_EQ(webhook.filter().tags_size(), 0);
  request.mutable_update_mask()->add_paths("creator");
  EXPECT_EQ(Reason(Call(&WebhookHandlers::UpdateWebhook, request, &webhook)), "INVALID_FIELD");
  request.clear_update_mask();
  request.mutable_webhook()->set_id("x");
  EXPECT_EQ(Reason(Call(&WebhookHandlers::UpdateWebhook, request, &webhook)), "WEBHOOK_NOT_FOUND");
}

TEST_F(WebhookHandlersTest, NobodyPointsAWebhookElsewhereThatSeesMoreThanThey) {
  Principal moderator = Root();
  moderator.scopes = moderator.scopes | Scopes(Scope::kModerate);
  const absl::StatusOr<Webhook> theirs =
      webhooks_.Create(moderator, {.url = "https://example.org/hook"});
  ASSERT_TRUE(theirs.ok()) << theirs.status();
  const WebhookSpec elsewhere{.url = "https://example.org/mine"};
  const auto update = [&](const Principal& who) {
    return webhooks_.Update(who, theirs->id, elsewhere, {WebhookField::kUrl}).status();
  };
  EXPECT_EQ(Reason(update(Root())), "SCOPE_MISSING");
  EXPECT_EQ(Reason(webhooks_.RotateSecret(Root(), theirs->id, absl::ZeroDuration()).status()),
            "SCOPE_MISSING");
  EXPECT_EQ(webhooks_.Get(theirs->id)->url, "https://example.org/hook");
  EXPECT_TRUE(update(moderator).ok());
}

TEST_F(WebhookHandlersTest, RefusesWhatCanNotBe) {
  v1::CreateWebhookRequest request;
  v1::CreateWebhookResponse response;
  const auto reason = [&] {
    return Reason(Call(&WebhookHandlers::CreateWebhook, request, &response));
  };
  request.set_url("https://example.org/");
  request.add_types("image.eaten");
  EXPECT_EQ(reason(), "INVALID_FIELD");
  request.clear_types();
  for (int i = 0; i < 21; ++i) request.mutable_filter()->add_tags("t");
  EXPECT_EQ(reason(), "INVALID_FIELD");
  request.clear_filter();
  request.set_label(std::string(256, 'x'));
  EXPECT_EQ(reason(), "INVALID_FIELD");
  request.set_label("");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(reason(), "");
  EXPECT_EQ(reason(), "TOO_MANY_WEBHOOKS");
}

TEST_F(WebhookHandlersTest, ATestIsQueuedAndItsDeliveryCanBeLookedUp) {
  const std::string id = Create().webhook().id();
  v1::TestWebhookRequest test;
  test.set_id(id);
  v1::WebhookDelivery delivery;
  ASSERT_TRUE(Call(&WebhookHandlers::TestWebhook, test, &delivery).ok());
  EXPECT_EQ(delivery.type(), "webhook.test");
  EXPECT_EQ(delivery.state(), v1::PENDING_DELIVERY);
  EXPECT_EQ(woken_, 1);
  v1::GetWebhookDeliveryRequest get;
  get.set_webhook_id(id);
  get.set_id(delivery.id());
  v1::WebhookDelivery again;
  ASSERT_TRUE(Call(&WebhookHandlers::GetWebhookDelivery, get, &again).ok());
  EXPECT_EQ(again.SerializeAsString(), delivery.SerializeAsString());
  get.set_id("x");
  EXPECT_EQ(Reason(Call(&WebhookHandlers::GetWebhookDelivery, get, &again)), "DELIVERY_NOT_FOUND");
  get.set_webhook_id("x");
  EXPECT_EQ(Reason(Call(&WebhookHandlers::GetWebhookDelivery, get, &again)), "WEBHOOK_NOT_FOUND");
}

TEST_F(WebhookHandlersTest, TheLogComesInPages) {
  const std::string id = Create().webhook().id();
  v1::TestWebhookRequest test;
  test.set_id(id);
  v1::WebhookDelivery delivery;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Call(&WebhookHandlers::TestWebhook, test, &delivery).ok());
  }
  EXPECT_EQ(Reason(Call(&WebhookHandlers::TestWebhook, test, &delivery)), "TOO_MANY_PENDING");
  v1::ListWebhookDeliveriesRequest list;
  list.set_webhook_id(id);
  list.set_page_size(2);
  std::vector<std::string> ids;
  do {
    v1::ListWebhookDeliveriesResponse page;
    ASSERT_TRUE(Call(&WebhookHandlers::ListWebhookDeliveries, list, &page).ok());
    for (const auto& one : page.deliveries()) ids.push_back(one.id());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(ids.size(), 5u);
  EXPECT_TRUE(std::is_sorted(ids.rbegin(), ids.rend()));
  v1::ListWebhookDeliveriesResponse page;
  list.set_state(v1::DEAD);
  ASSERT_TRUE(Call(&WebhookHandlers::ListWebhookDeliveries, list, &page).ok());
  EXPECT_EQ(page.deliveries_size(), 0);
  list.set_page_token("x");
  EXPECT_EQ(Reason(Call(&WebhookHandlers::ListWebhookDeliveries, list, &page)), "INVALID_FIELD");
}

TEST_F(WebhookHandlersTest, AReplayNamesOneDeliveryOrATime) {
  const std::string id = Create().webhook().id();
  v1::ReplayWebhookDeliveriesRequest request;
  request.set_webhook_id(id);
  v1::ReplayWebhookDeliveriesResponse response;
  EXPECT_EQ(Reason(Call(&WebhookHandlers::ReplayWebhookDeliveries, request, &response)),
            "INVALID_FIELD");
  request.mutable_dead_since();
  EXPECT_TRUE(Call(&WebhookHandlers::ReplayWebhookDeliveries, request, &response).ok());
  EXPECT_EQ(response.replayed(), 0);
  request.mutable_dead_since()->set_seconds(std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Reason(Call(&WebhookHandlers::ReplayWebhookDeliveries, request, &response)),
            "INVALID_FIELD");
  request.mutable_dead_since()->set_seconds(0);
  request.set_id("x");
  EXPECT_EQ(Reason(Call(&WebhookHandlers::ReplayWebhookDeliveries, request, &response)),
            "INVALID_FIELD");
}

TEST(WebhookBody, IsTheImageAsThePublicApiShowsIt) {
  Image image{.id = "i", .owner = "ann \"a\""};
  image.described.title = "Hafen";
  image.state = ImageState::kReady;
  image.revision = 4;
  image.analysis = {{"palette", "{}"}};
  image.renditions = {{.preset = "thumb", .format = "jpeg"}};
  const WebhookDelivery delivery{.type = "image.ready",
                                 .image_id = "i",
                                 .owner = image.owner,
                                 .event_time = absl::FromUnixMicros(1'700'000'000'123'456)};
  const auto body = nlohmann::json::parse(WebhookBody(delivery, &image));
  EXPECT_EQ(body["type"], "image.ready");
  EXPECT_EQ(body["timestamp"], "2023-11-14T22:13:20.123456Z");
  EXPECT_EQ(body["data"]["title"], "Hafen");
  EXPECT_EQ(body["data"]["renditions"][0]["url"], "/i/i/thumb.jpg");
  EXPECT_FALSE(body["data"].contains("analysis"));
  EXPECT_EQ(nlohmann::json::parse(WebhookBody(delivery, nullptr))["data"],
            (nlohmann::json{{"id", "i"}, {"owner", "ann \"a\""}}));
  EXPECT_EQ(nlohmann::json::parse(WebhookBody({.type = "webhook.test"}, nullptr))["data"],
            nlohmann::json::object());
}

}  // namespace
}  // namespace stockroom::api
