#include "services/imageproc/codec/turn.h"

#include <gtest/gtest.h>

namespace stockroom::imageproc {
namespace {

TEST(Turn, RectanglesFollowTheirPicture) {
  const Size turned{40, 100};  // what was 100 x 40
  EXPECT_EQ((Turn{1, false}.Before({0, 0, 5, 7}, turned)), (Rect{0, 35, 7, 5}));
  EXPECT_EQ((Turn{3, false}.Before({0, 0, 5, 7}, turned)), (Rect{93, 0, 7, 5}));
  EXPECT_EQ((Turn{2, false}.Before({1, 2, 5, 7}, {100, 40})), (Rect{94, 31, 5, 7}));
  EXPECT_EQ((Turn{0, true}.Before({1, 2, 5, 7}, {100, 40})), (Rect{94, 2, 5, 7}));
  EXPECT_EQ((Turn{1, true}.Of({100, 40})), (Size{40, 100}));
}

TEST(Turn, TurningAndFlippingAddUp) {
  const Turn upright = Turn::ToUpright(6);
  EXPECT_EQ(upright.Then(270, false, false), Turn());
  EXPECT_EQ(Turn().Then(0, true, true), Turn().Then(180, false, false));
  EXPECT_EQ(upright.Then(0, true, false).Then(0, true, false), upright);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Turn turn = Turn::ToUpright(orientation);
    EXPECT_EQ(turn.Then(90, false, false).Then(90, false, false), turn.Then(180, false, false));
    EXPECT_EQ(turn.Then(90, true, false), turn.Then(90, false, false).Then(0, true, false));
    EXPECT_EQ(turn.Then(0, true, true), turn.Then(180, false, false));
  }
}

}  // namespace
}  // namespace stockroom::imageproc
