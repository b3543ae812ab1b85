#include <algorithm>
#include <utility>

#include "services/api/search/segment/merge_source.h"
#include "services/common/base/status.h"

namespace stockroom::api::segment_format {
namespace {

// How many postings are merged between two looks at `stopped`: about a millisecond.
constexpr uint64_t kStopEvery = 100'000;

// Postings of one term out of several segments, sorted by new number.
class Gathered {
 public:
  void Clear() {
    size_ = 0;
    runs_.clear();
  }
  // The source's order is that of the result, so what comes from one is sorted.
  void Add(const MergeSource& source, TermOrd term) {
    const size_t begin = size_;
    const size_t most = size_ + source.segment.Frequency(term);
    if (postings_.size() < most) postings_.resize(most);
    for (uint32_t chunk = 0; chunk < source.segment.chunks(); ++chunk) {
      AddChunk(source, chunk, source.segment.Postings(term, chunk));
    }
    if (size_ > begin) runs_.push_back({begin, size_});
  }
  void Sort() {
    std::sort(runs_.begin(), runs_.end(), [this](const Run& a, const Run& b) {
      return postings_[a.begin] < postings_[b.begin];
    });
    // Segments often are of times apart: then so are the runs.
    bool apart = true;
    for (size_t i = 1; i < runs_.size(); ++i) {
      apart &= postings_[runs_[i - 1].end - 1] < postings_[runs_[i].begin];
    }
    if (!apart) MergeRuns();
    docs.resize(size_);
    payloads.resize(size_);
    size_t to = 0;
    for (const Run& run : runs_) {
      for (size_t i = run.begin; i < run.end; ++i, ++to) {
        docs[to] = static_cast<Doc>(postings_[i] >> 8);
        payloads[to] = static_cast<Payload>(postings_[i]);
      }
    }
  }

  std::vector<Doc> docs;
  std::vector<Payload> payloads;

 private:
  struct Run {
    size_t begin;
    size_t end;
  };

  // Two by two until one is left.
  void MergeRuns() {
    while (runs_.size() > 1) {
      if (other_.size() < size_) other_.resize(size_);
      std::vector<Run> merged;
      size_t to = 0;
      for (size_t i = 0; i < runs_.size(); i += 2) {
        const Run a = runs_[i];
        const Run b = i + 1 < runs_.size() ? runs_[i + 1] : Run{a.end, a.end};
        std::merge(At(a.begin), At(a.end), At(b.begin), At(b.end), other_.data() + to);
        const size_t size = a.end - a.begin + b.end - b.begin;
        merged.push_back({to, to + size});
        to += size;
      }
      postings_.swap(other_);
      runs_.swap(merged);
    }
  }
  const uint64_t* At(size_t i) const { return postings_.data() + i; }

  void AddChunk(const MergeSource& source, uint32_t chunk, const ChunkPostings& postings) {
    const Doc* new_docs = source.new_docs.data() + size_t{chunk} * kChunkDocs;
    uint32_t rank = 0;
    const auto put = [&](uint32_t low) {
      const Doc doc = new_docs[low];
      postings_[size_] = uint64_t{doc} << 8 | postings.PayloadAt(rank++);
      size_ += doc != kNoDoc ? 1 : 0;
    };
    if (postings.bitmap == nullptr) {
      for (uint32_t i = 0; i < postings.count; ++i) put(postings.docs[i]);
      return;
    }
    for (uint32_t word = 0; word < kChunkWords; ++word) {
      for (uint64_t left = postings.bitmap[word]; left != 0; left &= left - 1) {
        put(word * 64 + static_cast<uint32_t>(std::countr_zero(left)));
      }
    }
  }

  // New number << 8 | payload; `size_` of them.
  std::vector<uint64_t> postings_;
  std::vector<uint64_t> other_;
  size_t size_ = 0;
  std::vector<Run> runs_;
};

}  // namespace

absl::Status MergeStopped() {
  return MakeStatus(absl::StatusCode::kCancelled, "the merge of segments was stopped",
                    {.reason = "MERGE_STOPPED"});
}

absl::Status MergeTerms(const std::vector<MergeSource>& sources, Draft& draft,
                        absl::FunctionRef<bool()> stopped) {
  std::vector<TermCursor> cursors;
  for (const MergeSource& source : sources) {
    cursors.push_back(source.terms());
    cursors.back().Seek(0);
  }
  // A heap of cursors, the smallest term on top; equal ones by source.
  std::vector<size_t> heap;
  const auto after = [&](size_t a, size_t b) {
    const int order = cursors[a].text().compare(cursors[b].text());
    return order != 0 ? order > 0 : a > b;
  };
  for (size_t i = 0; i < cursors.size(); ++i) {
    if (!cursors[i].done()) heap.push_back(i);
  }
  std::make_heap(heap.begin(), heap.end(), after);
  Gathered gathered;
  std::string text;
  uint64_t work = 0;
  while (!heap.empty()) {
    text = cursors[heap.front()].text();
    gathered.Clear();
    while (!heap.empty() && cursors[heap.front()].text() == text) {
      std::pop_heap(heap.begin(), heap.end(), after);
      const size_t i = heap.back();
      gathered.Add(sources[i], cursors[i].ord());
      work += 16 + sources[i].segment.Frequency(cursors[i].ord());
      cursors[i].Next();
      if (cursors[i].done()) {
        heap.pop_back();
      } else {
        std::push_heap(heap.begin(), heap.end(), after);
      }
    }
    gathered.Sort();
    if (!gathered.docs.empty()) draft.AddTerm(text, gathered.docs, gathered.payloads);
    if (work >= kStopEvery) {
      if (stopped()) return MergeStopped();
      work = 0;
    }
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api::segment_format
