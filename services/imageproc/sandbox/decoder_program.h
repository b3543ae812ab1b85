// Processes of one decoder program, started ahead.
#pragma once

#include <sys/types.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/call_context.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/imageproc/sandbox/zygote_client.h"
#include "stockroom/internal/decoder.pb.h"

namespace stockroom::imageproc {

struct DecoderProgramOptions {
  std::string path;
  std::string name;  // for logs, metrics and people
  int spares = 2;    // processes that wait for work
  int64_t memory_bytes = 0;
  // It does not start where a wall is missing.
  bool all_walls = false;
  absl::Duration start_timeout = absl::Seconds(20);
};

// Thread-safe. One thread of its own starts processes, and starts the program again when it is
// lost. Metrics (label program): stockroom_decoder_spares, _started_total, _lost_parents_total,
// _wait_seconds; stockroom_decoder_walls (label wall: 1 stands, 0 is missing),
// stockroom_decoder_engine_info.
class DecoderProgram {
 public:
  DecoderProgram(DecoderProgramOptions options, Metrics& metrics);
  // Kills all processes.
  ~DecoderProgram();

  // Blocks until the first attempt to start it ended, and says how.
  absl::Status AwaitStart();
  // Take calls end; every process is killed. Blocks until they are.
  void Stop();

  // A process that has seen nothing yet, off the spares. Waits for one until the context ends.
  // UNAVAILABLE: none can be started (why), or Stop was called.
  absl::StatusOr<DecoderChild> Take(const CallContext& context);

  // What it said of itself when it last started; nullopt: it never did.
  std::optional<internal::Engine> engine() const;
  bool Reads(std::string_view format) const;
  // Why it does not run; OK if it does.
  absl::Status trouble() const;
  // Of the process that all decoders descend from; 0 while it is restarted.
  pid_t zygote_pid() const;
  const std::string& name() const { return options_.name; }

 private:
  void Keep();
  // Starts a zygote if there is none or it does not answer.
  absl::StatusOr<DecoderChild> ForkFrom(std::unique_ptr<Zygote>& zygote);
  absl::Status AddSpare(std::unique_ptr<Zygote>& zygote);
  absl::Status Welcome(const Zygote& zygote);
  bool WantsSpare() const SR_REQUIRES(mu_);

  const DecoderProgramOptions options_;
  Metrics& metrics_;
  Gauge& spares_gauge_;
  Counter& started_;
  Counter& lost_parents_;
  Histogram& wait_seconds_;

  mutable Mutex mu_;
  CondVar changed_;
  std::deque<DecoderChild> spares_ SR_GUARDED_BY(mu_);  // at most options_.spares
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  pid_t zygote_pid_ SR_GUARDED_BY(mu_) = 0;
  absl::Status trouble_ SR_GUARDED_BY(mu_);  // why the last start failed; OK after a success
  bool tried_ SR_GUARDED_BY(mu_) = false;
  std::optional<internal::Engine> engine_ SR_GUARDED_BY(mu_);
  std::thread keeper_;
};

}  // namespace stockroom::imageproc
