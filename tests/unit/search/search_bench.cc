// Latencies of the index in microseconds: search_bench [images], 100,000 without.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "services/api/search/memory_search_index.h"

namespace stockroom::api {
namespace {

using Clock = std::chrono::steady_clock;

double Micros(Clock::time_point since) {
  return std::chrono::duration<double, std::micro>(Clock::now() - since).count();
}

std::string Word(std::mt19937& dice) {
  // Few words are frequent, many are rare.
  std::exponential_distribution<double> rank(1.0 / 2000);
  uint32_t n = static_cast<uint32_t>(rank(dice)) * 2654435761u;
  std::string word;
  for (int i = 0; i < 6; ++i, n /= 26) word += static_cast<char>('a' + n % 26);
  return word;
}

Image RandomImage(std::mt19937& dice, int i) {
  Image image;
  char id[40];
  std::snprintf(id, sizeof(id), "0190f5b0-0000-7000-8000-%012d", i);
  image.id = id;
  image.owner = "owner" + std::to_string(i % 100);
  for (int n = 0; n < 5; ++n) image.described.title += Word(dice) + " ";
  for (int n = 0; n < 15; ++n) image.described.description += Word(dice) + " ";
  for (int n = 0; n < 4; ++n) image.described.tags.push_back(Word(dice));
  image.filename = "IMG_" + std::to_string(i) + ".jpg";
  image.facts = {.width = i % 3 == 0 ? 3 : 4, .height = 3, .format = i % 10 == 0 ? "png" : "jpeg"};
  image.described.license = i % 2 == 0 ? "CC0-1.0" : "";
  std::string hash(24, '\0');
  for (char& byte : hash) byte = static_cast<char>(dice() & 0x7f);
  image.analysis = {
      {"thumbhash", R"({"base64":")" + absl::Base64Escape(hash) + R"(","aspect":1.4})"},
      {"palette", R"({"colors":[{"hex":"#0a)" + std::to_string(1000 + dice() % 9000) +
                      R"(","weight":0.6},{"hex":"#ff)" + std::to_string(1000 + dice() % 9000) +
                      R"(","weight":0.4}]})"}};
  image.state = ImageState::kReady;
  image.create_time = absl::FromUnixSeconds(1'600'000'000 + i);
  image.revision = 1;
  return image;
}

void Report(const char* what, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  std::printf("%-28s p50 %9.1f  p99 %9.1f  us\n", what, times[times.size() / 2],
              times[times.size() * 99 / 100]);
}

template <typename MakeQuery>
void MeasureSearch(const char* what, const MemorySearchIndex& index, MakeQuery make_query) {
  std::vector<double> times;
  for (int i = 0; i < 1000; ++i) {
    const SearchRequest request{make_query(), 20, ""};
    const auto start = Clock::now();
    const auto result = index.Search(Principal::Anonymous(), request);
    times.push_back(Micros(start));
    if (!result.ok()) std::printf("%s\n", result.status().ToString().c_str());
  }
  Report(what, std::move(times));
}

template <typename Call>
void Measure(const char* what, int times, Call call) {
  std::vector<double> took;
  for (int i = 0; i < times; ++i) {
    const auto start = Clock::now();
    const auto result = call(i);
    took.push_back(Micros(start));
    if (!result.ok()) std::printf("%s\n", result.status().ToString().c_str());
  }
  Report(what, std::move(took));
}

void MeasureFinding(const MemorySearchIndex& index, std::mt19937& dice) {
  const Principal who = Principal::Anonymous();
  const std::vector<FacetField> all = {FacetField::kTag, FacetField::kFormat, FacetField::kLicense,
                                       FacetField::kYear, FacetField::kOrientation};
  Measure("five facets of everything", 50, [&](int) {
    return index.Search(who, {"", 20, "", all});
  });
  Measure("five facets of one word", 200, [&](int) {
    return index.Search(who, {Word(dice), 20, "", all});
  });
  for (const size_t n : {1, 2, 3}) {
    const std::string what = "suggest for " + std::to_string(n) + " letters";
    Measure(what.c_str(), 1000,
            [&](int) { return index.Suggest(who, Word(dice).substr(0, n), 10); });
  }
  Measure("suggest for a digit", 1000,
          [&](int i) { return index.Suggest(who, std::to_string(i % 10), 10); });
  Measure("suggest for nothing", 1000, [&](int) { return index.Suggest(who, "", 10); });
  const auto some = index.Search(who, {"", 50, ""});
  Measure("similar images", 50,
          [&](int i) { return index.FindSimilar(who, some->images[i]->id, 20); });
}

void Run(int images) {
  Metrics metrics;
  MemorySearchIndex index(metrics);
  std::mt19937 dice(1);
  const auto start = Clock::now();
  for (int i = 0; i < images;) {
    std::vector<Image> batch;
    for (; batch.size() < 256 && i < images; ++i) batch.push_back(RandomImage(dice, i));
    index.Apply(std::move(batch), {});
  }
  std::printf("loaded %ld images in %.2f s\n", static_cast<long>(index.size()),
              Micros(start) / 1e6);
  const auto prefix = [&](int n) { return Word(dice).substr(0, n); };
  MeasureSearch("everything", index, [] { return std::string(); });
  MeasureSearch("one word", index, [&] { return Word(dice); });
  MeasureSearch("two 3-letter prefixes", index, [&] { return prefix(3) + " " + prefix(3); });
  MeasureSearch("two 2-letter prefixes", index, [&] { return prefix(2) + " " + prefix(2); });
  MeasureSearch("two 1-letter prefixes", index, [&] { return prefix(1) + " " + prefix(1); });
  MeasureSearch("phrase of two", index,
                [&] { return "\"" + Word(dice) + " " + Word(dice) + "\""; });
  MeasureSearch("tag and prefix", index, [&] { return "tags:" + Word(dice) + " " + prefix(2); });
  MeasureSearch("date pattern", index, [] { return std::string("date:*-12-2020"); });
  MeasureSearch("desc", index, [&] { return "desc:\"" + Word(dice) + " a\""; });
  MeasureFinding(index, dice);
  std::vector<double> applies;
  for (int i = 0; i < 2000; ++i) {
    std::vector<Image> one = {RandomImage(dice, images * 2 + i)};
    const auto begin = Clock::now();
    index.Apply(std::move(one), {});
    applies.push_back(Micros(begin));
  }
  Report("apply one new image", std::move(applies));
}

}  // namespace
}  // namespace stockroom::api

int main(int argc, char** argv) { stockroom::api::Run(argc > 1 ? std::atoi(argv[1]) : 100'000); }
