// stockroom.internal.BlobService over the stores.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>

#include "services/common/base/executor.h"
#include "services/common/rpc/context.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/rendition_store.h"

namespace stockroom::fileserver {

// All disk work runs on `disk`. Everything passed in outlives the service.
std::unique_ptr<grpc::Service> MakeBlobService(BlobStore& blobs, RenditionStore& renditions,
                                               Executor& disk,
                                               const rpc::DeadlinePolicy& deadlines);

}  // namespace stockroom::fileserver
