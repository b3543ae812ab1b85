#include "services/imageproc/codec/header_scan.h"

#include <algorithm>
#include <limits>

namespace stockroom::imageproc {
namespace {

using std::string_view_literals::operator""sv;

absl::Status Damaged(const char* what) { return absl::InvalidArgumentError(what); }

// Reads forwards; past the end everything is zero and ended() is true for ever.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}

  bool ended() const { return ended_; }
  uint64_t Big(size_t bytes) {
    uint64_t value = 0;
    for (const char c : Take(bytes)) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  uint64_t Little(size_t bytes) {
    uint64_t value = 0;
    const std::string_view taken = Take(bytes);
    for (size_t i = taken.size(); i > 0; --i)
      value = value << 8 | static_cast<uint8_t>(taken[i - 1]);
    return value;
  }
  std::string_view Take(size_t bytes) {
    if (bytes > rest_.size()) {
      ended_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool ended_ = false;
};

void Count(int& number) {
  if (number < std::numeric_limits<int>::max()) ++number;
}

// --- JPEG (ITU T.81) ---

constexpr uint8_t kStuffed = 0x00, kTem = 0x01, kFirstRst = 0xd0, kLastRst = 0xd7, kSoi = 0xd8,
                  kEoi = 0xd9, kSos = 0xda, kApp1 = 0xe1, kApp2 = 0xe2, kFill = 0xff;

bool IsFrameHeader(uint8_t marker) {
  // C4 (Huffman tables), C8 (reserved) and CC (arithmetic tables) lie among them.
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// Behind a scan's header: entropy-coded data, in which FF is followed by 00 or a restart marker.
void SkipScan(Cursor& in) {
  for (;;) {
    const std::string_view rest = in.rest();
    const size_t at = rest.find('\xff');
    if (at == std::string_view::npos || at + 1 >= rest.size()) {
      in.Take(rest.size() + 1);
      return;
    }
    const auto next = static_cast<uint8_t>(rest[at + 1]);
    if (next != kStuffed && (next < kFirstRst || next > kLastRst)) {
      in.Take(at);
      return;
    }
    in.Take(at + 2);
  }
}

absl::Status ReadFrameHeader(std::string_view segment, uint8_t marker, HeaderScan& scan) {
  if (scan.width != 0) return Damaged("It has two frame headers.");
  Cursor in(segment);
  in.Take(1);  // bits of a sample
  scan.height = static_cast<int64_t>(in.Big(2));
  scan.width = static_cast<int64_t>(in.Big(2));
  if (in.ended() || scan.width == 0) return Damaged("Its frame header is cut short.");
  scan.progressive = (marker & 3) == 2;
  return absl::OkStatus();
}

absl::StatusOr<HeaderScan> ScanJpeg(std::string_view bytes) {
  HeaderScan scan{.scans = 0};
  Cursor in(bytes);
  in.Take(2);
  while (!in.ended()) {
    // Bytes that belong to nothing are skipped as decoders do.
    const size_t at = std::min(in.rest().find('\xff'), in.rest().size());
    in.Take(at + 1);
    auto marker = static_cast<uint8_t>(in.Big(1));
    while (marker == kFill && !in.ended()) marker = static_cast<uint8_t>(in.Big(1));
    if (in.ended() || marker == kEoi) break;
    if (marker == kStuffed || marker == kTem || (marker >= kFirstRst && marker <= kSoi)) continue;
    const uint64_t length = in.Big(2);
    if (length < 2) {
      if (in.ended()) break;
      return Damaged("A segment's length is impossible.");
    }
    const std::string_view segment = in.Take(length - 2);
    if (in.ended()) break;
    if (IsFrameHeader(marker)) {
      if (absl::Status status = ReadFrameHeader(segment, marker, scan); !status.ok()) return status;
    } else if (marker == kSos) {
      Count(scan.scans);
      SkipScan(in);
    } else if (marker == kApp1 && segment.starts_with("Exif\0"sv)) {
      scan.exif_bytes += static_cast<int64_t>(segment.size());
    } else if (marker == kApp2 && segment.starts_with("ICC_PROFILE\0"sv)) {
      scan.icc_bytes += static_cast<int64_t>(segment.size());
    }
  }
  if (scan.width == 0) return Damaged("It has no frame header.");
  return scan;
}

// --- PNG ---

absl::StatusOr<HeaderScan> ScanPng(std::string_view bytes) {
  HeaderScan scan;
  Cursor in(bytes);
  in.Take(8);
  for (bool first = true; !in.ended(); first = false) {
    const uint64_t length = in.Big(4);
    const std::string_view type = in.Take(4);
    if (first != (type == "IHDR")) return Damaged("Its header is not at the beginning, once.");
    const std::string_view chunk = in.Take(length);
    if (first) {
      Cursor header(chunk);
      scan.width = static_cast<int64_t>(header.Big(4));
      scan.height = static_cast<int64_t>(header.Big(4));
      header.Take(4);  // depth, colour type, compression, filter
      scan.progressive = header.Big(1) != 0;
      if (header.ended() || scan.width == 0 || scan.height == 0) {
        return Damaged("Its header is cut short.");
      }
    } else if (type == "iCCP") {
      scan.icc_bytes += static_cast<int64_t>(chunk.size());
    } else if (type == "eXIf") {
      scan.exif_bytes += static_cast<int64_t>(chunk.size());
    } else if (type == "IEND") {
      break;
    }
    in.Take(4);  // checksum
  }
  return scan;
}

// --- GIF ---

void SkipSubBlocks(Cursor& in) {
  while (!in.ended()) {
    const uint64_t length = in.Big(1);
    if (length == 0) return;
    in.Take(length);
  }
}

// Low three bits of `flags`, if the high one is set: a table of 2^(n+1) colours.
void SkipColourTable(Cursor& in, uint64_t flags) {
  if ((flags & 0x80) != 0) in.Take(size_t{3} << ((flags & 7) + 1));
}

absl::StatusOr<HeaderScan> ScanGif(std::string_view bytes) {
  HeaderScan scan{.frames = 0};
  Cursor in(bytes);
  in.Take(6);
  scan.width = static_cast<int64_t>(in.Little(2));
  scan.height = static_cast<int64_t>(in.Little(2));
  const uint64_t flags = in.Little(1);
  in.Take(2);
  SkipColourTable(in, flags);
  while (!in.ended()) {
    const uint64_t block = in.Little(1);
    if (block == 0x21) {  // extension
      in.Take(1);
      SkipSubBlocks(in);
    } else if (block == 0x2c) {  // a frame
      const auto left = static_cast<int64_t>(in.Little(2));
      const auto top = static_cast<int64_t>(in.Little(2));
      const auto width = static_cast<int64_t>(in.Little(2));
      const auto height = static_cast<int64_t>(in.Little(2));
      const uint64_t frame_flags = in.Little(1);
      if (in.ended()) break;
      Count(scan.frames);
      scan.width = std::max(scan.width, left + width);
      scan.height = std::max(scan.height, top + height);
      scan.progressive |= (frame_flags & 0x40) != 0;
      SkipColourTable(in, frame_flags);
      in.Take(1);  // code size
      SkipSubBlocks(in);
    } else {
      break;  // the trailer, or rubbish behind the last frame
    }
  }
  if (scan.frames == 0 || scan.width == 0 || scan.height == 0) return Damaged("It has no frame.");
  return scan;
}

// --- WebP ---

void ReadWebpChunk(std::string_view type, Cursor chunk, HeaderScan& scan) {
  int64_t width = 0;
  int64_t height = 0;
  if (type == "VP8X") {
    chunk.Take(4);
    width = static_cast<int64_t>(chunk.Little(3)) + 1;
    height = static_cast<int64_t>(chunk.Little(3)) + 1;
  } else if (type == "VP8 ") {
    chunk.Take(6);
    width = static_cast<int64_t>(chunk.Little(2) & 0x3fff);
    height = static_cast<int64_t>(chunk.Little(2) & 0x3fff);
  } else if (type == "VP8L") {
    chunk.Take(1);
    const uint64_t bits = chunk.Little(4);
    width = static_cast<int64_t>(bits & 0x3fff) + 1;
    height = static_cast<int64_t>(bits >> 14 & 0x3fff) + 1;
  }
  if (chunk.ended()) return;
  scan.width = std::max(scan.width, width);
  scan.height = std::max(scan.height, height);
}

absl::StatusOr<HeaderScan> ScanWebp(std::string_view bytes) {
  HeaderScan scan;
  int frames = 0;
  Cursor in(bytes);
  in.Take(12);
  while (!in.ended()) {
    const std::string_view type = in.Take(4);
    const uint64_t length = in.Little(4);
    if (in.ended()) break;
    // The last chunk may be cut off; its beginning still tells the size.
    const std::string_view chunk = in.rest().substr(0, length);
    in.Take(length + (length & 1));
    ReadWebpChunk(type, Cursor(chunk), scan);
    if (type == "ANMF") Count(frames);
    if (type == "ICCP") scan.icc_bytes += static_cast<int64_t>(chunk.size());
    if (type == "EXIF") scan.exif_bytes += static_cast<int64_t>(chunk.size());
  }
  scan.frames = std::max(1, frames);
  if (scan.width == 0 || scan.height == 0) return Damaged("It has no header.");
  return scan;
}

}  // namespace

absl::StatusOr<HeaderScan> ScanHeader(std::string_view bytes, MediaKind kind) {
  switch (kind) {
    case MediaKind::kJpeg:
      return ScanJpeg(bytes);
    case MediaKind::kPng:
      return ScanPng(bytes);
    case MediaKind::kGif:
      return ScanGif(bytes);
    case MediaKind::kWebp:
      return ScanWebp(bytes);
    default:
      return HeaderScan{};
  }
}

}  // namespace stockroom::imageproc
