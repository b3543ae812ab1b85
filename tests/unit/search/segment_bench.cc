// Bytes an image and images a second of segments: segment_bench [images [images in a piece]].
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "services/api/search/segment/segment.h"

namespace stockroom::api {
namespace {

// Of this thread's processor: others use the machine, too.
double Seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// The catalogue that the bound of memory is stated for: titles of 6 words and 15 tags from a Zipf
// dictionary of 50,000, a description of 12 for a third, EXIF for 60 %, GPS for 20 %.
class Catalogue {
 public:
  Catalogue() : dice_(1) {
    double sum = 0;
    for (int rank = 1; rank <= kWords; ++rank) {
      sum += 1.0 / rank;
      sums_.push_back(sum);
      uint64_t n = static_cast<uint64_t>(rank) * 0x9e3779b97f4a7c15;
      std::string word;
      for (uint64_t letters = 4 + n % 6; letters > 0; --letters, n /= 26) {
        word += static_cast<char>('a' + n % 26);
      }
      words_.push_back(word + std::string(rank % 3 == 0 ? "s" : ""));
    }
  }

  Image Next(uint64_t i) {
    Image image;
    char text[200];
    const uint64_t ms = 1'600'000'000'000 + i * 60'000 + dice_() % 50'000;
    std::snprintf(text, sizeof(text), "%08llx-%04llx-7%03x-8%03x-%012llx",
                  static_cast<unsigned long long>(ms >> 16),
                  static_cast<unsigned long long>(ms & 0xffff),
                  static_cast<unsigned>(dice_() & 0xfff), static_cast<unsigned>(dice_() & 0xfff),
                  static_cast<unsigned long long>(dice_() & 0xffffffffffff));
    image.id = text;
    image.owner = "owner-" + std::to_string(dice_() % 2000);
    for (int n = 0; n < 6; ++n) image.described.title += (n > 0 ? " " : "") + Word();
    while (image.described.tags.size() < 15) {
      const size_t rank = Rank();
      // Every tenth tag is of two words.
      std::string tag = words_[rank];
      if (rank % 10 == 9) tag += " " + words_[rank / 10];
      if (std::find(image.described.tags.begin(), image.described.tags.end(), tag) ==
          image.described.tags.end()) {
        image.described.tags.push_back(std::move(tag));
      }
    }
    if (dice_() % 3 == 0) {
      for (int n = 0; n < 12; ++n) image.described.description += Word() + " ";
    }
    image.filename = "IMG_" + std::to_string(dice_() % 10'000) + ".jpg";
    image.described.license = dice_() % 2 == 0 ? "CC0-1.0" : "CC-BY-4.0";
    image.facts = {.width = static_cast<int32_t>(1000 + dice_() % 7000),
                   .height = static_cast<int32_t>(1000 + dice_() % 5000),
                   .format = dice_() % 10 == 0 ? "png" : "jpeg"};
    image.size_bytes = static_cast<int64_t>(500'000 + dice_() % 9'000'000);
    image.md5.resize(16);
    for (char& byte : image.md5) byte = static_cast<char>(dice_());
    image.create_time = absl::FromUnixMillis(static_cast<int64_t>(ms)) +
                        absl::Microseconds(static_cast<int64_t>(dice_() % 1000));
    std::string facts = R"({"alpha":false,"bit_depth":8,"color_space":"srgb","frames":1,)"
                        R"("format":"jpeg","media_type":"image/jpeg","orientation":1)";
    if (dice_() % 10 < 6) {
      image.facts.taken_time = image.create_time - absl::Hours(dice_() % 20'000);
      facts += R"(,"camera":{"make":"Make)" + std::to_string(dice_() % 10) +
               R"(","model":"Model )" + std::to_string(dice_() % 20) + R"(","lens":"Lens )" +
               std::to_string(dice_() % 150) + R"("},"exposure":{"f_number":2.8,"iso":100})";
    }
    if (dice_() % 5 == 0) {
      std::snprintf(text, sizeof(text), R"(,"gps":{"latitude":%.7f,"longitude":%.7f})",
                    static_cast<double>(dice_() % 900'000'000) / 1e7,
                    static_cast<double>(dice_() % 1'800'000'000) / 1e7);
      facts += text;
    }
    image.analysis["facts"] = facts + "}";
    std::string hash;
    for (int w = 0; w < 4; ++w) {
      std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(dice_()));
      hash += text;
    }
    image.analysis["pdq"] = R"({"hash":")" + hash + R"(","quality":90})";
    std::string thumb(24, '\0');
    for (char& byte : thumb) byte = static_cast<char>(dice_() & 0x7f);
    image.analysis["thumbhash"] =
        R"({"base64":")" + absl::Base64Escape(thumb) + R"(","aspect":1.4})";
    image.analysis["palette"] =
        R"({"colors":[{"hex":"#0a1234","weight":0.6},{"hex":"#ff8822","weight":0.4}]})";
    image.state = ImageState::kReady;
    return image;
  }

 private:
  static constexpr int kWords = 50'000;

  size_t Rank() {
    std::uniform_real_distribution<double> upTo(0, sums_.back());
    return static_cast<size_t>(std::lower_bound(sums_.begin(), sums_.end(), upTo(dice_)) -
                               sums_.begin());
  }
  std::string Word() { return words_[Rank()]; }

  std::mt19937_64 dice_;
  std::vector<double> sums_;
  std::vector<std::string> words_;
};

// Seconds that something took in all.
class Watch {
 public:
  template <typename Work>
  auto Of(Work work) {
    const double start = Seconds();
    auto result = work();
    seconds_ += Seconds() - start;
    return result;
  }
  void Report(const char* what, uint64_t images) const {
    std::printf("%-12s %10.0f images/s\n", what, static_cast<double>(images) / seconds_);
  }

