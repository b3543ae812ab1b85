// The workers that are there now, for who calls them directly.
#pragma once

#include <string>
#include <vector>

#include "services/common/rpc/tls.h"

namespace stockroom::api {

struct WorkerPeer {
  std::string address;  // host:port
  rpc::PeerTls tls;
};

// Thread-safe.
class WorkerPeers {
 public:
  virtual ~WorkerPeers() = default;

  // Those that said hello on a stream that is open, and do not drain. Never blocks.
  virtual std::vector<WorkerPeer> Serving() = 0;
};

}  // namespace stockroom::api
