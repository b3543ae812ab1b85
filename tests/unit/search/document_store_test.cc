#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/unit/search/store_fixture.h"

namespace stockroom::api {
namespace {

class DocumentStoreTest : public StoreTest {
 protected:
  std::vector<Locator> Fill(DocumentStore& store, int first, int count) {
    std::vector<Locator> locators;
    for (int n = first; n < first + count; ++n) {
      const auto locator = AppendTo(store, FullImage(n));
      EXPECT_TRUE(locator.ok()) << locator.status();
      locators.push_back(locator.value_or(0));
    }
    return locators;
  }
  std::set<std::string> FilesOnDisk() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      const std::string name = entry.path().filename();
      if (name != "lock") names.insert(name);
    }
    return names;
  }
  static std::set<std::string> NamesOf(const std::vector<DocumentStore::FileMark>& marks) {
    std::set<std::string> names;
    for (const auto& mark : marks) names.insert(mark.name);
    return names;
  }
  void Flip(const std::string& name, uint64_t at) {
    std::fstream file(folder_.file(name), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
};

TEST_F(DocumentStoreTest, GivesBackWhatWasAppended) {
  for (const std::string& folder : {std::string(), folder_.path()}) {
    const auto store = OpenStore(folder);
    const std::vector<Locator> locators = Fill(*store, 0, 300);
    EXPECT_GT(store->usage().files, 3u);
    const auto files = store->files();
    for (int n = 0; n < 300; ++n) {
      EXPECT_LT(locators[n], uint64_t{1} << 48);
      ExpectHolds(files->Read(locators[n]), FullImage(n));
    }
  }
}

TEST_F(DocumentStoreTest, DocumentsThatComeTogetherAreStoredOneByOne) {
  const auto store = OpenStore(folder_.path());
  std::vector<Image> images;
  for (int n = 0; n < 300; ++n) images.push_back(FullImage(n));
  // One with a file of its own between those that share one.
  images[100].described.description = std::string(2 * kFileBytes, 'x');
  const auto stored = AppendAll(*store, images);
  ASSERT_EQ(stored.size(), images.size());
  EXPECT_GT(store->usage().files, 4u);
  const auto files = store->files();
  for (size_t n = 0; n < images.size(); ++n) {
    ASSERT_TRUE(stored[n].ok()) << stored[n].status();
    ExpectHolds(files->Read(stored[n]->locator), images[n]);
    EXPECT_EQ(stored[n]->content_hash, files->Read(stored[n]->locator).content_hash);
  }
  const auto marks = store->Seal();
  ASSERT_TRUE(marks.ok());
  ExpectIsWhole(*marks);
}

TEST_F(DocumentStoreTest, WhatCanNotBeWrittenIsLostAlone) {
  const auto store = OpenStore("");
  const std::vector<Locator> before = Fill(*store, 0, 10);
  {
    // Room was reserved, and yet the disk does not take it.
    const FileSizeLimit limit((before[9] & 0xffffff) * 64 + 2000);
    const auto lost = AppendAll(*store, {FullImage(10), FullImage(11), FullImage(12)});
    for (const auto& one : lost) EXPECT_FALSE(one.ok());
  }
  EXPECT_EQ(metrics_.GetCounter("stockroom_search_documents_refused_total", "").value(), 3u);
  const std::vector<Locator> after = Fill(*store, 10, 300);
  for (int n = 0; n < 10; ++n) ExpectHolds(store->files()->Read(before[n]), FullImage(n));
  for (int n = 0; n < 300; ++n) ExpectHolds(store->files()->Read(after[n]), FullImage(10 + n));
  for (const Locator locator : before) store->Release(locator);
  for (const Locator locator : after) store->Release(locator);
  EXPECT_EQ(store->usage().files, 1u) << "its place keeps no file";
}

TEST_F(DocumentStoreTest, AnEmptyDocumentIsOne) {
  const auto store = OpenStore("");
  const auto locator = AppendTo(*store, {}, {}, {});
  ASSERT_TRUE(locator.ok());
  const DocumentView view = store->files()->Read(*locator);
  EXPECT_FALSE(view.damaged);
  EXPECT_EQ(view.id, "");
  EXPECT_EQ(view.wire_full, "");
  EXPECT_EQ(view.image, EncodeImage({}));
}

TEST_F(DocumentStoreTest, WhoHoldsTheFilesOfAMomentReadsWhatWasReleasedSince) {
  const auto store = OpenStore(folder_.path());
  const std::vector<Locator> locators = Fill(*store, 0, 300);
  const auto before = store->files();
  for (const Locator locator : locators) store->Release(locator);
  EXPECT_EQ(store->usage().files, 1u);
  EXPECT_GT(FilesOnDisk().size(), 1u);
  for (int n = 0; n < 300; ++n) ExpectHolds(before->Read(locators[n]), FullImage(n));
}

TEST_F(DocumentStoreTest, FilesGoWithTheirLastHolder) {
  const auto store = OpenStore(folder_.path());
  const std::vector<Locator> locators = Fill(*store, 0, 300);
  auto held = store->files();
  for (const Locator locator : locators) store->Release(locator);
  held = nullptr;
  EXPECT_EQ(FilesOnDisk().size(), 1u);
  EXPECT_EQ(metrics_.GetGauge("stockroom_search_document_files", "").value(), 1);
  EXPECT_EQ(metrics_.GetGauge("stockroom_search_document_live_bytes", "").value(), 0);
}

TEST_F(DocumentStoreTest, ReleasingAgainReleasesNothingElse) {
  const auto store = OpenStore("");
  const std::vector<Locator> locators = Fill(*store, 0, 300);
  for (int again = 0; again < 400; ++again) store->Release(locators[0]);
  store->Release(0);
  store->Release(~Locator{0});
  for (int n = 1; n < 300; ++n) ExpectHolds(store->files()->Read(locators[n]), FullImage(n));
}

TEST_F(DocumentStoreTest, WhatMovesOutOfASparseFileIsTheSameElsewhere) {
  const auto store = OpenStore("");
  std::vector<Locator> locators = Fill(*store, 0, 300);
  EXPECT_EQ(store->Relocate(locators[0]), locators[0]) << "all of its file lives";
  for (int n = 0; n < 300; ++n) {
    if (n % 10 != 0) store->Release(locators[n]);
  }
  const uint64_t before = store->usage().files;
  EXPECT_EQ(store->Relocate(locators[1]), locators[1]) << "it is dead";
  for (int n = 0; n < 300; n += 10) {
    const Locator moved = store->Relocate(locators[n]);
    // Both are there until one is released.
    ExpectHolds(store->files()->Read(locators[n]), FullImage(n));
    ExpectHolds(store->files()->Read(moved), FullImage(n));
    if (moved != locators[n]) store->Release(locators[n]);
    locators[n] = moved;
  }
  EXPECT_LT(store->usage().files, before);
  for (int n = 0; n < 300; n += 10) {
    ExpectHolds(store->files()->Read(locators[n]), FullImage(n));
  }
}

TEST_F(DocumentStoreTest, ADocumentThatFitsNoFileGetsOneOfItsOwn) {
  const auto store = OpenStore("");
  const std::vector<Locator> small = Fill(*store, 0, 2);
  Image large = FullImage(2);
  large.described.description = std::string(3 * kFileBytes, 'x');
  const auto locator = AppendTo(*store, large);
  ASSERT_TRUE(locator.ok()) << locator.status();
  const std::vector<Locator> after = Fill(*store, 3, 1);
  ExpectHolds(store->files()->Read(*locator), large);
  ExpectHolds(store->files()->Read(small[1]), FullImage(1));
  ExpectHolds(store->files()->Read(after[0]), FullImage(3));
  EXPECT_EQ(store->usage().files, 2u);
  store->Release(*locator);
  EXPECT_EQ(store->usage().files, 1u);
}

TEST_F(DocumentStoreTest, AFullDiskCostsOneDocument) {
  const auto store = OpenStore(folder_.path());
  std::vector<Locator> locators = Fill(*store, 0, 10);
  {
    const FileSizeLimit limit(kFileBytes / 2);
    Image large = FullImage(10);
    large.described.description = std::string(kFileBytes, 'x');
    const auto refused = AppendTo(*store, large);
    EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
    EXPECT_EQ(DetailsOf(refused.status()).reason, "NO_SPACE");
  }
  EXPECT_EQ(metrics_.GetCounter("stockroom_search_documents_refused_total", "").value(), 1u);
  EXPECT_EQ(FilesOnDisk().size(), 1u) << "what came to nothing leaves nothing";
  const std::vector<Locator> after = Fill(*store, 10, 300);
  for (int n = 0; n < 10; ++n) ExpectHolds(store->files()->Read(locators[n]), FullImage(n));
  ExpectHolds(store->files()->Read(after[299]), FullImage(309));
}

TEST_F(DocumentStoreTest, TakesNoMoreRoomThanItMay) {
  auto store =
      DocumentStore::Open({.file_bytes = kFileBytes, .max_bytes = 3 * kFileBytes}, metrics_);
  ASSERT_TRUE(store.ok());
  absl::Status status;
  std::vector<Locator> locators;
  while (status.ok() && locators.size() < 10'000) {
    const auto locator = AppendTo(**store, FullImage(static_cast<int>(locators.size())));
    status = locator.status();
    if (locator.ok()) locators.push_back(*locator);
  }
  EXPECT_EQ(DetailsOf(status).reason, "DOCUMENTS_FULL");
  EXPECT_LE((*store)->usage().bytes, 3 * kFileBytes);
  // Room comes back with what is released.
  for (const Locator locator : locators) (*store)->Release(locator);
  EXPECT_TRUE(AppendTo(**store, FullImage(1)).ok());
}

TEST_F(DocumentStoreTest, AFolderBelongsToOneStore) {
  const auto store = OpenStore(folder_.path());
  const auto second = DocumentStore::Open({.folder = folder_.path()}, metrics_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_EQ(DetailsOf(second.status()).reason, "FOLDER_IN_USE");
}

TEST_F(DocumentStoreTest, ALaterProcessTakesOverWhatWasSealed) {
  std::vector<DocumentStore::FileMark> marks;
  std::vector<Locator> locators;
  {
    const auto store = OpenStore(folder_.path());
    locators = Fill(*store, 0, 300);
    store->Release(locators[5]);
    const auto sealed = store->Seal();
    ASSERT_TRUE(sealed.ok());
    marks = *sealed;
    Fill(*store, 300, 300);  // never sealed
  }
  for (const bool verify : {false, true}) {
    const auto store = OpenStore(folder_.path());
    ASSERT_TRUE(store->Adopt(marks, verify).ok());
    EXPECT_EQ(FilesOnDisk(), NamesOf(marks));
    EXPECT_EQ(store->usage().files, marks.size());
    // It goes on in the last file, over what was not sealed.
    const std::vector<Locator> more = Fill(*store, 1000, 1);
    EXPECT_EQ(store->usage().files, marks.size());
    ExpectHolds(store->files()->Read(more[0]), FullImage(1000));
    for (int n = 0; n < 300; ++n) ExpectHolds(store->files()->Read(locators[n]), FullImage(n));
    const auto again = store->Seal();
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->front().live, marks.front().live);
  }
}

TEST_F(DocumentStoreTest, StartingWithoutACheckpointEmptiesTheFolder) {
  {
    const auto store = OpenStore(folder_.path());
    Fill(*store, 0, 300);
  }
  const auto store = OpenStore(folder_.path());
  ASSERT_TRUE(store->Adopt({}, false).ok());
  EXPECT_TRUE(FilesOnDisk().empty());
}

TEST_F(DocumentStoreTest, SealedFilesStayEvenWhenTheyAreEmpty) {
  const auto store = OpenStore(folder_.path());
  const std::vector<Locator> locators = Fill(*store, 0, 300);
  const auto marks = store->Seal();
  ASSERT_TRUE(marks.ok());
  for (const Locator locator : locators) store->Release(locator);
  EXPECT_EQ(FilesOnDisk(), NamesOf(*marks));
}

TEST_F(DocumentStoreTest, EveryFlippedByteOfADocumentIsFoundWhenItIsRead) {
  std::vector<DocumentStore::FileMark> marks;
  std::vector<Locator> locators;
  {
    const auto store = OpenStore(folder_.path());
    locators = Fill(*store, 0, 3);
    const auto sealed = store->Seal();
    ASSERT_TRUE(sealed.ok());
    marks = *sealed;
  }
  const auto store = OpenStore(folder_.path());
  ASSERT_TRUE(store->Adopt(marks, false).ok());
  const uint64_t begin = (locators[1] & 0xffffff) * 64;
  const uint64_t end = (locators[2] & 0xffffff) * 64;
  for (uint64_t at = begin; at < end; ++at) {
    Flip(marks[0].name, at);
    EXPECT_TRUE(store->files()->Read(locators[1]).damaged) << "byte " << at;
    ExpectHolds(store->files()->Read(locators[2]), FullImage(2));
    Flip(marks[0].name, at);
  }
  EXPECT_EQ(store->usage().damaged, end - begin);
  EXPECT_EQ(metrics_.GetCounter("stockroom_search_documents_damaged_total", "").value(),
            end - begin);
  ExpectHolds(store->files()->Read(locators[1]), FullImage(1));
}

TEST_F(DocumentStoreTest, LocatorsThatLeadNowhereAreDamaged) {
  const auto store = OpenStore(folder_.path());
  EXPECT_TRUE(store->files()->Read(0).damaged);
  const std::vector<Locator> locators = Fill(*store, 0, 3);
  EXPECT_TRUE(store->files()->Read(0).damaged);
  EXPECT_TRUE(store->files()->Read(locators[2] + 1000).damaged);
  EXPECT_TRUE(store->files()->Read(locators[2] + (Locator{8} << 24)).damaged) << "the same slot";
  EXPECT_TRUE(store->files()->Read(~Locator{0}).damaged);
}

TEST_F(DocumentStoreTest, DoesNotTakeOverOtherFilesThanItSealed) {
  std::vector<DocumentStore::FileMark> marks;
  {
    const auto store = OpenStore(folder_.path());
    Fill(*store, 0, 300);
    const auto sealed = store->Seal();
    ASSERT_TRUE(sealed.ok());
    marks = *sealed;
  }
  const std::string aside = folder_.path() + ".aside";
  const auto refuses = [&](const std::vector<DocumentStore::FileMark>& tried, bool verify) {
    std::filesystem::remove_all(aside);
    std::filesystem::copy(folder_.path(), aside);
    const auto store = OpenStore(aside);
    const absl::Status status = store->Adopt(tried, verify);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_EQ(store->usage().files, 0u);
    EXPECT_TRUE(AppendTo(*store, FullImage(1)).ok()) << "it is empty, and works";
  };
  std::vector<DocumentStore::FileMark> wrong = marks;
  wrong[0].identity = marks[1].identity;
  refuses(wrong, false);
  wrong = marks;
  wrong[0].name = "documents-99.bin";
  refuses(wrong, false);
  wrong[0].name = "../documents-1.bin";
  refuses(wrong, false);
  wrong[0].name = marks[1].name;
  refuses(wrong, false);
  wrong = marks;
  wrong[1].bytes += 1 << 20;
  refuses(wrong, false);
  wrong = marks;
  wrong[1].bytes -= 64;
  refuses(wrong, true);
  wrong = marks;
  wrong[1].documents += 1;
  refuses(wrong, true);
  wrong = marks;
  wrong.push_back(marks[0]);
  refuses(wrong, false);
  Flip(marks[0].name, 5);
  refuses(marks, false);
  Flip(marks[0].name, 5);
  Flip(marks[0].name, 5000);
  refuses(marks, true);
  Flip(marks[0].name, 5000);
  std::filesystem::resize_file(folder_.file(marks[0].name), 4096);
  refuses(marks, false);
  std::filesystem::remove_all(aside);
}

TEST_F(DocumentStoreTest, WithoutAFolderThereIsNothingToSeal) {
  const auto store = OpenStore("");
  EXPECT_TRUE(absl::IsFailedPrecondition(store->Seal().status()));
}

TEST_F(DocumentStoreTest, FilesInMemoryStandInWhereThereIsNoTemporaryFolder) {
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  setenv("TMPDIR", folder_.file("not-there").c_str(), 1);
  const auto store = OpenStore("");
  const std::vector<Locator> locators = Fill(*store, 0, 10);
  ExpectHolds(store->files()->Read(locators[9]), FullImage(9));
  if (before == nullptr) {
    unsetenv("TMPDIR");
  } else {
    setenv("TMPDIR", kept.c_str(), 1);
  }
}

}  // namespace
}  // namespace stockroom::api
