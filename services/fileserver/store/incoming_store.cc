#include "services/fileserver/store/incoming_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/media/sniff.h"
#include "services/fileserver/store/incoming_record.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {
namespace {

constexpr int64_t kHeadBytes = 4 << 10;
constexpr int kListed = 1000;  // at a time

bool IsAccepted(std::string_view head, IncomingStore::Accepts accepts) {
  if (accepts == IncomingStore::Accepts::kAnything) return true;
  const bool svg = accepts == IncomingStore::Accepts::kImagesAndSvg;
  return SniffMedia(head, svg ? SvgPolicy::kAllowed : SvgPolicy::kRefused) != MediaKind::kUnknown;
}

absl::Status NotAnImage() {
  return InvalidArgument("NOT_AN_IMAGE", "the bytes are not an image that Stockroom reads");
}

absl::Status Expired() { return NotFound("INCOMING_EXPIRED", "the upload has expired"); }

absl::Status Unready(std::string_view reason, std::string_view message, int64_t offset) {
  return MakeStatus(
      absl::StatusCode::kFailedPrecondition, message,
      {.reason = std::string(reason), .metadata = {{"offset", absl::StrCat(offset)}}});
}

}  // namespace

IncomingStore::IncomingStore(IncomingBackend& backend, BlobStore& blobs, const Options& options,
                             Metrics& metrics)
    : backend_(backend),
      blobs_(blobs),
      options_(options),
      writing_("incoming append", options.max_writers, metrics),
      completing_("incoming completion", options.max_completions, metrics),
      count_(metrics.GetGauge("stockroom_fileserver_incomings",
                              "Direct uploads that were announced and not removed.")),
      bytes_(metrics.GetCounter("stockroom_fileserver_incoming_bytes_total",
                                "Bytes that came by direct uploads.")),
      completed_(metrics.GetCounter("stockroom_fileserver_incoming_completed_total",
                                    "Direct uploads of which a blob was made.")),
      expired_(metrics.GetCounter("stockroom_fileserver_incoming_expired_total",
                                  "Direct uploads that were removed because they expired.")),
      taken_over_(metrics.GetCounter("stockroom_fileserver_incoming_taken_over_total",
                                     "Silent requests that another one superseded.")) {}

absl::Status IncomingStore::Start() {
  // A store that is away for now is looked through later.
  if (absl::Status found = FindAll(); !found.ok()) {
    if (!absl::IsUnavailable(found) && !absl::IsDeadlineExceeded(found)) return found;
    LogWarning("direct uploads can not be listed yet", {{"error", found}});
  }
  loop_.Start("incoming", [this] {
    do {
      if (absl::Status found = FindAll(); !found.ok()) {
        LogWarning("direct uploads can not be listed", {{"error", found}});
      }
      RemoveExpired();
    } while (loop_.Sleep(options_.expire_every));
  });
  return absl::OkStatus();
}

// ---- creating, looking ----

absl::Status IncomingStore::Create(const IncomingSpec& spec) {
  SR_RETURN_IF_ERROR(CheckIncomingSpec(spec));
  if (spec.size > options_.max_bytes) {
    return MakeStatus(
        absl::StatusCode::kOutOfRange,
        absl::StrCat("more than the ", options_.max_bytes, " bytes that are allowed"),
        {.reason = "TOO_LARGE", .metadata = {{"limit", absl::StrCat(options_.max_bytes)}}});
  }
  const absl::Time now = options_.clock->Now();
  if (spec.expires <= now || spec.expires > now + options_.max_lifetime) {
    return InvalidField("expires_unix_ms", "must be in the future, by at most " +
                                               absl::FormatDuration(options_.max_lifetime) +
                                               " (incoming.max_lifetime of the file server)");
  }
  absl::Status created = CreateOnce(spec);
  if (!absl::IsAlreadyExists(created)) return created;
  SR_ASSIGN_OR_RETURN(const Opened there, OpenAny(spec.id));
  if (SameIncoming(there.spec, spec)) return absl::OkStatus();
  if (!HasExpired(there.spec.expires)) {
    return MakeStatus(absl::StatusCode::kAlreadyExists,
                      "there is an upload " + spec.id + " with other values",
                      {.reason = "INCOMING_EXISTS"});
  }
  MutexLock lock(ending_);
  SR_RETURN_IF_ERROR(Remove(spec.id));
  return CreateOnce(spec);
}

absl::Status IncomingStore::CreateOnce(const IncomingSpec& spec) {
  SR_RETURN_IF_ERROR(Know(spec.id, GoneAt(spec)));
  const absl::Status created = backend_.CreateIncoming(spec.id, EncodeIncomingRecord(spec));
  if (!created.ok() && !absl::IsAlreadyExists(created)) Forget(spec.id);
  return created;
}

