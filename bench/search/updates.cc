#include <atomic>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "bench/search/measure.h"
#include "bench/search/parts.h"

namespace stockroom::bench {
namespace {

// A follower of the feed reads 500 events at a time.
constexpr size_t kBatch = 500;
// A little more than what must be reached.
constexpr double kPace = 20'500;
constexpr absl::Duration kRound = absl::Seconds(6);

// Images all over the catalogue that get new titles and revisions, again and again.
class Writer {
 public:
  Writer(const testing::Catalogue& catalogue, FilledIndex& index) : index_(index) {
    constexpr uint64_t kPool = 20'000;
    for (uint64_t n = 0; n < kPool; ++n) {
      pool_.push_back(catalogue.At(n * 48'271 % index.images(), 2));
    }
  }

  // Updates a second, of what `pace` asks for (0: all it can), until `stop`.
  double Run(double pace, const std::atomic<bool>& stop) {
    const absl::Time start = absl::Now();
    uint64_t written = 0;
    while (!stop) {
      std::vector<api::Image> batch;
      for (size_t n = 0; n < kBatch; ++n) {
        if (next_ == 0) ++revision_;
        batch.push_back(pool_[next_]);
        batch.back().revision = revision_;
        next_ = (next_ + 1) % pool_.size();
      }
      index_.memory_index().Apply(std::move(batch), {});
      written += kBatch;
      if (pace <= 0) continue;
      const absl::Time due = start + absl::Seconds(static_cast<double>(written) / pace);
      if (absl::Now() < due) absl::SleepFor(due - absl::Now());
    }
    return static_cast<double>(written) / absl::ToDoubleSeconds(absl::Now() - start);
  }

 private:
  FilledIndex& index_;
  std::vector<api::Image> pool_;
  size_t next_ = 0;
  int64_t revision_ = 2;
};

std::vector<double> SearchFor(absl::Duration time, FilledIndex& index,
                              const std::vector<std::string>& searches, size_t& next) {
  const api::Principal who = api::Principal::Anonymous();
  std::vector<double> micros;
  for (const absl::Time end = absl::Now() + time; absl::Now() < end;) {
    api::SearchRequest request;
    request.query = searches[next++ % searches.size()];
    request.page_size = 20;
    request.fetch = api::Fetch::kIds;
    const auto start = SteadyClock::now();
    const auto result = index.index().Search(who, request);
    micros.push_back(MicrosSince(start));
    Check(result.status(), "a search");
  }
  return micros;
}

}  // namespace

void MeasureUpdates(const testing::Catalogue& catalogue, FilledIndex& index, const Options& options,
                    Report& report) {
  std::vector<std::string> searches;
  for (uint64_t n = 0; n < 5000; ++n) {
    searches.push_back(catalogue.TwoWordsAndFilter(n, index.images()).query);
  }
  Writer writer(catalogue, index);
  size_t next = 0;
  std::vector<double> rates;
  std::vector<double> ratios;
  std::vector<double> busy_p99;
  SearchFor(absl::Seconds(1), index, searches, next);  // warm-up
  for (int pair = 0; pair < options.pairs; ++pair) {
    const double quiet = Percentile(SearchFor(kRound, index, searches, next), 0.99);
    std::atomic<bool> stop{false};
    double rate = 0;
    std::thread writing([&] { rate = writer.Run(kPace, stop); });
    busy_p99.push_back(Percentile(SearchFor(kRound, index, searches, next), 0.99));
    stop = true;
    writing.join();
    rates.push_back(rate);
    ratios.push_back(busy_p99.back() / quiet);
  }
  std::vector<double> flat_out;
  for (int pair = 0; pair < options.pairs; ++pair) {
    std::atomic<bool> stop{false};
    std::thread timer([&] {
      absl::SleepFor(kRound);
      stop = true;
    });
    flat_out.push_back(writer.Run(0, stop));
    timer.join();
  }
  report.Figure("updates_per_s", SpreadOf(rates), "updates/s");
  report.Ratio("p99_under_updates", SpreadOf(ratios));
  report.Figure("search_p99_us_under_updates", SpreadOf(busy_p99), "us");
  report.Figure("updates_per_s_alone", SpreadOf(flat_out), "updates/s");
}

}  // namespace stockroom::bench
