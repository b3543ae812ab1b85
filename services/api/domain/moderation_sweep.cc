#include "services/api/domain/moderation_sweep.h"

#include <utility>
#include <vector>

#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {

ModerationSweep::ModerationSweep(Options options, MetadataStore& store, BlockList& list,
                                 Clock& clock, Metrics& metrics)
    : options_(std::move(options)),
      moderation_(store.moderation()),
      store_(store),
      list_(list),
      clock_(clock),
      swept_total_(metrics.GetCounter("stockroom_moderation_swept_total",
                                      "Visible images compared with new hashes.")),
      flagged_total_(metrics.GetCounter("stockroom_moderation_sweep_flagged_total",
                                        "Visible images that a new hash has flagged.")),
      behind_gauge_(metrics.GetGauge("stockroom_moderation_sweep_behind",
                                     "Versions of the block list that visible images are still "
                                     "to be compared with.")) {}

ModerationSweep::~ModerationSweep() { Stop(); }

void ModerationSweep::Start() {
  loop_.Start("moderation", [this] { Run(); });
}

void ModerationSweep::Poke() { loop_.Poke(); }

void ModerationSweep::Stop() { loop_.Stop(); }

void ModerationSweep::Run() {
  bool more = false;
  do {
    const absl::StatusOr<bool> step = Step();
    if (!step.ok()) {
      LogWarning("images can not be held against the block list", {{"error", step.status()}});
    }
    more = step.value_or(false);
  } while (loop_.Sleep(more ? absl::ZeroDuration() : options_.poll));
}

absl::StatusOr<bool> ModerationSweep::Step() {
  SR_ASSIGN_OR_RETURN(SweepState state, moderation_.ReadSweep());
  SR_ASSIGN_OR_RETURN(const auto list, list_.AtLeast(state.version));
  behind_gauge_.Set(state.version - state.done);
  if (state.target == 0 && state.done >= state.version) return false;
  SR_ASSIGN_OR_RETURN(const bool mine, store_.TakeLease("moderation-sweep", options_.holder,
                                                        clock_.Now(), options_.lease));
  if (!mine) return false;
  if (state.target == 0) {
    const SweepState begun{.done = state.done, .target = state.version, .cursor = {}};
    SR_RETURN_IF_ERROR(moderation_.MoveSweep(state, begun));
    state.target = begun.target;
    state.cursor.clear();
  }
  const absl::StatusOr<bool> more = SweepPage(state, *list);
  // Another api took over while this one was held up; what was flagged twice was flagged once.
  if (DetailsOf(more.status()).reason == "SWEEP_MOVED") return false;
  return more;
}

absl::StatusOr<bool> ModerationSweep::SweepPage(const SweepState& state,
                                                const BlockListSnapshot& list) {
  SR_ASSIGN_OR_RETURN(const std::vector<HashedImage> images,
                      moderation_.ListVisible(state.cursor, options_.page));
  for (const HashedImage& image : images) {
    const std::optional<Finding> finding = list_.Match(list, image.pdq, state.done);
    if (!finding) continue;
    SR_ASSIGN_OR_RETURN(const bool flagged,
                        moderation_.FlagVisible(image.id, *finding, clock_.Now()));
    if (!flagged) continue;
    if (options_.listener != nullptr) {
      // If it can not be read now, the feed tells of it.
      const absl::StatusOr<Image> hidden = store_.GetImage(image.id);
      if (hidden.ok()) options_.listener->Changed(*hidden);
    }
    flagged_total_.Add();
    LogInfo("a new hash has flagged an image", {{"image", image.id}, {"hash", finding->hash}});
  }
  swept_total_.Add(static_cast<int64_t>(images.size()));
  if (static_cast<int>(images.size()) == options_.page) {
    SR_RETURN_IF_ERROR(moderation_.MoveSweep(
        state, {.done = state.done, .target = state.target, .cursor = images.back().id}));
    return true;
  }
  SR_RETURN_IF_ERROR(
      moderation_.MoveSweep(state, {.done = state.target, .target = 0, .cursor = {}}));
  LogInfo("visible images were held against the block list", {{"version", state.target}});
  return true;
}

}  // namespace stockroom::api
