// Decoder processes for the worker: started ahead, used once, killed without regret.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/media/sniff.h"
#include "services/imageproc/core/decoder.h"
#include "services/imageproc/sandbox/decoder_program.h"

namespace stockroom::imageproc {

struct DecoderProgramChoice {
  std::string path;
  std::string name;  // for logs and metrics: "stockroom-decoder"
  int spares = 2;    // processes that wait for work
};

struct DecoderPoolOptions {
  // Formats go to the first one that reads them. The first must start, the others need not.
  std::vector<DecoderProgramChoice> programs;
  int concurrent = 2;                       // decodes at one time, over all programs
  int64_t memory_bytes = int64_t{1} << 30;  // address space of each process; 0: no cap
  // Starts only where every wall stands (walls.h).
  bool all_walls = false;
  // One decode, from the moment it has a process. Who takes longer is killed.
  absl::Duration max_decode_time = absl::Seconds(9);
  // A process that serves rungs is replaced after so many: whatever a library leaks or fragments
  // stays small, and a fork costs next to nothing when it is spread over as many.
  int lasting_uses = 500;
  // And as soon as it holds more memory than this, which a rung's decode does not need.
  int64_t lasting_bytes = int64_t{256} << 20;
  absl::Duration start_timeout = absl::Seconds(20);
};

// Programs beside this one: stockroom-decoder, and stockroom-decoder-wide if it was built. A path
// that is given replaces the program's.
std::vector<DecoderProgramChoice> UsualDecoderPrograms(const std::string& path, int spares,
                                                       const std::string& wide_path,
                                                       int wide_spares);

// Thread-safe. Metrics: stockroom_decoder_running, _died_total, _killed_total (label program),
// _lasting, and those of DecoderProgram.
class DecoderPool final : public Decoder {
 public:
  // Blocks until the first program's decoders can be had, and each other program was tried once.
  // UNAVAILABLE says why they can not; a program besides the first is tried again for ever.
  static absl::StatusOr<std::unique_ptr<DecoderPool>> Start(DecoderPoolOptions options,
                                                            Metrics& metrics);
  // Kills what runs; Decode calls end with UNAVAILABLE. None may begin any more.
  ~DecoderPool() override;

  // As Decoder says. What no program reads is INVALID_ARGUMENT without any process. A source is
  // given to a lasting process only if the caller says that it is a rung, the request is one about
  // a rung (AsksAboutRung), and it is a JPEG, PNG or WebP: otherwise INVALID_ARGUMENT.
  absl::StatusOr<DecodedImage> Decode(const CallContext& context,
                                      const internal::DecodeRequest& request,
                                      const DecoderInput& input) override;
  std::vector<internal::Engine> Engines() override;

  // Of the first program's process that all its decoders descend from; 0 while it is restarted.
  pid_t zygote_pid() const { return programs_.front()->zygote_pid(); }

 private:
  // A process that serves rungs, while it waits for the next.
  struct Lasting {
    DecoderProgram* program;
    DecoderChild child;
    int served = 0;
  };
  class Slot;

  DecoderPool(DecoderPoolOptions options, Metrics& metrics);

  absl::StatusOr<DecoderProgram*> ProgramFor(std::string_view source, SvgPolicy svg) const;
  absl::Status TakeSlot(const CallContext& context);
  void GiveBackSlot();
  absl::StatusOr<DecodedImage> DecodeOnce(const CallContext& context,
                                          const internal::DecodeRequest& request,
                                          const DecoderInput& input, DecoderProgram& program);
  absl::StatusOr<DecodedImage> DecodeRung(const CallContext& context,
                                          const internal::DecodeRequest& request,
                                          const DecoderInput& input, DecoderProgram& program);
  absl::StatusOr<Lasting> TakeLasting(const CallContext& context, DecoderProgram& program);
  void PutBack(Lasting lasting);
  absl::StatusOr<DecodedImage> Converse(const CallContext& context, const DecoderProgram& program,
                                        const DecoderChild& child,
                                        const internal::DecodeRequest& request,
                                        const DecoderInput& input);
  absl::Status WhyItEnded(const CallContext& context, const DecoderProgram& program,
                          const DecoderChild& child, const absl::Status& seen);

  const DecoderPoolOptions options_;
  Metrics& metrics_;
  Gauge& running_gauge_;
  Gauge& lasting_gauge_;
  std::vector<std::unique_ptr<DecoderProgram>> programs_;  // never empty; fixed

  Mutex mu_;
  CondVar changed_;
  int running_ SR_GUARDED_BY(mu_) = 0;              // at most options_.concurrent
  std::deque<Lasting> lasting_ SR_GUARDED_BY(mu_);  // at most options_.concurrent wait
  bool stopping_ SR_GUARDED_BY(mu_) = false;
};

}  // namespace stockroom::imageproc
