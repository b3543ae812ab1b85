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

bool ApiKeyVerifier::StillTrusted(const Entry& entry, absl::Time now) const {
  return entry.key && now - entry.looked_up < options_.stale;
}

ApiKeyVerifier::Entry* ApiKeyVerifier::Recent::Touch(const Digest& hash) {
  const auto it = by_hash.find(hash);
  if (it == by_hash.end()) return nullptr;
  entries.splice(entries.begin(), entries, it->second);
  return &*it->second;
}

ApiKeyVerifier::Entry& ApiKeyVerifier::Recent::Add(const Digest& hash, size_t max) {
  if (entries.size() >= max) Remove(entries.back().hash);
  entries.push_front({.hash = hash});
  by_hash[hash] = entries.begin();
  return entries.front();
}

void ApiKeyVerifier::Recent::Remove(const Digest& hash) {
  const auto it = by_hash.find(hash);
  if (it == by_hash.end()) return;
  entries.erase(it->second);
  by_hash.erase(it);
}

ApiKeyVerifier::Entry* ApiKeyVerifier::Find(const Digest& hash) {
  Entry* const key = keys_.Touch(hash);
  return key != nullptr ? key : guesses_.Touch(hash);
}

std::optional<absl::StatusOr<Principal>> ApiKeyVerifier::TryVerify(std::string_view token) {
  const Digest hash = Digest::Of(token);
  const absl::Time now = clock_.Now();
  MutexLock lock(mu_);
  Entry* entry = Find(hash);
  if (entry == nullptr) return std::nullopt;
  if (now - entry->looked_up < options_.fresh) return Judge(*entry, now);
  // One caller looks it up, the others go on.
  const bool others_look = entry->looking_up || now < entry->retry_at;
  if (others_look && StillTrusted(*entry, now)) return Judge(*entry, now);
  entry->looking_up = true;
  return std::nullopt;
}

void ApiKeyVerifier::Verify(std::string_view token, Authenticator::Done done) {
  const Digest hash = Digest::Of(token);
  auto shared = std::make_shared<Authenticator::Done>(std::move(done));
  const absl::Status queued =
      executor_.Submit([this, hash, shared] { (*shared)(LookUpNow(hash)); });
  if (queued.ok()) return;
  absl::StatusOr<Principal> answer = queued;
  {
    MutexLock lock(mu_);
    answer = RecordFailure(hash, queued);
  }
  (*shared)(std::move(answer));
}

absl::StatusOr<Principal> ApiKeyVerifier::LookUpNow(const Digest& hash) {
  lookups_.Add();
  // Before the look-up: what is read may have been revoked right after.
  const absl::Time now = clock_.Now();
  absl::StatusOr<std::optional<ApiKey>> found = store_.FindApiKey(hash);
  MutexLock lock(mu_);
  return found.ok() ? Record(hash, *std::move(found), now) : RecordFailure(hash, found.status());
}

absl::StatusOr<Principal> ApiKeyVerifier::Record(const Digest& hash, std::optional<ApiKey> found,
                                                 absl::Time looked_up) {
  Entry* entry = Find(hash);
  // The look-up may have read what was there before.
  const bool revoked = entry != nullptr && entry->key && entry->key->revoke_time;
  if (entry == nullptr || entry->key.has_value() != found.has_value()) {
    guesses_.Remove(hash);
    keys_.Remove(hash);
    entry =
        found ? &keys_.Add(hash, options_.max_cached) : &guesses_.Add(hash, options_.max_guesses);
    cached_.Set(static_cast<int64_t>(keys_.entries.size()));
  }
  if (!revoked) entry->key = std::move(found);
  entry->looked_up = looked_up;
  entry->looking_up = false;
  return Judge(*entry, looked_up);
}

absl::StatusOr<Principal> ApiKeyVerifier::RecordFailure(const Digest& hash,
                                                        const absl::Status& why) {
  Entry* const entry = Find(hash);
  if (entry == nullptr) return why;
  const absl::Time now = clock_.Now();
  entry->looking_up = false;
  entry->retry_at = now + options_.retry;
  if (!StillTrusted(*entry, now)) return why;
  return Judge(*entry, now);
}

void ApiKeyVerifier::Revoked(const ApiKey& key) {
  MutexLock lock(mu_);
  Record(key.secret_hash, key, clock_.Now()).IgnoreError();
}

}  // namespace stockroom::api
