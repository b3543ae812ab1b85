// The MetadataStore contract: images.
#pragma once

#include <atomic>
#include <set>

#include "tests/contract/metadata/contract_fixture.h"

namespace stockroom::api {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

inline std::vector<std::string> Ids(const std::vector<Image>& images) {
  std::vector<std::string> ids;
  for (const Image& image : images) ids.push_back(image.id);
  return ids;
}

TEST_P(MetadataStoreContract, GivesBackWhatWasCreated) {
  NewImage upload = Upload("a");
  upload.described = {.title = "Füchse 🦊",
                      .description = "line\nline\t\"quoted\" \\ 'single'; DROP--",
                      .tags = {"b", "a", "", "a,b", "雪"},
                      .license = "CC-BY-4.0",
                      .attributes = {{"k", "v"}, {"", ""}, {"emoji", "👩‍👩‍👧"}},
                      .visibility = Visibility::kUnlisted};
  const CreatedImage created = Value(store().CreateImage(upload, kNoon + absl::Nanoseconds(1999)));
  EXPECT_FALSE(created.deduplicated);
  EXPECT_EQ(created.image.described, upload.described);
  EXPECT_EQ(created.image.state, ImageState::kPending);
  EXPECT_EQ(created.image.revision, 1);
  EXPECT_EQ(created.image.create_time, kNoon + absl::Microseconds(1));
  EXPECT_EQ(created.image.md5, upload.md5);
  EXPECT_EQ(created.image.sha256, upload.sha256);
  EXPECT_EQ(created.image.size_bytes, upload.size_bytes);
  EXPECT_EQ(created.image.filename, upload.filename);
  EXPECT_EQ(Value(store().GetImage("a")), created.image);
}

TEST_P(MetadataStoreContract, RefusesTextThatIsNotUtf8) {
  NewImage upload = Upload("a");
  upload.described.title = "\xff\xfe";
  EXPECT_EQ(Code(store().CreateImage(upload, kNoon)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code(store().GetImage("a")), absl::StatusCode::kNotFound);
  EXPECT_THAT(Events(), IsEmpty());
}

TEST_P(MetadataStoreContract, WritesOneEventForACreation) {
  const CreatedImage created = Value(store().CreateImage(Upload("a"), kNoon));
  const auto events = Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, kImageCreated);
  EXPECT_EQ(events[0].image_id, "a");
  EXPECT_EQ(events[0].revision, 1);
  EXPECT_EQ(events[0].time, kNoon);
  EXPECT_EQ(events[0].position, created.feed_position);
  EXPECT_GT(events[0].position, 0);
}

TEST_P(MetadataStoreContract, RefusesAnIdThatIsTaken) {
  Create("a");
  EXPECT_EQ(Code(store().CreateImage(Upload("a", "bob", "other"), kNoon)),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Value(store().GetImage("a")).owner, "ann");
  EXPECT_EQ(Events().size(), 1u);
}

TEST_P(MetadataStoreContract, GivesTheSameOwnerTheImageThatHoldsTheseBytes) {
  const CreatedImage first = Value(store().CreateImage(Upload("a", "ann", "same"), kNoon));
  const CreatedImage again = Value(store().CreateImage(Upload("b", "ann", "same"), kNoon));
  EXPECT_TRUE(again.deduplicated);
  EXPECT_EQ(again.image, first.image);
  EXPECT_GE(again.feed_position, first.feed_position);
  EXPECT_EQ(Events().size(), 1u);
  EXPECT_FALSE(Value(store().CreateImage(Upload("c", "bob", "same"), kNoon)).deduplicated);
  EXPECT_EQ(Value(store().CountJobs(kNoon, 1000)).waiting, 2);
}

TEST_P(MetadataStoreContract, MakesADuplicateWhereOneIsWanted) {
  Value(store().CreateImage(Upload("a", "ann", "same"), kNoon));
  NewImage twin = Upload("b", "ann", "same");
  twin.allow_duplicate = true;
  EXPECT_FALSE(Value(store().CreateImage(twin, kNoon)).deduplicated);
  EXPECT_EQ(Value(store().GetImage("b")).sha256, Digest::Of("same"));
}

TEST_P(MetadataStoreContract, MakesOneImageWhenManyUploadTheSameBytesAtOnce) {
  std::atomic<int> created = 0;
  InThreads(16, [&](int i) {
    const auto answer = store().CreateImage(Upload("id" + std::to_string(i), "ann", "same"), kNoon);
    if (Value(answer).deduplicated == false) ++created;
  });
  EXPECT_EQ(created, 1);
  EXPECT_EQ(Value(store().ListImages({.viewer = "ann"})).size(), 1u);
  EXPECT_EQ(Value(store().CountJobs(kNoon, 1000)).waiting, 1);
}

TEST_P(MetadataStoreContract, GivesAFailedImageANewJobWhenItIsUploadedAgain) {
  Value(store().CreateImage(Upload("a", "ann", "same"), kNoon));
  const LeasedJob first = LeaseOne();
  Value(store().FailJob(Ref(first), FailKind::kFailed, "no", kNoon));
  const CreatedImage again = Value(store().CreateImage(Upload("b", "ann", "same"), kNoon));
  EXPECT_TRUE(again.deduplicated);
  EXPECT_EQ(again.image.id, "a");
  EXPECT_EQ(again.image.state, ImageState::kPending);
  EXPECT_EQ(again.image.failure_reason, "");
  EXPECT_EQ(again.feed_position, Events().back().position);
  const LeasedJob second = LeaseOne();
  EXPECT_NE(second.job.id, first.job.id);
  EXPECT_EQ(second.job.attempt, 1);
  EXPECT_EQ(Code(store().CompleteJob(Ref(first), Processed(), kNoon)),
            absl::StatusCode::kFailedPrecondition);
}

TEST_P(MetadataStoreContract, DoesNotTryAQuarantinedImageAgainWhenItIsUploadedAgain) {
  Value(store().CreateImage(Upload("a", "ann", "same"), kNoon));
  const Image quarantined =
      Value(store().FailJob(Ref(LeaseOne()), FailKind::kQuarantined, "it kills", kNoon));
  EXPECT_TRUE(quarantined.quarantined);
  const CreatedImage again = Value(store().CreateImage(Upload("b", "ann", "same"), kNoon));
  EXPECT_TRUE(again.deduplicated);
  EXPECT_EQ(again.image, quarantined);
  EXPECT_EQ(Value(store().CountJobs(kNoon, 1000)).waiting, 0);
  EXPECT_EQ(Enqueue("a"), 1);
  const Image tried = Value(store().GetImage("a"));
  EXPECT_EQ(tried.state, ImageState::kPending);
  EXPECT_FALSE(tried.quarantined);
}

TEST_P(MetadataStoreContract, PrefersAWorkingTwinToAFailedOne) {
  Value(store().CreateImage(Upload("a", "ann", "same"), kNoon));
  Value(store().FailJob(Ref(LeaseOne()), FailKind::kFailed, "no", kNoon));
  NewImage twin = Upload("b", "ann", "same");
  twin.allow_duplicate = true;
  Value(store().CreateImage(twin, kNoon + absl::Seconds(1)));
  EXPECT_EQ(Value(store().CreateImage(Upload("c", "ann", "same"), kNoon)).image.id, "b");
}

TEST_P(MetadataStoreContract, SaysNotFoundForUnknownImages) {
  EXPECT_EQ(Code(store().GetImage("no")), absl::StatusCode::kNotFound);
  EXPECT_EQ(Code(store().UpdateImage("no", kNoon, [](Image&) { return absl::OkStatus(); })),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Code(store().DeleteImage("no", kNoon, Allow)), absl::StatusCode::kNotFound);
}

TEST_P(MetadataStoreContract, GetsThoseOfManyThatExist) {
  Create("a");
  Create("b");
  const std::vector<std::string> ids = {"b", "no", "a", "b"};
  EXPECT_THAT(Ids(Value(store().GetImages(ids))), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(Value(store().GetImages({})), IsEmpty());
}

TEST_P(MetadataStoreContract, ListsNewestFirstThenById) {
  Create("a", kNoon);
  Create("c", kNoon + absl::Seconds(1));
  Create("b", kNoon + absl::Seconds(1));
  Create("d", kNoon - absl::Seconds(1));
  EXPECT_THAT(Ids(Value(store().ListImages({.viewer = "x"}))), ElementsAre("c", "b", "a", "d"));
  EXPECT_THAT(Ids(Value(store().ListImages({.viewer = "x", .limit = 2}))), ElementsAre("c", "b"));
  EXPECT_THAT(Value(store().ListImages({.viewer = "x", .limit = 0})), IsEmpty());
  EXPECT_THAT(Ids(Value(store().ListImages(
                  {.viewer = "x", .after = ListCursor{kNoon + absl::Seconds(1), "c"}}))),
              ElementsAre("b", "a", "d"));
}

TEST_P(MetadataStoreContract, ListsWhatIsPublicOrTheViewersOwn) {
  for (const auto& [id, visibility] : {std::pair{"p", Visibility::kPublic},
                                       {"u", Visibility::kUnlisted},
                                       {"x", Visibility::kPrivate}}) {
    NewImage upload = Upload(id);
    upload.described.visibility = visibility;
    Value(store().CreateImage(upload, kNoon));
  }
  EXPECT_THAT(Ids(Value(store().ListImages({.viewer = "bob"}))), ElementsAre("p"));
  EXPECT_THAT(Ids(Value(store().ListImages({.viewer = "ann"}))), ElementsAre("x", "u", "p"));
}

TEST_P(MetadataStoreContract, ListCursorsNeitherSkipNorRepeatWhileImagesComeAndGo) {
  std::set<std::string> old;
  for (int i = 0; i < 50; ++i) {
    const std::string id = "old" + std::to_string(i);
    Create(id, kNoon + absl::Seconds(i / 3));
    old.insert(id);
  }
  std::vector<std::string> seen;
  ListQuery query{.viewer = "ann", .limit = 7};
  for (int round = 0;; ++round) {
    const auto page = Value(store().ListImages(query));
    if (page.empty()) break;
    for (const Image& image : page) seen.push_back(image.id);
    query.after = ListCursor{page.back().create_time, page.back().id};
    Create("new" + std::to_string(round), kNoon + absl::Hours(1));
    Value(store().DeleteImage(page.front().id, kNoon, Allow));
  }
  EXPECT_EQ(seen.size(), old.size());
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), old);
}

