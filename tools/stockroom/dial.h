// Channels to an api. Only sources that name gRPC include this.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/stockroom/settings.h"

namespace stockroom::cli {

// The `index`-th connection to `address`. NOT_FOUND or INVALID_ARGUMENT: the file of authorities
// can not be read.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Dial(const Settings& settings,
                                                    const std::string& address, int index);

}  // namespace stockroom::cli
