#include "services/fileserver/care/scrubber.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

constexpr int kPage = 1000;
// What is done since is done again after a crash.
constexpr absl::Duration kSaveEvery = absl::Seconds(30);
// Sleeping for less costs more than it saves.
constexpr absl::Duration kShortestSleep = absl::Milliseconds(5);
// While somebody else wants the disk: how long one piece is held back at most. A disk that is never
// idle is thus still scrubbed, at 1 MiB/s.
constexpr absl::Duration kHoldBack = absl::Milliseconds(20);
constexpr int kMostHolds = 12;
constexpr absl::Duration kLongestSleep = absl::Hours(1);

// How far into all digests this one is, 0 to 1.
double FractionOf(std::string_view digest) {
  double fraction = 0;
  double unit = 1.0 / 256;
  for (size_t i = 0; i < 6 && i < digest.size(); ++i, unit /= 256) {
    fraction += static_cast<unsigned char>(digest[i]) * unit;
  }
  return fraction;
}

double FractionOfCursor(const std::string& cursor) {
  const absl::StatusOr<Digest> digest = Digest::FromHex(
      cursor + std::string(2 * Digest::kSize - std::min(cursor.size(), 2 * Digest::kSize), '0'));
  return digest.ok() ? FractionOf(digest->bytes()) : 0;
}

// The beginning of the folder behind the one that `cursor` is in; empty after the last.
std::string NextFolder(const std::string& cursor) {
  const unsigned folder = cursor.empty() ? 0 : std::stoul(cursor.substr(0, 2), nullptr, 16);
  return folder >= 255 ? "" : absl::StrCat(absl::Hex(folder + 1, absl::kZeroPad2));
}

absl::Status Runs() {
  return MakeStatus(absl::StatusCode::kAborted, "a scrub that was started by hand runs already",
                    {.reason = "SCRUB_RUNS"});
}

Counter& Of(Metrics& metrics, const char* name, const char* help, const char* kind) {
  return metrics.GetCounter(name, help, {{"kind", kind}});
}

}  // namespace

Scrubber::Scrubber(Options options, BlobBackend& blobs, CareBackend& care, Metrics& metrics)
    : options_(std::move(options)),
      blobs_(blobs),
      care_(care),
      checked_blobs_(Of(metrics, "stockroom_fileserver_scrub_checked_total",
                        "Files that the scrub has checked.", "blob")),
      checked_renditions_(Of(metrics, "stockroom_fileserver_scrub_checked_total", "", "rendition")),
      damaged_blobs_(Of(metrics, "stockroom_fileserver_scrub_damaged_total",
                        "Files that the scrub found damaged: originals go to the quarantine, "
                        "renditions are removed.",
                        "blob")),
      damaged_renditions_(Of(metrics, "stockroom_fileserver_scrub_damaged_total", "", "rendition")),
      bytes_(metrics.GetCounter("stockroom_fileserver_scrub_bytes_total",
                                "Payload bytes that the scrub has read.")),
      read_errors_(metrics.GetCounter("stockroom_fileserver_scrub_read_errors_total",
                                      "Files and folders that the scrub could not read.")),
      running_gauge_(metrics.GetGauge("stockroom_fileserver_scrub_running",
                                      "1 while a pass is under way, also while it waits.")),
      halted_(metrics.GetGauge("stockroom_fileserver_scrub_halted",
                               "1 after the scrub gave up because too much was wrong.")),
      progress_(metrics.GetGauge("stockroom_fileserver_scrub_progress_permille",
                                 "How far the pass under way is.")),
      last_pass_(metrics.GetGauge("stockroom_fileserver_scrub_last_pass_seconds",
                                  "Unix time of the end of the last whole pass; 0 without one.")),
      quarantined_(
          metrics.GetGauge("stockroom_fileserver_quarantined_blobs", "Files in the quarantine.")) {}

Scrubber::~Scrubber() { Stop(); }

void Scrubber::Start() {
  loop_.Start("scrub", [this] { Run(); });
}

void Scrubber::Stop() { loop_.Stop(); }

void Scrubber::Run() {
  do {
    const absl::Status run = RunDue();
    if (!run.ok()) LogWarning("the scrub does not run", {{"error", run}});
    if (loop_.stopping()) return;
  } while (loop_.Sleep(UntilDue()));
}

absl::Status Scrubber::RunDue() {
  {
    MutexLock lock(mu_);
    if (running_) return Runs();
    running_ = true;
  }
  stopped_ = false;
  LoadPlace();
  while (BeginIfDue()) RunPass();
  MutexLock lock(mu_);
  running_ = false;
  return absl::OkStatus();
}