TEST_P(MetadataStoreContract, StoresOnlyDescriptionAndAnalysisOfAnEdit) {
  Create("a");
  const ChangedImage changed =
      Value(store().UpdateImage("a", kNoon + absl::Seconds(5), [](Image& image) {
        image.described.title = "new";
        image.analysis["mine"] = "{}";
        image.owner = "thief";
        image.revision = 99;
        image.state = ImageState::kReady;
        return absl::OkStatus();
      }));
  const Image& updated = changed.image;
  EXPECT_EQ(updated.described.title, "new");
  EXPECT_EQ(updated.analysis.at("mine"), "{}");
  EXPECT_EQ(updated.owner, "ann");
  EXPECT_EQ(updated.revision, 2);
  EXPECT_EQ(updated.state, ImageState::kPending);
  EXPECT_EQ(updated.update_time, kNoon + absl::Seconds(5));
  EXPECT_EQ(updated.create_time, kNoon);
  EXPECT_EQ(Value(store().GetImage("a")), updated);
  EXPECT_THAT(EventTypes(), ElementsAre(kImageCreated, kImageUpdated));
  EXPECT_EQ(Events().back().revision, 2);
  EXPECT_EQ(Events().back().position, changed.feed_position);
}

TEST_P(MetadataStoreContract, ChangesNothingWhenAnEditFails) {
  const Image before = Create("a");
  const auto refused = store().UpdateImage("a", kNoon, [](Image& image) {
    image.described.title = "half";
    return absl::PermissionDeniedError("not yours");
  });
  EXPECT_EQ(Code(refused), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(refused.status().message(), "not yours");
  EXPECT_EQ(Code(store().UpdateImage("a", kNoon,
                                     [](Image& image) {
                                       image.described.title = "\xc3";
                                       return absl::OkStatus();
                                     })),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Value(store().GetImage("a")), before);
  EXPECT_EQ(Events().size(), 1u);
}

TEST_P(MetadataStoreContract, WritesNothingForAnEditThatChangesNothing) {
  const Image before = Create("a");
  EXPECT_EQ(Value(store().UpdateImage("a", kNoon + absl::Seconds(1),
                                      [](Image&) { return absl::OkStatus(); }))
                .image,
            before);
  EXPECT_EQ(Events().size(), 1u);
}

TEST_P(MetadataStoreContract, LosesNoEditAmongConcurrentOnes) {
  Create("a");
  InThreads(8, [&](int i) {
    for (int n = 0; n < 5; ++n) {
      Value(store().UpdateImage("a", kNoon, [&](Image& image) {
        image.described.tags.push_back(std::to_string(i * 5 + n));
        return absl::OkStatus();
      }));
    }
  });
  const Image image = Value(store().GetImage("a"));
  EXPECT_EQ(image.described.tags.size(), 40u);
  EXPECT_EQ(image.revision, 41);
  EXPECT_EQ(Events().size(), 41u);
}

TEST_P(MetadataStoreContract, RemovesAnImageWithItsJobs) {
  const Image before = Create("a");
  const ChangedImage removed = Value(store().DeleteImage("a", kNoon, Allow));
  EXPECT_EQ(removed.image, before);
  EXPECT_EQ(removed.feed_position, Events().back().position);
  EXPECT_EQ(Code(store().GetImage("a")), absl::StatusCode::kNotFound);
  EXPECT_EQ(Value(store().CountJobs(kNoon, 1000)).waiting, 0);
  EXPECT_THAT(EventTypes(), ElementsAre(kImageCreated, kImageDeleted));
  EXPECT_GT(Events().back().revision, before.revision);
  EXPECT_EQ(Code(store().DeleteImage("a", kNoon, Allow)), absl::StatusCode::kNotFound);
}

TEST_P(MetadataStoreContract, KeepsAnImageWhoseDeletionIsRefused) {
  const Image before = Create("a");
  const auto refused = store().DeleteImage("a", kNoon, [&](const Image& image) {
    EXPECT_EQ(image, before);
    return absl::PermissionDeniedError("no");
  });
  EXPECT_EQ(Code(refused), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Value(store().GetImage("a")), before);
  EXPECT_EQ(Value(store().CountJobs(kNoon, 1000)).waiting, 1);
  EXPECT_EQ(Events().size(), 1u);
}

TEST_P(MetadataStoreContract, KnowsWhichBytesAreReferenced) {
  const std::vector<Digest> asked = {Digest::Of("x"), Digest::Of("y"), Digest::Of("z")};
  EXPECT_THAT(Value(store().ReferencedAmong(asked)), IsEmpty());
  EXPECT_THAT(Value(store().ReferencedAmong({})), IsEmpty());
  Value(store().CreateImage(Upload("a", "ann", "x"), kNoon));
  Value(store().CreateImage(Upload("b", "bob", "x"), kNoon));
  Value(store().CreateImage(Upload("c", "bob", "z"), kNoon));
  Value(store().DeleteImage("a", kNoon, Allow));
  EXPECT_THAT(Value(store().ReferencedAmong(asked)),
              UnorderedElementsAre(Digest::Of("x"), Digest::Of("z")));
  Value(store().DeleteImage("b", kNoon, Allow));
  EXPECT_THAT(Value(store().ReferencedAmong(asked)), UnorderedElementsAre(Digest::Of("z")));
}

TEST_P(MetadataStoreContract, WhereThereIsNoRoomOnlyBytesThatAreThereAreTaken) {
  Create("a");
  NewImage same = Upload("b", "ann", "bytes of a");
  same.unless_duplicate = absl::ResourceExhaustedError("full");
  EXPECT_TRUE(Value(store().CreateImage(same, kNoon)).deduplicated);
  NewImage other = Upload("c");
  other.unless_duplicate = absl::ResourceExhaustedError("full");
  EXPECT_EQ(Code(store().CreateImage(other, kNoon)), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Code(store().GetImage("c")), absl::StatusCode::kNotFound);
}

}  // namespace stockroom::api
