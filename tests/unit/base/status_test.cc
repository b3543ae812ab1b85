#include "services/common/base/status.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace stockroom {
namespace {

TEST(Status, DetailsComeBackAsTheyWentIn) {
  const absl::Status status = MakeStatus(absl::StatusCode::kInvalidArgument, "no",
                                         {.reason = "WHY",
                                          .metadata = {{"limit", "3"}, {"odd \xFF", "\"quotes\""}},
                                          .violations = {{"tags[1]", "too long"}},
                                          .retry_after = absl::Milliseconds(1500)});
  const ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.reason, "WHY");
  EXPECT_EQ(details.metadata.at("limit"), "3");
  ASSERT_EQ(details.violations.size(), 1u);
  EXPECT_EQ(details.violations[0].field, "tags[1]");
  EXPECT_EQ(details.retry_after, absl::Milliseconds(1500));
}

TEST(Status, AStatusWithoutDetailsHasNoReason) {
  EXPECT_EQ(DetailsOf(absl::InternalError("x")).reason, "");
  EXPECT_EQ(DetailsOf(absl::OkStatus()).reason, "");
}

TEST(Status, AnnotatingKeepsCodeAndDetails) {
  const absl::Status status = Annotate(InvalidField("title", "too long"), "upload");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()), "upload: title: too long");
  EXPECT_EQ(DetailsOf(status).violations.size(), 1u);
}

TEST(Status, AFullDiskIsExhaustedAndAnInputErrorIsUnavailable) {
  EXPECT_TRUE(absl::IsResourceExhausted(ErrnoStatus(ENOSPC, "write")));
  EXPECT_EQ(DetailsOf(ErrnoStatus(ENOSPC, "write")).reason, "NO_SPACE");
  EXPECT_TRUE(absl::IsUnavailable(ErrnoStatus(EIO, "write")));
  EXPECT_TRUE(absl::IsNotFound(ErrnoStatus(ENOENT, "open")));
}

}  // namespace
}  // namespace stockroom
