// IncomingBackend on an S3 bucket: replicas may take one upload's pieces in turn.
//
//   incoming/<id>/record
//   incoming/<id>/note
//   incoming/<id>/piece-<offset>-<size>-<crc32c>-<generation>-<random>
//                                                        the bytes from that offset on
//   incoming/<id>/generation-<generation>                what is of older ones counts no more
//   incoming/<id>/direct                                 all of it, by a client's own PUT
//   incoming/<id>/writer-<random>                        somebody appends; his last sign of life
//
// What has arrived is what pieces of the newest generation cover from offset 0 on without a hole,
// or `direct`, which is whole when it is there: its URL says how long it is. Names of pieces are
// never written twice, so a request that arrives late adds at most a piece, and what was
// acknowledged can not become less. Whoever begins anew, perhaps with other bytes, begins a
// generation: what an earlier attempt sent may arrive behind his bytes, and is none of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/common/base/mutex.h"
#include "services/common/s3/client.h"
#include "services/fileserver/backends/s3_spool.h"
#include "services/fileserver/store/env.h"
#include "services/fileserver/store/incoming_backend.h"

namespace stockroom::fileserver {

// Thread-safe. Both must outlive it.
class S3Incoming final : public IncomingBackend {
 public:
  struct Options {
    // For what has not been synced yet; must exist.
    std::string spool_dir;
    int64_t spool_memory_bytes = 256 << 10;
    // Of spool_dir's disk, as S3Backend's.
    int64_t spool_reserve_bytes = int64_t{1} << 30;
    // What was checked as a whole, and must be kept as one, can be as large as the upload; S3 takes
    // 5 GiB in one request. So it is sent in pieces of this size, and after a crash between two of
    // them a beginning is there, of bytes that are right.
    int64_t max_piece_bytes = int64_t{1} << 30;
    // Whoever appends says so again every so often, for as long as bytes come.
    absl::Duration announce_every = absl::Seconds(2);
    // After so long without, another may go on; the first one finds that out before it acknowledges
    // anything else. Less than clients of tus keep on trying, which is 9 s.
    absl::Duration writer_silence = absl::Seconds(8);
    int64_t read_ahead = 4 << 20;
    // Of one upload: 160 GB in pieces of 8 MiB, or two days of one every ten seconds.
    size_t max_pieces = 20'000;
  };
  S3Incoming(Env& env, s3::Client& client, const Options& options)
      : env_(env), client_(client), options_(options) {}

  // Of two at once with one id, in servers that know no If-None-Match, both may be told OK.
  absl::Status CreateIncoming(const std::string& id, std::string_view record) override;
  absl::StatusOr<std::unique_ptr<IncomingSource>> OpenIncoming(const std::string& id) override;
  absl::StatusOr<std::unique_ptr<IncomingSink>> AppendIncoming(const std::string& id,
                                                               int64_t offset) override;
  absl::Status NoteIncoming(const std::string& id, std::string_view note) override;
  absl::Status RemoveIncoming(const std::string& id) override;
  absl::StatusOr<std::vector<std::string>> ListIncomings(const std::string& after,
                                                         int limit) override;

  struct Piece {
    std::string key;
    int64_t offset = 0;
    int64_t size = 0;
    std::string etag;
    std::optional<uint32_t> crc32c = std::nullopt;  // none: nobody has seen its bytes yet
    int64_t generation = 0;
    int64_t at = 0;  // in a chain: from where on it is read

    int64_t end() const { return offset + size; }
  };
  // What a client sends to the bucket itself.
  static std::string DirectKey(const std::string& id);

 private:
  class Sink;
  class Source;
  struct Found {
    bool record = false;
    bool note = false;
    int64_t generation = 0;         // the newest
    std::vector<Piece> chain;       // what has arrived, in order
    std::vector<Piece> pieces;      // all, of older generations too
    std::set<std::string> writers;  // keys of those that live
    int64_t size() const { return chain.empty() ? 0 : chain.back().end(); }
  };

  absl::StatusOr<Found> Look(const std::string& id);
  absl::StatusOr<bool> HasWriter(const std::string& id);
  absl::StatusOr<std::string> ReadText(const std::string& key);
  // `bytes`, which came with that checksum, as a piece at `offset`.
  absl::Status PutPiece(const std::string& id, int64_t generation, int64_t offset,
                        const s3::RequestBody& bytes, uint32_t came);
  absl::Status PutText(const std::string& key, std::string_view text, bool if_none_match);

  Env& env_;
  s3::Client& client_;
  const Options options_;
  Mutex mu_;
  std::set<std::string> writing_ SR_GUARDED_BY(mu_);  // ids, in this process
};

}  // namespace stockroom::fileserver
