// Recipes from hostile hands, and what they make of pictures of odd sizes.
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "services/common/base/status.h"
#include "services/common/recipe/cost.h"
#include "services/common/recipe/geometry.h"
#include "services/common/recipe/ladder.h"
#include "tests/fuzz/target.h"
#include "tests/unit/recipe/check_geometry.h"

namespace {

using stockroom::CanonicalText;
using stockroom::ParseRecipe;
using stockroom::Recipe;
using stockroom::Size;

constexpr int kHuge = std::numeric_limits<int>::max();

void Require(bool holds, std::string_view what, std::string_view text) {
  if (holds) return;
  std::fprintf(stderr, "broken: %.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(text.size()), text.data());
  std::abort();
}

void TryGeometry(const Recipe& recipe, const std::string& text) {
  for (const Size size : {Size{1, 1}, Size{1, kHuge}, Size{kHuge, 1}, Size{kHuge, kHuge},
                          Size{3, 2}, Size{4000, 3000}, Size{16384, 16385}, Size{499, 65537}}) {
    const auto plan = stockroom::PlanGeometry(size, recipe);
    if (!plan.ok()) {
      Require(stockroom::DetailsOf(plan.status()).reason == "BAD_RECIPE", "a reason", text);
      continue;
    }
    const std::string fault = stockroom::test::FaultOf(*plan, size, recipe);
    Require(fault.empty(), fault, text);
    const stockroom::SourceTraits source = {.size = size, .format = "jpeg"};
    Require(stockroom::PredictCost(source, recipe).cpu_ms > 0, "a cost", text);
    const int sides[] = {1440, 512};
    const auto rungs = stockroom::LadderOf(source, sides);
    stockroom::ChooseRung(source, recipe, rungs);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto recipe = ParseRecipe({reinterpret_cast<const char*>(data), size});
  if (!recipe.ok()) {
    for (const char c : recipe.status().message()) {
      Require(c >= ' ' && c <= '~', "a message that can be shown", "");
    }
    return 0;
  }
  const std::string text = CanonicalText(*recipe);
  const auto again = ParseRecipe(text);
  Require(again.ok(), "canonical text that is read", text);
  Require(*again == *recipe && CanonicalText(*again) == text, "the same recipe again", text);
  const Recipe resolved = Resolved(*recipe, {});
  const auto resolved_again = ParseRecipe(CanonicalText(resolved));
  Require(resolved_again.ok() && *resolved_again == resolved, "resolved text that is read", text);
  TryGeometry(resolved, text);
  return 0;
}

std::vector<std::string> FuzzSeeds() {
  return {"fit=320x320/format=jpeg/q=80",
          "crop=10,20,300,400/trim=10/rotate=90/flip=hv/cover=640x480/gravity=smart/dpr=2",
          "cover=16384x1/enlarge=1/focus=0,1000/format=webp/lossless=1/still=1",
          "pad=100x50/gravity=se/bg=11223344/format=png/palette=1",
          "force=1x16384/blur=0.5/sharpen=10/brightness=-100/contrast=3/saturation=100/gamma=2.2",
          "fit=0x9/gray=1/sepia=0/negate=1/tint=a0b1c2/pixelate=16/mark=logo,n,30,50",
          "format=avif/q=1/keep=copyright/color=p3"};
}
