// What every BlobClient promises. Include in one test file and instantiate BlobClientContract with
// a factory for each implementation.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "services/common/base/clock.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/blobs/blob_client.h"
#include "services/common/blobs/blocking.h"

namespace stockroom {

// A client and whatever has to run behind it. Its limits: blobs of 4 MiB, renditions of 1 MiB.
class BlobClientUnderTest {
 public:
  virtual ~BlobClientUnderTest() = default;
  virtual BlobClient& client() = 0;
  // Of touches.
  virtual FakeClock& clock() = 0;
  virtual void Advance(absl::Duration duration) { clock().Advance(duration); }
  // Whether a restart may lose touches, so that at first nothing is listed.
  virtual bool may_lose_touches() { return true; }
};

struct BlobClientImplementation {
  std::string name;
  std::function<std::unique_ptr<BlobClientUnderTest>()> make;
};

inline std::string PatternOf(size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<char>(seed >> 24);
  }
  return bytes;
}

// Waits for what a callback brings.
template <typename T>
class Arrival {
 public:
  auto Callback() {
    return [this](T value) {
      MutexLock lock(mu_);
      value_.emplace(std::move(value));
      arrived_.NotifyAll();
    };
  }
  T Wait() {
    MutexLock lock(mu_);
    while (!value_) arrived_.Wait(mu_);
    return *std::exchange(value_, std::nullopt);
  }

 private:
  Mutex mu_;
  CondVar arrived_;
  std::optional<T> value_ SR_GUARDED_BY(mu_);
};

class BlobClientContract : public testing::TestWithParam<BlobClientImplementation> {
 protected:
  BlobClientContract() : under_test_(GetParam().make()), client_(under_test_->client()) {}

  static CallContext Context() { return CallContext::WithTimeout(absl::Seconds(30)); }

  absl::StatusOr<BlobInfo> Stat(const Digest& digest) {
    Arrival<absl::StatusOr<BlobInfo>> info;
    client_.StatBlob(Context(), digest, info.Callback());
    return info.Wait();
  }
  absl::StatusOr<int> DeleteRenditions(const Digest& original) {
    Arrival<absl::StatusOr<int>> deleted;
    client_.DeleteRenditions(Context(), original, deleted.Callback());
    return deleted.Wait();
  }
  absl::StatusOr<std::string> ReadRange(const Digest& digest, ByteRange range) {
    const std::unique_ptr<BlobReader> reader = client_.GetBlob(Context(), digest, range);
    Arrival<absl::StatusOr<BlobInfo>> info;
    reader->Open(info.Callback());
    if (absl::StatusOr<BlobInfo> opened = info.Wait(); !opened.ok()) return opened.status();
    std::string bytes;
    for (;;) {
      Arrival<absl::StatusOr<std::optional<std::string>>> piece;
      reader->Read(piece.Callback());
      absl::StatusOr<std::optional<std::string>> got = piece.Wait();
      if (!got.ok()) return got.status();
      if (!got->has_value()) return bytes;
      bytes += **got;
    }
  }
  static absl::Status WritePiece(BlobWriter& writer, std::string bytes) {
    Arrival<absl::Status> written;
    writer.Write(std::move(bytes), written.Callback());
    return written.Wait();
  }

  void Advance(absl::Duration duration) { under_test_->Advance(duration); }
  // All pages of what nobody touched for a day.
  std::vector<ListedBlob> Untouched(int page_size = 100) {
    std::vector<ListedBlob> all;
    ListBlobsOptions options{.untouched_for = absl::Hours(24), .page_size = page_size};
    do {
      const absl::StatusOr<BlobPage> page = ListBlobs(client_, Context(), options);
      if (!page.ok()) {
        ADD_FAILURE() << page.status();
        return all;
      }
      EXPECT_LE(page->blobs.size(), static_cast<size_t>(page_size));
      all.insert(all.end(), page->blobs.begin(), page->blobs.end());
      options.cursor = page->next_cursor;
    } while (!options.cursor.empty());
    return all;
  }

