#include "services/api/search/segment/segment_format.h"
#include "tests/unit/search/segment_model.h"

namespace stockroom::api {
namespace {

using segment_format::Header;

// A copy of a segment's bytes, exactly as long as they are, so that ASan sees a read behind them.
class Copy {
 public:
  explicit Copy(std::span<const uint8_t> bytes)
      : bytes_(bytes.size()), data_(new uint8_t[bytes.size()]) {
    std::memcpy(data_.get(), bytes.data(), bytes.size());
  }
  uint8_t& operator[](size_t i) { return data_[i]; }
  size_t size() const { return bytes_; }
  void Forge() {
    const uint64_t sum = segment_format::Checksum(data_.get() + segment_format::kChecksummedFrom,
                                                  bytes_ - segment_format::kChecksummedFrom);
    std::memcpy(data_.get() + offsetof(Header, checksum), &sum, sizeof(sum));
  }
  absl::StatusOr<std::shared_ptr<const Segment>> Open(size_t cut = 0) const {
    return Segment::Open({data_.get(), bytes_ - cut}, nullptr);
  }

 private:
  size_t bytes_;
  std::unique_ptr<uint8_t[]> data_;
};

// Reads all there is, wherever it leads. The sum keeps the compiler from leaving it out.
uint64_t ReadAll(const Segment& segment) {
  uint64_t sum = 0;
  const auto add_text = [&](std::string_view text) {
    for (const char c : text) sum += static_cast<uint8_t>(c);
  };
  for (TermOrd term = 0; term < segment.terms(); ++term) {
    const std::string text = segment.TermText(term);
    add_text(text);
    sum += segment.FindTerm(text) + segment.TermsWithPrefix(text).second;
    for (const auto& [doc, payload] : PostingsOf(segment, term)) {
      EXPECT_LT(doc, segment.docs());
      sum += doc + payload;
    }
  }
  for (Doc doc = 0; doc < segment.docs(); ++doc) {
    for (size_t i = 0; i < kOrdinals; ++i) {
      const OrdinalColumn& column = segment.ordinals(static_cast<Ordinal>(i));
      add_text(column.value(column.At(doc)));
    }
    for (size_t i = 0; i < kNumbers; ++i) {
      sum += static_cast<uint64_t>(segment.numbers(static_cast<Number>(i)).At(doc));
    }
    const std::string id = segment.id(doc);
    add_text(id);
    sum += segment.FindId(id).value_or(0) + segment.locator(doc) + segment.flags(doc) +
           static_cast<uint64_t>(segment.state(doc)) + segment.md5_start(doc) +
           Segment::LengthOf(segment.length_class(doc));
    for (const uint64_t* words : segment.pdq().words) sum += words[doc];
    if (segment.looks() != nullptr) {
      Looks looks = segment.looks()[doc];
      uint8_t byte = 0;
      std::memcpy(&byte, &looks, 1);
      sum += byte;
    }
  }
  for (const auto& [doc, point] : LocationsOf(segment)) {
    EXPECT_LT(doc, segment.docs());
    sum += static_cast<uint32_t>(point.latitude_e7);
  }
  return sum;
}

Model SmallModel(uint64_t seed, uint64_t docs = 12) {
  DocumentDice dice(seed);
  Model model;
  for (uint64_t i = 0; i < docs; ++i) model.push_back(dice.Next(i));
  return model;
}

TEST(SegmentOpenTest, TakesWhatAnotherGave) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Model model = SmallModel(seed);
    const auto segment = BuildOf(model);
    const Copy copy(segment->bytes());
    const auto opened = copy.Open();
    ASSERT_TRUE(opened.ok()) << opened.status();
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(**opened, model));
  }
  for (const uint32_t docs : {0u, 1u, 65'537u}) {
    const auto opened = Copy(BuildOf(DocumentDice::Many(docs))->bytes()).Open();
    EXPECT_TRUE(opened.ok()) << opened.status();
  }
}

TEST(SegmentOpenTest, NoticesEveryByteThatIsAnother) {
  Copy copy(BuildOf(SmallModel(1))->bytes());
  for (size_t i = 0; i < copy.size(); ++i) {
    for (const uint8_t flip : {0x01, 0x80, 0xff}) {
      copy[i] ^= flip;
      ASSERT_EQ(copy.Open().status().code(), absl::StatusCode::kDataLoss) << i;
      copy[i] ^= flip;
    }
  }
  EXPECT_TRUE(copy.Open().ok());
}

TEST(SegmentOpenTest, NoticesWhatIsCutShort) {
  const Copy copy(BuildOf(SmallModel(1))->bytes());
  for (size_t cut = 1; cut <= copy.size(); ++cut) {
    ASSERT_EQ(copy.Open(cut).status().code(), absl::StatusCode::kDataLoss) << cut;
  }
}

