#include "services/api/auth/api_key_verifier.h"

#include <cstring>
#include <memory>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {

size_t ApiKeyVerifier::HashOfDigest::operator()(const Digest& digest) const {
  size_t hash = 0;
  std::memcpy(&hash, digest.bytes().data(), sizeof(hash));
  return hash;
}

ApiKeyVerifier::ApiKeyVerifier(Options options, ApiKeyStore& store, Executor& executor,
                               Clock& clock, Metrics& metrics)
    : options_(options),
      store_(store),
      executor_(executor),
      clock_(clock),
      lookups_(metrics.GetCounter("stockroom_api_key_lookups_total",
                                  "API keys looked up in the database.")),
      cached_(metrics.GetGauge("stockroom_api_keys_cached", "API keys remembered.")) {}

absl::StatusOr<Principal> ApiKeyVerifier::Judge(const Entry& entry, absl::Time now) const {
  if (!entry.key) return InvalidCredentials("there is no such API key");
  const ApiKey& key = *entry.key;
  if (key.revoke_time) return InvalidCredentials("this API key has been revoked");
  if (!key.ValidAt(now)) return InvalidCredentials("this API key has expired");
  return Principal{
      .subject = key.subject, .anonymous = false, .scopes = key.scopes, .key_id = key.id};
}

ApiKeyVerifier::Entry* ApiKeyVerifier::Touch(const Digest& hash) {
  const auto it = by_hash_.find(hash);
  if (it == by_hash_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, it->second);
  return &*it->second;
}

std::optional<absl::StatusOr<Principal>> ApiKeyVerifier::TryVerify(std::string_view token) {
  const Digest hash = Digest::Of(token);
  const absl::Time now = clock_.Now();
  MutexLock lock(mu_);
  Entry* entry = Touch(hash);
  if (entry == nullptr) return std::nullopt;
  const absl::Duration age = now - entry->looked_up;
  if (age < options_.fresh) return Judge(*entry, now);
  // One caller looks it up, the others go on.
  const bool good = entry->key && age < options_.stale;
  if (good && entry->looking_up) return Judge(*entry, now);
  entry->looking_up = true;
  return std::nullopt;
}

void ApiKeyVerifier::Verify(std::string_view token, Authenticator::Done done) {
  const Digest hash = Digest::Of(token);
  auto shared = std::make_shared<Authenticator::Done>(std::move(done));
  absl::Status queued = executor_.Submit([this, hash, shared] { (*shared)(LookUpNow(hash)); });
  if (queued.ok()) return;
  const absl::Time now = clock_.Now();
  absl::StatusOr<Principal> answer = std::move(queued);
  {
    MutexLock lock(mu_);
    Entry* entry = Touch(hash);
    if (entry != nullptr) {
      entry->looking_up = false;
      if (entry->key && now - entry->looked_up < options_.stale) answer = Judge(*entry, now);
    }
  }
  (*shared)(std::move(answer));
}

absl::StatusOr<Principal> ApiKeyVerifier::LookUpNow(const Digest& hash) {
  lookups_.Add();
  // Before the look-up: what is read may have been revoked right after.
  const absl::Time now = clock_.Now();
  absl::StatusOr<std::optional<ApiKey>> found = store_.FindApiKey(hash);
  MutexLock lock(mu_);
  Entry* entry = Touch(hash);
  if (!found.ok()) {
    if (entry == nullptr) return found.status();
    entry->looking_up = false;
    return entry->key && now - entry->looked_up < options_.stale
               ? Judge(*entry, now)
               : absl::StatusOr<Principal>(found.status());
  }
  if (entry == nullptr) {
    if (recent_.size() >= options_.max_cached) {
      by_hash_.erase(recent_.back().hash);
      recent_.pop_back();
    }
    recent_.push_front({.hash = hash});
    by_hash_[hash] = recent_.begin();
    cached_.Set(static_cast<int64_t>(recent_.size()));
    entry = &recent_.front();
  }
  entry->key = *std::move(found);
  entry->looked_up = now;
  entry->looking_up = false;
  return Judge(*entry, now);
}

void ApiKeyVerifier::Forget(const Digest& secret_hash) {
  MutexLock lock(mu_);
  const auto it = by_hash_.find(secret_hash);
  if (it == by_hash_.end()) return;
  recent_.erase(it->second);
  by_hash_.erase(it);
  cached_.Set(static_cast<int64_t>(recent_.size()));
}

}  // namespace stockroom::api
