// A SearchIndex that answers what a test tells it to, and remembers what it was asked.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "services/api/domain/search_index.h"

namespace stockroom::api {

class ScriptedIndex : public SearchIndex {
 public:
  absl::StatusOr<SearchResult> answer = SearchResult();
  std::vector<Suggestion> suggestions;
  bool cheap = true;
  mutable SearchRequest asked;

  absl::StatusOr<SearchResult> Search(const Principal&,
                                      const SearchRequest& request) const override {
    asked = request;
    return answer;
  }
  std::optional<absl::StatusOr<SearchResult>> SearchIfCheap(
      const Principal& who, const SearchRequest& request) const override {
    if (!cheap) return std::nullopt;
    return Search(who, request);
  }
  absl::StatusOr<std::vector<Suggestion>> Suggest(const Principal&, const std::string&,
                                                  int) const override {
    return suggestions;
  }

  std::vector<std::string> Apply(std::vector<Image>, const std::vector<std::string>&) override {
    return {};
  }
  std::vector<std::string> KeepOnly(const std::unordered_set<std::string>&) override { return {}; }
  std::shared_ptr<const Image> Find(const std::string&) const override { return nullptr; }
  absl::StatusOr<std::vector<SimilarImage>> FindSimilar(const Principal&, const std::string&,
                                                        int) const override {
    return std::vector<SimilarImage>();
  }
  int64_t size() const override { return 0; }
  void SetPopularity(const std::vector<std::pair<std::string, uint32_t>>&) override {}
  std::vector<IndexSum> Sums() const override { return std::vector<IndexSum>(kIndexBuckets); }
  std::map<size_t, ImageHashes> Buckets(const std::set<size_t>&) const override { return {}; }
  ImageHashes HashesOf(std::span<const std::string>) const override { return {}; }
  std::vector<MemoryPart> Memory() const override { return {}; }
};

}  // namespace stockroom::api
