// Coroutines on the HTTP event loop, and the bridges between them and the rest of the program.
//
// A Task runs on the thread of its connection's loop: what it touches between two co_awaits nobody
// else on that connection touches. It must not block: blocking work goes through RunOn, callback
// interfaces (BlobClient, Delivery) through AwaitCallback.
#pragma once

#include <utility>  // boost/asio/awaitable.hpp of 1.74 uses std::exchange without including this

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/common/base/executor.h"

namespace stockroom::http {

template <typename T>
using Task = boost::asio::awaitable<T>;

// Calls `start(done)` and waits until `done(result)` is called, from any thread, once. Resumes on
// the coroutine's own loop. If `done` is destroyed without having been called, the waiting
// coroutine is destroyed too, which closes its connection.
template <typename T, typename Start>
Task<T> AwaitCallback(Start start) {
  auto initiate = [](auto handler, Start starter) {
    auto executor = boost::asio::get_associated_executor(handler);
    starter(absl::AnyInvocable<void(T)>([executor, handler = std::move(handler)](T result) mutable {
      // Posted, not dispatched: `start` may complete at once, inside the initiation.
      boost::asio::post(executor,
                        [handler = std::move(handler), result = std::move(result)]() mutable {
                          std::move(handler)(std::move(result));
                        });
    }));
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(T)>(
      initiate, boost::asio::use_awaitable, std::move(start));
}

// Runs `work` on `executor` and waits for what it returns. A full queue is the executor's
// RESOURCE_EXHAUSTED, with its retry delay.
template <typename T>
Task<absl::StatusOr<T>> RunOn(Executor& executor, absl::AnyInvocable<absl::StatusOr<T>()> work) {
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;
  auto start = [&executor, work = std::move(work)](Done done) mutable {
    // Shared, because a refused task is destroyed and `done` must still be called.
    auto shared = std::make_shared<Done>(std::move(done));
    absl::Status submitted =
        executor.Submit([shared, work = std::move(work)]() mutable { (*shared)(work()); });
    if (!submitted.ok()) (*shared)(std::move(submitted));
  };
  co_return co_await AwaitCallback<absl::StatusOr<T>>(std::move(start));
}

// The same for what belongs to work that was admitted before: see Executor::SubmitAdmitted.
template <typename T>
Task<absl::StatusOr<T>> RunAdmittedOn(Executor& executor,
                                      absl::AnyInvocable<absl::StatusOr<T>()> work) {
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;
  auto start = [&executor, work = std::move(work)](Done done) mutable {
    auto shared = std::make_shared<Done>(std::move(done));
    const bool taken =
        executor.SubmitAdmitted([shared, work = std::move(work)]() mutable { (*shared)(work()); });
    if (!taken) (*shared)(absl::UnavailableError("the process is shutting down"));
  };
  co_return co_await AwaitCallback<absl::StatusOr<T>>(std::move(start));
}

}  // namespace stockroom::http
