// watch: what happens to images, as it happens.
#include <google/protobuf/util/time_util.h>

#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "services/common/base/backoff.h"
#include "services/common/base/strings.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/retry.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

void Print(Output& out, const v1::Event& event) {
  if (out.json()) return out.Json(ToJson(event));
  const absl::Time time =
      absl::FromUnixMicros(google::protobuf::util::TimeUtil::TimestampToMicroseconds(event.time()));
  const std::string type(absl::StripPrefix(Av(event.type()), "image."));
  if (!out.options().out_is_terminal) {
    const std::string utc = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
    return out.Line(std::to_string(event.position()) + "\t" + utc + "\t" + OneLine(type) + "\t" +
                    OneLine(event.image_id()) + "\t" + std::to_string(event.revision()));
  }
  const Style style = type == "failed"  ? Style::kBad
                      : type == "ready" ? Style::kGood
                                        : Style::kPlain;
  out.Line(absl::FormatTime("%H:%M:%S", time, absl::LocalTimeZone()) + "  " +
           out.Paint(style, Fit(type, 8)) + "  " + OneLine(event.image_id()));
}

}  // namespace

int RunWatch(const Program& program, Client& client, const WatchArgs& args) {
  v1::WatchRequest request;
  for (const std::string& type : args.types) request.add_types("image." + type);
  request.set_image_id(args.image_id);
  if (args.after) request.set_after_position(*args.after);
  Backoff backoff({.first = absl::Milliseconds(200), .longest = absl::Seconds(10)});
  bool connected = false;
  int64_t shown = 0;
  const auto on_batch = [&](const v1::WatchResponse& batch) {
    if (!connected && !request.has_after_position()) {
      program.out.Note("watching from position " + std::to_string(batch.position()));
    }
    connected = true;
    backoff.Reset();
    for (const v1::Event& event : batch.events()) {
      if (args.count > 0 && shown == args.count) return false;
      Print(program.out, event);
      ++shown;
    }
    request.set_after_position(batch.position());
    const bool enough = args.count > 0 && shown == args.count;
    return !enough && !program.out.closed() && program.out.error().ok();
  };
  while (true) {
    const absl::Status status = client.Watch(request, on_batch);
    if (program.stop->cancelled()) return kExitInterrupted;
    if (program.out.closed() || (args.count > 0 && shown == args.count)) return kExitOk;
    if (!program.out.error().ok()) return program.Fail(program.out.error());
    if (status.ok()) continue;  // the server ends long watches, so that they spread anew
    // What never worked is told; what breaks off goes on where it stopped.
    if (!connected || !IsWorthRetrying(status)) return program.Fail(status);
    program.out.Note("the connection broke; watching on");
    if (!SleepUnlessStopped(backoff.Next(), *program.stop).ok()) return kExitInterrupted;
  }
}

}  // namespace stockroom::cli
