// webhooks: list, create, delete, test, deliveries, replay.
#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "services/common/base/status.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/retry.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

constexpr int kPage = 200;
constexpr absl::Duration kLookAgain = absl::Milliseconds(200);

std::string TimeText(const google::protobuf::Timestamp& time) {
  const absl::Time moment =
      absl::FromUnixMicros(google::protobuf::util::TimeUtil::TimestampToMicroseconds(time));
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", moment, absl::UTCTimeZone());
}

const char* StateText(v1::DeliveryState state) {
  if (state == v1::DELIVERED) return "delivered";
  return state == v1::DEAD ? "dead" : "pending";
}

Style StyleOf(v1::DeliveryState state) {
  if (state == v1::DELIVERED) return Style::kGood;
  return state == v1::DEAD ? Style::kBad : Style::kPlain;
}

// What came of the last attempt.
std::string OutcomeText(const v1::WebhookDelivery& delivery) {
  if (!delivery.last_error().empty()) return delivery.last_error();
  if (delivery.last_status_code() == 0) return "";
  return absl::StrCat("HTTP ", delivery.last_status_code());
}

int List(const Program& program, Client& client) {
  const absl::StatusOr<v1::ListWebhooksResponse> response = client.ListWebhooks();
  if (!response.ok()) return program.Fail(response.status());
  Table table(program.out, {{"ID"},
                            {"STATE"},
                            {"TYPES", 5, false, true},
                            {"URL", 20, false, true},
                            {"LABEL", 5, false, true}});
  for (const v1::Webhook& webhook : response->webhooks()) {
    if (program.out.json()) {
      program.out.Json(ToJson(webhook));
      continue;
    }
    const std::string types = absl::StrJoin(webhook.types(), ",");
    table.Add({webhook.id(), webhook.disabled() ? "disabled" : "enabled",
               types.empty() ? "all" : types, webhook.url(), webhook.label()},
              webhook.disabled() ? Style::kDim : Style::kPlain);
  }
  table.Flush();
  return kExitOk;
}

int Create(const Program& program, Client& client, const WebhooksArgs& args) {
  v1::CreateWebhookRequest request;
  request.set_url(args.url);
  for (const std::string& type : args.types) request.add_types("image." + type);
  request.mutable_filter()->mutable_tags()->Assign(args.tags.begin(), args.tags.end());
  request.mutable_filter()->set_owner(args.owner);
  request.set_label(args.label);
  const absl::StatusOr<v1::CreateWebhookResponse> made = client.CreateWebhook(request);
  if (!made.ok()) return program.Fail(made.status());
  if (program.out.json()) {
    program.out.Json(ToJson(*made));
    return kExitOk;
  }
  program.out.Line(absl::StrCat("webhook  ", OneLine(made->webhook().id())));
  program.out.Line(absl::StrCat("secret   ", OneLine(made->secret())));
  program.out.Note("the secret is shown this once; the receiver verifies signatures with it");
  return kExitOk;
}

int Delete(const Program& program, Client& client, const WebhooksArgs& args) {
  const absl::Status status = client.DeleteWebhook(args.id);
  if (!status.ok()) return program.Fail(status);
  if (program.out.json()) {
    program.out.Json({{"type", "deleted"}, {"id", args.id}});
  } else if (!program.out.options().quiet) {
    program.out.Line("deleted  " + OneLine(args.id));
  }
  return kExitOk;
}

