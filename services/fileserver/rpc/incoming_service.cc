#include "services/fileserver/rpc/incoming_service.h"

#include <utility>

#include "services/common/base/log.h"
#include "services/common/blobs/incoming_wire.h"
#include "services/common/rpc/server_streams.h"
#include "stockroom/internal/incoming.grpc.pb.h"

namespace stockroom::fileserver {
namespace {

IncomingStore::Accepts WhatIn(const internal::CompleteIncomingRequest& request) {
  using Accepts = IncomingStore::Accepts;
  if (!request.images_only()) return Accepts::kAnything;
  return request.svg() ? Accepts::kImagesAndSvg : Accepts::kImages;
}

class IncomingServiceImpl final : public internal::IncomingService::CallbackService {
 public:
  IncomingServiceImpl(const IncomingServiceParts& parts, const rpc::DeadlinePolicy& deadlines)
      : parts_(parts), deadlines_(deadlines) {}

  grpc::ServerUnaryReactor* CreateIncoming(grpc::CallbackServerContext* context,
                                           const internal::CreateIncomingRequest* request,
                                           internal::CreateIncomingResponse* response) override {
    return rpc::RunUnary(
        context, parts_.disk, deadlines_,
        [this, request, response](const CallContext& call) -> absl::Status {
          SR_ASSIGN_OR_RETURN(const IncomingSpec spec, FromWire(*request));
          // First, so that nothing is made that nobody can reach.
          SR_ASSIGN_OR_RETURN(const IncomingTicket ticket, parts_.incoming_urls.TicketOf(spec));
          SR_RETURN_IF_ERROR(parts_.store.Create(spec));
          LogInfo("upload announced",
                  {{"id", spec.id}, {"bytes", spec.size}, {"trace_id", call.trace.trace_id}},
                  call.request_id);
          *response = ToWire(ticket);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* StatIncoming(grpc::CallbackServerContext* context,
                                         const internal::StatIncomingRequest* request,
                                         internal::IncomingInfo* response) override {
    return rpc::RunUnary(
        context, parts_.disk, deadlines_,
        [this, request, response](const CallContext&) -> absl::Status {
          SR_ASSIGN_OR_RETURN(const IncomingStore::State state, parts_.store.Stat(request->id()));
          *response = ToWire(IncomingInfo{
              .offset = state.offset, .size = state.spec.size, .expires = state.spec.expires});
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* CompleteIncoming(
      grpc::CallbackServerContext* context, const internal::CompleteIncomingRequest* request,
      internal::CompleteIncomingResponse* response) override {
    return rpc::RunUnary(context, parts_.disk, deadlines_,
                         [this, request, response](const CallContext& call) -> absl::Status {
                           SR_ASSIGN_OR_RETURN(
                               IncomingBlob blob,
                               parts_.store.Complete(call, request->id(), WhatIn(*request)));
                           LogInfo("upload stored",
                                   {{"id", request->id()},
                                    {"digest", blob.blob.info.sha256.hex()},
                                    {"trace_id", call.trace.trace_id}},
                                   call.request_id);
                           *response = ToWire(blob);
                           return absl::OkStatus();
                         });
  }

  grpc::ServerUnaryReactor* RemoveIncoming(grpc::CallbackServerContext* context,
                                           const internal::RemoveIncomingRequest* request,
                                           internal::RemoveIncomingResponse*) override {
    return rpc::RunUnary(context, parts_.disk, deadlines_,
                         [this, request](const CallContext&) -> absl::Status {
                           return parts_.store.Remove(request->id());
                         });
  }

  grpc::ServerUnaryReactor* SignBlobUrl(grpc::CallbackServerContext* context,
                                        const internal::SignBlobUrlRequest* request,
                                        internal::SignBlobUrlResponse* response) override {
    return rpc::RunUnaryInline(
        context, deadlines_, [this, request, response](const CallContext&) -> absl::Status {
          SR_ASSIGN_OR_RETURN(const BlobUrlSpec spec, FromWire(*request));
          SR_ASSIGN_OR_RETURN(*response->mutable_url(), parts_.blob_urls.OfBlob(spec));
          return absl::OkStatus();
        });
  }

 private:
  const IncomingServiceParts parts_;
  const rpc::DeadlinePolicy deadlines_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeIncomingService(const IncomingServiceParts& parts,
                                                   const rpc::DeadlinePolicy& deadlines) {
  return std::make_unique<IncomingServiceImpl>(parts, deadlines);
}

}  // namespace stockroom::fileserver
