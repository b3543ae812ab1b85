// Calls of commands that go on for hours.
#pragma once

#include "absl/status/statusor.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/retry.h"

namespace stockroom::cli {

// A server that restarts meanwhile does not end them.
inline constexpr absl::Duration kPatience = absl::Minutes(2);

// What `call` (absl::StatusOr<Response>()) gives, tried again while that makes sense.
template <typename Response, typename Call>
absl::StatusOr<Response> Patiently(const Program& program, Call call) {
  absl::StatusOr<Response> response = absl::UnknownError("not asked");
  const absl::Status asked = Retry(
      kPatience,
      [&] {
        response = call();
        return response.status();
      },
      [&](absl::Duration d) { return SleepUnlessStopped(d, *program.stop); });
  if (!asked.ok()) return asked;
  return response;
}

}  // namespace stockroom::cli
