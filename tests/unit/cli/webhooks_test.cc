// stockroom webhooks
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/command_line.h"
#include "tools/stockroom/exit_codes.h"

namespace stockroom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class WebhookCommands : public ::testing::Test {
 protected:
  // Parses and runs.
  int Run(std::vector<const char*> words) {
    words.insert(words.begin(), {"stockroom", "webhooks"});
    const ParsedCommandLine parsed = ParseCommandLine(static_cast<int>(words.size()), words.data());
    if (parsed.exit_code) return *parsed.exit_code;
    EXPECT_EQ(parsed.invocation.command, "webhooks");
    return RunWebhooks(bench_.program, client_, parsed.invocation.webhooks);
  }
  void Log(int count, v1::DeliveryState state) {
    for (int i = 0; i < count; ++i) {
      v1::WebhookDelivery& delivery = client_.log.emplace_back();
      delivery.set_id("d" + std::to_string(i));
      delivery.set_type("image.ready");
      delivery.set_state(state);
      delivery.set_attempts(1);
      delivery.set_last_status_code(state == v1::DELIVERED ? 204 : 500);
      if (state != v1::DELIVERED) delivery.set_last_error("HTTP 500\033[31m");
    }
  }

  Bench bench_;
  FakeClient client_;
};

TEST_F(WebhookCommands, CreateShowsTheSecretOnce) {
  EXPECT_EQ(Run({"create", "https://example.org/", "--type", "ready", "--type", "deleted", "--tag",
                 "sea", "--owner", "ann", "--label", "site"}),
            kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("w1"));
  EXPECT_THAT(bench_.out, HasSubstr("whsec_c2VjcmV0"));
  const v1::CreateWebhookRequest& sent = client_.last_webhook;
  EXPECT_EQ(sent.url(), "https://example.org/");
  EXPECT_THAT(sent.types(), ElementsAre("image.ready", "image.deleted"));
  EXPECT_THAT(sent.filter().tags(), ElementsAre("sea"));
  EXPECT_EQ(sent.filter().owner(), "ann");
  EXPECT_EQ(sent.label(), "site");
}

TEST_F(WebhookCommands, WhatCanNotBeMeantIsUsage) {
  EXPECT_EQ(Run({}), kExitUsage);
  EXPECT_EQ(Run({"create"}), kExitUsage);
  EXPECT_EQ(Run({"create", "https://example.org/", "--type", "eaten"}), kExitUsage);
  EXPECT_EQ(Run({"deliveries", "w1", "--state", "lost"}), kExitUsage);
  EXPECT_EQ(Run({"replay", "w1"}), kExitUsage);
  EXPECT_EQ(Run({"replay", "w1", "d1", "--dead-for", "1h"}), kExitUsage);
  EXPECT_EQ(Run({"replay", "w1", "--dead-for", "soon"}), kExitUsage);
}

TEST_F(WebhookCommands, ListTellsWhichAreDisabled) {
  v1::Webhook& webhook = *client_.webhooks.add_webhooks();
  webhook.set_id("w1");
  webhook.set_url("https://example.org/");
  webhook.set_disabled(true);
  EXPECT_EQ(Run({"list"}), kExitOk);
  EXPECT_EQ(bench_.out, "w1\tdisabled\tall\thttps://example.org/\t\n");
}

TEST_F(WebhookCommands, DeleteSaysWhatIsNotThere) {
  EXPECT_EQ(Run({"delete", "w1"}), kExitOk);
  EXPECT_EQ(Run({"delete", "w2"}), kExitNotFound);
}

TEST_F(WebhookCommands, ATestTellsWhatTheReceiverSaid) {
  Log(1, v1::DELIVERED);
  EXPECT_EQ(Run({"test", "w1"}), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("HTTP 204"));
  client_.log.clear();
  Log(1, v1::PENDING_DELIVERY);
  EXPECT_EQ(Run({"test", "w1"}), kExitFailed);
  EXPECT_THAT(bench_.err, HasSubstr("HTTP 500"));
  EXPECT_THAT(bench_.err, Not(HasSubstr("\033")));
}

TEST_F(WebhookCommands, TheLogGoesPageAfterPageUpToItsLimit) {
  Log(5, v1::DEAD);
  EXPECT_EQ(Run({"deliveries", "w1", "--all"}), kExitOk);
  EXPECT_EQ(std::count(bench_.out.begin(), bench_.out.end(), '\n'), 5);
  EXPECT_THAT(bench_.out, Not(HasSubstr("\033")));
  bench_.out.clear();
  EXPECT_EQ(Run({"deliveries", "w1", "-n", "3"}), kExitOk);
  EXPECT_EQ(std::count(bench_.out.begin(), bench_.out.end(), '\n'), 3);
}

TEST_F(WebhookCommands, ShellsCompleteActionsAndTheirOptions) {
  for (const CommandTree& command : DescribeCommandLine().commands) {
    if (command.name != "webhooks") continue;
    EXPECT_THAT(command.words,
                ElementsAre("list", "create", "delete", "test", "deliveries", "replay"));
    std::vector<std::string> names;
    for (const auto& option : command.options) {
      names.insert(names.end(), option.names.begin(), option.names.end());
    }
    EXPECT_THAT(names, ::testing::IsSupersetOf({"--type", "--state", "--dead-for"}));
    return;
  }
  FAIL() << "there is no command webhooks";
}

TEST_F(WebhookCommands, AReplayGoesOnUntilNothingIsLeft) {
  EXPECT_EQ(Run({"replay", "w1", "--dead-for", "24h"}), kExitOk);
  EXPECT_EQ(bench_.out, "2000 deliveries queued\n");
  EXPECT_TRUE(client_.replays[0].has_dead_since());
  EXPECT_EQ(Run({"replay", "w1", "d1"}), kExitOk);
  EXPECT_EQ(client_.replays.back().id(), "d1");
}

}  // namespace
}  // namespace stockroom::cli
