#include "services/api/search/similar/clusters.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "services/api/search/similar/pdq_scan.h"

namespace stockroom::api {
namespace {

constexpr uint32_t kParts = 16;
constexpr uint32_t kPartValues = 1 << 16;
// Fewer hashes are kept in fewer buckets, by the low bits of a part: tables that fit into a cache.
constexpr uint32_t kFewestBuckets = 1 << 10;
// Up to so many hashes, comparing each with everything is less work than sixteen walks by parts.
constexpr size_t kFew = 32;
// Comparing by parts costs about so many times what the scan does: if that has to compare more than
// this part of all pairs (parts that half of the catalogue shares), the scan is taken.
constexpr uint64_t kScanIsFaster = 6;

uint32_t PartOf(const PdqWords& hash, uint32_t part) {
  return static_cast<uint32_t>(hash[part / 4] >> (part % 4 * 16) & (kPartValues - 1));
}

uint32_t BucketsFor(size_t hashes) {
  uint32_t buckets = kFewestBuckets;
  while (buckets < kPartValues && buckets < hashes * 8) buckets *= 2;
  return buckets;
}

// Hashes as a structure of arrays.
struct Hashes {
  std::array<std::vector<uint64_t>, 4> words;

  void Add(const PdqWords& hash) {
    for (size_t w = 0; w < 4; ++w) words[w].push_back(hash[w]);
  }
  uint32_t size() const { return static_cast<uint32_t>(words[0].size()); }
  PdqColumn column() const {
    return {{words[0].data(), words[1].data(), words[2].data(), words[3].data()}};
  }
};

PdqWords HashAt(const PdqColumn& column, Doc doc) {
  return {column.words[0][doc], column.words[1][doc], column.words[2][doc], column.words[3][doc]};
}

// Where possible founders stand, in the order of Add's sources.
struct Source {
  PdqColumn column;
  uint32_t docs;
  // Whether it may still found, or has founded, a cluster.
  absl::FunctionRef<bool(Doc)> is_founder;
};

// The nearest founder of one hash so far. Equally near ones differ in their hashes.
struct Nearest {
  int distance = kNearDuplicate + 1;
  PdqWords hash{};
  uint32_t source = 0;
  Doc at = 0;

  bool IsBeatenBy(int other_distance, const PdqWords& other) const {
    return other_distance < distance || (other_distance == distance && other < hash);
  }
};

}  // namespace

// What is known of the clusters, ascending by number.
struct Clusters::State {
  Hashes founders;
  std::vector<uint32_t> numbers;
  std::vector<uint32_t> images;  // 0: forgotten
  uint32_t forgotten = 0;
  uint32_t next = 1;

  // A new cluster of one image.
  uint32_t Found(const PdqWords& hash) {
    founders.Add(hash);
    numbers.push_back(next);
    images.push_back(1);
    return next++;
  }

  // Its place; the end if there is none.
  size_t PlaceOf(uint32_t number) const {
    const auto it = std::lower_bound(numbers.begin(), numbers.end(), number);
    return it != numbers.end() && *it == number ? static_cast<size_t>(it - numbers.begin())
                                                : numbers.size();
  }

  void Join(uint32_t number) { ++images[PlaceOf(number)]; }

  void Compact() {
    size_t kept = 0;
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (images[i] == 0) continue;
      for (std::vector<uint64_t>& word : founders.words) word[kept] = word[i];
      numbers[kept] = numbers[i];
      images[kept++] = images[i];
    }
    for (std::vector<uint64_t>& word : founders.words) word.resize(kept);
    numbers.resize(kept);
    images.resize(kept);
    forgotten = 0;
  }
};

namespace {

// Some hashes, to be compared with all of the sources.
class Comparison {
 public:
  using Fresh = Clusters::Fresh;
  explicit Comparison(std::span<const Fresh> fresh)
      : fresh_(fresh),
        nearest_(fresh.size()),
        has_earlier_(fresh.size(), fresh.size() > kFew ? 0 : 1),
        buckets_(BucketsFor(fresh.size())) {}

