#include "services/fileserver/rpc/blob_service.h"

#include "services/common/base/status.h"
#include "services/common/blobs/wire.h"
#include "services/common/rpc/byte_buffers.h"
#include "services/common/rpc/server_streams.h"
#include "services/fileserver/rpc/download_call.h"
#include "services/fileserver/rpc/upload_call.h"
#include "stockroom/internal/blobs.grpc.pb.h"

namespace stockroom::fileserver {
namespace {

using PutBlobCall = UploadCall<internal::PutBlobRequest, internal::PutBlobResponse, StoredBlob>;
using PutRenditionCall =
    UploadCall<internal::PutRenditionRequest, internal::RenditionInfo, RenditionInfo>;
using GetBlobCall = DownloadCall<internal::GetBlobResponse, BlobInfo>;
using GetRenditionCall = DownloadCall<internal::GetRenditionResponse, RenditionInfo>;

template <typename Request>
absl::StatusOr<Request> RequestIn(const grpc::ByteBuffer& bytes) {
  Request request;
  if (rpc::ReadMessage(bytes, request)) return request;
  return InvalidArgument("BAD_MESSAGE", "the request is no such message");
}

// Downloads are served as bytes, see download_call.h.
using Methods = internal::BlobService::WithRawCallbackMethod_GetBlob<
    internal::BlobService::WithRawCallbackMethod_GetRendition<
        internal::BlobService::CallbackService>>;

class BlobServiceImpl final : public Methods {
 public:
  BlobServiceImpl(BlobStore& blobs, RenditionStore& renditions, Executor& disk,
                  const rpc::DeadlinePolicy& deadlines)
      : blobs_(blobs), renditions_(renditions), disk_(disk), deadlines_(deadlines) {}

  grpc::ServerReadReactor<internal::PutBlobRequest>* PutBlob(
      grpc::CallbackServerContext* context, internal::PutBlobResponse* response) override {
    PutBlobCall::Options options{
        .what = "blob",
        .header_case = internal::PutBlobRequest::kHeader,
        .begin = [this](const internal::PutBlobRequest& request) { return BeginBlob(request); },
        .to_wire =
            [](const StoredBlob& stored) {
              internal::PutBlobResponse wire;
              *wire.mutable_info() = ToWire(stored.info);
              wire.set_existed(stored.existed);
              return wire;
            }};
    return rpc::ServeReads<internal::PutBlobRequest, internal::PutBlobResponse>(
        context, deadlines_, response, std::make_shared<PutBlobCall>(disk_, std::move(options)));
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* GetBlob(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* bytes) override {
    auto begin = [this, bytes]() -> absl::StatusOr<std::unique_ptr<BlobDownload>> {
      SR_ASSIGN_OR_RETURN(const auto request, RequestIn<internal::GetBlobRequest>(*bytes));
      SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(request.sha256()));
      return blobs_.Get(digest, {.offset = request.offset(), .length = request.length()});
    };
    return rpc::ServeWrites<grpc::ByteBuffer>(
        context, deadlines_, std::make_shared<GetBlobCall>(disk_, std::move(begin)));
  }

  grpc::ServerUnaryReactor* StatBlob(grpc::CallbackServerContext* context,
                                     const internal::StatBlobRequest* request,
                                     internal::BlobInfo* response) override {
    return rpc::RunUnary(
        context, disk_, deadlines_, [this, request, response](const CallContext&) -> absl::Status {
          SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(request->sha256()));
          SR_ASSIGN_OR_RETURN(const BlobInfo info, blobs_.Stat(digest));
          *response = ToWire(info);
          return absl::OkStatus();
        });
  }

