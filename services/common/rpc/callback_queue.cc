#include "services/common/rpc/callback_queue.h"

#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/common/base/mutex.h"

namespace stockroom::rpc {
namespace {

// Less than half of the second after which a thread sleeps: so one of them always had an event
// late enough.
constexpr absl::Duration kRest = absl::Milliseconds(300);
// A call takes some 0.1 ms.
constexpr absl::Duration kPatience = absl::Seconds(10);

// Calls a server without a port, inside of this process, again and again: the ends of these calls
// are the events. Alarms would not do: they have threads of their own. Never destroyed.
class Pulse {
 public:
  Pulse() {
    grpc::ServerBuilder builder;
    // All calls are UNIMPLEMENTED.
    builder.RegisterCallbackGenericService(new grpc::CallbackGenericService);
    server_ = builder.BuildAndStart();
    stub_.emplace(server_->InProcessChannel({}));
    Beat();
  }

  // No call begins after this, and none is under way (unless one hangs).
  void Stop() {
    MutexLock lock(mu_);
    stopped_ = true;
    while (calling_ && ended_.WaitFor(mu_, kPatience)) {
    }
  }
  int64_t beats() const { return beats_; }

 private:
  void Beat() {
    {
      MutexLock lock(mu_);
      if (stopped_) return;
      calling_ = true;
    }
    context_.emplace();
    context_->set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    stub_->UnaryCall(&*context_, "/stockroom.Pulse/Beat", {}, &request_, &response_,
                     [this](const grpc::Status&) { Rest(); });
  }
  void Rest() {
    MutexLock lock(mu_);
    calling_ = false;
    ended_.NotifyAll();
    ++beats_;
    if (stopped_) return;
    // Another one: that which rang may not have returned yet.
    alarm_ = grpc::Alarm();
    alarm_.Set(absl::ToChronoTime(absl::Now() + kRest), [this](bool rang) {
      if (rang) Beat();
    });
  }

  std::unique_ptr<grpc::Server> server_;
  std::optional<grpc::GenericStub> stub_;
  // Of the call, of which there is one at a time.
  std::optional<grpc::ClientContext> context_;
  const grpc::Slice nothing_;
  const grpc::ByteBuffer request_{&nothing_, 1};
  grpc::ByteBuffer response_;
  std::atomic<int64_t> beats_{0};
  Mutex mu_;
  CondVar ended_;
  bool calling_ SR_GUARDED_BY(mu_) = false;
  bool stopped_ SR_GUARDED_BY(mu_) = false;
  grpc::Alarm alarm_ SR_GUARDED_BY(mu_);
};

Pulse& ThePulse() {
  static Pulse* const pulse = [] {
    auto* const made = new Pulse;
    // Before what gRPC keeps in static variables goes.
    std::atexit([] { ThePulse().Stop(); });
    return made;
  }();
  return *pulse;
}

}  // namespace

void KeepCallbackQueue() { ThePulse(); }

int64_t CallbackQueueBeats() { return ThePulse().beats(); }

}  // namespace stockroom::rpc
