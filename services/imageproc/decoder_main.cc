// stockroom-decoder: decodes strangers' images, one a process. Started by stockroom-imageproc.
#include <malloc.h>

#include <cstdio>
#include <filesystem>
#include <span>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "services/common/base/digest.h"
#include "services/common/base/log.h"
#include "services/imageproc/codec/vips_library.h"
#include "services/imageproc/decode_original.h"
#include "services/imageproc/sandbox/zygote.h"

namespace stockroom::imageproc {
namespace {

int Run(int argc, char** argv) {
  ZygoteOptions options;
  absl::string_view argument = argc == 2 ? argv[1] : "";
  if (!absl::ConsumePrefix(&argument, "--memory-bytes=") ||
      !absl::SimpleAtoi(argument, &options.memory_bytes) || options.memory_bytes < 0) {
    std::fputs("stockroom-decoder is started by stockroom-imageproc, not by hand\n", stderr);
    return 2;
  }
  InitLogging("decoder", LogLevel::kInfo);
  // Each thread's own arena would count against the memory cap.
  mallopt(M_ARENA_MAX, 2);
  absl::Status status = InitVips();
  if (status.ok()) {
    // OpenSSL reads its configuration when it is first used; in a decoder it can not.
    Digest::Of("");
    options.engine = DescribeEngine(std::filesystem::path(argv[0]).filename().string());
    status = RunZygote(options, [](const internal::DecodeRequest& request, std::string_view source,
                                   std::span<const std::string_view> watermarks) {
      DecodeAnswer answer = DecodeOriginal(request, source, watermarks, Processors());
      return std::pair(std::move(answer.reply), std::move(answer.renditions));
    });
  }
  if (!status.ok()) LogError("decoder ends", {{"error", status}});
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace stockroom::imageproc

int main(int argc, char** argv) { return stockroom::imageproc::Run(argc, argv); }
