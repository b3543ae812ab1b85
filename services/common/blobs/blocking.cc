#include "services/common/blobs/blocking.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/blobs/await.h"

namespace stockroom {
namespace {

constexpr size_t kChunkBytes = 256 << 10;

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

absl::StatusOr<std::string> ReadBlobRange(BlobClient& client, const CallContext& context,
                                          const Digest& digest, ByteRange range, int64_t& size) {
  const std::unique_ptr<BlobReader> reader = client.GetBlob(context, digest, range);
  SR_ASSIGN_OR_RETURN(const BlobInfo info, Await<absl::StatusOr<BlobInfo>>(
                                               [&](auto done) { reader->Open(std::move(done)); }));
  size = info.size;
  std::string bytes;
  for (;;) {
    using Piece = absl::StatusOr<std::optional<std::string>>;
    SR_ASSIGN_OR_RETURN(const std::optional<std::string> piece,
                        Await<Piece>([&](auto done) { reader->Read(std::move(done)); }));
    if (!piece) return bytes;
    bytes += *piece;
  }
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
                                          RenditionAddress address, int64_t max_bytes) {
  const std::unique_ptr<RenditionReader> reader =
      client.GetRendition(context, std::move(address), {});
  return ReadAll(*reader, max_bytes);
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

absl::StatusOr<IncomingTicket> CreateIncoming(IncomingClient& client, const CallContext& context,
                                              IncomingSpec spec) {
  return Await<absl::StatusOr<IncomingTicket>>(
      [&](auto done) { client.Create(context, std::move(spec), std::move(done)); });
}

absl::StatusOr<IncomingInfo> StatIncoming(IncomingClient& client, const CallContext& context,
                                          const std::string& id) {
  return Await<absl::StatusOr<IncomingInfo>>(
      [&](auto done) { client.Stat(context, id, std::move(done)); });
}

absl::StatusOr<IncomingBlob> CompleteIncoming(IncomingClient& client, const CallContext& context,
                                              const std::string& id) {
  return Await<absl::StatusOr<IncomingBlob>>(
      [&](auto done) { client.Complete(context, id, std::move(done)); });
}

absl::Status RemoveIncoming(IncomingClient& client, const CallContext& context,
                            const std::string& id) {
  return Await<absl::Status>([&](auto done) { client.Remove(context, id, std::move(done)); });
}

absl::StatusOr<std::string> SignBlobUrl(IncomingClient& client, const CallContext& context,
                                        BlobUrlSpec spec) {
  return Await<absl::StatusOr<std::string>>(
      [&](auto done) { client.SignBlobUrl(context, std::move(spec), std::move(done)); });
}

}  // namespace stockroom
