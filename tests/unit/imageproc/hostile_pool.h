// A pool whose decoder does what its pictures say (hostile_decoder.cc).
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "services/imageproc/sandbox/decoder_pool.h"

namespace stockroom::imageproc::testing {

class HostilePool : public ::testing::Test {
 protected:
  void StartPool(DecoderPoolOptions options = {}) {
    if (options.programs.empty()) options.programs = {{HOSTILE_DECODER_PATH, "hostile", 1}};
#if defined(__SANITIZE_ADDRESS__)
    // The sanitizer's shadow memory counts against the cap.
    options.memory_bytes = 0;
#endif
    auto pool = DecoderPool::Start(std::move(options), metrics_);
    ASSERT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
  }

  static internal::DecodeRequest Request() {
    internal::DecodeRequest request;
    auto& preset = *request.add_presets();
    preset.set_preset("thumb");
    preset.set_recipe("fit=50x50/format=jpeg/q=80");
    return request;
  }
  static internal::DecodeRequest RungRequest() {
    internal::DecodeRequest request = Request();
    request.set_original_width(4000);
    request.set_original_height(3000);
    return request;
  }
  static std::string Picture(const std::string& deed) { return "\xff\xd8\xff" + deed; }

  // What came of it: the deed's words, or the error.
  std::string Send(const std::string& source, const internal::DecodeRequest& request,
                   bool own_rung = false) {
    const auto decoded = pool_->Decode(CallContext::WithTimeout(absl::Seconds(60)), request,
                                       {.source = source, .own_rung = own_rung});
    return decoded.ok() ? decoded->renditions.at(0) : decoded.status().ToString();
  }
  std::string Do(const std::string& deed) { return Send(Picture(deed), Request()); }
  std::string DoInRung(const std::string& deed) {
    return Send(Picture(deed), RungRequest(), /*own_rung=*/true);
  }
  uint64_t Count(const std::string& metric, const std::string& program = "hostile") {
    return metrics_.GetCounter(metric, "", {{"program", program}}).value();
  }
  int64_t Wall(const std::string& wall) {
    return metrics_
        .GetGauge("stockroom_decoder_walls", "", {{"program", "hostile"}, {"wall", wall}})
        .value();
  }

  Metrics metrics_;
  std::unique_ptr<DecoderPool> pool_;
};

}  // namespace stockroom::imageproc::testing
