// What changes while segments are merged is the same in what they become.
#include <functional>
#include <utility>

#include "services/api/search/index_core.h"
#include "tests/unit/search/search_fixture.h"

namespace stockroom::api {
namespace {

// Lets something happen once, when the next merge has chosen its documents and moves them.
class InterruptedStore final : public DocumentStore {
 public:
  InterruptedStore(std::unique_ptr<DocumentStore> store, std::function<void()>& interruption)
      : store_(std::move(store)), interruption_(interruption) {}

  std::vector<absl::StatusOr<StoredDocument>> Append(
      std::span<const NewDocument> documents) override {
    return store_->Append(documents);
  }
  void Release(Locator locator) override { store_->Release(locator); }
  Locator Relocate(Locator locator) override {
    if (const auto interrupt = std::exchange(interruption_, nullptr)) interrupt();
    return store_->Relocate(locator);
  }
  std::shared_ptr<const DocumentFiles> files() const override { return store_->files(); }
  Usage usage() const override { return store_->usage(); }
  absl::StatusOr<std::vector<FileMark>> Seal() override { return store_->Seal(); }
  absl::Status Adopt(const std::vector<FileMark>& files, bool verify) override {
    return store_->Adopt(files, verify);
  }

 private:
  const std::unique_ptr<DocumentStore> store_;
  std::function<void()>& interruption_;
};

class MergeRaceTest : public ::testing::Test {
 protected:
  MergeRaceTest()
      : core_(std::make_unique<InterruptedStore>(*DocumentStore::Open({}, metrics_), interruption_),
              {}, metrics_) {}
  ~MergeRaceTest() override { core_.Stop(); }

  Image Numbered(int n) {
    Image image = Picture("id" + std::to_string(n), "fox");
    image.create_time += absl::Seconds(n);
    return image;
  }
  // As many segments of a tier as are merged, and what happens on the way.
  void MergeWhile(std::function<void()> interruption) {
    interruption_ = std::move(interruption);
    for (int begin = 0; begin < kImages; begin += kImages / 4) {
      std::vector<Image> images;
      for (int n = begin; n < begin + kImages / 4; ++n) images.push_back(Numbered(n));
      core_.Apply(std::move(images), {});
    }
    ASSERT_EQ(interruption_, nullptr) << "nothing was merged";
  }
  struct Counts {
    uint32_t live = 0;
    uint32_t ready = 0;
    uint32_t open = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
  };
  Counts Counted() const {
    Counts counts;
    for (const SegmentState& state : core_.state().cell.Load()->segments) {
      counts.live += state.live.count();
      counts.ready += state.ready.count();
      counts.open += state.open.count();
    }
    return counts;
  }

  static constexpr int kImages = 80;
  static constexpr uint32_t kOneLess = kImages - 1;
  Metrics metrics_;
  std::function<void()> interruption_;
  IndexCore core_;
};

TEST_F(MergeRaceTest, WhatIsDeletedMeanwhileIsNeitherLiveNorFound) {
  MergeWhile([this] { core_.Apply({}, {"id7"}); });
  EXPECT_EQ(Counted(), (Counts{kOneLess, kOneLess, kOneLess}));
  EXPECT_EQ(core_.state().cell.Load()->Find("id7"), std::nullopt);
}

TEST_F(MergeRaceTest, WhatIsHiddenMeanwhileIsOpenToNobody) {
  MergeWhile([this] {
    Image hidden = Numbered(7);
    hidden.revision = 2;
    hidden.described.visibility = Visibility::kPrivate;
    core_.Apply({hidden}, {});
  });
  EXPECT_EQ(Counted(), (Counts{kImages, kImages, kOneLess}));
}

}  // namespace
}  // namespace stockroom::api
