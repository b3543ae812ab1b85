#include "services/imageproc/sandbox/reply_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/recipe/ladder.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::imageproc {
namespace {

using internal::DecodeReply;
using internal::DecodeRequest;
using ::testing::ElementsAre;

class ReplyCheck : public ::testing::Test {
 protected:
  ReplyCheck() {
    request_.set_analyse(true);
    auto& preset = *request_.add_presets();
    preset.set_preset("thumb");
    preset.set_recipe("fit=50x50/format=auto/q=80");
    reply_.set_result(DecodeReply::OK);
    auto& facts = *reply_.mutable_image()->mutable_facts();
    facts.set_width(200);
    facts.set_height(100);
    facts.set_frames(1);
    facts.set_format("jpeg");
    facts.set_media_type("image/jpeg");
    auto& made = *reply_.mutable_image()->add_renditions();
    const Recipe recipe{.mode = Recipe::Mode::kFit,
                        .width = 50,
                        .height = 50,
                        .format = ImageFormat::kJpeg,
                        .quality = 80};
    made.set_preset("thumb");
    made.set_recipe(CanonicalText(recipe));
    made.set_key(RenditionKey(recipe));
    made.set_format("jpeg");
    made.set_media_type("image/jpeg");
    made.set_width(50);
    made.set_height(25);
    made.set_size_bytes(4);
    (*reply_.mutable_image()->mutable_analysis())["facts"] = "{}";
  }
  static void Describe(internal::RenditionMade& made, const Recipe& recipe, Size size,
                       int64_t bytes) {
    made.set_recipe(CanonicalText(recipe));
    made.set_key(RenditionKey(recipe));
    made.set_format(std::string(FormatName(recipe.format)));
    made.set_media_type(std::string(FormatMediaType(recipe.format)));
    made.set_width(size.width);
    made.set_height(size.height);
    made.set_size_bytes(bytes);
  }
  absl::Status Check(std::string_view bytes = "abcd") const {
    return CheckReply(request_, reply_, bytes).status();
  }
  internal::RenditionMade& made() { return *reply_.mutable_image()->mutable_renditions(0); }
  internal::ProcessedImage& image() { return *reply_.mutable_image(); }