ScrubStatus Scrubber::status() const {
  MutexLock lock(mu_);
  ScrubStatus status{.pass = place_.pass,
                     .requested = place_.requested,
                     .started = place_.started,
                     .counts = place_.counts,
                     .last_started = place_.last_started,
                     .last_ended = place_.last_ended,
                     .last = place_.last,
                     .halted_because = place_.halted_because};
  using State = ScrubStatus::State;
  if (!place_.halted_because.empty()) {
    status.state = State::kHalted;
  } else if (place_.active || wanted_) {
    status.state = State::kRunning;
  } else {
    status.state = options_.period > absl::ZeroDuration() ? State::kWaiting : State::kOff;
  }
  if (place_.active) status.progress = FractionOfCursor(place_.cursor);
  if (!place_.active && place_.pass > 0 && place_.halted_because.empty()) status.progress = 1;
  return status;
}

absl::StatusOr<ScrubStatus> Scrubber::StartNow(int64_t bytes_per_second) {
  if (bytes_per_second < 0) return InvalidField("bytes_per_second", "must not be negative");
  {
    MutexLock lock(mu_);
    const bool hurries = place_.active && place_.requested && place_.halted_because.empty();
    if (wanted_ || hurries) return Runs();
    wanted_ = true;
    wanted_rate_ = bytes_per_second;
  }
  loop_.Poke();
  return status();
}

absl::StatusOr<int64_t> Scrubber::CountQuarantined() {
  int64_t count = 0;
  std::string cursor;
  do {
    SR_ASSIGN_OR_RETURN(const QuarantinedPage page, care_.ListQuarantined(cursor, kPage));
    count += static_cast<int64_t>(page.blobs.size());
    cursor = page.next_cursor;
  } while (!cursor.empty());
  return count;
}

void Scrubber::LoadPlace() {
  {
    MutexLock lock(mu_);
    if (loaded_) return;
  }
  const absl::StatusOr<std::string> text = care_.LoadCareState();
  absl::StatusOr<ScrubPlace> place =
      text.ok() ? DecodePlace(*text) : absl::StatusOr<ScrubPlace>(text.status());
  if (!place.ok() && !absl::IsNotFound(place.status())) {
    LogWarning("the scrub begins anew: its place can not be read", {{"error", place.status()}});
  }
  {
    MutexLock lock(mu_);
    if (place.ok()) place_ = *std::move(place);
    loaded_ = true;
  }
  ShowMetrics();
}

void Scrubber::SavePlace() {
  std::string text;
  {
    MutexLock lock(mu_);
    text = EncodePlace(place_);
  }
  saved_ = options_.clock->Now();
  const absl::Status saved = care_.SaveCareState(text);
  if (!saved.ok()) LogWarning("the scrub's place can not be kept", {{"error", saved}});
}

bool Scrubber::BeginIfDue() {
  if (stopped_ || loop_.stopping()) return false;
  const absl::Duration wait = UntilDue();
  MutexLock lock(mu_);
  if (wanted_) {
    wanted_ = false;
    Begin(true, wanted_rate_);
    return true;
  }
  if (!place_.halted_because.empty()) return false;
  if (place_.active) return true;
  if (wait > absl::ZeroDuration()) return false;
  Begin(false, 0);
  return true;
}

void Scrubber::Begin(bool requested, int64_t bytes_per_second) {
  ++place_.pass;
  place_.active = true;
  place_.requested = requested;
  place_.bytes_per_second = bytes_per_second;
  place_.started = options_.clock->Now();
  place_.cursor.clear();
  place_.counts = {};
  place_.halted_because.clear();
}

absl::Duration Scrubber::UntilDue() const {
  MutexLock lock(mu_);
  if (wanted_) return absl::ZeroDuration();
  if (!place_.halted_because.empty()) return kLongestSleep;
  if (place_.active) return absl::ZeroDuration();
  if (options_.period <= absl::ZeroDuration()) return kLongestSleep;
  if (place_.pass == 0) return absl::ZeroDuration();
  const absl::Duration left = place_.last_started + options_.period - options_.clock->Now();
  // A clock that was set back does not put the scrub off for years.
  return std::clamp(left, absl::ZeroDuration(), options_.period);
}

void Scrubber::RunPass() {
  std::string cursor;
  {
    MutexLock lock(mu_);
    cursor = place_.cursor;
    LogInfo("scrub begins", {{"pass", place_.pass}, {"from", cursor}});
  }
  unreadable_now_ = 0;
  debt_ = absl::ZeroDuration();
  SavePlace();
  bool over = false;
  while (!over && Page(cursor, over) == Step::kGoOn) {
  }
  if (over) EndPass();
  SavePlace();
  ShowMetrics();
}

