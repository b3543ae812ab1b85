// W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a call belongs to, and
// which of its steps this process is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stockroom {

struct TraceContext {
  std::string trace_id;  // 32 lower-case hex digits, not all zero
  std::string span_id;   // 16, this process's step
  uint8_t flags = 0;     // bit 0: the caller records this trace
  std::string state;     // tracestate of the caller, passed on as it is; "" for none

  // What the next process is sent.
  std::string Traceparent() const;
};

// A trace of its own, not sampled.
TraceContext NewTrace();

// The caller's trace, with a new span id for this step. A traceparent that is absent or not exactly
// version 00 in lower-case hex with ids other than zero begins a new trace, as the standard asks;
// its tracestate is dropped then. A tracestate that is longer than 512 bytes or not printable ASCII
// is dropped alone.
TraceContext ContinueTrace(std::string_view traceparent, std::string_view tracestate);

// The trace that a request id names, for work that carried only that; a new one if it names none.
// Request ids are trace ids unless a client chose its own.
TraceContext TraceOfRequest(std::string_view request_id);

}  // namespace stockroom
