#include "tests/power/load.h"

#include <fstream>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "services/common/base/ids.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "tests/support/cluster.h"

namespace stockroom::power {
namespace {

constexpr int64_t kMostBytes = 1 << 20;
constexpr absl::Duration kPatience = absl::Seconds(20);

Digest DigestOf(uint64_t number) { return Digest::Of(BytesOf(number)); }

RenditionAddress RenditionOf(uint64_t number) {
  return {.original = DigestOf(number), .key = std::string(31, 'a') + "0"};
}

// Ended calls are how a dead server looks from here.
bool IsDeath(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsCancelled(status) ||
         absl::IsDeadlineExceeded(status);
}

// PUT to the URL that the ticket names; true if it was answered with success.
bool Send(const IncomingTicket& ticket, const std::string& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
  std::string arguments = "-X PUT --max-time 20 --data-binary @" + file;
  for (const auto& [name, value] : ticket.put_headers) {
    absl::StrAppend(&arguments, " -H '", name, ": ", value, "'");
  }
  const int status = testing::Curl(arguments + " '" + ticket.put_url + "'").status;
  return status >= 200 && status < 300;
}

class Actor {
 public:
  Actor(const Clients& clients, Promises& promises, uint64_t seed)
      : clients_(clients), client_(clients.blobs), promises_(promises), dice_(seed) {}

  // False: it is dead, or said something that it must not say.
  bool Act() {
    const uint64_t what = dice_() % 20;
    if (what < 14) return Put();
    if (what < 15) return PutDirectly();
    if (what < 17) return Render();
    if (what < 19) return Look();
    return Delete();
  }
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  CallContext Context() const { return CallContext::WithTimeout(kPatience); }

  bool Went(const char* what, const absl::Status& status) {
    if (!status.ok() && !IsDeath(status))
      complaints_.push_back(absl::StrCat(what, ": ", status.ToString()));
    return status.ok();
  }
  bool Put() {
    const uint64_t number = promises_.Choose(dice_());
    const std::string bytes = BytesOf(number);
    const auto stored = WriteBlob(client_, Context(), bytes);
    if (!Went("put", stored.status())) return false;
    if (stored->info.sha256 != Digest::Of(bytes)) {
      complaints_.push_back(absl::StrCat("put of ", number, " answered with another digest"));
    }
    promises_.Stored(number);
    return true;
  }
  bool PutDirectly() {
    const uint64_t number = promises_.Choose(0);
    const std::string bytes = BytesOf(number);
    const std::string id = NewUuidV7(absl::Now());
    const auto ticket = CreateIncoming(clients_.incomings, Context(),
                                       {.id = id,
                                        .size = static_cast<int64_t>(bytes.size()),
                                        .content_type = "",
                                        .sha256 = std::nullopt,
                                        .md5 = "",
                                        .crc32c = std::nullopt,
                                        .expires = absl::Now() + absl::Hours(1)});
    if (!Went("create incoming", ticket.status())) return false;
    if (!Send(*ticket, clients_.folder + "/" + id, bytes)) return false;
    promises_.Arrived(id, number);
    // The other half is completed after the cut.
    if (dice_() % 2 == 0) return true;
    const auto blob = CompleteIncoming(clients_.incomings, Context(), id);
    if (!Went("complete incoming", blob.status())) return false;
    promises_.Completed(id);
    return true;
  }
  bool Render() {
    const uint64_t number = promises_.Fresh();
    return Went("put rendition",
                WriteRendition(client_, Context(), RenditionOf(number), BytesOf(number + 1'000'000))
                    .status());
  }
  bool Look() {
    const std::set<uint64_t> all = promises_.stored();
    if (all.empty()) return true;
    const uint64_t number = *std::next(all.begin(), static_cast<long>(dice_() % all.size()));
    const auto read = ReadBlob(client_, Context(), DigestOf(number), kMostBytes);
    // Another actor may have begun to delete it.
    if (absl::IsNotFound(read.status()) && !promises_.stored().contains(number)) return true;
    return Went("get", read.status());
  }
  bool Delete() {
    const std::optional<uint64_t> number = promises_.TakeToDelete(dice_());
    if (!number) return true;
    const Digest digest = DigestOf(*number);
    ListBlobsOptions options{
        .untouched_for = absl::ZeroDuration(), .cursor = "", .page_size = 1000};
    for (;;) {
      const auto page = ListBlobs(client_, Context(), options);
      // All actors list at once: not more than the server takes.
      if (DetailsOf(page.status()).reason == "OVERLOADED") return true;
      if (!Went("list", page.status())) return false;
      for (const ListedBlob& blob : page->blobs) {
        if (blob.sha256 != digest) continue;
        const auto deleted = DeleteBlobIfUntouched(client_, Context(), blob);
        if (!Went("delete", deleted.status())) return false;
        if (*deleted) promises_.Deleted(*number);
        return true;
      }
      if (page->next_cursor.empty()) return true;
      options.cursor = page->next_cursor;
    }
  }

