// admin: scrub, fsck, backup, verify-backup, restore, against a cluster in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "tests/unit/cli/fakes.h"
#include "tools/stockroom/backup_folder.h"
#include "tools/stockroom/exit_codes.h"

namespace stockroom::cli {
namespace {

using ::testing::HasSubstr;

// Rows and originals; refuses rows whose originals it lacks, as the real one.
class FakeStore final : public StoreClient {
 public:
  absl::StatusOr<v1::Scrub> GetScrub() override { return scrub; }
  absl::StatusOr<v1::Scrub> StartScrub(const v1::StartScrubRequest& request) override {
    started = request;
    return scrub;
  }
  absl::StatusOr<v1::ListQuarantinedResponse> ListQuarantined(
      const v1::ListQuarantinedRequest&) override {
    return quarantined;
  }
  absl::StatusOr<v1::CheckImagesResponse> CheckImages(
      const v1::CheckImagesRequest& request) override {
    const size_t page = request.page_token().empty() ? 0 : std::stoul(request.page_token());
    return image_pages.at(page);
  }
  absl::StatusOr<v1::CheckBlobsResponse> CheckBlobs(const v1::CheckBlobsRequest&) override {
    return blobs;
  }
  absl::StatusOr<v1::Catalogue> GetCatalogue() override {
    v1::Catalogue catalogue;
    catalogue.set_id("catalogue");
    catalogue.set_feed_position(7);
    catalogue.set_has_images(!rows.empty());
    return catalogue;
  }
  absl::StatusOr<v1::ExportRowsResponse> ExportRows(const v1::ExportRowsRequest& request) override {
    v1::ExportRowsResponse page;
    if (request.kind() != v1::ExportRowsRequest::IMAGES) return page;
    if (!request.image_id().empty()) {
      const auto found = rows.find(request.image_id());
      if (found != rows.end()) *page.add_rows() = found->second;
      return page;
    }
    // Two at a time.
    for (auto it = rows.upper_bound(request.page_token()); it != rows.end(); ++it) {
      if (page.rows_size() == 2) {
        page.set_next_page_token(page.rows(1).image().id());
        break;
      }
      *page.add_rows() = it->second;
    }
    return page;
  }
  absl::StatusOr<v1::ImportRowsResponse> ImportRows(const v1::ImportRowsRequest& request) override {
    v1::ImportRowsResponse answer;
    if (before_import) before_import();
    for (const v1::ArchivedRow& row : request.rows()) {
      if (!originals.contains(row.image().sha256())) {
        return MakeStatus(absl::StatusCode::kFailedPrecondition, "an original is not there",
                          {.reason = "ORIGINAL_MISSING"});
      }
    }
    for (const v1::ArchivedRow& row : request.rows()) {
      if (rows.emplace(row.image().id(), row).second) answer.set_imported(answer.imported() + 1);
    }
    return answer;
  }
  absl::StatusOr<v1::MissingOriginalsResponse> MissingOriginals(
      const v1::MissingOriginalsRequest& request) override {
    v1::MissingOriginalsResponse answer;
    for (const std::string& digest : request.sha256()) {
      if (!originals.contains(digest)) answer.add_sha256(digest);
    }
    return answer;
  }
  absl::StatusOr<v1::ReadOriginalResponse> ReadOriginal(
      const v1::ReadOriginalRequest& request) override {
    if (before_read) before_read(request.sha256());
    if (reads_left-- == 0) return absl::InternalError("interrupted");
    const auto found = originals.find(request.sha256());
    if (found == originals.end()) return NotFound("BLOB_NOT_FOUND", "there is no blob");
    read.insert(request.sha256());
    v1::ReadOriginalResponse piece;
    piece.set_size(static_cast<int64_t>(found->second.size()));
    piece.set_data(found->second.substr(request.offset(), request.length()));
    return piece;
  }
  absl::StatusOr<v1::WriteOriginalResponse> WriteOriginal(const std::string& sha256,
                                                          ChunkSource next) override {
    std::string bytes;
    for (;;) {
      SR_ASSIGN_OR_RETURN(const std::string chunk, next());
      if (chunk.empty()) break;
      bytes += chunk;
    }
    if (Digest::Of(bytes).bytes() != sha256) return absl::DataLossError("other bytes");
    originals[sha256] = bytes;
    return v1::WriteOriginalResponse();
  }

