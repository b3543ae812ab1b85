// Where the eye goes first, from four things that draw it: detail, colours unlike the rest, skin
// and saturation. The picture is divided into cells; each gets a score; the region is the rectangle
// of cells whose scores exceed a threshold by most in sum.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "services/imageproc/processors/builtin.h"
#include "services/imageproc/processors/luminance.h"

namespace stockroom::imageproc {
namespace {

constexpr int kMostCells = 64;  // along a side
// Weights add up to 1. Chosen by looking at what photographs of people, animals, buildings and
// landscapes are cropped to.
constexpr double kDetailWeight = 0.45;
constexpr double kContrastWeight = 0.25;
constexpr double kSkinWeight = 0.20;
constexpr double kSaturationWeight = 0.10;
// A cell in a corner counts by so much less than one in the middle: photographers centre subjects.
constexpr double kCornerLoss = 0.4;
// What a cell must exceed, in standard deviations above the mean, to enlarge the region.
constexpr double kThreshold = 0.5;
constexpr double kLeastRegion = 0.1;  // of a side
constexpr double kFlat = 1e-6;        // deviation below which nothing stands out

struct Cell {
  double detail = 0;
  std::array<double, 3> color{};  // Y, Cb, Cr
  double skin = 0;
  double saturation = 0;
  double visible = 0;  // mean alpha, 0 to 1
};

struct Grid {
  int columns = 0;
  int rows = 0;
  std::vector<Cell> cells;

