#include "services/api/gateway/upload.h"

#include <google/protobuf/descriptor.h>
#include <stockroom/v1/options.pb.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/api/gateway/content_disposition.h"
#include "services/api/gateway/upload_form.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"
#include "services/common/http/task.h"
#include "services/common/http/url.h"

namespace stockroom::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using http::Task;

constexpr char kWaitField[] = "wait";
constexpr char kFilenameField[] = "filename";
constexpr size_t kPieceBytes = 256 << 10;

absl::Status BadOption(const StreamedMethod& method, std::string_view what) {
  return InvalidArgument("BAD_STREAMED_BODY",
                         absl::StrCat(method.descriptor->full_name(), ": ", Av(what)));
}

// One upload: the header while it is being filled, then the running call.
class Upload {
 public:
  Upload(const UploadRoute& route, const Principal& who, http::Request& request)
      : route_(route),
        who_(who),
        request_(request),
        first_(NewMessage(*route.method.descriptor->input_type())),
        header_(first_->GetReflection()->MutableMessage(first_.get(), route.header_field)),
        fields_(*header_, Lists::kCommasToo) {}

  Task<absl::StatusOr<http::Response>> Run();

 private:
  absl::Status ReadQuery();
  Task<absl::Status> Raw();
  Task<absl::Status> Multipart(std::string_view content_type);
  Task<absl::Status> Json();
  absl::Status Begin(std::string_view filename);
  Task<absl::Status> Write(std::string piece);
  absl::StatusOr<http::Response> Answer(const Message& response) const;
  bool Waits() const;

  const UploadRoute& route_;
  const Principal& who_;
  http::Request& request_;
  const MessagePtr first_;
  Message* const header_;
  FieldSetter fields_;
  std::unique_ptr<StreamedCall> call_;
};

Task<absl::StatusOr<http::Response>> Upload::Run() {
  const std::string content_type(request_.headers.Get("Content-Type"));
  const std::string type = http::MediaType(content_type);
  if (type.rfind("multipart/", 0) == 0 && type != "multipart/form-data") {
    co_return http::MakeError(absl::StatusCode::kInvalidArgument, "UNSUPPORTED_MEDIA_TYPE",
                              "send the image as multipart/form-data, as the raw body, or as JSON");
  }
  absl::Status status = ReadQuery();
  if (status.ok() && type == "multipart/form-data") {
    status = co_await Multipart(content_type);
  } else if (status.ok() && type == "application/json") {
    status = co_await Json();
  } else if (status.ok()) {
    status = co_await Raw();
  }
  if (!status.ok()) co_return status;
  auto finish = [this](auto done) { call_->Finish(std::move(done)); };
  absl::StatusOr<MessagePtr> response =
      co_await http::AwaitCallback<absl::StatusOr<MessagePtr>>(finish);
  if (!response.ok()) co_return response.status();
  co_return Answer(**response);
}

// Set first, so that the request can say otherwise.
absl::Status Upload::ReadQuery() {
  const FieldDescriptor* wait = header_->GetDescriptor()->FindFieldByName(kWaitField);
  if (route_.waits) header_->GetReflection()->SetBool(header_, wait, true);
  SR_ASSIGN_OR_RETURN(const auto parameters, http::ParseQuery(request_.query));
  for (const auto& [name, value] : request_.captures) SR_RETURN_IF_ERROR(fields_.Set(name, value));
  for (const auto& [name, value] : parameters) SR_RETURN_IF_ERROR(fields_.Set(name, value));
  return absl::OkStatus();
}

Task<absl::Status> Upload::Raw() {
  std::string filename;
  if (const auto header = request_.headers.Find("Content-Disposition")) {
    const auto disposition = ParseContentDisposition(*header);
    if (!disposition.ok()) co_return disposition.status();
    filename = disposition->filename.value_or("");
  }
  absl::Status status = Begin(filename);
  while (status.ok()) {
    http::ByteResult piece = co_await request_.body->Read();
    if (!piece.ok()) co_return piece.status();
    if (!piece->has_value()) break;
    status = co_await Write(**std::move(piece));
  }
  co_return status;
}