  v1::Scrub scrub;
  v1::StartScrubRequest started;
  v1::ListQuarantinedResponse quarantined;
  std::vector<v1::CheckImagesResponse> image_pages = {{}};
  v1::CheckBlobsResponse blobs;
  std::map<std::string, v1::ArchivedRow> rows;  // images
  std::map<std::string, std::string> originals;
  std::function<void(const std::string& sha256)> before_read;
  std::function<void()> before_import;
  int reads_left = -1;  // negative: no end
  std::set<std::string> read;
};

class BackupTest : public ::testing::Test {
 protected:
  void Put(const std::string& id, const std::string& bytes) {
    v1::ArchivedRow& row = store_.rows[id];
    v1::ArchivedImage& image = *row.mutable_image();
    image.set_id(id);
    image.set_owner("ann");
    image.set_title("title of " + id);
    image.set_sha256(std::string(Digest::Of(bytes).bytes()));
    image.set_size_bytes(static_cast<int64_t>(bytes.size()));
    image.set_revision(3);
    store_.originals[image.sha256()] = bytes;
  }
  void Delete(const std::string& id) {
    store_.originals.erase(store_.rows[id].image().sha256());
    store_.rows.erase(id);
  }
  int Backup(int keep = 0) {
    return RunBackup(bench_.program, store_, {.action = "backup", .folder = folder_, .keep = keep});
  }
  int Verify() { return RunVerifyBackup(bench_.program, {.folder = folder_}); }
  int Restore(FakeStore& to, bool merge = false) {
    return RunBackup(bench_.program, to, {.action = "restore", .folder = folder_, .merge = merge});
  }
  std::vector<std::string> Files(const std::string& part) {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file() && entry.path().string().find(part) != std::string::npos) {
        files.push_back(entry.path().string());
      }
    }
    return files;
  }
  // Of the newest backup.
  std::string Last(const std::string& part) {
    const std::vector<std::string> files = Files(part);
    return files.empty() ? "" : *std::max_element(files.begin(), files.end());
  }
  bool SameRows(const FakeStore& other) {
    if (other.rows.size() != store_.rows.size()) return false;
    for (const auto& [id, row] : store_.rows) {
      const auto found = other.rows.find(id);
      if (found == other.rows.end() ||
          found->second.SerializeAsString() != row.SerializeAsString()) {
        return false;
      }
    }
    return other.originals == store_.originals;
  }

  Bench bench_;
  FakeStore store_;
  const std::string folder_ = bench_.folder + "/backups";
};

TEST_F(BackupTest, PutsBackWhatWasThere) {
  for (int i = 0; i < 7; ++i) Put("image-" + std::to_string(i), "bytes " + std::to_string(i % 5));
  Put("large", std::string(3'000'000, 'x'));
  ASSERT_EQ(Backup(), kExitOk) << bench_.err;
  EXPECT_EQ(Verify(), kExitOk) << bench_.err;
  FakeStore fresh;
  ASSERT_EQ(Restore(fresh), kExitOk) << bench_.err;
  EXPECT_TRUE(SameRows(fresh));
}

TEST_F(BackupTest, CopiesOnlyWhatTheFolderLacks) {
  Put("a", "first");
  ASSERT_EQ(Backup(), kExitOk);
  Put("b", "second");
  store_.read.clear();
  ASSERT_EQ(Backup(), kExitOk);
  EXPECT_EQ(store_.read, (std::set<std::string>{std::string(Digest::Of("second").bytes())}));
  EXPECT_EQ(Files("manifest.json").size(), 2u);
  EXPECT_EQ(Files("/blobs/").size(), 2u);
}

TEST_F(BackupTest, LeavesOutAnImageThatIsDeletedMeanwhile) {
  Put("a", "first");
  Put("b", "second");
  store_.before_read = [&](const std::string&) {
    if (store_.rows.contains("b")) Delete("b");
  };
  ASSERT_EQ(Backup(), kExitOk) << bench_.err;
  EXPECT_EQ(Verify(), kExitOk) << bench_.err;
  FakeStore fresh;
  ASSERT_EQ(Restore(fresh), kExitOk);
  EXPECT_EQ(fresh.rows.size(), 1u);
}

