#include "tests/unit/search/oracle/memory_subject.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "services/api/search/memory_search_index.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/search/oracle/difference.h"

namespace stockroom::api {
namespace {

class MemorySubject final : public Subject {
 public:
  MemorySubject() {
    if (const std::string problem = Open(); !problem.empty()) {
      std::fprintf(stderr, "%s\n", problem.c_str());
      std::abort();
    }
  }

  SearchIndex& index() override { return *index_; }
  void Settle() override { index_->Settle(); }
  std::string Restart() override {
    const int64_t position = ++position_;
    if (absl::Status saved = index_->SaveCheckpoint(position); !saved.ok()) {
      return "no checkpoint: " + saved.ToString();
    }
    // The folder is locked while it is open.
    index_.reset();
    if (std::string problem = Open(); !problem.empty()) return problem;
    const auto loaded = index_->LoadCheckpoint();
    if (!loaded.ok()) return "no start from the checkpoint: " + loaded.status().ToString();
    return *loaded == position ? "" : "another position";
  }

 private:
  std::string Open() {
    MemorySearchIndex::Options options;
    options.documents.folder = folder_.file("index");
    // Small enough that there are several.
    options.documents.file_bytes = 1 << 20;
    options.encoder = TestEncoder();
    options.catalogue_id = "oracle";
    metrics_.emplace();
    auto opened = MemorySearchIndex::Open(std::move(options), *metrics_);
    if (!opened.ok()) return "no index: " + opened.status().ToString();
    index_ = *std::move(opened);
    return "";
  }

  testing::TempFolder folder_;
  std::optional<Metrics> metrics_;
  std::unique_ptr<MemorySearchIndex> index_;
  int64_t position_ = 0;
};

}  // namespace

std::unique_ptr<Subject> MakeMemorySubject() { return std::make_unique<MemorySubject>(); }

}  // namespace stockroom::api
