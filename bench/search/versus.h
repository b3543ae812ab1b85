// The same searches asked of the index and of somebody else, in turns.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/str_join.h"
#include "bench/search/measure.h"
#include "bench/search/parts.h"

namespace stockroom::bench {

// What is found and by whom: both find the public READY images, newest first.
inline bool IsFoundByAll(const api::Image& image) {
  return image.state == api::ImageState::kReady &&
         image.described.visibility == api::Visibility::kPublic;
}
inline std::string TagText(const api::Image& image) {
  return absl::StrJoin(image.described.tags, " ; ");
}

// `theirs(search)` answers a search with the number of rows it gave. Rounds of `searches` each, all
// of ours and all of theirs in turns, so that each side has the processor's caches to itself as a
// server has them; NAME_p50_us of theirs and search_vs_NAME, the ratio of p50.
// Ends the program where both find something and differ in how much, beyond 2 % of the searches
// (words are split a little differently).
inline void Compare(const testing::Catalogue& catalogue, FilledIndex& index, const Options& options,
                    Report& report, const std::string& name, uint64_t searches,
                    const std::function<size_t(const testing::TwoWords&)>& theirs) {
  constexpr int kPage = 20;
  const api::Principal who = api::Principal::Anonymous();
  std::vector<double> their_p50;
  std::vector<double> ratios;
  uint64_t differ = 0;
  for (int round = 0; round <= options.pairs; ++round) {
    std::vector<testing::TwoWords> asked;
    for (uint64_t n = 0; n < searches; ++n) {
      asked.push_back(
          catalogue.TwoWordsAndFilter(static_cast<uint64_t>(round) * searches + n, index.images()));
    }
    std::vector<double> our_micros;
    std::vector<size_t> our_hits;
    for (const testing::TwoWords& search : asked) {
      api::SearchRequest request;
      request.query = search.query;
      request.page_size = kPage;
      request.fetch = api::Fetch::kIds;
      const auto start = SteadyClock::now();
      const auto ours = index.index().Search(who, request);
      our_micros.push_back(MicrosSince(start));
      Check(ours.status(), search.query.c_str());
      our_hits.push_back(ours->hits.size());
    }
    std::vector<double> their_micros;
    for (size_t n = 0; n < asked.size(); ++n) {
      const auto start = SteadyClock::now();
      const size_t rows = theirs(asked[n]);
      their_micros.push_back(MicrosSince(start));
      differ += rows == our_hits[n] ? 0 : 1;
    }
    if (round == 0) continue;  // warm-up
    their_p50.push_back(Percentile(their_micros, 0.5));
    ratios.push_back(their_p50.back() / Percentile(our_micros, 0.5));
  }
  if (differ * 50 > searches * static_cast<uint64_t>(options.pairs + 1)) {
    std::fprintf(stderr, "%s: %llu searches found another number of images\n", name.c_str(),
                 static_cast<unsigned long long>(differ));
    std::exit(1);
  }
  report.Figure(name + "_p50_us", SpreadOf(their_p50), "us");
  report.Ratio("search_vs_" + name, SpreadOf(ratios));
}

}  // namespace stockroom::bench
