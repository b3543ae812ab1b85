// Which format, and how large a picture, suits the one who asks. Pure.
#pragma once

#include "services/common/recipe/recipe.h"

namespace stockroom::api {

// What a viewer takes and would like, as far as it was said.
struct Preferences {
  // In thousandths, 0: no. Of webp and avif only what was named: who takes anything ("*/*") need
  // not know them.
  int avif = 0;
  int webp = 0;
  int jpeg = 1000;
  int png = 1000;
  int gif = 1000;

  // Client hints, 0 if there is none. Bounded by who reads them.
  double dpr = 0;          // pixels of the screen for one of the page
  int width = 0;           // of the picture on the page, in pixels of the screen
  int viewport_width = 0;  // in pixels of the page
  bool save_data = false;

  friend bool operator==(const Preferences&, const Preferences&) = default;
};

// Facts that decide which formats can be meant.
struct PictureKind {
  bool has_alpha = false;
  bool animated = false;  // and the recipe keeps it
};

// The format that the viewer likes best; of equally liked ones the one with fewest bytes: avif (if
// `offer_avif`), webp, then png or gif for alpha and animations, jpeg for the rest. Someone who
// takes none of them gets png if that is taken, else that last one.
ImageFormat ChooseFormat(const Preferences& preferences, const PictureKind& kind, bool offer_avif);

// The recipe as large as the hints ask for, rounded up to a step so that a handful of sizes serves
// all screens. `save_data` lowers the quality.
Recipe AsHinted(Recipe recipe, const Preferences& preferences);

}  // namespace stockroom::api
