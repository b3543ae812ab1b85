#include "services/api/search/search_core.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "services/api/search/text_fold.h"

namespace stockroom::api {
namespace {

constexpr size_t kRebuildAtLeast = 1024;

bool IsPublic(const Image& image) { return image.described.visibility == Visibility::kPublic; }

}  // namespace

SearchCore::Batch SearchCore::Prepare(std::vector<ImagePtr> images) const {
  Batch batch;
  std::unordered_map<std::string, TermId> fresh;
  const auto id_of = [&](std::string word) -> TermId {
    const auto known = dictionary_.find(word);
    if (known != dictionary_.end()) return known->second;
    const auto next = static_cast<TermId>(terms_.size() + batch.new_terms.size());
    const auto [it, added] = fresh.try_emplace(word, next);
    if (added) batch.new_terms.push_back(std::move(word));
    return it->second;
  };
  for (ImagePtr& image : images) {
    Document document;
    const auto add_field = [&](std::string_view text) {
      for (std::string& word : SplitWords(FoldText(text))) {
        document.words.push_back(id_of(std::move(word)));
      }
      document.words.push_back(kFieldEnd);
    };
    add_field(image->described.title);
    add_field(image->described.description);
    for (const std::string& tag : image->described.tags) {
      add_field(tag);
      document.tags.push_back(FoldLine(tag));
    }
    add_field(image->filename);
    for (const auto& [key, value] : image->described.attributes) add_field(value);
    document.words.shrink_to_fit();
    document.description = FoldLine(image->described.description);
    document.date = DateNumber(image->facts.taken_time.value_or(image->create_time));
    document.image = std::move(image);
    batch.documents.push_back(std::move(document));
  }
  return batch;
}

void SearchCore::Add(Batch batch) {
  for (std::string& word : batch.new_terms) {
    terms_.push_back(std::move(word));
    dictionary_.emplace(terms_.back(), static_cast<TermId>(terms_.size() - 1));
  }
  postings_.resize(terms_.size());
  public_.Resize(documents_.size() + batch.documents.size());
  std::vector<Slot> added;
  for (Document& document : batch.documents) {
    const auto slot = static_cast<Slot>(documents_.size());
    const auto post = [slot](std::vector<Slot>& list) {
      if (list.empty() || list.back() != slot) list.push_back(slot);
    };
    for (const TermId term : document.words) {
      if (term != kFieldEnd) post(postings_[term]);
    }
    for (const std::string& tag : std::exchange(document.tags, {})) post(tag_postings_[tag]);
    const Image& image = *document.image;
    slot_of_[image.id] = slot;
    keys_.push_back({absl::ToUnixNanos(image.create_time), image.id});
    if (IsPublic(image)) {
      public_.Set(slot);
      ++public_count_;
    } else {
      Hidden& hidden = hidden_[image.owner];
      hidden.slots.push_back(slot);
      ++hidden.count;
    }
    added.push_back(slot);
    documents_.push_back(std::move(document));
  }
  InsertIntoOrder(std::move(added));
}

void SearchCore::InsertIntoOrder(std::vector<Slot> added) {
  if (added.empty()) return;
  const auto older = [this](Slot a, Slot b) { return keys_[a] < keys_[b]; };
  std::sort(added.begin(), added.end(), older);
  const auto place =
      std::upper_bound(oldest_first_.begin(), oldest_first_.end(), added.front(), older) -
      oldest_first_.begin();
  const auto middle = static_cast<std::ptrdiff_t>(oldest_first_.size());
  oldest_first_.insert(oldest_first_.end(), added.begin(), added.end());
  std::inplace_merge(oldest_first_.begin() + place, oldest_first_.begin() + middle,
                     oldest_first_.end(), older);
}

void SearchCore::Remove(const std::string& id) {
  const auto it = slot_of_.find(id);
  if (it == slot_of_.end()) return;
  const Slot slot = it->second;
  slot_of_.erase(it);
  Document& document = documents_[slot];
  if (IsPublic(*document.image)) {
    public_.Clear(slot);
    --public_count_;
  } else {
    --hidden_[document.image->owner].count;
  }
  // Its key stays: the hole keeps its place in the order until the next rebuild.
  document = Document();
}

SearchCore::ImagePtr SearchCore::Get(const std::string& id) const {
  const auto it = slot_of_.find(id);
  return it == slot_of_.end() ? nullptr : documents_[it->second].image;
}

bool SearchCore::WantsRebuild() const {
  return documents_.size() >= kRebuildAtLeast && slot_of_.size() < documents_.size() / 2;
}

std::unique_ptr<SearchCore> SearchCore::Rebuilt() const {
  std::vector<ImagePtr> images;
  for (const Slot slot : oldest_first_) {
    if (documents_[slot].image != nullptr) images.push_back(documents_[slot].image);
  }
  auto fresh = std::make_unique<SearchCore>();
  fresh->Add(fresh->Prepare(std::move(images)));
  return fresh;
}

}  // namespace stockroom::api
