#include "services/api/search/exec/execute.h"

#include <algorithm>
#include <utility>

#include "services/api/domain/access.h"
#include "services/api/search/exec/collapse.h"
#include "services/api/search/exec/cursor.h"
#include "services/api/search/exec/execution.h"
#include "services/api/search/exec/facets.h"
#include "services/api/search/exec/set_kernels.h"
#include "services/api/search/query/words.h"
#include "services/api/search/similar/pdq_scan.h"
#include "services/api/search/text/stem.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// Behind every image that has a hash.
constexpr double kNoDistance = 257;

}  // namespace

Execution::Execution(const Snapshot& snapshot, const ExecuteRequest& request)
    : snapshot_(snapshot), request_(request), context_(snapshot, request) {
  MakeParts();
}

bool Execution::Limit() {
  budget_.emplace(context_);
  if (!NeedsAll()) return true;
  double owners = 0;
  for (const Part& part : parts_) {
    for (uint32_t chunk = 0; chunk < part.chunks(); ++chunk) owners += part.findable.Asks(chunk);
  }
  return budget_->CoversAll(owners);
}

absl::Status Execution::Prepare() {
  if (!request_.stemming.empty() && !IsStemmingLanguage(request_.stemming)) {
    std::string known;
    for (const std::string& language : StemmingLanguages()) {
      known.append(known.empty() ? "" : ", ").append(language);
    }
    return InvalidField("stemming", "no such language; known are " + known);
  }
  if (!request_.similar_to.empty() && !context_.MayRead(request_.similar_to)) {
    return NoSuchImage(request_.similar_to);
  }
  if (request_.sort == SortOrder::kSimilar) SR_RETURN_IF_ERROR(FindTarget());
  if (request_.sort == SortOrder::kRelevance) {
    words_ = RankedWords(request_.query, request_.stemming);
  }
  SR_RETURN_IF_ERROR(CheckCursor());
  if (request_.sort == SortOrder::kRelevance) {
    weights_ = request_.after ? request_.after->weights : WeightsOf(snapshot_, words_);
  }
  return absl::OkStatus();
}

absl::Status Execution::CheckCursor() const {
  if (!request_.after) return absl::OkStatus();
  if (request_.after->sort != request_.sort || request_.after->weights.size() != words_.size()) {
    return InvalidArgument("BAD_PAGE_TOKEN", "page_token belongs to a search in another order");
  }
  return absl::OkStatus();
}

absl::Status Execution::FindTarget() {
  if (request_.after) {
    target_ = request_.after->target;
    return absl::OkStatus();
  }
  if (!request_.similar_to.empty()) {
    target_ = context_.HashOf(request_.similar_to);
    return absl::OkStatus();
  }
  int targets = 0;
  VisitLeaves(request_.query, [&](const QueryNode& leaf, bool) {
    if (const auto* hash = std::get_if<HashNode>(&leaf.is)) {
      target_ = hash->hash;
      ++targets;
    } else if (const auto* similar = std::get_if<SimilarNode>(&leaf.is)) {
      target_ = context_.HashOf(similar->id);
      ++targets;
    }
  });
  if (targets == 1) return absl::OkStatus();
  return InvalidField("similar_to",
                      "the most similar first: similar to what? Name an image here, or in the "
                      "query exactly one similar: or hash:");
}

void Execution::MakeParts() {
  const bool any_state = NamesState(request_.query);
  for (uint32_t number = 0; number < snapshot_.segments.size(); ++number) {
    const SegmentState& state = snapshot_.segments[number];
    parts_.push_back({number, &state, Findable(state, request_.viewer, any_state)});
  }
}

void Execution::Plan(Part& part) {
  part.is_planned = true;
  part.plan = PlanFor(request_.query.root, part.number, context_);
  if (part.plan != nullptr && request_.sort == SortOrder::kRelevance) {
    part.ranker = std::make_unique<Ranker>(part.segment(), words_, weights_);
  }
}

void Execution::Evaluate(Part& part, uint32_t chunk, ChunkSet& set) {
  if (!part.is_planned) Plan(part);
  ++chunks_looked_at_;
  looked_at_ += part.findable.main().count(chunk);
  if (part.plan == nullptr) return;
  ChunkBitmap scratch;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
  const uint64_t* findable = part.findable.Chunk(chunk, scratch);
  if (findable == nullptr) return;
  set.View(findable);
  part.plan->Keep(chunk, set);
  // Not a view of `scratch`, which ends here.
  if (set.bits() == scratch.data()) set.Own();
  matched_ += set.Count();
}

bool Execution::NeedsAll() const {
  return request_.sort != SortOrder::kNewest || request_.exact_total || request_.collapse ||
         request_.explain || !request_.facets.empty() || snapshot_.live <= kChunkDocs;
}

ExecuteResult Execution::Run() {
  ExecuteResult result;
  if (NeedsAll()) {
    RunThroughAll(result);
  } else {
    RunNewest(result);
  }
  if (request_.explain) result.explanation = Explain(result);
  return result;
}

