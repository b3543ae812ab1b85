#include "services/fileserver/backends/mirror_backlog.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

constexpr char kGone[] = ".gone";
constexpr char kCompared[] = "compared";
constexpr int64_t kMaxComparedBytes = 4096;
// After an error: of S3 as a whole, and of one blob alone.
constexpr absl::Duration kFirstPause = absl::Milliseconds(500);
constexpr absl::Duration kLongestPause = absl::Seconds(30);
constexpr absl::Duration kLongestDelay = absl::Minutes(10);
constexpr int kMostDoublings = 12;

// May pass, and may be the same for every blob.
bool IsOfAll(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsDeadlineExceeded(status) || absl::IsFailedPrecondition(status) ||
         absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status);
}

absl::Status NoRoom() {
  return Overloaded("too much waits to be brought to S3 already", absl::Minutes(1));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MirrorBacklog>> MirrorBacklog::Open(Env& env, DirectorySyncs& syncs,
                                                                   const Options& options,
                                                                   Metrics& metrics) {
  std::unique_ptr<MirrorBacklog> backlog(new MirrorBacklog(env, syncs, options, metrics));
  SR_RETURN_IF_ERROR(backlog->Load());
  return backlog;
}

MirrorBacklog::MirrorBacklog(Env& env, DirectorySyncs& syncs, const Options& options,
                             Metrics& metrics)
    : env_(env),
      syncs_(syncs),
      options_(options),
      depth_gauge_(metrics.GetGauge("stockroom_fileserver_mirror_backlog",
                                    "Originals that wait to be brought to S3, deleted there, or "
                                    "brought back.")),
      age_gauge_(metrics.GetGauge("stockroom_fileserver_mirror_backlog_age_seconds",
                                  "For how long the oldest of them waits.")),
      compared_gauge_(metrics.GetGauge("stockroom_fileserver_mirror_compared",
                                       "1 if what differs from S3 is known, 0 while both still "
                                       "have to be compared.")),
      away_gauge_(metrics.GetGauge("stockroom_fileserver_mirror_away",
                                   "1 after an attempt to bring something to S3 failed.")),
      overflows_(metrics.GetCounter("stockroom_fileserver_mirror_backlog_overflows_total",
                                    "Originals stored while the backlog had no room: S3 is "
                                    "compared as a whole because of them.")) {}

absl::Status MirrorBacklog::Load() {
  SR_RETURN_IF_ERROR(EnsureDirectory(env_, options_.directory));
  SR_RETURN_IF_ERROR(SyncParent(env_, options_.directory));
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env_.List(options_.directory));
  const absl::Duration now = options_.steady();
  const absl::StatusOr<std::string> compared =
      ReadSmallFile(env_, options_.directory + "/" + kCompared, kMaxComparedBytes);
  MutexLock lock(mu_);
  for (const std::string& name : names) {
    const bool gone = absl::EndsWith(name, kGone);
    const absl::StatusOr<Digest> digest = Digest::FromHex(
        gone ? name.substr(0, name.size() - (sizeof(kGone) - 1)) : std::string(name));
    if (!digest.ok()) continue;
    if (gone && options_.is_here && options_.is_here(*digest)) {
      SR_RETURN_IF_ERROR(env_.Unlink(options_.directory + "/" + name));
      continue;
    }
    const auto [it, is_new] = entries_.try_emplace(*digest);
    Entry& entry = it->second;
    (gone ? entry.gone : entry.look) = true;
    // Nobody knows whether the one who made it came to syncing it.
    const absl::StatusOr<FileInfo> info = env_.Stat(options_.directory + "/" + name);
    const absl::Time made = info.ok() ? info->modified : options_.clock->Now();
    if (!is_new) {
      entry.since = std::min(entry.since, made);
      continue;
    }
    entry.since = made;
    entry.first = entry.generation = next_generation_++;
    Schedule(*digest, entry, now);
  }
  if (compared.ok()) {
    const size_t newline = compared->find('\n');
    int64_t seconds = 0;
    if (newline != std::string::npos && compared->substr(0, newline) == options_.remote &&
        absl::SimpleAtoi(compared->substr(newline + 1), &seconds)) {
      compared_ = true;
      compared_at_ = absl::FromUnixSeconds(seconds);
    }
  }
  ShowMetricsLocked();
  return absl::OkStatus();
}

std::string MirrorBacklog::PathOf(const Digest& digest, bool gone) const {
  return absl::StrCat(options_.directory, "/", digest.hex(), gone ? kGone : "");
}

Mutex& MirrorBacklog::FilesOf(const Digest& digest) {
  return files_[static_cast<unsigned char>(digest.bytes()[1]) % files_.size()];
}

