#include "services/common/blobs/memory_incoming_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/blobs/blocking.h"

namespace stockroom {
namespace {

constexpr size_t kHeadBytes = 4096;

absl::Status CheckId(std::string_view id) {
  const bool clean = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
  });
  if (!clean || id.empty() || id.size() > 64) {
    return InvalidField("id", "must be 1 to 64 characters of 0-9, a-z and dash");
  }
  return absl::OkStatus();
}

absl::Status CheckSpec(const IncomingSpec& spec, int64_t max_bytes) {
  SR_RETURN_IF_ERROR(CheckId(spec.id));
  if (spec.size < 1) return InvalidField("size", "must be at least 1");
  if (!spec.md5.empty() && spec.md5.size() != 16) return InvalidField("md5", "must have 16 bytes");
  if (spec.size > max_bytes) {
    return MakeStatus(absl::StatusCode::kOutOfRange,
                      absl::StrCat("more than the ", max_bytes, " bytes that are allowed"),
                      {.reason = "TOO_LARGE", .metadata = {{"limit", absl::StrCat(max_bytes)}}});
  }
  return absl::OkStatus();
}

bool Same(const IncomingSpec& a, const IncomingSpec& b) {
  return a.size == b.size && a.content_type == b.content_type && a.sha256 == b.sha256 &&
         a.md5 == b.md5 && a.crc32c == b.crc32c &&
         absl::ToUnixMillis(a.expires) == absl::ToUnixMillis(b.expires);
}

absl::Status NoSuchIncoming(const std::string& id) {
  return NotFound("INCOMING_NOT_FOUND", "there is no incoming " + id);
}

bool HasWhatWasAnnounced(const IncomingSpec& spec, const std::string& bytes) {
  StreamHasher hasher(StreamHasher::Md5::kYes);
  hasher.Update(bytes);
  const Digest sha256 = hasher.FinishSha256();
  return (!spec.sha256 || *spec.sha256 == sha256) &&
         (spec.md5.empty() || spec.md5 == hasher.FinishMd5()) &&
         (!spec.crc32c || *spec.crc32c == Crc32c(bytes));
}

}  // namespace

void MemoryIncomingClient::Create(const CallContext& context, IncomingSpec spec,
                                  absl::AnyInvocable<void(absl::StatusOr<IncomingTicket>)> done) {
  done(DoCreate(context, std::move(spec)));
}
void MemoryIncomingClient::Stat(const CallContext& context, const std::string& id,
                                absl::AnyInvocable<void(absl::StatusOr<IncomingInfo>)> done) {
  done(DoStat(context, id));
}
void MemoryIncomingClient::Complete(const CallContext& context, const std::string& id,
                                    absl::AnyInvocable<void(absl::StatusOr<IncomingBlob>)> done) {
  done(DoComplete(context, id));
}
void MemoryIncomingClient::Remove(const CallContext& context, const std::string& id,
                                  absl::AnyInvocable<void(absl::Status)> done) {
  done(DoRemove(context, id));
}
void MemoryIncomingClient::SignBlobUrl(const CallContext& context, BlobUrlSpec spec,
                                       absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) {
  done(DoSign(context, spec));
}

absl::StatusOr<IncomingTicket> MemoryIncomingClient::DoCreate(const CallContext& context,
                                                              IncomingSpec spec) {
  SR_RETURN_IF_ERROR(context.Check());
  SR_RETURN_IF_ERROR(TakeFault(Call::kCreate));
  SR_RETURN_IF_ERROR(CheckSpec(spec, options_.max_bytes));
  const std::string id = spec.id;
  IncomingTicket ticket{.put_url = "memory:///incoming/" + id,
                        .put_headers = {{"Content-Type", spec.content_type}},
                        .tus_url = "memory:///tus/" + id,
                        .tus_endpoint = "memory:///tus"};
  {
    MutexLock lock(mu_);
    const auto [it, made] = incomings_.try_emplace(id, Incoming{spec, {}});
    if (!made && !Same(it->second.spec, spec)) {
      return MakeStatus(absl::StatusCode::kAlreadyExists,
                        "there is an incoming " + id + " with other values",
                        {.reason = "INCOMING_EXISTS"});
    }
  }
  SR_RETURN_IF_ERROR(TakeLoss(Call::kCreate));
  return ticket;
}

absl::StatusOr<IncomingInfo> MemoryIncomingClient::DoStat(const CallContext& context,
                                                          const std::string& id) {
  SR_RETURN_IF_ERROR(context.Check());
  SR_RETURN_IF_ERROR(TakeFault(Call::kStat));
  SR_RETURN_IF_ERROR(CheckId(id));
  MutexLock lock(mu_);
  SR_ASSIGN_OR_RETURN(const Incoming* incoming, Find(id));
  return IncomingInfo{.offset = static_cast<int64_t>(incoming->bytes.size()),
                      .size = incoming->spec.size,
                      .expires = incoming->spec.expires};
}

