// Where the keys come from that tokens are verified with: a file, or an issuer's URL.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/auth/jwk.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

using JwkSetPtr = std::shared_ptr<const JwkSet>;

// What one look at the origin found.
struct FetchedKeys {
  JwkSetPtr keys;
  // When to look again.
  absl::Duration fresh_for;
};

struct JwksSourceOptions {
  // Between two looks that were asked for because a token named an unknown key. Bogus tokens cost
  // the issuer one request in that time, however many come.
  absl::Duration min_interval = absl::Seconds(30);
  // How long keys are used that could not be fetched anew: as long as an issuer's outage may last
  // without anybody noticing, and no longer, for a key that was withdrawn must not live for ever.
  absl::Duration max_stale = absl::Hours(24);
  // After a failure; doubled up to `max_retry`.
  absl::Duration min_retry = absl::Seconds(1);
  absl::Duration max_retry = absl::Minutes(1);
  // Callers that wait for a look that is under way. Past it they get what is known.
  size_t max_waiting = 1000;
  Clock* clock = &Clock::Real();

  // A look at a file costs nobody anything.
  static JwksSourceOptions ForFile() {
    return {.min_interval = absl::Seconds(1), .max_retry = absl::Seconds(5)};
  }
};

// Keeps the newest key set of one origin. Owns one thread, which alone talks to the origin.
// Thread-safe. Metrics (label source=name):
// stockroom_jwks_fetches_total{result=ok|unchanged|error}, _keys (usable ones), _last_good_seconds
// (Unix time), _waiting, _refresh_refused_total (tokens with unknown keys for which the origin was
// not asked again).
class JwksSource {
 public:
  // OK, or UNAVAILABLE KEYS_UNAVAILABLE. Runs once, inside the call or on the source's thread; must
  // not block.
  using Done = absl::AnyInvocable<void(absl::StatusOr<JwkSetPtr>)>;
  // Blocks until the origin answered, at most for some seconds, less once `stop` says true. `last`
  // is what it gave before, null at first: an answer that says the same gives the same pointer.
  using Fetch = std::function<absl::StatusOr<FetchedKeys>(const JwkSetPtr& last,
                                                          const std::function<bool()>& stop)>;

  // Starts to look at once, and does not wait for the outcome. `name` is for messages and logs.
  JwksSource(std::string name, Fetch fetch, JwksSourceOptions options, Metrics& metrics);
  // Who still waits is told UNAVAILABLE. Takes as long as a fetch that is told to stop: to a
  // second.
  ~JwksSource();
  JwksSource(const JwksSource&) = delete;
  JwksSource& operator=(const JwksSource&) = delete;

  // The keys: inline if any are known or it is known that there are none, else once the first look
  // is over.
  void Get(Done done);

  // What is known now; null if nothing is, or it is too old to be used. Never waits.
  JwkSetPtr Current();

  // For a token whose key is not in `seen`: the keys after the next look, if one may be taken now;
  // else at once what is known, which may be `seen`.
  void GetNewer(const JwkSetPtr& seen, Done done);

 private:
  struct State {
    JwkSetPtr keys;
    absl::Time good_until;  // then they are too old to be used
    absl::Time due;         // when to look next
    absl::Time last_look = absl::InfinitePast();
    absl::Duration retry;  // after the next failure
    absl::Status problem;  // of the last look
    bool looking = false;
    bool asked = false;  // somebody wants a look before it is due
    bool stopping = false;
    std::vector<Done> waiting;
  };

  void Run();
  bool IsDue() const SR_REQUIRES(mu_);
  // Waits until a look is due; false when the source ends.
  bool AwaitDue();
  // Returns who waited for it.
  std::vector<Done> Record(absl::StatusOr<FetchedKeys> found);
  void RecordGood(FetchedKeys found, absl::Time now) SR_REQUIRES(mu_);
  void RecordBad(const absl::Status& problem, absl::Time now) SR_REQUIRES(mu_);
  // What changed from `last`, `problem` to what was found.
  void LogLook(const JwkSetPtr& last, const absl::Status& problem,
               const absl::StatusOr<FetchedKeys>& found) const;
  absl::StatusOr<JwkSetPtr> Known() SR_REQUIRES(mu_);
  // Whether `done` was taken to be told later.
  bool TakeWaiting(Done& done) SR_REQUIRES(mu_);

  const std::string name_;
  const Fetch fetch_;
  const JwksSourceOptions options_;
  Counter& fetched_;
  Counter& unchanged_;
  Counter& failed_;
  Counter& refused_;
  Gauge& keys_gauge_;
  Gauge& last_good_gauge_;
  Gauge& waiting_gauge_;
  Mutex mu_;
  CondVar wake_;
  State state_ SR_GUARDED_BY(mu_);
  std::thread thread_;
};

// Looks at a file: JWKS, or PEM if it begins so (after any text before "-----BEGIN").
struct JwksFileOptions {
  JwkOptions keys;
  // Between two looks at its times, size and inode; it is read only if they changed. Replace the
  // file by renaming another one over it: one that is half written is malformed, and the last good
  // keys stay.
  absl::Duration interval = absl::Seconds(5);
};
JwksSource::Fetch FetchFromFile(std::string path, JwksFileOptions options);

struct JwksUrlOptions {
  // Secrets are never taken from a URL.
  JwkOptions keys;
  // For the whole exchange, name look-up included.
  absl::Duration timeout = absl::Seconds(10);
  // Freshness when the answer says none (Cache-Control: max-age), and the limits of what it may
  // say.
  absl::Duration default_fresh_for = absl::Minutes(10);
  absl::Duration min_fresh_for = absl::Minutes(1);
  absl::Duration max_fresh_for = absl::Hours(24);
  // PEM file with the authorities to trust; empty: the system's.
  std::string ca_file;
};
// Follows no redirects. INVALID_ARGUMENT BAD_JWKS_URL: not https, and not http to this machine
// (localhost, 127.0.0.0/8, ::1); with a password; with a fragment.
absl::StatusOr<JwksSource::Fetch> FetchFromUrl(std::string url, JwksUrlOptions options);

// How long an answer with these header values may be used, within the options' limits: max-age less
// what Age says it has spent in caches; no-cache and no-store give the minimum.
absl::Duration FreshFor(const std::string& cache_control, const std::string& age,
                        const JwksUrlOptions& options);

}  // namespace stockroom::api