  // Finds the nearest founder in the sources. False if stopped.
  bool Run(std::span<const Source> sources, absl::FunctionRef<bool()> stopped) {
    std::vector<uint32_t> left(sources.size());  // by parts, as long as that is less work
    for (uint32_t s = 0; s < sources.size(); ++s) left[s] = fresh_.size() > kFew ? 1 : 0;
    compared_.assign(sources.size(), 0);
    for (uint32_t part = 0; part < kParts && fresh_.size() > kFew; ++part) {
      Sort(part);
      WalkOwnFast();
      for (uint32_t s = 0; s < sources.size(); ++s) {
        if (stopped()) return false;
        if (left[s] == 0) continue;
        WalkFast(sources[s], s, part);
        const uint64_t pairs = uint64_t{sources[s].docs} * fresh_.size();
        if (compared_[s] > pairs / kScanIsFaster) left[s] = 0;
      }
    }
    for (uint32_t s = 0; s < sources.size(); ++s) {
      if (left[s] != 0) continue;
      for (uint32_t i = 0; i < fresh_.size(); ++i) {
        if (stopped()) return false;
        Scan(sources[s], s, i);
      }
    }
    return true;
  }

  // By place in `fresh`.
  std::vector<Nearest>& nearest() { return nearest_; }
  // Whether one before it in `fresh` may be near. Without this every hash would have to be looked
  // up among those, at the price of some dozen cache misses.
  bool MayHaveEarlier(uint32_t i) const { return has_earlier_[i] != 0; }

 private:
  // A word in which hashes are compared first, other than that of the part in which they are alike
  // already: it rejects nearly all.
  static uint32_t OtherWord(uint32_t part) { return (part / 4 + 1) % 4; }

  // Puts the hashes into buckets by one of their parts.
  void Sort(uint32_t part) {
    starts_.assign(buckets_ + 1, 0);
    for (const Fresh& one : fresh_) ++starts_[(PartOf(one.hash, part) & (buckets_ - 1)) + 1];
    for (uint32_t bucket = 0; bucket < buckets_; ++bucket) starts_[bucket + 1] += starts_[bucket];
    order_.resize(fresh_.size());
    others_.resize(fresh_.size());
    std::vector<uint32_t> next(starts_.begin(), starts_.end() - 1);
    for (uint32_t i = 0; i < fresh_.size(); ++i) {
      const uint32_t at = next[PartOf(fresh_[i].hash, part) & (buckets_ - 1)]++;
      order_[at] = i;
      others_[at] = fresh_[i].hash[OtherWord(part)];
    }
  }

  // Compares every document with the hashes of its bucket.
  __attribute__((always_inline)) inline void Walk(const Source& source, uint32_t number,
                                                  uint32_t part) {
    const uint64_t* const parts = source.column.words[part / 4];
    const uint64_t* const others = source.column.words[OtherWord(part)];
    const uint32_t* const starts = starts_.data();
    const uint64_t* const bucketed = others_.data();
    const uint32_t shift = part % 4 * 16;
    const uint32_t mask = buckets_ - 1;
    const Doc docs = source.docs;
    uint64_t compared = 0;
    for (Doc doc = 0; doc < docs; ++doc) {
      const uint32_t bucket = static_cast<uint32_t>(parts[doc] >> shift) & mask;
      const uint32_t begin = starts[bucket];
      const uint32_t end = starts[bucket + 1];
      if (begin == end) [[likely]]
        continue;
      compared += end - begin;
      const uint64_t other = others[doc];
      for (uint32_t at = begin; at < end; ++at) {
        if (__builtin_popcountll(other ^ bucketed[at]) > kNearDuplicate) [[likely]]
          continue;
        if (!Offer(source, number, doc, order_[at])) break;
      }
    }
    compared_[number] += compared;
  }

