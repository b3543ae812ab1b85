// A gateway over handlers that only note what they are asked.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stockroom/v1/images.pb.h>
#include <stockroom/v1/search.pb.h>
#include <stockroom/v1/uploads.pb.h>

#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "services/api/domain/roles.h"
#include "services/api/gateway/gateway.h"
#include "services/common/base/status.h"
#include "services/common/http/problem.h"
#include "services/common/http/server.h"
#include "tests/unit/http/raw_client.h"

namespace stockroom::api {

namespace pb = stockroom::v1;
using http::RawClient;
using http::RawResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// What an upload did, as the test sees it.
struct Uploads {
  pb::UploadHeader header;
  std::string bytes;
  size_t largest_piece = 0;
  int begun = 0;
  int finished = 0;
  std::atomic<int> abandoned = 0;
  size_t limit = 1 << 30;
  pb::UploadImageResponse response;
};

class FakeUpload final : public StreamedCall {
 public:
  explicit FakeUpload(Uploads& uploads) : uploads_(uploads) {}
  ~FakeUpload() override {
    if (!finished_) ++uploads_.abandoned;
  }
  void Write(std::string chunk, absl::AnyInvocable<void(absl::Status)> done) override {
    uploads_.largest_piece = std::max(uploads_.largest_piece, chunk.size());
    uploads_.bytes += chunk;
    done(uploads_.bytes.size() > uploads_.limit
             ? http::MakeError(absl::StatusCode::kOutOfRange, "IMAGE_TOO_LARGE", "too large")
             : absl::OkStatus());
  }
  void Finish(absl::AnyInvocable<void(absl::StatusOr<MessagePtr>)> done) override {
    finished_ = true;
    ++uploads_.finished;
    done(std::make_unique<pb::UploadImageResponse>(uploads_.response));
  }

 private:
  Uploads& uploads_;
  bool finished_ = false;
};

class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
  void Read(absl::AnyInvocable<void(absl::StatusOr<std::optional<std::string>>)> done) override {
    if (bytes_.empty()) return done(std::optional<std::string>());
    std::string piece = bytes_.substr(0, 3);
    bytes_.erase(0, 3);
    done(std::optional<std::string>(std::move(piece)));
  }

 private:
  std::string bytes_;
};

// Has one picture, at /i/i1/thumb-320.jpg, and its original.
class FakeDelivery final : public Delivery {
 public:
  std::optional<absl::StatusOr<Deliverable>> TryFind(const Principal&,
                                                     const PictureRequest& request) override {
    asked = request;
    if (!at_hand) return std::nullopt;
    return Answer(request);
  }
  void Find(const CallContext&, const Principal&, PictureRequest request, Found done) override {
    ++finds;
    done(Answer(request));
  }
  void Open(const CallContext&, const Deliverable&, ByteRange range, Opened done) override {
    ++opens;
    if (std::exchange(changed_once, false)) return done(absl::AbortedError("changed"));
    const std::string whole = "0123456789";
    done(std::make_unique<StringSource>(
        whole.substr(static_cast<size_t>(range.offset),
                     range.length == 0 ? std::string::npos : static_cast<size_t>(range.length))));
  }
  void Sending(const Deliverable&, Sent what) override {
    ++(what == Sent::kNotModified ? not_modified : sent);
    begun += what == Sent::kBeginning ? 1 : 0;
  }

  Deliverable found;
  bool at_hand = false;
  PictureRequest asked;
  std::atomic<int> finds = 0;
  std::atomic<int> opens = 0;
  std::atomic<int> sent = 0;
  std::atomic<int> not_modified = 0;
  std::atomic<int> begun = 0;  // of `sent`, those with a first byte
  bool changed_once = false;

 private:
  absl::StatusOr<Deliverable> Answer(const PictureRequest& request) const {
    Deliverable answer = found;
    if (request.path.starts_with("original")) {
      answer.download_name = "na\"ive.jpg";
    } else if (request.image_id != "i1" || !request.path.ends_with(picture)) {
      return NotFound("NO_SUCH_PRESET", "no such picture");
    }
    return answer;
  }

 public:
  std::string picture = "thumb-320.jpg";
};

inline const google::protobuf::MethodDescriptor* Method(const std::string& name) {
  static_cast<void>(pb::SearchImagesRequest::descriptor());
  return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName("stockroom.v1." +
                                                                              name);
}

// Knows the tokens in `known`; anonymous callers may do everything while it knows none.
class FakeAuthenticator final : public Authenticator {
 public:
  std::optional<absl::StatusOr<Principal>> TryAuthenticate(
      const Credentials& credentials) override {
    if (waits) return std::nullopt;
    return Judge(credentials);
  }
  void Authenticate(const CallContext&, const Credentials& credentials, Done done) override {
    threads_.emplace_back([done = std::move(done), answer = Judge(credentials)]() mutable {
      done(std::move(answer));
    });
  }
  std::map<std::string, Principal> known;
  Scopes strangers;
  bool waits = false;

 private:
  std::vector<std::jthread> threads_;

