#include "services/api/gateway/delivery_routes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/api/gateway/content_disposition.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/conditional.h"
#include "services/common/http/problem.h"
#include "services/common/http/task.h"

namespace stockroom::api {
namespace {

using http::Task;

constexpr std::string_view kOriginal = "original";

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

struct Wanted {
  std::string image_id;
  std::string preset;
  std::string extension;
};

absl::StatusOr<Wanted> ReadPath(const http::Request& request) {
  Wanted wanted;
  wanted.image_id = request.Captured("id");
  const std::string_view file = request.Captured("file");
  const size_t dot = file.rfind('.');
  wanted.preset = file.substr(0, dot);
  if (dot != std::string_view::npos) wanted.extension = file.substr(dot + 1);
  if (wanted.preset.empty() || (wanted.extension.empty() && file != kOriginal)) {
    return NotFound("NO_SUCH_FILE", "pictures are at /i/{id}/original and /i/{id}/{preset}.{ext}");
  }
  return wanted;
}

Task<absl::StatusOr<Deliverable>> Find(Delivery& delivery, const CallContext& context,
                                       const Principal& who, const Wanted& wanted) {
  auto find = [&](Delivery::Found done) {
    if (wanted.preset == kOriginal) {
      delivery.FindOriginal(context, who, wanted.image_id, std::move(done));
    } else {
      delivery.FindRendition(context, who, wanted.image_id, wanted.preset, wanted.extension,
                             std::move(done));
    }
  };
  co_return co_await http::AwaitCallback<absl::StatusOr<Deliverable>>(find);
}

Task<absl::StatusOr<std::unique_ptr<ByteSource>>> Open(Delivery& delivery,
                                                       const CallContext& context,
                                                       const Deliverable& what, ByteRange range) {
  auto open = [&](Delivery::Opened done) { delivery.Open(context, what, range, std::move(done)); };
  co_return co_await http::AwaitCallback<absl::StatusOr<std::unique_ptr<ByteSource>>>(open);
}

// Deleting or flagging must reach caches within the minute; what is not public must not be kept,
// and what somebody had to log in for not by caches that others share.
std::string CacheControl(const Deliverable& what, const GatewayOptions& options,
                         const Principal& who) {
  if (what.visibility != Visibility::kPublic) return "private, no-store";
  return absl::StrCat(who.anonymous ? "public" : "private",
                      ", max-age=", absl::ToInt64Seconds(options.public_max_age),
                      ", must-revalidate");
}

http::Response MakeHead(const Deliverable& what, const http::Selection& selection,
                        const http::Entity& entity, const GatewayOptions& options,
                        const Principal& who, std::string_view request_id) {
  http::Response response;
  if (selection.status == 412 || selection.status == 416) {
    response = http::ProblemResponse(
        http::MakeError(absl::StatusCode::kOutOfRange,
                        selection.status == 412 ? "PRECONDITION_FAILED" : "RANGE_NOT_SATISFIABLE",
                        selection.status == 412 ? "the picture is not the one that If-Match names"
                                                : "the range lies outside the picture"),
        request_id);
  } else if (selection.status != 304) {
    response.headers.Set("Content-Type", what.media_type);
  }
  http::Describe(selection, entity, response);
  response.headers.Set("Cache-Control", CacheControl(what, options, who));
  // Strangers' bytes: whatever a browser takes them for, it must not run anything in them.
  response.headers.Set("Content-Security-Policy", "default-src 'none'; sandbox");
  if (!what.download_name.empty()) {
    response.headers.Set("Content-Disposition", AttachmentNamed(what.download_name));
  }
  return response;
}

}  // namespace

Task<absl::StatusOr<http::Response>> HandleDelivery(Delivery& delivery,
                                                    const GatewayOptions& options,
                                                    const Principal& who, http::Request& request) {
  const absl::StatusOr<Wanted> wanted = ReadPath(request);
  if (!wanted.ok()) co_return wanted.status();
  absl::Status changed;
  // The bytes may change between finding and opening; once more is enough, as that is rare.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const absl::StatusOr<Deliverable> what = co_await Find(delivery, request.context, who, *wanted);
    if (!what.ok()) co_return what.status();
    const http::Entity entity{absl::StrCat("\"", what->sha256.hex(), "\""), what->modified,
                              what->size};
    const http::Selection selection = http::Select(request.method, request.headers, entity);
    http::Response response =
        MakeHead(*what, selection, entity, options, who, request.context.request_id);
    if (selection.status != 200 && selection.status != 206) co_return response;
    response.stream_length = selection.length;
    if (request.method == "HEAD" || selection.length == 0) co_return response;
    ByteRange range;
    range.offset = selection.offset;
    range.length = selection.status == 206 ? selection.length : 0;
    absl::StatusOr<std::unique_ptr<ByteSource>> source =
        co_await Open(delivery, request.context, *what, range);
    if (absl::IsAborted(source.status())) {
      changed = source.status();
      continue;
    }
    if (!source.ok()) co_return source.status();
    response.stream = std::make_unique<DeliveredBody>(*std::move(source));
    co_return response;
  }
  co_return changed;
}

}  // namespace stockroom::api
