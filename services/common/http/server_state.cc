#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/http/connection.h"

namespace stockroom::http {
namespace {

// The largest that TLS has.
constexpr int64_t kTlsRecord = 16 << 10;
constexpr char kRefused[] = "stockroom_http_refused_total";
constexpr char kRefusedHelp[] = "Requests answered 503 because a limit was reached.";

}  // namespace

ServerState::ServerState(const ServerOptions& server_options, Router server_router,
                         Metrics& metrics)
    : options(server_options),
      router(std::move(server_router)),
      in_flight(metrics.GetGauge("stockroom_http_requests_in_flight", "Handlers running now.")),
      refused_connections(metrics.GetCounter(kRefused, kRefusedHelp, {{"why", "connections"}})),
      refused_requests(metrics.GetCounter(kRefused, kRefusedHelp, {{"why", "in_flight"}})),
      failed_handshakes(metrics.GetCounter("stockroom_http_failed_handshakes_total",
                                           "Connections that ended during the TLS handshake.")),
      open_(metrics.GetGauge("stockroom_http_connections", "Open HTTP connections.")) {
  for (const auto& route : router.routes()) {
    route_metrics_[route.get()] = MakeMetrics(metrics, route->path.text(), route->method);
  }
  route_metrics_[nullptr] = MakeMetrics(metrics, "none", "none");
}

Pace ServerState::BodyPace() const {
  Pace pace{options.body_idle_timeout, options.grace, options.min_bytes_per_second};
  // Nothing of a record shows before all of it has come.
  if (tls != nullptr && pace.bytes_per_second > 0) {
    pace.grace +=
        absl::Seconds(static_cast<double>(kTlsRecord) / static_cast<double>(pace.bytes_per_second));
  }
  return pace;
}

Pace ServerState::AnswerPace() const {
  return {options.write_idle_timeout, options.grace, options.min_bytes_per_second};
}

ServerState::RouteMetrics ServerState::MakeMetrics(Metrics& metrics, const std::string& route,
                                                   const std::string& method) {
  RouteMetrics made;
  for (int i = 2; i <= 5; ++i) {
    made.by_class[i] = &metrics.GetCounter(
        "stockroom_http_requests_total", "Requests answered, by route and class of status.",
        {{"route", route}, {"method", method}, {"class", absl::StrCat(i, "xx")}});
  }
  made.seconds =
      &metrics.GetHistogram("stockroom_http_request_seconds",
                            "From the end of a request's head to the end of its answer.",
                            Histogram::LatencyBounds(), {{"route", route}, {"method", method}});
  return made;
}

void ServerState::Count(const Route* route, int status, absl::Duration took) {
  const RouteMetrics& found = route_metrics_.at(route);
  found.by_class[std::clamp(status / 100, 2, 5)]->Add();
  found.seconds->Observe(absl::ToDoubleSeconds(took));
}

void ServerState::Register(Connection* connection) {
  MutexLock lock(mu_);
  connections_.insert(connection);
  open_.Set(static_cast<int64_t>(connections_.size()));
}

void ServerState::Unregister(Connection* connection) {
  MutexLock lock(mu_);
  connections_.erase(connection);
  open_.Set(static_cast<int64_t>(connections_.size()));
  changed_.NotifyAll();
}

int ServerState::connections() {
  MutexLock lock(mu_);
  return static_cast<int>(connections_.size());
}

// Connections only post to their loop here, so the lock is held for a moment, and none can be
// destroyed meanwhile: that begins with Unregister.
void ServerState::DrainAll() {
  MutexLock lock(mu_);
  for (Connection* connection : connections_) connection->Drain();
}

void ServerState::AbortAll() {
  MutexLock lock(mu_);
  for (Connection* connection : connections_) connection->Abort();
}

bool ServerState::WaitUntilNone(absl::Duration limit) {
  const absl::Time until = absl::Now() + limit;
  MutexLock lock(mu_);
  while (!connections_.empty()) {
    if (absl::Now() >= until) return false;
    changed_.WaitFor(mu_, until - absl::Now());
  }
  return true;
}

}  // namespace stockroom::http
