#include "services/api/search/exec/chunk_set.h"

#include <algorithm>

#include "services/api/search/exec/payloads.h"
#include "services/api/search/exec/set_kernels.h"

namespace stockroom::api {
namespace {

// With lists this unequal, looking the shorter one up beats reading the longer one.
constexpr uint32_t kGallop = 32;

uint32_t ListBits(const uint64_t* bits, uint16_t* out) {
  uint32_t count = 0;
  for (uint32_t w = 0; w < kChunkWords; ++w) {
    for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
      out[count++] = static_cast<uint16_t>(w * 64 + static_cast<uint32_t>(std::countr_zero(left)));
    }
  }
  return count;
}

uint32_t Lookup(const uint16_t* few, uint32_t nfew, const uint16_t* many, uint32_t nmany,
                uint16_t* out) {
  uint32_t count = 0;
  uint32_t at = 0;
  for (uint32_t i = 0; i < nfew && at < nmany; ++i) {
    at = LowerBound(many, at, nmany, few[i]);
    if (at == nmany) break;
    out[count] = few[i];
    count += many[at] == few[i] ? 1 : 0;
  }
  return count;
}

}  // namespace

void ChunkSet::Clear() {
  bits_ = nullptr;
  listed_ = 0;
}

void ChunkSet::View(const uint64_t* bits) {
  Clear();
  bits_ = bits;
}

void ChunkSet::View(const uint16_t* docs, uint32_t count) {
  if (count > kMostListed) {
    uint64_t* words = OtherHalf();
    std::memset(words, 0, sizeof(ChunkBitmap));
    for (uint32_t i = 0; i < count; ++i) SetBit(words, docs[i]);
    View(words);
    return;
  }
  bits_ = nullptr;
  docs_ = docs;
  listed_ = count;
}

void ChunkSet::CopyFrom(const ChunkSet& other) {
  if (other.is_list()) {
    std::memcpy(Docs(), other.docs_, other.listed_ * sizeof(uint16_t));
    View(Docs(), other.listed_);
    return;
  }
  std::memcpy(Words(), other.bits_, sizeof(ChunkBitmap));
  View(Words());
}

void ChunkSet::Own() {
  void* out = OtherHalf();
  if (is_list()) {
    std::memcpy(out, docs_, listed_ * sizeof(uint16_t));
    docs_ = static_cast<uint16_t*>(out);
  } else {
    std::memcpy(out, bits_, sizeof(ChunkBitmap));
    bits_ = static_cast<uint64_t*>(out);
  }
}

uint32_t ChunkSet::Count() const { return is_list() ? listed_ : Kernels().Count(bits_); }

void ChunkSet::BecomeBitmap(const uint64_t* bits, uint32_t count) {
  if (count > kFew) {
    View(bits);
    return;
  }
  auto* docs = reinterpret_cast<uint16_t*>(OtherHalf());
  View(docs, ListBits(bits, docs));
}

void ChunkSet::KeepList(const uint16_t* docs, uint32_t count) {
  if (count > kMostListed) {
    ChunkSet other;
    other.View(docs, count);
    Keep(other.bits_);
    return;
  }
  auto* out = reinterpret_cast<uint16_t*>(OtherHalf());
  uint32_t kept = 0;
  if (!is_list()) {
    for (uint32_t i = 0; i < count; ++i) {
      out[kept] = docs[i];
      kept += TestBit(bits_, docs[i]) ? 1 : 0;
    }
  } else if (count > listed_ * kGallop) {
    kept = Lookup(docs_, listed_, docs, count, out);
  } else if (listed_ > count * kGallop) {
    kept = Lookup(docs, count, docs_, listed_, out);
  } else {
    kept = Kernels().Intersect(docs_, listed_, docs, count, out);
  }
  View(out, kept);
}

void ChunkSet::Keep(const uint64_t* bits) {
  if (is_list()) {
    Filter([bits](uint16_t low) { return TestBit(bits, low); });
    return;
  }
  uint64_t* out = OtherHalf();
  const uint32_t count = Kernels().And(bits_, bits, out);
  BecomeBitmap(out, count);
}

void ChunkSet::Keep(const ChunkPostings& postings) {
  if (postings.count == 0 || empty()) {
    Clear();
  } else if (postings.bitmap != nullptr) {
    Keep(postings.bitmap);
  } else {
    KeepList(postings.docs, postings.count);
  }
}

