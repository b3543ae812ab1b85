#include "tests/unit/recipe/random_recipe.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace stockroom::test {
namespace {

class Generator {
 public:
  explicit Generator(std::mt19937_64& random) : random_(random) {}

  std::string Text() {
    Geometry();
    Look();
    Output();
    if (steps_.empty()) steps_.push_back("fit=" + Number(1, 16384) + "x0");
    for (size_t i = steps_.size() - 1; i > 0; --i) std::swap(steps_[i], steps_[Below(i + 1)]);
    std::string text;
    for (const std::string& step : steps_) text += (text.empty() ? "" : "/") + step;
    return text;
  }

 private:
  size_t Below(size_t n) { return static_cast<size_t>(random_() % n); }
  bool Rarely() { return Below(6) == 0; }
  std::string Number(int min, int max) {
    return std::to_string(min + static_cast<int>(Below(static_cast<size_t>(max - min) + 1)));
  }
  // Ends of the range more often than chance would.
  std::string Side() {
    switch (Below(6)) {
      case 0:
        return "1";
      case 1:
        return "16384";
      default:
        return Number(1, 2000);
    }
  }
  std::string Tenths(int min, int max) {
    const int value = std::stoi(Number(min, max));
    return std::to_string(value / 10) + "." + std::to_string(value % 10);
  }
  std::string Hex(size_t digits) {
    std::string text;
    while (text.size() < digits) text += "0123456789abcdefABCDEF"[Below(22)];
    return Rarely() ? std::string(digits, 'f') : text;
  }
  std::string OneOf(std::vector<std::string> words) { return words[Below(words.size())]; }
  void Add(const std::string& name, const std::string& value) {
    steps_.push_back(name + "=" + value);
  }

  void Geometry() {
    if (Rarely()) {
      Add("crop", Number(0, 500) + "," + Number(0, 500) + "," + Side() + "," + Side());
    }
    if (Rarely()) Add("trim", Number(1, 255));
    if (Rarely()) Add("rotate", OneOf({"0", "90", "180", "270"}));
    if (Rarely()) Add("flip", OneOf({"h", "v", "hv"}));
    const std::string mode = OneOf({"", "fit", "fit", "cover", "cover", "pad", "force"});
    if (!mode.empty()) Add(mode, Side() + "x" + (mode == "fit" && Rarely() ? "0" : Side()));
    if (!mode.empty() && Rarely()) Add("enlarge", OneOf({"0", "1"}));
    if (!mode.empty() && Rarely()) Add("dpr", OneOf({"1", "1.5", "1.25", "2", "2.0", "3.99", "4"}));
    if (mode == "cover" && Rarely()) {
      Add("focus", Rarely() ? "500,500" : Number(0, 1000) + "," + Number(0, 1000));
    } else if (mode == "cover" || mode == "pad") {
      if (Rarely()) Add("gravity", OneOf({"center", "n", "ne", "e", "se", "s", "sw", "w", "nw"}));
      if (mode == "cover" && Rarely()) Add("gravity", "smart");
    }
    if (Rarely()) Add("bg", Hex(Below(2) == 0 ? 6 : 8));
  }
  void Look() {
    if (Rarely()) Add("blur", Tenths(3, 1000));
    if (Rarely()) Add("sharpen", Tenths(3, 100));
    for (const char* name : {"brightness", "contrast", "saturation"}) {
      if (Rarely()) Add(name, Number(-100, 100));
    }
    if (Rarely()) Add("gamma", Tenths(1, 99));
    for (const char* name : {"gray", "sepia", "negate"}) {
      if (Rarely()) Add(name, OneOf({"0", "1"}));
    }
    if (Rarely()) Add("tint", Hex(6));
    if (Rarely()) Add("pixelate", Number(2, 512));
    if (Rarely()) {
      Add("mark", OneOf({"logo", "logo,se", "logo,n", "logo,se,20", "logo,e,30", "logo,se,20,60",
                         "a-1,sw,100,1"}));
    }
  }
  void Output() {
    const std::string format = OneOf({"", "auto", "jpeg", "png", "webp", "avif", "gif"});
    if (!format.empty()) Add("format", format);
    if (Below(3) == 0) Add("q", Number(1, 100));
    for (const char* name : {"lossless", "palette", "still"}) {
      if (Rarely()) Add(name, OneOf({"0", "1"}));
    }
    if (Rarely()) Add("keep", "copyright");
    if (Rarely()) Add("color", "p3");
  }

  std::mt19937_64& random_;
  std::vector<std::string> steps_;
};

}  // namespace

std::string RandomRecipeText(std::mt19937_64& random) { return Generator(random).Text(); }

}  // namespace stockroom::test