absl::StatusOr<IncomingBlob> MemoryIncomingClient::DoComplete(const CallContext& context,
                                                              const std::string& id) {
  SR_RETURN_IF_ERROR(context.Check());
  SR_RETURN_IF_ERROR(TakeFault(Call::kComplete));
  SR_RETURN_IF_ERROR(CheckId(id));
  Incoming incoming;
  {
    MutexLock lock(mu_);
    SR_ASSIGN_OR_RETURN(const Incoming* found, Find(id));
    incoming = *found;
  }
  const auto arrived = static_cast<int64_t>(incoming.bytes.size());
  if (arrived < incoming.spec.size) {
    return MakeStatus(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat(arrived, " of ", incoming.spec.size, " bytes have arrived"),
        {.reason = "INCOMING_INCOMPLETE", .metadata = {{"offset", absl::StrCat(arrived)}}});
  }
  if (!HasWhatWasAnnounced(incoming.spec, incoming.bytes)) {
    return MakeStatus(absl::StatusCode::kDataLoss,
                      "the bytes that arrived are not those that were announced",
                      {.reason = "DIGEST_MISMATCH"});
  }
  IncomingBlob blob;
  SR_ASSIGN_OR_RETURN(blob.blob, WriteBlob(blobs_, context, incoming.bytes));
  blob.head = incoming.bytes.substr(0, kHeadBytes);
  SR_RETURN_IF_ERROR(TakeLoss(Call::kComplete));
  return blob;
}

absl::Status MemoryIncomingClient::DoRemove(const CallContext& context, const std::string& id) {
  SR_RETURN_IF_ERROR(context.Check());
  SR_RETURN_IF_ERROR(TakeFault(Call::kRemove));
  SR_RETURN_IF_ERROR(CheckId(id));
  {
    MutexLock lock(mu_);
    incomings_.erase(id);
  }
  return TakeLoss(Call::kRemove);
}

absl::StatusOr<std::string> MemoryIncomingClient::DoSign(const CallContext& context,
                                                         const BlobUrlSpec& spec) {
  SR_RETURN_IF_ERROR(context.Check());
  SR_RETURN_IF_ERROR(TakeFault(Call::kSignBlobUrl));
  return absl::StrCat("memory:///blobs/", spec.digest.hex(),
                      "?expires=", absl::ToUnixSeconds(spec.expires), "&name=", spec.filename,
                      "&type=", spec.content_type);
}

absl::Status MemoryIncomingClient::Append(const std::string& id, int64_t offset,
                                          std::string_view bytes) {
  MutexLock lock(mu_);
  SR_ASSIGN_OR_RETURN(Incoming * incoming, Find(id));
  if (incoming->spec.expires <= options_.clock->Now()) return NoSuchIncoming(id);
  if (offset != static_cast<int64_t>(incoming->bytes.size())) {
    return absl::FailedPreconditionError("it does not begin where the last ended");
  }
  if (incoming->spec.size - offset < static_cast<int64_t>(bytes.size())) {
    return absl::OutOfRangeError("more bytes than were announced");
  }
  incoming->bytes += bytes;
  return absl::OkStatus();
}

void MemoryIncomingClient::FailNext(Call call, absl::Status error) {
  MutexLock lock(mu_);
  faults_[call].push_back(std::move(error));
}

void MemoryIncomingClient::LoseNextAnswer(Call call) {
  MutexLock lock(mu_);
  ++losses_[call];
}

size_t MemoryIncomingClient::incoming_count() const {
  MutexLock lock(mu_);
  return incomings_.size();
}

absl::StatusOr<MemoryIncomingClient::Incoming*> MemoryIncomingClient::Find(const std::string& id) {
  const auto it = incomings_.find(id);
  if (it == incomings_.end()) return NoSuchIncoming(id);
  if (it->second.spec.expires + options_.keep_expired <= options_.clock->Now()) {
    incomings_.erase(it);
    return NoSuchIncoming(id);
  }
  return &it->second;
}

absl::Status MemoryIncomingClient::TakeFault(Call call) {
  MutexLock lock(mu_);
  std::deque<absl::Status>& faults = faults_[call];
  if (faults.empty()) return absl::OkStatus();
  absl::Status fault = std::move(faults.front());
  faults.pop_front();
  return fault;
}

absl::Status MemoryIncomingClient::TakeLoss(Call call) {
  MutexLock lock(mu_);
  int& left = losses_[call];
  if (left == 0) return absl::OkStatus();
  --left;
  return Unavailable("FILE_SERVER_AWAY", "the answer was lost");
}

}  // namespace stockroom