  absl::StatusOr<Principal> Judge(const Credentials& credentials) const {
    if (credentials.token.empty()) {
      Principal anonymous = Principal::Anonymous();
      if (!known.empty()) anonymous.scopes = strangers;
      return anonymous;
    }
    const auto it = known.find(credentials.token);
    if (it == known.end()) return InvalidCredentials("who are you?");
    return it->second;
  }
};

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() {
    delivery_.found.image_id = "i1";
    delivery_.found.sha256 = Digest::Of("0123456789");
    delivery_.found.size = 10;
    delivery_.found.media_type = "image/jpeg";
    delivery_.found.modified = absl::FromUnixSeconds(1'600'000'000);
    uploads_.response.mutable_image()->set_id("i1");
    uploads_.response.mutable_image()->set_state(pb::PENDING);
  }

  void Start() {
    MethodTable table;
    table.Add(
        UnaryMethod{.descriptor = Method("ImageService.ListImages"),
                    .blocking = true,
                    .call = [this](const CallContext&, const Principal&,
                                   const google::protobuf::Message&) -> absl::StatusOr<MessagePtr> {
                      if (hold_.valid()) hold_.wait();
                      return std::make_unique<pb::ListImagesResponse>(list_);
                    }});
    table.Add(UnaryMethod{
        .descriptor = Method("SearchService.SearchImages"),
        .blocking = false,
        .call = [this](const CallContext& context, const Principal& who,
                       const google::protobuf::Message& request) -> absl::StatusOr<MessagePtr> {
          request_id_ = context.request_id;
          subject_ = who.subject;
          query_ = dynamic_cast<const pb::SearchImagesRequest&>(request).q();
          return std::make_unique<pb::SearchImagesResponse>();
        }});
    table.Add(
        UnaryMethod{.descriptor = Method("ImageService.GetImage"),
                    .blocking = false,
                    .call = [](const CallContext&, const Principal&,
                               const google::protobuf::Message&) -> absl::StatusOr<MessagePtr> {
                      auto image = std::make_unique<pb::Image>();
                      image->set_revision(3);
                      return image;
                    }});
    table.Add(UnaryMethod{
        .descriptor = Method("ImageService.UpdateImage"),
        .blocking = true,
        .call = [this](const CallContext& context, const Principal&,
                       const google::protobuf::Message& request) -> absl::StatusOr<MessagePtr> {
          key_ = context.idempotency_key;
          if (context.replayed != nullptr) *context.replayed = key_ == "again";
          const auto& update = dynamic_cast<const pb::UpdateImageRequest&>(request);
          if (update.if_revision() != 0 && update.if_revision() != 3) {
            return http::MakeError(absl::StatusCode::kAborted, "REVISION_MISMATCH", "changed");
          }
          auto image = std::make_unique<pb::Image>();
          image->set_revision(4);
          return image;
        }});
    table.Add(StreamedMethod{
        Method("ImageService.UploadImage"),
        [this](const CallContext&, const Principal&, const google::protobuf::Message& first)
            -> absl::StatusOr<std::unique_ptr<StreamedCall>> {
          ++uploads_.begun;
          uploads_.header = dynamic_cast<const pb::UploadImageRequest&>(first).header();
          return std::make_unique<FakeUpload>(uploads_);
        }});
    if (more_) table.Add(*more_);
    limiter_.emplace(rate_, metrics_);
    gate_.emplace(authenticator_, *limiter_, metrics_);
    http::Router router;
    const absl::Status mounted =
        MountGateway(router, table, delivery_, *gate_, executor_, options_);
    ASSERT_TRUE(mounted.ok()) << mounted;
    http::ServerOptions server;
    server.listen = "127.0.0.1:0";
    auto started = http::Server::Start(server, std::move(router), metrics_);
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }

  RawResponse Ask(const std::string& line, const std::string& headers = "",
                  const std::string& body = "", bool head_only = false) {
    RawClient client(server_->port());
    const std::string length =
        body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return client.Ask(line + " HTTP/1.1\r\nHost: a\r\n" + headers + length + "\r\n" + body,
                      head_only);
  }
  RawResponse Form(const std::string& path, const std::string& body) {
    return Ask("POST " + path, "Content-Type: multipart/form-data; boundary=XX\r\n", body);
  }

  static std::string Field(const std::string& name, const std::string& value) {
    return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
  }
  static std::string File(const std::string& name, const std::string& bytes) {
    return "--XX\r\nContent-Disposition: form-data; name=\"" + name +
           "\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n" + bytes + "\r\n";
  }

  Metrics metrics_;
  Executor executor_{{.name = "calls", .threads = 1, .max_queued = 1}, metrics_};
  FakeDelivery delivery_;
  FakeAuthenticator authenticator_;
  RateLimiter::Options rate_;
  std::optional<RateLimiter> limiter_;
  std::optional<Gate> gate_;
  Uploads uploads_;
  GatewayOptions options_;
  std::optional<UnaryMethod> more_;
  pb::ListImagesResponse list_;
  std::shared_future<void> hold_;
  std::string request_id_;
  std::string subject_;
  std::string query_;
  std::string key_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace stockroom::api