  grpc::ServerReadReactor<internal::PutRenditionRequest>* PutRendition(
      grpc::CallbackServerContext* context, internal::RenditionInfo* response) override {
    PutRenditionCall::Options options{
        .what = "rendition",
        .header_case = internal::PutRenditionRequest::kAddress,
        .begin = [this](const internal::PutRenditionRequest& request)
            -> absl::StatusOr<std::unique_ptr<RenditionUpload>> {
          SR_ASSIGN_OR_RETURN(const RenditionAddress address, FromWire(request.address()));
          return renditions_.Put(address);
        },
        .to_wire = [](const RenditionInfo& info) { return ToWire(info); }};
    return rpc::ServeReads<internal::PutRenditionRequest, internal::RenditionInfo>(
        context, deadlines_, response,
        std::make_shared<PutRenditionCall>(disk_, std::move(options)));
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* GetRendition(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* bytes) override {
    auto begin = [this, bytes]() -> absl::StatusOr<std::unique_ptr<RenditionDownload>> {
      SR_ASSIGN_OR_RETURN(const auto request, RequestIn<internal::GetRenditionRequest>(*bytes));
      SR_ASSIGN_OR_RETURN(const RenditionAddress address, FromWire(request.address()));
      return renditions_.Get(address, {.offset = request.offset(), .length = request.length()});
    };
    return rpc::ServeWrites<grpc::ByteBuffer>(
        context, deadlines_, std::make_shared<GetRenditionCall>(disk_, std::move(begin)));
  }

  grpc::ServerUnaryReactor* DeleteRenditions(
      grpc::CallbackServerContext* context, const internal::DeleteRenditionsRequest* request,
      internal::DeleteRenditionsResponse* response) override {
    return rpc::RunUnary(
        context, disk_, deadlines_, [this, request, response](const CallContext&) -> absl::Status {
          SR_ASSIGN_OR_RETURN(const Digest original, Digest::FromBytes(request->original_sha256()));
          SR_ASSIGN_OR_RETURN(const int deleted, renditions_.RemoveAll(original));
          response->set_deleted(deleted);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* ListBlobs(grpc::CallbackServerContext* context,
                                      const internal::ListBlobsRequest* request,
                                      internal::ListBlobsResponse* response) override {
    return rpc::RunUnary(
        context, disk_, deadlines_, [this, request, response](const CallContext&) -> absl::Status {
          SR_ASSIGN_OR_RETURN(
              const BlobPage page,
              blobs_.List({.untouched_for = absl::Milliseconds(request->untouched_for_ms()),
                           .cursor = request->cursor(),
                           .page_size = request->page_size()}));
          *response = ToWire(page);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* TouchBlob(grpc::CallbackServerContext* context,
                                      const internal::TouchBlobRequest* request,
                                      internal::TouchBlobResponse*) override {
    return rpc::RunUnary(
        context, disk_, deadlines_, [this, request](const CallContext&) -> absl::Status {
          SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(request->sha256()));
          return blobs_.Touch(digest);
        });
  }

  grpc::ServerUnaryReactor* DeleteBlobIfUntouched(
      grpc::CallbackServerContext* context, const internal::DeleteBlobIfUntouchedRequest* request,
      internal::DeleteBlobIfUntouchedResponse* response) override {
    return rpc::RunUnary(
        context, disk_, deadlines_, [this, request, response](const CallContext&) -> absl::Status {
          SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(request->sha256()));
          SR_ASSIGN_OR_RETURN(const bool deleted,
                              blobs_.DeleteIfUntouched(digest, request->stamp()));
          response->set_deleted(deleted);
          return absl::OkStatus();
        });
  }

 private:
  absl::StatusOr<std::unique_ptr<BlobUpload>> BeginBlob(const internal::PutBlobRequest& request) {
    const internal::PutBlobHeader& header = request.header();
    PutBlobOptions options{.max_bytes = header.max_bytes(), .expected_sha256 = std::nullopt};
    if (!header.expected_sha256().empty()) {
      SR_ASSIGN_OR_RETURN(options.expected_sha256, Digest::FromBytes(header.expected_sha256()));
    }
    return blobs_.Put(options);
  }

  BlobStore& blobs_;
  RenditionStore& renditions_;
  Executor& disk_;
  const rpc::DeadlinePolicy deadlines_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeBlobService(BlobStore& blobs, RenditionStore& renditions,
                                               Executor& disk,
                                               const rpc::DeadlinePolicy& deadlines) {
  return std::make_unique<BlobServiceImpl>(blobs, renditions, disk, deadlines);
}

}  // namespace stockroom::fileserver
