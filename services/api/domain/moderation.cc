#include "services/api/domain/moderation.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/api/domain/access.h"
#include "services/api/domain/block_list.h"
#include "services/api/domain/validation.h"
#include "services/common/base/ids.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;
constexpr int kMaxHashPage = kMaxHashesPerCall;

absl::StatusOr<int> PageSize(int asked, int most) {
  if (asked < 0 || asked > most) {
    return InvalidField("page_size", absl::StrCat("expected 1 to ", most));
  }
  return asked == 0 ? kDefaultPage : asked;
}

absl::Status CheckToken(const std::string& token) {
  if (token.empty() || IsUuid(token)) return absl::OkStatus();
  return InvalidField("page_token", "is not one of an earlier answer");
}

absl::StatusOr<std::string> CleanHash(std::string_view text) {
  std::string hash(text);
  std::transform(hash.begin(), hash.end(), hash.begin(),
                 [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  if (Pdq::FromHex(hash).ok()) return hash;
  return InvalidField("hash", "'" + std::string(text.substr(0, 80)) +
                                  "' is no PDQ hash; expected 64 hexadecimal digits");
}

absl::Status CheckText(const char* field, const std::string& text, size_t most) {
  if (text.size() <= most && IsCleanUtf8(text)) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("expected at most ", most, " bytes of UTF-8"));
}

absl::Status Normalise(BlockedHash& hash) {
  SR_ASSIGN_OR_RETURN(hash.hash, CleanHash(hash.hash));
  if (hash.threshold < 0 || hash.threshold > kMaxHashThreshold) {
    return InvalidField("threshold", absl::StrCat("expected 0 to ", kMaxHashThreshold));
  }
  SR_RETURN_IF_ERROR(CheckText("label", hash.label, kMaxHashLabel));
  return CheckText("note", hash.note, kMaxHashNote);
}

absl::Status CheckCount(size_t count) {
  if (count >= 1 && count <= kMaxHashesPerCall) return absl::OkStatus();
  return InvalidField("hashes", absl::StrCat("expected 1 to ", kMaxHashesPerCall, " in one call"));
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

absl::StatusOr<BlockedHash> ParseHashLine(std::string_view line) {
  BlockedHash hash;
  const size_t comma = line.find(',');
  hash.hash = Trimmed(line.substr(0, comma));
  if (comma != std::string_view::npos) {
    const std::string_view rest = line.substr(comma + 1);
    const size_t second = rest.find(',');
    const std::string threshold(Trimmed(rest.substr(0, second)));
    if (!threshold.empty() && !absl::SimpleAtoi(threshold, &hash.threshold)) {
      return InvalidField("threshold", "'" + threshold.substr(0, 40) + "' is no number");
    }
    if (second != std::string_view::npos) hash.note = Trimmed(rest.substr(second + 1));
  }
  SR_RETURN_IF_ERROR(Normalise(hash));
  return hash;
}

}  // namespace

absl::StatusOr<std::vector<BlockedHash>> ParseHashText(std::string_view text) {
  std::vector<BlockedHash> hashes;
  int number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = Trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    ++number;
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<BlockedHash> hash = ParseHashLine(line);
    if (!hash.ok()) {
      return InvalidField("text", absl::StrCat("line ", number, ": ", hash.status().message()));
    }
    hashes.push_back(*std::move(hash));
  }
  return hashes;
}

