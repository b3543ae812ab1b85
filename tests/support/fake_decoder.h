// A decoder for tests: its renditions say what they were made of.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "services/common/base/mutex.h"
#include "services/common/recipe/recipe.h"
#include "services/imageproc/core/decoder.h"

namespace stockroom::imageproc::testing {

// Thread-safe. Answers at once, or hangs until its call is cancelled, its deadline passes or the
// test lets go.
class FakeDecoder final : public Decoder {
 public:
  struct Seen {
    internal::DecodeRequest request;
    std::string source;
    std::vector<std::string> watermarks;
    bool own_rung = false;
  };

  absl::StatusOr<DecodedImage> Decode(const CallContext& context,
                                      const internal::DecodeRequest& request,
                                      const DecoderInput& input) override {
    const auto wake = context.cancellation->OnCancel([this] {
      MutexLock lock(mu_);
      changed_.NotifyAll();
    });
    MutexLock lock(mu_);
    seen_.push_back({request,
                     std::string(input.source),
                     {input.watermarks.begin(), input.watermarks.end()},
                     input.own_rung});
    ++running_;
    changed_.NotifyAll();
    absl::Status over;
    while (hang_ && over.ok()) {
      over = context.Check();
      if (over.ok()) changed_.WaitFor(mu_, context.TimeLeft());
    }
    --running_;
    changed_.NotifyAll();
    if (!over.ok()) return over;
    if (!failures_.empty()) {
      absl::Status failure = std::move(failures_.front());
      failures_.pop_front();
      if (!failure.ok()) return failure;
    }
    return Make(request, input);
  }

  std::vector<internal::Engine> Engines() override { return {}; }

  // "<recipe> of <source>", and dots up to the padding.
  static std::string BytesOf(std::string_view recipe, std::string_view source, size_t padding = 0) {
    std::string bytes = std::string(recipe) + " of " + std::string(source);
    if (bytes.size() < padding) bytes.resize(padding, '.');
    return bytes;
  }

  void Hang(bool hang) {
    MutexLock lock(mu_);
    hang_ = hang;
    changed_.NotifyAll();
  }
  // The next decodes end so, one each; OK: as usual.
  void FailNext(std::vector<absl::Status> failures) {
    MutexLock lock(mu_);
    failures_.assign(failures.begin(), failures.end());
  }
  void PadTo(size_t bytes) {
    MutexLock lock(mu_);
    padding_ = bytes;
  }
  std::vector<Seen> seen() const {
    MutexLock lock(mu_);
    return seen_;
  }
  // At most ten seconds.
  bool AwaitRunning(int decodes) {
    const absl::Time end = absl::Now() + absl::Seconds(10);
    MutexLock lock(mu_);
    while (running_ != decodes) {
      if (absl::Now() >= end) return false;
      changed_.WaitFor(mu_, end - absl::Now());
    }
    return true;
  }

 private:
  absl::StatusOr<DecodedImage> Make(const internal::DecodeRequest& request,
                                    const DecoderInput& input) SR_REQUIRES(mu_) {
    DecodedImage decoded;
    for (const internal::NamedRecipe& named : request.presets()) {
      const Recipe recipe = *ParseRecipe(named.recipe());
      internal::RenditionMade& made = *decoded.image.add_renditions();
      made.set_preset(named.preset());
      made.set_recipe(named.recipe());
      made.set_key(RenditionKey(recipe));
      made.set_format(std::string(FormatName(recipe.format)));
      made.set_media_type(std::string(FormatMediaType(recipe.format)));
      made.set_width(10);
      made.set_height(10);
      decoded.renditions.push_back(BytesOf(named.recipe(), input.source, padding_));
      made.set_size_bytes(static_cast<int64_t>(decoded.renditions.back().size()));
    }
    for (const int side : request.ladder()) {
      internal::RenditionMade& made = *decoded.image.add_rungs();
      made.set_key(Digest::Of(std::to_string(side)).hex().substr(0, 32));
      decoded.rungs.push_back("rung " + std::to_string(side));
    }
    return decoded;
  }

  mutable Mutex mu_;
  CondVar changed_;
  bool hang_ SR_GUARDED_BY(mu_) = false;
  std::deque<absl::Status> failures_ SR_GUARDED_BY(mu_);
  size_t padding_ SR_GUARDED_BY(mu_) = 0;
  int running_ SR_GUARDED_BY(mu_) = 0;
  std::vector<Seen> seen_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::imageproc::testing
