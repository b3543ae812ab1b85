// The index over segments: what merges carry over, sums, popularity, duplicates, checkpoints,
// budget.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "services/api/search/store/content_hash.h"
#include "services/common/base/status.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/search/random_images.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

Principal Named(const std::string& subject) { return {.subject = subject, .anonymous = false}; }

Image WithHash(Image image, const std::string& last_digits) {
  std::string hash;
  while (hash.size() + last_digits.size() < 64) hash += "a5";
  image.analysis["pdq"] = R"({"hash":")" + hash + last_digits + R"(","quality":90})";
  return image;
}

std::vector<std::string> IdsOf(const absl::StatusOr<SearchResult>& result) {
  if (!result.ok()) return {"ERROR " + result.status().ToString()};
  std::vector<std::string> ids;
  for (const SearchHit& hit : result->hits) ids.push_back(hit.id);
  return ids;
}

class LiveIndexTest : public IndexTest {
 protected:
  int64_t Gauge(const char* name) { return metrics_.GetGauge(name, "").value(); }
  uint64_t Count(const char* name) { return metrics_.GetCounter(name, "").value(); }

  std::unique_ptr<MemorySearchIndex> Open(MemorySearchIndex::Options options) {
    auto index = MemorySearchIndex::Open(std::move(options), metrics_);
    EXPECT_TRUE(index.ok()) << index.status();
    return index.ok() ? *std::move(index) : nullptr;
  }
  MemorySearchIndex::Options InFolder() const {
    MemorySearchIndex::Options options;
    options.documents.folder = folder_.file("index");
    options.catalogue_id = "catalogue 1";
    return options;
  }

  testing::TempFolder folder_;
};

TEST_F(LiveIndexTest, ManySmallChangesLeaveFewSegments) {
  for (int i = 0; i < 600; ++i) {
    Image image = Picture("id" + std::to_string(i), "fox number" + std::to_string(i));
    image.create_time += absl::Seconds(i * 7919 % 600);
    index_.Apply({image}, {});
    ASSERT_LE(Gauge("stockroom_search_segments"), 20);
  }
  EXPECT_EQ(Search("fox")->total, 600);
  EXPECT_GT(Count("stockroom_search_merges_total"), 10u);
  index_.Settle();
  EXPECT_EQ(Search("fox", 500)->hits.size(), 500u);
}

TEST_F(LiveIndexTest, WhatIsDeletedDuringAMergeStaysDeleted) {
  constexpr int kImages = 4000;
  for (int begin = 0; begin < kImages; begin += 400) {
    std::vector<Image> images;
    for (int i = begin; i < begin + 400; ++i) {
      images.push_back(Picture("id" + std::to_string(i), "fox", {"red"}));
      images.back().create_time += absl::Seconds(i);
    }
    index_.Apply(std::move(images), {});
  }
  std::atomic<bool> done = false;
  std::thread merging([&] {
    while (!done) index_.Settle();
  });
  // Small changes in between, so that there is something to merge all the time.
  std::vector<std::string> kept;
  for (int i = 0; i < kImages; ++i) {
    const std::string id = "id" + std::to_string(i);
    if (i % 8 == 0) {
      kept.push_back(id);
      continue;
    }
    if (i % 8 == 1) {
      Image changed = Picture(id, "wolf", {"grey"});
      changed.revision = 2;
      index_.Apply({changed}, {"id" + std::to_string(i + 1)});
    } else if (i % 8 != 2) {
      index_.Apply({}, {id});
    }
  }
  done = true;
  merging.join();
  index_.Settle();
  EXPECT_EQ(Search("fox")->total, kImages / 8);
  EXPECT_EQ(Search("wolf")->total, kImages / 8);
  EXPECT_EQ(index_.size(), kImages / 4);
  for (const std::string& id : kept) ASSERT_NE(index_.Find(id), nullptr) << id;
  EXPECT_EQ(index_.Find("id3"), nullptr);
  const auto suggestions = index_.Suggest(Named("bob"), "", 10);
  EXPECT_THAT(*suggestions, ElementsAre(Suggestion{"grey", Suggestion::Kind::kTag, kImages / 8},
                                        Suggestion{"red", Suggestion::Kind::kTag, kImages / 8}));
}

