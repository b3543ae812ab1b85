#include "services/fileserver/backends/s3_incoming.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/digest.h"
#include "services/common/base/log.h"
#include "services/common/base/random.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::fileserver {
namespace {

constexpr std::string_view kRoot = "incoming/";
constexpr std::string_view kPiece = "piece-";
constexpr std::string_view kWriter = "writer-";
constexpr std::string_view kGeneration = "generation-";
constexpr std::string_view kDirect = "direct";
// Whoever died is taken for dead a few seconds later.
constexpr absl::Duration kComeBack = absl::Seconds(3);
constexpr int64_t kMostText = 64 << 10;
constexpr int64_t kHashedAtOnce = 256 << 10;
constexpr int64_t kOfNoGeneration = -1;  // older than any
constexpr size_t kMostAtOnce = 1000;     // keys that S3 deletes in one request

std::string Folder(const std::string& id) { return std::string(kRoot) + id + "/"; }
std::string RecordKey(const std::string& id) { return Folder(id) + "record"; }
std::string NoteKey(const std::string& id) { return Folder(id) + "note"; }
std::string Random() { return ToHex(RandomBytes(8)); }

absl::Status Missing() { return NotFound("INCOMING_NOT_FOUND", "there is no such upload"); }

absl::Status Busy() {
  return MakeStatus(
      absl::StatusCode::kAborted, "somebody else writes this upload just now",
      {.reason = "INCOMING_BUSY", .metadata = {}, .violations = {}, .retry_after = kComeBack});
}

absl::Status TooManyPieces() {
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "the upload came in too many pieces; begin anew and send more at once",
                    {.reason = "INCOMING_TOO_MANY_PIECES"});
}

absl::Status TakenOver() {
  return MakeStatus(absl::StatusCode::kAborted, "another request goes on with this upload",
                    {.reason = "INCOMING_TAKEN_OVER"});
}

absl::Status SpoolDamaged() {
  return Unavailable("SPOOL_DAMAGED", "the spooled bytes are not those that came");
}

// CRC-32C of each `size` bytes of what was spooled, if all of it is what had come: of what is sent
// in several pieces the first must not be there before the last is known to be right.
absl::StatusOr<std::vector<uint32_t>> SumsOf(const S3Spool& spool, int64_t size) {
  std::vector<uint32_t> sums;
  uint32_t all = 0;
  std::string buffer;
  for (int64_t at = 0; at < spool.size(); at += static_cast<int64_t>(buffer.size())) {
    const int64_t done = at % size;
    if (done == 0) sums.push_back(0);
    buffer.resize(static_cast<size_t>(std::min({kHashedAtOnce, size - done, spool.size() - at})));
    SR_RETURN_IF_ERROR(spool.ReadAt(at, buffer.data(), buffer.size()));
    sums.back() = Crc32c(buffer, sums.back());
    all = Crc32c(buffer, all);
  }
  if (all != spool.crc32c()) return SpoolDamaged();
  return sums;
}

