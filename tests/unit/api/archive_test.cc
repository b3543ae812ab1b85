// What goes out to a backup and comes back in, and for whom.
#include "services/api/domain/archive.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>

#include "services/api/domain/roles.h"
#include "services/api/handlers/backup_handlers.h"
#include "services/api/handlers/backup_messages.h"
#include "services/api/handlers/store_handlers.h"
#include "services/api/metadata/memory_store.h"
#include "services/common/base/clock.h"
#include "services/common/base/ids.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "services/common/blobs/memory_blob_client.h"
#include "services/common/blobs/memory_care_client.h"
#include "tests/unit/api/forwarding_store.h"

namespace stockroom::api {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

class ArchiveTest : public ::testing::Test {
 protected:
  static Principal With(Scopes scopes) {
    return {.subject = "boss", .anonymous = false, .scopes = scopes};
  }
  static ApiKey Key(const std::string& subject, Role role) {
    ApiKey key;
    key.id = NewUuidV7(kNoon);
    key.prefix = "sr_abcdef";
    key.secret_hash = Digest::Of(key.id);
    key.subject = subject;
    key.role = role;
    key.scopes = ScopesOf(role);
    key.create_time = kNoon;
    return key;
  }
  static v1::ImportRowsRequest Rows(const std::vector<ArchivedRow>& rows) {
    v1::ImportRowsRequest request;
    for (const ArchivedRow& row : rows) ToMessage(row, request.add_rows());
    return request;
  }
  absl::Status Import(const Principal& who, const std::vector<ArchivedRow>& rows) {
    v1::ImportRowsResponse response;
    return handlers_.ImportRows(context_, who, Rows(rows), &response);
  }
  size_t KeyCount() {
    const auto keys = store_->api_keys().ListApiKeys("", 100);
    EXPECT_TRUE(keys.ok()) << keys.status();
    return keys.ok() ? keys->size() : 0;
  }

  const CallContext context_ = CallContext::WithTimeout(absl::Minutes(1));
  const std::unique_ptr<MetadataStore> store_ = NewMemoryStore();
  MemoryBlobClient blobs_;
  MemoryCareClient files_;
  FakeClock clock_{kNoon};
  Archive archive_{{.page_size = 4}, *store_, blobs_, files_, clock_};
  BackupHandlers handlers_{archive_};
};

TEST_F(ArchiveTest, IsNotForThoseWhoMayNotSeePrivateImages) {
  const auto stored = WriteBlob(blobs_, context_, "private");
  ASSERT_TRUE(stored.ok()) << stored.status();
  StoreCare care({}, *store_, files_);
  StoreHandlers checks(care);
  v1::ExportRowsRequest exported;
  exported.set_kind(v1::ExportRowsRequest::WEBHOOKS);
  v1::ReadOriginalRequest read;
  read.set_sha256(std::string(Digest::Of("private").bytes()));
  read.set_length(1);
  const auto statuses = [&](const Principal& who) {
    v1::ExportRowsResponse rows;
    v1::ReadOriginalResponse piece;
    v1::MissingOriginalsResponse missing;
    v1::CheckImagesResponse checked;
    return std::vector<absl::Status>{handlers_.ExportRows(context_, who, exported, &rows),
                                     handlers_.ReadOriginal(context_, who, read, &piece),
                                     handlers_.MissingOriginals(context_, who, {}, &missing),
                                     checks.CheckImages(context_, who, {}, &checked),
                                     Import(who, {}),
                                     BackupHandlers::CheckMayWrite(who)};
  };
  for (const absl::Status& status : statuses(With(Scope::kAdmin))) {
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
    EXPECT_EQ(DetailsOf(status).reason, "SCOPE_MISSING");
  }
  for (const absl::Status& status : statuses(With(Scope::kAdmin | Scope::kModerate))) {
    EXPECT_TRUE(status.ok()) << status;
  }
  for (const absl::Status& status : statuses(Principal::Anonymous())) {
    EXPECT_TRUE(status.ok()) << "nobody has to log in: " << status;
  }
}

// Commits late, when a collector has been there.
class SlowStore final : public ForwardingStore {
 public:
  SlowStore(MetadataStore& inner, std::function<void()> meanwhile)
      : ForwardingStore(inner), meanwhile_(std::move(meanwhile)) {}
  absl::StatusOr<int> ImportImages(std::span<const ArchivedImage> images, absl::Time now) override {
    meanwhile_();
    return inner_.ImportImages(images, now);
  }

