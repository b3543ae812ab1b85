// What a decoder sends, from the first byte on its socket to a checked answer: whatever it is, it
// is refused or makes sense.
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "absl/time/clock.h"
#include "services/common/recipe/ladder.h"
#include "services/imageproc/sandbox/reply_check.h"
#include "services/imageproc/sandbox/wire.h"
#include "tests/fuzz/split.h"
#include "tests/fuzz/target.h"

namespace {

using namespace stockroom;             // NOLINT
using namespace stockroom::imageproc;  // NOLINT
using stockroom::fuzz::Require;

// An input is the bytes of the result's memory file, this, and then what comes over the socket.
constexpr std::string_view kThen = "\n--wire--\n";

internal::DecodeRequest Request() {
  internal::DecodeRequest request;
  request.set_analyse(true);
  request.add_ladder(800);
  for (const char* recipe :
       {"fit=50x50/format=jpeg/q=80", "cover=60x40/gravity=smart/format=auto/q=75"}) {
    auto& preset = *request.add_presets();
    preset.set_preset("p" + std::to_string(request.presets_size()));
    preset.set_recipe(recipe);
  }
  return request;
}

void Describe(internal::RenditionMade& made, const Recipe& recipe, Size size, int64_t bytes) {
  made.set_recipe(CanonicalText(recipe));
  made.set_key(RenditionKey(recipe));
  made.set_format(std::string(FormatName(recipe.format)));
  made.set_media_type(std::string(FormatMediaType(recipe.format)));
  made.set_width(size.width);
  made.set_height(size.height);
  made.set_size_bytes(bytes);
}

internal::DecodeReply HonestReply() {
  internal::DecodeReply reply;
  reply.set_result(internal::DecodeReply::OK);
  internal::ProcessedImage& image = *reply.mutable_image();
  image.mutable_facts()->set_width(2000);
  image.mutable_facts()->set_height(1000);
  image.mutable_facts()->set_frames(1);
  image.mutable_facts()->set_format("jpeg");
  image.mutable_facts()->set_media_type("image/jpeg");
  Describe(*image.add_renditions(), *ParseRecipe("fit=50x50/format=jpeg/q=80"), {50, 25}, 3);
  Describe(*image.add_renditions(), *ParseRecipe("cover=60x40/focus=10,900/format=webp/q=75"),
           {60, 40}, 2);
  image.mutable_renditions(0)->set_preset("p1");
  image.mutable_renditions(1)->set_preset("p2");
  const std::vector<Rung> rungs =
      LadderOf({.size = {2000, 1000}, .format = "jpeg"}, std::vector<int>{800});
  Describe(*image.add_rungs(), rungs.at(0).recipe, rungs.at(0).size, 4);
  (*image.mutable_analysis())["facts"] = R"({"a":[1,2,{"b":null}]})";
  return reply;
}

std::string Framed(const std::string& message) {
  std::string framed(4, '\0');
  for (size_t i = 0; i < 4; ++i) framed[i] = static_cast<char>(message.size() >> (8 * i) & 255);
  return framed + message;
}

// As a decoder would send it that then dies: at most what the socket holds is looked at.
absl::StatusOr<WireMessage> Receive(std::string_view bytes) {
  int ends[2];
  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  static_cast<void>(!send(theirs.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  theirs.Reset();
  return ReceiveWireMessage(ours.get(), absl::InfiniteFuture());
}

size_t Total(const std::vector<std::string>& parts) {
  size_t total = 0;
  for (const std::string& part : parts) total += part.size();
  return total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t split = input.find(kThen);
  if (split == std::string_view::npos) return 0;
  const std::string_view result = input.substr(0, split);
  const auto message = Receive(input.substr(split + kThen.size()));
  if (!message.ok()) {
    Require(absl::IsUnavailable(message.status()) || absl::IsAborted(message.status()),
            "an unexpected error of the wire");
    return 0;
  }
  Require(message->fds.empty(), "descriptors out of nowhere");
  auto reply = ParseReply(message->bytes);
  if (!reply.ok()) return 0;
  const internal::DecodeRequest request = Request();
  const auto checked = CheckReply(request, *std::move(reply), result);
  if (!checked.ok()) return 0;
  Require(Total(checked->renditions) + Total(checked->rungs) == result.size(),
          "bytes appeared or were lost");
  Require(checked->image.renditions_size() == request.presets_size(), "a rendition is missing");
  Require(checked->renditions.size() == 2 && checked->rungs.size() <= 1, "parts were made up");
  for (const internal::RenditionMade& made : checked->image.renditions()) {
    const auto recipe = ParseRecipe(made.recipe());
    Require(recipe.ok() && made.key() == RenditionKey(*recipe), "a rendition at another's address");
    Require(made.sha256().empty() && made.width() > 0 && made.height() > 0, "a lying rendition");
  }
  return 0;
}

std::vector<std::string> FuzzSeeds() {
  internal::DecodeReply bad;
  bad.set_result(internal::DecodeReply::BAD_IMAGE);
  bad.set_message("it is damaged");
  internal::DecodeReply without_rung = HonestReply();
  without_rung.mutable_image()->clear_rungs();
  const std::string then(kThen);
  return {"AAABBCCCC" + then + Framed(HonestReply().SerializeAsString()),
          "AAABB" + then + Framed(without_rung.SerializeAsString()),
          then + Framed(bad.SerializeAsString()),
          then + "\xff\xff\xff\xff",
          then + Framed(""),
          then};
}
