#include "services/api/search/store/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "services/api/search/store/checkpoint_manifest.h"
#include "tests/unit/search/store_fixture.h"

namespace stockroom::api {
namespace {

using Files = std::map<std::string, std::string>;  // by name

// A catalogue of foxes: images first to first + count - 1 in one segment.
class CheckpointTest : public StoreTest {
 protected:
  static CheckpointSegment Foxes(DocumentStore& store, int first, int count) {
    SegmentBuilder builder;
    for (int n = first; n < first + count; ++n) {
      const Image image = FullImage(n);
      const auto locator = AppendTo(store, image);
      EXPECT_TRUE(locator.ok()) << locator.status();
      builder.Add(DocumentOf(image), locator.value_or(0));
    }
    const auto segment = builder.Build();
    CheckpointSegment state = {.segment = segment, .live = DocBits(segment->docs(), true)};
    for (Doc doc = 0; doc < segment->docs(); ++doc) {
      state.popularity.push_back(10 * doc);
      state.clusters.push_back(doc % 3);
    }
    return state;
  }
  static Checkpoint CheckpointOf(DocumentStore& store, std::vector<CheckpointSegment> segments,
                                 int64_t feed_position = 42) {
    auto marks = store.Seal();
    EXPECT_TRUE(marks.ok()) << marks.status();
    return {.feed_position = feed_position,
            .catalogue_id = "catalogue of foxes",
            .format = 3,
            .segments = std::move(segments),
            .documents = *std::move(marks)};
  }
  static void Kill(DocumentStore& store, CheckpointSegment& state, Doc doc) {
    state.live.Clear(doc);
    store.Release(state.segment->locator(doc));
  }
  // One with `count` images of a process that ended, in the folder.
  void Leave(const std::string& folder, int first, int count) {
    const auto store = OpenStore(folder);
    ASSERT_TRUE(WriteCheckpoint(folder, CheckpointOf(*store, {Foxes(*store, first, count)})).ok());
  }

  static Files FilesIn(const std::string& folder) {
    Files files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::ifstream file(entry.path(), std::ios::binary);
      std::ostringstream bytes;
      bytes << file.rdbuf();
      if (entry.path().filename() != "lock") files[entry.path().filename()] = bytes.str();
    }
    return files;
  }
  static std::set<std::string> NamesIn(const std::string& folder) {
    std::set<std::string> names;
    for (const auto& [name, bytes] : FilesIn(folder)) names.insert(name);
    return names;
  }
  static void Put(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  static void PutByte(const std::string& path, size_t at, char byte) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  static std::string FirstName(const std::string& folder, const std::string& prefix) {
    for (const std::string& name : NamesIn(folder)) {
      if (name.starts_with(prefix)) return name;
    }
    return "";
  }

  // Whether the folder gives images first to first + count - 1, all of them right; everything else
  // must have been noticed.
  bool Gives(const std::string& folder, int first, int count) {
    const auto store = OpenStore(folder);
    const auto checkpoint = ReadCheckpoint(folder);
    if (!checkpoint.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(checkpoint.status()) || absl::IsNotFound(checkpoint.status()))
          << checkpoint.status();
      return false;
    }
    const absl::Status adopted = store->Adopt(checkpoint->documents, /*verify=*/false);
    if (!adopted.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(adopted)) << adopted;
      return false;
    }
    EXPECT_EQ(checkpoint->feed_position, 42);
    EXPECT_EQ(checkpoint->catalogue_id, "catalogue of foxes");
    EXPECT_EQ(checkpoint->format, 3u);
    EXPECT_EQ(checkpoint->segments.size(), 1u);
    const CheckpointSegment& state = checkpoint->segments[0];
    EXPECT_EQ(state.live.count(), static_cast<uint32_t>(count));
    for (int n = first; n < first + count; ++n) {
      const auto doc = state.segment->FindId("id-" + std::to_string(n));
      EXPECT_TRUE(doc.has_value());
      if (!doc) continue;
      EXPECT_EQ(state.popularity[*doc], 10 * *doc);
      EXPECT_EQ(state.clusters[*doc], *doc % 3);
      const DocumentView view = store->files()->Read(state.segment->locator(*doc));
      if (view.damaged) return false;
      ExpectHolds(view, FullImage(n));
    }
    return true;
  }
};