std::optional<S3Incoming::Piece> PieceOf(std::string_view name, const s3::ListedObject& object) {
  if (!name.starts_with(kPiece)) return std::nullopt;
  const std::vector<std::string> parts =
      absl::StrSplit(Av(name.substr(kPiece.size())), absl::ByChar('-'));
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
  return Folder(id) + std::string(kDirect);
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
      if (name.starts_with(kWriter) &&
          page.server_now - object.modified < options_.writer_silence) {
        found.writers.insert(object.key);
      }
      int64_t generation = 0;
      if (name.starts_with(kGeneration) &&
          absl::SimpleAtoi(Av(name.substr(kGeneration.size())), &generation)) {
        found.generation = std::max(found.generation, generation);
      }
      if (name == kDirect && object.size > 0) {
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
  if (!found.record) return Missing();
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

absl::Status S3Incoming::PutPiece(const std::string& id, int64_t generation, int64_t offset,
                                  const s3::RequestBody& bytes, uint32_t came) {
  // What the server stores must be what was spooled, and what was spooled what had come.
  StreamHasher hasher(StreamHasher::Md5::kYes);
  uint32_t crc32c = 0;
  std::string buffer;
  for (int64_t at = 0; at < bytes.size(); at += static_cast<int64_t>(buffer.size())) {
    buffer.resize(static_cast<size_t>(std::min(kHashedAtOnce, bytes.size() - at)));
    SR_RETURN_IF_ERROR(bytes.ReadAt(at, buffer.data(), buffer.size()));
    hasher.Update(buffer);
    crc32c = Crc32c(buffer, crc32c);
  }
  if (crc32c != came) return SpoolDamaged();
  const std::string key =
      absl::StrCat(Folder(id), Av(kPiece), absl::StrFormat("%020d", offset), "-", bytes.size(), "-",
                   absl::StrFormat("%08x", crc32c), "-", generation, "-", Random());
  return client_
      .Put(key, bytes, {.metadata = {}, .sha256 = hasher.FinishSha256(), .md5 = hasher.FinishMd5()})
      .status();
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
  if (absl::IsNotFound(there)) return Missing();
  SR_RETURN_IF_ERROR(there);
  return PutText(NoteKey(id), note, false);
}

class S3Incoming::Source final : public IncomingSource {
 public:
  Source(S3Incoming& owner, Found found, std::string record, std::string note)
      : owner_(owner),
        found_(std::move(found)),
        record_(std::move(record)),
        note_(std::move(note)) {}

  const std::string& record() const override { return record_; }
  std::string note() const override { return note_; }
  int64_t size() const override { return found_.size(); }

  absl::Status ReadAt(int64_t offset, char* to, size_t size) override {
    MutexLock lock(mu_);
    while (size > 0) {
      if (offset < window_at_ || offset >= window_at_ + static_cast<int64_t>(window_.size())) {
        SR_RETURN_IF_ERROR(Fetch(offset, static_cast<int64_t>(size)));
      }
      const auto skip = static_cast<size_t>(offset - window_at_);
      const size_t n = std::min(size, window_.size() - skip);
      std::memcpy(to, window_.data() + skip, n);
      to += n;
      size -= n;
      offset += static_cast<int64_t>(n);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Fetch(int64_t offset, int64_t wanted) SR_REQUIRES(mu_) {
    const auto behind =
        std::upper_bound(found_.chain.begin(), found_.chain.end(), offset,
                         [](int64_t at, const Piece& piece) { return at < piece.at; });
    if (behind == found_.chain.begin() || offset >= found_.size()) {
      return absl::DataLossError("the upload is shorter");
    }
    const Piece& piece = *std::prev(behind);
    // Twice as much as before while somebody reads on.
    ahead_ = offset == window_at_ + static_cast<int64_t>(window_.size())
                 ? std::min(std::max<int64_t>(2 * ahead_, wanted), owner_.options_.read_ahead)
                 : wanted;
    const int64_t length = std::min(std::max(ahead_, wanted), piece.end() - offset);
    absl::StatusOr<s3::ObjectBytes> bytes =
        owner_.client_.Get(piece.key, offset - piece.offset, length, piece.etag);
    if (absl::IsNotFound(bytes.status()) || absl::IsAborted(bytes.status())) {
      return Unavailable("INCOMING_CHANGED", "the upload was changed while it was read");
    }
    if (!bytes.ok()) return bytes.status();
    if (static_cast<int64_t>(bytes->bytes.size()) != length) {
      return absl::DataLossError("a piece of the upload is shorter than it was");
    }
    SR_RETURN_IF_ERROR(Check(piece, offset, bytes->bytes));
    window_at_ = offset;
    window_ = std::move(bytes->bytes);
    return absl::OkStatus();
  }

  // Pieces that are read from one end to the other have the checksum they arrived with.
  absl::Status Check(const Piece& piece, int64_t offset, std::string_view bytes) SR_REQUIRES(mu_) {
    if (offset == piece.offset) {
      summed_ = 0;
    } else if (offset != summed_to_ || offset == piece.at) {
      summed_to_ = -1;  // not from its beginning
      return absl::OkStatus();
    }
    summed_ = Crc32c(bytes, summed_);
    summed_to_ = offset + static_cast<int64_t>(bytes.size());
    if (summed_to_ != piece.end() || summed_ == piece.crc32c.value_or(summed_)) {
      return absl::OkStatus();
    }
    return MakeStatus(absl::StatusCode::kDataLoss,
                      "the bytes of the upload were damaged after they had arrived",
                      {.reason = "INCOMING_DAMAGED"});
  }

  S3Incoming& owner_;
  const Found found_;
  const std::string record_;
  const std::string note_;
  Mutex mu_;
  int64_t window_at_ SR_GUARDED_BY(mu_) = 0;
  std::string window_ SR_GUARDED_BY(mu_);
  int64_t ahead_ SR_GUARDED_BY(mu_) = 0;
  // Of the piece that is being read, up to there.
  uint32_t summed_ SR_GUARDED_BY(mu_) = 0;
  int64_t summed_to_ SR_GUARDED_BY(mu_) = -1;
};

absl::StatusOr<std::unique_ptr<IncomingSource>> S3Incoming::OpenIncoming(const std::string& id) {
  SR_ASSIGN_OR_RETURN(Found found, Look(id));
  absl::StatusOr<std::string> record = ReadText(RecordKey(id));
  if (absl::IsNotFound(record.status())) return Missing();
  if (!record.ok()) return record.status();
  std::string note;
  if (found.note) {
    SR_ASSIGN_OR_RETURN(note, ReadText(NoteKey(id)));
  }
  return std::make_unique<Source>(*this, std::move(found), *std::move(record), std::move(note));
}

class S3Incoming::Sink final : public IncomingSink {
 public:
  Sink(S3Incoming& owner, std::string id) : owner_(owner), id_(std::move(id)) {
    writer_ = Folder(id_) + std::string(kWriter) + Random();
  }
  ~Sink() override {
    if (announced_) owner_.client_.Delete(writer_).IgnoreError();
    MutexLock lock(owner_.mu_);
    owner_.writing_.erase(id_);
  }

  // Of two that announce themselves at least one sees the other, and leaves.
  absl::Status Begin(int64_t offset) {
    SR_RETURN_IF_ERROR(Announce());
    SR_ASSIGN_OR_RETURN(const Found found, owner_.Look(id_));
    if (found.writers.size() > found.writers.count(writer_)) return Busy();
    if (found.size() != offset) {
      return MakeStatus(
          absl::StatusCode::kFailedPrecondition,
          absl::StrCat(found.size(), " bytes have arrived, not ", offset),
          {.reason = "OFFSET_MISMATCH", .metadata = {{"offset", absl::StrCat(found.size())}}});
    }
    synced_ = offset;
    generation_ = found.generation;
    pieces_ = found.pieces.size();
    return absl::OkStatus();
  }

  absl::Status Append(std::string_view bytes) override {
    SR_RETURN_IF_ERROR(StayAlive());
    fresh_ = false;
    if (pieces_ >= owner_.options_.max_pieces) return TooManyPieces();
    if (spool_ == nullptr) {
      spool_ = std::make_unique<S3Spool>(owner_.env_, owner_.options_.spool_dir,
                                         owner_.options_.spool_memory_bytes,
                                         owner_.options_.spool_reserve_bytes);
    }
    return spool_->Append(bytes);
  }

  absl::Status Sync() override {
    if (spool_ == nullptr || spool_->size() == 0) return absl::OkStatus();
    SR_RETURN_IF_ERROR(StayAlive());
    const std::unique_ptr<S3Spool> spool = std::move(spool_);
    const int64_t most = owner_.options_.max_piece_bytes;
    SR_ASSIGN_OR_RETURN(const std::vector<uint32_t> sums, SumsOf(*spool, most));
    for (size_t i = 0; i < sums.size(); ++i) {
      const int64_t at = static_cast<int64_t>(i) * most;
      const S3SpoolPart piece(*spool, at, std::min(most, spool->size() - at));
      SR_RETURN_IF_ERROR(owner_.PutPiece(id_, generation_, synced_, piece, sums[i]));
      synced_ += piece.size();
      ++pieces_;
      // Sending it may have taken so long that somebody else has begun anew.
      SR_RETURN_IF_ERROR(StayAlive());
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(int64_t size) override {
    spool_.reset();
    const bool fresh = std::exchange(fresh_, false);
    // Nothing behind it is this writer's: what is there by now has been acknowledged by another.
    if (size == synced_ && (size > 0 || !fresh)) return absl::OkStatus();
    if (size == 0) return BeginAnew();
    SR_ASSIGN_OR_RETURN(const Found found, LookAlone());
    for (const Piece& piece : found.chain) {
      if (piece.at < size && piece.end() > size) {
        SR_RETURN_IF_ERROR(Shorten(piece, size - piece.offset));
      }
    }
    // The last first: whatever is left when this ends early, the chain has no hole that a late
    // piece could fill.
    std::vector<Piece> pieces = found.pieces;
    std::sort(pieces.begin(), pieces.end(),
              [](const Piece& a, const Piece& b) { return a.offset > b.offset; });
    for (const Piece& piece : pieces) {
      if (piece.end() <= size) continue;
      SR_RETURN_IF_ERROR(owner_.client_.Delete(piece.key));
    }
    synced_ = size;
    return absl::OkStatus();
  }

 private:
  absl::Duration Steady() const { return owner_.client_.clock().steady(); }
  absl::Status Announce() {
    announced_ = true;
    tried_ = Steady();
    SR_RETURN_IF_ERROR(owner_.PutText(writer_, Random(), false));
    said_ = tried_;
    return absl::OkStatus();
  }
  // ABORTED once somebody else may have gone on instead.
  absl::Status StayAlive() {
    const S3Incoming::Options& options = owner_.options_;
    const absl::Duration now = Steady();
    if (now - tried_ < options.announce_every && now - said_ < options.writer_silence) {
      return absl::OkStatus();
    }
    const absl::Duration before = said_;
    const absl::Status announced = Announce();
    if (Steady() - before < options.writer_silence) return absl::OkStatus();
    SR_RETURN_IF_ERROR(announced);
    SR_ASSIGN_OR_RETURN(const Found found, LookAlone());
    return found.size() >= synced_ ? absl::OkStatus() : TakenOver();
  }
  // Also where nothing has arrived: something may be on its way.
  absl::Status BeginAnew() {
    SR_ASSIGN_OR_RETURN(const Found found, LookAlone());
    // By the server's clock: of two who begin anew the later one's counts, whoever arrives first.
    const int64_t next =
        std::max(generation_ + 1, absl::ToUnixMillis(owner_.client_.clock().Now()));
    SR_RETURN_IF_ERROR(
        owner_.PutText(absl::StrCat(Folder(id_), Av(kGeneration), next), Random(), false));
    generation_ = next;
    synced_ = 0;
    pieces_ = 0;
    std::vector<std::string> old;
    for (const Piece& piece : found.pieces) {
      if (piece.generation < next) old.push_back(piece.key);
      if (old.size() < kMostAtOnce) continue;
      SR_RETURN_IF_ERROR(owner_.client_.DeleteMany(std::exchange(old, {})));
    }
    return owner_.client_.DeleteMany(old);
  }
  // ABORTED unless this is the one writer who lives.
  absl::StatusOr<Found> LookAlone() {
    SR_ASSIGN_OR_RETURN(Found found, owner_.Look(id_));
    if (found.writers.size() != 1 || !found.writers.contains(writer_) ||
        found.generation > generation_) {
      return TakenOver();
    }
    return found;
  }
  absl::Status Shorten(const Piece& piece, int64_t size) {
    S3Spool kept(owner_.env_, owner_.options_.spool_dir, owner_.options_.spool_memory_bytes,
                 owner_.options_.spool_reserve_bytes);
    while (kept.size() < size) {
      SR_ASSIGN_OR_RETURN(
          const s3::ObjectBytes bytes,
          owner_.client_.Get(piece.key, kept.size(),
                             std::min(owner_.options_.read_ahead, size - kept.size()), piece.etag));
      if (bytes.bytes.empty()) {
        return absl::DataLossError("a piece of the upload is shorter than it was");
      }
      SR_RETURN_IF_ERROR(kept.Append(bytes.bytes));
    }
    return owner_.PutPiece(id_, generation_, piece.offset, kept, kept.crc32c());
  }

  S3Incoming& owner_;
  const std::string id_;
  std::string writer_;
  bool announced_ = false;
  bool fresh_ = true;     // nothing was appended or cut yet
  absl::Duration tried_;  // the last announcement, and the last that went well; in Steady
  absl::Duration said_;
  int64_t synced_ = 0;
  int64_t generation_ = 0;
  size_t pieces_ = 0;  // in the bucket, of older generations too
  std::unique_ptr<S3Spool> spool_;
};

absl::StatusOr<std::unique_ptr<IncomingSink>> S3Incoming::AppendIncoming(const std::string& id,
                                                                         int64_t offset) {
  {
    MutexLock lock(mu_);
    if (!writing_.insert(id).second) return Busy();
  }
  auto sink = std::make_unique<Sink>(*this, id);
  SR_RETURN_IF_ERROR(sink->Begin(offset));
  return sink;
}

absl::StatusOr<bool> S3Incoming::HasWriter(const std::string& id) {
  s3::ListOptions options{.prefix = Folder(id) + std::string(kWriter), .start_after = {}};
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
    if (writing_.contains(id)) return Busy();
  }
  SR_ASSIGN_OR_RETURN(const bool written, HasWriter(id));
  if (written) return Busy();
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
  const std::string root(kRoot);
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