TEST_F(BackupTest, TellsOfAnImageThatHasLostItsOriginalAndBacksUpTheRest) {
  Put("a", "first");
  Put("b", "second");
  store_.originals.erase(std::string(Digest::Of("first").bytes()));
  store_.originals[std::string(Digest::Of("second").bytes())] = "SECOND";
  Put("c", "third");
  EXPECT_EQ(Backup(), kExitFailed);
  EXPECT_THAT(bench_.err, HasSubstr("image a of ann has lost its original"));
  EXPECT_THAT(bench_.err, HasSubstr("image b of ann has lost its original"));
  EXPECT_EQ(Verify(), kExitOk) << "what is in it can be restored";
  FakeStore fresh;
  ASSERT_EQ(Restore(fresh), kExitOk);
  EXPECT_EQ(fresh.rows.size(), 1u);
}

TEST_F(BackupTest, IsNoBackupBeforeItsLastOriginalIsThereAndGoesOnWhereItWas) {
  for (int i = 0; i < 6; ++i) Put("image-" + std::to_string(i), "bytes " + std::to_string(i));
  store_.before_read = [&](const std::string&) { EXPECT_TRUE(Files("manifest.json").empty()); };
  store_.reads_left = 3;
  EXPECT_NE(Backup(), kExitOk);
  EXPECT_TRUE(Files("manifest.json").empty());
  EXPECT_EQ(Verify(), kExitNotFound);
  store_.reads_left = -1;
  store_.read.clear();
  ASSERT_EQ(Backup(), kExitOk);
  EXPECT_EQ(store_.read.size(), 3u);
  EXPECT_TRUE(Files("/backups/tmp/").empty());
  EXPECT_EQ(Verify(), kExitOk) << bench_.err;
}

TEST_F(BackupTest, FindsEveryFileThatRotted) {
  for (int i = 0; i < 3; ++i) Put("image-" + std::to_string(i), "bytes " + std::to_string(i));
  ASSERT_EQ(Backup(), kExitOk);
  std::vector<std::string> files = Files("/blobs/");
  for (const std::string& file : Files("/snapshots/")) files.push_back(file);
  ASSERT_EQ(files.size(), 5u);
  for (const std::string& file : files) {
    const std::string whole = Bench::Read(file);
    for (const size_t at : {size_t{0}, whole.size() / 2, whole.size() - 2}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 1);
      std::ofstream(file, std::ios::binary) << damaged;
      EXPECT_NE(Verify(), kExitOk) << file << " " << at;
    }
    std::ofstream(file, std::ios::binary) << whole.substr(0, whole.size() / 2);
    EXPECT_NE(Verify(), kExitOk) << file << " cut";
    std::ofstream(file, std::ios::binary) << whole;
  }
  std::filesystem::remove(Files("/blobs/")[0]);
  EXPECT_EQ(Verify(), kExitFailed);
}

TEST_F(BackupTest, RestoresNothingFromADamagedBackupAndNothingOverWhatIsThere) {
  Put("a", "first");
  ASSERT_EQ(Backup(), kExitOk);
  FakeStore other;
  other.rows["z"].mutable_image()->set_id("z");
  EXPECT_EQ(Restore(other), kExitRefused);
  EXPECT_THAT(bench_.err, HasSubstr("--merge"));
  EXPECT_EQ(Restore(other, true), kExitOk);
  EXPECT_EQ(other.rows.size(), 2u);
  EXPECT_EQ(Restore(other, true), kExitOk) << "twice is as once";

  std::ofstream(Files("/rows")[0], std::ios::binary | std::ios::app) << "x";
  FakeStore fresh;
  EXPECT_EQ(Restore(fresh), kExitFailed);
  EXPECT_TRUE(fresh.rows.empty());
}

TEST_F(BackupTest, SendsOriginalsAgainThatAreCollectedBeforeTheirRowsAreIn) {
  for (int i = 0; i < 3; ++i) Put("image-" + std::to_string(i), "bytes " + std::to_string(i));
  ASSERT_EQ(Backup(), kExitOk);
  FakeStore fresh;
  int imports = 0;
  fresh.before_import = [&] {
    if (++imports < 3) fresh.originals.erase(fresh.originals.begin());
  };
  EXPECT_EQ(Restore(fresh), kExitOk) << bench_.err;
  EXPECT_EQ(imports, 3);
  EXPECT_TRUE(SameRows(fresh));

  // Not for ever.
  FakeStore leaking;
  leaking.before_import = [&] { leaking.originals.clear(); };
  EXPECT_EQ(Restore(leaking), kExitRefused);
}

