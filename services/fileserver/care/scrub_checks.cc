// What the scrub does with one thing.
#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/care/scrubber.h"

namespace stockroom::fileserver {
namespace {

// Times that a blob is looked at again because somebody changed it meanwhile.
constexpr int kAttempts = 5;

}  // namespace

Scrubber::Step Scrubber::CheckThing(const StoredThing& thing) {
  if (WaitFor(thing.sha256) == Step::kStop) return Step::kStop;
  for (int attempt = 0; thing.blob && attempt < kAttempts; ++attempt) {
    const Step step = CheckOriginal(thing.sha256);
    if (step == Step::kStop) return step;
    if (step == Step::kGoOn) break;
  }
  return CheckRenditions(thing.sha256);
}

Scrubber::Step Scrubber::CheckOriginal(const Digest& digest) {
  const absl::StatusOr<std::string> stamp = care_.StampBlob(digest);
  if (absl::IsNotFound(stamp.status())) return Step::kGoOn;  // collected meanwhile
  const absl::StatusOr<Checked> checked = ReadOriginal(digest);
  if (!checked.ok()) return Step::kStop;
  Step step = Step::kGoOn;
  if (checked->verdict.state == BlobVerdict::State::kDamaged) {
    step = Damaged(digest, stamp.value_or(""), *checked);
  } else if (checked->verdict.state == BlobVerdict::State::kUnreadable) {
    step = Unreadable(digest, stamp.value_or(""), *checked);
  }
  if (step != Step::kGoOn) return step;
  checked_blobs_.Add();
  MutexLock lock(mu_);
  ++place_.counts.blobs;
  if (checked->verdict.state == BlobVerdict::State::kOk) place_.unreadable.erase(digest);
  return step;
}

absl::StatusOr<Checked> Scrubber::ReadOriginal(const Digest& digest) {
  care_.DropCached(digest);
  absl::StatusOr<Checked> checked =
      CheckBlob(blobs_, digest, Depth::kWhole, [this](int64_t bytes) { return Pace(bytes); });
  // So that others keep what they had in memory.
  care_.DropCached(digest);
  return checked;
}

Scrubber::Step Scrubber::Damaged(const Digest& digest, const std::string& stamp,
                                 const Checked& checked) {
  // A bit that flipped in this machine's memory must not cost anybody a blob.
  const absl::StatusOr<Checked> second = ReadOriginal(digest);
  if (!second.ok()) return Step::kStop;
  if (second->verdict.state != BlobVerdict::State::kDamaged) {
    LogWarning("a blob looked damaged only once; see to this machine's memory",
               {{"digest", digest.hex()}, {"error", checked.verdict.message}});
    return Step::kAgain;
  }
  bool too_much = false;
  {
    MutexLock lock(mu_);
    too_much = place_.counts.damaged_blobs >= options_.max_damaged;
  }
  if (too_much) {
    return Halt(absl::StrCat("more than ", options_.max_damaged,
                             " originals are damaged: see to this machine's memory and disk"));
  }
  const Step step = Quarantine(digest, stamp, *second);
  if (step != Step::kGoOn) return step;
  damaged_blobs_.Add();
  {
    MutexLock lock(mu_);
    ++place_.counts.damaged_blobs;
  }
  SavePlace();
  return step;
}

Scrubber::Step Scrubber::Unreadable(const Digest& digest, const std::string& stamp,
                                    const Checked& checked) {
  LogError("a blob can not be read",
           {{"digest", digest.hex()}, {"error", checked.verdict.message}});
  read_errors_.Add();
  bool known = false;
  {
    MutexLock lock(mu_);
    ++place_.counts.read_errors;
    const auto [it, is_new] = place_.unreadable.try_emplace(digest, place_.pass);
    known = !is_new && it->second < place_.pass;
  }
  if (++unreadable_now_ > options_.max_unreadable) {
    return Halt(absl::StrCat("more than ", options_.max_unreadable,
                             " originals can not be read: see to the disk"));
  }
  // The first time it may be a cable; of what still can not be read a pass later, somebody may
  // have the bytes.
  return known ? Quarantine(digest, stamp, checked) : Step::kGoOn;
}

Scrubber::Step Scrubber::Quarantine(const Digest& digest, const std::string& stamp,
                                    const Checked& checked) {
  const absl::StatusOr<bool> moved = care_.QuarantineBlob(digest, stamp, checked.why);
  if (!moved.ok()) {
    LogError("a damaged blob can not be moved to the quarantine",
             {{"digest", digest.hex()}, {"error", moved.status()}});
    return Step::kGoOn;
  }
  if (!*moved) return Step::kAgain;
  LogError("a blob is damaged and was moved to the quarantine; uploading the same file heals it",
           {{"digest", digest.hex()}, {"why", checked.why}, {"error", checked.verdict.message}});
  quarantined_.Add(1);
  return Step::kGoOn;
}

Scrubber::Step Scrubber::CheckRenditions(const Digest& original) {
  const absl::StatusOr<std::vector<std::string>> keys = care_.ListRenditions(original);
  if (!keys.ok()) {
    LogError("renditions can not be listed",
             {{"original", original.hex()}, {"error", keys.status()}});
    CountReadError();
    return Step::kGoOn;
  }
  for (const std::string& key : *keys) {
    if (CheckOneRendition({.original = original, .key = key}) == Step::kStop) return Step::kStop;
  }
  return Step::kGoOn;
}

Scrubber::Step Scrubber::CheckOneRendition(const RenditionAddress& address) {
  const absl::StatusOr<Checked> checked =
      CheckRendition(blobs_, address, [this](int64_t bytes) { return Pace(bytes); });
  if (!checked.ok()) return Step::kStop;
  using State = BlobVerdict::State;
  if (checked->verdict.state == State::kMissing) return Step::kGoOn;
  checked_renditions_.Add();
  if (checked->verdict.state == State::kUnreadable) CountReadError();
  if (checked->verdict.state == State::kOk) {
    MutexLock lock(mu_);
    ++place_.counts.renditions;
    return Step::kGoOn;
  }
  // Unreadable ones, too: unlike an original it can be made anew. If somebody has replaced it just
  // now, that costs a remake.
  const absl::Status removed = blobs_.RemoveRendition(address);
  LogWarning("a damaged rendition was removed", {{"original", address.original.hex()},
                                                 {"key", address.key},
                                                 {"error", checked->verdict.message},
                                                 {"removed", removed.ok()}});
  damaged_renditions_.Add();
  MutexLock lock(mu_);
  ++place_.counts.renditions;
  ++place_.counts.damaged_renditions;
  return Step::kGoOn;
}

void Scrubber::CountReadError() {
  read_errors_.Add();
  MutexLock lock(mu_);
  ++place_.counts.read_errors;
}

Scrubber::Step Scrubber::Halt(const std::string& because) {
  LogError("the scrub halts", {{"because", because}});
  MutexLock lock(mu_);
  place_.halted_because = because;
  return Step::kStop;
}

}  // namespace stockroom::fileserver
