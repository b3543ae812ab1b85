#include "services/common/base/metrics.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace stockroom {
namespace {

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out.push_back('\\');
    if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string RenderLabels(const Metrics::Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out.push_back(',');
    out += name + "=\"" + Escape(value) + "\"";
  }
  return out;
}

std::string Number(double v) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, v);
  return error == std::errc() ? std::string(buffer, end) : "0";
}

std::string WithLabels(std::string_view name, std::string_view labels,
                       std::string_view extra = {}) {
  std::string out(name);
  if (labels.empty() && extra.empty()) return out;
  out.push_back('{');
  out += labels;
  if (!labels.empty() && !extra.empty()) out.push_back(',');
  out += extra;
  out.push_back('}');
  return out;
}

void RenderHistogram(std::string_view name, std::string_view labels, const Histogram& histogram,
                     std::string& out) {
  const std::string bucket_name = std::string(name) + "_bucket";
  uint64_t cumulative = 0;
  for (size_t i = 0; i < histogram.bounds().size(); ++i) {
    cumulative += histogram.bucket(i);
    out += WithLabels(bucket_name, labels, "le=\"" + Number(histogram.bounds()[i]) + "\"") + " " +
           std::to_string(cumulative) + "\n";
  }
  cumulative += histogram.bucket(histogram.bounds().size());
  out += WithLabels(bucket_name, labels, "le=\"+Inf\"") + " " + std::to_string(cumulative) + "\n";
  out += WithLabels(std::string(name) + "_sum", labels) + " " + Number(histogram.sum()) + "\n";
  out += WithLabels(std::string(name) + "_count", labels) + " " + std::to_string(cumulative) + "\n";
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)),
      buckets_(std::make_unique<std::atomic<uint64_t>[]>(bounds_.size() + 1)) {}

void Histogram::Observe(double v) {
  const size_t i = std::lower_bound(bounds_.begin(), bounds_.end(), v) - bounds_.begin();
  buckets_[i].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(v, std::memory_order_relaxed);
}

std::vector<double> Histogram::LatencyBounds() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

Metrics::Series& Metrics::Find(std::string_view name, std::string_view help, Kind kind,
                               const Labels& labels) {
  auto it = families_.find(name);
  if (it == families_.end()) {
    it = families_.emplace(std::string(name), Family{kind, std::string(help), {}}).first;
  }
  Family& family = it->second;
  if (family.kind != kind) {
    std::fprintf(stderr, "metric %s is used with two kinds\n", it->first.c_str());
    std::abort();
  }
  const std::string rendered = RenderLabels(labels);
  for (const auto& series : family.series) {
    if (series->labels == rendered) return *series;
  }
  family.series.push_back(std::make_unique<Series>());
  family.series.back()->labels = rendered;
  return *family.series.back();
}

Counter& Metrics::GetCounter(std::string_view name, std::string_view help, const Labels& labels) {
  MutexLock lock(mu_);
  Series& series = Find(name, help, Kind::kCounter, labels);
  if (!series.counter) series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Gauge& Metrics::GetGauge(std::string_view name, std::string_view help, const Labels& labels) {
  MutexLock lock(mu_);
  Series& series = Find(name, help, Kind::kGauge, labels);
  if (!series.gauge) series.gauge = std::make_unique<Gauge>();
  return *series.gauge;
}

Histogram& Metrics::GetHistogram(std::string_view name, std::string_view help,
                                 std::vector<double> bounds, const Labels& labels) {
  MutexLock lock(mu_);
  Series& series = Find(name, help, Kind::kHistogram, labels);
  if (!series.histogram) series.histogram = std::make_unique<Histogram>(std::move(bounds));
  return *series.histogram;
}

std::string Metrics::Render() const {
  MutexLock lock(mu_);
  std::string out;
  for (const auto& [name, family] : families_) {
    const char* kind = family.kind == Kind::kCounter ? "counter"
                       : family.kind == Kind::kGauge ? "gauge"
                                                     : "histogram";
    out += "# HELP " + name + " " + Escape(family.help) + "\n# TYPE " + name + " " + kind + "\n";
    for (const auto& series : family.series) {
      if (series->counter) {
        out += WithLabels(name, series->labels) + " " + std::to_string(series->counter->value()) +
               "\n";
      } else if (series->gauge) {
        out +=
            WithLabels(name, series->labels) + " " + std::to_string(series->gauge->value()) + "\n";
      } else if (series->histogram) {
        RenderHistogram(name, series->labels, *series->histogram, out);
      }
    }
  }
  return out;
}

}  // namespace stockroom