std::string HashText(const std::vector<BlockedHash>& hashes) {
  std::string text;
  for (const BlockedHash& hash : hashes) {
    std::string note = hash.note;
    std::replace_if(
        note.begin(), note.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    absl::StrAppend(&text, hash.hash, ",", hash.threshold);
    if (!note.empty()) absl::StrAppend(&text, ",", note);
    text += '\n';
  }
  return text;
}

Moderation::Moderation(Options options, MetadataStore& store, Clock& clock)
    : options_(std::move(options)), store_(store), moderation_(store.moderation()), clock_(clock) {}

absl::StatusOr<HiddenPage> Moderation::ListHidden(ImageState state, int page_size,
                                                  const std::string& page_token) {
  SR_ASSIGN_OR_RETURN(const int wanted, PageSize(page_size, kMaxPage));
  SR_RETURN_IF_ERROR(CheckToken(page_token));
  SR_ASSIGN_OR_RETURN(std::vector<Image> images,
                      moderation_.ListHidden(state, page_token, wanted + 1));
  HiddenPage page;
  if (static_cast<int>(images.size()) > wanted) {
    images.pop_back();
    page.next_page_token = images.back().id;
  }
  for (Image& image : images) {
    SR_ASSIGN_OR_RETURN(std::vector<Decision> latest, moderation_.ListDecisions(image.id, "", 1));
    page.items.push_back({std::move(image), std::nullopt});
    if (!latest.empty()) page.items.back().latest = std::move(latest.front());
  }
  return page;
}

absl::StatusOr<ChangedImage> Moderation::Decide(const Principal& who, const std::string& id,
                                                ImageState to, const std::string& reason,
                                                const WriteOptions& options) {
  SR_RETURN_IF_ERROR(CheckImageId(id));
  SR_RETURN_IF_ERROR(CheckText("reason", reason, kMaxDecisionReason));
  if (options.if_revision < 0) {
    return InvalidField("if_revision", "expected the revision of an image, or 0 for no condition");
  }
  const DecisionRequest request{
      .who = who.subject, .to = to, .reason = reason, .if_revision = options.if_revision};
  absl::StatusOr<ChangedImage> changed =
      moderation_.Decide(id, request, clock_.Now(), options.once);
  if (absl::IsNotFound(changed.status())) return NoSuchImage(id);
  if (changed.ok()) {
    if (options_.listener != nullptr) options_.listener->Changed(changed->image);
    LogInfo("a moderator decided",
            {{"image", id}, {"who", who.subject}, {"state", static_cast<int>(to)}});
  }
  return changed;
}

absl::StatusOr<DecisionPage> Moderation::ListDecisions(const std::string& image_id, int page_size,
                                                       const std::string& page_token) {
  SR_ASSIGN_OR_RETURN(const int wanted, PageSize(page_size, kMaxPage));
  SR_RETURN_IF_ERROR(CheckToken(page_token));
  if (!image_id.empty()) SR_RETURN_IF_ERROR(CheckImageId(image_id));
  DecisionPage page;
  SR_ASSIGN_OR_RETURN(page.decisions, moderation_.ListDecisions(image_id, page_token, wanted + 1));
  if (static_cast<int>(page.decisions.size()) > wanted) {
    page.decisions.pop_back();
    page.next_page_token = page.decisions.back().id;
  }
  return page;
}

absl::StatusOr<ModerationStore::Added> Moderation::AddHashes(const Principal& who,
                                                             std::vector<BlockedHash> hashes) {
  SR_RETURN_IF_ERROR(CheckCount(hashes.size()));
  const absl::Time now = clock_.Now();
  std::map<std::string, BlockedHash> distinct;
  for (BlockedHash& hash : hashes) {
    SR_RETURN_IF_ERROR(Normalise(hash));
    hash.creator = who.subject;
    hash.create_time = now;
    std::string text = hash.hash;
    distinct.insert_or_assign(std::move(text), std::move(hash));
  }
  std::vector<BlockedHash> once;
  once.reserve(distinct.size());
  for (auto& [text, hash] : distinct) once.push_back(std::move(hash));
  SR_ASSIGN_OR_RETURN(const ModerationStore::Added added,
                      moderation_.AddHashes(once, options_.max_hashes));
  LogInfo("hashes were blocked",
          {{"added", added.added}, {"version", added.version}, {"who", who.subject}});
  options_.wake();
  return added;
}

absl::StatusOr<int> Moderation::RemoveHashes(std::vector<std::string> hashes) {
  SR_RETURN_IF_ERROR(CheckCount(hashes.size()));
  for (std::string& hash : hashes) {
    SR_ASSIGN_OR_RETURN(hash, CleanHash(hash));
  }
  SR_ASSIGN_OR_RETURN(const int removed, moderation_.RemoveHashes(hashes));
  options_.wake();
  return removed;
}

absl::StatusOr<HashPage> Moderation::ListHashes(int page_size, const std::string& page_token) {
  SR_ASSIGN_OR_RETURN(const int wanted, PageSize(page_size, kMaxHashPage));
  if (!page_token.empty() && !Pdq::FromHex(page_token).ok()) {
    return InvalidField("page_token", "is not one of an earlier answer");
  }
  HashPage page;
  SR_ASSIGN_OR_RETURN(page.hashes, moderation_.ListHashes(page_token, wanted + 1));
  if (static_cast<int>(page.hashes.size()) > wanted) {
    page.hashes.pop_back();
    page.next_page_token = page.hashes.back().hash;
  }
  return page;
}

absl::StatusOr<KeyOutcome> Moderation::HoldKey(
    const CallContext& context, const Principal& who, const Digest& fingerprint,
    std::function<std::string(const Image& image, bool deduplicated)> answer) {
  return api::HoldKey(store_, clock_, context, who, fingerprint, std::move(answer));
}

}  // namespace stockroom::api
