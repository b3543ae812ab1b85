#include "services/common/base/trace_context.h"

#include <gtest/gtest.h>

namespace stockroom {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, AGoodParentIsContinuedUnderANewSpan) {
  const TraceContext trace = ContinueTrace(kParent, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
  EXPECT_EQ(trace.trace_id, kTrace);
  EXPECT_NE(trace.span_id, "00f067aa0ba902b7");
  EXPECT_EQ(trace.span_id.size(), 16u);
  EXPECT_EQ(trace.flags, 1);
  EXPECT_EQ(trace.state, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
  EXPECT_EQ(trace.Traceparent(), "00-" + trace.trace_id + "-" + trace.span_id + "-01");
  EXPECT_EQ(ContinueTrace(trace.Traceparent(), "").trace_id, kTrace);
}

TEST(TraceContext, WhatIsNotExactlyAParentBeginsANewTrace) {
  const std::string good = kParent;
  std::vector<std::string> bad = {"",
                                  "01" + good.substr(2),
                                  "ff" + good.substr(2),
                                  "00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                  "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                  "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
                                  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                                  "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                  "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
                                  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
                                  "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
                                  good + " ",
                                  good + "-00",
                                  " " + good};
  for (const std::string& parent : bad) {
    const TraceContext trace = ContinueTrace(parent, "a=b");
    EXPECT_NE(trace.trace_id, kTrace) << parent;
    EXPECT_EQ(trace.trace_id.size(), 32u);
    EXPECT_EQ(trace.flags, 0);
    EXPECT_EQ(trace.state, "") << "it belongs to the trace that was given up";
  }
}

TEST(TraceContext, AStateThatIsTooLongOrNotPlainTextIsDroppedAlone) {
  for (const std::string& state :
       {std::string(513, 'a'), std::string("a=\r\nX: y"), std::string("a=\x80")}) {
    const TraceContext trace = ContinueTrace(kParent, state);
    EXPECT_EQ(trace.trace_id, kTrace);
    EXPECT_EQ(trace.state, "");
  }
  EXPECT_EQ(ContinueTrace(kParent, std::string(512, 'a')).state.size(), 512u);
}

TEST(TraceContext, ARequestIdThatIsATraceIdNamesTheTrace) {
  EXPECT_EQ(TraceOfRequest(kTrace).trace_id, kTrace);
  EXPECT_EQ(TraceOfRequest("my-own-id").trace_id.size(), 32u);
  EXPECT_NE(TraceOfRequest(std::string(32, '0')).trace_id, std::string(32, '0'));
}

}  // namespace
}  // namespace stockroom