  const Clients& clients_;
  BlobClient& client_;
  Promises& promises_;
  std::mt19937_64 dice_;
  std::vector<std::string> complaints_;
};

}  // namespace

std::string BytesOf(uint64_t number) {
  std::mt19937_64 dice(number);
  // Mostly about as large as a thumbnail's or a small photograph's; some of several pieces.
  const uint64_t size = dice() % 8 == 0 ? dice() % 700'000 : dice() % 40'000;
  std::string bytes(1 + size, '\0');
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t word = dice();
    for (size_t j = i; j < std::min(i + 8, bytes.size()); ++j) {
      bytes[j] = static_cast<char>(word >> (8 * (j - i)));
    }
  }
  return bytes;
}

uint64_t Promises::Fresh() {
  MutexLock lock(mu_);
  return ++last_;
}

uint64_t Promises::Choose(uint64_t dice) {
  MutexLock lock(mu_);
  uint64_t number = 0;
  if (dice % 5 == 1 && last_ > 0) number = 1 + dice / 5 % last_;
  if (number == 0 || doomed_.contains(number) || deleted_.contains(number)) number = ++last_;
  on_its_way_.insert(number);
  return number;
}

void Promises::Stored(uint64_t number) {
  MutexLock lock(mu_);
  on_its_way_.extract(number);
  stored_.insert(number);
}

std::optional<uint64_t> Promises::TakeToDelete(uint64_t dice) {
  MutexLock lock(mu_);
  if (stored_.empty()) return std::nullopt;
  const auto it = std::next(stored_.begin(), static_cast<long>(dice % stored_.size()));
  const uint64_t number = *it;
  if (on_its_way_.contains(number)) return std::nullopt;
  stored_.erase(it);
  doomed_.insert(number);
  return number;
}

void Promises::Deleted(uint64_t number) {
  MutexLock lock(mu_);
  doomed_.erase(number);
  deleted_.insert(number);
}

void Promises::Arrived(const std::string& id, uint64_t number) {
  MutexLock lock(mu_);
  arrived_[id] = number;
}

void Promises::Completed(const std::string& id) {
  MutexLock lock(mu_);
  const uint64_t number = arrived_.at(id);
  on_its_way_.extract(number);
  stored_.insert(number);
  arrived_.erase(id);
}

std::map<std::string, uint64_t> Promises::arrived() const {
  MutexLock lock(mu_);
  return arrived_;
}

std::set<uint64_t> Promises::stored() const {
  MutexLock lock(mu_);
  return stored_;
}

std::set<uint64_t> Promises::deleted() const {
  MutexLock lock(mu_);
  return deleted_;
}

std::vector<std::string> RunLoad(const Clients& clients, Promises& promises, int threads, int most,
                                 uint64_t seed) {
  std::vector<std::vector<std::string>> complaints(static_cast<size_t>(threads));
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      Actor actor(clients, promises, seed + static_cast<uint64_t>(i));
      for (int done = 0; done < most && actor.Act(); ++done) {
      }
      complaints[static_cast<size_t>(i)] = actor.complaints();
    });
  }
  for (std::thread& thread : running) thread.join();
  std::vector<std::string> all;
  for (const auto& some : complaints) all.insert(all.end(), some.begin(), some.end());
  return all;
}

std::vector<std::string> Audit(const Clients& clients, Promises& promises, int64_t& looked_at) {
  BlobClient& client = clients.blobs;
  std::vector<std::string> findings;
  const auto context = [] { return CallContext::WithTimeout(kPatience); };
  for (const auto& [id, number] : promises.arrived()) {
    ++looked_at;
    const auto blob = CompleteIncoming(clients.incomings, context(), id);
    if (blob.ok()) {
      promises.Completed(id);  // looked at below
    } else {
      findings.push_back(absl::StrCat("direct upload ", id, " of ", number,
                                      " had arrived: ", blob.status().ToString()));
    }
  }
  for (const uint64_t number : promises.stored()) {
    ++looked_at;
    const auto read = ReadBlob(client, context(), DigestOf(number), kMostBytes);
    if (!read.ok()) {
      findings.push_back(
          absl::StrCat("blob ", number, " was acknowledged: ", read.status().ToString()));
    } else if (*read != BytesOf(number)) {
      findings.push_back(absl::StrCat("blob ", number, " has other bytes"));
    }
    const auto rendition = ReadRendition(client, context(), RenditionOf(number));
    if (rendition.ok() && *rendition != BytesOf(number + 1'000'000)) {
      findings.push_back(absl::StrCat("the rendition of ", number, " has other bytes"));
    }
    if (!rendition.ok() && !absl::IsNotFound(rendition.status()) &&
        !absl::IsDataLoss(rendition.status())) {
      findings.push_back(
          absl::StrCat("the rendition of ", number, ": ", rendition.status().ToString()));
    }
  }
  for (const uint64_t number : promises.deleted()) {
    ++looked_at;
    if (ReadBlob(client, context(), DigestOf(number), kMostBytes).ok()) {
      findings.push_back(absl::StrCat("blob ", number, " was deleted and is back"));
    }
  }
  return findings;
}

}  // namespace stockroom::power