  // Compares the hashes of each bucket with those before them until one is near.
  __attribute__((always_inline)) inline void WalkOwn() {
    for (uint32_t bucket = 0; bucket < buckets_; ++bucket) {
      const uint32_t begin = starts_[bucket];
      for (uint32_t at = begin; at < starts_[bucket + 1]; ++at) {
        if (has_earlier_[order_[at]] != 0) continue;
        const PdqWords& hash = fresh_[order_[at]].hash;
        for (uint32_t other = begin; other < at; ++other) {
          if (__builtin_popcountll(others_[at] ^ others_[other]) > kNearDuplicate) continue;
          if (PdqDistance(hash, fresh_[order_[other]].hash) > kNearDuplicate) continue;
          has_earlier_[order_[at]] = 1;
          break;
        }
      }
    }
  }

#if defined(__x86_64__)
  // Without this the compiler counts bits by a table.
  __attribute__((target("popcnt"))) void WalkPopcnt(const Source& source, uint32_t number,
                                                    uint32_t part) {
    Walk(source, number, part);
  }
  __attribute__((target("popcnt"))) void WalkOwnPopcnt() { WalkOwn(); }
#endif

  void WalkFast(const Source& source, uint32_t number, uint32_t part) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt")) return WalkPopcnt(source, number, part);
#endif
    Walk(source, number, part);
  }

  void WalkOwnFast() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt")) return WalkOwnPopcnt();
#endif
    WalkOwn();
  }

  void Scan(const Source& source, uint32_t number, uint32_t i) {
    ScanPdq(source.column, 0, source.docs, fresh_[i].hash, nearest_[i].distance,
            [&](Doc doc, int) { Offer(source, number, doc, i); });
  }

  // False: the document is no founder, whatever it is compared with.
  bool Offer(const Source& source, uint32_t number, Doc doc, uint32_t i) {
    const PdqWords hash = HashAt(source.column, doc);
    const int distance = PdqDistance(hash, fresh_[i].hash);
    if (distance > kNearDuplicate) return true;
    if (!source.is_founder(doc)) return false;
    if (nearest_[i].IsBeatenBy(distance, hash)) nearest_[i] = {distance, hash, number, doc};
    return true;
  }

  const std::span<const Fresh> fresh_;
  std::vector<Nearest> nearest_;
  std::vector<uint64_t> compared_;
  std::vector<uint8_t> has_earlier_;
  const uint32_t buckets_;
  std::vector<uint32_t> starts_;  // by bucket: where in order_ and others_
  std::vector<uint32_t> order_;
  std::vector<uint64_t> others_;  // beside order_, as reading the hashes themselves is a miss each
};

// The hashes of one block that are alone, by their parts: chains, newest first.
class BlockIndex {
 public:
  explicit BlockIndex(size_t size)
      : buckets_(BucketsFor(size)), heads_(kParts * buckets_, kNone), next_(size * kParts) {}

  void Add(uint32_t at, const PdqWords& hash) {
    for (uint32_t part = 0; part < kParts; ++part) {
      uint32_t& head = heads_[HeadOf(hash, part)];
      next_[at * kParts + part] = head;
      head = at;
    }
  }

  // Calls `visit` for each that shares a part with the hash, often several times.
  template <typename Visit>
  void ForEach(const PdqWords& hash, Visit visit) const {
    for (uint32_t part = 0; part < kParts; ++part) {
      for (uint32_t at = heads_[HeadOf(hash, part)]; at != kNone; at = next_[at * kParts + part]) {
        visit(at);
      }
    }
  }

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  uint32_t HeadOf(const PdqWords& hash, uint32_t part) const {
    return part * buckets_ + (PartOf(hash, part) & (buckets_ - 1));
  }

  const uint32_t buckets_;
  std::vector<uint32_t> heads_;
  std::vector<uint32_t> next_;
};

}  // namespace

Clusters::Clusters() : state_(std::make_unique<State>()) {}
Clusters::~Clusters() = default;

