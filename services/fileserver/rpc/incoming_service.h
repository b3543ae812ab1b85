// stockroom.internal.IncomingService over IncomingStore.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>

#include "services/common/base/executor.h"
#include "services/common/rpc/context.h"
#include "services/fileserver/store/blob_urls.h"
#include "services/fileserver/store/incoming_store.h"
#include "services/fileserver/store/incoming_urls.h"

namespace stockroom::fileserver {

// All of them outlive the service.
struct IncomingServiceParts {
  IncomingStore& store;
  const IncomingUrls& incoming_urls;
  const BlobUrls& blob_urls;
  // All disk work runs here.
  Executor& disk;
};
std::unique_ptr<grpc::Service> MakeIncomingService(const IncomingServiceParts& parts,
                                                   const rpc::DeadlinePolicy& deadlines);

}  // namespace stockroom::fileserver
