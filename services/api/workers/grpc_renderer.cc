#include "services/api/workers/grpc_renderer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/api/workers/rendezvous.h"
#include "services/api/workers/work_messages.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/rpc/channel.h"
#include "services/common/rpc/client_streams.h"
#include "stockroom/internal/render.grpc.pb.h"

namespace stockroom::api {

using internal::RenderReply;
using internal::RenderRequest;
using internal::RenderService;

namespace {

RenderRequest ToRequest(const RenderOrder& order) {
  RenderRequest request;
  request.set_original_sha256(std::string(order.original.bytes()));
  request.set_original_size(order.traits.bytes);
  request.set_recipe(CanonicalText(order.recipe));
  request.set_key(order.key);
  internal::ImageFacts& facts = *request.mutable_facts();
  facts.set_width(order.traits.size.width);
  facts.set_height(order.traits.size.height);
  facts.set_format(order.traits.format);
  facts.set_frames(order.traits.frames);
  facts.set_has_alpha(order.traits.has_alpha);
  facts.set_progressive(order.traits.progressive);
  for (const int side : order.ladder) request.add_ladder(side);
  for (const WatermarkPicture& mark : order.watermarks) {
    *request.add_watermarks() = ToWatermark(mark);
  }
  request.set_max_pixels(order.max_pixels);
  return request;
}

absl::Status Nonsense(std::string_view what) {
  return MakeStatus(absl::StatusCode::kInternal,
                    absl::StrCat("the worker's answer makes no sense: ", Av(what)),
                    {.reason = "WORKER_NONSENSE"});
}

// Puts an answer together, and believes none of it.
class Assembly {
 public:
  Assembly(std::string key, std::string media_type, int64_t max_bytes)
      : key_(std::move(key)), media_type_(std::move(media_type)), max_bytes_(max_bytes) {}

  absl::Status Add(RenderReply reply) {
    if (reply.has_made()) return Begin(reply.made());
    if (!made_) return Nonsense("it does not begin with what was made");
    if (bytes_.size() + reply.chunk().size() > static_cast<size_t>(made_->size_bytes())) {
      return Nonsense("more bytes than announced");
    }
    bytes_ += reply.chunk();
    return absl::OkStatus();
  }

  absl::StatusOr<RenderedPicture> Finish() {
    if (!made_) return Nonsense("it is empty");
    if (bytes_.size() != static_cast<size_t>(made_->size_bytes())) {
      return Nonsense("fewer bytes than announced");
    }
    const Digest digest = Digest::Of(bytes_);
    if (digest.bytes() != made_->sha256()) return Nonsense("the bytes are not those of the digest");
    return RenderedPicture{.bytes = std::make_shared<const std::string>(std::move(bytes_)),
                           .sha256 = digest,
                           .media_type = media_type_,
                           .size = {made_->width(), made_->height()}};
  }

 private:
  absl::Status Begin(const internal::RenditionMade& made) {
    if (made_) return Nonsense("it begins twice");
    if (made.key() != key_) return Nonsense("another rendition than was asked for");
    if (made.media_type() != media_type_) return Nonsense("another media type");
    if (made.width() < 1 || made.height() < 1 || made.size_bytes() < 1) return Nonsense("size");
    if (made.size_bytes() > max_bytes_) {
      return MakeStatus(absl::StatusCode::kOutOfRange,
                        absl::StrCat("The result would have ", made.size_bytes(),
                                     " bytes, more than the ", max_bytes_, " that are allowed."),
                        {.reason = "TOO_LARGE", .metadata = {{"limit", absl::StrCat(max_bytes_)}}});
    }
    made_ = made;
    bytes_.reserve(static_cast<size_t>(made.size_bytes()));
    return absl::OkStatus();
  }

  const std::string key_;
  const std::string media_type_;
  const int64_t max_bytes_;
  std::optional<internal::RenditionMade> made_;
  std::string bytes_;
};

// Another worker may do better: this one was not reached, drains, can start no decoder, or broke
// off. A worker says with a reason of its own when others would fare no better, as when the file
// server is away.
bool IsWorkersFault(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return false;
  const std::string reason = DetailsOf(status).reason;
  return reason.empty() || reason == "DRAINING" || reason == "SHUTTING_DOWN" ||
         reason == "NO_DECODER";
}

}  // namespace

struct GrpcRenderer::Peer {
  explicit Peer(const WorkerPeer& worker)
      : tls(worker.tls),
        channel(rpc::MakeChannel(worker.address, {.tls = worker.tls})),
        stub(RenderService::NewStub(channel)) {}

  const rpc::PeerTls tls;  // outlives the channel
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<RenderService::Stub> stub;
};

// One order: asks one worker after another. Everything but Cancel runs on one callback at a time.
class GrpcRenderer::Call final : public std::enable_shared_from_this<Call> {
 public:
  Call(GrpcRenderer& renderer, const CallContext& context, RenderOrder order,
       std::vector<WorkerPeer> ranked, Done done)
      : renderer_(renderer),
        context_(context),
        request_(ToRequest(order)),
        media_type_(FormatMediaType(order.recipe.format)),
        ranked_(std::move(ranked)),
        done_(std::move(done)) {
    // Of its own, so that the renderer can cancel what it carries.
    context_.cancellation = std::make_shared<Cancellation>();
    linked_ = context.cancellation->OnCancel([own = context_.cancellation] { own->Cancel(); });
  }

  void Cancel() { context_.cancellation->Cancel(); }

  void AskNext() {
    peer_ = renderer_.PeerAt(ranked_[next_++]);
    assembly_.emplace(request_.key(), media_type_, renderer_.options_.max_rendition_bytes);
    reader_ = std::make_unique<Reader>(
        context_, request_, [stub = peer_->stub.get()](auto* client, auto* request, auto* reactor) {
          stub->async()->Render(client, request, reactor);
        });
    Read();
  }