TEST_F(LiveIndexTest, SumsAndBucketsFollowEveryChange) {
  Dice dice(7);
  std::map<std::string, Image> truth;
  for (int step = 1; step <= 200; ++step) {
    std::vector<Image> changed;
    for (int n = dice.Below(8); n > 0; --n) changed.push_back(RandomImage(dice, step));
    std::vector<std::string> deleted;
    if (step % 20 == 0) deleted.push_back("id" + std::to_string(step / 20));
    index_.Apply(changed, deleted);
    for (const Image& image : changed) {
      if (!truth.contains(image.id) || truth[image.id].revision >= 0) truth[image.id] = image;
    }
    for (const std::string& id : deleted) truth[id].revision = -1;
    std::vector<IndexSum> expected(kIndexBuckets);
    for (const auto& [id, image] : truth) {
      if (image.revision < 0) continue;
      IndexSum& sum = expected[BucketOf(id)];
      ++sum.images;
      sum.sum += ContentHash(image);
    }
    ASSERT_EQ(index_.Sums(), expected);
  }
  size_t listed = 0;
  std::set<size_t> all;
  for (size_t bucket = 0; bucket < kIndexBuckets; ++bucket) all.insert(bucket);
  const std::map<size_t, ImageHashes> buckets = index_.Buckets(all);
  EXPECT_THAT(buckets, SizeIs(kIndexBuckets));
  std::vector<std::string> ids = {"never-known"};
  for (const auto& [bucket, images] : buckets) {
    for (const auto& [id, hash] : images) {
      ids.push_back(id);
      EXPECT_EQ(BucketOf(id), bucket);
      EXPECT_EQ(hash, ContentHash(truth[id]));
      ++listed;
    }
  }
  EXPECT_GT(listed, 10u);
  const ImageHashes hashes = index_.HashesOf(ids);
  EXPECT_THAT(hashes, SizeIs(listed));
  for (const auto& [id, hash] : hashes) EXPECT_EQ(hash, ContentHash(truth[id]));
  EXPECT_THAT(index_.Buckets({}), IsEmpty());
}

TEST_F(LiveIndexTest, TheSameAgainChangesNothing) {
  const Image image = Picture("a", "fox");
  index_.Apply({image}, {});
  const auto before = Search("fox");
  index_.Apply({image}, {});
  EXPECT_EQ(Search("fox")->pin, before->pin);
  // Of the same revision, but not the same.
  Image other = image;
  other.described.title = "wolf";
  index_.Apply({other}, {});
  EXPECT_THAT(Found("wolf"), ElementsAre("a"));
  EXPECT_THAT(Found("fox"), IsEmpty());
}

TEST_F(LiveIndexTest, PopularityStaysThroughNewRevisionsAndMerges) {
  std::vector<Image> images;
  for (int i = 0; i < 20; ++i) images.push_back(Picture("id" + std::to_string(10 + i), "fox"));
  for (const Image& image : images) index_.Apply({image}, {});
  index_.SetPopularity({{"id15", 7}, {"id12", 9}, {"none", 3}, {"id28", 8}});
  const auto popular = [&] {
    SearchRequest request{"fox", 3, ""};
    request.sort = SortOrder::kPopular;
    return IdsOf(index_.Search(Named("bob"), request));
  };
  EXPECT_THAT(popular(), ElementsAre("id12", "id28", "id15"));
  images[2].revision = 2;
  index_.Apply({images[2]}, {});
  EXPECT_THAT(popular(), ElementsAre("id12", "id28", "id15"));
  for (int i = 0; i < 40; ++i) index_.Apply({Picture("new" + std::to_string(i), "fox")}, {});
  index_.Settle();
  EXPECT_THAT(popular(), ElementsAre("id12", "id28", "id15"));
}

