// Groups of near duplicates, a step at a time: nothing happens in the background.
#include "services/api/search/near_duplicates.h"

#include <functional>
#include <utility>

#include "services/api/search/index_writer.h"
#include "tests/unit/search/search_fixture.h"

namespace stockroom::api {
namespace {

class NearDuplicatesTest : public ::testing::Test {
 protected:
  // Alike, up to its last two digits.
  static Image Alike(const std::string& id, const std::string& last_digits) {
    Image image = Picture(id, "fox");
    image.analysis["pdq"] =
        R"({"hash":")" + std::string(62, 'a') + last_digits + R"(","quality":90})";
    return image;
  }
  static Image Different(const std::string& id) {
    Image image = Picture(id, "fox");
    image.analysis["pdq"] = R"({"hash":")" + std::string(64, '5') + R"(","quality":90})";
    return image;
  }
  // Something happens while what is new is compared.
  void StepWhile(std::function<void()> interruption) {
    const auto interrupt = [&] {
      if (const auto happen = std::exchange(interruption, nullptr)) happen();
      return false;
    };
    duplicates_.Step(interrupt);
    EXPECT_EQ(interruption, nullptr) << "nothing was compared";
  }
  void Step() {
    duplicates_.Step([] { return false; });
  }
  // With something beside it, as a segment goes with its last document.
  void Apply(const Image& image, const std::vector<std::string>& deleted = {}) {
    writer_.Apply({image, Picture("beside " + image.id)}, deleted);
  }
  int64_t groups() { return index_metrics_.clusters.value(); }

  Metrics metrics_;
  IndexMetrics index_metrics_{metrics_};
  IndexState state_{*DocumentStore::Open({}, metrics_), index_metrics_};
  IndexWriter writer_{state_, {}, 1024};
  NearDuplicates duplicates_{state_};
};

TEST_F(NearDuplicatesTest, WhatIsAlikeIsAGroupUntilItsLastIsGone) {
  writer_.Apply({Alike("a", "00")}, {});
  Step();
  writer_.Apply({Alike("b", "01"), Different("c")}, {});
  Step();
  EXPECT_EQ(groups(), 1);
  writer_.Apply({Different("d")}, {"a"});
  Step();
  EXPECT_EQ(groups(), 2);
  writer_.Apply({Alike("e", "02")}, {"b"});
  Step();
  EXPECT_EQ(groups(), 1) << "of c and d; there is none left whom e could join";
}

TEST_F(NearDuplicatesTest, WhatIsGoneFoundsNoGroup) {
  Apply(Alike("a", "00"));
  Step();
  Apply(Alike("b", "01"), {"a"});
  Step();
  EXPECT_EQ(groups(), 0);
}

TEST_F(NearDuplicatesTest, WhatIsGoneBeforeItIsComparedJoinsNoGroup) {
  writer_.Apply({Alike("a", "00"), Alike("b", "01")}, {});
  writer_.Apply({}, {"a"});
  Step();
  EXPECT_EQ(groups(), 0);
}

TEST_F(NearDuplicatesTest, WhatGoesWhileItIsComparedLeavesItsGroup) {
  Apply(Alike("a", "00"));
  Step();
  Apply(Alike("b", "01"));
  StepWhile([this] { writer_.Apply({}, {"b"}); });
  EXPECT_EQ(groups(), 1);
  Apply(Different("c"), {"a"});
  Step();
  EXPECT_EQ(groups(), 0);
}

}  // namespace
}  // namespace stockroom::api
