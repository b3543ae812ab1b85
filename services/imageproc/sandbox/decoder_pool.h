// Decoder processes for the worker: started ahead, used once, killed without regret.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/imageproc/core/decoder.h"
#include "services/imageproc/sandbox/zygote_client.h"

namespace stockroom::imageproc {

struct DecoderPoolOptions {
  std::string path;    // the decoder program; empty: stockroom-decoder beside this program
  int concurrent = 2;  // decodes at one time
  int spares = 2;      // processes that wait for work
  int64_t memory_bytes = int64_t{1} << 30;  // address space of each; 0: no cap
  absl::Duration start_timeout = absl::Seconds(20);
};

// Thread-safe. One thread of its own starts processes. Metrics: stockroom_decoder_spares,
// _running, _started_total, _died_total, _killed_total, stockroom_decoder_wait_seconds.
class DecoderPool final : public Decoder {
 public:
  // Blocks until decoders can be had. UNAVAILABLE says why they can not.
  static absl::StatusOr<std::unique_ptr<DecoderPool>> Start(DecoderPoolOptions options,
                                                            Metrics& metrics);
  // Kills what runs; Decode calls end with UNAVAILABLE. None may begin any more.
  ~DecoderPool() override;

  absl::StatusOr<DecodedImage> Decode(const CallContext& context,
                                      const internal::DecodeRequest& request,
                                      std::string_view original) override;

  // Of the process that all decoders descend from; 0 while it is restarted.
  pid_t zygote_pid() const;

 private:
  DecoderPool(DecoderPoolOptions options, Metrics& metrics);

  void Keep();
  // Starts a zygote if there is none or it does not answer.
  absl::StatusOr<DecoderChild> ForkFrom(std::unique_ptr<Zygote>& zygote);
  absl::Status AddSpare(std::unique_ptr<Zygote>& zygote);
  bool WantsSpare() const SR_REQUIRES(mu_);
  absl::StatusOr<DecoderChild> Take(const CallContext& context);
  void GiveBack();
  absl::StatusOr<DecodedImage> Converse(const CallContext& context, const DecoderChild& child,
                                        const internal::DecodeRequest& request,
                                        std::string_view original);
  absl::Status WhyItEnded(const CallContext& context, const absl::Status& seen);

  const DecoderPoolOptions options_;
  Gauge& spares_gauge_;
  Gauge& running_gauge_;
  Counter& started_;
  Counter& died_;
  Counter& killed_;
  Histogram& wait_seconds_;

  mutable Mutex mu_;
  CondVar changed_;
  std::deque<DecoderChild> spares_ SR_GUARDED_BY(mu_);  // at most options_.spares
  int running_ SR_GUARDED_BY(mu_) = 0;                  // at most options_.concurrent
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  pid_t zygote_pid_ SR_GUARDED_BY(mu_) = 0;
  absl::Status trouble_ SR_GUARDED_BY(mu_);  // why the last start failed; OK after a success
  bool tried_ SR_GUARDED_BY(mu_) = false;
  std::thread keeper_;
};

}  // namespace stockroom::imageproc
