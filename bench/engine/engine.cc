// The image engine alone. Rungs in a lasting decoder beside the same libvips calls in this process
// and beside sharp; what a disposable decoder holds; what renditions lose when they are made of a
// rung.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/common/corpus.h"
#include "bench/common/decoders.h"
#include "bench/common/peer.h"
#include "bench/common/report.h"
#include "bench/engine/peak_memory.h"
#include "bench/engine/perception.h"
#include "bench/engine/plain_vips.h"

namespace stockroom::bench {
namespace {

constexpr int kWidth = 720;
constexpr int kTimes = 20;  // one after the other, a turn
constexpr int kWidths[] = {720, 512, 320};
constexpr double kLargest[] = {20, 24};  // megapixels of the picture for peak memory

std::string Recipe(int width, const std::string& format = "jpeg") {
  return absl::StrCat("fit=", width, "x0/format=", format,
                      format == "png" ? "" : absl::StrCat("/q=", kThumbQuality));
}

void Write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

double SecondsOf(const std::function<void()>& work) {
  const absl::Time begun = absl::Now();
  for (int i = 0; i < kTimes; ++i) work();
  return absl::ToDoubleSeconds(absl::Now() - begun) / kTimes;
}

// What is made small, and of what it pretends to be a rung.
struct Source {
  std::string name;
  Photo picture;
  int original_width = 0;
  int original_height = 0;
};

// Seconds a picture, one after the other.
void CompareSpeeds(Decoders& decoders, const Source& source, int pairs, Report& report,
                   std::vector<double>& vs_vips, std::vector<double>& vs_sharp) {
  Peer sharp("batch.mjs", {}, 1);
  const std::string path = ScratchFolder() + "/source.jpg";
  Write(path, source.picture.bytes);
  const auto with_decoder = [&] {
    return SecondsOf([&] {
      decoders.OfRung(source.picture.bytes, source.original_width, source.original_height,
                      Recipe(kWidth));
    });
  };
  const auto with_vips = [&] {
    return SecondsOf([&] { FitWithVips(source.picture.bytes, kWidth, kThumbQuality); });
  };
  const auto with_sharp = [&] {
    return sharp
        .Ask({{"op", "fit"},
              {"file", path},
              {"width", kWidth},
              {"quality", kThumbQuality},
              {"times", kTimes}})
        .at("seconds")
        .get<double>();
  };
  std::vector<double> ours, vips, theirs, to_vips, to_sharp;
  for (int pair = -1; pair < pairs; ++pair) {
    const double a = with_decoder();
    const double b = with_vips();
    const double c = with_sharp();
    if (pair < 0) continue;  // warm-up
    ours.push_back(1000 * a);
    vips.push_back(1000 * b);
    theirs.push_back(1000 * c);
    to_vips.push_back(a / b);
    to_sharp.push_back(c / a);
  }
  report.Figure("engine_" + source.name, SpreadOf(ours), "ms");
  report.Figure("libvips_" + source.name, SpreadOf(vips), "ms");
  report.Figure("sharp_" + source.name, SpreadOf(theirs), "ms");
  report.Ratio("engine_vs_libvips_" + source.name, SpreadOf(to_vips));
  report.Ratio("engine_vs_sharp_" + source.name, SpreadOf(to_sharp));
  vs_vips.insert(vs_vips.end(), to_vips.begin(), to_vips.end());
  vs_sharp.insert(vs_sharp.end(), to_sharp.begin(), to_sharp.end());
}

// Of the name that prior measurements have, or a generated one of that size.
Photo MediumPhoto(const std::string& corpus) {
  constexpr int kMediumWidth = 2725;
  constexpr int kMediumHeight = 2225;
  if (!corpus.empty()) {
    for (Photo& photo : ReadPhotos(corpus, 6.0, 6.1)) {
      if (photo.width == kMediumWidth && photo.height == kMediumHeight) return photo;
    }
  }
  const std::string folder = ScratchFolder() + "/";
  Peer("batch.mjs", {}, 2)
      .Ask({{"op", "generate"},
            {"folder", folder},
            {"count", 1},
            {"width", kMediumWidth},
            {"height", kMediumHeight}});
  return ReadPhotos(folder, 6.0, 6.1).at(0);
}

void MeasureSpeed(Decoders& decoders, const std::vector<Photo>& photos, const Arguments& arguments,
                  Report& report) {
  Source rung{"rung", {}, photos.front().width, photos.front().height};
  rung.picture.bytes = decoders.Ingest(photos.front().bytes).rungs.at(0);
  Source medium{"2725x2225", MediumPhoto(arguments.corpus), 0, 0};
  medium.original_width = medium.picture.width;
  medium.original_height = medium.picture.height;
  std::vector<double> vs_vips, vs_sharp;
  for (const Source& source : {rung, medium}) {
    CompareSpeeds(decoders, source, arguments.pairs, report, vs_vips, vs_sharp);
  }
  report.Ratio("engine_vs_libvips", SpreadOf(vs_vips));
  report.Ratio("engine_vs_sharp", SpreadOf(vs_sharp));
}

double PeakOfIngest(Decoders& decoders, const std::string& bytes) {
  const PeakMemory peak(decoders.pool().zygote_pid());
  decoders.Ingest(bytes);
  return peak.Megabytes();
}

void MeasureMemory(Decoders& decoders, const Arguments& arguments, Report& report) {
  std::string corpus = arguments.corpus;
  if (corpus.empty()) {
    corpus = ScratchFolder() + "/large";
    ::system(("mkdir -p " + corpus).c_str());
    Peer("batch.mjs", {}, 2)
        .Ask({{"op", "generate"},
              {"folder", corpus},
              {"count", 1},
              {"width", 5616},
              {"height", 3744}});
  }
  const std::vector<Photo> large = ReadPhotos(corpus, kLargest[0], kLargest[1]);
  if (large.empty()) {
    report.Note("no JPEG of 20 to 24 megapixels in the corpus; decoder_peak_mb is left out");
    return;
  }
  const std::string progressive = ScratchFolder() + "/progressive.jpg";
  Peer("batch.mjs", {}, 1)
      .Ask({{"op", "progressive"}, {"from", large[0].path}, {"to", progressive}});
  std::stringstream bytes;
  bytes << std::ifstream(progressive, std::ios::binary).rdbuf();
  std::vector<double> baseline, slow;
  for (int i = 0; i < arguments.pairs; ++i) {
    baseline.push_back(PeakOfIngest(decoders, large[0].bytes));
    slow.push_back(PeakOfIngest(decoders, bytes.str()));
  }
  report.Note(absl::StrCat("peak memory of a picture of ", static_cast<int>(large[0].megapixels()),
                           " megapixels"));
  report.Figure("decoder_peak_mb_baseline", SpreadOf(baseline), "MB");
  report.Figure("decoder_peak_mb_progressive", SpreadOf(slow), "MB");
}

// Distances of pairs of renditions of all photographs at all widths.
void MeasureQuality(Decoders& decoders, const std::vector<Photo>& photos, Report& report) {
  std::vector<double> by_ladder, by_encoder;
  for (const Photo& photo : photos) {
    const std::string rung = decoders.Ingest(photo.bytes).rungs.at(0);
    for (const int width : kWidths) {
      const std::string of_original = decoders.OfOriginal(photo.bytes, Recipe(width));
      const std::string of_rung = decoders.OfRung(rung, photo.width, photo.height, Recipe(width));
      const std::string exact = decoders.OfOriginal(photo.bytes, Recipe(width, "png"));
      const auto ladder = PerceivedDistance(of_original, of_rung);
      const auto encoder = PerceivedDistance(exact, of_original);
      if (!ladder || !encoder) {
        report.Note(
            "butteraugli_main is missing (Debian: libjxl-devtools) or failed; "
            "ladder_quality_delta is left out");
        return;
      }
      by_ladder.push_back(*ladder);
      by_encoder.push_back(*encoder);
    }
  }
  const auto mean = [](const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return Spread{sum / static_cast<double>(values.size()),
                  *std::min_element(values.begin(), values.end()),
                  *std::max_element(values.begin(), values.end())};
  };
  report.Note(
      "butteraugli 3-norm, means: below 1 is invisible; what quality 80 itself costs "
      "for comparison");
  report.Figure("ladder_quality_delta", mean(by_ladder), "butteraugli");
  report.Figure("jpeg_q80_delta", mean(by_encoder), "butteraugli");
}

int Main(int argc, char** argv) {
  const Arguments arguments =
      ParseArguments(argc, argv, "usage: scripts/bench engine [--json] [--corpus DIR] [--pairs N]");
  if (!StartVips(argv[0])) return 1;
  const std::vector<Photo> photos =
      PhotosOrGenerated(arguments.corpus, kLeastMegapixels, kMostMegapixels, 2);
  Report report(arguments.json);
  Decoders decoders(1);
  report.Note(absl::StrCat("libvips ", VipsVersion(),
                           " here; decoders: ", decoders.pool().Engines().at(0).libvips()));
  MeasureSpeed(decoders, photos, arguments, report);
  MeasureMemory(decoders, arguments, report);
  MeasureQuality(decoders, photos, report);
  return 0;
}

}  // namespace
}  // namespace stockroom::bench

int main(int argc, char** argv) { return stockroom::bench::Main(argc, argv); }
