#include "services/api/search/exec/order.h"

#include <algorithm>
#include <cstring>

namespace stockroom::api {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;  // 2^64 / the golden ratio

// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
uint64_t Mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

}  // namespace

std::string IdOf(const Snapshot& snapshot, Snapshot::Place place) {
  return snapshot.segments[place.segment].segment->id(place.doc);
}

int64_t CreatedOf(const Snapshot& snapshot, Snapshot::Place place) {
  return snapshot.segments[place.segment].segment->numbers(Number::kCreatedUs).At(place.doc);
}

bool ComesBefore(const Snapshot& snapshot, const RankedHit& a, const RankedHit& b) {
  if (a.key != b.key) return a.key > b.key;
  if (a.created_us != b.created_us) return a.created_us > b.created_us;
  if (a.place.segment == b.place.segment) return a.place.doc < b.place.doc;
  return IdOf(snapshot, a.place) > IdOf(snapshot, b.place);
}

TopHits::TopHits(const Snapshot& snapshot, const std::optional<Cursor>& after, size_t most)
    : snapshot_(snapshot), after_(after), most_(most) {}

bool TopHits::IsBehindCursor(const RankedHit& hit) const {
  if (!after_) return true;
  if (hit.key != after_->key) return hit.key < after_->key;
  if (hit.created_us != after_->created_us) return hit.created_us < after_->created_us;
  return IdOf(snapshot_, hit.place) < after_->id;
}

bool TopHits::IsOut(double key, int64_t created_us) const {
  if (heap_.size() < most_) return false;
  const RankedHit& last = heap_.front();
  return key < last.key || (key == last.key && created_us < last.created_us);
}

void TopHits::Offer(double key, Snapshot::Place place) {
  if (heap_.size() == most_ && key < heap_.front().key) return;
  const RankedHit hit{key, CreatedOf(snapshot_, place), place};
  const auto before = [this](const RankedHit& a, const RankedHit& b) {
    return ComesBefore(snapshot_, a, b);
  };
  if (heap_.size() == most_ && !before(hit, heap_.front())) return;
  if (!IsBehindCursor(hit)) return;
  if (heap_.size() == most_) {
    std::pop_heap(heap_.begin(), heap_.end(), before);
    heap_.pop_back();
  }
  heap_.push_back(hit);
  std::push_heap(heap_.begin(), heap_.end(), before);
}

std::vector<RankedHit> TopHits::Take() {
  std::sort(heap_.begin(), heap_.end(), [this](const RankedHit& a, const RankedHit& b) {
    return ComesBefore(snapshot_, a, b);
  });
  return std::move(heap_);
}

Doc FirstBehind(const Segment& segment, const Cursor& cursor) {
  const NumberColumn& created = segment.numbers(Number::kCreatedUs);
  Doc first = 0;
  Doc last = segment.docs();
  while (first < last) {
    const Doc middle = first + (last - first) / 2;
    const int64_t time = created.At(middle);
    if (time > cursor.created_us ||
        (time == cursor.created_us && segment.id(middle) >= cursor.id)) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first;
}

double RandomKey(uint64_t seed, const Segment& segment, Doc doc) {
  uint64_t hash = Mix(seed + kGolden);
  if (const uint32_t md5 = segment.md5_start(doc); md5 != 0) {
    const auto created = static_cast<uint64_t>(segment.numbers(Number::kCreatedUs).At(doc));
    hash = Mix(Mix(hash ^ created * kGolden) ^ md5);
    return static_cast<double>(hash >> 11);
  }
  const std::string id = segment.id(doc);
  for (size_t at = 0; at < id.size(); at += 8) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, id.data() + at, std::min<size_t>(id.size() - at, 8));
    hash = Mix(hash ^ (id.size() + bytes * kGolden));
  }
  return static_cast<double>(hash >> 11);
}

std::optional<PdqWords> HashOf(const Segment& segment, Doc doc) {
  if ((segment.flags(doc) >> static_cast<int>(HasField::kHash) & 1) == 0) return std::nullopt;
  PdqWords hash;
  for (size_t w = 0; w < hash.size(); ++w) hash[w] = segment.pdq().words[w][doc];
  return hash;
}

}  // namespace stockroom::api
