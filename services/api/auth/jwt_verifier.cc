#include "services/api/auth/jwt_verifier.h"

#include <utility>

#include "services/api/auth/jw_refusal.h"
#include "services/api/auth/verified_tokens.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// Larger ones would make the bound in tokens a loose one in bytes.
constexpr size_t kMaxCachedBytes = 4 << 10;

constexpr char kVerifications[] = "stockroom_jwt_verifications_total";
constexpr char kVerificationsHelp[] = "Tokens that were verified or refused.";

}  // namespace

JwtVerifier::JwtVerifier(JwtVerifierOptions options, Metrics& metrics)
    : options_(std::move(options)),
      metrics_(metrics),
      verified_(metrics.GetCounter(kVerifications, kVerificationsHelp, {{"result", "OK"}})),
      hits_(metrics.GetCounter("stockroom_jwt_cache_hits_total",
                               "Tokens that had been verified before.")),
      cache_(std::make_unique<VerifiedTokens>(
          options_.cache_entries, metrics.GetGauge("stockroom_jwt_cache_entries",
                                                   "Verified tokens that are remembered."))) {}

JwtVerifier::~JwtVerifier() = default;

absl::StatusOr<std::unique_ptr<JwtVerifier>> JwtVerifier::Create(JwtVerifierOptions options,
                                                                 std::unique_ptr<JwksSource> source,
                                                                 Metrics& metrics) {
  SR_RETURN_IF_ERROR(CheckJwtPolicy(options.policy));
  std::unique_ptr<JwtVerifier> verifier(new JwtVerifier(std::move(options), metrics));
  verifier->source_ = std::move(source);
  return verifier;
}

void JwtVerifier::Finish(absl::StatusOr<JwtClaims> claims, Done& done) {
  if (claims.ok()) {
    verified_.Add();
  } else {
    const std::string detail = RefusalDetail(claims.status());
    const std::string result = detail.empty() ? DetailsOf(claims.status()).reason : detail;
    metrics_.GetCounter(kVerifications, kVerificationsHelp, {{"result", result}}).Add();
  }
  done(std::move(claims));
}

std::optional<absl::StatusOr<JwtClaims>> JwtVerifier::FindCached(const Digest& name,
                                                                 const JwkSetPtr& keys) {
  std::optional<JwtClaims> claims = cache_->Find(name, keys);
  if (!claims) return std::nullopt;
  hits_.Add();
  const absl::Status timely = CheckJwtTimes(*claims, options_.policy, options_.clock->Now());
  if (timely.ok()) return *std::move(claims);
  cache_->Remove(name);
  return timely;
}

std::optional<JwtClaims> JwtVerifier::TryVerify(const std::string& token) {
  if (options_.cache_entries == 0 || token.size() > kMaxCachedBytes) return std::nullopt;
  const JwkSetPtr keys = source_->Current();
  if (keys == nullptr) return std::nullopt;
  std::optional<absl::StatusOr<JwtClaims>> known = FindCached(Digest::Of(token), keys);
  // One that has expired is refused, and counted, by Verify.
  if (!known || !known->ok()) return std::nullopt;
  verified_.Add();
  return **std::move(known);
}

absl::StatusOr<JwtClaims> JwtVerifier::VerifyWith(const std::string& token, const JwkSetPtr& keys) {
  const absl::Time now = options_.clock->Now();
  const bool cached = options_.cache_entries > 0 && token.size() <= kMaxCachedBytes;
  if (!cached) return VerifyJwt(token, *keys, options_.policy, now);
  const Digest name = Digest::Of(token);
  if (auto known = FindCached(name, keys)) return *std::move(known);
  absl::StatusOr<JwtClaims> claims = VerifyJwt(token, *keys, options_.policy, now);
  if (claims.ok()) cache_->Add(name, keys, *claims);
  return claims;
}

void JwtVerifier::Verify(std::string token, Done done) {
  source_->Get([this, token = std::move(token),
                done = std::move(done)](absl::StatusOr<JwkSetPtr> known) mutable {
    if (!known.ok()) return Finish(known.status(), done);
    absl::StatusOr<JwtClaims> claims = VerifyWith(token, *known);
    if (RefusalDetail(claims.status()) != refusal::kUnknownKey) {
      return Finish(std::move(claims), done);
    }
    // The issuer may have begun to use a new key.
    source_->GetNewer(
        *known, [this, known = *known, token = std::move(token), refused = claims.status(),
                 done = std::move(done)](absl::StatusOr<JwkSetPtr> newer) mutable {
          const bool same = !newer.ok() || *newer == known;
          Finish(same ? absl::StatusOr<JwtClaims>(refused) : VerifyWith(token, *newer), done);
        });
  });
}

}  // namespace stockroom::api
