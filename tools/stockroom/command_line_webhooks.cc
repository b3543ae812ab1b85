#include "tools/stockroom/command_line_parts.h"
#include "tools/stockroom/help_texts.h"

namespace stockroom::cli {
namespace {

// A command of `webhooks` that is about one of them, or about none.
CLI::App& AddWebhookAction(CLI::App& webhooks, Invocation& to, const std::string& name,
                           const std::string& help, bool with_id = true) {
  CLI::App& action = *webhooks.add_subcommand(name, help);
  action.footer(kWebhooksExamples);
  action.parse_complete_callback([&to, name] { to.webhooks.action = name; });
  if (with_id) {
    action.add_option("id", to.webhooks.id, "the webhook")->required()->type_name("ID");
  }
  return action;
}

}  // namespace

void AddWebhooks(CLI::App& root, Invocation& to) {
  CLI::App& app = *root.add_subcommand("webhooks", "Tell other systems what happens to images");
  app.footer(kWebhooksExamples);
  app.require_subcommand(1);
  app.fallthrough();
  WebhooksArgs& args = to.webhooks;
  AddWebhookAction(app, to, "list", "All webhooks", false);

  CLI::App& create = AddWebhookAction(app, to, "create", "Make one; shows its secret", false);
  create.add_option("url", args.url, "where requests go")->required()->type_name("URL");
  Many(create, "--type", "created, updated, ready, failed or deleted; may be given several times",
       "EVENT", [&](const std::string& v) { args.types.push_back(v); })
      ->check(OneOf(kEventTypes));
  Many(create, "--tag", "only images with this tag; may be given several times", "TAG",
       [&](const std::string& v) { args.tags.push_back(v); });
  Text(create, "--owner", "only images of this owner", "SUBJECT",
       [&](const std::string& v) { args.owner = v; });
  Text(create, "--label", "what people call it", "TEXT",
       [&](const std::string& v) { args.label = v; });

  AddWebhookAction(app, to, "delete", "Remove one");
  AddWebhookAction(app, to, "test", "Send a webhook.test and see what comes of it");

  CLI::App& log = AddWebhookAction(app, to, "deliveries", "What was sent, or will be");
  Text(log, "--state", "pending, delivered or dead", "STATE", [&](const std::string& v) {
    args.state = v == "delivered" ? v1::DELIVERED : v == "dead" ? v1::DEAD : v1::PENDING_DELIVERY;
  })->check(OneOf(kDeliveryStates));
  log.add_option("-n,--limit", args.limit, "most deliveries to show (50)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->type_name("N");
  log.add_flag_callback(
      "--all", [&args] { args.limit = 0; }, "every one, page after page");

  CLI::App& replay = AddWebhookAction(app, to, "replay", "Send again");
  replay.add_option("delivery", args.delivery, "this one, dead or delivered")
      ->type_name("DELIVERY");
  Text(replay, "--dead-for", "all dead ones of events at most so long ago", "TIME",
       [&](const std::string& v) {
         absl::Duration d;
         if (absl::ParseDuration(v, &d)) args.dead_for = d;
       })
      ->check(DurationText());
}

}  // namespace stockroom::cli
