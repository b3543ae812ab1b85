// How a connection sends answers.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/http/cors.h"
#include "services/common/http/exchange.h"
#include "services/common/http/file_reads.h"
#include "services/common/http/problem.h"

namespace stockroom::http {
namespace {

// Of a file that is sent at once, some hundred microseconds of the loop at most; and what one
// connection may hold in memory under TLS.
constexpr int64_t kFileSlice = 1 << 20;
constexpr int64_t kTlsSlice = 256 << 10;

}  // namespace

Framing Connection::Frame(Exchange& exchange) {
  const Response& response = exchange.response;
  const bool head_only = exchange.request.method == "HEAD";
  Framing framing;
  framing.http_1_0 = exchange.head.http_1_0;
  if (response.file) {
    framing.content_length = response.file->length;
  } else if (response.stream == nullptr && !(head_only && response.stream_length)) {
    if (StatusHasBody(response.status)) framing.content_length = response.whole_body().size();
  } else if (response.stream_length) {
    framing.content_length = response.stream_length;
  } else if (exchange.head.http_1_0) {
    exchange.keep_alive = false;  // the end of the connection is the end of the body
  } else {
    framing.chunked = true;
  }
  framing.keep_alive = exchange.keep_alive;
  return framing;
}

std::string_view Connection::BodyToSend(const Exchange& exchange) {
  const bool none = exchange.request.method == "HEAD" || !StatusHasBody(exchange.response.status);
  return none ? std::string_view() : exchange.response.whole_body();
}

// Hands an answer that was at hand to the kernel, which has room for nearly all of them. False if
// it had not: then SendRest must follow.
bool Connection::SendAtOnce(Exchange& exchange) {
  AllowOrigin(state_.options.cors, exchange.request.headers, exchange.response);
  exchange.head_sent = SerializeHead(exchange.response, Frame(exchange),
                                     exchange.request.context.request_id, exchange.request.arrived);
  const std::string_view body = BodyToSend(exchange);
  exchange.bytes_sent = static_cast<int64_t>(body.size());
  exchange.sent_at_once = transport_->SendNow(exchange.head_sent, body);
  if (exchange.sent_at_once < exchange.head_sent.size() + body.size()) return false;
  Finish(exchange, absl::OkStatus());
  return true;
}

// False if it could not be sent.
Task<bool> Connection::SendRest(Exchange& exchange) {
  std::string_view head = exchange.head_sent;
  std::string_view body = BodyToSend(exchange);
  Advance(exchange.sent_at_once, head, body);
  Patience patience(state_.AnswerPace());
  const absl::Status sent = co_await transport_->Write(head, body, patience);
  Finish(exchange, sent);
  co_return sent.ok();
}

Task<absl::Status> Connection::Send(Exchange& exchange) {
  Response& response = exchange.response;
  const std::string& id = exchange.request.context.request_id;
  if (exchange.request.context.cancellation->cancelled()) {
    response.status = 499;
    co_return absl::CancelledError("the client went away");
  }
  AllowOrigin(state_.options.cors, exchange.request.headers, response);
  const bool head_only = exchange.request.method == "HEAD";
  std::string first;
  // Before the status line is out an error can still be told properly.
  if (response.file && !head_only) {
    absl::StatusOr<std::string> slice = co_await FetchSlice(*response.file, 0);
    if (slice.ok()) {
      first = *std::move(slice);
    } else {
      response = ProblemResponse(slice.status(), id);
      AllowOrigin(state_.options.cors, exchange.request.headers, response);
    }
  } else if (response.stream != nullptr && !head_only) {
    ByteResult piece = co_await response.stream->Next();
    if (!piece.ok()) {
      response = ProblemResponse(piece.status(), id);
      AllowOrigin(state_.options.cors, exchange.request.headers, response);
    } else if (piece->has_value()) {
      first = **std::move(piece);
    } else {
      response.stream.reset();
      response.shared_body.reset();
      response.body.clear();
    }
  }
  const Framing framing = Frame(exchange);
  if (response.file && !head_only) co_return co_await SendFile(exchange, framing, std::move(first));
  if (response.stream != nullptr && !head_only) {
    co_return co_await SendStream(exchange, framing, std::move(first));
  }
  const std::string head = SerializeHead(response, framing, id, absl::Now());
  const std::string_view body = BodyToSend(exchange);
  exchange.bytes_sent = static_cast<int64_t>(body.size());
  Patience patience(state_.AnswerPace());
  co_return co_await transport_->Write(head, body, patience);
}

int64_t Connection::SliceAt(const FileBody& file, int64_t at) const {
  return std::min(transport_->tls() ? kTlsSlice : kFileSlice, file.length - at);
}

// So that the slice at `at` of the file can be sent without waiting for a disk. Its bytes, under
// TLS; nothing where sendfile takes them from the page cache.
Task<absl::StatusOr<std::string>> Connection::FetchSlice(const FileBody& file, int64_t at) {
  const int64_t offset = file.offset + at;
  const int64_t length = SliceAt(file, at);
  std::string bytes;
  if (transport_->tls()) {
    bytes.resize(static_cast<size_t>(length));
    if (ReadCached(file.descriptor, offset, bytes.data(), bytes.size()) == bytes.size()) {
      co_return bytes;
    }
  } else if (IsCached(file.descriptor, offset, length)) {
    co_return bytes;
  }
  absl::AnyInvocable<absl::StatusOr<std::string>()> read = [descriptor = file.descriptor, offset,
                                                            length] {
    return ReadFully(descriptor, offset, length);
  };
  absl::StatusOr<std::string> fetched;
  if (at == 0) {
    fetched = co_await RunOn<std::string>(*file.disk, std::move(read));
  } else {  // once some of it was sent, all of it is to be
    fetched = co_await RunAdmittedOn<std::string>(*file.disk, std::move(read));
  }
  if (fetched.ok() && !transport_->tls()) fetched->clear();
  co_return fetched;
}

Task<absl::Status> Connection::SendFile(Exchange& exchange, Framing framing, std::string slice) {
  Patience patience(state_.AnswerPace());
  const FileBody& file = *exchange.response.file;
  std::string head =
      SerializeHead(exchange.response, framing, exchange.request.context.request_id, absl::Now());
  while (true) {
    int64_t length = SliceAt(file, exchange.bytes_sent);
    absl::Status sent;
    if (transport_->tls()) {
      sent = co_await transport_->Write(head, slice, patience);
    } else {
      const absl::StatusOr<int64_t> part = co_await transport_->SendFile(
          head, file.descriptor, file.offset + exchange.bytes_sent, length, patience);
      sent = part.status();
      length = part.value_or(0);
    }
    if (!sent.ok()) co_return sent;
    exchange.bytes_sent += length;
    if (exchange.bytes_sent == file.length) co_return absl::OkStatus();
    head.clear();
    // A client that is always ready for more must not keep others waiting.
    co_await boost::asio::post(executor_, boost::asio::use_awaitable);
    absl::StatusOr<std::string> next = co_await FetchSlice(file, exchange.bytes_sent);
    if (!next.ok()) co_return next.status();
    slice = *std::move(next);
  }
}

Task<absl::Status> Connection::SendStream(Exchange& exchange, Framing framing, std::string first) {
  Patience patience(state_.AnswerPace());
  Response& response = exchange.response;
  std::string ahead =
      SerializeHead(response, framing, exchange.request.context.request_id, absl::Now());
  std::optional<std::string> piece = std::move(first);
  while (piece.has_value()) {
    if (framing.content_length &&
        exchange.bytes_sent + static_cast<int64_t>(piece->size()) > *framing.content_length) {
      co_return absl::InternalError("the source gave more bytes than announced");
    }
    const bool chunk = framing.chunked && !piece->empty();
    if (chunk) absl::StrAppend(&ahead, absl::Hex(piece->size()), "\r\n");
    if (chunk) piece->append("\r\n");
    absl::Status sent = co_await transport_->Write(ahead, *piece, patience);
    if (!sent.ok()) {
      exchange.request.context.cancellation->Cancel();
      co_return sent;
    }
    exchange.bytes_sent += static_cast<int64_t>(piece->size()) - (chunk ? 2 : 0);
    ahead.clear();
    ByteResult next = co_await response.stream->Next();
    if (!next.ok()) co_return next.status();
    piece = *std::move(next);
  }
  if (framing.content_length && exchange.bytes_sent != *framing.content_length) {
    co_return absl::InternalError("the source gave fewer bytes than announced");
  }
  if (framing.chunked) co_return co_await transport_->Write("0\r\n\r\n", {}, patience);
  co_return absl::OkStatus();
}

void Connection::Finish(const Exchange& exchange, const absl::Status& sent) {
  const absl::Duration took = absl::Now() - exchange.request.arrived;
  state_.Count(exchange.route, exchange.response.status, took);
  const bool routine = exchange.at_hand && sent.ok() && exchange.response.status < 400;
  const bool quiet = routine || (exchange.route != nullptr && exchange.route->options.operational);
  const LogLevel level = quiet ? LogLevel::kDebug : LogLevel::kInfo;
  if (!IsLogged(level)) return;
  Log(level, "request",
      {{"method", exchange.request.method},
       {"path", exchange.request.path},
       {"status", exchange.response.status},
       {"bytes", exchange.bytes_sent},
       {"ms", absl::ToDoubleMilliseconds(took)},
       {"trace_id", exchange.request.context.trace.trace_id},
       {"sent", sent.ok() ? std::string("whole") : std::string(sent.message())}},
      exchange.request.context.request_id);
}

}  // namespace stockroom::http
