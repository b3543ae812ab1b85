// Readers of documents beside the writer, under ThreadSanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "services/common/base/mutex.h"
#include "tests/unit/search/store_fixture.h"

namespace stockroom::api {
namespace {

// What an index publishes: files, and the locators that may be read in them.
struct View {
  std::shared_ptr<const DocumentFiles> files;
  std::vector<std::pair<Locator, int>> documents;
};

class Published {
 public:
  void Set(View view) {
    MutexLock lock(mu_);
    view_ = std::make_shared<const View>(std::move(view));
  }
  std::shared_ptr<const View> Get() const {
    MutexLock lock(mu_);
    return view_;
  }

 private:
  mutable Mutex mu_;
  std::shared_ptr<const View> view_ SR_GUARDED_BY(mu_) = std::make_shared<const View>();
};

class StoreConcurrencyTest : public StoreTest {
 protected:
  // Reads everything of one view after another until told to stop, and twice at least.
  static void ReadAll(const Published& published, const std::atomic<bool>& stop) {
    for (int rounds = 0; rounds < 2 || !stop.load(); ++rounds) {
      const auto view = published.Get();
      for (const auto& [locator, n] : view->documents) {
        const DocumentView document = view->files->Read(locator);
        ASSERT_FALSE(document.damaged);
        ASSERT_EQ(document.revision, 7 + n);
        const auto image = DecodeImage(document.image);
        ASSERT_TRUE(image.ok());
        ASSERT_EQ(image->id, document.id);
      }
    }
  }
};

TEST_F(StoreConcurrencyTest, ReadersSeeWholeDocumentsWhileOthersComeMoveAndGo) {
  const auto store = OpenStore(folder_.path());
  Published published;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back([&] { ReadAll(published, stop); });

  std::vector<std::pair<Locator, int>> documents;
  for (int n = 0; n < 600; ++n) {
    const auto locator = AppendTo(*store, FullImage(n));
    ASSERT_TRUE(locator.ok());
    documents.emplace_back(*locator, n);
    if (n % 20 != 19) continue;
    // Most of them die, what is left moves together; only then are the old places given up.
    std::vector<Locator> released;
    std::erase_if(documents, [&](const auto& document) {
      const bool dies = document.second % 4 != 0;
      if (dies) released.push_back(document.first);
      return dies;
    });
    for (const Locator locator_of_dead : released) store->Release(locator_of_dead);
    released.clear();
    for (auto& [place, number] : documents) {
      const Locator moved = store->Relocate(place);
      if (moved != place) released.push_back(std::exchange(place, moved));
    }
    published.Set({store->files(), documents});
    for (const Locator old : released) store->Release(old);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(store->usage().damaged, 0u);
}

TEST_F(StoreConcurrencyTest, ManyMayAppendReleaseAndSealAtOnce) {
  const auto store = OpenStore(folder_.path());
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&, i] {
      std::vector<Locator> mine;
      for (int n = 0; n < 100; ++n) {
        const auto locator = AppendTo(*store, FullImage(100 * i + n));
        ASSERT_TRUE(locator.ok());
        mine.push_back(*locator);
      }
      ASSERT_TRUE(store->Seal().ok());
      const auto files = store->files();
      for (int n = 0; n < 100; ++n) ExpectHolds(files->Read(mine[n]), FullImage(100 * i + n));
      for (const Locator locator : mine) store->Release(locator);
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(store->usage().live_bytes, 0u);
}

TEST_F(StoreConcurrencyTest, WhatIsSealedIsWritten) {
  const auto store = OpenStore(folder_.path());
  std::atomic<int> writing{2};
  std::vector<std::thread> writers;
  for (int i = 0; i < 2; ++i) {
    writers.emplace_back([&] {
      const std::vector<Image> images(16, FullImage(1));
      for (int round = 0; round < 100; ++round) {
        for (const auto& stored : AppendAll(*store, images)) ASSERT_TRUE(stored.ok());
      }
      --writing;
    });
  }
  while (writing > 0) {
    const auto marks = store->Seal();
    ASSERT_TRUE(marks.ok());
    ExpectIsWhole(*marks);
  }
  for (std::thread& writer : writers) writer.join();
}

TEST_F(StoreConcurrencyTest, ReadersCheckAnAdoptedDocumentTogether) {
  std::vector<DocumentStore::FileMark> marks;
  View view;
  {
    const auto store = OpenStore(folder_.path());
    for (int n = 0; n < 100; ++n) {
      view.documents.emplace_back(AppendTo(*store, FullImage(n)).value_or(0), n);
    }
    marks = store->Seal().value_or(marks);
  }
  const auto store = OpenStore(folder_.path());
  ASSERT_TRUE(store->Adopt(marks, /*verify=*/false).ok());
  view.files = store->files();
  Published published;
  published.Set(view);
  std::atomic<bool> stop{true};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back([&] { ReadAll(published, stop); });
  for (int n = 100; n < 200; ++n) ASSERT_TRUE(AppendTo(*store, FullImage(n)).ok());
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace stockroom::api
