// The part of MemoryStore that keeps the feed, idempotency keys and leases.
#include <algorithm>
#include <iterator>
#include <utility>

#include "services/api/domain/access.h"
#include "services/api/metadata/memory_store_impl.h"
#include "services/api/metadata/transitions.h"

namespace stockroom::api {
namespace {

constexpr size_t kSnapshotBatch = 256;

}  // namespace

absl::StatusOr<KeyReservation> MemoryStore::ReserveKey(const std::string& owner,
                                                       const std::string& key, absl::Time now,
                                                       absl::Time until) {
  MutexLock lock(mu_);
  KeyRow& row = keys_[{owner, key}];
  if (row.answered) {
    return KeyReservation{KeyReservation::State::kAnswered, 0, row.fingerprint, row.answer};
  }
  if (row.token != 0 && row.until > StoredTime(now)) {
    return KeyReservation{.state = KeyReservation::State::kInFlight};
  }
  row = {.token = NewReservationToken(), .until = StoredTime(until), .created = StoredTime(now)};
  return KeyReservation{.state = KeyReservation::State::kReserved, .token = row.token};
}

absl::Status MemoryStore::ReleaseKey(const std::string& owner, const std::string& key,
                                     int64_t token) {
  MutexLock lock(mu_);
  const auto it = keys_.find({owner, key});
  if (it != keys_.end() && it->second.token == token && !it->second.answered) keys_.erase(it);
  return absl::OkStatus();
}

absl::Status MemoryStore::AmendAnswer(const std::string& owner, const std::string& key,
                                      int64_t token, const std::string& answer) {
  MutexLock lock(mu_);
  const auto it = keys_.find({owner, key});
  if (it != keys_.end() && it->second.token == token && it->second.answered) {
    it->second.answer = answer;
  }
  return absl::OkStatus();
}

absl::StatusOr<int> MemoryStore::ForgetKeys(absl::Time before, int limit) {
  MutexLock lock(mu_);
  int forgotten = 0;
  for (auto it = keys_.begin(); it != keys_.end() && forgotten < limit;) {
    const bool old = it->second.created < StoredTime(before);
    forgotten += old ? 1 : 0;
    it = old ? keys_.erase(it) : std::next(it);
  }
  return forgotten;
}

absl::StatusOr<std::vector<Event>> MemoryStore::ReadEvents(int64_t position, int limit) {
  MutexLock lock(mu_);
  if (position < trimmed_) return FeedTrimmed(position, trimmed_);
  const auto begin = std::partition_point(events_.begin(), events_.end(),
                                          [&](const Event& e) { return e.position <= position; });
  const auto count = std::min<int64_t>(std::max(limit, 0), events_.end() - begin);
  return std::vector<Event>(begin, begin + count);
}

absl::StatusOr<int> MemoryStore::TrimEvents(absl::Time before, int limit) {
  MutexLock lock(mu_);
  int trimmed = 0;
  while (trimmed < limit && events_.size() > 1 && events_.front().time < StoredTime(before)) {
    trimmed_ = events_.front().position;
    events_.pop_front();
    ++trimmed;
  }
  return trimmed;
}

absl::StatusOr<MemoryStore::FeedRange> MemoryStore::GetFeedRange() {
  MutexLock lock(mu_);
  return FeedRange{.trimmed = trimmed_, .last = LastPosition()};
}

absl::StatusOr<int64_t> MemoryStore::Snapshot(
    const std::function<absl::Status(std::vector<Image>)>& visit) {
  std::vector<Image> all;
  int64_t position = 0;
  {
    MutexLock lock(mu_);
    position = LastPosition();
    for (const auto& [id, image] : images_) all.push_back(image);
  }
  for (size_t begin = 0; begin < all.size(); begin += kSnapshotBatch) {
    const size_t end = std::min(all.size(), begin + kSnapshotBatch);
    SR_RETURN_IF_ERROR(visit({std::make_move_iterator(all.begin() + begin),
                              std::make_move_iterator(all.begin() + end)}));
  }
  return position;
}

absl::StatusOr<bool> MemoryStore::TakeLease(const std::string& name, const std::string& holder,
                                            absl::Time now, absl::Duration ttl) {
  MutexLock lock(mu_);
  auto& [current, until] = leases_[name];
  if (current != holder && until > StoredTime(now)) return false;
  current = holder;
  until = StoredTime(now + ttl);
  return true;
}

absl::Status MemoryStore::CheckReserved(const std::optional<IdempotentWrite>& once) {
  if (!once) return absl::OkStatus();
  const auto it = keys_.find({once->owner, once->key});
  const bool held = it != keys_.end() && it->second.token == once->token && !it->second.answered;
  return held ? absl::OkStatus() : KeyLost(once->key);
}

void MemoryStore::StoreAnswer(const std::optional<IdempotentWrite>& once, const Image& image,
                              bool deduplicated) {
  if (!once) return;
  KeyRow& row = keys_.at({once->owner, once->key});
  row.answered = true;
  row.fingerprint = once->fingerprint;
  row.answer = once->answer(image, deduplicated);
}

void MemoryStore::Record(const Image& image, const Moderated& moderated,
                         std::optional<int64_t> approved, absl::Time now) {
  if (moderated.decision) moderation_.Record(*moderated.decision, approved);
  if (moderated.event != nullptr) Append(moderated.event, image, now);
}

void MemoryStore::Append(const char* type, const Image& image, absl::Time now, int64_t revision) {
  events_.push_back({.position = LastPosition() + 1,
                     .id = NewUuidV7(now),
                     .type = type,
                     .image_id = image.id,
                     .revision = revision != 0 ? revision : image.revision,
                     .time = StoredTime(now),
                     .owner = image.owner,
                     .visibility = SeenAs(image)});
}

int64_t MemoryStore::LastPosition() const {
  return events_.empty() ? trimmed_ : events_.back().position;
}

}  // namespace stockroom::api