  DecodeRequest request_;
  DecodeReply reply_;
};

TEST_F(ReplyCheck, TakesAnHonestAnswer) { EXPECT_TRUE(Check().ok()) << Check(); }

TEST_F(ReplyCheck, RefusesLyingLengths) {
  EXPECT_TRUE(absl::IsAborted(Check("abc")));
  EXPECT_TRUE(absl::IsAborted(Check("abcde")));
  made().set_size_bytes(-1);
  EXPECT_TRUE(absl::IsAborted(Check()));
  made().set_size_bytes(int64_t{1} << 62);
  EXPECT_TRUE(absl::IsAborted(Check()));
}

TEST_F(ReplyCheck, RefusesARenditionThatWasNotAskedFor) {
  made().set_key(std::string(32, '0'));
  EXPECT_TRUE(absl::IsAborted(Check()));
}

TEST_F(ReplyCheck, RefusesAnotherRecipe) {
  for (const char* other : {"fit=60x50/format=jpeg/q=80", "fit=50x50/format=jpeg/q=81",
                            "cover=50x50/format=jpeg/q=80", "fit=50x50/format=auto/q=80"}) {
    Describe(made(), *ParseRecipe(other), {50, 25}, 4);
    EXPECT_TRUE(absl::IsAborted(Check())) << other;
  }
}

TEST_F(ReplyCheck, TakesWhatSmartAndAutoBecome) {
  request_.mutable_presets(0)->set_recipe("cover=50x50/gravity=smart/format=auto/q=80");
  Describe(made(), *ParseRecipe("cover=50x50/focus=100,900/format=webp/q=80"), {50, 50}, 4);
  EXPECT_TRUE(Check().ok()) << Check();
  Describe(made(), *ParseRecipe("cover=50x50/gravity=smart/format=webp/q=80"), {50, 50}, 4);
  EXPECT_TRUE(absl::IsAborted(Check())) << "not resolved";
  Describe(made(), *ParseRecipe("cover=50x50/gravity=n/format=webp/q=80"), {50, 50}, 4);
  EXPECT_TRUE(absl::IsAborted(Check())) << "another gravity";
}

TEST_F(ReplyCheck, TakesTheRungsThatAnOriginalOfTheseFactsHas) {
  image().mutable_facts()->set_width(2000);
  image().mutable_facts()->set_height(1000);
  for (const int side : {800, 400, 1500}) request_.add_ladder(side);
  const std::vector<Rung> rungs =
      LadderOf({.size = {2000, 1000}, .format = "jpeg"}, std::vector<int>{800, 400, 1500});
  ASSERT_EQ(rungs.size(), 2U);
  for (const Rung& rung : rungs) Describe(*image().add_rungs(), rung.recipe, rung.size, 3);
  const auto checked = CheckReply(request_, reply_, "abcdAAABBB");
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_THAT(checked->renditions, ElementsAre("abcd"));
  EXPECT_THAT(checked->rungs, ElementsAre("AAA", "BBB"));

  image().mutable_rungs()->SwapElements(0, 1);
  EXPECT_TRUE(absl::IsAborted(Check("abcdAAABBB"))) << "in another order";
  image().mutable_rungs()->SwapElements(0, 1);
  image().mutable_rungs(1)->set_width(401);
  EXPECT_TRUE(absl::IsAborted(Check("abcdAAABBB"))) << "another size";
  Describe(*image().mutable_rungs(1), *ParseRecipe("fit=1500x1500/format=jpeg/q=90"), {1500, 750},
           3);
  EXPECT_TRUE(absl::IsAborted(Check("abcdAAABBB"))) << "larger than the ladder allows";
  image().mutable_rungs()->RemoveLast();
  EXPECT_TRUE(Check("abcdAAA").ok()) << "fewer";
  image().mutable_facts()->set_frames(2);
  EXPECT_TRUE(absl::IsAborted(Check("abcdAAA"))) << "of an animation";
}

TEST_F(ReplyCheck, LeavesOutWhatWasNotAskedFor) {
  request_.set_analyse(false);
  const auto checked = CheckReply(request_, reply_, "abcd");
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_FALSE(checked->image.has_facts());
  EXPECT_EQ(checked->image.analysis_size(), 0);
  EXPECT_EQ(checked->renditions.size(), 1U);
  request_.add_ladder(50);
  Describe(*image().add_rungs(), *ParseRecipe("fit=50x50/format=jpeg/q=90"), {50, 25}, 1);
  EXPECT_TRUE(absl::IsAborted(Check("abcdA")));
}

TEST_F(ReplyCheck, RefusesWrongTypesCountsAndFacts) {
  made().set_media_type("text/html");
  EXPECT_TRUE(absl::IsAborted(Check()));
  made().set_media_type("image/jpeg");
  image().mutable_facts()->set_width(0);
  EXPECT_TRUE(absl::IsAborted(Check()));
  image().mutable_facts()->set_width(200);
  image().mutable_facts()->set_format("pdf");
  EXPECT_TRUE(absl::IsAborted(Check()));
  image().mutable_facts()->set_format("jpeg");
  ASSERT_TRUE(Check().ok());
  *image().add_renditions() = made();
  EXPECT_TRUE(absl::IsAborted(Check("abcdabcd")));
  image().clear_renditions();
  EXPECT_TRUE(absl::IsAborted(Check("")));
}

TEST_F(ReplyCheck, RefusesAnalysisThatIsNoSmallObject) {
  auto& analysis = *image().mutable_analysis();
  for (const std::string& text :
       {std::string("[]"), std::string("{"), std::string(""),
        "{\"a\":\"" + std::string(70'000, 'x') + "\"}",
        "{\"a\":" + std::string(30'000, '[') + std::string(30'000, ']') + "}"}) {
    analysis["facts"] = text;
    EXPECT_TRUE(absl::IsAborted(Check())) << text.substr(0, 10);
  }
  analysis["facts"] = "{}";
  analysis["Bad Name"] = "{}";
  EXPECT_TRUE(absl::IsAborted(Check()));
}

TEST_F(ReplyCheck, PassesOnWhatIsWrongWithTheImage) {
  DecodeReply bad;
  bad.set_result(DecodeReply::BAD_IMAGE);
  bad.set_message("broken");
  EXPECT_EQ(CheckReply(request_, bad, "").status(), absl::InvalidArgumentError("broken"));
  // Cut between characters: the bytes go into a protobuf string.
  bad.set_message(std::string(499, 'x') + "é!");
  EXPECT_EQ(CheckReply(request_, bad, "").status().message(), std::string(499, 'x'));
  bad.set_result(DecodeReply::RESULT_UNSPECIFIED);
  EXPECT_TRUE(absl::IsAborted(CheckReply(request_, bad, "").status()));
}

}  // namespace
}  // namespace stockroom::imageproc