void Scrubber::EndPass() {
  MutexLock lock(mu_);
  place_.active = false;
  place_.last = place_.counts;
  place_.last_started = place_.started;
  place_.last_ended = options_.clock->Now();
  // What could be read meanwhile, or is gone, is not remembered for ever.
  std::erase_if(place_.unreadable,
                [pass = place_.pass](const auto& entry) { return entry.second + 1 < pass; });
  LogInfo("scrub ends", {{"pass", place_.pass},
                         {"blobs", place_.counts.blobs},
                         {"renditions", place_.counts.renditions},
                         {"bytes", place_.counts.bytes},
                         {"damaged_blobs", place_.counts.damaged_blobs},
                         {"damaged_renditions", place_.counts.damaged_renditions},
                         {"read_errors", place_.counts.read_errors}});
}

Scrubber::Step Scrubber::Page(std::string& cursor, bool& over) {
  if (!GoesOn()) return Step::kStop;
  absl::StatusOr<StoredPage> page = care_.ListStored(cursor, kPage);
  if (!page.ok()) {
    // One folder that can not be read must not keep the others from being checked.
    LogError("a folder can not be scrubbed", {{"from", cursor}, {"error", page.status()}});
    CountReadError();
    page = StoredPage{.things = {}, .next_cursor = NextFolder(cursor)};
  }
  for (const StoredThing& thing : page->things) {
    if (CheckThing(thing) == Step::kStop) return Step::kStop;
    {
      MutexLock lock(mu_);
      place_.cursor = thing.sha256.hex();
    }
    if (options_.clock->Now() - saved_ >= kSaveEvery) {
      SavePlace();
      ShowMetrics();
    }
  }
  cursor = page->next_cursor;
  over = cursor.empty();
  return Step::kGoOn;
}

Scrubber::Step Scrubber::WaitFor(const Digest& digest) {
  absl::Time due = absl::InfinitePast();
  absl::Duration gap = options_.period;
  {
    MutexLock lock(mu_);
    if (!place_.requested) {
      const double fraction = FractionOf(digest.bytes());
      due = place_.started + options_.period * fraction;
      // Of the way from the one before: more than that nobody waits, whatever the clock says.
      gap = options_.period * (fraction - FractionOfCursor(place_.cursor));
    }
  }
  const absl::Time latest = options_.clock->Now() + std::max(gap, absl::ZeroDuration());
  for (;;) {
    if (!GoesOn()) return Step::kStop;
    const absl::Duration left = std::min(due, latest) - options_.clock->Now();
    if (left <= absl::ZeroDuration()) return Step::kGoOn;
    if (!Sleep(std::min(left, kLongestSleep))) return Step::kStop;
  }
}

absl::Status Scrubber::Pace(int64_t bytes) {
  for (int i = 0; i < kMostHolds && options_.busy && options_.busy(); ++i) {
    if (!Sleep(kHoldBack)) break;
  }
  int64_t rate = options_.bytes_per_second;
  {
    MutexLock lock(mu_);
    if (place_.bytes_per_second > 0) rate = place_.bytes_per_second;
    place_.counts.bytes += bytes;
  }
  bytes_.Add(static_cast<uint64_t>(bytes));
  if (rate > 0) debt_ += absl::Seconds(static_cast<double>(bytes) / static_cast<double>(rate));
  if (debt_ >= kShortestSleep) Sleep(std::exchange(debt_, absl::ZeroDuration()));
  return GoesOn() ? absl::OkStatus() : absl::CancelledError("the scrub stops");
}

bool Scrubber::Sleep(absl::Duration duration) {
  if (!(options_.sleep ? options_.sleep(duration) : loop_.Sleep(duration))) stopped_ = true;
  return !stopped_;
}

bool Scrubber::GoesOn() const {
  if (stopped_ || loop_.stopping()) return false;
  MutexLock lock(mu_);
  return !wanted_;
}

void Scrubber::ShowMetrics() {
  const ScrubStatus now = status();
  running_gauge_.Set(now.state == ScrubStatus::State::kRunning ? 1 : 0);
  halted_.Set(now.state == ScrubStatus::State::kHalted ? 1 : 0);
  progress_.Set(static_cast<int64_t>(now.progress * 1000));
  last_pass_.Set(absl::ToUnixSeconds(now.last_ended));
  if (const absl::StatusOr<int64_t> count = CountQuarantined(); count.ok()) {
    quarantined_.Set(*count);
  }
}

}  // namespace stockroom::fileserver
