#include "tests/chaos/audit.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/time/clock.h"
#include "services/common/base/digest.h"
#include "services/common/rpc/status.h"

namespace stockroom::chaos {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(120);
constexpr size_t kMaxFindings = 50;
// Images of earlier rounds whose bytes are checked again in every round.
constexpr size_t kOldBlobs = 20;
constexpr size_t kNewBlobs = 60;
// In the last audit of a long run.
constexpr size_t kMostBlobs = 3000;

bool IsSettled(const v1::Image& image) {
  return image.state() == v1::READY || image.state() == v1::FAILED;
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
}

}  // namespace

Audit::Audit(testing::Cluster& cluster, const Ledger& ledger, uint32_t seed)
    : cluster_(cluster), ledger_(ledger), random_(seed) {
  for (int api = 0; api < cluster.apis(); ++api) {
    apis_.push_back(std::make_unique<testing::Client>(cluster.rpc_address(api)));
  }
}

void Audit::Find(const std::string& what) {
  if (findings_.size() < kMaxFindings) findings_.push_back(what);
}

std::vector<std::string> Audit::Run(int round, bool everything) {
  findings_.clear();
  if (!Settle()) return findings_;
  const auto listed = apis_[random_() % apis_.size()]->ListAll();
  if (!listed.ok()) {
    Find("the list can not be read: " + listed.status().ToString());
    return findings_;
  }
  std::map<std::string, v1::Image> images;
  for (const v1::Image& image : *listed) {
    if (!images.emplace(image.id(), image).second) Find(image.id() + " is listed twice");
  }
  CheckKnown(images, round, everything);
  CheckUnknown(images);
  CheckFeeds();
  CheckIndexes(images);
  return findings_;
}

// No jobs, nothing unfinished, and every api at the same place of the feed.
bool Audit::Settle() {
  const absl::Time end = absl::Now() + kPatience;
  std::string left;
  while (absl::Now() < end) {
    left.clear();
    std::set<int64_t> positions;
    for (size_t i = 0; i < apis_.size(); ++i) {
      grpc::ClientContext context;
      SetDeadline(context);
      v1::ServerInfo info;
      const grpc::Status status =
          apis_[i]->system().GetServerInfo(&context, v1::GetServerInfoRequest(), &info);
      if (!status.ok()) left = "api " + std::to_string(i) + " says " + status.error_message();
      if (info.jobs_waiting() + info.jobs_running() > 0) {
        left = std::to_string(info.jobs_waiting()) + " jobs wait and " +
               std::to_string(info.jobs_running()) + " run at api " + std::to_string(i);
      }
      positions.insert(info.index_position());
    }
    if (left.empty() && positions.size() > 1) left = "the indexes are at different positions";
    if (left.empty()) {
      const auto images = apis_[0]->ListAll();
      if (!images.ok()) left = images.status().ToString();
      for (const v1::Image& image : images.value_or(std::vector<v1::Image>())) {
        if (!IsSettled(image)) left = image.id() + " is " + v1::State_Name(image.state());
      }
    }
    if (left.empty()) return true;
    absl::SleepFor(absl::Milliseconds(100));
  }
  Find("not settled after " + absl::FormatDuration(kPatience) + ": " + left);
  return false;
}

void Audit::CheckKnown(const std::map<std::string, v1::Image>& images, int round, bool everything) {
  std::vector<std::pair<std::string, std::string>> of_round;
  std::vector<std::pair<std::string, std::string>> of_others;
  for (const auto& [id, known] : ledger_.known()) {
    const auto it = images.find(id);
    if (it == images.end()) {
      if (!known.delete_sent) Find(id + " was acknowledged and is gone");
      continue;
    }
    const v1::Image& image = it->second;
    if (known.delete_acknowledged) Find(id + " was deleted and is there");
    if (image.sha256() != known.sha256) Find(id + " has other bytes than were sent");
    if (image.title() != known.title && !known.maybe_titles.contains(image.title())) {
      Find(id + " has the title " + image.title() + ", not " + known.title);
    }
    if (known.good && image.state() != v1::READY) {
      Find(id + " is " + v1::State_Name(image.state()) + ": " + image.failure_reason());
    }
    if (image.state() == v1::FAILED && image.failure_reason().empty()) {
      Find(id + " has FAILED without a reason");
    }
    (known.round == round ? of_round : of_others).emplace_back(id, known.sha256);
  }
  std::shuffle(of_round.begin(), of_round.end(), random_);
  std::shuffle(of_others.begin(), of_others.end(), random_);
  of_round.resize(std::min(of_round.size(), everything ? kMostBlobs : kNewBlobs));
  of_others.resize(std::min(of_others.size(), everything ? kMostBlobs : kOldBlobs));
  for (const auto& [id, sha256] : of_round) CheckBlob(id, sha256);
  for (const auto& [id, sha256] : of_others) CheckBlob(id, sha256);
}

