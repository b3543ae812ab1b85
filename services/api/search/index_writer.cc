#include "services/api/search/index_writer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "services/common/base/log.h"

namespace stockroom::api {
namespace {

constexpr size_t kStoredAtOnce = 32;
// Images counted before writers get their turn: about a millisecond.
constexpr size_t kAtOnce = 512;

}  // namespace

std::vector<std::string> IndexWriter::Apply(std::vector<Image> changed,
                                            const std::vector<std::string>& deleted) {
  if (state_.loading) {
    if (!deleted.empty()) {
      Batch none;
      SuggestSpellings({}, none, Publish(none, deleted));
    }
    return Load(changed);
  }
  const News news = Sift(std::move(changed));
  if (news.images.empty() && deleted.empty()) return {};
  Batch batch = Prepare(news);
  const Removed removed = Publish(batch, deleted);
  Suggest(news.images, batch, removed);
  std::vector<std::string> lost;
  for (auto& [id, revision] : batch.lost) lost.push_back(std::move(id));
  return lost;
}

IndexWriter::News IndexWriter::Sift(std::vector<Image> changed) const {
  News news{.images = {}, .from = state_.cell.Load(), .places = {}};
  std::vector<Image> images;
  images.reserve(changed.size());
  absl::flat_hash_map<std::string, size_t> place_of;
  for (Image& image : changed) {
    const auto [it, is_new] = place_of.try_emplace(image.id, images.size());
    if (is_new) {
      images.push_back(std::move(image));
    } else if (image.revision >= images[it->second].revision) {
      images[it->second] = std::move(image);
    }
  }
  for (Image& image : images) {
    const std::optional<Snapshot::Place> place = news.from->Find(image.id);
    if (place) {
      const DocumentView there = news.from->Read(*place);
      if (there.revision > image.revision ||
          (there.revision == image.revision && there.content_hash == ContentHash(image))) {
        continue;
      }
    }
    news.images.push_back(std::move(image));
    news.places.push_back(place);
  }
  return news;
}

IndexedDocument IndexWriter::DocumentWithinBudget(const Image& image,
                                                  std::optional<Known>& known) const {
  IndexedDocument document = known ? DocumentOf(image, std::move(known->facts)) : DocumentOf(image);
  if (state_.over_budget && (document.looks || document.pdq)) {
    document.looks.reset();
    document.pdq.reset();
    state_.metrics.without_looks.Add();
  }
  return document;
}

WireImage IndexWriter::WireOfImage(const Image& image, const std::optional<Known>& known) const {
  if (!encoder_.basic) return {};
  return {.basic = encoder_.basic(image),
          .rest = known ? std::string(known->wire_rest) : encoder_.rest(image)};
}

void IndexWriter::PrepareSome(
    std::span<const Image> images, KnownOfImage known_of, SegmentBuilder& builder,
    absl::FunctionRef<void(size_t image, std::optional<Draft> draft)> use) const {
  std::vector<IndexedDocument> documents;
  std::vector<WireImage> wires;
  std::vector<NewDocument> added;
  documents.reserve(images.size());
  wires.reserve(images.size());
  added.reserve(images.size());
  for (size_t i = 0; i < images.size(); ++i) {
    std::optional<Known> known = known_of(i);
    documents.push_back(DocumentWithinBudget(images[i], known));
    wires.push_back(WireOfImage(images[i], known));
    added.push_back({images[i], documents.back(), wires.back()});
  }
  const std::vector<absl::StatusOr<StoredDocument>> stored = state_.documents->Append(added);
  for (size_t i = 0; i < images.size(); ++i) {
    const Image& image = images[i];
    if (!stored[i].ok()) {
      state_.metrics.lost.Add();
      LogError("an image can not be searched: its document could not be stored",
               {{"image", image.id}, {"error", stored[i].status()}});
      use(i, std::nullopt);
      continue;
    }
    IndexedDocument& document = documents[i];
    builder.Add(document, stored[i]->locator);
    use(i, Draft{.image = 0,
                 .id = image.id,
                 .revision = image.revision,
                 .content_hash = stored[i]->content_hash,
                 .bucket = BucketOf(image.id),
                 .locator = stored[i]->locator,
                 .doc = 0,
                 .is_ready = image.state == ImageState::kReady,
                 .pdq = document.pdq,
                 .words = std::move(document.words),
                 .camera = std::move(document.camera),
                 .before = std::nullopt});
  }
}

void IndexWriter::Prepare(
    std::span<const Image> images, KnownOfImage known_of, SegmentBuilder& builder,
    absl::FunctionRef<void(size_t image, std::optional<Draft> draft)> use) const {
  for (size_t begin = 0; begin < images.size(); begin += kStoredAtOnce) {
    const size_t count = std::min(kStoredAtOnce, images.size() - begin);
    PrepareSome(
        images.subspan(begin, count), [&](size_t i) { return known_of(begin + i); }, builder,
        [&](size_t i, std::optional<Draft> draft) { use(begin + i, std::move(draft)); });
  }
}

IndexWriter::Batch IndexWriter::Prepare(const News& news) const {
  Batch batch;
  SegmentBuilder builder;
  const auto known_of = [&](size_t i) {
    const auto& place = news.places[i];
    return place ? KnownOf(news.images[i], *news.from, *place) : std::nullopt;
  };
  Prepare(news.images, known_of, builder, [&](size_t i, std::optional<Draft> draft) {
    if (draft) {
      draft->image = i;
      batch.drafts.push_back(*std::move(draft));
    } else {
      batch.lost.emplace_back(news.images[i].id, news.images[i].revision);
    }
  });
  Build(builder, &news, batch);
  return batch;
}

void IndexWriter::Build(SegmentBuilder& builder, const News* news, Batch& batch) const {
  if (batch.drafts.empty()) return;
  std::vector<Doc> numbers;
  batch.segment = builder.Build(&numbers);
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  batch.version = now->version;
  batch.places.reserve(batch.drafts.size());
  const bool is_same = news != nullptr && news->from->version == now->version;
  for (size_t i = 0; i < batch.drafts.size(); ++i) {
    Draft& draft = batch.drafts[i];
    draft.doc = numbers[i];
    batch.places.push_back(is_same ? news->places[draft.image] : now->Find(draft.id));
  }
}

IndexWriter::Removed IndexWriter::Publish(Batch& batch, const std::vector<std::string>& deleted) {
  Removed removed;
  SegmentState fresh;
  if (batch.segment != nullptr) {
    fresh = StateOf(batch.segment, DocBits(batch.segment->docs(), true));
  }
  MutexLock lock(state_.mu);
  removed.from = state_.cell.Load();
  const Snapshot& before = *removed.from;
  std::shared_ptr<Snapshot> next = state_.Copy();
  for (const std::string& id : deleted) {
    state_.tombstones.Add(id);
    const auto place = before.Find(id);
    // The same id may be named twice.
    if (place && next->segments[place->segment].live.Test(place->doc)) {
      state_.LeaveCluster(TakeOut(*place, before, *next));
      removed.places.push_back(*place);
    }
  }
  for (const auto& [id, revision] : batch.lost) {
    const auto place = before.Find(id);
    if (place && next->segments[place->segment].live.Test(place->doc) &&
        before.Read(*place).revision < revision) {
      state_.LeaveCluster(TakeOut(*place, before, *next));
      removed.places.push_back(*place);
    }
  }
  for (size_t i = 0; i < batch.drafts.size(); ++i) {
    Draft& draft = batch.drafts[i];
    const auto place = batch.version == before.version ? batch.places[i] : before.Find(draft.id);
    if (!state_.tombstones.Has(draft.id) && Replace(draft, place, before, *next, fresh)) {
      continue;
    }
    fresh.live.Clear(draft.doc);
    fresh.ready.Clear(draft.doc);
    fresh.open.Clear(draft.doc);
    state_.documents->Release(draft.locator);
    draft.is_ready = false;
  }
  if (batch.segment != nullptr) next->segments.push_back(std::move(fresh));
  state_.Publish(std::move(next));
  return removed;
}

bool IndexWriter::Replace(Draft& draft, std::optional<Snapshot::Place> place,
                          const Snapshot& before, Snapshot& next, SegmentState& fresh) {
  uint32_t cluster = 0;
  if (place) {
    const SegmentState& old = before.segments[place->segment];
    const DocumentView there = before.Read(*place);
    if (there.revision > draft.revision ||
        (there.revision == draft.revision && there.content_hash == draft.content_hash)) {
      return false;
    }
    fresh.loose->popularity.Set(draft.doc, old.loose->popularity.At(place->doc));
    const uint32_t left = TakeOut(*place, before, next);
    draft.before = place;
    if (draft.pdq && PdqOf(*old.segment, place->doc) == draft.pdq) {
      cluster = left;
      fresh.loose->cluster[draft.doc] = cluster;
    } else {
      state_.LeaveCluster(left);
    }
  }
  if (draft.pdq && cluster == 0) state_.unclustered[fresh.segment.get()].push_back(draft.doc);
  IndexSum& sum = state_.sums[draft.bucket];
  ++sum.images;
  sum.sum += draft.content_hash;
  return true;
}

uint32_t IndexWriter::TakeOut(Snapshot::Place place, const Snapshot& before, Snapshot& next) {
  const SegmentState& old = before.segments[place.segment];
  IndexSum& sum = state_.sums[BucketOf(old.segment->id(place.doc))];
  --sum.images;
  sum.sum -= before.Read(place).content_hash;
  SegmentState& state = next.segments[place.segment];
  state.live.Clear(place.doc);
  state.ready.Clear(place.doc);
  state.open.Clear(place.doc);
  state_.documents->Release(old.segment->locator(place.doc));
  return old.loose->cluster[place.doc];
}

std::vector<std::string> IndexWriter::Load(const std::vector<Image>& images) {
  std::unique_ptr<Block> block;
  {
    MutexLock lock(blocks_mu_);
    if (!blocks_.empty()) {
      block = std::move(blocks_.back());
      blocks_.pop_back();
    }
  }
  if (block == nullptr) block = std::make_unique<Block>();
  std::vector<std::string> lost;
  const auto hash_of = [&](size_t i) { return absl::Hash<std::string>()(images[i].id); };
  for (size_t begin = 0; begin < images.size();) {
    if (block->ids.contains(hash_of(begin))) {
      PublishBlock(*block);
      *block = Block();
    }
    size_t end = begin;
    do {
      block->ids.insert(hash_of(end++));
    } while (end < images.size() && !block->ids.contains(hash_of(end)));
    LoadSome(std::span(images).subspan(begin, end - begin), *block, lost);
    begin = end;
  }
  if (block->batch.drafts.size() >= block_) {
    PublishBlock(*block);
    return lost;
  }
  MutexLock lock(blocks_mu_);
  blocks_.push_back(std::move(block));
  return lost;
}

void IndexWriter::LoadSome(std::span<const Image> images, Block& block,
                           std::vector<std::string>& lost) const {
  const auto nothing_known = [](size_t) { return std::optional<Known>(); };
  Prepare(images, nothing_known, block.builder, [&](size_t i, std::optional<Draft> draft) {
    const Image& image = images[i];
    if (!draft) {
      block.batch.lost.emplace_back(image.id, image.revision);
      lost.push_back(image.id);
      return;
    }
    draft->words = {};
    draft->image = block.spellings.size();
    if (draft->is_ready) {
      Suggestions::Entry spellings = Suggestions::SpellingsOf(image);
      if (!spellings.keys.empty()) block.spellings.push_back(std::move(spellings));
    }
    // Without any it names none, or the next one's.
    draft->has_spellings = block.spellings.size() > draft->image;
    block.batch.drafts.push_back(*std::move(draft));
  });
}

void IndexWriter::PublishBlock(Block& block) {
  Build(block.builder, nullptr, block.batch);
  const Removed removed = Publish(block.batch, {});
  SuggestSpellings(block.spellings, block.batch, removed);
}

void IndexWriter::FinishLoading() {
  MutexLock lock(blocks_mu_);
  for (const std::unique_ptr<Block>& block : blocks_) PublishBlock(*block);
  blocks_.clear();
  state_.suggestions->Recount(*state_.cell.Load());
  state_.metrics.terms.Set(static_cast<int64_t>(state_.suggestions->terms()));
}

void IndexWriter::SetPopularity(const std::vector<std::pair<std::string, uint32_t>>& counts) {
  for (size_t begin = 0; begin < counts.size(); begin += kAtOnce) {
    // Not while a snapshot is made: what replaces a document takes its counts along.
    MutexLock lock(state_.mu);
    const std::shared_ptr<const Snapshot> now = state_.cell.Load();
    for (size_t i = begin; i < std::min(counts.size(), begin + kAtOnce); ++i) {
      const auto& [id, count] = counts[i];
      if (const auto place = now->Find(id)) {
        const SegmentState& state = now->segments[place->segment];
        state.loose->popularity.Set(place->doc, count);
        state_.Touch(state.segment.get(), place->doc);
      }
    }
  }
}

}  // namespace stockroom::api
