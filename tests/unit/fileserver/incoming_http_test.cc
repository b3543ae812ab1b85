// Direct uploads over HTTP: presigned PUT and tus, with clients that are told every byte.
#include <string>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/fileserver/store/memory_env.h"
#include "tests/contract/incoming/incoming_server.h"
#include "tests/unit/fileserver/machine.h"
#include "tests/unit/http/raw_client.h"

namespace stockroom::fileserver {
namespace {

using http::RawClient;
using http::RawResponse;

constexpr char kTus[] = "Tus-Resumable: 1.0.0\r\n";
constexpr char kPiece[] = "Content-Type: application/offset+octet-stream\r\n";

class IncomingHttp : public testing::Test {
 protected:
  IncomingHttp() {
    static_cast<void>(Machine());  // quiet
    Start(absl::Seconds(30));
  }
  void Start(absl::Duration longest_pause) {
    server_.reset();
    IncomingServer::Options options;
    options.incoming.clock = &clock_;
    options.incoming.steady = [this] { return clock_.Now() - absl::UnixEpoch(); };
    options.incoming.max_bytes = 4 << 20;
    options.http.body_idle_timeout = longest_pause;
    options.http.min_bytes_per_second = 0;
    options.http.cors.origins = {"https://photos.example"};
    server_ = std::make_unique<IncomingServer>(env_, "/data", options);
  }

  IncomingSpec SpecOf(std::string_view bytes) {
    return {.id = "an-id",
            .size = static_cast<int64_t>(bytes.size()),
            .content_type = "image/png",
            .expires = clock_.Now() + absl::Hours(1)};
  }
  // Announces it; the paths of its URLs.
  void Create(const IncomingSpec& spec) {
    ASSERT_TRUE(server_->store().Create(spec).ok());
    const IncomingTicket ticket = server_->urls().TicketOf(spec).value();
    put_ = IncomingServer::PathOf(ticket.put_url);
    tus_ = IncomingServer::PathOf(ticket.tus_url);
    EXPECT_EQ(ticket.tus_endpoint, ticket.tus_url);
  }
  static std::string Head(std::string_view method, std::string_view path,
                          std::string_view headers) {
    return absl::StrCat(std::string(method), " ", std::string(path), " HTTP/1.1\r\nHost: a\r\n",
                        std::string(headers), "\r\n");
  }
  RawResponse Ask(std::string_view method, std::string_view path, std::string_view headers,
                  std::string_view body = "") {
    RawClient client(server_->http_port());
    return client.Ask(Head(method, path, headers) + std::string(body), method == "HEAD");
  }
  static std::string Length(std::string_view body) {
    return absl::StrCat("Content-Length: ", body.size(), "\r\n");
  }
  RawResponse Put(std::string_view body,
                  const std::string& headers = "Content-Type: image/png\r\n") {
    return Ask("PUT", put_, headers + Length(body), body);
  }
  RawResponse Patch(int64_t offset, std::string_view body, const std::string& more = "") {
    return Ask("PATCH", tus_,
               absl::StrCat(kTus, kPiece, "Upload-Offset: ", offset, "\r\n", more, Length(body)),
               body);
  }
  std::string Offset() { return Ask("HEAD", tus_, kTus).Header("Upload-Offset"); }
  // Waits until one more request than before has begun to write.
  void AwaitWriter() {
    while (Calls(Op::kOpenToAppend) == writers_) std::this_thread::yield();
    writers_ = Calls(Op::kOpenToAppend);
  }
  int64_t Calls(Op op) const {
    const std::vector<MemoryEnv::Call> calls = env_.history();
    return std::count_if(calls.begin(), calls.end(),
                         [op](const auto& call) { return call.op == op; });
  }
  // Once the server has seen that a connection broke.
  void AwaitOffset(const std::string& offset) {
    while (Offset() != offset) std::this_thread::yield();
  }
  absl::StatusOr<IncomingBlob> Complete() {
    return server_->store().Complete(CallContext::WithTimeout(absl::Seconds(30)), "an-id");
  }
  static bool Says(const RawResponse& response, std::string_view reason) {
    return response.body.find(absl::StrCat("\"reason\":\"", std::string(reason), "\"")) !=
           std::string::npos;
  }

