// Tells whose an API key is, mostly from memory.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "services/api/domain/api_key_store.h"
#include "services/api/domain/authenticator.h"
#include "services/common/base/clock.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// Keys and wrong guesses are remembered for a few seconds, so that a key that another api revoked
// is refused soon and the database is not asked for every call. While a key that was good is being
// looked up again, or the database is away, it counts as good for up to a minute. Guesses have
// places of their own: they drive out no key. Thread-safe.
//
// Metrics: stockroom_api_key_lookups_total, stockroom_api_keys_cached.
class ApiKeyVerifier {
 public:
  struct Options {
    absl::Duration fresh = absl::Seconds(5);
    absl::Duration stale = absl::Minutes(1);
    // After a look-up that failed: until then nobody waits for the next one.
    absl::Duration retry = absl::Seconds(1);
    // Each costs about 500 bytes; the longest unused goes first.
    size_t max_cached = 10'000;
    size_t max_guesses = 1'000;
  };
  // All must outlive it. Look-ups run on `executor`, whose queue bounds how many wait.
  ApiKeyVerifier(Options options, ApiKeyStore& store, Executor& executor, Clock& clock,
                 Metrics& metrics);

  // As Authenticator, for tokens of which LooksLikeApiKey is true.
  std::optional<absl::StatusOr<Principal>> TryVerify(std::string_view token);
  void Verify(std::string_view token, Authenticator::Done done);

  // This api has revoked the key: it is refused from now on.
  void Revoked(const ApiKey& key);

 private:
  struct Entry {
    Digest hash;
    std::optional<ApiKey> key;  // nullopt: there is none
    absl::Time looked_up;
    absl::Time retry_at = absl::InfinitePast();
    bool looking_up = false;
  };
  struct HashOfDigest {
    size_t operator()(const Digest& digest) const;
  };
  // The most recently used ones.
  struct Recent {
    std::list<Entry> entries;  // last used first
    std::unordered_map<Digest, std::list<Entry>::iterator, HashOfDigest> by_hash;

    Entry* Touch(const Digest& hash);
    Entry& Add(const Digest& hash, size_t max);
    void Remove(const Digest& hash);
  };

  absl::StatusOr<Principal> Judge(const Entry& entry, absl::Time now) const;
  bool StillTrusted(const Entry& entry, absl::Time now) const;
  Entry* Find(const Digest& hash) SR_REQUIRES(mu_);
  absl::StatusOr<Principal> LookUpNow(const Digest& hash);
  absl::StatusOr<Principal> Record(const Digest& hash, std::optional<ApiKey> found,
                                   absl::Time looked_up) SR_REQUIRES(mu_);
  absl::StatusOr<Principal> RecordFailure(const Digest& hash, const absl::Status& why)
      SR_REQUIRES(mu_);

  const Options options_;
  ApiKeyStore& store_;
  Executor& executor_;
  Clock& clock_;
  Counter& lookups_;
  Gauge& cached_;
  Mutex mu_;
  Recent keys_ SR_GUARDED_BY(mu_);
  Recent guesses_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
