#include <functional>
#include <vector>

#include "absl/time/clock.h"
#include "bench/search/measure.h"
#include "bench/search/parts.h"

namespace stockroom::bench {
namespace {

using api::FacetField;
using api::Fetch;
using api::Principal;
using api::SearchRequest;

constexpr uint64_t kWarmUp = 200;

// `call(n)` for n in [0, rounds * calls), each timed; the first of them once before.
Latencies Measure(int rounds, uint64_t calls, const std::function<absl::Status(uint64_t)>& call) {
  for (uint64_t n = 0; n < std::min(kWarmUp, calls); ++n) Check(call(n), "a call");
  Latencies latencies;
  for (int round = 0; round < rounds; ++round) {
    std::vector<double> micros;
    for (uint64_t n = 0; n < calls; ++n) {
      const auto start = SteadyClock::now();
      const absl::Status status = call(static_cast<uint64_t>(round) * calls + n);
      micros.push_back(MicrosSince(start));
      Check(status, "a call");
    }
    latencies.Add(micros);
  }
  return latencies;
}

void Tell(Report& report, const std::string& name, const std::string& suffix,
          const Latencies& latencies) {
  report.Figure(name + "_p50_us" + suffix, SpreadOf(latencies.p50), "us");
  report.Figure(name + "_p99_us" + suffix, SpreadOf(latencies.p99), "us");
}

// Bytes of the parts an image; what is in files apart.
void TellMemory(FilledIndex& index, Report& report, const std::string& suffix) {
  double text = 0;
  double looks = 0;
  double all = 0;
  double documents = 0;
  const auto images = static_cast<double>(index.images());
  for (const api::MemoryPart& part : index.index().Memory()) {
    const double each = static_cast<double>(part.bytes) / images;
    report.Figure("bytes_per_image_" + part.name + suffix, SpreadOf({each}), "bytes");
    if (part.is_file) {
      documents += each;
      continue;
    }
    all += each;
    const bool is_text =
        part.name != "looks" && part.name != "clusters" && part.name != "suggestions";
    if (is_text) text += each;
    if (part.name == "looks") looks += each;
  }
  report.Figure("bytes_per_image_text" + suffix, SpreadOf({text}), "bytes");
  report.Figure("bytes_per_image_with_looks" + suffix, SpreadOf({text + looks}), "bytes");
  report.Figure("bytes_per_image_all" + suffix, SpreadOf({all}), "bytes");
  report.Figure("bytes_per_image_in_files" + suffix, SpreadOf({documents}), "bytes");
  // What the process really grew by.
  report.Figure("bytes_per_image_grown" + suffix,
                SpreadOf({static_cast<double>(index.own_memory()) / images}), "bytes");
}

}  // namespace

void MeasureSpeed(const testing::Catalogue& catalogue, FilledIndex& index, const Options& options,
                  Report& report, const std::string& suffix) {
  const Principal who = Principal::Anonymous();
  const auto search = [&](SearchRequest request) {
    request.page_size = 20;
    request.fetch = Fetch::kIds;
    return index.index().Search(who, request).status();
  };
  const auto two_words = [&](uint64_t n) {
    return catalogue.TwoWordsAndFilter(n, index.images()).query;
  };
  // Made before they are timed: making one costs as much as answering it.
  constexpr uint64_t kSearches = 1000;
  std::vector<std::string> searches;
  std::vector<std::string> any_of_five;
  std::vector<std::string> prefixes;
  for (uint64_t n = 0; n < kSearches * static_cast<uint64_t>(options.pairs); ++n) {
    searches.push_back(two_words(n));
    any_of_five.push_back(catalogue.AnyOfFiveWords(n));
    prefixes.push_back(catalogue.Prefix(n));
  }
  Tell(report, "search", suffix, Measure(options.pairs, kSearches, [&](uint64_t n) {
         return search({.query = searches[n]});
       }));
  Tell(report, "search_relevance", suffix, Measure(options.pairs, kSearches, [&](uint64_t n) {
         return search({.query = searches[n], .sort = api::SortOrder::kRelevance});
       }));
  Tell(report, "or5_facets", suffix, Measure(options.pairs, 200, [&](uint64_t n) {
         return search({.query = any_of_five[n],
                        .facets = {FacetField::kTag, FacetField::kLicense, FacetField::kCamera},
                        .exact_total = true});
       }));
  Tell(report, "suggest", suffix, Measure(options.pairs, kSearches, [&](uint64_t n) {
         return index.index().Suggest(who, prefixes[n], 10).status();
       }));
  const Latencies pdq = Measure(options.pairs, 50, [&](uint64_t n) {
    const auto hash = catalogue.PdqOf(n * 7919 % index.images());
    auto query = std::make_shared<api::Query>();
    query->root.is = api::HashNode{.hash = {hash[0], hash[1], hash[2], hash[3]}};
    return search({.parsed = std::move(query)});
  });
  report.Figure("pdq_scan_us" + suffix, SpreadOf(pdq.p50), "us");
  TellMemory(index, report, suffix);
}

}  // namespace stockroom::bench
