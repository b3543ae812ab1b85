// Sums per piece: recorded with the payload, and verified for every range of it.
#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/footer.h"
#include "services/fileserver/store/chunk_sums.h"
#include "tests/unit/fileserver/machine.h"

namespace stockroom::fileserver {
namespace {

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  uint32_t seed = 1;
  for (char& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<char>(seed >> 24);
  }
  return bytes;
}

void FlipBit(MemoryEnv& env, const std::string& path, size_t byte, int bit = 0) {
  std::string content = env.Content(path).value();
  content[byte] = static_cast<char>(content[byte] ^ (1 << bit));
  env.Overwrite(path, content);
}

ChunkSums SumsOf(std::string_view bytes) {
  ChunkSummer summer;
  summer.Update(bytes);
  return summer.Finish();
}

TEST(ChunkSums, AreTheSameHoweverTheBytesArrive) {
  const std::string bytes = Pattern(200'000);
  const ChunkSums whole = SumsOf(bytes);
  EXPECT_EQ(whole.sums().size(), 4u);
  EXPECT_TRUE(whole.Fits(200'000));
  for (const size_t step : {size_t{1}, size_t{7}, size_t{65'535}, size_t{65'536}, size_t{65'537}}) {
    ChunkSummer summer;
    for (size_t at = 0; at < bytes.size(); at += step) summer.Update(bytes.substr(at, step));
    EXPECT_EQ(summer.whole(), Crc32c(bytes));
    EXPECT_EQ(summer.Finish().sums(), whole.sums()) << step;
  }
}

TEST(ChunkSums, HaveOneForEachPiece) {
  for (const int64_t size : {int64_t{1}, kSumBytes - 1, kSumBytes, kSumBytes + 1, 3 * kSumBytes}) {
    const ChunkSums sums = SumsOf(Pattern(static_cast<size_t>(size)));
    EXPECT_TRUE(sums.Fits(size));
    EXPECT_FALSE(sums.Fits(size + kSumBytes));
    EXPECT_EQ(ChunkSums::Decode(sums.Encode())->sums(), sums.sums());
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ChunkSums::Decode("abc").status()));
}

TEST(ChunkSums, VerifyAnyRunOfPieces) {
  const std::string bytes = Pattern(200'000);
  const ChunkSums sums = SumsOf(bytes);
  EXPECT_TRUE(sums.Verify(0, bytes).ok());
  EXPECT_TRUE(sums.Verify(kSumBytes, bytes.substr(kSumBytes, kSumBytes)).ok());
  EXPECT_TRUE(sums.Verify(3 * kSumBytes, bytes.substr(3 * kSumBytes)).ok());
  EXPECT_TRUE(absl::IsDataLoss(sums.Verify(0, bytes.substr(kSumBytes, kSumBytes))));
  EXPECT_TRUE(absl::IsDataLoss(sums.Verify(4 * kSumBytes, "more")));
  std::string damaged = bytes;
  damaged[70'000] ^= 1;
  const absl::Status status = sums.Verify(0, damaged);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_EQ(DetailsOf(status).reason, "BLOB_DAMAGED");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("65536"));
}

TEST(Footer, MeasuresThePayloadOfAnyLength) {
  for (const int64_t size :
       {int64_t{1}, kSumBytes - 1, kSumBytes, kSumBytes + 1, 5 * kSumBytes, 5 * kSumBytes + 3}) {
    const std::string bytes = Pattern(static_cast<size_t>(size));
    const BlobInfo info{.sha256 = Digest::Of(bytes),
                        .md5 = std::string(16, 'm'),
                        .size = size,
                        .crc32c = Crc32c(bytes)};
    const std::string file = bytes + EncodeFooter(info, SumsOf(bytes)).value();
    const auto file_size = static_cast<int64_t>(file.size());
    EXPECT_EQ(BlobPayloadBytes(file_size), size);
    EXPECT_EQ(FooterBytes<BlobInfo>(file, file_size).value_or(-1), file_size - size);
    EXPECT_TRUE(absl::IsDataLoss(FooterBytes<BlobInfo>(file, file_size + 1).status()));
    EXPECT_TRUE(absl::IsDataLoss(FooterBytes<RenditionInfo>(file, file_size).status()));
    const absl::StatusOr<Footer<BlobInfo>> footer =
        DecodeFooter<BlobInfo>(file.substr(bytes.size()));
    ASSERT_TRUE(footer.ok()) << footer.status();
    EXPECT_EQ(footer->info.sha256, info.sha256);
    EXPECT_EQ(footer->info.crc32c, info.crc32c);
    EXPECT_EQ(footer->sums.sums(), SumsOf(bytes).sums());
  }
}

TEST(Footer, IsNotWrittenWithoutItsSums) {
  const BlobInfo info{
      .sha256 = Digest::Of("a"), .md5 = std::string(16, 'm'), .size = 1, .crc32c = 1};
  EXPECT_TRUE(EncodeFooter(info, ChunkSums({1})).ok());
  EXPECT_FALSE(EncodeFooter(info, ChunkSums()).ok());
  BlobInfo without = info;
  without.crc32c.reset();
  EXPECT_FALSE(EncodeFooter(without, ChunkSums({1})).ok());
  EXPECT_FALSE(EncodeFooter(RenditionInfo{.sha256 = info.sha256, .size = 1}, ChunkSums()).ok());
}

// What the first version wrote for the five bytes "hello".
std::string FirstVersionFooter(bool blob) {
  std::string footer = blob ? "SRBLOB1\n" : "SRREND1\n";
  footer += std::string("\5\0\0\0\0\0\0\0", 8);
  if (blob) footer += std::string(16, 'm');
  footer += Digest::Of("hello").bytes();
  footer += Digest::Of(footer).bytes().substr(0, 8);
  return footer;
}

class FirstVersion : public testing::Test {
 protected:
  FirstVersion() {
    EXPECT_TRUE(machine_.Open().ok());
    EXPECT_TRUE(machine_.Put("hello").ok());
    machine_.env.Overwrite(path_, "hello" + FirstVersionFooter(true));
  }
  Machine machine_;
  const Digest digest_ = Digest::Of("hello");
  const std::string path_ = Machine::PathOf(digest_);
};

TEST_F(FirstVersion, OfABlobIsStillReadAndVerifiedAsAWhole) {
  EXPECT_EQ(machine_.Get(digest_).value_or("lost"), "hello");
  EXPECT_EQ(machine_.Get(digest_, {.offset = 1, .length = 3}).value_or("lost"), "ell");
  EXPECT_FALSE(machine_.stores->blobs.Stat(digest_)->crc32c.has_value());
  EXPECT_TRUE(machine_.Put("hello")->existed);
  FlipBit(machine_.env, path_, 2);
  EXPECT_TRUE(absl::IsDataLoss(machine_.Get(digest_).status()));
  EXPECT_FALSE(machine_.Put("hello")->existed);
  EXPECT_EQ(machine_.stores->blobs.Stat(digest_)->crc32c, Crc32c("hello"));
}

TEST_F(FirstVersion, OfARenditionIsVerifiedBeforeItIsServed) {
  const RenditionAddress address = Machine::Address();
  ASSERT_TRUE(machine_.PutRendition(address, "x").ok());
  machine_.env.Overwrite(Machine::PathOf(address), "hello" + FirstVersionFooter(false));
  EXPECT_EQ(machine_.GetRendition(address).value_or("lost"), "hello");
  FlipBit(machine_.env, Machine::PathOf(address), 4);
  EXPECT_TRUE(absl::IsNotFound(machine_.GetRendition(address).status()));
}

TEST(BlobStore, KnowsTheCrc32cOfWhatItHolds) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const std::string bytes = Pattern(100'000);
  EXPECT_EQ(machine.Put(bytes)->info.crc32c, Crc32c(bytes));
  EXPECT_EQ(machine.stores->blobs.Stat(Digest::Of(bytes))->crc32c, Crc32c(bytes));
}

TEST(BlobStore, GivesEveryRangeOfABlob) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const std::string bytes = Pattern(700'001);
  ASSERT_TRUE(machine.Put(bytes).ok());
  for (const int64_t offset : {0L, 1L, 65'535L, 65'536L, 65'537L, 262'144L, 699'999L, 700'000L}) {
    for (const int64_t length : {1L, 2L, 65'536L, 65'537L, 262'144L, 300'000L, 0L}) {
      const absl::StatusOr<std::string> got =
          machine.Get(Digest::Of(bytes), {.offset = offset, .length = length});
      EXPECT_TRUE(got.value_or("lost") ==
                  bytes.substr(static_cast<size_t>(offset),
                               length == 0 ? std::string::npos : static_cast<size_t>(length)))
          << offset << " " << length;
    }
  }
}

TEST(BlobStore, FindsAThousandFlippedBitsByRangesThatHoldThem) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const std::string bytes = Pattern(300'000);
  const Digest digest = Digest::Of(bytes);
  ASSERT_TRUE(machine.Put(bytes).ok());
  const std::string path = Machine::PathOf(digest);
  const size_t size = machine.env.Content(path)->size();
  uint32_t seed = 7;
  for (int i = 0; i < 1000; ++i) {
    seed = seed * 1664525 + 1013904223;
    // The last ones in the footer.
    const size_t byte = i < 950 ? seed % bytes.size() : bytes.size() + seed % (size - bytes.size());
    FlipBit(machine.env, path, byte, static_cast<int>(seed >> 29));
    const ByteRange range{.offset = static_cast<int64_t>(std::min(byte, bytes.size() - 1)),
                          .length = 1};
    ASSERT_TRUE(absl::IsDataLoss(machine.Get(digest, range).status())) << "byte " << byte;
    FlipBit(machine.env, path, byte, static_cast<int>(seed >> 29));
  }
  EXPECT_TRUE(machine.Get(digest).ok());
}

TEST(BlobStore, GivesWhatComesBeforeADamagedPieceAndNoByteOfIt) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const std::string bytes = Pattern(600'000);
  const Digest digest = Digest::Of(bytes);
  ASSERT_TRUE(machine.Put(bytes).ok());
  FlipBit(machine.env, Machine::PathOf(digest), 590'000);
  const std::unique_ptr<BlobDownload> download = *machine.stores->blobs.Get(digest, {});
  EXPECT_EQ(download->Next().value_or("lost"), bytes.substr(0, 262'144));
  EXPECT_EQ(download->Next().value_or("lost"), bytes.substr(262'144, 262'144));
  EXPECT_TRUE(absl::IsDataLoss(download->Next().status()));
  EXPECT_TRUE(machine.Get(digest, {.offset = 0, .length = 500'000}).ok());
  EXPECT_TRUE(absl::IsDataLoss(machine.Get(digest, {.offset = 589'999, .length = 1}).status()));
}

TEST(RenditionStore, GivesNoByteOfADamagedPieceAndRemovesTheRendition) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  const RenditionAddress address = Machine::Address();
  const std::string bytes = Pattern(600'000);
  ASSERT_TRUE(machine.PutRendition(address, bytes).ok());
  FlipBit(machine.env, Machine::PathOf(address), 300'000);
  {
    const absl::StatusOr<std::unique_ptr<RenditionDownload>> download =
        machine.stores->renditions.Get(address, {});
    ASSERT_TRUE(download.ok()) << download.status();
    EXPECT_EQ((*download)->Next().value_or("lost"), bytes.substr(0, 262'144));
    EXPECT_TRUE(absl::IsDataLoss((*download)->Next().status()));
  }
  EXPECT_TRUE(absl::IsNotFound(machine.GetRendition(address).status()));
  EXPECT_EQ(machine.env.TouchCount(Machine::PathOf(address)), -1) << "still there";
}

TEST(RenditionStore, ReadsNoMoreThanTheFirstChunkBeforeItAnswers) {
  Machine machine;
  ASSERT_TRUE(machine.Open().ok());
  ASSERT_TRUE(machine.PutRendition(Machine::Address(), Pattern(3'000'000)).ok());
  const int64_t before = machine.env.calls();
  ASSERT_TRUE(machine.stores->renditions.Get(Machine::Address(), {}).ok());
  EXPECT_EQ(machine.Count(Op::kReadAt, before), 2) << "footer and first chunk";
}

}  // namespace
}  // namespace stockroom::fileserver
