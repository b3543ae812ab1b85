#include "services/api/auth/verified_tokens.h"

namespace stockroom::api {

VerifiedTokens::VerifiedTokens(size_t max, Gauge& entries) : max_(max), entries_gauge_(entries) {}

void VerifiedTokens::Use(const JwkSetPtr& keys) {
  if (keys == keys_) return;
  keys_ = keys;
  by_token_.clear();
  entries_.clear();
  entries_gauge_.Set(0);
}

std::optional<JwtClaims> VerifiedTokens::Find(const Digest& token, const JwkSetPtr& keys) {
  MutexLock lock(mu_);
  Use(keys);
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->claims;
}

void VerifiedTokens::Add(const Digest& token, const JwkSetPtr& keys, const JwtClaims& claims) {
  MutexLock lock(mu_);
  // Others may have gone on to newer keys meanwhile.
  if (keys != keys_ || by_token_.contains(token)) return;
  entries_.push_front({token, claims});
  by_token_[token] = entries_.begin();
  if (entries_.size() > max_) {
    by_token_.erase(entries_.back().token);
    entries_.pop_back();
  }
  entries_gauge_.Set(static_cast<int64_t>(entries_.size()));
}

void VerifiedTokens::Remove(const Digest& token) {
  MutexLock lock(mu_);
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) return;
  entries_.erase(found->second);
  by_token_.erase(found);
  entries_gauge_.Set(static_cast<int64_t>(entries_.size()));
}

}  // namespace stockroom::api
