#include "services/api/domain/block_list.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using Hash = std::array<uint64_t, 4>;
using Turns = std::array<Hash, kPdqTurns.size()>;

// The distance of the nearest turn; of those farther than `threshold` that they are.
[[gnu::always_inline]] inline int NearestOf(const Hash& hash, const Turns& turns, int threshold) {
  int nearest = threshold + 1;
  for (const Hash& turn : turns) {
    int distance = 0;
    for (size_t i = 0; i < hash.size() && distance < nearest; ++i) {
      distance += std::popcount(hash[i] ^ turn[i]);
    }
    nearest = std::min(nearest, distance);
  }
  return nearest;
}

int Nearest(const Hash& hash, const Turns& turns, int threshold) {
  return NearestOf(hash, turns, threshold);
}
#if defined(__x86_64__)
// One instruction a word instead of a dozen, which every processor since 2008 has.
[[gnu::target("popcnt")]] int NearestByPopcnt(const Hash& hash, const Turns& turns, int threshold) {
  return NearestOf(hash, turns, threshold);
}
#endif

auto ChooseNearest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt")) return &NearestByPopcnt;
#endif
  return &Nearest;
}

}  // namespace

std::optional<FoundPdq> ParsePdq(std::string_view json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return std::nullopt;
  const auto hash = parsed.find("hash");
  const auto quality = parsed.find("quality");
  if (hash == parsed.end() || !hash->is_string()) return std::nullopt;
  if (quality == parsed.end() || !quality->is_number_integer()) return std::nullopt;
  const absl::StatusOr<Pdq> pdq = Pdq::FromHex(hash->get_ref<const std::string&>());
  if (!pdq.ok()) return std::nullopt;
  return FoundPdq{.hash = *pdq, .quality = quality->get<int>()};
}

BlockListSnapshot::BlockListSnapshot(const BlockListRows& rows) : version_(rows.version) {
  std::map<std::string, uint32_t> labels;
  entries_.reserve(rows.hashes.size());
  texts_.reserve(rows.hashes.size());
  for (const BlockedHash& row : rows.hashes) {
    const absl::StatusOr<Pdq> pdq = Pdq::FromHex(row.hash);
    if (!pdq.ok()) continue;
    const auto [label, is_new] =
        labels.try_emplace(row.label, static_cast<uint32_t>(labels_.size()));
    if (is_new) labels_.push_back(row.label);
    entries_.push_back({.hash = WordsOf(*pdq),
                        .threshold = row.threshold,
                        .label = label->second,
                        .version = row.version});
    texts_.push_back(row.hash);
  }
}

BlockListSnapshot::Words BlockListSnapshot::WordsOf(const Pdq& pdq) {
  Words words;
  static_assert(sizeof words == Pdq::kSize);
  std::memcpy(words.data(), pdq.bytes().data(), sizeof words);
  return words;
}

std::optional<Finding> BlockListSnapshot::Match(const Pdq& picture, int64_t after) const {
  std::array<Words, kPdqTurns.size()> turned;
  std::transform(kPdqTurns.begin(), kPdqTurns.end(), turned.begin(),
                 [&](PdqTurn turn) { return WordsOf(picture.Turned(turn)); });
  static const auto nearest = ChooseNearest();
  const Entry* closest = nullptr;
  int best = 0;
  int64_t newest = 0;
  for (const Entry& entry : entries_) {
    if (entry.version <= after) continue;
    const int distance = nearest(entry.hash, turned, entry.threshold);
    if (distance > entry.threshold) continue;
    newest = std::max(newest, entry.version);
    if (closest != nullptr && distance >= best) continue;
    closest = &entry;
    best = distance;
  }
  if (closest == nullptr) return std::nullopt;
  Finding finding{.reason = "the picture is like one on the block list",
                  .hash = texts_[closest - entries_.data()],
                  .distance = best,
                  .hash_version = newest,
                  .labels = {}};
  if (!labels_[closest->label].empty()) finding.labels = {labels_[closest->label]};
  return finding;
}

BlockList::BlockList(Options options, ModerationStore& store, Metrics& metrics)
    : options_(options),
      store_(store),
      hashes_gauge_(metrics.GetGauge("stockroom_block_list_hashes", "Hashes on the block list.")),
      version_gauge_(metrics.GetGauge("stockroom_block_list_version",
                                      "Version of the block list that this api knows.")),
      unhashed_total_(metrics.GetCounter("stockroom_moderation_unhashed_total",
                                         "Pictures that had no perceptual hash to compare, or too "
                                         "little detail for one.")),
      list_(std::make_shared<const BlockListSnapshot>()) {}

std::shared_ptr<const BlockListSnapshot> BlockList::Get() const {
  MutexLock lock(mu_);
  return list_;
}

absl::Status BlockList::Refresh() {
  SR_ASSIGN_OR_RETURN(const SweepState state, store_.ReadSweep());
  return AtLeast(state.version).status();
}

absl::StatusOr<std::shared_ptr<const BlockListSnapshot>> BlockList::AtLeast(int64_t version) {
  if (auto list = Get(); list->version() >= version) return list;
  SR_ASSIGN_OR_RETURN(const BlockListRows rows, store_.ReadBlockList());
  auto fresh = std::make_shared<const BlockListSnapshot>(rows);
  if (fresh->version() < version) {
    return absl::InternalError("the block list is older than a version of it that was seen");
  }
  MutexLock lock(mu_);
  // Another thread may have been faster with a newer one.
  if (fresh->version() > list_->version()) list_ = std::move(fresh);
  hashes_gauge_.Set(static_cast<int64_t>(list_->size()));
  version_gauge_.Set(list_->version());
  return list_;
}

std::optional<Finding> BlockList::Match(const BlockListSnapshot& list, std::string_view pdq,
                                        int64_t after) const {
  if (list.size() == 0) return std::nullopt;
  const std::optional<FoundPdq> found = ParsePdq(pdq);
  if (!found || found->quality < options_.min_quality) {
    unhashed_total_.Add();
    return std::nullopt;
  }
  return list.Match(found->hash, after);
}

}  // namespace stockroom::api
