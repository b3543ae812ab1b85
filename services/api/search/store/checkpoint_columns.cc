#include "services/api/search/store/checkpoint_columns.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "services/api/search/store/document_record.h"
#include "services/api/search/store/folder.h"
#include "services/api/search/store/mapped_file.h"

namespace stockroom::api {
namespace {

// Before each segment's columns: how many documents it has, and which columns follow the live bits
// (whole words of them).
struct Head {
  uint32_t docs = 0;
  uint32_t has_popularity = 0;
  uint32_t has_clusters = 0;
};

bool HasAny(const std::vector<uint32_t>& column) {
  return std::any_of(column.begin(), column.end(), [](uint32_t value) { return value != 0; });
}

template <typename T>
std::string_view BytesOf(const T* values, size_t count) {
  return {reinterpret_cast<const char*>(values), count * sizeof(T)};
}

constexpr ChunkBitmap kNoBits{};

// Of a chunk's bitmap, how many words can have bits.
uint32_t WordsOf(const DocBits& bits, uint32_t chunk) {
  return (std::min(bits.docs() - chunk * kChunkDocs, kChunkDocs) + 63) / 64;
}

class ColumnReader {
 public:
  explicit ColumnReader(std::string_view bytes) : left_(bytes) {}
  bool done() const { return left_.empty(); }

  // Both false if there is not enough left.
  template <typename T>
  bool Take(T* to, size_t count) {
    const size_t size = count * sizeof(T);
    if (left_.size() < size) return false;
    std::memcpy(to, left_.data(), size);
    left_.remove_prefix(size);
    return true;
  }
  bool TakeBits(DocBits& bits) {
    for (uint32_t chunk = 0; chunk < bits.chunks(); ++chunk) {
      ChunkBitmap words{};
      if (!Take(words.data(), WordsOf(bits, chunk))) return false;
      for (uint32_t w = 0; w < kChunkWords; ++w) {
        for (uint64_t left = words[w]; left != 0; left &= left - 1) {
          const Doc doc = chunk * kChunkDocs + w * 64 + static_cast<Doc>(std::countr_zero(left));
          if (doc >= bits.docs()) return false;
          bits.Set(doc);
        }
      }
    }
    return true;
  }

 private:
  std::string_view left_;
};

}  // namespace

CheckpointColumns::CheckpointColumns(const std::vector<CheckpointSegment>& segments) {
  heads_.reserve(segments.size());
  for (const CheckpointSegment& segment : segments) {
    const Head head = {.docs = segment.live.docs(),
                       .has_popularity = HasAny(segment.popularity) ? 1u : 0u,
                       .has_clusters = HasAny(segment.clusters) ? 1u : 0u};
    parts_.push_back(heads_.emplace_back(BytesOf(&head, 1)));
    for (uint32_t chunk = 0; chunk < segment.live.chunks(); ++chunk) {
      const ChunkBitmap* const bits = segment.live.chunk(chunk);
      parts_.push_back(
          BytesOf(bits == nullptr ? kNoBits.data() : bits->data(), WordsOf(segment.live, chunk)));
    }
    if (head.has_popularity != 0) Add(segment.popularity);
    if (head.has_clusters != 0) Add(segment.clusters);
  }
}

void CheckpointColumns::Add(const std::vector<uint32_t>& column) {
  parts_.push_back(BytesOf(column.data(), column.size()));
}

absl::Status ParseColumns(std::string_view bytes, std::vector<CheckpointSegment>& segments) {
  const absl::Status damaged = FileDamaged("the columns do not belong to the segments");
  ColumnReader reader(bytes);
  for (CheckpointSegment& segment : segments) {
    const uint32_t docs = segment.segment->docs();
    Head head;
    if (!reader.Take(&head, 1) || head.docs != docs) return damaged;
    segment.live = DocBits(docs);
    if (!reader.TakeBits(segment.live)) return damaged;
    segment.popularity.assign(docs, 0);
    segment.clusters.assign(docs, 0);
    if (head.has_popularity != 0 && !reader.Take(segment.popularity.data(), docs)) return damaged;
    if (head.has_clusters != 0 && !reader.Take(segment.clusters.data(), docs)) return damaged;
  }
  return reader.done() ? absl::OkStatus() : damaged;
}

absl::Status FindLiveDocuments(const std::vector<CheckpointSegment>& segments,
                               std::vector<DocumentStore::FileMark>& files) {
  std::unordered_map<uint32_t, DocumentStore::FileMark*> by_number;
  for (DocumentStore::FileMark& file : files) {
    by_number[NumberOfDocumentFile(file.name)] = &file;
    file.live.assign(std::min(file.bytes, kMaxFileBytes) / kUnit / 64 + 1, 0);
  }
  uint32_t number = 0;
  DocumentStore::FileMark* file = nullptr;  // of `number`
  for (const CheckpointSegment& segment : segments) {
    for (Doc doc = 0; doc < segment.live.docs(); ++doc) {
      if (!segment.live.Test(doc)) continue;
      const Locator locator = segment.segment->locator(doc);
      if (file == nullptr || number != NumberOf(locator)) {
        number = NumberOf(locator);
        const auto found = by_number.find(number);
        file = found == by_number.end() ? nullptr : found->second;
      }
      const uint32_t unit = UnitOf(locator);
      if (file == nullptr || unit == 0 || unit >= file->bytes / kUnit) {
        return FileDamaged("a document lies in none of the checkpoint's files");
      }
      uint64_t& word = file->live[unit / 64];
      const uint64_t bit = uint64_t{1} << unit % 64;
      if ((word & bit) != 0) return FileDamaged("two documents lie at one place");
      word |= bit;
    }
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api
