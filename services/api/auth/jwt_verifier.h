// Tokens in, claims out: the policy, the newest keys, and what was verified before.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/auth/jwt.h"
#include "services/api/auth/key_source.h"
#include "services/common/base/clock.h"
#include "services/common/base/digest.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

class VerifiedTokens;

struct JwtVerifierOptions {
  JwtPolicy policy;
  // Verified tokens that are remembered until they expire, the keys change or newer ones need the
  // place; 0: none. One costs 2 to 4 KiB. A browser shows its token with each of a hundred
  // thumbnails; finding it takes 1.5 us instead of 12 (HS256), 36
  // (RS256), 93 (ES256), 190 (EdDSA) or 700 (ES384).
  size_t cache_entries = 10'000;
  Clock* clock = &Clock::Real();
};

// Thread-safe. Metrics: stockroom_jwt_verifications_total{result}, with the refusal's detail or
// "OK" as result, stockroom_jwt_cache_hits_total, stockroom_jwt_cache_entries.
class JwtVerifier {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<JwtClaims>)>;

  // INVALID_ARGUMENT BAD_JWT_POLICY. `metrics` and the clock must outlive it.
  static absl::StatusOr<std::unique_ptr<JwtVerifier>> Create(JwtVerifierOptions options,
                                                             std::unique_ptr<JwksSource> source,
                                                             Metrics& metrics);
  // Whoever waits is told UNAVAILABLE before this returns.
  ~JwtVerifier();

  // The claims of a token that was verified before and is still good; nullopt calls for Verify.
  // Never waits.
  std::optional<JwtClaims> TryVerify(const std::string& token);
  // Never waits; computes for up to 1 ms in the calling thread. `done` runs once: inside the call
  // if the keys are known, else, or if the token names a key that may be new, on the source's
  // thread. It must not block, and may refer to the verifier. Errors: those of VerifyJwt;
  // UNAVAILABLE KEYS_UNAVAILABLE.
  void Verify(std::string token, Done done);

 private:
  JwtVerifier(JwtVerifierOptions options, Metrics& metrics);
  std::optional<absl::StatusOr<JwtClaims>> FindCached(const Digest& name, const JwkSetPtr& keys);
  // Refuses with UNKNOWN_KEY what `keys` do not know.
  absl::StatusOr<JwtClaims> VerifyWith(const std::string& token, const JwkSetPtr& keys);
  void Finish(absl::StatusOr<JwtClaims> claims, Done& done);

  const JwtVerifierOptions options_;
  Metrics& metrics_;
  Counter& verified_;
  Counter& hits_;
  const std::unique_ptr<VerifiedTokens> cache_;
  // Last, so that it ends first: it calls back into the others.
  std::unique_ptr<JwksSource> source_;
};

}  // namespace stockroom::api
