#include "tests/chaos/load.h"

#include <utility>

#include "absl/time/clock.h"
#include "services/common/base/digest.h"
#include "services/common/rpc/status.h"

namespace stockroom::chaos {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(8);
// Pictures that are uploaded again and again.
constexpr uint32_t kRepeated = 6;

// What a client is told while processes die; it tries again later.
bool IsExcused(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return true;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      // gRPC's words for a connection that broke in the middle of an answer.
      return status.message().find("RST_STREAM") != std::string_view::npos ||
             status.message().find("Stream removed") != std::string_view::npos;
    default:
      return false;
  }
}

}  // namespace

class Load::Actor {
 public:
  Actor(Load& load, uint32_t seed, int round) : load_(load), random_(seed), round_(round) {
    for (int api = 0; api < load.cluster_.apis(); ++api) {
      clients_.push_back(std::make_unique<testing::Client>(load.cluster_.rpc_address(api)));
    }
  }

  void Run() {
    while (!load_.stopping_) {
      const int dice = static_cast<int>(random_() % 100);
      if (dice < 50) {
        Upload();
      } else if (dice < 68) {
        Update();
      } else if (dice < 76) {
        Delete();
      } else if (dice < 92) {
        Search();
      } else {
        View();
      }
    }
  }

 private:
  testing::Client& AnyApi() { return *clients_[random_() % clients_.size()]; }
  std::string AnyGateway() {
    return load_.cluster_.gateway(static_cast<int>(random_() % clients_.size()));
  }

  void Excuse(const char* what, const absl::Status& status) {
    if (!IsExcused(status)) load_.Complain(std::string(what) + ": " + status.ToString());
    absl::SleepFor(absl::Milliseconds(30));  // a client's pause between tries
  }

  void Upload() {
    // Some of the bytes come again and again, so that uploads meet deletions and one another. Some
    // uploads are repeated under a key until they are answered: that must make one image, too.
    const bool again = random_() % 5 == 0;
    const bool keyed = !again && random_() % 3 == 0;
    std::string bytes = testing::MakePng(
        40, 30, again ? static_cast<uint32_t>(random_() % kRepeated) : load_.Unique());
    const bool good = random_() % 12 != 0;
    if (!good) bytes.resize(bytes.size() / 2);
    const std::string digest = Digest::Of(bytes).hex();
    v1::UploadHeader header;
    header.set_title("t" + std::to_string(load_.Unique()));
    header.set_allow_duplicate(keyed);
    load_.ledger_.Sending(digest, header.title());
    const std::string key = keyed ? header.title() : "";
    absl::StatusOr<v1::UploadImageResponse> answer = AnyApi().Upload(bytes, header, kPatience, key);
    for (int tries = 1; keyed && tries < 5 && !answer.ok() && !load_.stopping_; ++tries) {
      Excuse("keyed upload", answer.status());
      answer = AnyApi().Upload(bytes, header, kPatience, key);
    }
    if (!answer.ok()) {
      load_.ledger_.OutcomeUnknown();
      return Excuse("upload", answer.status());
    }
    if (answer->image().sha256() != digest) {
      load_.Complain("an upload was answered with other bytes: " + answer->image().id());
    }
    load_.ledger_.Uploaded(answer->image().id(), digest, header.title(), answer->deduplicated(),
                           good, round_);
    position_ = std::max(position_, answer->feed_position());
  }

  void Update() {
    const std::string id = load_.ledger_.Borrow(random_);
    if (id.empty()) return;
    v1::UpdateImageRequest request;
    request.mutable_image()->set_id(id);
    request.mutable_image()->set_title("u" + std::to_string(load_.Unique()));
    request.mutable_update_mask()->add_paths("title");
    load_.ledger_.TitleSent(id, request.image().title());
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    v1::Image image;
    const absl::Status status =
        rpc::FromGrpc(AnyApi().images().UpdateImage(&context, request, &image));
    if (status.ok()) {
      load_.ledger_.TitleAcknowledged(id, request.image().title());
      position_ = std::max(position_, image.feed_position());
    } else {
      Excuse("update", status);
    }
    load_.ledger_.GiveBack(id);
  }

  void Delete() {
    const std::string id = load_.ledger_.Borrow(random_);
    if (id.empty()) return;
    v1::DeleteImageRequest request;
    request.set_id(id);
    load_.ledger_.DeleteSent(id);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    v1::DeleteImageResponse response;
    const absl::Status status =
        rpc::FromGrpc(AnyApi().images().DeleteImage(&context, request, &response));
    if (status.ok()) {
      load_.ledger_.DeleteAcknowledged(id);
      position_ = std::max(position_, response.feed_position());
    } else {
      Excuse("delete", status);
    }
    load_.ledger_.GiveBack(id);
  }

  // Reads its own writes, on whatever api.
  void Search() {
    v1::SearchImagesRequest request;
    request.set_page_size(20);
    request.set_at_least_position(position_);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    v1::SearchImagesResponse response;
    const absl::Status status =
        rpc::FromGrpc(AnyApi().search().SearchImages(&context, request, &response));
    if (!status.ok()) {
      Excuse("search", status);
    } else if (response.feed_position() < position_) {
      load_.Complain("a search did not wait for position " + std::to_string(position_));
    }
  }

  void View() {
    const std::string id = load_.ledger_.Borrow(random_);
    if (id.empty()) return;
    load_.ledger_.GiveBack(id);
    testing::Curl("--max-time 5 -o /dev/null " + AnyGateway() + "/i/" + id + "/thumb-150.png");
  }

  Load& load_;
  std::mt19937 random_;
  const int round_;
  std::vector<std::unique_ptr<testing::Client>> clients_;
  int64_t position_ = 0;
};

void Load::Start(int threads, uint32_t seed, int round) {
  stopping_ = false;
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back(
        [this, seed, i, round] { Actor(*this, seed + static_cast<uint32_t>(i), round).Run(); });
  }
}

void Load::Stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Load::Complain(const std::string& what) {
  MutexLock lock(mu_);
  if (complaints_.size() < 100) complaints_.push_back(what);
}

std::vector<std::string> Load::complaints() const {
  MutexLock lock(mu_);
  return complaints_;
}

}  // namespace stockroom::chaos
