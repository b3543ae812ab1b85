#include "tests/unit/search/oracle/naive_order.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "services/api/domain/access.h"
#include "services/api/search/query/words.h"
#include "services/api/search/similar/clusters.h"
#include "services/api/search/similar/pdq_scan.h"

namespace stockroom::api {
namespace {

// Most pixels, then most bytes, then newest.
bool IsBetter(const NaiveEntry& a, const NaiveEntry& b) {
  const auto key = [](const NaiveEntry& entry) {
    return std::tuple(entry.pixels(), entry.image.size_bytes);
  };
  return key(a) != key(b) ? key(a) > key(b) : NewerThan(a, b);
}

bool AreNear(const NaiveEntry& a, const NaiveEntry& b) {
  return a.pdq && b.pdq && PdqDistance(*a.pdq, *b.pdq) <= kNearDuplicate;
}

}  // namespace

absl::StatusOr<NaiveOrder> NaiveOrder::Of(const NaiveIndex& truth, const Principal& who,
                                          const Query& query, const SearchRequest& request) {
  NaiveOrder order;
  order.sort_ = request.sort == SortOrder::kDefault ? SortOrder::kNewest : request.sort;
  order.collapse_ = request.collapse;
  if (order.sort_ != SortOrder::kSimilar) return order;
  const auto hash_of = [&](const std::string& id) -> std::optional<PdqWords> {
    const NaiveEntry* other = truth.Get(id);
    return other == nullptr || !MayRead(who, other->image) ? std::nullopt : other->pdq;
  };
  if (request.similar_to.empty()) {
    int targets = 0;
    VisitLeaves(query, [&](const QueryNode& leaf, bool) {
      if (const auto* hash = std::get_if<HashNode>(&leaf.is)) {
        ++targets;
        order.target_ = hash->hash;
      } else if (const auto* similar = std::get_if<SimilarNode>(&leaf.is)) {
        ++targets;
        order.target_ = hash_of(similar->id);
      }
    });
    if (targets != 1) return absl::InvalidArgumentError("similar to what?");
    return order;
  }
  const NaiveEntry* other = truth.Get(request.similar_to);
  if (other == nullptr || !MayRead(who, other->image)) return NoSuchImage(request.similar_to);
  order.target_ = other->pdq;
  return order;
}

bool NaiveOrder::CanMove(SortOrder sort) {
  return sort != SortOrder::kDefault && sort != SortOrder::kNewest && sort != SortOrder::kRandom;
}

std::vector<NaiveOrder::Group> NaiveOrder::GroupsOf(
    const std::vector<const NaiveEntry*>& matches) const {
  std::vector<std::vector<const NaiveEntry*>> clusters;
  for (const NaiveEntry* entry : matches) {
    const auto twins = std::find_if(clusters.begin(), clusters.end(), [&](const auto& cluster) {
      return collapse_ && AreNear(*entry, *cluster.front());
    });
    if (twins == clusters.end()) {
      clusters.push_back({entry});
    } else {
      twins->push_back(entry);
    }
  }
  std::vector<Group> groups;
  for (const auto& cluster : clusters) {
    Group group{cluster.front(), 0};
    for (const NaiveEntry* entry : cluster) {
      if (IsBetter(*entry, *group.best)) group.best = entry;
    }
    for (const NaiveEntry* entry : cluster) {
      if (entry == group.best) continue;
      if (AreNear(*entry, *group.best)) {
        ++group.others;
      } else {
        groups.push_back({entry, 0});
      }
    }
    groups.push_back(group);
  }
  return groups;
}

std::optional<double> NaiveOrder::KeyOf(const NaiveEntry& entry) const {
  switch (sort_) {
    case SortOrder::kPopular:
      return entry.popularity;
    case SortOrder::kLargest:
      return static_cast<double>(entry.pixels());
    case SortOrder::kSimilar:
      // What has no hash comes last.
      return target_ && entry.pdq ? -PdqDistance(*entry.pdq, *target_) : -257;
    case SortOrder::kDefault:
    case SortOrder::kNewest:
      return 0;
    case SortOrder::kRelevance:
    case SortOrder::kRandom:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string NaiveOrder::Problem(const std::vector<const NaiveEntry*>& matches,
                                const std::vector<SearchHit>& hits) const {
  std::vector<Group> groups = GroupsOf(matches);
  std::map<std::string, const Group*> by_id;
  for (const Group& group : groups) by_id[group.best->image.id] = &group;
  if (hits.size() != groups.size()) {
    return std::to_string(hits.size()) + " hits, not " + std::to_string(groups.size());
  }
  std::set<std::string> seen;
  for (const SearchHit& hit : hits) {
    const auto it = by_id.find(hit.id);
    if (it == by_id.end()) return hit.id + " does not belong here";
    if (!seen.insert(hit.id).second) return hit.id + " comes twice";
    if (hit.collapsed != it->second->others) {
      return hit.id + " stands for " + std::to_string(hit.collapsed) + " others, not " +
             std::to_string(it->second->others);
    }
  }
  for (size_t i = 1; i < hits.size(); ++i) {
    const NaiveEntry& before = *by_id[hits[i - 1].id]->best;
    const NaiveEntry& after = *by_id[hits[i].id]->best;
    double first = hits[i - 1].score;
    double second = hits[i].score;
    if (const auto key = KeyOf(before)) {
      first = *key;
      second = *KeyOf(after);
    } else if (sort_ == SortOrder::kRandom) {
      continue;
    }
    if (first < second || (first == second && !NewerThan(before, after))) {
      return hits[i].id + " comes too late";
    }
  }
  return "";
}

}  // namespace stockroom::api
