#include "services/api/domain/store_care.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "services/api/domain/list_token.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// What is wrong about an image whose original is so; nothing if nothing is.
std::optional<ImageProblem> ProblemOf(const Image& image, const BlobVerdict& verdict) {
  ImageProblem problem{.image_id = image.id,
                       .owner = image.owner,
                       .sha256 = image.sha256,
                       .message = verdict.message};
  using Kind = ImageProblem::Kind;
  switch (verdict.state) {
    case BlobVerdict::State::kMissing:
      problem.kind = Kind::kMissing;
      return problem;
    case BlobVerdict::State::kDamaged:
      problem.kind = Kind::kDamaged;
      return problem;
    case BlobVerdict::State::kUnreadable:
      problem.kind = Kind::kUnreadable;
      return problem;
    case BlobVerdict::State::kOk:
      break;
  }
  if (verdict.size != image.size_bytes) {
    problem.kind = Kind::kWrongSize;
    problem.message = absl::StrCat("the database says ", image.size_bytes,
                                   " bytes, the file server ", verdict.size);
    return problem;
  }
  // Not every backend keeps it.
  if (!verdict.md5.empty() && !image.md5.empty() && verdict.md5 != image.md5) {
    problem.kind = Kind::kWrongMd5;
    problem.message = "database and file server have different MD5 sums";
    return problem;
  }
  return std::nullopt;
}

std::vector<Digest> DigestsOf(const std::vector<Image>& images) {
  std::vector<Digest> digests;
  for (const Image& image : images) digests.push_back(image.sha256);
  return digests;
}

// Each once, in the order in which they first come.
std::vector<Digest> Distinct(const std::vector<Digest>& digests) {
  std::map<Digest, bool> seen;
  std::vector<Digest> distinct;
  for (const Digest& digest : digests) {
    if (seen.try_emplace(digest, true).second) distinct.push_back(digest);
  }
  return distinct;
}

// Takes away the first that `ends` is true of, and what follows.
void EndBefore(std::vector<Image>& images, absl::FunctionRef<bool(const Image&)> ends) {
  images.erase(std::find_if(images.begin(), images.end(), ends), images.end());
}

using Verdicts = std::map<Digest, BlobVerdict>;

Verdicts ByDigest(std::vector<BlobVerdict> verdicts) {
  Verdicts by_digest;
  for (BlobVerdict& verdict : verdicts) by_digest[verdict.sha256] = std::move(verdict);
  return by_digest;
}

}  // namespace

absl::StatusOr<std::vector<BlobVerdict>> StoreCare::VerifySome(const CallContext& context,
                                                               const std::vector<Digest>& digests,
                                                               bool full) {
  const absl::Time until = absl::Now() + options_.patience;
  std::vector<BlobVerdict> verdicts;
  std::span<const Digest> rest = digests;
  while (!rest.empty() && (verdicts.empty() || absl::Now() < until)) {
    SR_ASSIGN_OR_RETURN(
        std::vector<BlobVerdict> some,
        files_.VerifyBlobs(context, rest.first(std::min<size_t>(rest.size(), kMaxVerified)), full));
    rest = rest.subspan(some.size());
    std::move(some.begin(), some.end(), std::back_inserter(verdicts));
  }
  return verdicts;
}

absl::StatusOr<CheckedImages> StoreCare::CheckImages(const CallContext& context,
                                                     const std::string& page_token, bool full) {
  SR_ASSIGN_OR_RETURN(const std::optional<ListCursor> after, CursorOf(page_token));
  SR_ASSIGN_OR_RETURN(
      std::vector<Image> images,
      store_.ListImages({.all_owners = true, .after = after, .limit = options_.page_size}));
  CheckedImages result;
  if (images.empty()) return result;
  const size_t listed = images.size();
  SR_ASSIGN_OR_RETURN(std::vector<BlobVerdict> some,
                      VerifySome(context, Distinct(DigestsOf(images)), full));
  const Verdicts verdicts = ByDigest(std::move(some));
  // Where time is up, the next page begins.
  EndBefore(images, [&](const Image& image) { return !verdicts.contains(image.sha256); });
  std::vector<Image> suspects;
  for (const Image& image : images) {
    if (ProblemOf(image, verdicts.at(image.sha256))) suspects.push_back(image);
  }
  SR_ASSIGN_OR_RETURN(SecondLook look, LookAgain(context, suspects, full));
  result.problems = std::move(look.problems);
  EndBefore(images, [&](const Image& image) { return image.id == look.too_late; });
  for (const Image& image : images) {
    result.next_page_token = TokenOf(image);
    ++result.images;
    result.bytes += image.size_bytes;
  }
  const bool last_page = images.size() == listed && static_cast<int>(listed) < options_.page_size;
  if (last_page) result.next_page_token.clear();
  return result;
}

absl::StatusOr<StoreCare::SecondLook> StoreCare::LookAgain(const CallContext& context,
                                                           const std::vector<Image>& suspects,
                                                           bool full) {
  SecondLook look;
  if (suspects.empty()) return look;
  std::vector<std::string> ids;
  for (const Image& image : suspects) ids.push_back(image.id);
  // The row first: an image that was deleted meanwhile may well have lost its original since.
  SR_ASSIGN_OR_RETURN(std::vector<Image> still, store_.GetImages(ids));
  if (still.empty()) return look;
  // In the order of the page, so that what there is no time for is its end.
  std::map<std::string, size_t> place;
  for (const std::string& id : ids) place.emplace(id, place.size());
  std::sort(still.begin(), still.end(),
            [&](const Image& a, const Image& b) { return place[a.id] < place[b.id]; });
  SR_ASSIGN_OR_RETURN(std::vector<BlobVerdict> some,
                      VerifySome(context, Distinct(DigestsOf(still)), full));
  const Verdicts verdicts = ByDigest(std::move(some));
  for (const Image& image : still) {
    const auto verdict = verdicts.find(image.sha256);
    if (verdict == verdicts.end()) {
      look.too_late = image.id;
      return look;
    }
    std::optional<ImageProblem> problem = ProblemOf(image, verdict->second);
    if (problem) look.problems.push_back(*std::move(problem));
  }
  return look;
}

absl::StatusOr<CheckedBlobs> StoreCare::CheckBlobs(const CallContext& context,
                                                   const std::string& page_token) {
  SR_ASSIGN_OR_RETURN(const StoredPage page,
                      files_.ListStored(context, page_token, options_.blob_page_size));
  CheckedBlobs result;
  result.next_page_token = page.next_cursor;
  std::vector<Digest> originals;
  for (const StoredThing& thing : page.things) {
    if (thing.blob) originals.push_back(thing.sha256);
    if (!thing.blob) ++result.only_renditions;
  }
  if (originals.empty()) return result;
  SR_ASSIGN_OR_RETURN(std::vector<Digest> referenced, store_.ReferencedAmong(originals));
  std::sort(referenced.begin(), referenced.end());
  for (const StoredThing& thing : page.things) {
    if (!thing.blob) continue;
    ++result.originals;
    result.bytes += thing.size;
    if (std::binary_search(referenced.begin(), referenced.end(), thing.sha256)) continue;
    ++result.unreferenced;
    result.unreferenced_bytes += thing.size;
    result.oldest_unreferenced = std::min(result.oldest_unreferenced, thing.touched);
  }
  return result;
}

}  // namespace stockroom::api
