#include "services/common/base/trace_context.h"

#include <algorithm>

#include "services/common/base/ids.h"
#include "services/common/base/random.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

constexpr size_t kTraceDigits = 32;
constexpr size_t kSpanDigits = 16;
// 00-<trace id>-<span id>-<flags>
constexpr size_t kParentSize = 2 + 1 + kTraceDigits + 1 + kSpanDigits + 1 + 2;
// What the standard asks everybody to pass on.
constexpr size_t kMaxState = 512;

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(std::string_view text) {
  return IsLowerHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

int Nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

bool IsCleanState(std::string_view state) {
  return state.size() <= kMaxState &&
         std::all_of(state.begin(), state.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

std::string TraceContext::Traceparent() const {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(kParentSize);
  text.append("00-").append(trace_id).append("-").append(span_id).append("-");
  text.push_back(kHex[flags >> 4]);
  text.push_back(kHex[flags & 15]);
  return text;
}

TraceContext NewTrace() {
  // One draw for both. That an id is zero happens less often than anything that could break.
  const std::string digits = ToHex(RandomIdBytes((kTraceDigits + kSpanDigits) / 2));
  return {.trace_id = digits.substr(0, kTraceDigits), .span_id = digits.substr(kTraceDigits)};
}

TraceContext ContinueTrace(std::string_view traceparent, std::string_view tracestate) {
  if (traceparent.size() != kParentSize || traceparent.substr(0, 3) != "00-" ||
      traceparent[35] != '-' || traceparent[52] != '-') {
    return NewTrace();
  }
  const std::string_view trace_id = traceparent.substr(3, kTraceDigits);
  const std::string_view flags = traceparent.substr(53, 2);
  if (!IsId(trace_id) || !IsId(traceparent.substr(36, kSpanDigits)) || !IsLowerHex(flags)) {
    return NewTrace();
  }
  TraceContext trace{.trace_id = std::string(trace_id), .span_id = NewRandomId()};
  trace.flags = static_cast<uint8_t>(Nibble(flags[0]) * 16 + Nibble(flags[1]));
  if (IsCleanState(tracestate)) trace.state = tracestate;
  return trace;
}

TraceContext TraceOfRequest(std::string_view request_id) {
  if (request_id.size() != kTraceDigits || !IsId(request_id)) return NewTrace();
  return {.trace_id = std::string(request_id), .span_id = NewRandomId()};
}

}  // namespace stockroom