TEST_F(CheckpointTest, GivesBackTheIndex) {
  Checkpoint written;
  {
    const auto store = OpenStore(folder_.path());
    std::vector<CheckpointSegment> segments = {Foxes(*store, 0, 200), Foxes(*store, 200, 1)};
    segments[1].popularity.clear();  // zeros
    segments[1].clusters.clear();
    for (const Doc doc : {0u, 7u, 199u}) Kill(*store, segments[0], doc);
    written = CheckpointOf(*store, std::move(segments));
    ASSERT_TRUE(WriteCheckpoint(folder_.path(), written).ok());
  }
  const auto store = OpenStore(folder_.path());
  const auto read = ReadCheckpoint(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->feed_position, 42);
  EXPECT_EQ(read->catalogue_id, written.catalogue_id);
  EXPECT_EQ(read->format, 3u);
  ASSERT_EQ(read->segments.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const auto& [segment, live, popularity, clusters] = read->segments[i];
    const auto& before = written.segments[i];
    EXPECT_TRUE(std::ranges::equal(segment->bytes(), before.segment->bytes()));
    EXPECT_EQ(live.count(), before.live.count());
    for (Doc doc = 0; doc < live.docs(); ++doc) EXPECT_EQ(live.Test(doc), before.live.Test(doc));
    EXPECT_EQ(popularity, i == 0 ? before.popularity : std::vector<uint32_t>(1));
    EXPECT_EQ(clusters, i == 0 ? before.clusters : std::vector<uint32_t>(1));
  }
  ASSERT_TRUE(store->Adopt(read->documents, /*verify=*/true).ok());
  const Segment& segment = *read->segments[0].segment;
  for (Doc doc = 0; doc < segment.docs(); ++doc) {
    const DocumentView view = store->files()->Read(segment.locator(doc));
    EXPECT_EQ(view.id, segment.id(doc));
  }
  // Who is alive is known to the store, too.
  const auto marks = store->Seal();
  ASSERT_TRUE(marks.ok());
  for (size_t i = 0; i < marks->size(); ++i) {
    EXPECT_EQ((*marks)[i].live, written.documents[i].live) << (*marks)[i].name;
  }
}

TEST_F(CheckpointTest, WithoutOneThereIsNone) {
  EXPECT_TRUE(absl::IsNotFound(ReadCheckpoint(folder_.path()).status()));
  EXPECT_TRUE(absl::IsNotFound(ReadCheckpoint(folder_.file("not-there")).status()));
}

TEST_F(CheckpointTest, AnEmptyIndexIsOne) {
  const auto store = OpenStore(folder_.path());
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), CheckpointOf(*store, {})).ok());
  const auto read = ReadCheckpoint(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->segments.empty());
}

TEST_F(CheckpointTest, SegmentsThatAreThereAreNotWrittenAgain) {
  const auto store = OpenStore(folder_.path());
  std::vector<CheckpointSegment> segments = {Foxes(*store, 0, 20)};
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), CheckpointOf(*store, segments)).ok());
  const std::string first = FirstName(folder_.path(), "segment-");
  struct stat before {};
  ASSERT_EQ(stat(folder_.file(first).c_str(), &before), 0);

  segments.push_back(Foxes(*store, 20, 20));
  Kill(*store, segments[0], 3);
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), CheckpointOf(*store, segments)).ok());
  struct stat after {};
  ASSERT_EQ(stat(folder_.file(first).c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  const auto read = ReadCheckpoint(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->segments[0].live.count(), 19u);
  EXPECT_EQ(read->segments[1].live.count(), 20u);
  // Two segments, columns, manifest, documents; nothing of the first.
  EXPECT_EQ(NamesIn(folder_.path()).size(), 4 + store->usage().files);

  segments.erase(segments.begin());
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), CheckpointOf(*store, segments)).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.file(first)));
}

TEST_F(CheckpointTest, EveryFlippedByteIsNoticed) {
  Leave(folder_.path(), 0, 2);
  const Files files = FilesIn(folder_.path());
  ASSERT_TRUE(Gives(folder_.path(), 0, 2));
  for (const auto& [name, bytes] : files) {
    // Behind the last document there is nothing yet.
    size_t end = bytes.size();
    if (name.starts_with("documents-")) end = ReadCheckpoint(folder_.path())->documents[0].bytes;
    for (size_t at = 0; at < end; ++at) {
      PutByte(folder_.file(name), at, static_cast<char>(bytes[at] ^ (1 << at % 8)));
      ASSERT_FALSE(Gives(folder_.path(), 0, 2)) << name << " byte " << at;
      // What was found damaged is partly removed.
      for (const auto& [again, whole] : files) {
        if (!std::filesystem::exists(folder_.file(again))) Put(folder_.file(again), whole);
      }
      PutByte(folder_.file(name), at, bytes[at]);
    }
  }
  EXPECT_TRUE(Gives(folder_.path(), 0, 2));
}

