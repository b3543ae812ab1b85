#include "services/api/gateway/delivery_routes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/api/gateway/picture_preferences.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/attachment.h"
#include "services/common/http/conditional.h"
#include "services/common/http/task.h"
#include "services/common/http/url.h"

namespace stockroom::api {
namespace {

using http::Task;

constexpr std::string_view kNegotiated = ".auto";

// The domain's callbacks as the server's coroutine.
class DeliveredBody final : public http::BodySource {
 public:
  explicit DeliveredBody(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}
  Task<http::ByteResult> Next() override {
    auto read = [this](auto done) { source_->Read(std::move(done)); };
    co_return co_await http::AwaitCallback<http::ByteResult>(read);
  }

 private:
  std::unique_ptr<ByteSource> source_;
};

absl::StatusOr<PictureRequest> ReadRequest(const http::Request& request,
                                           const GatewayOptions& options) {
  PictureRequest wanted;
  wanted.image_id = request.Captured("id");
  wanted.path = request.Captured("path");
  wanted.raw_path = request.path;
  if (wanted.path.ends_with(kNegotiated)) {
    wanted.preferences = ReadPreferences(request.headers, options.client_hints);
  }
  if (request.query.empty()) return wanted;
  SR_ASSIGN_OR_RETURN(const auto query, http::ParseQuery(request.query));
  for (const auto& [name, value] : query) {
    if (name == "sig") wanted.signature = value;
    if (name == "expires") wanted.expires = value;
  }
  return wanted;
}

Task<absl::StatusOr<Deliverable>> Find(Delivery& delivery, const CallContext& context,
                                       const Principal& who, const PictureRequest& wanted) {
  auto find = [&](Delivery::Found done) { delivery.Find(context, who, wanted, std::move(done)); };
  co_return co_await http::AwaitCallback<absl::StatusOr<Deliverable>>(find);
}

Task<absl::StatusOr<std::unique_ptr<ByteSource>>> Open(Delivery& delivery,
                                                       const CallContext& context,
                                                       const Deliverable& what, ByteRange range) {
  auto open = [&](Delivery::Opened done) { delivery.Open(context, what, range, std::move(done)); };
  co_return co_await http::AwaitCallback<absl::StatusOr<std::unique_ptr<ByteSource>>>(open);
}

// Deleting or flagging must reach caches within the minute, unless the URL names the revision; what
// is not public must not be kept, and what somebody had to log in for not by caches that others
// share.
std::string CacheControl(const Deliverable& what, const GatewayOptions& options,
                         const Principal& who) {
  if (what.visibility != Visibility::kPublic) return "private, no-store";
  absl::Duration age = what.immutable ? options.immutable_max_age : options.public_max_age;
  if (what.expires) {
    age = std::clamp(*what.expires - absl::Now(), absl::ZeroDuration(), age);
  }
  return absl::StrCat(who.anonymous ? "public" : "private", ", max-age=", absl::ToInt64Seconds(age),
                      what.immutable ? ", immutable" : ", must-revalidate");
}

http::Response RedirectTo(const Deliverable& what) {
  http::Response response;
  response.status = 302;
  response.headers.Add("Location", what.redirect);
  // The next change moves it on.
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

struct Answer {
  http::Selection selection;
  http::Response response;  // without the bytes
};

bool HasBytes(const Answer& answer, std::string_view method) {
  const int status = answer.selection.status;
  return (status == 200 || status == 206) && method != "HEAD" && answer.selection.length > 0;
}

Delivery::Sent SentBy(const Answer& answer, std::string_view method) {
  if (answer.selection.status == 304) return Delivery::Sent::kNotModified;
  if (!HasBytes(answer, method)) return Delivery::Sent::kHeaders;
  return answer.selection.offset == 0 ? Delivery::Sent::kBeginning : Delivery::Sent::kMore;
}

Answer MakeHead(const Deliverable& what, const GatewayOptions& options, const Principal& who,
                const http::Request& request) {
  const http::Entity entity{absl::StrCat("\"", what.sha256.hex(), "\""), what.modified, what.size};
  Answer answer;
  answer.selection = http::Select(request.method, request.headers, entity);
  http::Response& response = answer.response;
  if (answer.selection.refused()) {
    response = http::RefusalOf(answer.selection, "picture", request.context.request_id);
  } else if (answer.selection.status != 304) {
    response.headers.Add("Content-Type", what.media_type);
    response.stream_length = answer.selection.length;
  }
  http::Describe(answer.selection, entity, response);
  response.headers.Set("Cache-Control", CacheControl(what, options, who));
  // Strangers' bytes: whatever a browser takes them for, it must not run anything in them.
  response.headers.Add("Content-Security-Policy", "default-src 'none'; sandbox");
  if (what.negotiated) {
    response.headers.Add("Vary", options.client_hints ? kVaryHints : kVaryAccept);
    if (options.client_hints) response.headers.Add("Accept-CH", kHints);
  }
  if (!what.download_name.empty()) {
    response.headers.Add("Content-Disposition", http::AttachmentNamed(what.download_name));
  }
  return answer;
}

// Of what is held in memory.
http::Response Whole(const Deliverable& what, Answer answer, std::string_view method) {
  if (!HasBytes(answer, method)) return std::move(answer.response);
  answer.response.stream_length.reset();
  answer.response.shared_body = what.bytes;
  answer.response.shared_offset = answer.selection.offset;
  answer.response.shared_length = answer.selection.length;
  return std::move(answer.response);
}

}  // namespace

std::optional<absl::StatusOr<http::Response>> TryDelivery(Delivery& delivery,
                                                          const GatewayOptions& options,
                                                          const Principal& who,
                                                          const http::Request& request) {
  const absl::StatusOr<PictureRequest> wanted = ReadRequest(request, options);
  if (!wanted.ok()) return wanted.status();
  std::optional<absl::StatusOr<Deliverable>> found = delivery.TryFind(who, *wanted);
  if (!found) return std::nullopt;
  if (!found->ok()) return found->status();
  const Deliverable& what = **found;
  if (!what.redirect.empty()) return RedirectTo(what);
  Answer answer = MakeHead(what, options, who, request);
  // A stream is to be opened.
  if (what.bytes == nullptr && HasBytes(answer, request.method)) return std::nullopt;
  delivery.Sending(what, SentBy(answer, request.method));
  return Whole(what, std::move(answer), request.method);
}

Task<absl::StatusOr<http::Response>> HandleDelivery(Delivery& delivery,
                                                    const GatewayOptions& options,
                                                    const Principal& who, http::Request& request) {
  const absl::StatusOr<PictureRequest> wanted = ReadRequest(request, options);
  if (!wanted.ok()) co_return wanted.status();
  absl::Status changed;
  // The bytes may change between finding and opening; once more is enough, as that is rare.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const absl::StatusOr<Deliverable> what = co_await Find(delivery, request.context, who, *wanted);
    if (!what.ok()) co_return what.status();
    if (!what->redirect.empty()) co_return RedirectTo(*what);
    Answer answer = MakeHead(*what, options, who, request);
    if (what->bytes != nullptr || !HasBytes(answer, request.method)) {
      delivery.Sending(*what, SentBy(answer, request.method));
      co_return Whole(*what, std::move(answer), request.method);
    }
    ByteRange range;
    range.offset = answer.selection.offset;
    range.length = answer.selection.status == 206 ? answer.selection.length : 0;
    absl::StatusOr<std::unique_ptr<ByteSource>> source =
        co_await Open(delivery, request.context, *what, range);
    if (absl::IsAborted(source.status())) {
      changed = source.status();
      continue;
    }
    if (!source.ok()) co_return source.status();
    delivery.Sending(*what, SentBy(answer, request.method));
    answer.response.stream = std::make_unique<DeliveredBody>(*std::move(source));
    co_return std::move(answer.response);
  }
  co_return changed;
}

}  // namespace stockroom::api
