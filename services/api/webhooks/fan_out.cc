#include "services/api/webhooks/fan_out.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "services/api/domain/webhooks.h"
#include "services/common/base/backoff.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kTrimBatch = 1000;

bool AllDisabled(const std::vector<Webhook>& webhooks) {
  return std::all_of(webhooks.begin(), webhooks.end(),
                     [](const Webhook& webhook) { return webhook.disabled; });
}

// Nothing up to here is for any of them.
int64_t NobodyWants(const std::vector<Webhook>& webhooks) {
  int64_t position = -1;
  for (const Webhook& webhook : webhooks) {
    if (webhook.disabled) continue;
    position = position < 0 ? webhook.after_position : std::min(position, webhook.after_position);
  }
  return position;
}

}  // namespace

WebhookFanOut::WebhookFanOut(Options options, MetadataStore& store, Clock& clock, Metrics& metrics)
    : options_(std::move(options)),
      metadata_(store),
      store_(store.webhooks()),
      clock_(clock),
      position_gauge_(metrics.GetGauge("stockroom_webhook_reader_position",
                                       "Position of the change feed up to which events were given "
                                       "to webhooks, as this api last saw it.")),
      matched_total_(metrics.GetCounter("stockroom_webhook_matched_total",
                                        "Deliveries made of events by this api.")),
      overflow_total_(metrics.GetCounter("stockroom_webhook_overflow_total",
                                         "Of these, dead at once as too many were pending.")),
      trimmed_total_(metrics.GetCounter("stockroom_webhook_feed_trimmed_total",
                                        "Times that events were gone before they were read.")) {}

WebhookFanOut::~WebhookFanOut() { Stop(); }

void WebhookFanOut::Start() {
  loop_.Start("webhook-feed", [this] { Run(); });
}

void WebhookFanOut::Poke() { loop_.Poke(); }

void WebhookFanOut::Stop() { loop_.Stop(); }

void WebhookFanOut::Run() {
  Backoff backoff({.first = absl::Milliseconds(200), .longest = absl::Seconds(5)});
  absl::Duration next_trim = BootTimeNow();
  bool more = true;
  do {
    absl::StatusOr<bool> step = StepOnce();
    absl::Status status = step.status();
    if (BootTimeNow() >= next_trim) {
      status.Update(TrimOnce());
      next_trim = BootTimeNow() + options_.trim_every;
    }
    more = step.ok() && *step;
    if (!status.ok()) {
      LogWarning("the change feed can not be read for webhooks", {{"error", status}});
      if (!loop_.Sleep(options_.poll, backoff.Next())) return;
      continue;
    }
    backoff.Reset();
  } while (loop_.Sleep(more ? options_.pace : options_.poll, options_.pace));
}

absl::StatusOr<bool> WebhookFanOut::HoldLease() {
  const absl::Time now = clock_.Now();
  if (now + options_.lease / 2 < leased_until_) return true;
  SR_ASSIGN_OR_RETURN(const bool mine,
                      metadata_.TakeLease("webhooks", options_.holder, now, options_.lease));
  leased_until_ = mine ? now + options_.lease : absl::InfinitePast();
  return mine;
}

absl::StatusOr<bool> WebhookFanOut::StepOnce() {
  SR_ASSIGN_OR_RETURN(const std::vector<Webhook> webhooks, store_.ListWebhooks());
  // Their own positions say where to go on once there are some.
  if (AllDisabled(webhooks)) return false;
  SR_ASSIGN_OR_RETURN(const bool mine, HoldLease());
  if (!mine) return false;
  SR_ASSIGN_OR_RETURN(const int64_t from, store_.ReaderPosition());
  position_gauge_.Set(from);
  SR_ASSIGN_OR_RETURN(std::vector<Event> events, ReadAfter(std::max(from, NobodyWants(webhooks))));
  if (events.empty()) return false;
  const size_t read = events.size();
  SR_ASSIGN_OR_RETURN(const std::vector<NewDelivery> deliveries, Match(events));
  const int64_t to = events.back().position;
  const absl::StatusOr<int> dead =
      store_.AdvanceReader(from, to, deliveries, options_.max_pending, clock_.Now());
  if (absl::IsAborted(dead.status())) return true;
  SR_RETURN_IF_ERROR(dead.status());
  position_gauge_.Set(to);
  matched_total_.Add(deliveries.size());
  overflow_total_.Add(*dead);
  if (!deliveries.empty()) options_.wake();
  return events.size() < read || static_cast<int>(read) == options_.batch;
}

absl::StatusOr<std::vector<Event>> WebhookFanOut::ReadAfter(int64_t position) {
  absl::StatusOr<std::vector<Event>> events = metadata_.ReadEvents(position, options_.batch);
  if (DetailsOf(events.status()).reason != kFeedTrimmed) return events;
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, metadata_.GetFeedRange());
  LogWarning("events were forgotten before webhooks were told of them",
             {{"from", position}, {"to", range.trimmed}});
  trimmed_total_.Add();
  return metadata_.ReadEvents(range.trimmed, options_.batch);
}

absl::StatusOr<std::vector<NewDelivery>> WebhookFanOut::Match(std::vector<Event>& events) {
  SR_ASSIGN_OR_RETURN(const std::vector<Webhook> webhooks, store_.ListWebhooks());
  std::set<std::string> ids;
  for (const Event& event : events) {
    if (event.type != kImageDeleted) ids.insert(event.image_id);
  }
  const std::vector<std::string> wanted(ids.begin(), ids.end());
  SR_ASSIGN_OR_RETURN(const std::vector<Image> read, metadata_.GetImages(wanted));
  std::map<std::string, const Image*> images;
  for (const Image& image : read) images.emplace(image.id, &image);
  std::vector<NewDelivery> deliveries;
  for (size_t i = 0; i < events.size(); ++i) {
    if (deliveries.size() >= options_.max_deliveries) {
      events.resize(i);
      break;
    }
    const Event& event = events[i];
    const auto it = event.type == kImageDeleted ? images.end() : images.find(event.image_id);
    const Image* image = it == images.end() ? nullptr : it->second;
    for (const Webhook& webhook : webhooks) {
      if (!IsFor(webhook, event, image)) continue;
      deliveries.push_back({.webhook_id = webhook.id,
                            .event_id = event.id,
                            .type = event.type,
                            .image_id = event.image_id,
                            .owner = event.owner,
                            .revision = event.revision,
                            .event_time = event.time});
    }
  }
  return deliveries;
}

absl::Status WebhookFanOut::TrimOnce() {
  SR_ASSIGN_OR_RETURN(const bool mine, HoldLease());
  if (!mine) return absl::OkStatus();
  for (;;) {
    SR_ASSIGN_OR_RETURN(const int trimmed,
                        store_.TrimDeliveries(clock_.Now() - options_.keep_log, kTrimBatch));
    if (trimmed < kTrimBatch || loop_.stopping()) return absl::OkStatus();
  }
}

}  // namespace stockroom::api