TEST_F(CheckpointTest, FilesThatAreCutShortOrGoneAreNoticed) {
  Leave(folder_.path(), 0, 5);
  const Files files = FilesIn(folder_.path());
  for (const auto& [name, bytes] : files) {
    size_t whole = bytes.size();
    if (name.starts_with("documents-")) whole = ReadCheckpoint(folder_.path())->documents[0].bytes;
    for (const size_t size : {size_t{0}, size_t{1}, whole / 2, whole - 1}) {
      Put(folder_.file(name), bytes.substr(0, size));
      EXPECT_FALSE(Gives(folder_.path(), 0, 5)) << name << " of " << size << " bytes";
      for (const auto& [again, content] : files) Put(folder_.file(again), content);
    }
    std::filesystem::remove(folder_.file(name));
    EXPECT_FALSE(Gives(folder_.path(), 0, 5)) << "without " << name;
    for (const auto& [again, content] : files) Put(folder_.file(again), content);
    if (!name.starts_with("documents-")) {
      Put(folder_.file(name), bytes + '\0');
      EXPECT_FALSE(Gives(folder_.path(), 0, 5)) << name << " too long";
      for (const auto& [again, content] : files) Put(folder_.file(again), content);
    }
  }
  EXPECT_TRUE(Gives(folder_.path(), 0, 5));
}

TEST_F(CheckpointTest, FilesOfAnotherCheckpointAreNoticed) {
  const testing::TempFolder other;
  Leave(folder_.path(), 0, 5);
  Leave(other.path(), 100, 6);
  const Files mine = FilesIn(folder_.path());
  const Files others = FilesIn(other.path());
  for (const auto& [name, bytes] : others) {
    // A segment has a name of its own.
    const bool segment = name.starts_with("segment-");
    const std::string to = segment ? FirstName(folder_.path(), "segment-") : name;
    ASSERT_TRUE(mine.contains(to)) << to;
    Put(folder_.file(to), bytes);
    EXPECT_FALSE(Gives(folder_.path(), 0, 5)) << name;
    for (const auto& [again, content] : mine) Put(folder_.file(again), content);
  }
  // All of them together are the other's.
  for (const auto& [name, bytes] : others) Put(folder_.file(name), bytes);
  EXPECT_TRUE(Gives(folder_.path(), 100, 6));
}

TEST_F(CheckpointTest, AManifestOfAnotherVersionIsNone) {
  Leave(folder_.path(), 0, 5);
  const std::string name = FirstName(folder_.path(), "index-");
  std::string text = FilesIn(folder_.path())[name];
  text.replace(text.find(" 1\n"), 3, " 2\n");
  Put(folder_.file(name), text);
  EXPECT_FALSE(Gives(folder_.path(), 0, 5));
}

TEST_F(CheckpointTest, AFullDiskLeavesTheOneBefore) {
  const auto store = OpenStore(folder_.path());
  std::vector<CheckpointSegment> segments = {Foxes(*store, 0, 20)};
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), CheckpointOf(*store, segments)).ok());
  const std::set<std::string> before = NamesIn(folder_.path());
  // The second segment is larger than what fits; columns and manifest are not.
  segments.push_back(Foxes(*store, 20, 1000));
  const Checkpoint second = CheckpointOf(*store, segments, 43);
  const uint64_t bytes = segments[1].segment->bytes().size();
  {
    const FileSizeLimit limit(bytes - 1);
    const absl::Status status = WriteCheckpoint(folder_.path(), second);
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_EQ(DetailsOf(status).reason, "NO_SPACE");
  }
  const auto read = ReadCheckpoint(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->feed_position, 42);
  for (const std::string& name : NamesIn(folder_.path())) {
    EXPECT_TRUE(before.contains(name) || name.starts_with("documents-")) << name;
  }
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), second).ok());
  EXPECT_EQ(ReadCheckpoint(folder_.path())->feed_position, 43);
}

TEST_F(CheckpointTest, WhatAProcessLeftThatDiedWhileWritingIsNoCheckpoint) {
  const auto store = OpenStore(folder_.path());
  const std::vector<CheckpointSegment> segments = {Foxes(*store, 0, 20)};
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), CheckpointOf(*store, segments)).ok());
  const std::set<std::string> before = NamesIn(folder_.path());
  const std::string manifest = FirstName(folder_.path(), "index-");
  Put(folder_.file("index-2.manifest.new"), FilesIn(folder_.path())[manifest]);
  Put(folder_.file("columns-2.bin.new"), "half");
  Put(folder_.file("segment-00.bin"), "half");
  ASSERT_EQ(ReadCheckpoint(folder_.path())->feed_position, 42);
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), CheckpointOf(*store, segments, 43)).ok());
  EXPECT_EQ(ReadCheckpoint(folder_.path())->feed_position, 43);
  EXPECT_EQ(NamesIn(folder_.path()).size(), before.size());
}

