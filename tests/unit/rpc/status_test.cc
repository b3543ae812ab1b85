#include "services/common/rpc/status.h"

#include <gtest/gtest.h>

namespace stockroom::rpc {
namespace {

TEST(RpcStatus, CodeMessageAndDetailsSurviveTheWire) {
  const absl::Status status = MakeStatus(absl::StatusCode::kResourceExhausted, "full",
                                         {.reason = "OVERLOADED",
                                          .metadata = {{"queue", "db"}},
                                          .violations = {{"q", "too long"}},
                                          .retry_after = absl::Milliseconds(1250)});
  const absl::Status back = FromGrpc(ToGrpc(status));
  EXPECT_EQ(back.code(), status.code());
  EXPECT_EQ(back.message(), status.message());
  const ErrorDetails details = DetailsOf(back);
  EXPECT_EQ(details.reason, "OVERLOADED");
  EXPECT_EQ(details.metadata.at("queue"), "db");
  EXPECT_EQ(details.violations.at(0).field, "q");
  EXPECT_EQ(details.retry_after, absl::Milliseconds(1250));
}

TEST(RpcStatus, OkAndPlainErrorsStayWhatTheyAre) {
  EXPECT_TRUE(FromGrpc(ToGrpc(absl::OkStatus())).ok());
  EXPECT_EQ(FromGrpc(ToGrpc(absl::NotFoundError("x"))), absl::NotFoundError("x"));
}

TEST(RpcStatus, GarbageInDetailsIsIgnored) {
  const grpc::Status garbage(grpc::StatusCode::INTERNAL, "x", "\xFF\xFF\xFF");
  EXPECT_EQ(FromGrpc(garbage).message(), "x");
}

}  // namespace
}  // namespace stockroom::rpc
