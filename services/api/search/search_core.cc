#include "services/api/search/search_core.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "services/api/search/text_fold.h"

namespace stockroom::api {
namespace {

constexpr size_t kRebuildAtLeast = 1024;

bool IsPublic(const Image& image) { return image.described.visibility == Visibility::kPublic; }

std::string OrientationOf(const ImageFacts& facts) {
  if (facts.width <= 0 || facts.height <= 0) return "";
  if (facts.width == facts.height) return "square";
  return facts.width > facts.height ? "landscape" : "portrait";
}

}  // namespace

SearchCore::Batch SearchCore::Prepare(std::vector<ImagePtr> images) const {
  Batch batch;
  TermIndex::Draft words(words_);
  TermIndex::Draft tags(tags_);
  for (ImagePtr& image : images) {
    Document document;
    const auto add_field = [&](std::string_view text) {
      for (std::string& word : SplitWords(FoldText(text))) {
        document.words.push_back(words.IdOf(std::move(word)));
      }
      document.words.push_back(kFieldEnd);
    };
    add_field(image->described.title);
    add_field(image->described.description);
    for (const std::string& tag : image->described.tags) {
      add_field(tag);
      std::string line = FoldLine(tag);
      TermId id = line.empty() ? kNoTag : tags.IdOf(std::move(line));
      if (std::find(document.tags.begin(), document.tags.end(), id) != document.tags.end()) {
        id = kNoTag;
      }
      document.tags.push_back(id);
    }
    add_field(image->filename);
    for (const auto& [key, value] : image->described.attributes) add_field(value);
    document.words.shrink_to_fit();
    document.description = FoldLine(image->described.description);
    document.date = DateNumber(image->facts.taken_time.value_or(image->create_time));
    document.facets = {image->facts.format, image->described.license,
                       std::to_string(document.date / 10000), OrientationOf(image->facts)};
    document.looks = LooksOf(image->analysis);
    document.image = std::move(image);
    batch.documents.push_back(std::move(document));
  }
  batch.new_words = words.TakeNewTerms();
  batch.new_tags = tags.TakeNewTerms();
  return batch;
}

void SearchCore::Add(Batch batch) {
  words_.Append(std::move(batch.new_words));
  tags_.Append(std::move(batch.new_tags));
  public_.Resize(documents_.size() + batch.documents.size());
  comparable_.Resize(documents_.size() + batch.documents.size());
  std::vector<Slot> added;
  for (Document& document : batch.documents) {
    const auto slot = static_cast<Slot>(documents_.size());
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
    const std::vector<Ranks*> ranks = RanksOf(image);
    for (const TermId word : document.words) {
      if (word == kFieldEnd || !words_.Post(word, slot)) continue;
      for (Ranks* rank : ranks) rank->words.Add(word, words_.term(word));
    }
    for (const TermId tag : document.tags) {
      tag_ids_.push_back(tag);
      if (tag == kNoTag) continue;
      tags_.Post(tag, slot);
      for (Ranks* rank : ranks) rank->tags.Add(tag, tags_.term(tag));
    }
    document.tags = {};
    tags_begin_.push_back(static_cast<uint32_t>(tag_ids_.size()));
    for (size_t i = 0; i < kColumns; ++i) columns_[i].Append(document.facets[i]);
    document.facets = {};
    looks_.push_back(document.looks.value_or(Looks()));
    if (document.looks) comparable_.Set(slot);
    document.looks.reset();
    md5_.Append(image.md5);
    added.push_back(slot);
    documents_.push_back(std::move(document));
  }
  InsertIntoOrder(std::move(added));
}

std::vector<SearchCore::Ranks*> SearchCore::RanksOf(const Image& image) {
  if (IsPublic(image)) return {&public_ranks_};
  return {&hidden_[image.owner].ranks, &hidden_ranks_};
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
  const std::vector<Ranks*> ranks = RanksOf(*document.image);
  std::sort(document.words.begin(), document.words.end());
  const auto end = std::unique(document.words.begin(), document.words.end());
  for (auto word = document.words.begin(); word != end && *word != kFieldEnd; ++word) {
    for (Ranks* rank : ranks) rank->words.Remove(*word, words_.term(*word));
  }
  for (const TermId tag : TagsOf(slot)) {
    if (tag == kNoTag) continue;
    for (Ranks* rank : ranks) rank->tags.Remove(tag, tags_.term(tag));
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
