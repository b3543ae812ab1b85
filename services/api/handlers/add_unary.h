// Puts a typed handler into the method table. The reference is good until the next is put in.
#pragma once

#include <memory>
#include <utility>

#include "services/api/handlers/method_table.h"

namespace stockroom::api {

template <typename Request, typename Response, typename Handlers>
UnaryMethod& AddUnary(MethodTable& table, const google::protobuf::ServiceDescriptor* service,
                      const char* method, Handlers* handlers,
                      absl::Status (Handlers::*handler)(const CallContext&, const Principal&,
                                                        const Request&, Response*)) {
  return table.Add(UnaryMethod{
      .descriptor = service->FindMethodByName(method),
      .call = [handlers, handler](
                  const CallContext& context, const Principal& who,
                  const google::protobuf::Message& request) -> absl::StatusOr<MessagePtr> {
        auto response = std::make_unique<Response>();
        absl::Status status = (handlers->*handler)(
            context, who, static_cast<const Request&>(request), response.get());
        if (!status.ok()) return status;
        return response;
      }});
}

}  // namespace stockroom::api
