#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>

#include "services/api/search/store/content_hash.h"
#include "tests/unit/search/store_fixture.h"

namespace stockroom::api {
namespace {

// Changes to each field of its own.
std::vector<std::function<void(Image&)>> Changes() {
  return {
      [](Image& i) { i.id += "x"; },
      [](Image& i) { i.owner += "x"; },
      [](Image& i) { i.described.title += "x"; },
      [](Image& i) { i.described.description += "x"; },
      [](Image& i) { i.described.tags.push_back(""); },
      [](Image& i) { std::swap(i.described.tags[0], i.described.tags[1]); },
      [](Image& i) { i.described.license += "x"; },
      [](Image& i) { i.described.attributes["b"] = ""; },
      [](Image& i) { i.described.attributes["a"] = "2"; },
      [](Image& i) { i.described.visibility = Visibility::kPrivate; },
      [](Image& i) { i.filename += "x"; },
      [](Image& i) { i.state = ImageState::kFlagged; },
      [](Image& i) { i.failure_reason += "x"; },
      [](Image& i) { i.quarantined = true; },
      [](Image& i) { i.sha256 = Digest::Of("x"); },
      [](Image& i) { i.md5[15] ^= 1; },
      [](Image& i) { ++i.size_bytes; },
      [](Image& i) { ++i.facts.width; },
      [](Image& i) { ++i.facts.height; },
      [](Image& i) { i.facts.format += "x"; },
      [](Image& i) { i.facts.media_type += "x"; },
      [](Image& i) { ++i.facts.frames; },
      [](Image& i) { i.facts.taken_time.reset(); },
      [](Image& i) { *i.facts.taken_time += absl::Nanoseconds(1); },
      [](Image& i) { i.analysis["x"] = "{}"; },
      [](Image& i) { i.analysis["facts"] = "{}"; },
      [](Image& i) { i.renditions.clear(); },
      [](Image& i) { i.renditions[0].preset += "x"; },
      [](Image& i) { i.renditions[0].recipe += "x"; },
      [](Image& i) { i.renditions[0].key += "x"; },
      [](Image& i) { i.renditions[0].format += "x"; },
      [](Image& i) { i.renditions[0].media_type += "x"; },
      [](Image& i) { ++i.renditions[0].width; },
      [](Image& i) { ++i.renditions[0].height; },
      [](Image& i) { ++i.renditions[0].size_bytes; },
      [](Image& i) { i.renditions[0].sha256 = Digest::Of("x"); },
      [](Image& i) { i.work_plan += "x"; },
      [](Image& i) { i.create_time += absl::Nanoseconds(1) / 4; },
      [](Image& i) { i.update_time = absl::InfiniteFuture(); },
      [](Image& i) { ++i.revision; },
  };
}

TEST(ImageCodec, GivesBackTheImage) {
  Image image = FullImage(1);
  EXPECT_EQ(*DecodeImage(EncodeImage(image)), image);
  EXPECT_EQ(*DecodeImage(EncodeImage({})), Image());
  for (const auto& change : Changes()) {
    image = FullImage(1);
    change(image);
    EXPECT_EQ(*DecodeImage(EncodeImage(image)), image);
  }
}

TEST(ImageCodec, KnowsExtremes) {
  Image image;
  for (const int64_t number : {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0},
                               std::numeric_limits<int64_t>::max()}) {
    image.size_bytes = image.revision = number;
    image.facts.width = static_cast<int32_t>(number);
    for (const absl::Time time :
         {absl::InfinitePast(), absl::InfiniteFuture(), absl::FromUnixNanos(-1),
          absl::FromUnixSeconds(number), absl::UnixEpoch() + absl::Nanoseconds(3) / 4}) {
      image.create_time = time;
      image.facts.taken_time = time;
      const auto decoded = DecodeImage(EncodeImage(image));
      ASSERT_TRUE(decoded.ok()) << time;
      EXPECT_EQ(*decoded, image) << time;
    }
  }
}

TEST(ImageCodec, EqualImagesHaveEqualBytesAndOthersOtherBytes) {
  const std::string bytes = EncodeImage(FullImage(1));
  EXPECT_EQ(bytes, EncodeImage(FullImage(1)));
  std::vector<std::string> seen = {bytes};
  for (const auto& change : Changes()) {
    Image image = FullImage(1);
    change(image);
    seen.push_back(EncodeImage(image));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
}

TEST(ImageCodec, RefusesWhatIsCutShortOrTooLong) {
  const std::string bytes = EncodeImage(FullImage(1));
  for (size_t size = 0; size < bytes.size(); ++size) {
    // In memory of just that size, so that the address sanitizer sees a look past its end.
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_TRUE(absl::IsDataLoss(DecodeImage({cut.data(), cut.size()}).status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeImage(bytes + '\0').status()));
}

// Whatever it takes, it takes in one form only: no two byte strings mean one image.
void ExpectOneForm(const std::string& bytes) {
  const auto decoded = DecodeImage(bytes);
  if (decoded.ok()) {
    EXPECT_EQ(EncodeImage(*decoded), bytes);
  } else {
    EXPECT_TRUE(absl::IsDataLoss(decoded.status()));
  }
}

TEST(ImageCodec, HostileBytesAreRefusedOrAnotherImage) {
  const std::string bytes = EncodeImage(FullImage(1));
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string hostile = bytes;
      hostile[at] = static_cast<char>(value);
      ExpectOneForm(hostile);
    }
  }
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string hostile = bytes.substr(0, random() % bytes.size());
    for (int edits = static_cast<int>(random() % 8); edits > 0 && !hostile.empty(); --edits) {
      hostile[random() % hostile.size()] = static_cast<char>(random());
    }
    hostile.append(bytes, std::min<size_t>(bytes.size(), random() % bytes.size()));
    ExpectOneForm(hostile);
  }
}

TEST(ImageCodec, RefusesLengthsBeyondTheEnd) {
  const std::string huge("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
  EXPECT_TRUE(absl::IsDataLoss(DecodeImage(huge).status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeImage(std::string("\x01\x80\x00", 3)).status()));
}

TEST(ContentHash, IsTheSameEverywhere) {
  // These numbers may only change together with the version in index_checkpoint.cc: those of a
  // checkpoint are compared with what is computed from the database.
  EXPECT_EQ(ContentHash(Image()), 13145105176700015256u);
  EXPECT_EQ(ContentHash(FullImage(1)), 14891541863177624876u);
  EXPECT_EQ(ContentHash(FullImage(1)), ContentHashOfEncoded(EncodeImage(FullImage(1))));
  EXPECT_EQ(ContentHashOfEncoded("abc"), 0x78af5f94892f3950u);
  EXPECT_EQ(BucketOf("abc"), 0x78u);
}

}  // namespace
}  // namespace stockroom::api
