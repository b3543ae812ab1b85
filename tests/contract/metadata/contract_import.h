// The MetadataStore contract: what a backup puts back.
#pragma once

#include "tests/contract/metadata/contract_images.h"

namespace stockroom::api {

// An image with everything, as a backup has it.
inline ArchivedImage Archived(const std::string& id, ImageState state = ImageState::kReady) {
  ArchivedImage archived;
  Image& image = archived.image;
  image.id = id;
  image.owner = "ann";
  image.described = {.title = "Füchse 🦊",
                     .description = "line\nline",
                     .tags = {"b", "a"},
                     .license = "CC-BY-4.0",
                     .attributes = {{"k", "v"}},
                     .visibility = Visibility::kUnlisted};
  image.filename = "f.png";
  image.state = state;
  image.failure_reason = state == ImageState::kReady ? "" : "why";
  image.sha256 = Digest::Of(id);
  image.md5 = std::string(16, 'm');
  image.size_bytes = 7;
  image.facts = {.width = 3,
                 .height = 2,
                 .format = "png",
                 .media_type = "image/png",
                 .frames = 1,
                 .taken_time = kNoon - absl::Hours(24)};
  image.analysis = {{"exif", "{\"a\":1}"}};
  image.renditions = {{.preset = "thumb",
                       .recipe = "fit=1x1",
                       .key = std::string(32, 'a'),
                       .format = "webp",
                       .media_type = "image/webp",
                       .width = 1,
                       .height = 1,
                       .size_bytes = 5,
                       .sha256 = Digest::Of("r")}};
  image.work_plan = "plan";
  image.create_time = kNoon - absl::Hours(48);
  image.update_time = kNoon - absl::Hours(47);
  image.revision = 9;
  return archived;
}

TEST_P(MetadataStoreContract, PutsBackAnImageAsItWas) {
  const ArchivedImage ready = Archived("a");
  EXPECT_EQ(Value(store().ImportImages(std::vector{ready}, kNoon)), 1);
  EXPECT_EQ(Value(store().GetImage("a")), ready.image);
  const std::vector<Event> events = Value(store().ReadEvents(0, 10));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, kImageUpdated);
  EXPECT_EQ(events[0].image_id, "a");
  EXPECT_EQ(events[0].revision, 9);
  EXPECT_TRUE(Value(store().LeaseJobs({.holder = "x", .now = kNoon})).empty());
}

TEST_P(MetadataStoreContract, PutsBackTwiceAsOnce) {
  const std::vector<ArchivedImage> both = {Archived("a"), Archived("b")};
  EXPECT_EQ(Value(store().ImportImages(std::vector{both[0]}, kNoon)), 1);
  const auto retitle = [](Image& image) {
    image.described.title = "newer";
    return absl::OkStatus();
  };
  ASSERT_TRUE(store().UpdateImage("a", kNoon, retitle).ok());
  EXPECT_EQ(Value(store().ImportImages(both, kNoon)), 1);
  EXPECT_EQ(Value(store().GetImage("a")).described.title, "newer") << "what is there stays";
  EXPECT_EQ(Value(store().ImportImages(both, kNoon)), 0);
  EXPECT_EQ(Value(store().ReadEvents(0, 10)).size(), 3u);
}

TEST_P(MetadataStoreContract, WhatWasUnderWayBeginsAnew) {
  const std::vector<ArchivedImage> both = {Archived("a", ImageState::kPending),
                                           Archived("b", ImageState::kProcessing)};
  EXPECT_EQ(Value(store().ImportImages(both, kNoon)), 2);
  EXPECT_EQ(Value(store().GetImage("b")).state, ImageState::kPending);
  EXPECT_EQ(Value(store().LeaseJobs({.holder = "x", .max_jobs = 5, .now = kNoon})).size(), 2u);
}

TEST_P(MetadataStoreContract, PutsBackWhatModerationDecided) {
  ArchivedImage approved = Archived("b");
  approved.approved = true;
  const std::vector<ArchivedImage> images = {Archived("a", ImageState::kFlagged), approved,
                                             Archived("c")};
  EXPECT_EQ(Value(store().ImportImages(images, kNoon)), 3);
  const std::vector<Image> hidden =
      Value(store().moderation().ListHidden(ImageState::kFlagged, "", 10));
  EXPECT_THAT(Ids(hidden), ElementsAre("a"));
  EXPECT_TRUE(Value(store().moderation().ApprovedVersion("b")).has_value());
  EXPECT_FALSE(Value(store().moderation().ApprovedVersion("c")).has_value());
}

TEST_P(MetadataStoreContract, WhatComesBackIsSweptForEveryHash) {
  ModerationStore& moderation = store().moderation();
  const BlockedHash hash{.hash = std::string(64, 'a'), .create_time = kNoon};
  const int64_t version = Value(moderation.AddHashes(std::vector{hash}, 10)).version;
  ASSERT_TRUE(
      moderation
          .MoveSweep(Value(moderation.ReadSweep()), {.done = version, .target = 0, .cursor = {}})
          .ok());
  // Nothing new is visible.
  const std::vector<ArchivedImage> hidden = {Archived("a", ImageState::kFlagged),
                                             Archived("b", ImageState::kPending)};
  EXPECT_EQ(Value(store().ImportImages(hidden, kNoon)), 2);
  EXPECT_EQ(Value(moderation.ReadSweep()).done, version);

  // A sweep that is under way does not pass over what comes in behind it.
  const SweepState under_way{.done = version, .target = version + 1, .cursor = "m"};
  ASSERT_TRUE(moderation.MoveSweep(Value(moderation.ReadSweep()), under_way).ok());
  ArchivedImage approved = Archived("d");
  approved.approved = true;
  const std::vector<ArchivedImage> visible = {Archived("c"), approved};
  EXPECT_EQ(Value(store().ImportImages(visible, kNoon)), 2);
  const SweepState anew = Value(moderation.ReadSweep());
  EXPECT_EQ(anew.done, 0);
  EXPECT_EQ(anew.target, 0);
  EXPECT_EQ(anew.cursor, "");
  EXPECT_EQ(anew.version, version);
  EXPECT_TRUE(absl::IsAborted(moderation.MoveSweep(under_way, under_way)));

  // An approval of the archive covers no hash.
  const Finding finding{
      .reason = "is like a blocked one", .hash = hash.hash, .hash_version = version, .labels = {}};
  EXPECT_TRUE(Value(moderation.FlagVisible("c", finding, kNoon)));
  EXPECT_TRUE(Value(moderation.FlagVisible("d", finding, kNoon)));
}

TEST_P(MetadataStoreContract, PutsBackNothingThatNoBackupHolds) {
  ArchivedImage uploading = Archived("a", ImageState::kUploading);
  ArchivedImage no_text = Archived("b");
  no_text.image.described.title = "\xff";
  for (const ArchivedImage& wrong : {uploading, no_text}) {
    const std::vector<ArchivedImage> images = {Archived("c"), wrong};
    EXPECT_TRUE(absl::IsInvalidArgument(store().ImportImages(images, kNoon).status()));
  }
  EXPECT_TRUE(absl::IsNotFound(store().GetImage("c").status())) << "all or nothing";
}

}  // namespace stockroom::api
