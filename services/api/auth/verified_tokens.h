// Remembers which tokens were found good. Internal to services/api/auth.
#pragma once

#include <cstddef>
#include <list>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "services/api/auth/jwt.h"
#include "services/api/auth/key_source.h"
#include "services/common/base/digest.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// At most `max` claims by the SHA-256 of their token, the least recently used leave first. Holds
// what one key set verified and forgets all when another one comes. Never holds a token.
// Thread-safe.
class VerifiedTokens {
 public:
  VerifiedTokens(size_t max, Gauge& entries);

  std::optional<JwtClaims> Find(const Digest& token, const JwkSetPtr& keys);
  void Add(const Digest& token, const JwkSetPtr& keys, const JwtClaims& claims);
  void Remove(const Digest& token);

 private:
  struct Entry {
    Digest token;
    JwtClaims claims;
  };
  using Entries = std::list<Entry>;

  void Use(const JwkSetPtr& keys) SR_REQUIRES(mu_);

  const size_t max_;
  Gauge& entries_gauge_;
  Mutex mu_;
  JwkSetPtr keys_ SR_GUARDED_BY(mu_);
  Entries entries_ SR_GUARDED_BY(mu_);  // the most recently used first
  absl::flat_hash_map<Digest, Entries::iterator> by_token_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