absl::StatusOr<IncomingStore::Opened> IncomingStore::OpenAny(const std::string& id) {
  SR_RETURN_IF_ERROR(CheckIncomingId(id));
  Opened opened;
  SR_ASSIGN_OR_RETURN(opened.source, backend_.OpenIncoming(id));
  SR_ASSIGN_OR_RETURN(opened.spec, DecodeIncomingRecord(id, opened.source->record()));
  return opened;
}

absl::StatusOr<IncomingStore::Opened> IncomingStore::Open(const std::string& id) {
  SR_ASSIGN_OR_RETURN(Opened opened, OpenAny(id));
  if (HasExpired(GoneAt(opened.spec))) return Expired();
  return opened;
}

absl::StatusOr<IncomingStore::State> IncomingStore::StatToGoOn(const std::string& id) {
  EndSilentWriter(id);
  return Stat(id);
}

absl::StatusOr<IncomingStore::State> IncomingStore::Stat(const std::string& id) {
  SR_ASSIGN_OR_RETURN(Opened opened, Open(id));
  return State{.spec = std::move(opened.spec),
               .offset = opened.source->size(),
               .complete = !opened.source->note().empty()};
}

absl::Status IncomingStore::Remove(const std::string& id) {
  SR_RETURN_IF_ERROR(CheckIncomingId(id));
  EndSilentWriter(id);
  SR_RETURN_IF_ERROR(backend_.RemoveIncoming(id));
  Forget(id);
  return absl::OkStatus();
}

// ---- bytes ----

absl::StatusOr<IncomingStore::Opened> IncomingStore::OpenToWrite(const std::string& id) {
  EndSilentWriter(id);
  SR_ASSIGN_OR_RETURN(Opened opened, Open(id));
  if (HasExpired(opened.spec.expires)) return Expired();
  if (opened.source->note().empty()) return opened;
  return Unready("INCOMING_COMPLETE", "the upload is complete", opened.source->size());
}

absl::StatusOr<std::shared_ptr<IncomingWriter>> IncomingStore::Append(
    const std::string& id, const AppendOptions& options) {
  SR_ASSIGN_OR_RETURN(Slots::Slot slot, writing_.Take());
  SR_ASSIGN_OR_RETURN(Opened opened, OpenToWrite(id));
  if (options.offset < 0) return InvalidField("offset", "must not be negative");
  absl::StatusOr<std::unique_ptr<IncomingSink>> sink = backend_.AppendIncoming(id, options.offset);
  if (!sink.ok()) return sink.status();
  if (options.length && *options.length > opened.spec.size - options.offset) {
    return MakeStatus(
        absl::StatusCode::kOutOfRange,
        absl::StrCat("more than the ", opened.spec.size, " bytes that were announced"),
        {.reason = "INCOMING_TOO_LARGE", .metadata = {{"limit", absl::StrCat(opened.spec.size)}}});
  }
  IncomingWriter::Plan plan{
      .spec = std::move(opened.spec), .offset = options.offset, .checksum = options.checksum};
  return Begin(std::move(plan), *std::move(sink), std::move(slot));
}

absl::StatusOr<std::shared_ptr<IncomingWriter>> IncomingStore::Replace(const IncomingSpec& spec) {
  SR_ASSIGN_OR_RETURN(Slots::Slot slot, writing_.Take());
  SR_ASSIGN_OR_RETURN(const Opened opened, OpenToWrite(spec.id));
  // It was acknowledged, so a client that sends it once more and breaks off must not take it back.
  if (opened.source->size() == opened.spec.size) {
    return Unready("INCOMING_COMPLETE",
                   "all of it has arrived; complete the upload, or remove it and begin another",
                   opened.source->size());
  }
  SR_ASSIGN_OR_RETURN(std::unique_ptr<IncomingSink> sink,
                      backend_.AppendIncoming(spec.id, opened.source->size()));
  SR_RETURN_IF_ERROR(sink->Truncate(0));
  IncomingWriter::Plan plan{.spec = spec, .whole = true};
  return Begin(std::move(plan), std::move(sink), std::move(slot));
}