TEST_F(BackupTest, PrunesOldBackupsAndOnlyOriginalsThatNoneNeeds) {
  Put("a", "first");
  Put("b", "second");
  ASSERT_EQ(Backup(), kExitOk);
  Delete("a");
  Put("c", "third");
  ASSERT_EQ(Backup(), kExitOk);
  EXPECT_EQ(Files("/blobs/").size(), 3u);
  ASSERT_EQ(Backup(2), kExitOk);
  EXPECT_EQ(Files("manifest.json").size(), 2u);
  EXPECT_EQ(Files("/blobs/").size(), 2u) << "the first went with the only backup that had it";
  EXPECT_EQ(Verify(), kExitOk) << bench_.err;
}

TEST_F(BackupTest, TheNewestIsTheOneThatWasMadeLastEvenIfTheClockWentBack) {
  Put("a", "first");
  ASSERT_EQ(Backup(), kExitOk);
  const std::filesystem::path early =
      std::filesystem::path(Files("manifest.json")[0]).parent_path();
  // As a clock that was far ahead would have called it.
  std::filesystem::rename(early, early.parent_path() / "20990101T000000Z-007");
  Put("b", "second");
  ASSERT_EQ(Backup(1), kExitOk) << bench_.err;
  EXPECT_THAT(Files("manifest.json"),
              ::testing::ElementsAre(HasSubstr("/20990101T000001Z/manifest.json")));
  FakeStore fresh;
  ASSERT_EQ(Restore(fresh), kExitOk) << bench_.err;
  EXPECT_TRUE(SameRows(fresh));
}

TEST_F(BackupTest, PruningKeepsTheBackupThatWasJustMadeWhateverOthersAreCalled) {
  Put("a", "first");
  ASSERT_EQ(Backup(), kExitOk);
  const std::filesystem::path early =
      std::filesystem::path(Files("manifest.json")[0]).parent_path();
  std::filesystem::rename(early, early.parent_path() / "zoo");
  ASSERT_EQ(Backup(1), kExitOk) << bench_.err;
  EXPECT_THAT(Files("manifest.json"), ::testing::ElementsAre(::testing::Not(HasSubstr("/zoo/"))));
}

TEST_F(BackupTest, PrunesNothingWhileOneThatStaysIsDamaged) {
  Put("a", "first");
  ASSERT_EQ(Backup(), kExitOk);
  Put("b", "second");
  ASSERT_EQ(Backup(), kExitOk);
  Delete("b");
  const std::string rows = Last("/rows");
  const std::string whole = Bench::Read(rows);
  // The second row went: to one who reads only rows, nobody needs the original of b.
  const size_t first_row = size_t{8} + static_cast<unsigned char>(whole[0]);
  ASSERT_LT(first_row, whole.size());
  for (const size_t length : {size_t{0}, first_row}) {
    std::ofstream(rows, std::ios::binary) << whole.substr(0, length);
    bench_.err.clear();
    EXPECT_EQ(Backup(2), kExitFailed) << length;
    EXPECT_THAT(bench_.err, HasSubstr("the new backup is whole"));
    EXPECT_THAT(bench_.err, HasSubstr("rows is damaged"));
    EXPECT_EQ(Files("/blobs/").size(), 2u);
    std::filesystem::remove_all(std::filesystem::path(Last("manifest.json")).parent_path());
    EXPECT_EQ(Files("manifest.json").size(), 2u) << "none of the older ones went";
  }
  std::ofstream(rows, std::ios::binary) << whole;
  EXPECT_EQ(Backup(2), kExitOk) << bench_.err;
  EXPECT_EQ(Files("manifest.json").size(), 2u);
  EXPECT_EQ(Files("/blobs/").size(), 2u);
  EXPECT_EQ(Verify(), kExitOk) << bench_.err;
}

