// Workarounds for gRPC's own queue of callbacks.
#pragma once

#include <cstdint>

namespace stockroom::rpc {

// Keeps gRPC's shared callback queue until the process ends, and its threads awake.
//
// gRPC counts who uses the queue and tears it down with the last channel or server; in 1.51 that
// races with the threads that serve it, and now and then aborts the process ("assertion failed:
// prior > 0" in grpc_cq_internal_unref): in a test that builds one server after another, or at the
// end of a clean shutdown.
//
// A thread of the queue to which nothing happened for a second sleeps for 0.1 s, whatever arrives
// meanwhile. In a quiet process all of them do so at once: one call in ten then waits, and the next
// one is sent over a connection whose other end has died. So something happens every 0.3 s.
//
// Thread-safe; cheap after the first time. Call before the first channel or server.
void KeepCallbackQueue();

// How often something happened so; for tests.
int64_t CallbackQueueBeats();

}  // namespace stockroom::rpc