absl::StatusOr<std::shared_ptr<IncomingWriter>> IncomingStore::Begin(
    IncomingWriter::Plan plan, std::unique_ptr<IncomingSink> sink, Slots::Slot slot) {
  plan.sync_bytes = options_.sync_bytes;
  plan.sync_interval = options_.sync_interval;
  const std::string id = plan.spec.id;
  auto writer = std::make_shared<IncomingWriter>(std::move(plan), std::move(sink), std::move(slot),
                                                 *options_.clock, options_.steady, bytes_);
  MutexLock lock(mu_);
  std::erase_if(writers_, [](const auto& entry) { return entry.second.expired(); });
  writers_[id] = writer;
  return writer;
}

void IncomingStore::EndSilentWriter(const std::string& id) {
  std::shared_ptr<IncomingWriter> writer;
  {
    MutexLock lock(mu_);
    const auto it = writers_.find(id);
    if (it != writers_.end()) writer = it->second.lock();
  }
  if (writer != nullptr && writer->EndIfSilent(options_.silence)) taken_over_.Add();
}

// ---- completing ----

absl::StatusOr<IncomingBlob> IncomingStore::Complete(const CallContext& context,
                                                     const std::string& id, Accepts accepts) {
  SR_ASSIGN_OR_RETURN(const Slots::Slot slot, completing_.Take());
  SR_ASSIGN_OR_RETURN(const Opened opened, Open(id));
  const int64_t arrived = opened.source->size();
  if (arrived < opened.spec.size) {
    return Unready("INCOMING_INCOMPLETE",
                   absl::StrCat(arrived, " of ", opened.spec.size, " bytes have arrived"), arrived);
  }
  // Nobody may write or complete it meanwhile, here or in another process. S3 has no locks: there
  // this one counts for as long as a writer may be silent, and making a large blob takes longer.
  // That costs work and no bytes. All of it has arrived, so nobody begins anew; what is read has
  // the ETags of one look at it, so nobody reads a mixture; another replica that completes it too
  // makes the same blob, which is called by its bytes; and one that removes it makes the next read
  // fail.
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<IncomingSink> lock,
                      backend_.AppendIncoming(id, arrived));
  SR_ASSIGN_OR_RETURN(std::optional<IncomingBlob> before, MadeBefore(opened));
  if (before) return *std::move(before);
  IncomingBlob made;
  SR_ASSIGN_OR_RETURN(made.blob, MakeBlob(context, opened, accepts, &made.head));
  SR_RETURN_IF_ERROR(backend_.NoteIncoming(id, EncodeIncomingNote(made.blob.info.sha256)));
  completed_.Add();
  return made;
}

// Touched, so that no collector takes it before the caller has committed a row.
absl::StatusOr<std::optional<IncomingBlob>> IncomingStore::MadeBefore(const Opened& opened) {
  const std::string note = opened.source->note();
  if (note.empty()) return std::optional<IncomingBlob>();
  SR_ASSIGN_OR_RETURN(const Digest digest, DecodeIncomingNote(note));
  const absl::Status touched = blobs_.Touch(digest);
  // It was collected, long after; its bytes are still here.
  if (absl::IsNotFound(touched)) return std::optional<IncomingBlob>();
  if (!touched.ok()) return touched;
  IncomingBlob blob;
  blob.blob.existed = true;
  SR_ASSIGN_OR_RETURN(blob.blob.info, blobs_.Stat(digest));
  blob.head.resize(static_cast<size_t>(std::min(kHeadBytes, opened.spec.size)));
  SR_RETURN_IF_ERROR(opened.source->ReadAt(0, blob.head.data(), blob.head.size()));
  return blob;
}

absl::StatusOr<StoredBlob> IncomingStore::MakeBlob(const CallContext& context, const Opened& opened,
                                                   Accepts accepts, std::string* head) {
  const IncomingSpec& spec = opened.spec;
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<BlobUpload> upload,
                      blobs_.Put({.max_bytes = spec.size, .expected_sha256 = spec.sha256}));
  StreamHasher hasher(spec.md5.empty() ? StreamHasher::Md5::kNo : StreamHasher::Md5::kYes);
  uint32_t crc = 0;
  bool accepted = false;
  std::string piece;
  for (int64_t position = 0; position < spec.size;) {
    SR_RETURN_IF_ERROR(context.Check());
    piece.resize(static_cast<size_t>(std::min(kChunkBytes, spec.size - position)));
    SR_RETURN_IF_ERROR(opened.source->ReadAt(position, piece.data(), piece.size()));
    if (position == 0) {
      *head = piece.substr(0, kHeadBytes);
      accepted = IsAccepted(*head, accepts);
    }
    if (!spec.md5.empty()) hasher.Update(piece);
    crc = Crc32c(piece, crc);
    // What is not is only read on, to learn whose fault that is.
    if (accepted) SR_RETURN_IF_ERROR(upload->Append(piece));
    position += static_cast<int64_t>(piece.size());
  }
  // What we have spoilt ourselves first: it is no fault of the sender.
  if (opened.source->crc32c().value_or(crc) != crc) {
    return MakeStatus(absl::StatusCode::kDataLoss,
                      "the bytes of the upload were damaged after they had arrived",
                      {.reason = "INCOMING_DAMAGED"});
  }
  IncomingSpec rest = spec;
  rest.sha256.reset();  // the upload's business
  SR_RETURN_IF_ERROR(
      CheckAnnounced(rest, Digest(), spec.md5.empty() ? "" : hasher.FinishMd5(), crc));
  if (!accepted) return NotAnImage();
  return upload->Finish(spec.size);
}