TEST_F(CheckpointTest, DocumentsStayAsLongAsAManifestNeedsThem) {
  const auto store = OpenStore(folder_.path());
  std::vector<CheckpointSegment> segments = {Foxes(*store, 0, 200)};
  Checkpoint checkpoint = CheckpointOf(*store, segments);
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), checkpoint).ok());
  const std::string first = checkpoint.documents[0].name;
  for (Doc doc = 0; doc < 200; ++doc) Kill(*store, segments[0], doc);
  const CheckpointSegment next = Foxes(*store, 200, 200);
  EXPECT_TRUE(std::filesystem::exists(folder_.file(first)));
  checkpoint = CheckpointOf(*store, {next});
  // Made after the seal: not in the checkpoint, and not to be removed by it.
  const CheckpointSegment later = Foxes(*store, 400, 200);
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), checkpoint).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.file(first)));
  checkpoint = CheckpointOf(*store, {next, later});
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), checkpoint).ok());
  EXPECT_TRUE(ReadCheckpoint(folder_.path()).ok());
}

TEST_F(CheckpointTest, ADamagedSegmentIsWrittenAnew) {
  Leave(folder_.path(), 0, 20);
  const std::string name = FirstName(folder_.path(), "segment-");
  std::string bytes = FilesIn(folder_.path())[name];
  bytes[bytes.size() / 2] ^= 1;
  Put(folder_.file(name), bytes);
  ASSERT_TRUE(absl::IsDataLoss(ReadCheckpoint(folder_.path()).status()));
  ASSERT_TRUE(absl::IsNotFound(ReadCheckpoint(folder_.path()).status()));
  {
    const auto store = OpenStore(folder_.path());
    ASSERT_TRUE(store->Adopt({}, false).ok());
    const std::vector<CheckpointSegment> segments = {Foxes(*store, 0, 20)};
    ASSERT_TRUE(WriteCheckpoint(folder_.path(), CheckpointOf(*store, segments)).ok());
  }
  EXPECT_TRUE(Gives(folder_.path(), 0, 20));
}

TEST_F(CheckpointTest, DocumentsThatAreNowhereMakeNoCheckpoint) {
  const auto store = OpenStore(folder_.path());
  std::vector<CheckpointSegment> segments = {Foxes(*store, 0, 20)};
  ASSERT_TRUE(WriteCheckpoint(folder_.path(), CheckpointOf(*store, segments)).ok());
  const auto too_early = store->Seal();
  segments.push_back(Foxes(*store, 20, 200));
  Checkpoint bad = CheckpointOf(*store, segments, 43);
  bad.documents = *too_early;
  EXPECT_TRUE(absl::IsInvalidArgument(WriteCheckpoint(folder_.path(), bad)));
  bad = CheckpointOf(*store, segments, 43);
  bad.segments[0].popularity.pop_back();
  EXPECT_TRUE(absl::IsInvalidArgument(WriteCheckpoint(folder_.path(), bad)));
  bad = CheckpointOf(*store, segments, 43);
  bad.segments.push_back(bad.segments[0]);
  EXPECT_TRUE(absl::IsInvalidArgument(WriteCheckpoint(folder_.path(), bad)));
  EXPECT_EQ(ReadCheckpoint(folder_.path())->feed_position, 42);
}

TEST(ManifestTest, TakesOnlyWhatItWrites) {
  const Manifest manifest = {.number = 7,
                             .format = 2,
                             .feed_position = -1,
                             .catalogue_id = std::string("a\n\0 b", 5),
                             .columns = {"columns-7.bin", 10, 0xabc},
                             .segments = {{"segment-x.bin", 20, 1}},
                             .documents = {{.name = "documents-1.bin", .bytes = 64}}};
  const std::string text = ManifestText(manifest);
  const auto parsed = ParseManifest(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(ManifestText(*parsed), text);
  EXPECT_EQ(parsed->catalogue_id, manifest.catalogue_id);
  for (const std::string name : {"../columns-7.bin", "", "a/b", ".hidden"}) {
    Manifest bad = manifest;
    bad.columns.name = name;
    EXPECT_TRUE(absl::IsDataLoss(ParseManifest(ManifestText(bad)).status())) << name;
  }
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(ParseManifest(text.substr(0, size)).status()));
  }
  EXPECT_TRUE(absl::IsDataLoss(ParseManifest(text + "\n").status()));
}

}  // namespace
}  // namespace stockroom::api
