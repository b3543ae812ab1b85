// Images, their documents, and stores in a folder of the test's own.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/api/search/store/document_store.h"
#include "services/common/base/metrics.h"
#include "services/common/base/status.h"
#include "tests/support/temp_folder.h"

namespace stockroom::api {

// With something in every field.
inline Image FullImage(int n) {
  const std::string text = std::to_string(n);
  Image image{.id = "id-" + text, .owner = "ann", .filename = "IMG_" + text + ".jpg"};
  image.described = {.title = "Red fox " + text,
                     .description = std::string(200, 'd') + text,
                     .tags = {"fox", "snow", "tag " + text},
                     .license = "CC0-1.0",
                     .attributes = {{"a", "1"}, {"dataset", "foxes"}},
                     .visibility = Visibility::kUnlisted};
  image.state = ImageState::kReady;
  image.failure_reason = "none";
  image.sha256 = Digest::Of(text);
  image.md5 = std::string(16, static_cast<char>('a' + n % 26));
  image.size_bytes = 12345 + n;
  image.facts = {.width = 4000,
                 .height = 3000,
                 .format = "jpeg",
                 .media_type = "image/jpeg",
                 .frames = 1,
                 .taken_time = absl::FromUnixMicros(1'600'000'000'123'456 + n)};
  image.analysis = {{"facts", R"({"camera":"Nikon"})"}, {"palette", std::string(300, 'p')}};
  image.renditions = {{.preset = "thumb-320",
                       .recipe = "fit=320x0/format=webp",
                       .key = "k" + text,
                       .format = "webp",
                       .media_type = "image/webp",
                       .width = 320,
                       .height = 240,
                       .size_bytes = 999,
                       .sha256 = Digest::Of("r" + text)}};
  image.work_plan = "plan";
  image.create_time = absl::FromUnixMicros(1'700'000'000'000'001 + n);
  image.update_time = image.create_time + absl::Seconds(5);
  image.revision = 7 + n;
  return image;
}

inline IndexedDocument DocumentFor(const Image& image) {
  return {.id = image.id,
          .words = "\x01 red fox " + image.id + " ",
          .description = image.described.description};
}

inline WireImage WireFor(const Image& image) {
  return {.basic = "basic of " + image.id, .rest = "rest of " + image.id};
}

inline absl::StatusOr<Locator> AppendTo(DocumentStore& store, const Image& image,
                                        const IndexedDocument& document, const WireImage& wire) {
  const NewDocument added{image, document, wire};
  const auto stored = store.Append({&added, 1});
  EXPECT_EQ(stored.size(), 1u);
  if (!stored[0].ok()) return stored[0].status();
  return stored[0]->locator;
}
inline absl::StatusOr<Locator> AppendTo(DocumentStore& store, const Image& image) {
  return AppendTo(store, image, DocumentFor(image), WireFor(image));
}

// All at once.
inline std::vector<absl::StatusOr<StoredDocument>> AppendAll(DocumentStore& store,
                                                             const std::vector<Image>& images) {
  std::vector<IndexedDocument> documents;
  std::vector<WireImage> wires;
  for (const Image& image : images) {
    documents.push_back(DocumentFor(image));
    wires.push_back(WireFor(image));
  }
  std::vector<NewDocument> added;
  for (size_t i = 0; i < images.size(); ++i) added.push_back({images[i], documents[i], wires[i]});
  return store.Append(added);
}

inline void ExpectHolds(const DocumentView& view, const Image& image) {
  ASSERT_FALSE(view.damaged);
  EXPECT_EQ(view.id, image.id);
  EXPECT_EQ(view.revision, image.revision);
  EXPECT_EQ(view.md5, image.md5);
  EXPECT_EQ(view.words, DocumentFor(image).words);
  EXPECT_EQ(view.description, image.described.description);
  EXPECT_EQ(view.wire_basic, WireFor(image).basic);
  EXPECT_EQ(view.wire_full, WireFor(image).basic + WireFor(image).rest);
  EXPECT_EQ(view.image, EncodeImage(image));
}

// No file may grow beyond `bytes`: what a full disk does, without filling one.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    // The signal would end the process, the error is what a full disk gives.
    before_signal_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, before_signal_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  sighandler_t before_signal_ = SIG_DFL;
};

class StoreTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kFileBytes = uint64_t{64} << 10;

  std::unique_ptr<DocumentStore> OpenStore(std::string folder) {
    auto store =
        DocumentStore::Open({.folder = std::move(folder), .file_bytes = kFileBytes}, metrics_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  // Every byte of the folder's files as they are now.
  void ExpectIsWhole(const std::vector<DocumentStore::FileMark>& marks) {
    const std::string copy = folder_.path() + ".copy";
    std::filesystem::remove_all(copy);
    std::filesystem::copy(folder_.path(), copy);
    const absl::Status adopted = OpenStore(copy)->Adopt(marks, /*verify=*/true);
    EXPECT_TRUE(adopted.ok()) << adopted;
    std::filesystem::remove_all(copy);
  }

  testing::TempFolder folder_;
  Metrics metrics_;
};

}  // namespace stockroom::api
