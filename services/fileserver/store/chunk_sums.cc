#include "services/fileserver/store/chunk_sums.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

constexpr size_t kPiece = static_cast<size_t>(kSumBytes);

}  // namespace

std::string ChunkSums::Encode() const {
  std::string bytes;
  bytes.reserve(4 * sums_.size());
  for (const uint32_t sum : sums_) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(sum >> shift));
  }
  return bytes;
}

absl::StatusOr<ChunkSums> ChunkSums::Decode(std::string_view bytes) {
  if (bytes.size() % 4 != 0) {
    return InvalidArgument("NOT_SUMS",
                           absl::StrCat("sums have 4 bytes each, ", bytes.size(), " do not fit"));
  }
  std::vector<uint32_t> sums;
  sums.reserve(bytes.size() / 4);
  for (size_t at = 0; at < bytes.size(); at += 4) {
    uint32_t sum = 0;
    for (size_t i = 4; i-- > 0;) sum = sum << 8 | static_cast<unsigned char>(bytes[at + i]);
    sums.push_back(sum);
  }
  return ChunkSums(std::move(sums));
}

absl::Status ChunkSums::Verify(int64_t offset, std::string_view bytes) const {
  for (size_t piece = static_cast<size_t>(offset / kSumBytes); !bytes.empty(); ++piece) {
    const std::string_view now = bytes.substr(0, kPiece);
    if (piece >= sums_.size() || Crc32c(now) != sums_[piece]) {
      return MakeStatus(
          absl::StatusCode::kDataLoss,
          absl::StrCat("the stored bytes from ", piece * kPiece, " on are damaged: the CRC-32C of ",
                       now.size(), " bytes is not the recorded one"),
          {.reason = "BLOB_DAMAGED"});
    }
    bytes.remove_prefix(now.size());
  }
  return absl::OkStatus();
}

void ChunkSummer::Update(std::string_view bytes) {
  whole_ = Crc32c(bytes, whole_);
  while (!bytes.empty()) {
    const std::string_view now = bytes.substr(0, kPiece - static_cast<size_t>(in_piece_));
    piece_ = Crc32c(now, piece_);
    in_piece_ += static_cast<int64_t>(now.size());
    if (in_piece_ == kSumBytes) {
      sums_.push_back(std::exchange(piece_, 0));
      in_piece_ = 0;
    }
    bytes.remove_prefix(now.size());
  }
}

ChunkSums ChunkSummer::Finish() {
  if (in_piece_ > 0) sums_.push_back(piece_);
  return ChunkSums(std::move(sums_));
}

}  // namespace stockroom::fileserver
