// Whether database and file server fit together, with uploads and deletions meanwhile.
#include "services/api/domain/store_care.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "services/api/handlers/store_handlers.h"
#include "services/api/metadata/memory_store.h"
#include "services/common/base/ids.h"
#include "services/common/base/status.h"
#include "services/common/blobs/memory_care_client.h"

namespace stockroom::api {
namespace {

using Kind = ImageProblem::Kind;
using State = BlobVerdict::State;

class StoreCareTest : public ::testing::Test {
 protected:
  Image Create(const std::string& bytes, const std::string& owner = "ann") {
    NewImage image{.id = NewUuidV7(absl::Now()),
                   .owner = owner,
                   .sha256 = Digest::Of(bytes),
                   .md5 = std::string(16, 'm'),
                   .size_bytes = static_cast<int64_t>(bytes.size()),
                   .allow_duplicate = true};
    const absl::StatusOr<CreatedImage> created =
        store_->CreateImage(image, absl::FromUnixSeconds(1'700'000'000 + ++created_));
    EXPECT_TRUE(created.ok()) << created.status();
    return created.ok() ? created->image : Image();
  }
  // With its original.
  Image Put(const std::string& bytes) {
    files_.Set(Whole(bytes));
    return Create(bytes);
  }
  static BlobVerdict Whole(const std::string& bytes) {
    return {.sha256 = Digest::Of(bytes),
            .size = static_cast<int64_t>(bytes.size()),
            .md5 = std::string(16, 'm')};
  }
  static BlobVerdict Bad(const std::string& bytes, State state) {
    BlobVerdict verdict = Whole(bytes);
    verdict.state = state;
    return verdict;
  }
  // Every page.
  CheckedImages CheckAll(StoreCare& care) {
    CheckedImages all;
    std::string token;
    do {
      const absl::StatusOr<CheckedImages> page = care.CheckImages(context_, token, false);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return all;
      all.images += page->images;
      all.bytes += page->bytes;
      all.problems.insert(all.problems.end(), page->problems.begin(), page->problems.end());
      token = page->next_page_token;
    } while (!token.empty());
    return all;
  }

  const CallContext context_ = CallContext::WithTimeout(absl::Minutes(1));
  const std::unique_ptr<MetadataStore> store_ = NewMemoryStore();
  MemoryCareClient files_;
  StoreCare care_{{.page_size = 4, .blob_page_size = 3}, *store_, files_};
  int64_t created_ = 0;
};

TEST_F(StoreCareTest, NamesImagesWhoseOriginalsAreNotWhatTheyShouldBe) {
  for (int i = 0; i < 10; ++i) Put("whole " + std::to_string(i));
  const Image missing = Create("missing");
  const Image damaged = Create("damaged");
  files_.Set(Bad("damaged", State::kDamaged));
  const Image unreadable = Create("unreadable");
  files_.Set(Bad("unreadable", State::kUnreadable));
  const Image longer = Create("longer");
  BlobVerdict other = Whole("longer");
  other.size = 7;
  files_.Set(other);
  const Image sum = Create("sum");
  other = Whole("sum");
  other.md5 = std::string(16, 'x');
  files_.Set(other);

  const CheckedImages all = CheckAll(care_);
  EXPECT_EQ(all.images, 15);
  std::map<std::string, Kind> found;
  for (const ImageProblem& problem : all.problems) found[problem.image_id] = problem.kind;
  EXPECT_THAT(found, ::testing::UnorderedElementsAre(std::pair(missing.id, Kind::kMissing),
                                                     std::pair(damaged.id, Kind::kDamaged),
                                                     std::pair(unreadable.id, Kind::kUnreadable),
                                                     std::pair(longer.id, Kind::kWrongSize),
                                                     std::pair(sum.id, Kind::kWrongMd5)));
  EXPECT_EQ(all.problems[0].owner, "ann");
}

TEST_F(StoreCareTest, NamesEveryImageOfOneLostOriginal) {
  Create("shared", "ann");
  Create("shared", "bob");
  EXPECT_EQ(CheckAll(care_).problems.size(), 2u);
}

// An image is deleted, and its original collected, between the two looks.
TEST_F(StoreCareTest, DoesNotBlameADeletionMeanwhile) {
  const Image image = Put("bytes");
  bool done = false;
  files_.BeforeVerify([&] {
    if (std::exchange(done, true)) return;
    ASSERT_TRUE(
        store_->DeleteImage(image.id, absl::Now(), [](const Image&) { return absl::OkStatus(); })
            .ok());
    files_.Remove(image.sha256);
  });
  EXPECT_TRUE(CheckAll(care_).problems.empty());
}

// Its original was damaged, and is uploaded again between the two looks.
TEST_F(StoreCareTest, DoesNotBlameWhatWasHealedMeanwhile) {
  Create("bytes");
  int times = 0;
  files_.BeforeVerify([&] {
    if (++times == 2) files_.Set(Whole("bytes"));
  });
  EXPECT_TRUE(CheckAll(care_).problems.empty());
}

TEST_F(StoreCareTest, APageEndsWhenReadingTakesTooLong) {
  for (int i = 0; i < 20; ++i) Put("whole " + std::to_string(i));
  // The twin answers for seven at a time.
  StoreCare hasty({.page_size = 20, .patience = absl::ZeroDuration()}, *store_, files_);
  const absl::StatusOr<CheckedImages> page = hasty.CheckImages(context_, "", true);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->images, 7);
  EXPECT_FALSE(page->next_page_token.empty());
  EXPECT_EQ(CheckAll(hasty).images, 20) << "none is left out";
}

TEST_F(StoreCareTest, APageEndsWhenReadingAgainWhatWasWrongTakesTooLong) {
  // The newest first: every other one is missing.
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = "image " + std::to_string(i);
    if (i % 2 == 0) Put(bytes);
    if (i % 2 == 1) Create(bytes);
  }
  int looks = 0;
  files_.BeforeVerify([&] { files_.AnswerAtMost(++looks % 2 == 1 ? 7 : 3); });
  StoreCare hasty({.page_size = 20, .patience = absl::ZeroDuration()}, *store_, files_);
  const absl::StatusOr<CheckedImages> page = hasty.CheckImages(context_, "", true);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(looks, 2) << "no third one for the fourth that is missing";
  EXPECT_EQ(page->problems.size(), 3u);
  EXPECT_EQ(page->images, 6);
  EXPECT_FALSE(page->next_page_token.empty());
  const CheckedImages all = CheckAll(hasty);
  EXPECT_EQ(all.images, 20);
  std::set<std::string> named;
  for (const ImageProblem& problem : all.problems) named.insert(problem.image_id);
  EXPECT_EQ(named.size(), 10u) << "none is left out";
  EXPECT_EQ(all.problems.size(), 10u) << "none is named twice";
}

TEST_F(StoreCareTest, CountsWhatNobodyRefersTo) {
  for (int i = 0; i < 5; ++i) Put("whole " + std::to_string(i));
  files_.Set(Whole("unused"), absl::FromUnixSeconds(100));
  files_.Set(Whole("unused too"), absl::FromUnixSeconds(50));
  files_.SetRenditionsOnly(Digest::Of("gone"));
  CheckedBlobs all;
  std::string token;
  do {
    const absl::StatusOr<CheckedBlobs> page = care_.CheckBlobs(context_, token);
    ASSERT_TRUE(page.ok()) << page.status();
    all.originals += page->originals;
    all.unreferenced += page->unreferenced;
    all.unreferenced_bytes += page->unreferenced_bytes;
    all.only_renditions += page->only_renditions;
    all.oldest_unreferenced = std::min(all.oldest_unreferenced, page->oldest_unreferenced);
    token = page->next_page_token;
  } while (!token.empty());
  EXPECT_EQ(all.originals, 7);
  EXPECT_EQ(all.unreferenced, 2);
  EXPECT_EQ(all.unreferenced_bytes, 16);
  EXPECT_EQ(all.only_renditions, 1);
  EXPECT_EQ(all.oldest_unreferenced, absl::FromUnixSeconds(50));
}

TEST_F(StoreCareTest, RefusesATokenThatIsNone) {
  for (const char* token : {"x", "1", ".", "x.y"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(care_.CheckImages(context_, token, false).status()))
        << token;
  }
}

TEST_F(StoreCareTest, HandlersSpeakInWordsAndHexadecimalDigits) {
  const Image image = Create("missing");
  StoreHandlers handlers(care_);
  v1::CheckImagesResponse checked;
  ASSERT_TRUE(handlers.CheckImages(context_, Principal::Anonymous(), {}, &checked).ok());
  ASSERT_EQ(checked.problems_size(), 1);
  EXPECT_EQ(checked.problems(0).kind(), "missing");
  EXPECT_EQ(checked.problems(0).sha256(), Digest::Of("missing").hex());
  v1::Scrub scrub;
  ASSERT_TRUE(handlers.StartScrub(context_, Principal::Anonymous(), {}, &scrub).ok());
  EXPECT_EQ(scrub.state(), "running");
  EXPECT_FALSE(scrub.has_last());
  EXPECT_EQ(DetailsOf(handlers.StartScrub(context_, Principal::Anonymous(), {}, &scrub)).reason,
            "SCRUB_RUNS");
}

}  // namespace
}  // namespace stockroom::api