 private:
  const std::function<void()> meanwhile_;
};

TEST_F(ArchiveTest, GivesOutASingleImageThatIsAnothersAndPrivate) {
  ArchivedImage archived;
  archived.image.id = "image";
  archived.image.owner = "ann";
  archived.image.described.visibility = Visibility::kPrivate;
  archived.image.state = ImageState::kReady;
  archived.image.sha256 = Digest::Of("bytes");
  archived.image.revision = 1;
  ASSERT_TRUE(store_->ImportImages(std::vector{archived}, kNoon).ok());
  v1::ExportRowsRequest request;
  request.set_kind(v1::ExportRowsRequest::IMAGES);
  for (const char* id : {"image", "gone"}) {
    request.set_image_id(id);
    v1::ExportRowsResponse page;
    const absl::Status got = handlers_.ExportRows(context_, Principal::Anonymous(), request, &page);
    ASSERT_TRUE(got.ok()) << got;
    EXPECT_EQ(page.rows_size(), std::string(id) == "image" ? 1 : 0);
    EXPECT_EQ(page.next_page_token(), "");
  }
}

TEST_F(ArchiveTest, WithoutAnOriginalNothingOfTheBatchIsPutIn) {
  ArchivedImage archived;
  archived.image.id = "image";
  archived.image.owner = "ann";
  archived.image.state = ImageState::kReady;
  archived.image.sha256 = Digest::Of("not there");
  archived.image.revision = 1;
  const std::vector<ArchivedRow> rows = {Key("ann", Role::kViewer), archived};
  const auto put = archive_.Import(context_, Principal::Anonymous(), rows);
  EXPECT_EQ(DetailsOf(put.status()).reason, "ORIGINAL_MISSING");
  EXPECT_EQ(KeyCount(), 0u);
}

TEST_F(ArchiveTest, AnOriginalThatIsCollectedDuringALateCommitIsAskedForAgain) {
  ArchivedImage archived;
  archived.image.id = "image";
  archived.image.owner = "ann";
  archived.image.state = ImageState::kReady;
  archived.image.sha256 = Digest::Of("bytes");
  archived.image.revision = 1;
  const std::vector<ArchivedRow> rows = {archived};
  absl::Duration now = absl::Hours(5);
  SlowStore slow(*store_, [&] {
    now += absl::Minutes(31);
    blobs_.RemoveBlob(archived.image.sha256);
  });
  Archive archive({.grace = absl::Hours(1), .steady = [&] { return now; }}, slow, blobs_, files_,
                  clock_);
  ASSERT_TRUE(WriteBlob(blobs_, context_, "bytes").ok());
  const auto late = archive.Import(context_, Principal::Anonymous(), rows);
  EXPECT_EQ(DetailsOf(late.status()).reason, "ORIGINAL_MISSING");
  ASSERT_TRUE(WriteBlob(blobs_, context_, "bytes").ok());
  const auto again = archive_.Import(context_, Principal::Anonymous(), rows);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, 0) << "the row is there";
}

TEST_F(ArchiveTest, APageOfLargeRowsFitsAMessageAndNoRowIsLeftOut) {
  std::vector<ArchivedImage> images(7);
  for (size_t i = 0; i < images.size(); ++i) {
    Image& image = images[i].image;
    image.id = "image-" + std::to_string(i);
    image.owner = "ann";
    image.state = ImageState::kReady;
    image.sha256 = Digest::Of(image.id);
    image.analysis = {{"exif", std::string(1'000'000, 'x')}};
    // Two of the same time.
    image.create_time = kNoon + absl::Seconds(i / 2);
    image.revision = 1;
  }
  ASSERT_TRUE(store_->ImportImages(images, kNoon).ok());
  for (int i = 0; i < 9; ++i) {
    const absl::Status made = store_->webhooks().CreateWebhook(
        {.id = "hook-" + std::to_string(i), .url = std::string(600'000, 'u')}, 100);
    ASSERT_TRUE(made.ok()) << made;
  }
  for (const auto& [kind, all] : {std::pair(v1::ExportRowsRequest::IMAGES, size_t{7}),
                                  std::pair(v1::ExportRowsRequest::WEBHOOKS, size_t{9})}) {
    std::set<std::string> seen;
    size_t rows = 0;
    v1::ExportRowsRequest request;
    request.set_kind(kind);
    do {
      v1::ExportRowsResponse page;
      const absl::Status got =
          handlers_.ExportRows(context_, Principal::Anonymous(), request, &page);
      ASSERT_TRUE(got.ok()) << got;
      EXPECT_LT(page.ByteSizeLong(), size_t{4} << 20);
      for (const v1::ArchivedRow& row : page.rows()) {
        seen.insert(row.has_image() ? row.image().id() : row.webhook().id());
      }
      rows += static_cast<size_t>(page.rows_size());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    EXPECT_EQ(rows, all);
    EXPECT_EQ(seen.size(), all);
  }
}

TEST_F(ArchiveTest, NobodyPutsInAKeyThatMayDoMoreThanThemselves) {
  const std::vector<ArchivedRow> keys = {Key("ann", Role::kViewer), Key("ann", Role::kAdmin)};
  const absl::Status refused = Import(With(Scope::kRead | Scope::kModerate | Scope::kAdmin), keys);
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_EQ(DetailsOf(refused).reason, "SCOPE_MISSING");
  EXPECT_EQ(KeyCount(), 0u) << "all or nothing";
  const absl::Status put = Import(With(ScopesOf(Role::kAdmin)), keys);
  EXPECT_TRUE(put.ok()) << put;
  EXPECT_EQ(KeyCount(), 2u);
}

}  // namespace
}  // namespace stockroom::api