TEST_F(LiveIndexTest, NearDuplicatesAreGroupedAndStayGrouped) {
  const auto collapsed = [&] {
    SearchRequest request{"fox", 10, ""};
    request.collapse = true;
    const auto result = index_.Search(Named("bob"), request);
    std::vector<std::string> shown;
    for (const SearchHit& hit : result->hits) {
      shown.push_back(hit.id + "+" + std::to_string(hit.collapsed));
    }
    return shown;
  };
  Image small = WithHash(Picture("a", "fox"), "00");
  Image large = WithHash(Picture("b", "fox"), "01");
  large.facts.width = large.facts.height = 100;
  const Image other = WithHash(Picture("c", "fox"), "ffffffffffffffffffff");
  index_.Apply({small}, {});
  index_.Settle();
  index_.Apply({large, other, Picture("d", "fox")}, {});
  index_.Settle();
  EXPECT_THAT(collapsed(), UnorderedElementsAre("b+1", "c+0", "d+0"));
  // A new revision of the same picture stays where it is, through merges, too.
  large.revision = 2;
  large.described.title = "big fox";
  index_.Apply({large}, {});
  EXPECT_THAT(collapsed(), UnorderedElementsAre("b+1", "c+0", "d+0"));
  for (int i = 0; i < 40; ++i) index_.Apply({Picture("new" + std::to_string(i), "wolf")}, {});
  EXPECT_THAT(collapsed(), UnorderedElementsAre("b+1", "c+0", "d+0"));
  // Another picture does not.
  large = WithHash(large, "ffffffffffffffffff00");
  large.revision = 3;
  index_.Apply({large}, {});
  index_.Settle();
  EXPECT_THAT(collapsed(), UnorderedElementsAre("a+0", "b+1", "d+0"));
}

TEST_F(LiveIndexTest, HitsAreAnsweredWithTheBytesOfTheEncoder) {
  MemorySearchIndex::Options options;
  options.encoder = {.basic = [](const Image& image) { return "basic " + image.id; },
                     .rest = [](const Image& image) { return " and " + image.analysis.at("n"); }};
  const auto index = Open(std::move(options));
  const auto picture = [](const std::string& id, int64_t revision) {
    Image image = Picture(id, "fox");
    image.revision = revision;
    image.analysis["n"] = std::to_string(revision);
    return image;
  };
  index->Apply({picture("a", 1), picture("b", 1)}, {});
  SearchRequest request{"fox", 10, ""};
  request.fetch = Fetch::kWireBasic;
  EXPECT_EQ(index->Search(Named("bob"), request)->hits.at(0).wire, "basic b");
  request.fetch = Fetch::kWireFull;
  const auto pinned = index->Search(Named("bob"), request);
  for (int revision = 2; revision < 50; ++revision) {
    index->Apply({picture("b", revision)}, {});
  }
  EXPECT_EQ(pinned->hits.at(0).wire, "basic b and 1");
  EXPECT_EQ(index->Search(Named("bob"), request)->hits.at(0).wire, "basic b and 49");
  EXPECT_EQ(pinned->hits.at(0).image, nullptr);
}

TEST_F(LiveIndexTest, WhatOneMayFindIsMeantAndNothingElse) {
  Image secret = Picture("b", "elephantine");
  secret.described.visibility = Visibility::kPrivate;
  index_.Apply({Picture("a", "elephant rising"), secret}, {});
  EXPECT_EQ(Search("elephnat")->did_you_mean, "elephant");
  EXPECT_EQ(Search("elephantina")->did_you_mean, "");
  EXPECT_EQ(Search("elephantina", 10, "", "ann")->did_you_mean, "elephantine");
  EXPECT_EQ(Search("elephant -risnig")->did_you_mean, "");
  EXPECT_EQ(Search("elephant wolf")->did_you_mean, "");
}

