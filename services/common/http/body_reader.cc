#include "services/common/http/body_reader.h"

#include <algorithm>

#include "services/common/base/status.h"
#include "services/common/http/problem.h"

namespace stockroom::http {
namespace {

constexpr size_t kPiece = 256 << 10;
// Of a chunked body, whose end is not known: what comes behind it is read along.
constexpr size_t kChunkedPiece = 64 << 10;
constexpr int64_t kCheap = 64 << 10;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

BodyReader::BodyReader(Transport& transport, const RequestHead& head, Options options,
                       CallContext& context)
    : transport_(transport),
      context_(context),
      options_(options),
      patience_(options.body),
      length_(head.chunked ? std::nullopt
                           : std::optional<int64_t>(head.content_length.value_or(0))),
      must_continue_(head.expect_continue) {
  if (head.chunked) {
    decoder_.emplace();
  } else {
    left_ = *length_;
    finished_ = left_ == 0;
  }
  WatchIfFinished();
}

void BodyReader::WatchIfFinished() {
  if (!finished_) return;
  transport_.WatchForClose([cancellation = context_.cancellation] { cancellation->Cancel(); },
                           options_.until_close);
}

absl::Status BodyReader::Fail(absl::Status error) {
  failed_ = error;
  return error;
}

Task<absl::Status> BodyReader::Fill() {
  if (must_continue_) {
    must_continue_ = false;
    Patience patience(options_.answer);
    absl::Status sent = co_await transport_.Write(kContinue, {}, patience);
    if (!sent.ok()) co_return sent;
  }
  const Transport::Clock::time_point begun = Transport::Clock::now();
  const absl::StatusOr<size_t> n = co_await transport_.ReadSome(
      MostToRead(), begun + absl::ToChronoNanoseconds(patience_.left()));
  patience_.Spend(absl::FromChrono(Transport::Clock::now() - begun),
                  static_cast<int64_t>(n.value_or(0)));
  if (n.ok() && *n > 0) co_return absl::OkStatus();
  if (absl::IsDeadlineExceeded(n.status())) {
    co_return MakeError(absl::StatusCode::kDeadlineExceeded, "BODY_TIMEOUT",
                        "the body arrives too slowly");
  }
  context_.cancellation->Cancel();
  co_return MakeError(absl::StatusCode::kCancelled, "CLIENT_GONE",
                      "the connection ended before the body did");
}

size_t BodyReader::MostToRead() const {
  if (decoder_) return kChunkedPiece;
  return static_cast<size_t>(std::min<int64_t>(left_, kPiece));
}

// Moves what the transport has received into `piece`.
absl::Status BodyReader::Take(std::string* piece) {
  if (decoder_) {
    SR_ASSIGN_OR_RETURN(const size_t used, decoder_->Feed(transport_.received(), piece));
    transport_.Consume(used);
    finished_ = decoder_->done();
  } else {
    *piece = transport_.Take(static_cast<size_t>(left_));
    left_ -= static_cast<int64_t>(piece->size());
    finished_ = left_ == 0;
  }
  WatchIfFinished();
  taken_ += static_cast<int64_t>(piece->size());
  return taken_ > options_.max_bytes ? BodyTooLarge(options_.max_bytes) : absl::OkStatus();
}

Task<ByteResult> BodyReader::Read() {
  while (failed_.ok()) {
    if (finished_) co_return std::optional<std::string>();
    if (transport_.received().empty()) {
      absl::Status filled = co_await Fill();
      if (!filled.ok()) co_return Fail(filled);
    }
    std::string piece;
    absl::Status taken = Take(&piece);
    if (!taken.ok()) co_return Fail(taken);
    if (!piece.empty()) co_return std::optional<std::string>(std::move(piece));
  }
  co_return failed_;
}

bool BodyReader::CheapToDrop() const {
  if (finished_) return true;
  // A client that waits for "100 Continue" may or may not send the body after a final answer.
  if (!failed_.ok() || must_continue_ || decoder_ || *length_ > options_.max_bytes) return false;
  return left_ - static_cast<int64_t>(transport_.received().size()) <= kCheap;
}

Task<bool> BodyReader::Drop() {
  while (!finished_) {
    const ByteResult piece = co_await Read();
    if (!piece.ok()) co_return false;
  }
  co_return true;
}

}  // namespace stockroom::http
