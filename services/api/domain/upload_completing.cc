// DirectUploads: completing one, which takes no thread while the file server reads and hashes.
#include <memory>
#include <utility>

#include "services/api/domain/await_processed.h"
#include "services/api/domain/direct_uploads.h"
#include "services/api/domain/upload_rules.h"
#include "services/common/base/status.h"

namespace stockroom::api {

struct DirectUploads::Completion : std::enable_shared_from_this<Completion> {
  Completion(DirectUploads& u, const CallContext& c, const Principal& w, CompleteRequest r,
             absl::AnyInvocable<void(absl::StatusOr<CreatedImage>)> d)
      : uploads(u), context(c), who(w), request(std::move(r)), done(std::move(d)) {}
  ~Completion() { LeavePlace(); }

  void LeavePlace() {
    if (!std::exchange(left_place, true)) {
      uploads.completing_gauge_.Set(--uploads.completing_);
    }
  }

  void Begin() {
    const absl::Status queued =
        uploads.executor_.Submit([self = shared_from_this()] { self->Look(); });
    if (!queued.ok()) Answer(queued);
  }

  // On the executor.
  void Look() {
    const absl::StatusOr<DirectUpload> found = uploads.Find(who, request.id);
    if (!found.ok()) return Answer(found.status());
    upload = *found;
    // Also if it has expired: what arrived in time is not lost.
    if (upload.state != UploadState::kOpen) return AnswerEnded(uploads.finisher_.EndedAs(upload));
    Ask();
  }

  void Ask() {
    CallContext call = context;
    call.deadline = std::min(call.deadline, absl::Now() + CompletionTime(upload.size_bytes));
    uploads.incoming_.Complete(
        call, upload.id,
        [self = shared_from_this(), put = BootTimeNow()](absl::StatusOr<IncomingBlob> blob) {
          const bool queued = self->uploads.executor_.SubmitAdmitted(
              [self, put, blob = std::move(blob)]() mutable { self->Admit(put, std::move(blob)); });
          if (!queued) self->Answer(Unavailable("SHUTTING_DOWN", "the api is shutting down"));
        });
  }

  // On the executor. Only reached once the bytes are durable, or refused.
  void Admit(absl::Duration put, absl::StatusOr<IncomingBlob> blob) {
    absl::StatusOr<CreatedImage> created =
        uploads.finisher_.Admit(context, upload, put, std::move(blob));
    const bool over = created.ok() || IsUploadFailure(DetailsOf(created.status()).reason);
    AnswerEnded(std::move(created));
    // After the answer: what is left undone here, the reconciler does.
    if (over) uploads.finisher_.CleanUp(context, upload.id).IgnoreError();
  }

  void AnswerEnded(absl::StatusOr<CreatedImage> created) {
    if (!created.ok() || !request.wait) return Answer(std::move(created));
    if (IsProcessed(created->image)) return AnswerProcessed(std::move(created));
    // Takes neither a thread nor a place: workers may be away for long.
    LeavePlace();
    AwaitProcessed(uploads.store_, uploads.completions_, uploads.executor_, context,
                   *std::move(created), request.wait_timeout,
                   [self = shared_from_this()](absl::StatusOr<CreatedImage> current) {
                     self->AnswerProcessed(std::move(current));
                   });
  }

  void AnswerProcessed(absl::StatusOr<CreatedImage> current) {
    if (current.ok() && current->image.state == ImageState::kFailed) {
      return Answer(ProcessingFailed(current->image.id, current->image.failure_reason));
    }
    Answer(std::move(current));
  }

  // One step follows the other, so there is one answer.
  void Answer(absl::StatusOr<CreatedImage> result) {
    LeavePlace();
    if (done) std::exchange(done, nullptr)(std::move(result));
  }

  DirectUploads& uploads;
  const CallContext context;
  const Principal who;
  const CompleteRequest request;
  absl::AnyInvocable<void(absl::StatusOr<CreatedImage>)> done;
  bool left_place = false;
  DirectUpload upload;
};

void DirectUploads::Complete(const CallContext& context, const Principal& who,
                             CompleteRequest request,
                             absl::AnyInvocable<void(absl::StatusOr<CreatedImage>)> done) {
  const int running = ++completing_;
  completing_gauge_.Set(running);
  if (running > options_.max_completing) {
    completing_gauge_.Set(--completing_);
    return done(Overloaded("too many uploads are being completed; try again shortly",
                           absl::Milliseconds(500)));
  }
  std::make_shared<Completion>(*this, context, who, std::move(request), std::move(done))->Begin();
}

}  // namespace stockroom::api
