// SHA-256, MD5 and CRC-32C of an upload, beside the thread that receives and writes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "services/common/base/digest.h"
#include "services/common/base/executor.h"
#include "services/fileserver/store/chunk_sums.h"

namespace stockroom::fileserver {

// One thread at a time. What is shorter than kInlineBytes is hashed by the caller: handing it on
// would take longer. The rest goes over two lanes, MD5 on one and the others on the other, each at
// most one task of the executor at any time, which hashes one chunk: so uploads take turns.
class ContentHasher {
 public:
  static constexpr int64_t kInlineBytes = 256 << 10;
  // What waits to be hashed. Past it Update waits: so long uploads hold no more than this and one
  // chunk, and it is enough for four chunks of the size that clients send.
  static constexpr int64_t kMaxWaiting = 1 << 20;

  // Null: the caller hashes everything. Else it outlives the hasher, and its tasks never block.
  explicit ContentHasher(Executor* executor);
  ~ContentHasher();
  ContentHasher(const ContentHasher&) = delete;
  ContentHasher& operator=(const ContentHasher&) = delete;

  void Update(std::string_view chunk);
  // For callers that have no further use for the bytes: they are not copied.
  void UpdateOwned(std::string chunk);

  struct Result {
    Digest sha256;
    std::string md5;  // 16 bytes
    uint32_t crc32c = 0;
    ChunkSums sums;
  };
  // Waits until all is hashed. Call once, last.
  Result Finish();

 private:
  struct State;
  struct Lane;

  // False: it has to be handed on.
  bool HashedInline(std::string_view chunk);
  void HandOn(std::string chunk);
  static void Enqueue(const std::shared_ptr<State>& state, Lane& lane,
                      const std::shared_ptr<const std::string>& chunk);
  static void Run(const std::shared_ptr<State>& state, Lane& lane);

  const std::shared_ptr<State> state_;
  int64_t seen_ = 0;
};

}  // namespace stockroom::fileserver