// ---- expiring ----

absl::Status IncomingStore::Know(const std::string& id, absl::Time gone) {
  MutexLock lock(mu_);
  const auto it = known_.find(id);
  if (it != known_.end()) return absl::OkStatus();
  if (static_cast<int64_t>(known_.size()) >= options_.max_count) {
    return MakeStatus(
        absl::StatusCode::kResourceExhausted,
        absl::StrCat("there are ", known_.size(), " direct uploads already (incoming.max_count)"),
        {.reason = "TOO_MANY_INCOMINGS",
         .metadata = {},
         .violations = {},
         .retry_after = absl::Seconds(30)});
  }
  known_[id] = {.gone = gone, .round = round_};
  count_.Set(static_cast<double>(known_.size()));
  return absl::OkStatus();
}

void IncomingStore::Forget(const std::string& id) {
  MutexLock lock(mu_);
  known_.erase(id);
  count_.Set(static_cast<double>(known_.size()));
}

// What other processes have made or removed is found here, too.
absl::Status IncomingStore::FindAll() {
  {
    MutexLock lock(mu_);
    ++round_;
  }
  std::set<std::string> there;
  while (true) {
    SR_ASSIGN_OR_RETURN(const std::vector<std::string> page,
                        backend_.ListIncomings(there.empty() ? "" : *there.rbegin(), kListed));
    there.insert(page.begin(), page.end());
    if (page.empty()) break;
  }
  // What somebody else has put there is nobody's upload.
  std::erase_if(there, [](const std::string& id) { return !CheckIncomingId(id).ok(); });
  MutexLock lock(mu_);
  // One that is being made just now may not be there yet: only what was known for a whole round is
  // forgotten.
  std::erase_if(known_, [&there, round = round_](const auto& entry) {
    return !there.contains(entry.first) && entry.second.round + 1 < round;
  });
  for (const std::string& id : there) known_.try_emplace(id, Known{absl::InfinitePast(), round_});
  count_.Set(static_cast<double>(known_.size()));
  return absl::OkStatus();
}

std::vector<std::string> IncomingStore::PickExpired() {
  std::vector<std::string> ids;
  MutexLock lock(mu_);
  for (const auto& [id, known] : known_) {
    if (HasExpired(known.gone)) ids.push_back(id);
  }
  return ids;
}

int IncomingStore::RemoveExpired() {
  int removed = 0;
  for (const std::string& id : PickExpired()) {
    if (loop_.stopping()) break;
    if (RemoveIfExpired(id)) ++removed;
  }
  expired_.Add(static_cast<uint64_t>(removed));
  return removed;
}

bool IncomingStore::RemoveIfExpired(const std::string& id) {
  // Or what is removed might be another that has just taken its place.
  MutexLock ending(ending_);
  const absl::StatusOr<Opened> opened = OpenAny(id);
  if (opened.ok() && !HasExpired(GoneAt(opened->spec))) {
    MutexLock lock(mu_);
    const auto it = known_.find(id);
    if (it != known_.end()) it->second.gone = GoneAt(opened->spec);
    return false;
  }
  if (absl::IsNotFound(opened.status())) {
    // It was removed, or pieces without a record have come late and would stay for ever. One that
    // is being made may have no record yet.
    MutexLock lock(mu_);
    const auto it = known_.find(id);
    if (it == known_.end() || it->second.round + 1 >= round_) return false;
  } else if (!opened.ok() && !absl::IsDataLoss(opened.status())) {
    return false;
  }
  // What can not be read any more can not be completed either.
  if (absl::IsDataLoss(opened.status())) LogError("a damaged upload is removed", {{"id", id}});
  const absl::Status status = Remove(id);
  if (!status.ok() && !absl::IsAborted(status)) {
    LogWarning("an expired upload can not be removed", {{"id", id}, {"error", status}});
  }
  return status.ok() && !absl::IsNotFound(opened.status());
}

}  // namespace stockroom::fileserver