  MemoryEnv env_;
  FakeClock clock_{absl::Now()};
  std::unique_ptr<IncomingServer> server_;
  std::string put_;
  std::string tus_;
  int64_t writers_ = 0;
};

// ---- PUT ----

TEST_F(IncomingHttp, PutBringsAllAtOnce) {
  const std::string bytes(1 << 20, 'b');
  Create(SpecOf(bytes));
  const RawResponse stored = Put(bytes);
  EXPECT_EQ(stored.status, 200) << stored.body;
  EXPECT_EQ(stored.Header("ETag"), "\"" + Digest::Of(bytes).hex() + "\"");
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of(bytes));
  EXPECT_TRUE(Says(Put(bytes), "INCOMING_COMPLETE"));
}

TEST_F(IncomingHttp, PutComparesWhatWasSigned) {
  Create(SpecOf("12345"));
  EXPECT_EQ(Put("1234").status, 400);
  EXPECT_EQ(Put("123456").status, 413);
  EXPECT_EQ(Put("12345", "Content-Type: image/jpeg\r\n").status, 412);
  EXPECT_EQ(Put("12345", "").status, 412);
  EXPECT_EQ(Put("12345", "Content-Type: image/png\r\nContent-Type: image/png\r\n").status, 400);
  const RawResponse chunked =
      Ask("PUT", put_, "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n",
          "5\r\n12345\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.status, 411);
  EXPECT_EQ(Offset(), "0");
  EXPECT_EQ(Put("12345", "content-type: IMAGE/PNG\r\n").status, 200);
}

TEST_F(IncomingHttp, PutVerifiesTheChecksumsThatItIsGiven) {
  const std::string type = "Content-Type: image/png\r\n";
  const auto digest = [](std::string_view bytes) {
    return absl::Base64Escape(std::string(Digest::Of(bytes).bytes()));
  };
  Create(SpecOf("12345"));
  EXPECT_EQ(Put("12346", type + "Content-MD5: gnzLDuqKcGxMNKFokfhOew==\r\n").status, 422);
  EXPECT_EQ(Offset(), "0");
  EXPECT_EQ(Put("12345", type + "Content-MD5: no\r\n").status, 400);
  EXPECT_EQ(Put("12345", type + "Content-Digest: sha-256=:" + digest("x") + ":\r\n").status, 422);
  EXPECT_EQ(Put("12345", type + "Content-Digest: sha-256=:AA==:\r\n").status, 400);
  EXPECT_EQ(Put("12345", type + "Content-MD5: gnzLDuqKcGxMNKFokfhOew==\r\n").status, 200);
  // It has arrived: nothing takes it back.
  EXPECT_EQ(Put("12345", type).status, 409);
  EXPECT_EQ(Offset(), "5");

  IncomingSpec other = SpecOf("12345");
  other.id = "other";
  Create(other);
  EXPECT_EQ(Put("12345", type + "Digest: md5=AA==, sha-256=" + digest("12345") + "\r\n").status,
            200);

  IncomingSpec spec = SpecOf("12345");
  spec.id = "announced";
  spec.sha256 = Digest::Of("12345");
  Create(spec);
  EXPECT_EQ(Put("12345", type + "Digest: sha-256=" + digest("x") + "\r\n").status, 412);
  EXPECT_EQ(Put("54321", type).status, 422);
  EXPECT_EQ(Put("12345", type).status, 200);
}

TEST_F(IncomingHttp, APutThatBrokeLeavesNothingAndBeginsAnew) {
  const std::string bytes(300'000, 'b');
  Create(SpecOf(bytes));
  {
    RawClient client(server_->http_port());
    client.Send(Head("PUT", put_, "Content-Type: image/png\r\n" + Length(bytes)));
    client.Send(bytes.substr(0, 200'000));
    AwaitWriter();
    EXPECT_TRUE(Says(Put(bytes), "INCOMING_BUSY"));
    client.Reset();
  }
  RawResponse stored;
  while (stored.status != 200) {
    stored = Put(bytes);
    if (stored.status != 200) {
      ASSERT_EQ(stored.status, 409) << stored.body;
    }
  }
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of(bytes));
}

TEST_F(IncomingHttp, NoByteOfAUrlCanBeChanged) {
  Create(SpecOf("12345"));
  for (const bool tus : {false, true}) {
    const std::string path = tus ? tus_ : put_;
    RawClient client(server_->http_port());
    for (size_t i = 1; i < path.size(); ++i) {
      std::string other = path;
      other[i] = other[i] == 'x' ? 'y' : 'x';
      const RawResponse refused =
          tus ? client.Ask(Head("HEAD", other, kTus), true)
              : client.Ask(Head("PUT", other, "Content-Type: image/png\r\nContent-Length: 0\r\n"));
      EXPECT_TRUE(refused.status == 403 || refused.status == 404) << other;
    }
  }
  // Nor is one good for the other's methods.
  EXPECT_EQ(Ask("HEAD", put_, kTus).status, 403);
  EXPECT_EQ(Ask("PUT", tus_, "Content-Length: 5\r\n", "12345").status, 403);
  EXPECT_EQ(Ask("GET", put_, "").status, 405);
}

TEST_F(IncomingHttp, AUrlIsOfOneUploadNotOfTheNextOfThatId) {
  Create(SpecOf("12345"));
  const std::string old_put = put_;
  const std::string old_tus = tus_;
  ASSERT_TRUE(server_->store().Remove("an-id").ok());
  EXPECT_EQ(Put("12345").status, 404);
  EXPECT_EQ(Patch(0, "12345").status, 404);
  Create(SpecOf("123456"));
  put_ = old_put;
  tus_ = old_tus;
  EXPECT_EQ(Put("12345").status, 404);
  EXPECT_EQ(Patch(0, "12345").status, 404);
}

TEST_F(IncomingHttp, NothingGoesAfterItExpired) {
  const std::string bytes(300'000, 'b');
  Create(SpecOf(bytes));
  RawClient client(server_->http_port());
  client.Send(
      Head("PATCH", tus_, absl::StrCat(kTus, kPiece, "Upload-Offset: 0\r\n", Length(bytes))));
  client.Send(bytes.substr(0, 1000));
  AwaitWriter();
  clock_.Advance(absl::Hours(2));
  client.Send(bytes.substr(1000));
  EXPECT_EQ(client.Receive().status, 410);
  EXPECT_EQ(Put(bytes).status, 410);
  EXPECT_EQ(Ask("HEAD", tus_, kTus).status, 410);
  EXPECT_EQ(Patch(0, bytes).status, 410);
}

// ---- tus ----

TEST_F(IncomingHttp, TusBringsPieces) {
  Create(SpecOf("first, second"));
  const RawResponse head = Ask("HEAD", tus_, kTus);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Upload-Offset"), "0");
  EXPECT_EQ(head.Header("Upload-Length"), "13");
  EXPECT_EQ(head.Header("Tus-Resumable"), "1.0.0");
  EXPECT_EQ(head.Header("Cache-Control"), "no-store");
  EXPECT_THAT(head.Header("Upload-Expires"), testing::EndsWith(" GMT"));
  const RawResponse patched = Patch(0, "first, ");
  EXPECT_EQ(patched.status, 204);
  EXPECT_EQ(patched.Header("Upload-Offset"), "7");
  EXPECT_EQ(patched.Header("Tus-Resumable"), "1.0.0");
  EXPECT_THAT(patched.Header("Upload-Expires"), testing::EndsWith(" GMT"));
  EXPECT_EQ(Patch(7, "").Header("Upload-Offset"), "7");
  EXPECT_EQ(Patch(7, "second").Header("Upload-Offset"), "13");
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("first, second"));
}

TEST_F(IncomingHttp, TusRefusesWhatIsNotTus) {
  Create(SpecOf("12345"));
  const std::string piece = absl::StrCat(kPiece, "Upload-Offset: 0\r\nContent-Length: 1\r\n");
  const RawResponse version = Ask("PATCH", tus_, "Tus-Resumable: 0.2.2\r\n" + piece, "1");
  EXPECT_EQ(version.status, 412);
  EXPECT_EQ(version.Header("Tus-Version"), "1.0.0");
  EXPECT_EQ(Ask("PATCH", tus_, piece, "1").status, 412);
  EXPECT_EQ(Ask("PATCH", tus_,
                absl::StrCat(kTus, "Content-Type: image/png\r\nUpload-Offset: 0\r\n",
                             "Content-Length: 1\r\n"),
                "1")
                .status,
            415);
  EXPECT_EQ(Ask("PATCH", tus_, absl::StrCat(kTus, kPiece, "Content-Length: 1\r\n"), "1").status,
            400);
  for (const char* offset :
       {"-1", "+0", "0x0", "", " ", "1e3", "99999999999999999999", "9223372036854775807",
        "18446744073709551616", "0, 0", "0\r\nUpload-Offset: 0"}) {
    const RawResponse refused = Ask(
        "PATCH", tus_,
        absl::StrCat(kTus, kPiece, "Upload-Offset: ", offset, "\r\nContent-Length: 1\r\n"), "1");
    EXPECT_EQ(refused.status, 400) << offset;
  }
  EXPECT_EQ(Patch(1, "1").status, 409);
  EXPECT_EQ(Patch(999'999'999'999'999'999, "1").status, 409);
  EXPECT_EQ(Patch(0, "123456").status, 413);
  EXPECT_EQ(Offset(), "0");
}

TEST_F(IncomingHttp, TusTakesNoMoreThanWasAnnouncedHoweverItIsSent) {
  Create(SpecOf("12345"));
  const RawResponse refused =
      Ask("PATCH", tus_,
          absl::StrCat(kTus, kPiece, "Upload-Offset: 0\r\nTransfer-Encoding: chunked\r\n"),
          "3\r\n123\r\n3\r\n456\r\n0\r\n\r\n");
  EXPECT_EQ(refused.status, 413);
  // The last piece may or may not have come with the first.
  const std::string offset = Offset();
  EXPECT_TRUE(offset == "0" || offset == "3") << offset;
  EXPECT_EQ(Patch(std::stoi(offset), std::string("12345").substr(std::stoul(offset))).status, 204);
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("12345"));
}

TEST_F(IncomingHttp, TusVerifiesPieces) {
  Create(SpecOf("12345"));
  const RawResponse wrong = Patch(0, "123", "Upload-Checksum: md5 gnzLDuqKcGxMNKFokfhOew==\r\n");
  EXPECT_EQ(wrong.status, 460);
  EXPECT_EQ(Offset(), "0");
  EXPECT_EQ(Patch(0, "12345", "Upload-Checksum: sha3 AA==\r\n").status, 400);
  EXPECT_EQ(Patch(0, "12345", "Upload-Checksum: md5 AA==\r\n").status, 400);
  EXPECT_EQ(Patch(0, "12345", "Upload-Checksum: md5 gnzLDuqKcGxMNKFokfhOew==\r\n").status, 204);
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("12345"));
}

TEST_F(IncomingHttp, TusKeepsWhatCameBeforeTheConnectionBroke) {
  const std::string bytes(300'000, 'b');
  Create(SpecOf(bytes));
  {
    RawClient client(server_->http_port());
    client.Send(
        Head("PATCH", tus_, absl::StrCat(kTus, kPiece, "Upload-Offset: 0\r\n", Length(bytes))));
    client.Send(bytes.substr(0, 123'456));
  }
  AwaitOffset("123456");
  EXPECT_EQ(Patch(123'456, bytes.substr(123'456)).status, 204);
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of(bytes));
}

TEST_F(IncomingHttp, TusKeepsWhatASlowClientBroughtUntilItWasGivenUp) {
  Start(absl::Seconds(1));
  Create(SpecOf("12345"));
  RawClient client(server_->http_port());
  client.Send(Head("PATCH", tus_,
                   absl::StrCat(kTus, kPiece, "Upload-Offset: 0\r\n", "Content-Length: 5\r\n")));
  client.Send("12");
  EXPECT_EQ(client.Receive().status, 408);
  EXPECT_EQ(Offset(), "2");
}

TEST_F(IncomingHttp, TusLetsOneRequestWriteAtATime) {
  Create(SpecOf("12345"));
  RawClient first(server_->http_port());
  first.Send(Head("PATCH", tus_,
                  absl::StrCat(kTus, kPiece, "Upload-Offset: 0\r\n", "Content-Length: 5\r\n")));
  first.Send("12");
  AwaitWriter();
  EXPECT_EQ(Patch(0, "").status, 409);
  EXPECT_EQ(Put("12345").status, 409);
  EXPECT_EQ(Ask("DELETE", tus_, kTus).status, 409);
  first.Send("345");
  EXPECT_EQ(first.Receive().status, 204);
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("12345"));
}

TEST_F(IncomingHttp, TusGoesOnByAnotherConnectionWhenTheOldOneIsSilent) {
  Create(SpecOf("12345"));
  const int64_t appends = Calls(Op::kAppend);
  RawClient old(server_->http_port());
  old.Send(
      Head("PATCH", tus_, absl::StrCat(kTus, kPiece, "Upload-Offset: 0\r\nContent-Length: 5\r\n")));
  old.Send("12");
  while (Calls(Op::kAppend) == appends) std::this_thread::yield();
  // It counts from when that was written, which may be a moment after it was called.
  while (Offset() != "2") clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(Patch(2, "345").status, 204);
  old.Send("345");
  EXPECT_EQ(old.Receive().status, 409);
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("12345"));
}

TEST_F(IncomingHttp, TusCreatesWhatIsThere) {
  Create(SpecOf("first, second"));
  const std::string metadata = "Upload-Metadata: filename cGljdHVyZS5wbmc=\r\n";
  const RawResponse created =
      Ask("POST", tus_, absl::StrCat(kTus, metadata, "Upload-Length: 13\r\nContent-Length: 0\r\n"));
  EXPECT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(IncomingServer::PathOf(created.Header("Location")), tus_);
  EXPECT_EQ(created.Header("Upload-Offset"), "0");
  const RawResponse with_upload =
      Ask("POST", tus_, absl::StrCat(kTus, kPiece, "Upload-Length: 13\r\nContent-Length: 7\r\n"),
          "first, ");
  EXPECT_EQ(with_upload.status, 201) << with_upload.body;
  EXPECT_EQ(with_upload.Header("Upload-Offset"), "7");
  // Once more: what is there is not taken again, the client is told where to go on.
  const RawResponse again =
      Ask("POST", tus_, absl::StrCat(kTus, kPiece, "Upload-Length: 13\r\nContent-Length: 7\r\n"),
          "first, ");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.Header("Upload-Offset"), "7");
  for (const char* refused :
       {"", "Upload-Length: 12\r\n", "Upload-Length: -13\r\n", "Upload-Defer-Length: 1\r\n",
        "Upload-Length: 13\r\nUpload-Defer-Length: 1\r\n"}) {
    EXPECT_EQ(Ask("POST", tus_, absl::StrCat(kTus, refused, "Content-Length: 0\r\n")).status, 400)
        << refused;
  }
  EXPECT_EQ(
      Ask("POST", tus_, absl::StrCat(kTus, "Upload-Length: 14\r\nContent-Length: 0\r\n")).status,
      413);
  EXPECT_EQ(
      Ask("POST", put_, absl::StrCat(kTus, "Upload-Length: 13\r\nContent-Length: 0\r\n")).status,
      403);
}

TEST_F(IncomingHttp, TusTerminates) {
  Create(SpecOf("12345"));
  ASSERT_EQ(Patch(0, "123").status, 204);
  EXPECT_EQ(Ask("DELETE", tus_, kTus).status, 204);
  EXPECT_EQ(Ask("HEAD", tus_, kTus).status, 404);
  EXPECT_EQ(Ask("DELETE", tus_, kTus).status, 404);
  EXPECT_EQ(Patch(3, "45").status, 404);
}

TEST_F(IncomingHttp, TusTakesMethodsInAHeader) {
  Create(SpecOf("12345"));
  const auto meant = [&](const std::string& method, const std::string& headers,
                         const std::string& body) {
    return Ask("POST", tus_,
               absl::StrCat(kTus, "X-HTTP-Method-Override: ", method, "\r\n", headers,
                            Length(body)),
               body)
        .status;
  };
  EXPECT_EQ(meant("PATCH", absl::StrCat(kPiece, "Upload-Offset: 0\r\n"), "12345"), 204);
  EXPECT_EQ(Offset(), "5");
  EXPECT_EQ(meant("PUT", "", ""), 405);
  EXPECT_EQ(meant("DELETE", "", ""), 204);
}

TEST_F(IncomingHttp, TusSaysWhatItCan) {
  const RawResponse options = Ask("OPTIONS", "/incoming/any-id", "");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.Header("Tus-Version"), "1.0.0");
  EXPECT_EQ(options.Header("Tus-Extension"),
            "creation,creation-with-upload,expiration,checksum,termination");
  EXPECT_EQ(options.Header("Tus-Max-Size"), std::to_string(4 << 20));
  EXPECT_EQ(options.Header("Tus-Checksum-Algorithm"), "sha1,md5,sha256,crc32,crc32c");
}

TEST_F(IncomingHttp, PagesOfAllowedOriginsMayUpload) {
  Create(SpecOf("12345"));
  const RawResponse preflight =
      Ask("OPTIONS", tus_,
          "Origin: https://photos.example\r\nAccess-Control-Request-Method: PATCH\r\n"
          "Access-Control-Request-Headers: tus-resumable,upload-offset,content-type\r\n");
  EXPECT_EQ(preflight.Header("Access-Control-Allow-Origin"), "https://photos.example");
  EXPECT_THAT(preflight.Header("Access-Control-Allow-Methods"), testing::HasSubstr("PATCH"));
  EXPECT_EQ(preflight.Header("Access-Control-Allow-Headers"),
            "tus-resumable,upload-offset,content-type");
  const RawResponse head =
      Ask("HEAD", tus_, absl::StrCat(kTus, "Origin: https://photos.example\r\n"));
  for (const char* name : {"Upload-Offset", "Upload-Length", "Tus-Resumable", "Location", "ETag"}) {
    EXPECT_THAT(head.Header("Access-Control-Expose-Headers"), testing::HasSubstr(name));
  }
  EXPECT_EQ(Ask("HEAD", tus_, absl::StrCat(kTus, "Origin: https://evil.example\r\n"))
                .Header("Access-Control-Allow-Origin"),
            "");
}

TEST_F(IncomingHttp, AFullDiskIsToldAndTheUploadGoesOnAfterwards) {
  const std::string bytes(300'000, 'b');
  Create(SpecOf(bytes));
  env_.SetFaults([](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != Op::kAppend) return std::nullopt;
    return MemoryEnv::Fault{.error = ErrnoStatus(ENOSPC, "write /data/incoming/secret/place"),
                            .short_write = std::nullopt};
  });
  const RawResponse full = Patch(0, bytes);
  EXPECT_EQ(full.status, 507);
  EXPECT_TRUE(Says(full, "NO_SPACE"));
  EXPECT_EQ(full.body.find("secret"), std::string::npos) << full.body;
  env_.SetFaults(nullptr);
  EXPECT_EQ(Offset(), "0");
  EXPECT_EQ(Patch(0, bytes).status, 204);
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of(bytes));
}