Task<absl::Status> Upload::Multipart(std::string_view content_type) {
  absl::StatusOr<MultipartParser> parser =
      MultipartParser::ForContentType(content_type, MultipartParser::Limits());
  if (!parser.ok()) co_return parser.status();
  UploadForm form(fields_);
  while (true) {
    http::ByteResult piece = co_await request_.body->Read();
    if (!piece.ok()) co_return piece.status();
    if (!piece->has_value()) break;
    absl::Status status = parser->Feed(**piece, form);
    if (status.ok() && form.file_begun() && call_ == nullptr) status = Begin(form.filename());
    if (status.ok()) status = co_await Write(form.Take());
    if (!status.ok()) co_return status;
  }
  const absl::Status whole = parser->Finish();
  if (!whole.ok()) co_return whole;
  if (call_ == nullptr) {
    co_return InvalidArgument("NO_FILE", "no part of the form is a file (none has a filename)");
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Upload::Json() {
  const int64_t limit = route_.options->max_json_upload_bytes;
  const int64_t length = request_.body->length().value_or(limit);
  if (length > limit) co_return http::BodyTooLarge(limit);
  const absl::StatusOr<ByteBudget::Share> share = route_.json_budget->Take(length);
  if (!share.ok()) co_return share.status();
  absl::StatusOr<std::string> body = co_await http::ReadAll(*request_.body, limit);
  if (!body.ok()) co_return body.status();
  auto read = [&]() -> absl::StatusOr<std::string> {
    return ReadJsonUpload(*std::move(body), *header_);
  };
  const absl::StatusOr<std::string> image =
      co_await http::RunOn<std::string>(*route_.executor, read);
  if (!image.ok()) co_return image.status();
  absl::Status status = Begin("");
  for (size_t at = 0; status.ok() && at < image->size(); at += kPieceBytes) {
    status = co_await Write(image->substr(at, kPieceBytes));
  }
  co_return status;
}

absl::Status Upload::Begin(std::string_view filename) {
  const FieldDescriptor* field = header_->GetDescriptor()->FindFieldByName(kFilenameField);
  if (field != nullptr && !filename.empty() && IsCleanUtf8(filename) &&
      header_->GetReflection()->GetString(*header_, field).empty()) {
    header_->GetReflection()->SetString(header_, field, std::string(filename));
  }
  SR_ASSIGN_OR_RETURN(call_, route_.method.begin(request_.context, who_, *first_));
  return absl::OkStatus();
}

Task<absl::Status> Upload::Write(std::string piece) {
  if (piece.empty()) co_return absl::OkStatus();
  auto write = [this, piece = std::move(piece)](auto done) mutable {
    call_->Write(std::move(piece), std::move(done));
  };
  co_return co_await http::AwaitCallback<absl::Status>(std::move(write));
}

bool Upload::Waits() const {
  const FieldDescriptor* wait = header_->GetDescriptor()->FindFieldByName(kWaitField);
  return wait != nullptr && header_->GetReflection()->GetBool(*header_, wait);
}

absl::StatusOr<http::Response> Upload::Answer(const Message& response) const {
  SR_ASSIGN_OR_RETURN(std::string json, RenderResponse(route_.binding, response));
  const UploadAnswer answer = route_.options->describe_upload(response, Waits());
  http::Response out = http::Response::Text(answer.status, "application/json", std::move(json));
  out.headers.Set("Cache-Control", "no-store");
  if (!answer.location.empty()) out.headers.Set("Location", answer.location);
  return out;
}

}  // namespace

absl::StatusOr<UploadRoute> MakeUploadRoute(const StreamedMethod& method, const Binding& binding,
                                            std::shared_ptr<const GatewayOptions> options) {
  if (!method.descriptor->options().HasExtension(stockroom::v1::streamed_body)) {
    return BadOption(method, "has no option stockroom.v1.streamed_body");
  }
  const auto& body = method.descriptor->options().GetExtension(stockroom::v1::streamed_body);
  const auto* input = method.descriptor->input_type();
  const FieldDescriptor* header = input->FindFieldByName(body.header_field());
  if (header == nullptr || header->message_type() == nullptr || header->is_repeated()) {
    return BadOption(method, "header_field names no message field of the request");
  }
  const FieldDescriptor* chunk = input->FindFieldByName(body.chunk_field());
  if (chunk == nullptr || chunk->type() != FieldDescriptor::TYPE_BYTES) {
    return BadOption(method, "chunk_field names no bytes field of the request");
  }
  UploadRoute route;
  route.method = method;
  route.binding = binding;
  route.header_field = header;
  route.waits =
      std::count(body.waiting_routes().begin(), body.waiting_routes().end(), binding.path) > 0;
  route.options = std::move(options);
  const FieldDescriptor* wait = header->message_type()->FindFieldByName(kWaitField);
  if (route.waits && (wait == nullptr || wait->type() != FieldDescriptor::TYPE_BOOL)) {
    return BadOption(method, "waiting_routes needs a bool field 'wait' in the header");
  }
  return route;
}

Task<absl::StatusOr<http::Response>> HandleUpload(const UploadRoute& route, const Principal& who,
                                                  http::Request& request) {
  Upload upload(route, who, request);
  co_return co_await upload.Run();
}

}  // namespace stockroom::api
