#include "services/common/blobs/blocking.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"

namespace stockroom {
namespace {

constexpr size_t kChunkBytes = 256 << 10;

// Calls `start` with a callback and waits until that was called. It always is: every stream ends at
// its context's deadline at the latest.
template <typename T, typename Start>
T Await(Start start) {
  struct State {
    Mutex mu;
    CondVar arrived;
    std::optional<T> value SR_GUARDED_BY(mu);
  };
  auto state = std::make_shared<State>();
  start([state](T value) {
    MutexLock lock(state->mu);
    state->value.emplace(std::move(value));
    state->arrived.NotifyAll();
  });
  MutexLock lock(state->mu);
  while (!state->value) state->arrived.Wait(state->mu);
  return *std::move(state->value);
}

template <typename Info>
absl::StatusOr<std::string> ReadAll(ByteReader<Info>& reader, int64_t max_bytes) {
  using Piece = absl::StatusOr<std::optional<std::string>>;
  SR_ASSIGN_OR_RETURN(const Info info, Await<absl::StatusOr<Info>>(
                                           [&](auto done) { reader.Open(std::move(done)); }));
  if (info.size > max_bytes) {
    return MakeStatus(absl::StatusCode::kOutOfRange,
                      absl::StrCat("it has ", info.size, " bytes, more than the ", max_bytes,
                                   " that are allowed"),
                      {.reason = "TOO_LARGE", .metadata = {{"limit", absl::StrCat(max_bytes)}}});
  }
  std::string bytes;
  bytes.reserve(static_cast<size_t>(info.size));
  for (;;) {
    SR_ASSIGN_OR_RETURN(const std::optional<std::string> piece,
                        Await<Piece>([&](auto done) { reader.Read(std::move(done)); }));
    if (!piece) return bytes;
    bytes += *piece;
  }
}

template <typename Result>
absl::StatusOr<Result> WriteAll(ByteWriter<Result>& writer, std::string_view bytes) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kChunkBytes, bytes.size()))) {
    SR_RETURN_IF_ERROR(Await<absl::Status>([&](auto done) {
      writer.Write(std::string(bytes.substr(0, kChunkBytes)), std::move(done));
    }));
  }
  return Await<absl::StatusOr<Result>>([&](auto done) { writer.Finish(std::move(done)); });
}

}  // namespace

absl::StatusOr<std::string> ReadBlob(BlobClient& client, const CallContext& context,
                                     const Digest& digest, int64_t max_bytes) {
  const std::unique_ptr<BlobReader> reader = client.GetBlob(context, digest, {});
  return ReadAll(*reader, max_bytes);
}

absl::StatusOr<StoredBlob> WriteBlob(BlobClient& client, const CallContext& context,
                                     std::string_view bytes, PutBlobOptions options) {
  const std::unique_ptr<BlobWriter> writer = client.PutBlob(context, std::move(options));
  return WriteAll(*writer, bytes);
}

absl::StatusOr<RenditionInfo> WriteRendition(BlobClient& client, const CallContext& context,
                                             RenditionAddress address, std::string_view bytes) {
  const std::unique_ptr<RenditionWriter> writer = client.PutRendition(context, std::move(address));
  return WriteAll(*writer, bytes);
}

absl::StatusOr<std::string> ReadRendition(BlobClient& client, const CallContext& context,
                                          RenditionAddress address) {
  // The largest rendition that a file server can be configured to keep.
  constexpr int64_t kMaxRenditionBytes = int64_t{1} << 30;
  const std::unique_ptr<RenditionReader> reader =
      client.GetRendition(context, std::move(address), {});
  return ReadAll(*reader, kMaxRenditionBytes);
}

absl::StatusOr<BlobPage> ListBlobs(BlobClient& client, const CallContext& context,
                                   ListBlobsOptions options) {
  return Await<absl::StatusOr<BlobPage>>(
      [&](auto done) { client.ListBlobs(context, std::move(options), std::move(done)); });
}

absl::Status TouchBlob(BlobClient& client, const CallContext& context, const Digest& digest) {
  return Await<absl::Status>(
      [&](auto done) { client.TouchBlob(context, digest, std::move(done)); });
}

absl::StatusOr<bool> DeleteBlobIfUntouched(BlobClient& client, const CallContext& context,
                                           const ListedBlob& blob) {
  return Await<absl::StatusOr<bool>>([&](auto done) {
    client.DeleteBlobIfUntouched(context, blob.sha256, blob.stamp, std::move(done));
  });
}

}  // namespace stockroom