TEST(SegmentOpenTest, NoticesAStateThatThereIsNot) {
  Copy copy(BuildOf(SmallModel(1))->bytes());
  Header header;
  std::memcpy(&header, &copy[0], sizeof(header));
  uint64_t place = sizeof(Header);
  for (size_t i = 0; i < segment_format::kFlags; ++i) {
    place += segment_format::FilledUp(header.sections[i]);
  }
  const uint16_t bits = DocFlags::Of(0, static_cast<ImageState>(0), true);
  std::memcpy(&copy[place], &bits, sizeof(bits));
  copy.Forge();
  EXPECT_FALSE(copy.Open().ok());
}

TEST(SegmentOpenTest, NeedsAlignedBytes) {
  const auto segment = BuildOf(SmallModel(1));
  std::vector<uint64_t> room(segment->bytes().size() / 8 + 1);
  uint8_t* odd = reinterpret_cast<uint8_t*>(room.data()) + 4;
  std::memcpy(odd, segment->bytes().data(), segment->bytes().size());
  EXPECT_EQ(Segment::Open({odd, segment->bytes().size()}, nullptr).status().code(),
            absl::StatusCode::kDataLoss);
}

// Whoever knows the format can make the checksum fit. Then Open must refuse, or every read must
// stay inside: ASan watches.
TEST(SegmentOpenTest, NothingForgedLeadsOutOfTheBlock) {
  for (uint64_t seed = 0; seed < 2; ++seed) {
    Copy copy(BuildOf(SmallModel(seed, 3))->bytes());
    uint64_t sum = 0;
    int refused = 0;
    for (size_t i = 0; i < copy.size(); ++i) {
      for (const uint8_t flip : {0x01, 0xff}) {
        copy[i] ^= flip;
        copy.Forge();
        const auto opened = copy.Open();
        if (opened.ok()) {
          sum += ReadAll(**opened);
        } else {
          ++refused;
        }
        copy[i] ^= flip;
      }
    }
    EXPECT_GT(refused, 0);
    EXPECT_GT(sum, 0u);
  }
}

TEST(SegmentOpenTest, NothingForgedInLargeOnesLeadsOut) {
  Copy copy(BuildOf(DocumentDice::Many(70'000))->bytes());
  DocumentDice dice(5);
  Header header;
  std::memcpy(&header, &copy[0], sizeof(header));
  // Where the lists are, and a little of the bitmaps.
  uint64_t begin = sizeof(Header);
  for (size_t i = 0; i < segment_format::kEntries; ++i) {
    begin += segment_format::FilledUp(header.sections[i]);
  }
  const uint64_t room =
      header.sections[segment_format::kEntries] + header.sections[segment_format::kLists] + 10'000;
  for (int round = 0; round < 40; ++round) {
    const size_t i = begin + dice.Below(round % 2 == 0 ? 400 : room);
    const auto flip = static_cast<uint8_t>(1 + dice.Below(255));
    copy[i] ^= flip;
    copy.Forge();
    const auto opened = copy.Open();
    if (opened.ok()) {
      for (TermOrd term = 0; term < (*opened)->terms(); ++term) {
        for (const auto& [doc, payload] : PostingsOf(**opened, term)) {
          ASSERT_LT(doc, (*opened)->docs());
        }
      }
    }
    copy[i] ^= flip;
  }
}

TEST(SegmentFormatTest, LengthsAreRoundedDownToThreeBits) {
  for (uint64_t words = 0; words < uint64_t{1} << 32; words += 1 + words / 50) {
    const auto length = static_cast<uint32_t>(words);
    ASSERT_EQ(Segment::LengthOf(segment_format::LengthClass(length)), InSteps(length)) << words;
  }
  EXPECT_EQ(segment_format::LengthClass(0xffffffff), segment_format::kMostLengthClass);
}

TEST(SegmentFormatTest, OnlyUuidsAsTheyAreWrittenGoIntoSixteenBytes) {
  using segment_format::RawId;
  const std::string uuid = "0190f5b0-1234-7abc-8def-000000000001";
  ASSERT_TRUE(RawId::OfUuid(uuid).has_value());
  EXPECT_EQ(RawId::OfUuid(uuid)->UuidText(), uuid);
  for (const std::string& other :
       {std::string("0190F5b0-1234-7abc-8def-000000000001"),
        std::string("0190f5b0-1234-7abc-8def-00000000001"),
        std::string("0190f5b0-1234-7abc-8def-0000000000011"),
        std::string("0190f5b001234-7abc-8def-000000000001"),
        std::string("0190f5b0-1234-7abc-8def-00000000000g"),
        std::string("ffffffff-ffff-ffff-ffff-ffff00000001"),
        std::string("0190f5b0-1234-ffff-ffff-ffff00000001"), std::string()}) {
    EXPECT_FALSE(RawId::OfUuid(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace stockroom::api
