#include "services/api/domain/blob_collector.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "services/common/base/backoff.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"

namespace stockroom::api {
namespace {

// A sweep of very many blobs ends some time; the next one begins anew.
constexpr absl::Duration kLongestSweep = absl::Hours(24);

}  // namespace

BlobCollector::BlobCollector(Options options, BlobClient& blobs, MetadataStore& store, Clock& clock,
                             Metrics& metrics)
    : options_(std::move(options)),
      blobs_(blobs),
      store_(store),
      clock_(clock),
      scanned_total_(metrics.GetCounter("stockroom_collector_scanned_total",
                                        "Untouched originals that were looked at.")),
      deleted_total_(metrics.GetCounter("stockroom_collector_deleted_total",
                                        "Originals deleted because nothing refers to them.")),
      freed_bytes_total_(
          metrics.GetCounter("stockroom_collector_freed_bytes_total", "Their bytes.")),
      kept_total_(metrics.GetCounter("stockroom_collector_kept_total",
                                     "Originals that were touched just before their deletion.")),
      errors_total_(metrics.GetCounter("stockroom_collector_errors_total",
                                       "Sweeps and deletions that failed.")),
      last_run_(metrics.GetGauge("stockroom_collector_last_run_seconds",
                                 "Unix time of the last whole sweep by this process.")),
      quiet_(metrics.GetGauge("stockroom_collector_quiet_seconds",
                              "How long the file server still lists nothing after its start.")) {}

BlobCollector::~BlobCollector() { Stop(); }

void BlobCollector::Start() {
  loop_.Start("collector", [this] { Run(); });
}

void BlobCollector::Stop() {
  cancellation_->Cancel();
  loop_.Stop();
}

void BlobCollector::Run() {
  const absl::Duration floor = std::min(absl::Seconds(1), options_.interval);
  Backoff backoff({.floor = floor, .first = absl::Seconds(10), .longest = options_.interval});
  absl::Duration pause = floor;
  while (loop_.Sleep(pause)) {
    CallContext context = CallContext::WithTimeout(kLongestSweep);
    context.cancellation = cancellation_;
    const absl::StatusOr<SweepResult> result = SweepOnce(context);
    if (result.ok()) {
      backoff.Reset();
      pause = options_.interval;
    } else {
      pause = backoff.Next();
      if (!absl::IsCancelled(result.status())) {
        LogWarning("can not collect blobs", {{"error", result.status()}}, context.request_id);
      }
    }
  }
}

absl::StatusOr<BlobCollector::SweepResult> BlobCollector::SweepOnce(const CallContext& context) {
  SweepResult result;
  const absl::Status status = SweepAll(context, result);
  if (result.deleted > 0) {
    LogInfo("blobs collected",
            {{"deleted", result.deleted}, {"bytes", result.freed_bytes}, {"kept", result.kept}},
            context.request_id);
  }
  if (!status.ok()) {
    if (!absl::IsCancelled(status)) errors_total_.Add();
    return status;
  }
  if (result.mine) quiet_.Set(absl::ToInt64Seconds(result.quiet_for));
  if (result.whole) last_run_.Set(absl::ToUnixSeconds(clock_.Now()));
  return result;
}

absl::StatusOr<bool> BlobCollector::TakeLease() {
  return store_.TakeLease("collector", options_.holder, clock_.Now(), options_.lease);
}

CallContext BlobCollector::CallOf(const CallContext& sweep) const {
  CallContext call = sweep;
  call.deadline = std::min(sweep.deadline, absl::Now() + options_.call_timeout);
  return call;
}

absl::Status BlobCollector::SweepAll(const CallContext& context, SweepResult& result) {
  SR_ASSIGN_OR_RETURN(result.mine, TakeLease());
  if (!result.mine) return absl::OkStatus();
  // What stopped the last sweep is passed over once, so that all behind it gets its turn.
  std::string cursor = std::exchange(resume_at_, "");
  const bool from_start = cursor.empty();
  for (;;) {
    SR_RETURN_IF_ERROR(context.Check());
    SR_ASSIGN_OR_RETURN(const BlobPage page, ListBlobs(blobs_, CallOf(context),
                                                       {.untouched_for = options_.grace,
                                                        .cursor = cursor,
                                                        .page_size = options_.page_size}));
    if (page.quiet_for > absl::ZeroDuration()) {
      result.quiet_for = page.quiet_for;
      return absl::OkStatus();
    }
    if (absl::Status swept = SweepPage(context, page, result); !swept.ok()) {
      resume_at_ = page.next_cursor;
      return swept;
    }
    if (page.next_cursor.empty()) break;
    if (page.next_cursor <= cursor) {
      return absl::InternalError("the file server's listing goes round in circles");
    }
    cursor = page.next_cursor;
    SR_ASSIGN_OR_RETURN(const bool still_mine, TakeLease());
    if (!still_mine) return absl::OkStatus();
  }
  result.whole = from_start;
  return absl::OkStatus();
}

absl::Status BlobCollector::SweepPage(const CallContext& context, const BlobPage& page,
                                      SweepResult& result) {
  if (page.blobs.empty()) return absl::OkStatus();
  result.scanned += static_cast<int64_t>(page.blobs.size());
  scanned_total_.Add(page.blobs.size());
  std::vector<Digest> digests;
  for (const ListedBlob& blob : page.blobs) digests.push_back(blob.sha256);
  // After the listing: a row that is committed later belongs to somebody who touches the blob.
  SR_ASSIGN_OR_RETURN(const std::vector<Digest> referenced, store_.ReferencedAmong(digests));
  const std::set<Digest> keep(referenced.begin(), referenced.end());
  for (const ListedBlob& blob : page.blobs) {
    if (!keep.contains(blob.sha256)) SR_RETURN_IF_ERROR(Delete(context, blob, result));
  }
  return absl::OkStatus();
}

absl::Status BlobCollector::Delete(const CallContext& context, const ListedBlob& blob,
                                   SweepResult& result) {
  if (options_.deletes_per_second > 0) {
    if (!loop_.Sleep(absl::Seconds(1 / options_.deletes_per_second))) {
      return absl::CancelledError("the collector stops");
    }
  }
  SR_RETURN_IF_ERROR(context.Check());
  const absl::StatusOr<bool> deleted = DeleteBlobIfUntouched(blobs_, CallOf(context), blob);
  if (!deleted.ok()) {
    SR_RETURN_IF_ERROR(context.Check());
    errors_total_.Add();
    ++result.errors;
    if (++errors_in_a_row_ >= kMaxErrors) {
      errors_in_a_row_ = 0;
      return deleted.status();
    }
    LogWarning("can not delete a blob",
               {{"digest", blob.sha256.hex()}, {"error", deleted.status()}}, context.request_id);
    return absl::OkStatus();
  }
  errors_in_a_row_ = 0;
  if (*deleted) {
    ++result.deleted;
    result.freed_bytes += blob.size;
    deleted_total_.Add();
    freed_bytes_total_.Add(static_cast<uint64_t>(std::max<int64_t>(0, blob.size)));
  } else {
    ++result.kept;
    kept_total_.Add();
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api
