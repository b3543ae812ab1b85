// The index as files, so that a restart takes a second instead of reading the database.
//
//   FOLDER/index-N.manifest    text: version, feed position, the files below, a checksum
//   FOLDER/segment-HASH.bin    Segment::bytes, named by its content (SHA-256)
//   FOLDER/columns-N.bin       of each segment what changes: live bits, popularity, clusters
//   FOLDER/documents-N.bin     the document store's
//   FOLDER/lock                DocumentStore::Open holds it: the folder has one process
//
// A manifest is written last, under another name, and renamed, all of it synced: one is either
// whole or not there. Segments are immutable: a checkpoint writes only those that the one before
// did not have. While it writes, old and new files take room at once.
//
// Every byte is under a checksum. Those of segments and columns are looked at by ReadCheckpoint;
// a start has no time to read all documents, so they are checked one by one when they are first
// read (DocumentView::damaged) or all at once by DocumentStore::Adopt(verify). Whatever does not
// match (a flipped bit, a file cut short, another version) is DATA_LOSS, and the index is rebuilt
// from the database.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/search/segment/segment.h"
#include "services/api/search/store/document_store.h"

namespace stockroom::api {

struct CheckpointSegment {
  std::shared_ptr<const Segment> segment;
  DocBits live;
  // By document; when writing, empty stands for zeros.
  std::vector<uint32_t> popularity;
  std::vector<uint32_t> clusters;  // see similar/clusters.h
};
struct Checkpoint {
  int64_t feed_position = 0;
  // Identifies the catalogue: a checkpoint of another database must not be loaded.
  std::string catalogue_id;
  // What MakeDocument and the encoder looked like; another program version rebuilds.
  uint32_t format = 0;
  std::vector<CheckpointSegment> segments;
  // DocumentStore::Seal's, of the same moment: no Apply in between. After reading they are what
  // Adopt wants.
  std::vector<DocumentStore::FileMark> documents;
};

// Writes what `folder` lacks, then the manifest, then removes what no manifest needs. One call at a
// time, while the folder's DocumentStore is open; syncs, so it takes as long as the disk does.
// INTERNAL, RESOURCE_EXHAUSTED (NO_SPACE): the checkpoint before is still whole, and nothing of the
// new one is left. INVALID_ARGUMENT: a live document is in none of `documents`, or a column does
// not fit its segment.
absl::Status WriteCheckpoint(const std::string& folder, const Checkpoint& checkpoint);

// NOT_FOUND: there is none. DATA_LOSS: it is damaged; its manifest is removed, so that no later
// checkpoint builds upon it. Segments are read into memory (by up to four threads, while this call
// waits) and verified. What was checked of the documents: every live one lies within a file.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& folder);

}  // namespace stockroom::api