void Execution::RunThroughAll(ExecuteResult& result) {
  TopHits top(snapshot_, request_.after, request_.limit + 1);
  const auto offer = [&](Part& part, uint32_t chunk, const ChunkSet& set) {
    if (request_.sort == SortOrder::kNewest) {
      OfferNewest(part, chunk, set, top);
    } else {
      OfferAll(part, chunk, set, top);
    }
  };
  std::optional<Matches> matches;
  if (request_.collapse || !request_.facets.empty()) matches.emplace(snapshot_);
  for (Part& part : parts_) {
    for (uint32_t chunk = 0; chunk < part.chunks(); ++chunk) {
      ChunkSet set;
      Evaluate(part, chunk, set);
      if (set.empty()) continue;
      if (matches) matches->Put(part.number, chunk, set);
      if (!request_.collapse) offer(part, chunk, set);
    }
  }
  result.total = matched_;
  std::optional<Collapsed> collapsed;
  if (request_.collapse) {
    collapsed.emplace(snapshot_, *matches);
    for (Part& part : parts_) {
      for (uint32_t chunk = 0; chunk < part.chunks(); ++chunk) {
        ChunkSet set;
        collapsed->shown().View(part.number, chunk, set);
        if (!set.empty()) offer(part, chunk, set);
      }
    }
  }
  Fill(top.Take(), result);
  if (collapsed) {
    for (ExecuteHit& hit : result.hits) hit.collapsed = collapsed->CountBehind(hit.place);
  }
  if (!request_.facets.empty()) {
    result.facets = CountFacets(snapshot_, *matches, request_.facets);
  }
}

void Execution::OfferNewest(Part& part, uint32_t chunk, const ChunkSet& set, TopHits& top) {
  const Doc base = chunk * kChunkDocs;
  // Documents come newest first: what is behind one that is out is out, too.
  if (top.IsOut(0, part.segment().numbers(Number::kCreatedUs).At(base))) return;
  const Doc first = request_.after ? FirstBehind(part.segment(), *request_.after) : 0;
  size_t offered = 0;
  set.ForEachWhile([&](uint16_t low) {
    if (base + low < first) return true;
    top.Offer(0, {part.number, base + low});
    return ++offered <= request_.limit;
  });
}

void Execution::OfferAll(Part& part, uint32_t chunk, const ChunkSet& set, TopHits& top) {
  const Doc base = chunk * kChunkDocs;
  const Segment& segment = part.segment();
  const auto offer = [&](auto key_of) {
    set.ForEach([&](uint16_t low) {
      const Doc doc = base + low;
      top.Offer(key_of(doc), {part.number, doc});
    });
  };
  switch (request_.sort) {
    case SortOrder::kDefault:
    case SortOrder::kNewest:
      offer([](Doc) { return 0.0; });
      return;
    case SortOrder::kPopular:
      offer([&loose = *part.state->loose](Doc doc) {
        return static_cast<double>(loose.popularity.At(doc));
      });
      return;
    case SortOrder::kLargest:
      offer([&](Doc doc) {
        return static_cast<double>(segment.numbers(Number::kWidth).At(doc) *
                                   segment.numbers(Number::kHeight).At(doc));
      });
      return;
    case SortOrder::kSimilar:
      offer([&](Doc doc) {
        const std::optional<PdqWords> hash = target_ ? HashOf(segment, doc) : std::nullopt;
        return hash ? -static_cast<double>(PdqDistance(*hash, *target_)) : -kNoDistance;
      });
      return;
    case SortOrder::kRandom:
      offer([&, seed = request_.after ? request_.after->seed : request_.seed](Doc doc) {
        return -RandomKey(seed, segment, doc);
      });
      return;
    case SortOrder::kRelevance:
      break;
  }
  std::vector<uint16_t> docs(set.Count());
  set.ListTo(docs.data());
  std::vector<float> scores(docs.size());
  part.ranker->Score(chunk, docs.data(), static_cast<uint32_t>(docs.size()), scores.data());
  for (size_t i = 0; i < docs.size(); ++i) top.Offer(scores[i], {part.number, base + docs[i]});
}

void Execution::Fill(std::vector<RankedHit> hits, ExecuteResult& result) const {
  const bool more = hits.size() > request_.limit;
  hits.resize(std::min(hits.size(), request_.limit));
  const bool negated = request_.sort == SortOrder::kSimilar || request_.sort == SortOrder::kRandom;
  for (const RankedHit& hit : hits) {
    // Not a negated zero.
    result.hits.push_back({hit.place, negated ? 0 - hit.key : hit.key, 0});
  }
  if (!more || hits.empty()) return;
  const RankedHit& last = hits.back();
  result.next = Cursor{.sort = request_.sort,
                       .seed = request_.after ? request_.after->seed : request_.seed,
                       .key = last.key,
                       .created_us = last.created_us,
                       .id = IdOf(snapshot_, last.place),
                       .weights = weights_,
                       .target = target_};
}

absl::StatusOr<ExecuteResult> Execute(const Snapshot& snapshot, const ExecuteRequest& request) {
  Execution execution(snapshot, request);
  SR_RETURN_IF_ERROR(execution.Prepare());
  return execution.Run();
}

std::optional<absl::StatusOr<ExecuteResult>> ExecuteIfCheap(const Snapshot& snapshot,
                                                            const ExecuteRequest& request) {
  Execution execution(snapshot, request);
  if (!execution.Limit()) return std::nullopt;
  if (absl::Status ready = execution.Prepare(); !ready.ok()) return ready;
  ExecuteResult result = execution.Run();
  if (execution.gave_up()) return std::nullopt;
  return result;
}

}  // namespace stockroom::api