 private:
  using Reader = rpc::ClientReader<RenderRequest, RenderReply>;

  void Read() {
    reader_->Read([self = shared_from_this()](absl::StatusOr<std::optional<RenderReply>> reply) {
      self->OnReply(std::move(reply));
    });
  }

  void OnReply(absl::StatusOr<std::optional<RenderReply>> reply) {
    if (!reply.ok()) return OnFailure(reply.status());
    if (!reply->has_value()) return End(assembly_->Finish());
    const absl::Status added = assembly_->Add(**std::move(reply));
    if (!added.ok()) return End(added);
    Read();
  }

  void OnFailure(const absl::Status& status) {
    const absl::Status own = context_.Check();
    if (!own.ok()) return End(own);
    if (!IsWorkersFault(status) || next_ >= ranked_.size()) return End(status);
    LogWarning("a worker is away and another makes the rendition",
               {{"address", ranked_[next_ - 1].address}, {"error", status}}, context_.request_id);
    renderer_.stand_ins_.Add();
    reader_.reset();
    AskNext();
  }

  void End(absl::StatusOr<RenderedPicture> result) {
    reader_.reset();  // cancels the call if more was to come
    peer_.reset();
    linked_.reset();
    const auto self = shared_from_this();
    const absl::Status status = result.status();
    if (absl::IsInternal(status)) LogError("a worker can not be believed", {{"error", status}});
    std::exchange(done_, nullptr)(std::move(result));
    renderer_.Ended(self, status);
  }

  GrpcRenderer& renderer_;
  CallContext context_;
  const RenderRequest request_;
  const std::string media_type_;
  const std::vector<WorkerPeer> ranked_;  // at least one
  Done done_;
  std::unique_ptr<Cancellation::Registration> linked_;
  size_t next_ = 0;
  std::shared_ptr<Peer> peer_;
  std::optional<Assembly> assembly_;
  std::unique_ptr<Reader> reader_;
};

GrpcRenderer::GrpcRenderer(const Options& options, WorkerPeers& peers, Metrics& metrics)
    : options_(options),
      workers_(peers),
      metrics_(metrics),
      stand_ins_(metrics.GetCounter("stockroom_render_stand_ins_total",
                                    "Renditions asked of another worker than their own.")),
      running_(metrics.GetGauge("stockroom_render_calls_running",
                                "Renditions that workers were asked for and that are not here.")) {}

GrpcRenderer::~GrpcRenderer() {
  std::set<std::shared_ptr<Call>> calls;
  {
    MutexLock lock(mu_);
    stopping_ = true;
    calls = calls_;
  }
  for (const auto& call : calls) call->Cancel();
  MutexLock lock(mu_);
  while (!calls_.empty()) idle_.Wait(mu_);
}

void GrpcRenderer::Render(const CallContext& context, RenderOrder order, Done done) {
  const absl::Status status = context.Check();
  if (!status.ok()) return done(status);
  std::vector<WorkerPeer> serving = workers_.Serving();
  Prune(serving);
  std::vector<std::string> addresses;
  for (const WorkerPeer& worker : serving) addresses.push_back(worker.address);
  addresses = RankWorkers(order.original, order.key, std::move(addresses));
  if (addresses.size() > static_cast<size_t>(options_.stand_ins) + 1) {
    addresses.resize(static_cast<size_t>(options_.stand_ins) + 1);
  }
  std::vector<WorkerPeer> ranked;
  for (const std::string& address : addresses) {
    ranked.push_back(*std::find_if(serving.begin(), serving.end(), [&](const WorkerPeer& worker) {
      return worker.address == address;
    }));
  }
  if (ranked.empty()) return done(Unavailable("NO_WORKER", "no worker is connected"));
  std::shared_ptr<Call> call;
  {
    MutexLock lock(mu_);
    if (!stopping_) {
      call = std::make_shared<Call>(*this, context, std::move(order), std::move(ranked),
                                    std::move(done));
      calls_.insert(call);
      running_.Set(static_cast<int64_t>(calls_.size()));
    }
  }
  if (call == nullptr) return done(Unavailable("SHUTTING_DOWN", "the api is shutting down"));
  call->AskNext();
}

std::shared_ptr<GrpcRenderer::Peer> GrpcRenderer::PeerAt(const WorkerPeer& worker) {
  MutexLock lock(mu_);
  std::shared_ptr<Peer>& peer = peers_[worker.address];
  if (peer == nullptr) peer = std::make_shared<Peer>(worker);
  return peer;
}

void GrpcRenderer::Prune(const std::vector<WorkerPeer>& serving) {
  std::vector<std::shared_ptr<Peer>> gone;  // destroyed outside the lock
  MutexLock lock(mu_);
  for (auto it = peers_.begin(); it != peers_.end();) {
    const bool serves = std::any_of(serving.begin(), serving.end(), [&](const WorkerPeer& worker) {
      return worker.address == it->first;
    });
    if (serves || it->second.use_count() > 1) {
      ++it;
    } else {
      gone.push_back(std::move(it->second));
      it = peers_.erase(it);
    }
  }
}

void GrpcRenderer::Ended(const std::shared_ptr<Call>& call, const absl::Status& status) {
  metrics_
      .GetCounter("stockroom_render_calls_total", "Renditions that workers were asked for.",
                  {{"code", absl::StatusCodeToString(status.code())}})
      .Add();
  MutexLock lock(mu_);
  calls_.erase(call);
  running_.Set(static_cast<int64_t>(calls_.size()));
  idle_.NotifyAll();
}

}  // namespace stockroom::api