void Audit::CheckBlob(const std::string& id, const std::string& sha256) {
  const int api = static_cast<int>(random_() % apis_.size());
  const testing::CurlAnswer answer =
      testing::Curl("--max-time 20 " + cluster_.gateway(api) + "/i/" + id + "/original");
  ++blobs_checked_;
  if (answer.status != 200) {
    Find("the bytes of " + id + " are answered with " + std::to_string(answer.status) + ": " +
         answer.body.substr(0, 300));
  } else if (Digest::Of(answer.body).hex() != sha256) {
    Find("the bytes of " + id + " are not those that were sent");
  }
}

void Audit::CheckUnknown(const std::map<std::string, v1::Image>& images) {
  std::map<std::string, std::string> by_digest;
  for (const auto& [id, image] : images) {
    if (!ledger_.WasSent(image.sha256())) Find(id + " has bytes that nobody sent");
    const auto [it, alone] = by_digest.emplace(image.sha256(), id);
    if (!alone) Find(id + " and " + it->second + " have the same bytes");
  }
}

std::vector<v1::Event> Audit::ReadFeed(int api, int64_t end) {
  std::vector<v1::Event> events;
  grpc::ClientContext context;
  SetDeadline(context);
  v1::WatchRequest request;
  request.set_after_position(position_);
  const auto reader = apis_[static_cast<size_t>(api)]->events().Watch(&context, request);
  v1::WatchResponse message;
  int64_t at = position_;
  while (at < end && reader->Read(&message)) {
    events.insert(events.end(), message.events().begin(), message.events().end());
    at = message.position();
  }
  context.TryCancel();
  const grpc::Status status = reader->Finish();
  if (at < end) {
    Find("the feed of api " + std::to_string(api) + " ends at " + std::to_string(at) + ": " +
         status.error_message());
  }
  return events;
}

void Audit::CheckFeeds() {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ServerInfo info;
  if (!apis_[0]->system().GetServerInfo(&context, v1::GetServerInfoRequest(), &info).ok()) {
    return Find("api 0 went away during the audit");
  }
  const int64_t end = info.index_position();
  const std::vector<v1::Event> events = ReadFeed(0, end);
  for (int api = 1; api < cluster_.apis(); ++api) {
    const std::vector<v1::Event> others = ReadFeed(api, end);
    const bool same = std::equal(events.begin(), events.end(), others.begin(), others.end(),
                                 [](const v1::Event& a, const v1::Event& b) {
                                   return a.SerializeAsString() == b.SerializeAsString();
                                 });
    if (!same) Find("the feed of api " + std::to_string(api) + " is not that of api 0");
  }
  for (const v1::Event& event : events) CheckStory(event);
  position_ = end;
}

void Audit::CheckStory(const v1::Event& event) {
  Story& story = stories_[event.image_id()];
  const std::string& id = event.image_id();
  if (story.deleted > 0) Find(id + " has an event after its deletion: " + event.type());
  if (event.type() == "image.created") {
    if (story.revision != 0 || ++story.created > 1) Find(id + " is created in the middle");
  } else if (story.created == 0) {
    Find(id + " begins with " + event.type());
  }
  if (event.revision() <= story.revision) {
    Find(id + " goes from revision " + std::to_string(story.revision) + " to " +
         std::to_string(event.revision()));
  }
  story.revision = event.revision();
  if (event.type() == "image.failed") ++story.failed;
  // An upload of the same bytes has a failed image tried again.
  if (event.type() == "image.ready" && ++story.ready > 1 + story.failed) {
    Find(id + " was made ready twice");
  }
  if (event.type() == "image.deleted") ++story.deleted;
}

void Audit::CheckIndexes(const std::map<std::string, v1::Image>& images) {
  for (size_t api = 0; api < apis_.size(); ++api) {
    const std::string name = "the index of api " + std::to_string(api);
    std::map<std::string, v1::Image> found;
    v1::SearchImagesRequest request;
    request.set_page_size(500);
    do {
      const auto page = apis_[api]->Search(request);
      if (!page.ok()) return Find(name + " can not be searched: " + page.status().ToString());
      for (const v1::Image& image : page->images()) found.emplace(image.id(), image);
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    for (const auto& [id, image] : images) {
      const auto it = found.find(id);
      if (image.state() != v1::READY) {
        if (it != found.end()) Find(name + " shows " + id + ", which is not READY");
      } else if (it == found.end()) {
        Find(name + " lacks " + id);
      } else if (it->second.revision() != image.revision() || it->second.title() != image.title()) {
        Find(name + " has another revision of " + id);
      }
    }
    for (const auto& [id, image] : found) {
      if (!images.contains(id)) Find(name + " shows " + id + ", which is gone");
    }
  }
}

}  // namespace stockroom::chaos