 private:
  double seconds_ = 0;
};

void Run(uint64_t images, uint64_t piece) {
  Catalogue catalogue;
  Watch reading;
  Watch building;
  Watch merging;
  Watch opening;
  std::vector<MergeInput> inputs;
  for (uint64_t i = 0; i < images;) {
    std::vector<Image> batch;
    for (; batch.size() < piece && i < images; ++i) batch.push_back(catalogue.Next(i));
    const auto documents = reading.Of([&] {
      std::vector<IndexedDocument> all;
      all.reserve(batch.size());
      for (const Image& image : batch) all.push_back(DocumentOf(image));
      return all;
    });
    auto segment = building.Of([&] {
      SegmentBuilder builder;
      Locator locator = 0;
      for (const IndexedDocument& document : documents) builder.Add(document, locator += 1100);
      return builder.Build();
    });
    const uint32_t docs = segment->docs();
    inputs.push_back({std::move(segment), DocBits(docs, true)});
  }
  const auto merged = merging.Of([&] {
    return Merge(
        inputs, [](Locator locator) { return locator; }, [] { return false; });
  });
  const Segment& segment = *merged->segment;
  const auto opened = opening.Of([&] { return Segment::Open(segment.bytes(), merged->segment); });
  reading.Report("DocumentOf", images);
  building.Report("Build", images);
  merging.Report("Merge", images);
  opening.Report("Open", images);
  if (!opened.ok()) std::printf("%s\n", opened.status().ToString().c_str());
  const SegmentBytes parts = segment.parts();
  const auto each = [&](const char* what, uint64_t bytes) {
    std::printf("%-12s %10.2f B an image\n", what,
                static_cast<double>(bytes) / static_cast<double>(images));
  };
  each("dictionary", parts.dictionary);
  each("postings", parts.postings);
  each("columns", parts.columns);
  each("ids", parts.ids);
  each("text", parts.dictionary + parts.postings + parts.columns + parts.ids);
  each("looks", parts.looks);
  uint64_t postings = 0;
  for (TermOrd term = 0; term < segment.terms(); ++term) postings += segment.Frequency(term);
  std::printf("%u terms, %.2f postings an image\n", segment.terms(),
              static_cast<double>(postings) / static_cast<double>(images));
}

}  // namespace
}  // namespace stockroom::api

int main(int argc, char** argv) {
  const uint64_t images = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  const uint64_t piece = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 65'536;
  stockroom::api::Run(images, std::max<uint64_t>(1, piece));
  return 0;
}