TEST_F(LiveIndexTest, FewAndShortWordsAreCorrected) {
  index_.Apply({Picture("a", "elephant " + std::string(40, 'e'))}, {});
  EXPECT_EQ(Search("q1q q2q q3q elephnat")->did_you_mean, "q1q q2q q3q elephant");
  EXPECT_EQ(Search("q1q q2q q3q q4q elephnat")->did_you_mean, "");
  EXPECT_EQ(Search("\"rising elephnat\"")->did_you_mean, "");
  EXPECT_EQ(Search(std::string(39, 'e') + "f")->did_you_mean, "");
}

TEST_F(LiveIndexTest, WhatCorrectsOrMarksMuchIsNotCheap) {
  index_.Apply({Picture("a", "elephant")}, {});
  const auto is_cheap = [&](const SearchRequest& asked) {
    return index_.SearchIfCheap(Named("bob"), asked).has_value();
  };
  SearchRequest request{"elephant", 10, ""};
  EXPECT_TRUE(is_cheap(request));
  request.highlight = true;
  EXPECT_FALSE(is_cheap(request));
  request.page_size = 5;
  EXPECT_TRUE(is_cheap(request));
  request.query = "elephnat";
  EXPECT_FALSE(is_cheap(request));
}

TEST_F(LiveIndexTest, TypingErrorsAreForgivenWhereAskedFor) {
  index_.Apply({Picture("a", "elephant")}, {});
  SearchRequest request{"elehpant", 10, ""};
  EXPECT_THAT(IdsOf(index_.Search(Named("bob"), request)), IsEmpty());
  request.typos = 1;
  EXPECT_THAT(IdsOf(index_.Search(Named("bob"), request)), ElementsAre("a"));
  request.typos = 3;
  EXPECT_EQ(DetailsOf(index_.Search(Named("bob"), request).status()).violations.at(0).field,
            "typos");
}

TEST_F(LiveIndexTest, ManyThreadsMayLoadAtOnce) {
  std::vector<std::thread> loaders;
  for (int t = 0; t < 4; ++t) {
    loaders.emplace_back([&, t] {
      for (int b = 0; b < 20; ++b) {
        std::vector<Image> images;
        for (int i = 0; i < 50; ++i) {
          // Every image comes twice, from two threads, with two revisions.
          const int n = (t / 2 * 20 + b) * 50 + i;
          images.push_back(Picture("id" + std::to_string(n), "fox"));
          images.back().revision = 1 + t % 2;
        }
        index_.Apply(std::move(images), {});
      }
    });
  }
  for (std::thread& loader : loaders) loader.join();
  EXPECT_EQ(index_.size(), 2000);
  EXPECT_EQ(Search("fox")->total, 2000);
  EXPECT_EQ(index_.Suggest(Named("bob"), "f", 1)->at(0).count, 2000);
  for (int i = 0; i < 2000; i += 37) EXPECT_EQ(index_.Find("id" + std::to_string(i))->revision, 2);
}

TEST_F(LiveIndexTest, OverItsBudgetItLeavesOutLooksOnly) {
  MemorySearchIndex::Options options;
  options.memory_budget_bytes = 1;
  const auto index = Open(std::move(options));
  const auto looking = [](const std::string& id) {
    Image image = WithHash(Picture(id, "fox"), "00");
    image.analysis["thumbhash"] = R"({"base64":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})";
    return image;
  };
  index->Apply({looking("a"), looking("b")}, {});
  EXPECT_EQ(Gauge("stockroom_search_over_budget"), 1);
  index->Apply({looking("c")}, {});
  EXPECT_EQ(Count("stockroom_search_without_looks_total"), 1u);
  EXPECT_THAT(*index->FindSimilar(Named("bob"), "a", 10), SizeIs(1));
  EXPECT_THAT(*index->FindSimilar(Named("bob"), "c", 10), IsEmpty());
  EXPECT_EQ(index->Search(Named("bob"), {"fox", 10, ""})->total, 3);
  EXPECT_EQ(index->Search(Named("bob"), {"has:hash", 10, ""})->total, 2);
}