MirrorBacklog::Entry* MirrorBacklog::Find(const Digest& digest, bool make) {
  const auto it = entries_.find(digest);
  if (it != entries_.end()) return &it->second;
  if (!make || static_cast<int64_t>(entries_.size()) >= options_.max_entries) return nullptr;
  Entry& entry = entries_[digest];
  entry.since = options_.clock->Now();
  entry.first = entry.generation = next_generation_++;
  return &entry;
}

void MirrorBacklog::Unschedule(const Digest& digest, Entry& entry) {
  due_.erase({entry.due, digest});
}

void MirrorBacklog::Schedule(const Digest& digest, Entry& entry, absl::Duration due) {
  Unschedule(digest, entry);
  if (entry.running || entry.writers > 0) return;
  entry.due = due;
  due_.insert({due, digest});
  work_.NotifyOne();
}

absl::Status MirrorBacklog::MakeFile(const std::string& path) {
  const absl::Status made = env_.Create(path).status();
  return absl::IsAlreadyExists(made) ? absl::OkStatus() : made;
}

absl::Status MirrorBacklog::MakeDurable(const Digest& digest, bool gone) {
  SR_RETURN_IF_ERROR(syncs_.Sync(options_.directory));
  MutexLock lock(mu_);
  // It may have been dealt with meanwhile.
  Entry* entry = Find(digest, false);
  if (entry == nullptr) return absl::OkStatus();
  if (gone && entry->gone) entry->gone_durable = true;
  if (!gone && entry->look) entry->look_durable = true;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MirrorBacklog::WillWrite(const Digest& digest) {
  uint64_t ticket = 0;
  bool durable = false;
  {
    MutexLock files(FilesOf(digest));
    bool made = false;
    {
      MutexLock lock(mu_);
      Entry* entry = Find(digest, true);
      if (entry != nullptr) {
        ticket = entry->generation = next_generation_++;
        made = !entry->look;
        durable = entry->look && entry->look_durable;
        entry->look = true;
        if (made) entry->look_durable = false;
        ++entry->writers;
        Unschedule(digest, *entry);
      }
    }
    if (ticket != 0 && made) {
      if (const absl::Status file = MakeFile(PathOf(digest, false)); !file.ok()) {
        // What it says in memory does no harm; the blob is not written.
        WriterLeft(digest);
        return file;
      }
    }
  }
  if (ticket == 0) {
    SR_RETURN_IF_ERROR(Overflow());
    return ticket;
  }
  if (durable) return ticket;
  if (const absl::Status synced = MakeDurable(digest, false); !synced.ok()) {
    WriterLeft(digest);
    return synced;
  }
  return ticket;
}

absl::Status MirrorBacklog::Written(const Digest& digest, uint64_t ticket) {
  // A comparison may have passed it by and ended meanwhile.
  if (ticket == 0) return Overflow();
  WriterLeft(digest);
  return absl::OkStatus();
}

void MirrorBacklog::WriterLeft(const Digest& digest) {
  MutexLock lock(mu_);
  Entry* entry = Find(digest, false);
  if (entry == nullptr || entry->writers == 0) return;
  if (--entry->writers == 0) Schedule(digest, *entry, options_.steady());
  ShowMetricsLocked();
}

absl::StatusOr<MirrorBacklog::Deletion> MirrorBacklog::WillDelete(const Digest& digest) {
  Deletion deletion;
  bool durable = false;
  {
    MutexLock files(FilesOf(digest));
    {
      MutexLock lock(mu_);
      Entry* entry = Find(digest, true);
      if (entry == nullptr) return NoRoom();
      deletion = {.generation = entry->generation, .was_quiet = entry->writers == 0};
      durable = entry->gone && entry->gone_durable;
      if (!entry->gone) entry->gone_durable = false;
      entry->gone = true;
      // Until Deleted nobody shall look.
      ++entry->writers;
      Unschedule(digest, *entry);
    }
    if (!durable) {
      if (const absl::Status file = MakeFile(PathOf(digest, true)); !file.ok()) {
        WriterLeft(digest);
        return file;
      }
    }
  }
  if (durable) return deletion;
  if (const absl::Status synced = MakeDurable(digest, true); !synced.ok()) {
    WriterLeft(digest);
    return synced;
  }
  return deletion;
}

void MirrorBacklog::Deleted(const Digest& digest, const Deletion& deletion, Outcome outcome) {
  MutexLock files(FilesOf(digest));
  bool forget_look = false;
  bool forget_gone = false;
  {
    MutexLock lock(mu_);
    Entry* entry = Find(digest, false);
    if (entry == nullptr) return;
    // Whoever wrote it before the deletion has nothing left to be brought to S3. Who began since,
    // or had begun, has.
    forget_look = outcome == Outcome::kDeleted && entry->look && deletion.was_quiet &&
                  !entry->running && entry->generation == deletion.generation;
    forget_gone = outcome == Outcome::kKept && entry->gone;
    if (forget_look) entry->look = entry->look_durable = false;
    if (forget_gone) entry->gone = entry->gone_durable = false;
    --entry->writers;
    if (!entry->look && !entry->gone && !entry->running && entry->writers == 0) {
      Unschedule(digest, *entry);
      entries_.erase(digest);
    } else {
      if (entry->gone) entry->generation = next_generation_++;
      Schedule(digest, *entry, options_.steady());
    }
    ShowMetricsLocked();
  }
  if (forget_look) RemoveFile(PathOf(digest, false));
  if (forget_gone) RemoveFile(PathOf(digest, true));
}

bool MirrorBacklog::IsGone(const Digest& digest) const {
  MutexLock lock(mu_);
  const auto it = entries_.find(digest);
  return it != entries_.end() && it->second.gone && !it->second.look;
}

absl::StatusOr<bool> MirrorBacklog::Look(const Digest& digest, bool whole) {
  MutexLock files(FilesOf(digest));
  bool made = false;
  {
    MutexLock lock(mu_);
    Entry* entry = Find(digest, true);
    if (entry == nullptr) return false;
    if (entry->gone && !entry->look) return true;
    made = !entry->look;
    entry->look = true;
    if (made) entry->look_durable = false;
    entry->whole = entry->whole || whole;
    entry->generation = next_generation_++;
    Schedule(digest, *entry, options_.steady());
    ShowMetricsLocked();
  }
  if (made) SR_RETURN_IF_ERROR(MakeFile(PathOf(digest, false)));
  return true;
}

absl::Status MirrorBacklog::Sync() { return syncs_.Sync(options_.directory); }

std::optional<MirrorBacklog::Task> MirrorBacklog::TakeLocked(absl::Duration now) {
  if (due_.empty() || due_.begin()->first > now || paused_until_ > now) return std::nullopt;
  const Digest digest = due_.begin()->second;
  Entry& entry = entries_[digest];
  Unschedule(digest, entry);
  entry.running = true;
  const bool whole = std::exchange(entry.whole, false);
  return Task{.digest = digest, .generation = entry.generation, .look = entry.look, .whole = whole};
}

std::optional<MirrorBacklog::Task> MirrorBacklog::Take() {
  MutexLock lock(mu_);
  return TakeLocked(options_.steady());
}

std::optional<MirrorBacklog::Task> MirrorBacklog::Wait() {
  MutexLock lock(mu_);
  for (;;) {
    if (stopping_) return std::nullopt;
    const absl::Duration now = options_.steady();
    if (std::optional<Task> task = TakeLocked(now)) return task;
    absl::Duration wait = due_.empty() ? absl::Hours(1) : due_.begin()->first - now;
    wait = std::max(wait, paused_until_ - now);
    work_.WaitFor(mu_, std::max(wait, absl::Milliseconds(1)));
  }
}

void MirrorBacklog::Finish(const Task& task, const absl::Status& status) {
  const Digest& digest = task.digest;
  MutexLock files(FilesOf(digest));
  bool look = false;
  bool gone = false;
  {
    MutexLock lock(mu_);
    Entry& entry = entries_[digest];
    entry.running = false;
    const absl::Duration now = options_.steady();
    if (!status.ok()) {
      entry.whole = entry.whole || task.whole;
      entry.failures = std::min(entry.failures + 1, kMostDoublings);
      if (IsOfAll(status)) {
        pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
        paused_until_ = now + pause_;
      }
      Schedule(digest, entry, now + std::min(kFirstPause * (1 << entry.failures), kLongestDelay));
    } else {
      pause_ = absl::ZeroDuration();
      paused_until_ = -absl::InfiniteDuration();
      entry.failures = 0;
      entry.done = std::max(entry.done, task.generation);
      if (entry.generation == task.generation && entry.writers == 0 && !entry.whole) {
        look = entry.look;
        gone = entry.gone;
        entries_.erase(digest);
        work_.NotifyAll();
      } else {
        Schedule(digest, entry, now);
      }
      done_.NotifyAll();
    }
    ShowMetricsLocked();
  }
  if (gone) RemoveFile(PathOf(digest, true));
  if (look && gone) {
    // Else only the other one might be left, and take what was written from S3.
    if (const absl::Status synced = Sync(); !synced.ok()) {
      LogWarning("a note about S3 stays", {{"digest", digest.hex()}, {"error", synced}});
      return;
    }
  }
  if (look) RemoveFile(PathOf(digest, false));
}

void MirrorBacklog::RemoveFile(const std::string& path) {
  const absl::Status removed = env_.Unlink(path);
  if (!removed.ok() && !absl::IsNotFound(removed)) {
    LogWarning("a note about S3 stays", {{"path", path}, {"error", removed}});
  }
}

void MirrorBacklog::Stop() {
  MutexLock lock(mu_);
  stopping_ = true;
  work_.NotifyAll();
  done_.NotifyAll();
}

absl::Status MirrorBacklog::WaitUntilDone(const Digest& digest, uint64_t ticket,
                                          absl::Duration longest) {
  const absl::Duration until = options_.steady() + longest;
  MutexLock lock(mu_);
  for (;;) {
    const Entry* entry = Find(digest, false);
    if (ticket != 0 && (entry == nullptr || ticket < entry->first || entry->done >= ticket)) {
      return absl::OkStatus();
    }
    const absl::Duration left = until - options_.steady();
    if (ticket == 0 || stopping_ || left <= absl::ZeroDuration()) {
      return MakeStatus(absl::StatusCode::kUnavailable,
                        "the original is stored here but not in S3 yet, and mirror.wait asks for "
                        "both; put it again later",
                        {.reason = "MIRROR_WAITS",
                         .metadata = {},
                         .violations = {},
                         .retry_after = absl::Seconds(5)});
    }
    done_.WaitFor(mu_, left);
  }
}

bool MirrorBacklog::away() const {
  MutexLock lock(mu_);
  return pause_ > absl::ZeroDuration();
}

absl::Status MirrorBacklog::Overflow() {
  overflows_.Add();
  MutexLock files(compare_files_);
  {
    MutexLock lock(mu_);
    ++overflowed_;
    if (!compared_) return absl::OkStatus();
  }
  const absl::Status removed = env_.Unlink(options_.directory + "/" + kCompared);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  SR_RETURN_IF_ERROR(Sync());
  LogWarning("too much waits to be brought to S3; both are compared as a whole later");
  MutexLock lock(mu_);
  compared_ = false;
  ShowMetricsLocked();
  return absl::OkStatus();
}

bool MirrorBacklog::compared() const {
  MutexLock lock(mu_);
  return compared_;
}

absl::Time MirrorBacklog::compared_at() const {
  MutexLock lock(mu_);
  return compared_at_;
}

uint64_t MirrorBacklog::BeginCompare() {
  MutexLock lock(mu_);
  return overflowed_;
}

absl::Status MirrorBacklog::EndCompare(uint64_t begin) {
  MutexLock files(compare_files_);
  const absl::Time now = options_.clock->Now();
  {
    MutexLock lock(mu_);
    if (overflowed_ != begin) return absl::OkStatus();
  }
  const std::string path = options_.directory + "/" + kCompared;
  const std::string temporary = path + ".new";
  const absl::Status left = env_.Unlink(temporary);
  if (!left.ok() && !absl::IsNotFound(left)) return left;
  SR_RETURN_IF_ERROR(WriteSyncedFile(
      env_, temporary, absl::StrCat(options_.remote, "\n", absl::ToUnixSeconds(now))));
  // Whatever differs has its entry before this says so.
  SR_RETURN_IF_ERROR(Sync());
  SR_RETURN_IF_ERROR(env_.Rename(temporary, path));
  SR_RETURN_IF_ERROR(Sync());
  MutexLock lock(mu_);
  compared_ = true;
  compared_at_ = now;
  ShowMetricsLocked();
  return absl::OkStatus();
}

int64_t MirrorBacklog::depth() const {
  MutexLock lock(mu_);
  return static_cast<int64_t>(entries_.size());
}

void MirrorBacklog::ShowMetrics() const {
  MutexLock lock(mu_);
  absl::Duration age;
  const absl::Time now = options_.clock->Now();
  for (const auto& [digest, entry] : entries_) age = std::max(age, now - entry.since);
  age_gauge_.Set(absl::ToInt64Seconds(age));
  ShowMetricsLocked();
}

void MirrorBacklog::ShowMetricsLocked() const {
  depth_gauge_.Set(static_cast<int64_t>(entries_.size()));
  compared_gauge_.Set(compared_ ? 1 : 0);
  away_gauge_.Set(pause_ > absl::ZeroDuration() ? 1 : 0);
}

}  // namespace stockroom::fileserver
