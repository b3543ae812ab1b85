#include "services/api/domain/upload_reconciler.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "services/api/domain/upload_rules.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"

namespace stockroom::api {

UploadReconciler::UploadReconciler(Options options, UploadFinisher& finisher,
                                   IncomingClient& incoming, MetadataStore& store, Clock& clock,
                                   Metrics& metrics)
    : options_(std::move(options)),
      finisher_(finisher),
      incoming_(incoming),
      store_(store),
      clock_(clock),
      looked_total_(metrics.GetCounter("stockroom_upload_reconciler_looked_total",
                                       "Direct uploads that were looked at.")),
      completed_total_(
          metrics.GetCounter("stockroom_upload_reconciler_completed_total",
                             "Direct uploads that were completed for forgetful clients.")),
      errors_total_(metrics.GetCounter("stockroom_upload_reconciler_errors_total",
                                       "Looks at direct uploads that failed.")),
      last_run_(metrics.GetGauge("stockroom_upload_reconciler_last_run_seconds",
                                 "Unix time of this process's last round that left nothing due.")) {
}

UploadReconciler::~UploadReconciler() { Stop(); }

void UploadReconciler::Start() {
  loop_.Start("uploads", [this] { Run(); });
}

void UploadReconciler::Stop() {
  cancellation_->Cancel();
  loop_.Stop();
}

void UploadReconciler::Run() {
  while (loop_.Sleep(options_.poll)) {
    const absl::StatusOr<Round> round = RunOnce();
    if (!round.ok() && !absl::IsCancelled(round.status())) {
      LogWarning("can not reconcile direct uploads", {{"error", round.status()}});
    }
  }
}

CallContext UploadReconciler::Call(absl::Duration timeout) const {
  CallContext call = CallContext::WithTimeout(timeout);
  call.cancellation = cancellation_;
  return call;
}

absl::StatusOr<UploadReconciler::Round> UploadReconciler::RunOnce() {
  Round round;
  for (;;) {
    SR_ASSIGN_OR_RETURN(round.mine,
                        store_.TakeLease("uploads", options_.holder, clock_.Now(), options_.lease));
    if (!round.mine) return round;
    SR_ASSIGN_OR_RETURN(const std::vector<DirectUpload> due,
                        store_.uploads().DueUploads(clock_.Now(), options_.batch));
    for (const DirectUpload& upload : due) {
      if (cancellation_->cancelled()) return absl::CancelledError("the api stops");
      ++round.looked;
      looked_total_.Add();
      const absl::Status looked = Look(upload, round);
      if (looked.ok()) continue;
      ++round.errors;
      errors_total_.Add();
      LogWarning("can not reconcile a direct upload", {{"upload", upload.id}, {"error", looked}});
      SR_RETURN_IF_ERROR(
          store_.uploads().PostponeUpload(upload.id, NextLook(upload, clock_.Now())));
    }
    if (static_cast<int>(due.size()) < options_.batch) break;
  }
  last_run_.Set(absl::ToUnixSeconds(clock_.Now()));
  return round;
}

absl::Status UploadReconciler::Look(const DirectUpload& upload, Round& round) {
  if (upload.state == UploadState::kOpen) return LookAtOpen(upload, round);
  if (!upload.incoming_gone) return Clean(upload, round);
  const absl::Time until = upload.end_time.value_or(upload.create_time) + options_.keep_ended;
  if (clock_.Now() < until) return store_.uploads().PostponeUpload(upload.id, until);
  SR_RETURN_IF_ERROR(store_.uploads().ForgetUpload(upload.id));
  ++round.forgotten;
  return absl::OkStatus();
}

absl::Status UploadReconciler::LookAtOpen(const DirectUpload& upload, Round& round) {
  const absl::Time now = clock_.Now();
  const absl::StatusOr<IncomingInfo> info =
      StatIncoming(incoming_, Call(options_.call_timeout), upload.id);
  // Its maker died before the file server knew of it: it expires.
  if (!info.ok() && !absl::IsNotFound(info.status())) return info.status();
  if (!info.ok() || info->offset < upload.size_bytes) {
    if (now < LastLook(upload)) {
      return store_.uploads().PostponeUpload(upload.id, NextLook(upload, now));
    }
    SR_ASSIGN_OR_RETURN(const EndedUpload ended, finisher_.End(upload, UploadState::kExpired));
    round.expired += ended.by_this_call ? 1 : 0;
    return Clean(upload, round);
  }
  // Whole, also if it has expired: its sender was told that it arrived.
  const CallContext call = Call(CompletionTime(upload.size_bytes));
  const absl::Duration put = BootTimeNow();
  const absl::StatusOr<CreatedImage> created =
      finisher_.Admit(call, upload, put, CompleteIncoming(incoming_, call, upload.id));
  if (created.ok()) {
    ++round.completed;
    completed_total_.Add();
    return Clean(upload, round);
  }
  return IsUploadFailure(DetailsOf(created.status()).reason) ? Clean(upload, round)
                                                             : created.status();
}

absl::Status UploadReconciler::Clean(const DirectUpload& upload, Round& round) {
  SR_RETURN_IF_ERROR(finisher_.CleanUp(Call(options_.call_timeout), upload.id));
  ++round.cleaned;
  return absl::OkStatus();
}

absl::Time UploadReconciler::LastLook(const DirectUpload& upload) const {
  return upload.expire_time + options_.settle;
}

absl::Time UploadReconciler::NextLook(const DirectUpload& upload, absl::Time now) const {
  const absl::Duration pause = std::min(
      options_.pause * (int64_t{1} << std::min(upload.checks, 16)), options_.longest_pause);
  const absl::Time next = now + pause;
  const absl::Time last = LastLook(upload);
  return upload.state == UploadState::kOpen && now < last ? std::min(next, last) : next;
}

}  // namespace stockroom::api