  Cell& at(int x, int y) {
    return cells[static_cast<size_t>(y) * static_cast<size_t>(columns) + static_cast<size_t>(x)];
  }
};

struct Region {
  int left = 0;
  int top = 0;
  int right = 0;  // behind the last cell
  int bottom = 0;
};

// Chrominance of human skin of any tone; D. Chai and K. N. Ngan, 1999.
bool IsSkin(double y, double cb, double cr) {
  return y > 50 && cb >= 77 && cb <= 127 && cr >= 133 && cr <= 173;
}

void AddPixel(const Pixels& pixels, const std::vector<float>& luminance, int x, int y, Cell& cell) {
  const uint8_t* rgba = pixels.at(x, y);
  const int alpha = rgba[3];
  const int r = OverWhite(rgba[0], alpha);
  const int g = OverWhite(rgba[1], alpha);
  const int b = OverWhite(rgba[2], alpha);
  const size_t at =
      static_cast<size_t>(y) * static_cast<size_t>(pixels.width) + static_cast<size_t>(x);
  const double luma = luminance[at];
  const double right = x + 1 < pixels.width ? luminance[at + 1] : luma;
  const double below =
      y + 1 < pixels.height ? luminance[at + static_cast<size_t>(pixels.width)] : luma;
  const double cb = 128 + 0.564 * (b - luma);
  const double cr = 128 + 0.713 * (r - luma);
  const int most = std::max({r, g, b});
  const int least = std::min({r, g, b});
  cell.detail += std::abs(right - luma) + std::abs(below - luma);
  cell.color[0] += luma;
  cell.color[1] += cb;
  cell.color[2] += cr;
  cell.skin += IsSkin(luma, cb, cr) ? 1 : 0;
  // Not divided by the brightness: in the dark that would be noise.
  cell.saturation += (most - least) / 255.0;
  cell.visible += alpha / 255.0;
}

Grid MakeGrid(const Pixels& pixels) {
  const std::vector<float> luminance = Luminance(pixels);
  const int longest = std::max(pixels.width, pixels.height);
  const int cell_side = (longest + kMostCells - 1) / kMostCells;
  Grid grid;
  grid.columns = (pixels.width + cell_side - 1) / cell_side;
  grid.rows = (pixels.height + cell_side - 1) / cell_side;
  grid.cells.resize(static_cast<size_t>(grid.columns) * static_cast<size_t>(grid.rows));
  for (int row = 0; row < grid.rows; ++row) {
    for (int column = 0; column < grid.columns; ++column) {
      Cell& cell = grid.at(column, row);
      const int right = std::min((column + 1) * cell_side, pixels.width);
      const int bottom = std::min((row + 1) * cell_side, pixels.height);
      for (int y = row * cell_side; y < bottom; ++y) {
        for (int x = column * cell_side; x < right; ++x) AddPixel(pixels, luminance, x, y, cell);
      }
      const double count =
          (right - column * cell_side) * static_cast<double>(bottom - row * cell_side);
      for (double* sum : {&cell.detail, &cell.color[0], &cell.color[1], &cell.color[2], &cell.skin,
                          &cell.saturation, &cell.visible}) {
        *sum /= count;
      }
    }
  }
  return grid;
}

// How far each cell's colour is from the mean one (R. Achanta and others, 2009).
std::vector<double> Contrasts(const Grid& grid) {
  std::array<double, 3> mean{};
  for (const Cell& cell : grid.cells) {
    for (size_t c = 0; c < 3; ++c)
      mean[c] += cell.color[c] / static_cast<double>(grid.cells.size());
  }
  std::vector<double> contrasts;
  for (const Cell& cell : grid.cells) {
    double sum = 0;
    for (size_t c = 0; c < 3; ++c) sum += (cell.color[c] - mean[c]) * (cell.color[c] - mean[c]);
    contrasts.push_back(std::sqrt(sum));
  }
  return contrasts;
}

// Divided by the largest one, but never blown up above a level that can hardly be seen.
double Relative(double value, double largest, double hardly) {
  return value / std::max(largest, hardly);
}

std::vector<double> Scores(const Grid& grid) {
  const std::vector<double> contrasts = Contrasts(grid);
  const double most_contrast = *std::max_element(contrasts.begin(), contrasts.end());
  double most_detail = 0;
  for (const Cell& cell : grid.cells) most_detail = std::max(most_detail, cell.detail);
  std::vector<double> scores;
  for (size_t i = 0; i < grid.cells.size(); ++i) {
    const Cell& cell = grid.cells[i];
    // The root, so that one hard edge does not drown everything else.
    const double detail = std::sqrt(Relative(cell.detail, most_detail, 8));
    // Skin has some texture; sand and wood of its colour in soft light have none.
    const double skin = cell.skin * std::min(1.0, 0.25 + detail);
    const double score = kDetailWeight * detail +
                         kContrastWeight * Relative(contrasts[i], most_contrast, 16) +
                         kSkinWeight * skin + kSaturationWeight * cell.saturation;
    const double x =
        (static_cast<double>(i % static_cast<size_t>(grid.columns)) + 0.5) / grid.columns;
    const double y = (static_cast<double>(i / static_cast<size_t>(grid.columns)) + 0.5) / grid.rows;
    const double off_center = 2 * ((x - 0.5) * (x - 0.5) + (y - 0.5) * (y - 0.5));
    scores.push_back(score * cell.visible * (1 - kCornerLoss * off_center));
  }
  return scores;
}

// The rectangle with the greatest sum of scores less the threshold: for each band of rows the best
// run of columns. At most 64 * 64 / 2 bands of 64 columns. Empty when nothing exceeds the
// threshold.
Region BestRegion(const std::vector<double>& scores, int columns, int rows, double threshold) {
  Region best;
  double most = 0;
  for (int top = 0; top < rows; ++top) {
    std::vector<double> band(static_cast<size_t>(columns), 0);
    for (int bottom = top; bottom < rows; ++bottom) {
      double run = 0;
      int left = 0;
      for (int x = 0; x < columns; ++x) {
        const auto column = static_cast<size_t>(x);
        band[column] +=
            scores[static_cast<size_t>(bottom) * static_cast<size_t>(columns) + column] - threshold;
        if (run <= 0) {
          run = 0;
          left = x;
        }
        run += band[column];
        if (run > most) {
          most = run;
          best = {left, top, x + 1, bottom + 1};
        }
      }
    }
  }
  return best;
}

struct Span {
  double start = 0;
  double length = 1;
};

// A run of cells as fractions of the side, not too short, inside of it.
Span Fractions(int first, int last, double cells_in_side) {
  double start = first / cells_in_side;
  double length = std::min(last / cells_in_side, 1.0) - start;
  if (length < kLeastRegion) {
    start += (length - kLeastRegion) / 2;
    length = kLeastRegion;
  }
  return {std::clamp(start, 0.0, 1 - length), length};
}

double Rounded(double fraction) { return std::round(fraction * 1e4) / 1e4; }

}  // namespace

absl::StatusOr<nlohmann::json> FindSmartCrop(const AnalysisInput& input) {
  const Pixels& pixels = input.large;
  Grid grid = MakeGrid(pixels);
  const std::vector<double> scores = Scores(grid);
  double mean = 0;
  double squares = 0;
  for (const double score : scores) {
    mean += score / static_cast<double>(scores.size());
    squares += score * score / static_cast<double>(scores.size());
  }
  const double deviation = std::sqrt(std::max(0.0, squares - mean * mean));
  Span across;
  Span down;
  if (deviation > kFlat) {
    const Region region =
        BestRegion(scores, grid.columns, grid.rows, mean + kThreshold * deviation);
    const int longest = std::max(pixels.width, pixels.height);
    const double cell_side = (longest + kMostCells - 1) / kMostCells;
    across = Fractions(region.left, region.right, pixels.width / cell_side);
    down = Fractions(region.top, region.bottom, pixels.height / cell_side);
  }
  return nlohmann::json{{"x", Rounded(across.start)},
                        {"y", Rounded(down.start)},
                        {"w", Rounded(across.length)},
                        {"h", Rounded(down.length)},
                        {"focus",
                         {{"x", Rounded(across.start + across.length / 2)},
                          {"y", Rounded(down.start + down.length / 2)}}}};
}

}  // namespace stockroom::imageproc