TEST_F(LiveIndexTest, WhatCanNotBeStoredIsNotShownAsItWas) {
  MemorySearchIndex::Options options;
  options.documents.file_bytes = 64 << 10;
  options.documents.max_bytes = 256 << 10;
  const auto index = Open(std::move(options));
  index->Apply({Picture("a", "fox"), Picture("b", "fox")}, {});
  Image flagged = Picture("a", "fox");
  flagged.described.description.assign(300 << 10, 'x');
  flagged.state = ImageState::kFlagged;
  flagged.revision = 2;
  EXPECT_THAT(index->Apply({flagged, Picture("c", "fox")}, {}), ElementsAre("a"));
  index->Apply({}, {"c"});
  EXPECT_EQ(Count("stockroom_search_lost_images_total"), 1u);
  EXPECT_EQ(index->Find("a"), nullptr);
  EXPECT_EQ(index->Suggest(Named("bob"), "f", 1)->at(0).count, 1);
  EXPECT_EQ(index->Search(Named("bob"), {"fox", 10, ""})->total, 1);
  // What is deleted and lost at once is gone once.
  flagged.id = "b";
  EXPECT_THAT(index->Apply({flagged}, {"b"}), ElementsAre("b"));
  for (const IndexSum& sum : index->Sums()) EXPECT_EQ(sum.images, 0u);
}

TEST_F(LiveIndexTest, ADeletionThatIsNamedTwiceCountsOnce) {
  index_.Apply({Picture("a", "fox"), Picture("b", "fox")}, {});
  index_.Apply({}, {"a", "a"});
  uint64_t images = 0;
  for (const IndexSum& sum : index_.Sums()) images += sum.images;
  EXPECT_EQ(images, 1u);
  EXPECT_EQ(index_.Suggest(Named("bob"), "f", 1)->at(0).count, 1);
}

TEST_F(LiveIndexTest, MemoryIsToldByPart) {
  index_.Apply({Picture("a", "fox", {"red"})}, {});
  std::vector<std::string> names;
  for (const MemoryPart& part : index_.Memory()) {
    names.push_back(part.name);
    EXPECT_EQ(part.is_file, part.name == "documents");
  }
  EXPECT_THAT(names, ElementsAre("postings", "dictionary", "columns", "ids", "looks", "live",
                                 "tags", "suggestions", "clusters", "documents"));
}

TEST_F(LiveIndexTest, AReplacementIsSeenWhollyOrNotAtAll) {
  std::vector<Image> images;
  for (int i = 0; i < 10; ++i) images.push_back(Picture("id" + std::to_string(i), "fox"));
  index_.Apply(images, {});
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      while (!done) {
        ASSERT_EQ(Search("fox")->total, 10);
        ASSERT_EQ(index_.Suggest(Named("bob"), "fo", 1)->at(0).count, 10);
      }
    });
  }
  for (int round = 0; round < 20; ++round) {
    auto fresh = std::make_unique<MemorySearchIndex>(metrics_);
    for (Image& image : images) ++image.revision;
    for (const Image& image : images) fresh->Apply({image}, {});
    index_.ReplaceWith(std::move(fresh));
  }
  // A search that runs on the old one holds up neither the replacement nor whoever comes after.
  const auto old = Search("fox");
  auto last = std::make_unique<MemorySearchIndex>(metrics_);
  last->Apply(images, {});
  const std::unique_ptr<MemorySearchIndex::Retired> retired = index_.ReplaceWith(std::move(last));
  EXPECT_EQ(Search("fox")->total, 10);
  EXPECT_NE(Search("fox")->pin, old->pin);
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(index_.Find("id3")->revision, 21);
  index_.Apply({Picture("new", "fox")}, {"id3"});
  EXPECT_EQ(Search("fox")->total, 10);
}

