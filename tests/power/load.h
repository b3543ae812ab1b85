// Clients of one file server until it dies, and what they were promised.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/common/base/digest.h"
#include "services/common/base/mutex.h"
#include "services/common/blobs/blob_client.h"
#include "services/common/blobs/incoming_client.h"

namespace stockroom::power {

// Bytes that a number stands for: 1 byte to about 700 KB.
std::string BytesOf(uint64_t number);

// What the clients know. Thread-safe.
class Promises {
 public:
  // A number that nobody had; of what is not an original.
  uint64_t Fresh();
  // One to store: that nobody had, or, now and then, that is there or on its way already. It is on
  // its way until Stored or Completed, for ever if that never comes: an answer that was not waited
  // for may still be one.
  uint64_t Choose(uint64_t dice);
  void Stored(uint64_t number);

  // One that was stored, is not on its way, and that nobody stores again from now on, to be
  // deleted.
  std::optional<uint64_t> TakeToDelete(uint64_t dice);
  void Deleted(uint64_t number);

  // A direct upload whose bytes the file server has said to keep.
  void Arrived(const std::string& id, uint64_t number);
  // It is a blob by now: `number` is stored.
  void Completed(const std::string& id);

  std::map<std::string, uint64_t> arrived() const;
  std::set<uint64_t> stored() const;
  std::set<uint64_t> deleted() const;

 private:
  mutable Mutex mu_;
  uint64_t last_ SR_GUARDED_BY(mu_) = 0;
  std::multiset<uint64_t> on_its_way_ SR_GUARDED_BY(mu_);
  std::set<uint64_t> stored_ SR_GUARDED_BY(mu_);   // acknowledged, and not being deleted
  std::set<uint64_t> doomed_ SR_GUARDED_BY(mu_);   // being deleted, answer unknown
  std::set<uint64_t> deleted_ SR_GUARDED_BY(mu_);  // acknowledged to be gone
  std::map<std::string, uint64_t> arrived_ SR_GUARDED_BY(mu_);
};

struct Clients {
  BlobClient& blobs;
  IncomingClient& incomings;
  // For bodies of HTTP requests, a file each.
  std::string folder;
};

// Puts (by gRPC and by signed URL), renders and deletes with several threads until the server
// answers no more or each has done `most` operations. What contradicts a promise while it lives is
// returned.
std::vector<std::string> RunLoad(const Clients& clients, Promises& promises, int threads, int most,
                                 uint64_t seed);

// Everything that was promised, asked of a server that has started anew. Returns what is wrong, and
// counts what it looked at.
std::vector<std::string> Audit(const Clients& clients, Promises& promises, int64_t& looked_at);

}  // namespace stockroom::power