void ChunkSet::Keep(const ChunkPostings& postings, Payload mask) {
  if (postings.count == 0 || empty() ||
      (postings.packed == nullptr && (postings.uniform & mask) == 0)) {
    Clear();
    return;
  }
  if (postings.packed == nullptr) {
    Keep(postings);
    return;
  }
  if (is_list() && postings.bitmap != nullptr) {
    Filter([&](uint16_t low) {
      return TestBit(postings.bitmap, low) &&
             (postings.PayloadAt(postings.RankOf(low)) & mask) != 0;
    });
    return;
  }
  if (is_list() && listed_ * kGallop < postings.count) {
    uint32_t at = 0;
    Filter([&](uint16_t low) {
      at = LowerBound(postings.docs, at, postings.count, low);
      return at < postings.count && postings.docs[at] == low &&
             (postings.PayloadAt(at) & mask) != 0;
    });
    return;
  }
  alignas(64) uint64_t bits[kChunkWords];
  std::memset(bits, 0, sizeof(bits));
  AddPostings(postings, mask, bits);
  Keep(bits);
}

void ChunkSet::Drop(const uint64_t* bits) {
  if (is_list()) {
    Filter([bits](uint16_t low) { return !TestBit(bits, low); });
    return;
  }
  uint64_t* out = OtherHalf();
  const uint32_t count = Kernels().AndNot(bits_, bits, out);
  BecomeBitmap(out, count);
}

void ChunkSet::Drop(const ChunkPostings& postings) {
  if (postings.count == 0 || empty()) return;
  if (postings.bitmap != nullptr) {
    Drop(postings.bitmap);
    return;
  }
  ChunkSet other;
  other.View(postings.docs, postings.count);
  Drop(other);
}

void ChunkSet::Drop(const ChunkSet& other) {
  if (empty() || other.empty()) return;
  if (!other.is_list()) {
    Drop(other.bits_);
    return;
  }
  if (is_list()) {
    uint32_t at = 0;
    Filter([&](uint16_t low) {
      at = LowerBound(other.docs_, at, other.listed_, low);
      return at == other.listed_ || other.docs_[at] != low;
    });
    return;
  }
  uint64_t* out = OtherHalf();
  std::memcpy(out, bits_, sizeof(ChunkBitmap));
  for (uint32_t i = 0; i < other.listed_; ++i) {
    out[other.docs_[i] / 64] &= ~(uint64_t{1} << (other.docs_[i] % 64));
  }
  BecomeBitmap(out, Kernels().Count(out));
}

void ChunkSet::KeepRange(uint32_t first, uint32_t last) {
  if (first >= last) {
    Clear();
    return;
  }
  if (first == 0 && last >= kChunkDocs) return;
  if (is_list()) {
    const uint16_t* begin = std::lower_bound(docs_, docs_ + listed_, first);
    const uint16_t* end = std::lower_bound(begin, docs_ + listed_, last);
    View(begin, static_cast<uint32_t>(end - begin));
    return;
  }
  uint64_t* out = OtherHalf();
  std::memset(out, 0, sizeof(ChunkBitmap));
  const uint32_t end = std::min<uint32_t>(last, kChunkDocs);
  const uint32_t first_word = first / 64;
  const uint32_t last_word = (end - 1) / 64;
  std::copy(bits_ + first_word, bits_ + last_word + 1, out + first_word);
  out[first_word] &= ~uint64_t{0} << (first % 64);
  if (end % 64 != 0) out[last_word] &= ~uint64_t{0} >> (64 - end % 64);
  BecomeBitmap(out, Kernels().Count(out));
}

void ChunkSet::AddTo(uint64_t* bits) const {
  if (is_list()) {
    for (uint32_t i = 0; i < listed_; ++i) SetBit(bits, docs_[i]);
  } else {
    Kernels().OrInto(bits, bits_);
  }
}

void ChunkSet::ListTo(uint16_t* out) const {
  if (is_list()) {
    std::copy(docs_, docs_ + listed_, out);
  } else {
    ListBits(bits_, out);
  }
}

void AddPostings(const ChunkPostings& postings, Payload mask, uint64_t* bits) {
  if (postings.count == 0) return;
  if (mask == 0 || (postings.packed == nullptr && (postings.uniform & mask) != 0)) {
    if (postings.bitmap != nullptr) {
      Kernels().OrInto(bits, postings.bitmap);
    } else {
      for (uint32_t i = 0; i < postings.count; ++i) SetBit(bits, postings.docs[i]);
    }
    return;
  }
  if (postings.packed == nullptr) return;
  alignas(64) uint64_t by_rank[kChunkWords];
  PayloadBits(postings, mask, by_rank);
  if (postings.bitmap != nullptr) {
    alignas(64) uint64_t kept[kChunkWords];
    Kernels().Deposit(postings.bitmap, by_rank, kept);
    Kernels().OrInto(bits, kept);
    return;
  }
  for (uint32_t i = 0; i < postings.count; ++i) {
    const uint16_t low = postings.docs[i];
    bits[low / 64] |= (by_rank[i / 64] >> (i % 64) & 1) << (low % 64);
  }
}

}  // namespace stockroom::api
