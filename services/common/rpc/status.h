// absl::Status over the wire: code, message, and ErrorDetails as google.rpc details.
#pragma once

#include <grpcpp/support/status.h>

#include "services/common/base/status.h"

namespace stockroom::rpc {

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace stockroom::rpc
