// How the gRPC services hand calls to the handlers: past the gate, then inline or on the executor.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "services/api/handlers/gate.h"
#include "services/common/base/executor.h"
#include "services/common/rpc/context.h"
#include "services/common/rpc/server_streams.h"

namespace stockroom::api {

// What every service needs. All must outlive the server.
struct Front {
  Gate& gate;
  Executor& executor;
  rpc::DeadlinePolicy deadlines;
};

// Metadata authorization and x-api-key, and the peer's address.
absl::StatusOr<Credentials> CredentialsOf(const grpc::CallbackServerContext& context);

template <typename Request>
Scopes ScopesFor() {
  static const Scopes scopes = ScopesNeededFor(*Request::descriptor());
  return scopes;
}

// Lets a call in: `done` runs once with the principal, at once or later on any thread.
template <typename Request>
void AdmitCall(Front& front, const CallContext& context,
               const absl::StatusOr<Credentials>& credentials,
               absl::AnyInvocable<void(absl::StatusOr<Principal>)> done) {
  if (!credentials.ok()) return done(credentials.status());
  auto answer = [done = std::move(done)](absl::StatusOr<Admitted> admitted) mutable {
    if (!admitted.ok()) return done(admitted.status());
    done(std::move(admitted->who));
  };
  std::optional<absl::StatusOr<Admitted>> known =
      front.gate.TryAdmit(*credentials, ScopesFor<Request>());
  if (known) return answer(*std::move(known));
  front.gate.Admit(context, *credentials, ScopesFor<Request>(), std::move(answer));
}

enum class RunsOn { kExecutor, kReaction };

template <typename Handlers, typename Request, typename Response>
using UnaryHandler = absl::Status (Handlers::*)(const CallContext&, const Principal&,
                                                const Request&, Response*);

// What comes between the gate and the method, without a thread; `ready` runs once.
using Prepare =
    std::function<void(const CallContext&, absl::AnyInvocable<void(absl::Status)> ready)>;

// What may be done on the gRPC reaction, which never blocks; nullopt calls for a thread.
using AtOnce = std::function<std::optional<absl::Status>(const CallContext&, const Principal&)>;

// Runs `call` (absl::Status(const CallContext&, const Principal&)), which lasts until the call
// ends, for a caller whom the gate lets in; `at_once`, if any, is tried first where nothing has to
// be waited for.
template <typename Request, typename Call>
grpc::ServerUnaryReactor* ServeCall(Front& front, grpc::CallbackServerContext* server_context,
                                    const AtOnce& at_once, Call call,
                                    const Prepare& prepare = nullptr) {
  const absl::StatusOr<Credentials> credentials = CredentialsOf(*server_context);
  const auto admission = credentials.ok()
                             ? front.gate.TryAdmit(*credentials, ScopesFor<Request>())
                             : std::optional<absl::StatusOr<Admitted>>(credentials.status());
  if (admission && !admission->ok()) {
    const auto refuse = [error = admission->status()](const CallContext&) { return error; };
    return rpc::RunUnaryInline(server_context, front.deadlines, refuse);
  }
  if (admission && !prepare && at_once) {
    const auto attempt = [&](const CallContext& context) {
      return at_once(context, (*admission)->who);
    };
    auto* reactor = rpc::TryUnaryInline(server_context, front.deadlines, attempt);
    if (reactor != nullptr) return reactor;
  }
  const auto who = std::make_shared<Principal>();
  if (admission) *who = (*admission)->who;
  auto serve = [call = std::move(call), who](const CallContext& context) mutable {
    return call(context, *who);
  };
  if (admission && !prepare) {
    return rpc::RunUnary(server_context, front.executor, front.deadlines, std::move(serve));
  }
  const auto before = [&](const CallContext& context,
                          absl::AnyInvocable<void(absl::Status)> ready) {
    if (admission) return prepare(context, std::move(ready));
    // The context lives until `ready` was called.
    auto admitted = [who, prepare, &context,
                     ready = std::move(ready)](absl::StatusOr<Principal> principal) mutable {
      if (!principal.ok()) return ready(principal.status());
      *who = *std::move(principal);
      prepare ? prepare(context, std::move(ready)) : ready(absl::OkStatus());
    };
    AdmitCall<Request>(front, context, credentials, std::move(admitted));
  };
  return rpc::RunUnaryAfter(server_context, front.executor, front.deadlines, before,
                            std::move(serve));
}

// As ServeCall, for a method that takes a message and fills one.
template <typename Handlers, typename Request, typename Response>
grpc::ServerUnaryReactor* ServeUnary(Front& front, grpc::CallbackServerContext* server_context,
                                     RunsOn where, Handlers& handlers,
                                     UnaryHandler<Handlers, Request, Response> method,
                                     const Request* request, Response* response) {
  const auto call = [&handlers, method, request, response](const CallContext& context,
                                                           const Principal& who) {
    return (handlers.*method)(context, who, *request, response);
  };
  return ServeCall<Request>(front, server_context,
                            where == RunsOn::kReaction ? AtOnce(call) : AtOnce(), call);
}

}  // namespace stockroom::api
