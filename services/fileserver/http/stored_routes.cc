#include "services/fileserver/http/stored_routes.h"

#include <any>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/status.h"
#include "services/common/http/file_reads.h"
#include "services/common/http/problem.h"
#include "services/common/http/task.h"
#include "services/fileserver/http/stored_answer.h"

namespace stockroom::fileserver {
namespace {

using http::Task;

// One piece of sums: what is verified of it on the event loop takes microseconds.
constexpr int64_t kShortBytes = kSumBytes;

using Piece = std::optional<std::string>;
// Blocks; nothing after the last one.
using NextPiece = std::function<absl::StatusOr<Piece>()>;

// What both stores have in common. Blocking.
struct Store {
  std::function<absl::StatusOr<OpenFile>(const http::Request&)> open;
  std::function<absl::StatusOr<NextPiece>(const http::Request&, ByteRange)> get;
};

// All of a short file that has sums. Damage is left to the store, which finds it again and knows
// what to do.
template <typename Info>
std::shared_ptr<const std::string> BytesOf(ByteSource<Info>& source, const ChunkSums& sums) {
  const int64_t size = source.info().size;
  if (source.Descriptor() < 0 || sums.empty() || size > kShortBytes) return nullptr;
  std::string bytes(static_cast<size_t>(size), '\0');
  if (!source.ReadAt(0, bytes.data(), bytes.size()).ok() || !sums.Verify(0, bytes).ok()) {
    return nullptr;
  }
  return std::make_shared<const std::string>(std::move(bytes));
}

// Destroyed on `disk`, whoever lets go of it last: closing a file that was deleted meanwhile frees
// its blocks, which for a large one takes longer than the event loop may.
template <typename T>
std::shared_ptr<T> ClosedOn(Executor& disk, std::unique_ptr<T> opened) {
  return std::shared_ptr<T>(opened.release(), [&disk](T* closing) {
    // During shutdown it is closed here after all.
    disk.SubmitAdmitted([owned = std::unique_ptr<T>(closing)]() mutable { owned.reset(); });
  });
}

template <typename Info>
absl::StatusOr<OpenFile> Opened(Executor& disk,
                                absl::StatusOr<std::unique_ptr<ByteSource<Info>>> opened) {
  if (!opened.ok()) return opened.status();
  std::unique_ptr<ByteSource<Info>> source = *std::move(opened);
  OpenFile file;
  file.descriptor = source->Descriptor();
  file.size = source->info().size;
  file.etag = absl::StrCat("\"", source->info().sha256.hex(), "\"");
  SR_ASSIGN_OR_RETURN(file.sums, source->Sums());
  file.bytes = BytesOf(*source, file.sums);
  if (file.descriptor >= 0) file.source = ClosedOn(disk, std::move(source));
  return file;
}

template <typename Info>
absl::StatusOr<NextPiece> Pieces(Executor& disk,
                                 absl::StatusOr<std::unique_ptr<Download<Info>>> started) {
  if (!started.ok()) return started.status();
  std::shared_ptr<Download<Info>> download;
  if ((*started)->holds_file()) {
    download = ClosedOn(disk, *std::move(started));
  } else {
    download = *std::move(started);
  }
  return [download]() -> absl::StatusOr<Piece> {
    if (download->done()) return Piece();
    SR_ASSIGN_OR_RETURN(std::string bytes, download->Next());
    return Piece(std::move(bytes));
  };
}

absl::StatusOr<RenditionAddress> AddressOf(const http::Request& request) {
  SR_ASSIGN_OR_RETURN(const Digest original, Digest::FromHex(request.Captured("sha256")));
  return RenditionAddress{.original = original, .key = std::string(request.Captured("key"))};
}

Store BlobsOf(BlobStore& blobs, Executor& disk) {
  return {.open = [&blobs, &disk](const http::Request& request) -> absl::StatusOr<OpenFile> {
            SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(request.Captured("sha256")));
            return Opened(disk, blobs.Open(digest));
          },
          .get = [&blobs, &disk](const http::Request& request,
                                 ByteRange range) -> absl::StatusOr<NextPiece> {
            SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(request.Captured("sha256")));
            return Pieces(disk, blobs.Get(digest, range));
          }};
}

