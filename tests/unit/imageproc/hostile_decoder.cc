// A decoder that does what its pictures say: a JPEG's first three bytes, then the name of a deed.
// The bytes of every rendition are what came of it. "served" tells how many requests this process
// has had. Its file's name says which formats it claims to read, see Formats(), or that it has not
// all walls ("unwalled").
#include <cstdio>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "services/common/recipe/recipe.h"
#include "services/imageproc/sandbox/wire.h"
#include "services/imageproc/sandbox/zygote.h"
#include "tests/unit/imageproc/hostile_deeds.h"

namespace stockroom::imageproc {
namespace {

constexpr size_t kMagic = 3;

int served = 0;

std::vector<std::string> Formats(const std::string& program) {
  if (program == "reads-png") return {"png"};
  if (program == "reads-gif-and-png") return {"gif", "png"};
  return {"jpeg"};
}

std::string Do(std::string_view source) {
  const std::string name(source.substr(std::min(kMagic, source.size())));
  if (name == "served") return std::to_string(served);
  const auto deed = testing::Deeds().find(name);
  return deed == testing::Deeds().end() ? "no such deed" : deed->second();
}

std::pair<internal::DecodeReply, std::string> Decode(const internal::DecodeRequest& request,
                                                     std::string_view source,
                                                     const std::string& program) {
  ++served;
  const std::string outcome = program.starts_with("reads-") ? program : Do(source);
  internal::DecodeReply reply;
  reply.set_result(internal::DecodeReply::OK);
  std::string bytes;
  for (const internal::NamedRecipe& preset : request.presets()) {
    const auto recipe = ParseRecipe(preset.recipe());
    auto& made = *reply.mutable_image()->add_renditions();
    made.set_preset(preset.preset());
    made.set_recipe(CanonicalText(*recipe));
    made.set_key(RenditionKey(*recipe));
    made.set_format(std::string(FormatName(recipe->format)));
    made.set_media_type(std::string(FormatMediaType(recipe->format)));
    made.set_width(1);
    made.set_height(1);
    made.set_size_bytes(static_cast<int64_t>(outcome.size()));
    bytes += outcome;
  }
  return {reply, bytes};
}

// Says that a wall is missing, and waits for its end.
int Unwalled() {
  internal::DecoderReady ready;
  auto& wall = *ready.add_walls();
  wall.set_name("network");
  wall.set_reason("not here");
  const auto sent =
      SendWireMessage(kZygoteSocket, ready.SerializeAsString(), {}, absl::InfiniteFuture());
  return ReceiveWireMessage(kZygoteSocket, absl::InfiniteFuture()).ok() && sent.ok() ? 0 : 1;
}

int Run(int argc, char** argv) {
  ZygoteOptions options;
  absl::string_view argument = argc == 2 ? argv[1] : "";
  if (!absl::ConsumePrefix(&argument, "--memory-bytes=") ||
      !absl::SimpleAtoi(argument, &options.memory_bytes)) {
    return 2;
  }
  const std::string program = std::filesystem::path(argv[0]).filename().string();
  options.engine.set_program(program);
  options.engine.set_libvips("none");
  for (const std::string& format : Formats(program)) options.engine.add_reads(format);
  if (program == "unwalled") return Unwalled();
  const absl::Status status = RunZygote(
      options, [&](const internal::DecodeRequest& request, std::string_view source,
                   std::span<const std::string_view>) { return Decode(request, source, program); });
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace stockroom::imageproc

int main(int argc, char** argv) { return stockroom::imageproc::Run(argc, argv); }