// Waits for what comes of the first attempt, not of later ones.
int Test(const Program& program, Client& client, const WebhooksArgs& args) {
  absl::StatusOr<v1::WebhookDelivery> delivery = client.TestWebhook(args.id);
  const absl::Time end = absl::Now() + program.settings.timeout;
  while (delivery.ok() && delivery->state() == v1::PENDING_DELIVERY && delivery->attempts() == 0 &&
         absl::Now() < end) {
    if (!SleepUnlessStopped(kLookAgain, *program.stop).ok()) return kExitInterrupted;
    delivery = client.GetWebhookDelivery(args.id, delivery->id());
  }
  if (!delivery.ok()) return program.Fail(delivery.status());
  const bool delivered = delivery->state() == v1::DELIVERED;
  if (program.out.json()) {
    program.out.Json(ToJson(*delivery));
  } else if (delivery->attempts() == 0) {
    program.out.Error("no answer yet; stockroom webhooks deliveries shows it later");
  } else if (delivered) {
    program.out.Line(program.out.Paint(Style::kGood, "delivered") + "  " +
                     OneLine(OutcomeText(*delivery)));
  } else {
    program.out.Error("the receiver did not take it: " + OutcomeText(*delivery));
  }
  return delivered ? kExitOk : kExitFailed;
}

int Deliveries(const Program& program, Client& client, const WebhooksArgs& args) {
  v1::ListWebhookDeliveriesRequest request;
  request.set_webhook_id(args.id);
  request.set_state(args.state);
  Table table(program.out, {{"ID"},
                            {"TIME"},
                            {"TYPE"},
                            {"STATE"},
                            {"TRIES", 5, true},
                            {"IMAGE", 8, false, true},
                            {"OUTCOME", 8, false, true}});
  int64_t shown = 0;
  do {
    const int64_t left = args.limit == 0 ? kPage : args.limit - shown;
    request.set_page_size(static_cast<int>(std::min<int64_t>(left, kPage)));
    const absl::StatusOr<v1::ListWebhookDeliveriesResponse> page =
        client.ListWebhookDeliveries(request);
    if (!page.ok()) return program.Fail(page.status());
    for (const v1::WebhookDelivery& delivery : page->deliveries()) {
      ++shown;
      if (program.out.json()) {
        program.out.Json(ToJson(delivery));
        continue;
      }
      table.Add({delivery.id(), TimeText(delivery.event_time()), delivery.type(),
                 StateText(delivery.state()), absl::StrCat(delivery.attempts()),
                 delivery.image_id(), OutcomeText(delivery)},
                StyleOf(delivery.state()));
    }
    table.Flush();
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && (args.limit == 0 || shown < args.limit) &&
           !program.out.closed() && !program.stop->cancelled());
  return kExitOk;
}

int Replay(const Program& program, Client& client, const WebhooksArgs& args) {
  v1::ReplayWebhookDeliveriesRequest request;
  request.set_webhook_id(args.id);
  if (args.delivery.empty() == !args.dead_for.has_value()) {
    program.out.Error("say which: the id of a delivery, or --dead-for TIME");
    return kExitUsage;
  }
  request.set_id(args.delivery);
  if (args.dead_for) {
    *request.mutable_dead_since() = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
        absl::ToUnixMicros(absl::Now() - *args.dead_for));
  }
  int64_t replayed = 0;
  absl::StatusOr<v1::ReplayWebhookDeliveriesResponse> response;
  do {
    response = client.ReplayWebhookDeliveries(request);
    if (response.ok()) replayed += response->replayed();
  } while (response.ok() && response->more() && !program.stop->cancelled());
  if (!response.ok() && replayed == 0) return program.Fail(response.status());
  if (program.out.json()) {
    program.out.Json({{"type", "replayed"}, {"deliveries", replayed}});
  } else if (!program.out.options().quiet) {
    program.out.Line(
        absl::StrCat(replayed, replayed == 1 ? " delivery" : " deliveries", " queued"));
  }
  return response.ok() ? kExitOk : program.Fail(response.status());
}

}  // namespace

int RunWebhooks(const Program& program, Client& client, const WebhooksArgs& args) {
  if (args.action == "create") return Create(program, client, args);
  if (args.action == "delete") return Delete(program, client, args);
  if (args.action == "test") return Test(program, client, args);
  if (args.action == "deliveries") return Deliveries(program, client, args);
  if (args.action == "replay") return Replay(program, client, args);
  return List(program, client);
}

}  // namespace stockroom::cli
