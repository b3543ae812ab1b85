// stockroom.internal.CareService over the scrub and the store.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>

#include "services/common/base/executor.h"
#include "services/common/rpc/context.h"
#include "services/fileserver/care/scrubber.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/care_backend.h"

namespace stockroom::fileserver {

// All disk work runs on `disk`. Everything passed in outlives the service.
std::unique_ptr<grpc::Service> MakeCareService(Scrubber& scrubber, BlobBackend& blobs,
                                               CareBackend& care, Executor& disk,
                                               const rpc::DeadlinePolicy& deadlines);

}  // namespace stockroom::fileserver
