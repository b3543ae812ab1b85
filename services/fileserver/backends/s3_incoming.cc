#include "services/fileserver/backends/s3_incoming.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "services/common/base/digest.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/fileserver/backends/s3_incoming_parts.h"

namespace stockroom::fileserver {
namespace {

using s3_incoming::Folder;
using s3_incoming::RecordKey;

constexpr int64_t kMostText = 64 << 10;
constexpr int64_t kOfNoGeneration = -1;  // older than any

std::optional<S3Incoming::Piece> PieceOf(std::string_view name, const s3::ListedObject& object) {
  if (!name.starts_with(s3_incoming::kPiece)) return std::nullopt;
  const std::vector<std::string> parts =
      absl::StrSplit(Av(name.substr(s3_incoming::kPiece.size())), absl::ByChar('-'));
  S3Incoming::Piece piece{.key = object.key, .size = object.size, .etag = object.etag};
  int64_t size = 0;
  uint32_t crc32c = 0;
  if (parts.size() != 5 || !absl::SimpleAtoi(parts[0], &piece.offset) || piece.offset < 0 ||
      !absl::SimpleAtoi(parts[1], &size) || size != object.size ||
      !absl::SimpleHexAtoi(parts[2], &crc32c) || !absl::SimpleAtoi(parts[3], &piece.generation)) {
    return std::nullopt;
  }
  piece.crc32c = crc32c;
  return piece;
}

// From 0 on, of those that begin where the last one ended or before always the one that reaches
// furthest: so one more piece never makes it shorter.
std::vector<S3Incoming::Piece> ChainOf(std::vector<S3Incoming::Piece> pieces) {
  std::sort(pieces.begin(), pieces.end(),
            [](const auto& a, const auto& b) { return a.offset < b.offset; });
  std::vector<S3Incoming::Piece> chain;
  const S3Incoming::Piece* furthest = nullptr;
  int64_t at = 0;
  for (auto next = pieces.begin();;) {
    for (; next != pieces.end() && next->offset <= at; ++next) {
      if (furthest == nullptr || next->end() > furthest->end()) furthest = &*next;
    }
    if (furthest == nullptr || furthest->end() <= at) return chain;
    chain.push_back(*furthest);
    chain.back().at = at;
    at = furthest->end();
  }
}

}  // namespace

std::string S3Incoming::DirectKey(const std::string& id) {
  return Folder(id) + std::string(s3_incoming::kDirect);
}

absl::StatusOr<S3Incoming::Found> S3Incoming::Look(const std::string& id) {
  const std::string folder = Folder(id);
  Found found;
  std::optional<Piece> direct;
  s3::ListOptions options{.prefix = folder, .start_after = {}};
  do {
    SR_ASSIGN_OR_RETURN(const s3::ListPage page, client_.List(options));
    for (const s3::ListedObject& object : page.objects) {
      const std::string_view name = std::string_view(object.key).substr(folder.size());
      if (name == "record") found.record = true;
      if (name == "note") found.note = true;
      if (name.starts_with(s3_incoming::kWriter) &&
          page.server_now - object.modified < options_.writer_silence) {
        found.writers.insert(object.key);
      }
      int64_t generation = 0;
      if (name.starts_with(s3_incoming::kGeneration) &&
          absl::SimpleAtoi(Av(name.substr(s3_incoming::kGeneration.size())), &generation)) {
        found.generation = std::max(found.generation, generation);
      }
      if (name == s3_incoming::kDirect && object.size > 0) {
        direct = Piece{.key = object.key,
                       .size = object.size,
                       .etag = object.etag,
                       .generation = kOfNoGeneration};
      }
      std::optional<Piece> piece = PieceOf(name, object);
      // Several may have gone on at once, each to the limit; more is nobody's, and is only removed.
      if (piece.has_value() && found.pieces.size() < 2 * options_.max_pieces) {
        found.pieces.push_back(*std::move(piece));
      }
    }
    options.start_after = page.next_after;
  } while (!options.start_after.empty());
  if (!found.record) return s3_incoming::Missing();
  std::vector<Piece> counting;
  std::copy_if(found.pieces.begin(), found.pieces.end(), std::back_inserter(counting),
               [&](const Piece& piece) { return piece.generation == found.generation; });
  found.chain = direct ? std::vector<Piece>{*direct} : ChainOf(std::move(counting));
  if (direct) found.pieces.push_back(*std::move(direct));
  return found;
}

absl::StatusOr<std::string> S3Incoming::ReadText(const std::string& key) {
  SR_ASSIGN_OR_RETURN(s3::ObjectBytes text, client_.Get(key, 0, kMostText));
  return std::move(text.bytes);
}

absl::Status S3Incoming::PutText(const std::string& key, std::string_view text,
                                 bool if_none_match) {
  s3::PutOptions options{
      .metadata = {}, .if_none_match = if_none_match, .sha256 = Digest::Of(text), .md5 = {}};
  absl::Status put = client_.Put(key, s3::TextBody(text), options).status();
  if (!if_none_match || !absl::IsUnimplemented(put)) return put;
  options.if_none_match = false;
  return client_.Put(key, s3::TextBody(text), options).status();
}

absl::Status S3Incoming::CreateIncoming(const std::string& id, std::string_view record) {
  const absl::Status there = client_.Head(RecordKey(id)).status();
  absl::Status created = absl::IsNotFound(there) ? PutText(RecordKey(id), record, true) : there;
  if (there.ok() || absl::IsAborted(created)) {
    return MakeStatus(absl::StatusCode::kAlreadyExists, "there is an upload of this id",
                      {.reason = "INCOMING_EXISTS"});
  }
  return created;
}

absl::Status S3Incoming::NoteIncoming(const std::string& id, std::string_view note) {
  const absl::Status there = client_.Head(RecordKey(id)).status();
  if (absl::IsNotFound(there)) return s3_incoming::Missing();
  SR_RETURN_IF_ERROR(there);
  return PutText(s3_incoming::NoteKey(id), note, false);
}

absl::StatusOr<bool> S3Incoming::HasWriter(const std::string& id) {
  s3::ListOptions options{.prefix = Folder(id) + std::string(s3_incoming::kWriter),
                          .start_after = {}};
  do {
    SR_ASSIGN_OR_RETURN(const s3::ListPage page, client_.List(options));
    for (const s3::ListedObject& object : page.objects) {
      if (page.server_now - object.modified < options_.writer_silence) return true;
    }
    options.start_after = page.next_after;
  } while (!options.start_after.empty());
  return false;
}

// However many pieces there are.
absl::Status S3Incoming::RemoveIncoming(const std::string& id) {
  {
    MutexLock lock(mu_);
    if (writing_.contains(id)) return s3_incoming::Busy();
  }
  SR_ASSIGN_OR_RETURN(const bool written, HasWriter(id));
  if (written) return s3_incoming::Busy();
  // The record last: as long as anything is left, it says when that expires.
  s3::ListOptions options{.prefix = Folder(id), .start_after = {}};
  do {
    SR_ASSIGN_OR_RETURN(const s3::ListPage page, client_.List(options));
    std::vector<std::string> keys;
    for (const s3::ListedObject& object : page.objects) {
      if (object.key != RecordKey(id)) keys.push_back(object.key);
    }
    SR_RETURN_IF_ERROR(client_.DeleteMany(keys));
    options.start_after = page.next_after;
  } while (!options.start_after.empty());
  return client_.Delete(RecordKey(id));
}

absl::StatusOr<std::vector<std::string>> S3Incoming::ListIncomings(const std::string& after,
                                                                   int limit) {
  const std::string root(s3_incoming::kRoot);
  // '0' comes behind '/': behind all that belongs to `after`.
  s3::ListOptions options{
      .prefix = root, .start_after = after.empty() ? "" : root + after + "0", .folders = true};
  std::vector<std::string> ids;
  do {
    options.max_keys = std::clamp(limit - static_cast<int>(ids.size()), 1, 1000);
    SR_ASSIGN_OR_RETURN(const s3::ListPage page, client_.List(options));
    for (const std::string& folder : page.folders) {
      ids.push_back(folder.substr(root.size(), folder.size() - root.size() - 1));
    }
    options.start_after = page.next_after;
  } while (!options.start_after.empty() && static_cast<int>(ids.size()) < limit);
  if (static_cast<int>(ids.size()) > limit) ids.resize(static_cast<size_t>(limit));
  return ids;
}

}  // namespace stockroom::fileserver