Store RenditionsOf(RenditionStore& renditions, Executor& disk) {
  return {.open = [&renditions, &disk](const http::Request& request) -> absl::StatusOr<OpenFile> {
            SR_ASSIGN_OR_RETURN(const RenditionAddress address, AddressOf(request));
            return Opened(disk, renditions.Open(address));
          },
          .get = [&renditions, &disk](const http::Request& request,
                                      ByteRange range) -> absl::StatusOr<NextPiece> {
            SR_ASSIGN_OR_RETURN(const RenditionAddress address, AddressOf(request));
            return Pieces(disk, renditions.Get(address, range));
          }};
}

class PieceBody final : public http::BodySource {
 public:
  PieceBody(Executor& disk, NextPiece next, std::string first)
      : disk_(disk), next_(std::move(next)), first_(std::move(first)) {}

  Task<http::ByteResult> Next() override {
    if (first_) co_return std::exchange(first_, std::nullopt);
    absl::AnyInvocable<absl::StatusOr<Piece>()> next = next_;
    co_return co_await http::RunAdmittedOn<Piece>(disk_, std::move(next));
  }

 private:
  Executor& disk_;
  const NextPiece next_;
  Piece first_;
};

// A part of a file, verified, if it is in memory and has sums. Damage is left to the store, too.
std::optional<std::string> ReadShort(const OpenFile& file, int64_t offset, int64_t length) {
  if (file.descriptor < 0 || file.sums.empty()) return std::nullopt;
  const int64_t begin = offset - offset % kSumBytes;
  const int64_t last = (offset + length + kSumBytes - 1) / kSumBytes * kSumBytes;
  std::string bytes(static_cast<size_t>(std::min(last, file.size) - begin), '\0');
  if (http::ReadCached(file.descriptor, begin, bytes.data(), bytes.size()) != bytes.size() ||
      !file.sums.Verify(begin, bytes).ok()) {
    return std::nullopt;
  }
  bytes.resize(static_cast<size_t>(offset + length - begin));
  bytes.erase(0, static_cast<size_t>(offset - begin));
  return bytes;
}

class StoredRoute {
 public:
  StoredRoute(const StoredParts& parts, Store store) : parts_(parts), store_(std::move(store)) {}

  // What needs no disk: refusals, heads, and short answers of files that are open and in memory.
  std::optional<http::Response> Try(http::Request& request) const {
    absl::StatusOr<UrlSigner::Signed> url = Check(request);
    if (!url.ok()) return Refused(request, url.status());
    const std::shared_ptr<const OpenFile> file = parts_.files.Find(request.path);
    if (file != nullptr) {
      StoredAnswer answer = MakeStoredAnswer(request, *url, *file, request.arrived);
      if (!answer.has_bytes) return std::move(answer.response);
      if (AddShort(*file, answer)) return std::move(answer.response);
    }
    request.carried = *std::move(url);
    return std::nullopt;
  }

  Task<http::Response> Handle(http::Request& request) const {
    absl::StatusOr<UrlSigner::Signed> url = absl::UnknownError("not checked yet");
    if (auto* carried = std::any_cast<UrlSigner::Signed>(&request.carried)) {
      url = std::move(*carried);
    } else {
      url = Check(request);
    }
    if (!url.ok()) co_return Refused(request, url.status());
    absl::StatusOr<std::shared_ptr<const OpenFile>> file = co_await Open(request);
    if (!file.ok()) co_return Refused(request, file.status());
    StoredAnswer answer = MakeStoredAnswer(request, *url, **file, absl::Now());
    if (!answer.has_bytes || AddShort(**file, answer)) co_return std::move(answer.response);
    const http::Selection& part = answer.selection;
    if ((*file)->descriptor >= 0 && part.length > kShortBytes) {
      answer.response.file = http::FileBody{.file = *file,
                                            .descriptor = (*file)->descriptor,
                                            .offset = part.offset,
                                            .length = part.length,
                                            .disk = &parts_.disk};
      co_return std::move(answer.response);
    }
    absl::StatusOr<std::unique_ptr<http::BodySource>> body = co_await Read(request, part);
    if (!body.ok()) {
      parts_.files.Drop(request.path);
      co_return Refused(request, body.status());
    }
    answer.response.stream = *std::move(body);
    co_return std::move(answer.response);
  }

