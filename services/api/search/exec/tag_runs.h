// Which of 255 tags each document has, a byte for each: what the tags of many documents are counted
// from.
#pragma once

#include <cstdint>
#include <vector>

#include "services/api/search/segment/segment.h"

namespace stockroom::api {

// The bytes of one document stand behind those of the one before, so that all those of the wanted
// documents can be picked out at once (SetKernels::PickRuns). A document without any of the tags
// has kNone. A bit for each byte says whether it is the first of its document.
class TagRuns {
 public:
  static constexpr uint32_t kTags = 255;
  static constexpr uint8_t kNone = 255;
  // Bytes of a group.
  static constexpr uint32_t kGroup = 2048;

  // A stretch of the bytes. Its first document may have begun before, and its last may go on.
  struct Group {
    Doc first = 0;
    Doc behind = 0;
    Doc begun = 0;  // documents that began before
    const uint8_t* numbers = nullptr;
    const uint64_t* firsts = nullptr;
    uint32_t words = 0;  // of `firsts`; 64 bytes for each
  };

  // The next document's tags: numbers from `base` on, below base + kTags.
  void Add(const uint32_t* begin, const uint32_t* end, uint32_t base);
  // After the last.
  void End();

  uint32_t groups() const { return static_cast<uint32_t>(begun_.size()) - 1; }
  Group group(uint32_t number) const;
  uint64_t size() const { return numbers_.size(); }
  uint64_t bytes() const {
    return numbers_.capacity() + firsts_.capacity() * sizeof(uint64_t) +
           begun_.capacity() * sizeof(Doc);
  }

 private:
  std::vector<uint8_t> numbers_;
  std::vector<uint64_t> firsts_;
  std::vector<Doc> begun_ = {0};  // before each group, and in all
};

}  // namespace stockroom::api
