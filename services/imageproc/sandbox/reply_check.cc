#include "services/imageproc/sandbox/reply_check.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::imageproc {
namespace {

constexpr int kMaxSide = 65'500;
constexpr int kMaxAnalyses = 64;
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
  for (const char* format : {"jpeg", "png", "webp", "gif", "tiff", "avif"}) {
    if (facts.format() == format && facts.media_type() == absl::StrCat("image/", format)) {
      return absl::OkStatus();
    }
  }
  return Nonsense("format");
}

absl::Status CheckRendition(const internal::NamedRecipe& asked,
                            const internal::RenditionMade& made) {
  SR_ASSIGN_OR_RETURN(Recipe expected, ParseRecipe(asked.recipe()));
  const auto given = ParseRecipe(made.recipe());
  if (!given.ok() || given->format == ImageFormat::kAuto) return Nonsense("recipe");
  // The decoder's only freedom is what `auto` becomes.
  if (expected.format == ImageFormat::kAuto) expected.format = given->format;
  if (made.preset() != asked.preset() || made.recipe() != CanonicalText(expected) ||
      made.key() != RenditionKey(*given) || made.format() != FormatName(given->format) ||
      made.media_type() != FormatMediaType(given->format)) {
    return Nonsense("rendition");
  }
  if (!IsSide(made.width()) || !IsSide(made.height()) || made.size_bytes() < 1) {
    return Nonsense("rendition size");
  }
  return absl::OkStatus();
}

bool IsAnalysisName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxAnalysisName &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
}

absl::Status CheckAnalysis(const internal::ProcessedImage& image) {
  if (image.analysis_size() > kMaxAnalyses) return Nonsense("too many analyses");
  for (const auto& [name, text] : image.analysis()) {
    if (!IsAnalysisName(name) || text.size() > kMaxAnalysisBytes || !IsCleanUtf8(text) ||
        !nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false).is_object()) {
      return Nonsense("analysis");
    }
  }
  return absl::OkStatus();
}

std::string Message(const internal::DecodeReply& reply) {
  if (!IsCleanUtf8(reply.message()) || reply.message().empty()) return "no reason given";
  return reply.message().substr(0, kMaxMessage);
}

}  // namespace

absl::StatusOr<DecodedImage> CheckReply(const internal::DecodeRequest& request,
                                        internal::DecodeReply reply, std::string_view renditions) {
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
  SR_RETURN_IF_ERROR(CheckFacts(reply.image().facts()));
  SR_RETURN_IF_ERROR(CheckAnalysis(reply.image()));
  if (reply.image().renditions_size() != request.presets_size()) return Nonsense("renditions");
  DecodedImage decoded;
  for (int i = 0; i < request.presets_size(); ++i) {
    const internal::RenditionMade& made = reply.image().renditions(i);
    SR_RETURN_IF_ERROR(CheckRendition(request.presets(i), made));
    if (static_cast<uint64_t>(made.size_bytes()) > renditions.size()) return Nonsense("lengths");
    const auto size = static_cast<size_t>(made.size_bytes());
    decoded.renditions.emplace_back(renditions.substr(0, size));
    renditions.remove_prefix(size);
  }
  if (!renditions.empty()) return Nonsense("bytes are left over");
  decoded.image = std::move(*reply.mutable_image());
  return decoded;
}

}  // namespace stockroom::imageproc