 private:
  // A URL for GET is good for HEAD, which tells less.
  absl::StatusOr<UrlSigner::Signed> Check(const http::Request& request) const {
    return parts_.signer.Read("GET", request.path, request.query, request.arrived);
  }

  // True if the bytes could be added without waiting for a disk.
  static bool AddShort(const OpenFile& file, StoredAnswer& answer) {
    const http::Selection& part = answer.selection;
    if (part.length > kShortBytes) return false;
    http::Response& response = answer.response;
    if (file.bytes != nullptr) {
      response.shared_body = file.bytes;
      response.shared_offset = part.offset;
      response.shared_length = part.length;
    } else if (std::optional<std::string> bytes = ReadShort(file, part.offset, part.length)) {
      response.body = *std::move(bytes);
    } else {
      return false;
    }
    response.stream_length.reset();
    return true;
  }

  static http::Response Refused(const http::Request& request, const absl::Status& error) {
    const std::string& id = request.context.request_id;
    return http::ProblemResponse(PublicError(error, id), id);
  }

  Task<absl::StatusOr<std::shared_ptr<const OpenFile>>> Open(const http::Request& request) const {
    std::shared_ptr<const OpenFile> file = parts_.files.Find(request.path);
    if (file != nullptr) co_return file;
    absl::AnyInvocable<absl::StatusOr<OpenFile>()> open = [this, &request] {
      return store_.open(request);
    };
    absl::StatusOr<OpenFile> opened = co_await http::RunOn<OpenFile>(parts_.disk, std::move(open));
    if (!opened.ok()) co_return opened.status();
    file = std::make_shared<const OpenFile>(*std::move(opened));
    parts_.files.Keep(request.path, file);
    co_return file;
  }

  // Through the store, which verifies.
  Task<absl::StatusOr<std::unique_ptr<http::BodySource>>> Read(const http::Request& request,
                                                               http::Selection part) const {
    struct Started {
      NextPiece next;
      std::string first;
    };
    absl::AnyInvocable<absl::StatusOr<Started>()> start = [this, &request,
                                                           part]() -> absl::StatusOr<Started> {
      Started started;
      SR_ASSIGN_OR_RETURN(started.next,
                          store_.get(request, {.offset = part.offset, .length = part.length}));
      SR_ASSIGN_OR_RETURN(Piece first, started.next());
      started.first = std::move(first).value_or("");
      return started;
    };
    absl::StatusOr<Started> started = co_await http::RunOn<Started>(parts_.disk, std::move(start));
    if (!started.ok()) co_return started.status();
    std::unique_ptr<http::BodySource> body = std::make_unique<PieceBody>(
        parts_.disk, std::move(started->next), std::move(started->first));
    co_return body;
  }

  const StoredParts parts_;
  const Store store_;
};

absl::Status Mount(http::Router& router, const char* path, const StoredParts& parts, Store store) {
  http::RouteOptions options;
  options.max_body_bytes = 0;
  const auto route = std::make_shared<const StoredRoute>(parts, std::move(store));
  return router.Add(
      "GET", path, options, [route](http::Request& request) { return route->Handle(request); },
      [route](http::Request& request) { return route->Try(request); });
}

}  // namespace

absl::Status MountStored(http::Router& router, const StoredParts& parts) {
  SR_RETURN_IF_ERROR(Mount(router, "/blobs/{sha256}", parts, BlobsOf(parts.blobs, parts.disk)));
  return Mount(router, "/renditions/{sha256}/{key}", parts,
               RenditionsOf(parts.renditions, parts.disk));
}

}  // namespace stockroom::fileserver