// All that a search, its facets and suggestions tell of an index.
std::string Told(const MemorySearchIndex& index) {
  std::string told;
  for (const Principal& who :
       {Named("ann"), Named("eve"),
        Principal{.subject = "m", .anonymous = false, .scopes = Scope::kModerate}}) {
    SearchRequest request{"", 500, "", {FacetField::kTag, FacetField::kFormat}};
    request.sort = SortOrder::kPopular;
    const auto result = index.Search(who, request);
    for (const SearchHit& hit : result->hits) {
      told +=
          hit.id + " " + std::to_string(hit.image->revision) + hit.image->described.title + "\n";
    }
    for (const Facet& facet : result->facets) {
      for (const FacetValue& value : facet) told += value.value + std::to_string(value.count) + ",";
    }
    for (const char* prefix : {"", "f", "s", "re"}) {
      const auto suggestions = index.Suggest(who, prefix, 50);
      for (const Suggestion& one : *suggestions) {
        told += one.text + std::to_string(one.count) + ";";
      }
    }
  }
  for (const IndexSum& sum : index.Sums()) {
    if (sum.images > 0) told += std::to_string(sum.images) + "/" + std::to_string(sum.sum) + " ";
  }
  return told;
}

TEST_F(LiveIndexTest, ACheckpointHoldsAllOfIt) {
  Dice dice(11);
  std::string told;
  auto index = Open(InFolder());
  EXPECT_EQ(index->LoadCheckpoint().status().code(), absl::StatusCode::kNotFound);
  for (int round = 1; round <= 4; ++round) {
    for (int step = 0; step < 30; ++step) {
      std::vector<Image> changed;
      for (int n = dice.Below(8); n > 0; --n) {
        changed.push_back(RandomImage(dice, round * 100 + step));
      }
      index->Apply(changed, {});
    }
    index->SetPopularity({{"id3", 5}, {"id7", static_cast<uint32_t>(round)}});
    ASSERT_TRUE(index->SaveCheckpoint(round * 10).ok());
    told = Told(*index);
    index.reset();
    index = Open(InFolder());
    const auto position = index->LoadCheckpoint();
    ASSERT_TRUE(position.ok()) << position.status();
    EXPECT_EQ(*position, round * 10);
    EXPECT_EQ(Told(*index), told);
  }
}

TEST_F(LiveIndexTest, AReplacementKnowsHowPopularImagesAre) {
  index_.Apply({Picture("a", "fox"), Picture("b", "fox"), Picture("gone", "fox")}, {});
  index_.SetPopularity({{"a", 5}, {"b", 7}, {"gone", 9}});
  auto fresh = std::make_unique<MemorySearchIndex>(metrics_);
  fresh->Apply({Picture("b", "fox"), Picture("a", "fox"), Picture("c", "fox")}, {});
  index_.ReplaceWith(std::move(fresh));
  SearchRequest request{"fox", 10, ""};
  request.sort = SortOrder::kPopular;
  const auto result = index_.Search(Named("bob"), request);
  std::vector<std::string> ids;
  for (const SearchHit& hit : result->hits) ids.push_back(hit.id);
  EXPECT_THAT(ids, ElementsAre("b", "a", "c"));
}