TEST_F(IncomingHttp, AnswersOnlyOnceTheBytesAreDurable) {
  const std::string bytes(100'000, 'b');
  Create(SpecOf(bytes));
  ASSERT_EQ(Patch(0, bytes.substr(0, 60'000)).status, 204);
  env_.SetFaults([](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != Op::kSyncData) return std::nullopt;
    return MemoryEnv::Fault{.error = ErrnoStatus(EIO, "fdatasync /data/x"),
                            .short_write = std::nullopt};
  });
  const RawResponse refused = Patch(60'000, bytes.substr(60'000));
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_EQ(refused.body.find("/data"), std::string::npos);
  env_.SetFaults(nullptr);
  EXPECT_EQ(Offset(), "60000");
  EXPECT_EQ(Patch(60'000, bytes.substr(60'000)).status, 204);
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of(bytes));
}

TEST_F(IncomingHttp, IdsAreNotPaths) {
  for (const char* path : {"/incoming/..%2f..%2fLOCK", "/incoming/%2e%2e", "/incoming/.",
                           "/incoming/a%00b", "/incoming/_1", "/incoming/a/b"}) {
    const int status = Ask("PUT", path, "Content-Length: 1\r\n", "x").status;
    EXPECT_TRUE(status == 403 || status == 404 || status == 400) << path << ": " << status;
  }
}

}  // namespace
}  // namespace stockroom::fileserver
