// Renderer over gRPC: asks the worker that owns the rendition, and stand-ins when it is away.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "services/api/domain/renderer.h"
#include "services/api/workers/worker_peers.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// A worker that can not be reached, drains, or breaks off is replaced by the next in rendezvous
// order, at most `stand_ins` times. One that is busy is not: the load would only wander through the
// cluster, and every worker would make the same rendition. Neither is one whose decoder died: the
// picture would kill the next one, too.
//
// Metrics: stockroom_render_calls_total (label code), stockroom_render_stand_ins_total,
// stockroom_render_calls_running.
class GrpcRenderer final : public Renderer {
 public:
  struct Options {
    int stand_ins = 2;
    // Larger answers are refused: each is held in memory whole.
    int64_t max_rendition_bytes = int64_t{64} << 20;
  };
  // `peers` must outlive it.
  GrpcRenderer(const Options& options, WorkerPeers& peers, Metrics& metrics);
  // Cancels what is under way and waits until it has called back. Not to be destroyed inside a
  // callback.
  ~GrpcRenderer() override;

  void Render(const CallContext& context, RenderOrder order, Done done) override;

 private:
  class Call;
  struct Peer;

  // Connects when first used.
  std::shared_ptr<Peer> PeerAt(const WorkerPeer& worker);
  // Forgets connections to workers that are gone and that nobody uses.
  void Prune(const std::vector<WorkerPeer>& serving);
  void Ended(const std::shared_ptr<Call>& call, const absl::Status& status);

  const Options options_;
  WorkerPeers& workers_;
  Metrics& metrics_;
  Counter& stand_ins_;
  Gauge& running_;

  Mutex mu_;
  CondVar idle_;
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  std::map<std::string, std::shared_ptr<Peer>> peers_ SR_GUARDED_BY(mu_);
  std::set<std::shared_ptr<Call>> calls_ SR_GUARDED_BY(mu_);  // bounded by who calls
};

}  // namespace stockroom::api