TEST_F(LiveIndexTest, WhatIsLoadedIsAsWhatIsFollowed) {
  Dice dice(12);
  MemorySearchIndex followed(metrics_);
  std::vector<std::vector<Image>> batches(40);
  for (size_t i = 0; i < batches.size(); ++i) {
    for (int n = 0; n < 20; ++n) {
      Image image = RandomImage(dice, static_cast<int>(i));
      // Tags are suggested as most images spell them.
      if (n % 3 == 0) image.described.tags.push_back("Red  Fox");
      if (n % 4 == 0) image.described.tags.push_back("red fox");
      if (n % 5 == 0) {
        image.analysis["facts"] = R"({"camera":{"make":"ACME","model":"One"}})";
      }
      batches[i].push_back(std::move(image));
    }
    followed.Apply(batches[i], {});
  }
  followed.Apply({}, {"id3", "id4"});
  // From several threads, with revisions in any order, some twice.
  MemorySearchIndex::Options options;
  options.loaded_at_once = 50;
  const auto opened = Open(options);
  MemorySearchIndex& loaded = *opened;
  loaded.Apply(batches[0], {});
  loaded.BeginLoading();
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (size_t i = next++; i < batches.size(); i = next++) loaded.Apply(batches[i], {});
    });
  }
  for (std::thread& thread : threads) thread.join();
  loaded.Apply({}, {"id3", "id4"});
  loaded.EndLoading();
  EXPECT_EQ(Told(loaded), Told(followed));
  // What was counted at the end can be taken out again.
  for (MemorySearchIndex* index : {&loaded, &followed}) {
    std::vector<std::string> ids;
    for (int i = 0; i < 25; ++i) ids.push_back("id" + std::to_string(i));
    index->Apply({}, ids);
  }
  EXPECT_EQ(Told(loaded), Told(followed));
  std::vector<std::string> everything;
  for (int i = 0; i < 1000; ++i) everything.push_back("id" + std::to_string(i));
  loaded.Apply({}, everything);
  for (const char* prefix : {"", "r", "f", "a"}) {
    EXPECT_THAT(*loaded.Suggest(Named("ann"), prefix, 50), IsEmpty());
  }
}

TEST_F(LiveIndexTest, WhatIsLoadedHasNoOtherTermsThanWhatIsFollowed) {
  // Characters without spaces between them are searched in pairs, which nobody is suggested.
  const std::vector<Image> images = {Picture("a", "富士山の雪"), Picture("b", "red fox"),
                                     Picture("c", "北海道 fox")};
  index_.Apply(images, {});
  const int64_t followed = Gauge("stockroom_search_terms");
  EXPECT_GT(followed, 0);
  const auto loaded = Open({});
  loaded->BeginLoading();
  loaded->Apply(images, {});
  loaded->EndLoading();
  EXPECT_EQ(Gauge("stockroom_search_terms"), followed);
}

TEST_F(LiveIndexTest, ACheckpointThatDoesNotFitIsNotLoaded) {
  const auto save = [&] {
    const auto index = Open(InFolder());
    EXPECT_FALSE(index->LoadCheckpoint().ok());
    index->Apply({Picture("a", "fox")}, {});
    EXPECT_TRUE(index->SaveCheckpoint(1).ok());
  };
  const auto expect_lost = [&](const MemorySearchIndex::Options& options) {
    const auto index = Open(options);
    EXPECT_EQ(index->LoadCheckpoint().status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(index->size(), 0);
    EXPECT_THAT(*index->Suggest(Named("bob"), "f", 10), IsEmpty());
    index->Apply({Picture("b", "fox")}, {});
    EXPECT_EQ(index->Search(Named("bob"), {"fox", 10, ""})->total, 1);
  };
  save();
  MemorySearchIndex::Options other = InFolder();
  other.catalogue_id = "catalogue 2";
  expect_lost(other);
  save();
  other = InFolder();
  other.encoder_version = 1;
  expect_lost(other);
  save();
  for (const auto& entry : std::filesystem::directory_iterator(folder_.file("index"))) {
    if (!entry.path().filename().string().starts_with("beside-")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.put('!');
  }
  expect_lost(InFolder());
}

TEST_F(LiveIndexTest, WithoutAFolderThereAreNoCheckpoints) {
  EXPECT_EQ(index_.SaveCheckpoint(1).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(index_.LoadCheckpoint().status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace stockroom::api
