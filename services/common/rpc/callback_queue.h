// A workaround for gRPC's own queue of callbacks.
#pragma once

namespace stockroom::rpc {

// Keeps gRPC's shared callback queue until the process ends. gRPC counts who uses it and tears it
// down with the last channel or server; in 1.51 that races with the threads that serve it, and now
// and then aborts the process ("assertion failed: prior > 0" in grpc_cq_internal_unref): in a test
// that builds one server after another, or at the end of a clean shutdown.
// Thread-safe; cheap after the first time. Call before the first channel or server.
void KeepCallbackQueue();

}  // namespace stockroom::rpc
