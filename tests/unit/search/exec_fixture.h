// Snapshots made of a test's images, and searches of them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/api/search/exec/execute.h"
#include "services/api/search/query/query_parser.h"
#include "services/api/search/store/document_store.h"

namespace stockroom::api {

inline const absl::Time kThen = absl::FromUnixSeconds(1'600'000'000);  // 2020-09-13

inline Image Photo(const std::string& id, const std::string& title = "",
                   std::vector<std::string> tags = {}) {
  Image image;
  image.id = id;
  image.owner = "ann";
  image.described.title = title;
  image.described.tags = std::move(tags);
  image.state = ImageState::kReady;
  image.create_time = kThen;
  image.revision = 1;
  return image;
}

// Documents in memory instead of mapped files.
class MemoryDocuments final : public DocumentFiles {
 public:
  Locator Add(const IndexedDocument& document, std::string image) {
    stored_.push_back(
        {document.id, document.words, document.description, document.md5, std::move(image)});
    return stored_.size() - 1;
  }
  DocumentView Read(Locator locator) const override {
    const Stored& one = stored_[locator];
    return {.id = one.id,
            .md5 = one.md5,
            .words = one.words,
            .description = one.description,
            .image = one.image};
  }

 private:
  struct Stored {
    std::string id;
    std::string words;
    std::string description;
    std::string md5;
    std::string image;
  };
  std::deque<Stored> stored_;
};

// An index as simple as can be: each Put is a segment.
class Catalogue {
 public:
  Catalogue() : files_(std::make_shared<MemoryDocuments>()) { snapshot_.documents = files_; }

  // Replaces what has the same ids.
  void Put(const std::vector<Image>& images) {
    std::vector<IndexedDocument> documents;
    std::vector<std::string> encoded;
    for (const Image& image : images) {
      documents.push_back(DocumentOf(image));
      encoded.push_back(EncodeImage(image));
    }
    PutDocuments(documents, std::move(encoded));
  }
  // `encoded`: of each, or nothing.
  void PutDocuments(const std::vector<IndexedDocument>& documents,
                    std::vector<std::string> encoded = {}) {
    SegmentBuilder builder;
    for (size_t i = 0; i < documents.size(); ++i) {
      if (keeps_ids_) Remove(documents[i].id);
      std::string image = encoded.empty() ? "" : std::move(encoded[i]);
      builder.Add(documents[i], files_->Add(documents[i], std::move(image)));
    }
    SegmentState state;
    std::vector<Doc> numbers;
    state.segment = builder.Build(&numbers);
    const uint32_t docs = state.segment->docs();
    state.live = DocBits(docs);
    state.ready = DocBits(docs);
    state.open = DocBits(docs);
    state.loose = std::make_shared<LooseColumns>(docs);
    for (size_t i = 0; i < documents.size(); ++i) {
      const bool ready = documents[i].state == ImageState::kReady;
      state.live.Set(numbers[i]);
      if (ready) state.ready.Set(numbers[i]);
      if (ready && documents[i].seen_by_all) state.open.Set(numbers[i]);
    }
    snapshot_.segments.push_back(std::move(state));
    Count();
  }
  void Remove(const std::string& id) {
    const std::optional<Snapshot::Place> place = snapshot_.Find(id);
    if (!place) return;
    SegmentState& state = snapshot_.segments[place->segment];
    state.live.Clear(place->doc);
    state.ready.Clear(place->doc);
    state.open.Clear(place->doc);
    Count();
  }
  // For many documents that all have ids of their own.
  void set_keeps_ids(bool keeps) { keeps_ids_ = keeps; }

  Snapshot& snapshot() { return snapshot_; }
  LooseColumns& loose(size_t segment) { return *snapshot_.segments[segment].loose; }
  std::string IdOf(Snapshot::Place place) const {
    return snapshot_.segments[place.segment].segment->id(place.doc);
  }

 private:
  void Count() {
    snapshot_.live = 0;
    snapshot_.ready = 0;
    for (const SegmentState& state : snapshot_.segments) {
      snapshot_.live += state.live.count();
      snapshot_.ready += state.ready.count();
    }
    ++snapshot_.version;
  }

  std::shared_ptr<MemoryDocuments> files_;
  Snapshot snapshot_;
  bool keeps_ids_ = true;
};

inline Query Parsed(const std::string& text) {
  absl::StatusOr<Query> query = ParseSearchQuery(text);
  EXPECT_TRUE(query.ok()) << text << ": " << query.status();
  return query.ok() ? *std::move(query) : Query();
}

class ExecTest : public ::testing::Test {
 protected:
  // Ids in order, of all pages of `limit`; as "bob", who owns nothing.
  std::vector<std::string> Found(const std::string& text, ExecuteRequest request) {
    const Query query = Parsed(text);
    std::vector<std::string> ids;
    std::optional<Cursor> after;
    do {
      ExecuteRequest page{.query = query,
                          .viewer = request.viewer,
                          .sort = request.sort,
                          .seed = request.seed,
                          .similar_to = request.similar_to,
                          .after = after,
                          .limit = request.limit,
                          .exact_total = request.exact_total,
                          .collapse = request.collapse,
                          .explain = false,
                          .facets = request.facets,
                          .stemming = request.stemming};
      const absl::StatusOr<ExecuteResult> result = Execute(catalogue_.snapshot(), page);
      if (!result.ok()) return {"ERROR " + result.status().ToString()};
      for (const ExecuteHit& hit : result->hits) ids.push_back(catalogue_.IdOf(hit.place));
      after = result->next;
    } while (after);
    return ids;
  }
  std::vector<std::string> Found(const std::string& text, const std::string& subject = "bob") {
    static const Query kNone;
    return Found(text, {.query = kNone, .viewer = {.subject = subject}});
  }
  std::vector<std::string> Sorted(const std::string& text, SortOrder sort) {
    static const Query kNone;
    return Found(text, {.query = kNone, .viewer = {.subject = "bob"}, .sort = sort});
  }
  ExecuteResult Run(const std::string& text, ExecuteRequest request) {
    const Query query = Parsed(text);
    const ExecuteRequest bound{.query = query,
                               .viewer = request.viewer,
                               .sort = request.sort,
                               .seed = request.seed,
                               .similar_to = request.similar_to,
                               .after = request.after,
                               .limit = request.limit,
                               .exact_total = request.exact_total,
                               .collapse = request.collapse,
                               .explain = request.explain,
                               .facets = request.facets,
                               .stemming = request.stemming};
    absl::StatusOr<ExecuteResult> result = Execute(catalogue_.snapshot(), bound);
    EXPECT_TRUE(result.ok()) << text << ": " << result.status();
    return result.ok() ? *std::move(result) : ExecuteResult();
  }

  inline static const Query kNoQuery;
  Catalogue catalogue_;
};

}  // namespace stockroom::api
