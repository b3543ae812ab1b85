// After the storm: does the cluster hold what it acknowledged, and do all its parts agree?
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/chaos/ledger.h"
#include "tests/support/cluster.h"

namespace stockroom::chaos {

class Audit {
 public:
  Audit(testing::Cluster& cluster, const Ledger& ledger, uint32_t seed);

  // Waits until nothing is left to do, then checks:
  // - every acknowledged image is there and READY (or FAILED with a reason, if its bytes are
  //   broken), with the bytes that were sent and a title that it may have; what was acknowledged as
  //   deleted is gone;
  // - nothing is there that nobody sent, and no bytes twice;
  // - no job is left;
  // - the change feed reads the same at every api, every image begins with one creation, grows in
  //   revisions, is made ready once, and ends with its deletion;
  // - the search index of every api holds the READY images as the database has them.
  // Bytes are checked for some images of `round` and a few others; for some thousand, if
  // `everything`.
  // Findings for people; empty if all is well.
  std::vector<std::string> Run(int round, bool everything);

  int64_t blobs_checked() const { return blobs_checked_; }
  int64_t events_checked() const { return position_; }

 private:
  struct Story {
    int64_t revision = 0;
    int created = 0;
    int ready = 0;
    int failed = 0;
    int deleted = 0;
  };

  bool Settle();
  void CheckKnown(const std::map<std::string, v1::Image>& images, int round, bool everything);
  void CheckUnknown(const std::map<std::string, v1::Image>& images);
  void CheckFeeds();
  std::vector<v1::Event> ReadFeed(int api, int64_t end);
  void CheckStory(const v1::Event& event);
  void CheckIndexes(const std::map<std::string, v1::Image>& images);
  void CheckBlob(const std::string& id, const std::string& sha256);
  void Find(const std::string& what);

  testing::Cluster& cluster_;
  const Ledger& ledger_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<testing::Client>> apis_;
  // What was read of the feed so far.
  int64_t position_ = 0;
  std::map<std::string, Story> stories_;
  int64_t blobs_checked_ = 0;
  std::vector<std::string> findings_;
};

}  // namespace stockroom::chaos