// One call of Add: what came in its earlier blocks is a source, too.
struct Clusters::Block {
  State& state;
  std::span<Fresh> fresh;
  std::span<const Column> columns;
  std::vector<Founder>& founders;
  Hashes earlier = {};  // of `fresh`, those that were alone
  std::vector<uint32_t> earlier_at = {};
  // Documents of columns that this call has made founders.
  absl::flat_hash_map<uint64_t, uint32_t> numbers = {};

  bool Add(size_t begin, size_t end, absl::FunctionRef<bool()> stopped) {
    const auto is_cluster = [&](Doc at) { return state.images[at] != 0; };
    const auto is_alone = [&](Doc at) { return fresh[earlier_at[at]].cluster == 0; };
    std::vector<Source> sources;
    sources.push_back({state.founders.column(), state.founders.size(), is_cluster});
    for (const Column& column : columns) {
      sources.push_back({column.pdq, column.docs, column.is_alone});
    }
    sources.push_back({earlier.column(), earlier.size(), is_alone});
    const std::span<Fresh> block = fresh.subspan(begin, end - begin);
    Comparison comparison(block);
    if (!comparison.Run(sources, stopped)) return false;
    BlockIndex index(block.size());
    for (uint32_t i = 0; i < block.size(); ++i) {
      Nearest& best = comparison.nearest()[i];
      if (comparison.MayHaveEarlier(i))
        index.ForEach(block[i].hash, [&](uint32_t at) {
          const int distance = PdqDistance(block[at].hash, block[i].hash);
          if (!best.IsBeatenBy(distance, block[at].hash)) return;
          best = {distance, block[at].hash, static_cast<uint32_t>(sources.size()), at};
        });
      if (best.distance <= kNearDuplicate) {
        block[i].cluster = NumberOf(best, block);
        state.Join(block[i].cluster);
      } else {
        index.Add(i, block[i].hash);
      }
    }
    for (size_t i = begin; i < end; ++i) {
      if (fresh[i].cluster != 0) continue;
      earlier.Add(fresh[i].hash);
      earlier_at.push_back(static_cast<uint32_t>(i));
    }
    return true;
  }

  // The number of the cluster that it founds, perhaps just now.
  uint32_t NumberOf(const Nearest& founder, std::span<Fresh> block) {
    const uint32_t columns_end = static_cast<uint32_t>(columns.size()) + 1;
    if (founder.source == 0) return state.numbers[founder.at];
    if (founder.source < columns_end) {
      const uint32_t column = founder.source - 1;
      uint32_t& number = numbers[uint64_t{column} << 32 | founder.at];
      if (number == 0) {
        number = state.Found(founder.hash);
        founders.push_back({column, founder.at, number});
      }
      return number;
    }
    Fresh& one = founder.source == columns_end ? fresh[earlier_at[founder.at]] : block[founder.at];
    if (one.cluster == 0) one.cluster = state.Found(founder.hash);
    return one.cluster;
  }
};

bool Clusters::Add(std::span<Fresh> fresh, std::span<const Column> columns,
                   std::vector<Founder>& founders, absl::FunctionRef<bool()> stopped) {
  Block block{*state_, fresh, columns, founders};
  for (size_t begin = 0; begin < fresh.size(); begin += kBlock) {
    if (!block.Add(begin, std::min<size_t>(fresh.size(), begin + kBlock), stopped)) return false;
  }
  return true;
}

void Clusters::Remove(uint32_t cluster) {
  const size_t at = state_->PlaceOf(cluster);
  if (at == state_->numbers.size() || state_->images[at] == 0) return;
  if (--state_->images[at] > 0) return;
  ++state_->forgotten;
  if (state_->forgotten > state_->numbers.size() / 2) state_->Compact();
}

uint64_t Clusters::size() const { return state_->numbers.size() - state_->forgotten; }

uint64_t Clusters::bytes() const {
  uint64_t bytes = (state_->numbers.capacity() + state_->images.capacity()) * sizeof(uint32_t);
  for (const auto& word : state_->founders.words) bytes += word.capacity() * sizeof(uint64_t);
  return bytes;
}

}  // namespace stockroom::api
