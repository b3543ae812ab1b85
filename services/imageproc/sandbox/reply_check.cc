#include "services/imageproc/sandbox/reply_check.h"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/media/sniff.h"
#include "services/common/recipe/ladder.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::imageproc {
namespace {

constexpr int kMaxSide = 65'500;
constexpr int kMaxAnalyses = 64;
constexpr int kMaxAnalysisDepth = 16;
constexpr size_t kMaxAnalysisName = 64;
constexpr size_t kMaxAnalysisBytes = 64 << 10;
constexpr size_t kMaxMessage = 500;

absl::Status Nonsense(std::string_view what) {
  return absl::AbortedError(absl::StrCat("the decoder's answer makes no sense: ", Av(what)));
}

bool IsSide(int pixels) { return pixels >= 1 && pixels <= kMaxSide; }

absl::Status CheckFacts(const internal::ImageFacts& facts) {
  if (!IsSide(facts.width()) || !IsSide(facts.height()) || facts.frames() < 1) {
    return Nonsense("dimensions");
  }
  for (const MediaKind kind :
       {MediaKind::kJpeg, MediaKind::kPng, MediaKind::kWebp, MediaKind::kGif, MediaKind::kTiff,
        MediaKind::kAvif, MediaKind::kHeic, MediaKind::kJxl, MediaKind::kSvg}) {
    if (facts.format() == MediaName(kind) && facts.media_type() == MediaType(kind)) {
      return absl::OkStatus();
    }
  }
  return Nonsense("format");
}

// Its bytes are of this recipe, as far as can be told without looking at them.
absl::Status CheckMade(const internal::RenditionMade& made, const Recipe& recipe) {
  if (made.recipe() != CanonicalText(recipe) || made.key() != RenditionKey(recipe) ||
      made.format() != FormatName(recipe.format) ||
      made.media_type() != FormatMediaType(recipe.format) || !made.sha256().empty()) {
    return Nonsense("rendition");
  }
  if (!IsSide(made.width()) || !IsSide(made.height()) || made.size_bytes() < 1) {
    return Nonsense("rendition size");
  }
  return absl::OkStatus();
}

absl::Status CheckRendition(const internal::NamedRecipe& asked,
                            const internal::RenditionMade& made) {
  SR_ASSIGN_OR_RETURN(const Recipe wanted, ParseRecipe(asked.recipe()));
  const auto given = ParseRecipe(made.recipe());
  if (!given.ok() || given->format == ImageFormat::kAuto || given->gravity == Gravity::kSmart) {
    return Nonsense("recipe");
  }
  if (made.preset() != asked.preset()) return Nonsense("preset");
  // The decoder's only freedom is what `auto` and `smart` become.
  const Recipe expected =
      Resolved(wanted, {.format = given->format, .focus = given->focus.value_or(Focus{})});
  return CheckMade(made, expected);
}

// Rungs are what the facts say, or fewer: an original may give none that is smaller than itself.
absl::Status CheckRungs(const internal::DecodeRequest& request,
                        const internal::ProcessedImage& image) {
  const internal::ImageFacts& facts = image.facts();
  const std::vector<int> sides(request.ladder().begin(), request.ladder().end());
  const std::vector<Rung> rungs = LadderOf({.size = {facts.width(), facts.height()},
                                            .format = facts.format(),
                                            .frames = facts.frames(),
                                            .has_alpha = facts.has_alpha(),
                                            .progressive = facts.progressive()},
                                           sides);
  auto expected = rungs.begin();
  for (const internal::RenditionMade& made : image.rungs()) {
    expected = std::find_if(expected, rungs.end(),
                            [&](const Rung& rung) { return rung.key == made.key(); });
    if (expected == rungs.end() || !made.preset().empty()) return Nonsense("rung");
    SR_RETURN_IF_ERROR(CheckMade(made, expected->recipe));
    if (made.width() != expected->size.width || made.height() != expected->size.height) {
      return Nonsense("rung size");
    }
    ++expected;
  }
  return absl::OkStatus();
}

// Cuts what was made off the front of `bytes`.
absl::Status CutOff(const internal::RenditionMade& made, std::string_view& bytes,
                    std::vector<std::string>& into) {
  if (static_cast<uint64_t>(made.size_bytes()) > bytes.size()) return Nonsense("lengths");
  const auto size = static_cast<size_t>(made.size_bytes());
  into.emplace_back(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return absl::OkStatus();
}

bool IsAnalysisName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxAnalysisName &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
}

// Everybody who walks through it does so with a stack.
bool IsFlatObject(std::string_view text) {
  bool too_deep = false;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > kMaxAnalysisDepth;
    return !too_deep;
  };
  const auto json = nlohmann::json::parse(text, watch, /*allow_exceptions=*/false);
  return json.is_object() && !too_deep;
}

