// The usual search: newest first, as many as fill a page. Looks at no more chunks than it needs.
#include <algorithm>
#include <cmath>
#include <queue>
#include <utility>

#include "services/api/search/exec/execution.h"
#include "services/api/search/exec/set_kernels.h"

namespace stockroom::api {
namespace {

// Where a segment's hits go on.
struct Stream {
  Doc first = 0;            // behind the cursor
  uint32_t next_chunk = 0;  // not looked at yet
  std::vector<Doc> hits;    // of the chunk before
  size_t at = 0;
};

// What a stream has next: a hit, or a chunk that holds none newer than this.
struct Head {
  int64_t created_us = 0;
  bool is_chunk = false;
  size_t part = 0;
  Snapshot::Place place;
};

}  // namespace

void Execution::RunNewest(ExecuteResult& result) {
  const auto behind = [this](const Head& a, const Head& b) {
    if (a.created_us != b.created_us) return a.created_us < b.created_us;
    // A chunk may hold one of that time with a greater id.
    if (a.is_chunk != b.is_chunk) return b.is_chunk;
    return !a.is_chunk &&
           ComesBefore(snapshot_, {0, b.created_us, b.place}, {0, a.created_us, a.place});
  };
  std::priority_queue<Head, std::vector<Head>, decltype(behind)> heads(behind);
  std::vector<Stream> streams(parts_.size());
  const auto push_next = [&](size_t i) {
    Stream& stream = streams[i];
    const Part& part = parts_[i];
    const NumberColumn& created = part.segment().numbers(Number::kCreatedUs);
    if (stream.at < stream.hits.size()) {
      const Doc doc = stream.hits[stream.at++];
      heads.push({created.At(doc), false, i, {part.number, doc}});
    } else if (stream.next_chunk < part.chunks()) {
      const Doc doc = std::max(stream.first, stream.next_chunk * kChunkDocs);
      heads.push({created.At(doc), true, i, {}});
    }
  };
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (request_.after) streams[i].first = FirstBehind(parts_[i].segment(), *request_.after);
    if (streams[i].first >= parts_[i].segment().docs()) continue;
    streams[i].next_chunk = streams[i].first / kChunkDocs;
    push_next(i);
  }
  std::vector<RankedHit> hits;
  while (!heads.empty() && hits.size() <= request_.limit) {
    const Head head = heads.top();
    heads.pop();
    Stream& stream = streams[head.part];
    if (head.is_chunk) {
      const uint32_t chunk = stream.next_chunk++;
      Part& part = parts_[head.part];
      if (budget_ && !budget_->CoversChunk(part.number, part.findable.Asks(chunk))) {
        gave_up_ = true;
        return;
      }
      ChunkSet set;
      Evaluate(part, chunk, set);
      stream.hits.clear();
      stream.at = 0;
      set.ForEachWhile([&](uint16_t low) {
        const Doc doc = chunk * kChunkDocs + low;
        if (doc >= stream.first) stream.hits.push_back(doc);
        return hits.size() + stream.hits.size() <= request_.limit;
      });
    } else {
      hits.push_back({0, head.created_us, head.place});
    }
    push_next(head.part);
  }
  EstimateTotal(result);
  Fill(std::move(hits), result);
}

void Execution::EstimateTotal(ExecuteResult& result) const {
  uint64_t chunks = 0;
  uint64_t all = 0;
  for (const Part& part : parts_) {
    chunks += part.chunks();
    all += part.findable.main().count();
  }
  result.total = matched_;
  if (chunks_looked_at_ == chunks) return;
  if (request_.query.IsEverything()) {
    result.total = 0;
    for (const Part& part : parts_) {
      if (part.findable.is_main()) {
        result.total += part.findable.main().count();
        continue;
      }
      for (uint32_t chunk = 0; chunk < part.chunks(); ++chunk) {
        ChunkBitmap scratch;  // NOLINT(cppcoreguidelines-pro-type-member-init)
        const uint64_t* bits = part.findable.Chunk(chunk, scratch);
        if (bits != nullptr) result.total += Kernels().Count(bits);
      }
    }
    return;
  }
  // What was not looked at is taken to match as often. Counted is only what may be found.
  result.total_is_exact = false;
  if (looked_at_ == 0) return;
  const double share = static_cast<double>(matched_) / static_cast<double>(looked_at_);
  result.total =
      std::max(matched_, static_cast<int64_t>(std::llround(share * static_cast<double>(all))));
}

}  // namespace stockroom::api