  static std::string Key(char digit) { return std::string(32, digit); }

  std::unique_ptr<BlobClientUnderTest> under_test_;
  BlobClient& client_;
};

TEST_P(BlobClientContract, GivesBackWhatWasPut) {
  for (const size_t size : {size_t{1}, size_t{1000}, size_t{256} << 10, (size_t{1} << 20) + 7}) {
    const std::string bytes = PatternOf(size);
    const absl::StatusOr<StoredBlob> stored = WriteBlob(client_, Context(), bytes);
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_FALSE(stored->existed);
    EXPECT_EQ(stored->info.sha256, Digest::Of(bytes));
    EXPECT_EQ(stored->info.size, static_cast<int64_t>(size));
    EXPECT_EQ(ReadBlob(client_, Context(), stored->info.sha256, 1 << 30).value_or("none"), bytes);
  }
}

TEST_P(BlobClientContract, KnowsChecksumsAndSizeOfWhatItHolds) {
  ASSERT_TRUE(WriteBlob(client_, Context(), "hello world").ok());
  const absl::StatusOr<BlobInfo> info = Stat(Digest::Of("hello world"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->size, 11);
  EXPECT_EQ(info->sha256, Digest::Of("hello world"));
  EXPECT_EQ(ToHex(info->md5), "5eb63bbbe01eeed093cb22bb8f5acdc3");
  EXPECT_EQ(info->crc32c, 0xc99465aaU);
}

TEST_P(BlobClientContract, SaysThatTheSameBytesExisted) {
  ASSERT_FALSE(WriteBlob(client_, Context(), "twice")->existed);
  const absl::StatusOr<StoredBlob> again = WriteBlob(client_, Context(), "twice");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(again->info.size, 5);
}

TEST_P(BlobClientContract, StoresTheSameBytesFromManyAtOnceAsOneBlob) {
  const std::string bytes = PatternOf(300'000, 7);
  std::atomic<int> fresh{0};
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&] {
      const absl::StatusOr<StoredBlob> stored = WriteBlob(client_, Context(), bytes);
      ASSERT_TRUE(stored.ok()) << stored.status();
      if (!stored->existed) ++fresh;
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(fresh, 1);
  EXPECT_EQ(ReadBlob(client_, Context(), Digest::Of(bytes), 1 << 20).value_or("none"), bytes);
}

TEST_P(BlobClientContract, DoesNotFindWhatWasNeverPut) {
  EXPECT_TRUE(absl::IsNotFound(ReadBlob(client_, Context(), Digest::Of("x"), 100).status()));
  EXPECT_TRUE(absl::IsNotFound(Stat(Digest::Of("x")).status()));
}

TEST_P(BlobClientContract, ReadsRanges) {
  const std::string bytes = PatternOf(600'000);
  ASSERT_TRUE(WriteBlob(client_, Context(), bytes).ok());
  const Digest digest = Digest::Of(bytes);
  EXPECT_EQ(ReadRange(digest, {.offset = 0, .length = 1}).value_or("none"), bytes.substr(0, 1));
  EXPECT_EQ(ReadRange(digest, {.offset = 599'999, .length = 0}).value_or("none"),
            bytes.substr(599'999));
  EXPECT_EQ(ReadRange(digest, {.offset = 100, .length = 400'000}).value_or("none"),
            bytes.substr(100, 400'000));
  EXPECT_EQ(ReadRange(digest, {.offset = 500'000, .length = 400'000}).value_or("none"),
            bytes.substr(500'000));
  EXPECT_TRUE(absl::IsOutOfRange(ReadRange(digest, {.offset = 600'000}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadRange(digest, {.offset = -1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadRange(digest, {.offset = 0, .length = -1}).status()));
}

TEST_P(BlobClientContract, RefusesBytesOfAnotherDigestThanAnnounced) {
  const absl::StatusOr<StoredBlob> stored =
      WriteBlob(client_, Context(), "these", {.expected_sha256 = Digest::Of("those")});
  EXPECT_TRUE(absl::IsDataLoss(stored.status())) << stored.status();
  EXPECT_TRUE(absl::IsNotFound(Stat(Digest::Of("these")).status()));
  EXPECT_TRUE(absl::IsNotFound(Stat(Digest::Of("those")).status()));
  EXPECT_TRUE(
      WriteBlob(client_, Context(), "these", {.expected_sha256 = Digest::Of("these")}).ok());
}

TEST_P(BlobClientContract, RefusesMoreThanTheCallerAllows) {
  EXPECT_TRUE(WriteBlob(client_, Context(), "12345", {.max_bytes = 5}).ok());
  const absl::Status status = WriteBlob(client_, Context(), "123456", {.max_bytes = 5}).status();
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_EQ(DetailsOf(status).reason, "TOO_LARGE");
  EXPECT_TRUE(absl::IsNotFound(Stat(Digest::Of("123456")).status()));
}

TEST_P(BlobClientContract, RefusesMoreThanTheServerAllows) {
  const std::string bytes = PatternOf((4 << 20) + 1);
  EXPECT_TRUE(absl::IsOutOfRange(WriteBlob(client_, Context(), bytes).status()));
  EXPECT_TRUE(
      absl::IsOutOfRange(WriteBlob(client_, Context(), bytes, {.max_bytes = 1 << 30}).status()));
}

TEST_P(BlobClientContract, RefusesAnEmptyBlob) {
  EXPECT_TRUE(absl::IsInvalidArgument(WriteBlob(client_, Context(), "").status()));
}

TEST_P(BlobClientContract, AcceptsEmptyChunks) {
  const std::unique_ptr<BlobWriter> writer = client_.PutBlob(Context(), {});
  for (const char* piece : {"", "ab", "", "c"}) EXPECT_TRUE(WritePiece(*writer, piece).ok());
  Arrival<absl::StatusOr<StoredBlob>> stored;
  writer->Finish(stored.Callback());
  const absl::StatusOr<StoredBlob> result = stored.Wait();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->info.sha256, Digest::Of("abc"));
}

TEST_P(BlobClientContract, ForgetsAnAbandonedUpload) {
  {
    const std::unique_ptr<BlobWriter> writer = client_.PutBlob(Context(), {});
    ASSERT_TRUE(WritePiece(*writer, "half of it").ok());
  }
  EXPECT_TRUE(absl::IsNotFound(Stat(Digest::Of("half of it")).status()));
}

TEST_P(BlobClientContract, EndsAnUploadThatIsCancelled) {
  const CallContext context = Context();
  const std::unique_ptr<BlobWriter> writer = client_.PutBlob(context, {});
  ASSERT_TRUE(WritePiece(*writer, "half of it").ok());
  context.cancellation->Cancel();
  Arrival<absl::StatusOr<StoredBlob>> stored;
  writer->Finish(stored.Callback());
  EXPECT_TRUE(absl::IsCancelled(stored.Wait().status()));
  EXPECT_TRUE(absl::IsNotFound(Stat(Digest::Of("half of it")).status()));
}

TEST_P(BlobClientContract, EndsAReadWhoseDeadlineHasPassed) {
  ASSERT_TRUE(WriteBlob(client_, Context(), "late").ok());
  const CallContext late = CallContext::WithTimeout(-absl::Seconds(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(ReadBlob(client_, late, Digest::Of("late"), 100).status()));
}

TEST_P(BlobClientContract, MayBeLeftInTheMiddleOfARead) {
  const std::string bytes = PatternOf(3 << 20);
  ASSERT_TRUE(WriteBlob(client_, Context(), bytes).ok());
  for (int i = 0; i < 20; ++i) {
    const std::unique_ptr<BlobReader> reader = client_.GetBlob(Context(), Digest::Of(bytes), {});
    Arrival<absl::StatusOr<BlobInfo>> info;
    reader->Open(info.Callback());
    ASSERT_TRUE(info.Wait().ok());
  }
  EXPECT_EQ(ReadBlob(client_, Context(), Digest::Of(bytes), 4 << 20).value_or("none"), bytes);
}

TEST_P(BlobClientContract, LetsCallbacksDestroyTheirStream) {
  ASSERT_TRUE(WriteBlob(client_, Context(), "bytes").ok());
  std::unique_ptr<BlobReader> reader = client_.GetBlob(Context(), Digest::Of("bytes"), {});
  Arrival<absl::Status> ended;
  reader->Open([&, report = ended.Callback()](absl::StatusOr<BlobInfo> info) {
    reader.reset();
    report(info.status());
  });
  EXPECT_TRUE(ended.Wait().ok());

  std::unique_ptr<BlobWriter> writer = client_.PutBlob(Context(), {});
  Arrival<absl::Status> written;
  writer->Write("never stored", [&, report = written.Callback()](absl::Status status) {
    writer.reset();
    report(std::move(status));
  });
  EXPECT_TRUE(written.Wait().ok());
  EXPECT_TRUE(absl::IsNotFound(Stat(Digest::Of("never stored")).status()));
}

TEST_P(BlobClientContract, RefusesToReadMoreThanTheReaderWants) {
  ASSERT_TRUE(WriteBlob(client_, Context(), "12345").ok());
  EXPECT_TRUE(absl::IsOutOfRange(ReadBlob(client_, Context(), Digest::Of("12345"), 4).status()));
  EXPECT_TRUE(ReadBlob(client_, Context(), Digest::Of("12345"), 5).ok());
}

TEST_P(BlobClientContract, KeepsRenditionsBelowTheirOriginal) {
  const RenditionAddress address{.original = Digest::Of("original"), .key = Key('a')};
  const absl::StatusOr<RenditionInfo> info =
      WriteRendition(client_, Context(), address, "small picture");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->sha256, Digest::Of("small picture"));
  EXPECT_EQ(info->size, 13);
  EXPECT_EQ(ReadRendition(client_, Context(), address).value_or("none"), "small picture");
  EXPECT_TRUE(absl::IsNotFound(
      ReadRendition(client_, Context(), {.original = Digest::Of("other"), .key = Key('a')})
          .status()));
  EXPECT_TRUE(absl::IsNotFound(
      ReadRendition(client_, Context(), {.original = address.original, .key = Key('b')}).status()));
}

TEST_P(BlobClientContract, DoesNotTakeARenditionForABlob) {
  ASSERT_TRUE(WriteRendition(client_, Context(),
                             {.original = Digest::Of("original"), .key = Key('a')}, "same bytes")
                  .ok());
  EXPECT_TRUE(absl::IsNotFound(Stat(Digest::Of("same bytes")).status()));
  EXPECT_FALSE(WriteBlob(client_, Context(), "same bytes")->existed);
}

TEST_P(BlobClientContract, ReplacesARendition) {
  const RenditionAddress address{.original = Digest::Of("original"), .key = Key('c')};
  ASSERT_TRUE(WriteRendition(client_, Context(), address, "first").ok());
  ASSERT_TRUE(WriteRendition(client_, Context(), address, "second").ok());
  EXPECT_EQ(ReadRendition(client_, Context(), address).value_or("none"), "second");
}

TEST_P(BlobClientContract, DeletesAllRenditionsOfOneOriginal) {
  const Digest one = Digest::Of("one");
  const Digest two = Digest::Of("two");
  ASSERT_TRUE(WriteRendition(client_, Context(), {.original = one, .key = Key('1')}, "a").ok());
  ASSERT_TRUE(WriteRendition(client_, Context(), {.original = one, .key = Key('2')}, "b").ok());
  ASSERT_TRUE(WriteRendition(client_, Context(), {.original = two, .key = Key('1')}, "c").ok());
  EXPECT_EQ(DeleteRenditions(one).value_or(-1), 2);
  EXPECT_EQ(DeleteRenditions(one).value_or(-1), 0);
  EXPECT_TRUE(absl::IsNotFound(
      ReadRendition(client_, Context(), {.original = one, .key = Key('1')}).status()));
  EXPECT_EQ(ReadRendition(client_, Context(), {.original = two, .key = Key('1')}).value_or("none"),
            "c");
}

TEST_P(BlobClientContract, RefusesARenditionKeyThatIsNoKey) {
  for (const char* key : {"", "../../../../etc/passwd", "0123456789ABCDEF0123456789ABCDEF"}) {
    const RenditionAddress address{.original = Digest::Of("original"), .key = key};
    EXPECT_TRUE(absl::IsInvalidArgument(WriteRendition(client_, Context(), address, "x").status()));
    EXPECT_TRUE(absl::IsInvalidArgument(ReadRendition(client_, Context(), address).status()));
  }
}

TEST_P(BlobClientContract, RefusesARenditionThatIsEmptyOrTooLarge) {
  const RenditionAddress address{.original = Digest::Of("original"), .key = Key('d')};
  EXPECT_TRUE(absl::IsInvalidArgument(WriteRendition(client_, Context(), address, "").status()));
  EXPECT_TRUE(absl::IsOutOfRange(
      WriteRendition(client_, Context(), address, PatternOf((1 << 20) + 1)).status()));
  EXPECT_TRUE(absl::IsNotFound(ReadRendition(client_, Context(), address).status()));
}

TEST_P(BlobClientContract, ListsWhatNobodyTouchedForAsLongAsAsked) {
  Advance(absl::Hours(48));
  ASSERT_TRUE(WriteBlob(client_, Context(), "old").ok());
  ASSERT_TRUE(WriteBlob(client_, Context(), "put again").ok());
  ASSERT_TRUE(WriteBlob(client_, Context(), "touched").ok());
  Advance(absl::Hours(23));
  EXPECT_TRUE(Untouched().empty());
  ASSERT_TRUE(WriteBlob(client_, Context(), "put again")->existed);
  EXPECT_TRUE(TouchBlob(client_, Context(), Digest::Of("touched")).ok());
  Advance(absl::Hours(2));
  const std::vector<ListedBlob> listed = Untouched();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].sha256, Digest::Of("old"));
  EXPECT_EQ(listed[0].size, 3);
}

TEST_P(BlobClientContract, ListsNothingBeforeTheServerHasRunForSoLong) {
  ASSERT_TRUE(WriteBlob(client_, Context(), "bytes").ok());
  Advance(absl::Hours(20));
  const absl::StatusOr<BlobPage> page =
      ListBlobs(client_, Context(), {.untouched_for = absl::Hours(24)});
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->blobs.empty());
  EXPECT_EQ(page->quiet_for,
            under_test_->may_lose_touches() ? absl::Hours(4) : absl::ZeroDuration());
  EXPECT_EQ(page->next_cursor.empty(), under_test_->may_lose_touches());
}

TEST_P(BlobClientContract, ListsInPagesThatAreTogetherEverything) {
  std::vector<Digest> all;
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = "blob " + std::to_string(i);
    ASSERT_TRUE(WriteBlob(client_, Context(), bytes).ok());
    all.push_back(Digest::Of(bytes));
  }
  std::sort(all.begin(), all.end());
  Advance(absl::Hours(48));
  for (const int page_size : {1, 3, 1000}) {
    std::vector<Digest> listed;
    for (const ListedBlob& blob : Untouched(page_size)) listed.push_back(blob.sha256);
    EXPECT_EQ(listed, all);
  }
}

TEST_P(BlobClientContract, RefusesListingsThatMakeNoSense) {
  for (const ListBlobsOptions& options : std::vector<ListBlobsOptions>{
           {.untouched_for = absl::Minutes(1)},
           {.untouched_for = -absl::Hours(100)},
           {.untouched_for = absl::Hours(24), .page_size = 0},
           {.untouched_for = absl::Hours(24), .page_size = 1001},
           {.untouched_for = absl::Hours(24), .cursor = "../../etc"},
           {.untouched_for = absl::Hours(24), .cursor = std::string(65, 'a')}}) {
    const absl::Status status = ListBlobs(client_, Context(), options).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
}

TEST_P(BlobClientContract, DeletesWhatNobodyTouchedSinceTheListing) {
  ASSERT_TRUE(WriteBlob(client_, Context(), "bytes").ok());
  const Digest digest = Digest::Of("bytes");
  ASSERT_TRUE(WriteRendition(client_, Context(), {.original = digest, .key = Key('a')}, "r").ok());
  Advance(absl::Hours(48));
  const std::vector<ListedBlob> listed = Untouched();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_TRUE(DeleteBlobIfUntouched(client_, Context(), listed[0]).value_or(false));
  EXPECT_TRUE(absl::IsNotFound(Stat(digest).status()));
  EXPECT_TRUE(absl::IsNotFound(
      ReadRendition(client_, Context(), {.original = digest, .key = Key('a')}).status()));
  EXPECT_FALSE(DeleteBlobIfUntouched(client_, Context(), listed[0]).value_or(true));
  EXPECT_TRUE(absl::IsNotFound(TouchBlob(client_, Context(), digest)));
  EXPECT_FALSE(WriteBlob(client_, Context(), "bytes")->existed);
  EXPECT_FALSE(DeleteBlobIfUntouched(client_, Context(), listed[0]).value_or(true));
  EXPECT_TRUE(Stat(digest).ok());
}

TEST_P(BlobClientContract, DoesNotDeleteWhatWasTouchedSinceTheListing) {
  for (const bool by_putting : {true, false}) {
    ASSERT_TRUE(WriteBlob(client_, Context(), "bytes").ok());
    Advance(absl::Hours(48));
    const std::vector<ListedBlob> listed = Untouched();
    ASSERT_EQ(listed.size(), 1u);
    if (by_putting) {
      ASSERT_TRUE(WriteBlob(client_, Context(), "bytes")->existed);
    } else {
      ASSERT_TRUE(TouchBlob(client_, Context(), Digest::Of("bytes")).ok());
    }
    EXPECT_FALSE(DeleteBlobIfUntouched(client_, Context(), listed[0]).value_or(true));
    EXPECT_EQ(ReadBlob(client_, Context(), Digest::Of("bytes"), 100).value_or("lost"), "bytes");
  }
}

TEST_P(BlobClientContract, CollectsRenditionsWhoseOriginalIsGone) {
  const RenditionAddress late{.original = Digest::Of("collected"), .key = Key('a')};
  ASSERT_TRUE(WriteRendition(client_, Context(), late, "late").ok());
  Advance(absl::Hours(48));
  const std::vector<ListedBlob> listed = Untouched();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].size, 0);
  // The original comes back before they are deleted.
  ASSERT_TRUE(WriteBlob(client_, Context(), "collected").ok());
  EXPECT_FALSE(DeleteBlobIfUntouched(client_, Context(), listed[0]).value_or(true));
  EXPECT_TRUE(ReadRendition(client_, Context(), late).ok());
  ASSERT_TRUE(
      WriteRendition(client_, Context(), {.original = Digest::Of("other"), .key = Key('a')}, "late")
          .ok());
  const std::vector<ListedBlob> again = Untouched();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_TRUE(DeleteBlobIfUntouched(client_, Context(), again[0]).value_or(false));
  EXPECT_TRUE(Untouched().empty());
}

}  // namespace stockroom