absl::Status CheckAnalysis(const internal::ProcessedImage& image) {
  if (image.analysis_size() > kMaxAnalyses) return Nonsense("too many analyses");
  for (const auto& [name, text] : image.analysis()) {
    if (!IsAnalysisName(name) || text.size() > kMaxAnalysisBytes || !IsCleanUtf8(text) ||
        !IsFlatObject(text)) {
      return Nonsense("analysis");
    }
  }
  return absl::OkStatus();
}

std::string Message(const internal::DecodeReply& reply) {
  if (!IsCleanUtf8(reply.message()) || reply.message().empty()) return "no reason given";
  size_t length = std::min(reply.message().size(), kMaxMessage);
  // Half a character would make the whole message to the api unreadable.
  while (length < reply.message().size() && (reply.message()[length] & 0xC0) == 0x80) --length;
  return reply.message().substr(0, length);
}

}  // namespace

absl::StatusOr<internal::DecodeReply> ParseReply(std::string_view message) {
  // Protobuf writes about what it dislikes to standard error, where only our own lines belong.
  const google::protobuf::LogSilencer silencer;
  internal::DecodeReply reply;
  if (!reply.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return Nonsense("no reply");
  }
  return reply;
}

absl::StatusOr<DecodedImage> CheckReply(const internal::DecodeRequest& request,
                                        internal::DecodeReply reply, std::string_view bytes) {
  switch (reply.result()) {
    case internal::DecodeReply::OK:
      break;
    case internal::DecodeReply::BAD_IMAGE:
      return absl::InvalidArgumentError(Message(reply));
    case internal::DecodeReply::TOO_LARGE:
      return absl::OutOfRangeError(Message(reply));
    case internal::DecodeReply::INTERNAL:
      return absl::InternalError(Message(reply));
    default:
      return Nonsense("result");
  }
  internal::ProcessedImage& image = *reply.mutable_image();
  if (request.analyse()) {
    SR_RETURN_IF_ERROR(CheckFacts(image.facts()));
    SR_RETURN_IF_ERROR(CheckAnalysis(image));
    SR_RETURN_IF_ERROR(CheckRungs(request, image));
  } else {
    // Nobody asked, so nobody may believe it.
    image.clear_facts();
    image.clear_analysis();
    if (image.rungs_size() > 0) return Nonsense("rungs");
  }
  if (image.renditions_size() != request.presets_size()) return Nonsense("renditions");
  DecodedImage decoded;
  for (int i = 0; i < request.presets_size(); ++i) {
    SR_RETURN_IF_ERROR(CheckRendition(request.presets(i), image.renditions(i)));
    SR_RETURN_IF_ERROR(CutOff(image.renditions(i), bytes, decoded.renditions));
  }
  for (const internal::RenditionMade& rung : image.rungs()) {
    SR_RETURN_IF_ERROR(CutOff(rung, bytes, decoded.rungs));
  }
  if (!bytes.empty()) return Nonsense("bytes are left over");
  decoded.image = std::move(image);
  return decoded;
}

}  // namespace stockroom::imageproc