TEST_F(BackupTest, WhatCanNotBeLookedAtIsNotTakenForUnfinished) {
  Put("a", "first");
  ASSERT_EQ(Backup(), kExitOk);
  const std::string manifest = Last("manifest.json");
  const std::string rows = Last("/rows");
  std::filesystem::rename(manifest, manifest + ".aside");
  std::filesystem::create_directory(manifest);
  EXPECT_NE(Backup(2), kExitOk) << "what it needs can not be told";
  EXPECT_TRUE(std::filesystem::exists(rows));
  std::filesystem::remove(manifest);
  std::filesystem::rename(manifest + ".aside", manifest);

  // Looking into it fails with ELOOP, which no owner of the machine is exempt from.
  const std::string loop = folder_ + "/snapshots/loop";
  std::filesystem::create_symlink("loop", loop);
  EXPECT_NE(Verify(), kExitOk);
  EXPECT_NE(Backup(1), kExitOk);
  EXPECT_EQ(Exists(loop + "/manifest.json").status().code(), absl::ErrnoToStatusCode(ELOOP));
  std::filesystem::remove(loop);
  EXPECT_EQ(Verify(), kExitOk) << bench_.err;
  EXPECT_FALSE(Exists(loop + "/manifest.json").value_or(true));
  EXPECT_FALSE(Exists(rows + "/manifest.json").value_or(true));
  EXPECT_TRUE(Exists(manifest).value_or(false));
}

TEST_F(BackupTest, OpensAFolderThatIsThereByAnyOfItsNames) {
  std::filesystem::create_directories(folder_ + "/blobs");
  const std::string other_name = bench_.folder + "/other-name";
  std::filesystem::create_directory_symlink(folder_, other_name);
  for (const std::string& name : {folder_, folder_ + "/", folder_ + "/.", other_name}) {
    const auto opened = BackupFolder::OpenToWrite(name);
    EXPECT_TRUE(opened.ok()) << opened.status();
  }
}

TEST_F(BackupTest, TwoAtOnceAreRefused) {
  const auto held = BackupFolder::OpenToWrite(folder_);
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(Backup(), kExitRefused);
}

TEST_F(BackupTest, FsckEndsWithOneAndNamesWhatIsLost) {
  store_.image_pages = {{}, {}};
  store_.image_pages[0].set_images(500);
  store_.image_pages[0].set_next_page_token("1");
  store_.image_pages[1].set_images(3);
  const auto run = [&] {
    bench_.out.clear();
    return RunStore(bench_.program, store_, {.action = "fsck"});
  };
  EXPECT_EQ(run(), kExitOk);
  EXPECT_THAT(bench_.out, HasSubstr("503 images"));
  v1::ImageProblem& problem = *store_.image_pages[1].add_problems();
  problem.set_kind("missing");
  problem.set_image_id("id\033");
  problem.set_owner("ann");
  EXPECT_EQ(run(), kExitFailed);
  EXPECT_THAT(bench_.out, HasSubstr("missing  id"));
  EXPECT_THAT(bench_.out, ::testing::Not(HasSubstr("\033")));
}

TEST_F(BackupTest, ScrubEndsWithOneWhileSomethingIsToBeDone) {
  const auto run = [&] { return RunStore(bench_.program, store_, {.action = "scrub"}); };
  store_.scrub.set_state("waiting");
  EXPECT_EQ(run(), kExitOk);
  v1::QuarantinedOriginal& original = *store_.quarantined.add_originals();
  original.set_healed(true);
  EXPECT_EQ(run(), kExitOk);
  original.set_healed(false);
  EXPECT_EQ(run(), kExitFailed);
  store_.quarantined.Clear();
  store_.scrub.set_halted_because("too much");
  EXPECT_EQ(run(), kExitFailed);
  EXPECT_THAT(bench_.err, HasSubstr("halted: too much"));
}

TEST(ManifestTest, IsReadAsItWasWritten) {
  Manifest manifest{.catalogue_id = "catalogue", .feed_position = 7, .time = "now", .images = 2};
  manifest.lost_images = {"a", "b", "c"};
  const std::string text = ManifestText(manifest);
  const absl::StatusOr<Manifest> parsed = ParseManifest(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(ManifestText(*parsed), text);
}

// Looking at each level from the one above it would take the whole stack and more.
TEST(ManifestTest, IsDamagedIfItIsNestedDeeply) {
  constexpr size_t kLevels = 300'000;
  const std::string arrays = std::string(kLevels, '[') + std::string(kLevels, ']');
  std::string objects;
  for (size_t i = 0; i < kLevels; ++i) objects += "{\"a\":";
  objects += "1" + std::string(kLevels, '}');
  for (const std::string& nested : {arrays, objects}) {
    for (const std::string& text :
         {nested, "{\"check\":\"\",\"format\":" + nested + "}", "{\"check\":" + nested + "}"}) {
      EXPECT_TRUE(absl::IsDataLoss(ParseManifest(text).status()));
    }
  }
}

}  // namespace
}  // namespace stockroom::cli
