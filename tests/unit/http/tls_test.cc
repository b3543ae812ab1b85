#include "services/common/http/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "services/common/http/connection.h"
#include "services/common/http/problem.h"
#include "services/common/http/server.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/http/raw_client.h"
#include "tests/unit/http/test_file.h"

namespace stockroom::http {
namespace {

using ::testing::HasSubstr;

// OpenSSL over a RawClient's socket, as much of a client as the tests need.
class TlsClient {
 public:
  struct Options {
    std::string ca;           // PEM file; whom to trust
    std::string certificate;  // own, "" for none
    std::string key;
    std::string alpn;  // one protocol, "" for no ALPN
    int max_version = 0;
    std::string ciphers;
  };
  TlsClient(int port, const Options& options) : socket_(port) {
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    EXPECT_EQ(SSL_CTX_load_verify_locations(context_, options.ca.c_str(), nullptr), 1);
    if (!options.certificate.empty()) {
      SSL_CTX_use_certificate_chain_file(context_, options.certificate.c_str());
      SSL_CTX_use_PrivateKey_file(context_, options.key.c_str(), SSL_FILETYPE_PEM);
    }
    if (options.max_version != 0) SSL_CTX_set_max_proto_version(context_, options.max_version);
    // The oldest versions are off below security level 0.
    if (!options.ciphers.empty()) {
      EXPECT_EQ(SSL_CTX_set_cipher_list(context_, options.ciphers.c_str()), 1);
    }
    ssl_ = SSL_new(context_);
    if (!options.alpn.empty()) {
      const std::string wire = static_cast<char>(options.alpn.size()) + options.alpn;
      SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(wire.data()),
                          static_cast<unsigned>(wire.size()));
    }
    SSL_set_fd(ssl_, socket_.fd());
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ERR_clear_error();
  }

  bool connected() const { return connected_; }
  SSL* ssl() { return ssl_; }
  std::string Alpn() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  bool Send(std::string_view text) {
    return SSL_write(ssl_, text.data(), static_cast<int>(text.size())) ==
           static_cast<int>(text.size());
  }
  // Until `end` is in what came, or the connection ended.
  std::string ReceiveUntil(std::string_view end) {
    std::string got;
    char piece[16384];
    while (end.empty() || got.find(end) == std::string::npos) {
      const int n = SSL_read(ssl_, piece, sizeof piece);
      if (n <= 0) {
        end_ = SSL_get_error(ssl_, n);
        break;
      }
      got.append(piece, static_cast<size_t>(n));
    }
    return got;
  }
  // Of the last ReceiveUntil: the server said goodbye properly.
  bool Closed() const { return end_ == SSL_ERROR_ZERO_RETURN; }
  void SayGoodbye() { SSL_shutdown(ssl_); }
  void FinishSending() { socket_.FinishSending(); }
  void ResetSocket() { socket_.Reset(); }

 private:
  RawClient socket_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
  int end_ = 0;
};

constexpr char kHello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr char kHelloClose[] = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

class TlsServerTest : public ::testing::Test {
 protected:
  TlsServerTest() {
    files_ = authority_.WriteTo(folder_.path(), "server");
    options_.listen = "127.0.0.1:0";
    options_.tls = {files_.certificate, files_.key, ""};
    options_.tls_look_every = absl::Milliseconds(2);
  }
  ~TlsServerTest() override { server_.reset(); }
  void Start() {
    Router router;
    ASSERT_TRUE(router
                    .AddPlain("GET", "/hello", {},
                              [](Request&) { return Response::Text(200, "text/plain", "hello"); })
                    .ok());
    ASSERT_TRUE(router
                    .AddPlain("GET", "/large", {},
                              [](Request&) {
                                return Response::Text(200, "text/plain",
                                                      std::string(3'000'000, 'x') + "END");
                              })
                    .ok());
    RouteOptions large;
    large.max_body_bytes = 8 << 20;
    ASSERT_TRUE(router
                    .Add("POST", "/count", large,
                         [](Request& request) -> Task<Response> {
                           const auto body = co_await ReadAll(*request.body, 8 << 20);
                           if (!body.ok()) co_return ProblemResponse(body.status(), "");
                           co_return Response::Text(200, "text/plain",
                                                    std::to_string(body->size()) + "END");
                         })
                    .ok());
    ASSERT_TRUE(router
                    .Add("GET", "/wait", {},
                         [this](Request& request) -> Task<Response> {
                           std::unique_ptr<Cancellation::Registration> watch;
                           auto start = [&](auto done) {
                             auto shared = std::make_shared<decltype(done)>(std::move(done));
                             watch = request.context.cancellation->OnCancel([this, shared] {
                               cancelled_.set_value();
                               (*shared)(499);
                             });
                             entered_.set_value();
                           };
                           const int status = co_await AwaitCallback<int>(start);
                           watch.reset();
                           co_return Response::Text(status, "text/plain", "");
                         })
                    .ok());
    ASSERT_TRUE(router
                    .AddPlain("GET", "/file", {},
                              [this](Request&) {
                                Response response;
                                response.file = file_.Body(disk_);
                                return response;
                              })
                    .ok());
    auto server = Server::Start(options_, std::move(router), metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  TlsClient Connect(TlsClient::Options options = {}) {
    if (options.ca.empty()) options.ca = files_.ca;
    return TlsClient(server_->port(), options);
  }
  uint64_t FailedHandshakes() {
    return metrics_.GetCounter("stockroom_http_failed_handshakes_total", "").value();
  }
  int64_t OpenConnections() { return metrics_.GetGauge("stockroom_http_connections", "").value(); }

  testing::TestAuthority authority_{"ours"};
  const testing::TempFolder folder_;
  TlsFiles files_;
  Metrics metrics_;
  Executor disk_{{.name = "disk", .threads = 1, .max_queued = 8}, metrics_};
  TestFile file_{1'000'003};
  ServerOptions options_;
  std::promise<void> entered_;
  std::promise<void> cancelled_;
  std::unique_ptr<Server> server_;
};

TEST_F(TlsServerTest, RequestsAreAnsweredOnOneConnectionAndItEndsWithAGoodbye) {
  Start();
  TlsClient client = Connect({.alpn = "http/1.1"});
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.Alpn(), "http/1.1");
  EXPECT_EQ(SSL_version(client.ssl()), TLS1_3_VERSION);
  ASSERT_TRUE(client.Send(kHello));
  EXPECT_THAT(client.ReceiveUntil("hello"), HasSubstr("200 OK"));
  ASSERT_TRUE(client.Send(kHelloClose));
  EXPECT_THAT(client.ReceiveUntil(""), HasSubstr("hello"));
  EXPECT_TRUE(client.Closed());
}

TEST_F(TlsServerTest, LargeAnswersAndBodiesGoThroughWhole) {
  Start();
  TlsClient client = Connect();
  ASSERT_TRUE(client.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_GT(client.ReceiveUntil("END").size(), 3'000'000u);
  ASSERT_TRUE(client.Send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n"));
  ASSERT_TRUE(client.Send(std::string(5'000'000, 'y')));
  EXPECT_THAT(client.ReceiveUntil("END"), HasSubstr("5000000END"));
}

TEST_F(TlsServerTest, FilesGoThroughWholeWhetherTheyAreInMemoryOrNot) {
  Start();
  TlsClient client = Connect();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(client.Send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n"));
    const std::string end = file_.bytes().substr(file_.bytes().size() - 1000);
    const std::string got = client.ReceiveUntil(end);
    EXPECT_TRUE(got.substr(got.find("\r\n\r\n") + 4) == file_.bytes());
    file_.MakeCold();
  }
}

TEST_F(TlsServerTest, AFileThatIsTooShortIsAnErrorAndOneThatIsCutBreaksTheConnectionOff) {
  Start();
  TlsClient client = Connect();
  file_.Cut(500'000);  // within the second slice
  ASSERT_TRUE(client.Send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n"));
  const std::string got = client.ReceiveUntil("");
  EXPECT_THAT(got, HasSubstr("Content-Length: 1000003"));
  EXPECT_LT(got.size(), 500'000u);
  file_.Cut(1000);
  TlsClient other = Connect();
  ASSERT_TRUE(other.Send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_THAT(other.ReceiveUntil("request_id"), HasSubstr("HTTP/1.1 500 "));
}

TEST_F(TlsServerTest, OldVersionsWeakCiphersAndOtherProtocolsAreRefused) {
  Start();
  EXPECT_FALSE(Connect({.max_version = TLS1_1_VERSION, .ciphers = "ALL:@SECLEVEL=0"}).connected());
  EXPECT_FALSE(Connect({.max_version = TLS1_2_VERSION, .ciphers = "AES128-SHA"}).connected());
  EXPECT_TRUE(Connect({.max_version = TLS1_2_VERSION}).connected());
  EXPECT_FALSE(Connect({.alpn = "h2"}).connected());
  EXPECT_TRUE(Connect().connected()) << "without ALPN";
}

TEST_F(TlsServerTest, PlainTextIsNoHandshake) {
  Start();
  RawClient client(server_->port());
  client.Send(kHello);
  EXPECT_EQ(client.Receive().status, 0);
  EXPECT_EQ(FailedHandshakes(), 1u);
}

TEST_F(TlsServerTest, AHandshakeThatStallsIsCutOff) {
  options_.handshake_deadline = absl::Milliseconds(50);
  Start();
  RawClient silent(server_->port());
  EXPECT_TRUE(silent.ClosedSilently());
  RawClient half(server_->port());
  half.Send(std::string("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_TRUE(half.ClosedSilently());
  EXPECT_EQ(FailedHandshakes(), 2u);
}

TEST_F(TlsServerTest, RenegotiationIsRefused) {
  Start();
  TlsClient client = Connect({.max_version = TLS1_2_VERSION});
  ASSERT_TRUE(client.connected());
  ASSERT_EQ(SSL_renegotiate(client.ssl()), 1);
  const bool renegotiated = SSL_do_handshake(client.ssl()) == 1 && client.Send(kHello) &&
                            SSL_renegotiate_pending(client.ssl()) == 0 &&
                            SSL_num_renegotiations(client.ssl()) > 0 &&
                            client.ReceiveUntil("hello").find("200 OK") != std::string::npos;
  EXPECT_FALSE(renegotiated);
}

TEST_F(TlsServerTest, WithAnAuthorityClientsNeedACertificateOfIt) {
  options_.tls.ca = files_.ca;
  Start();
  const auto ask = [&](const TlsClient::Options& options) {
    TlsClient client = Connect(options);
    // In TLS 1.3 the client learns that it was refused when it reads.
    return client.Send(kHello) && !client.ReceiveUntil("hello").empty();
  };
  EXPECT_FALSE(ask({}));
  const TlsFiles own = authority_.WriteTo(folder_.path(), "client");
  EXPECT_TRUE(ask({.certificate = own.certificate, .key = own.key}));
  std::filesystem::create_directory(folder_.file("stranger"));
  const TlsFiles other =
      testing::TestAuthority("a stranger").WriteTo(folder_.file("stranger"), "client");
  EXPECT_FALSE(ask({.certificate = other.certificate, .key = other.key}));
}

TEST_F(TlsServerTest, ANewCertificateIsServedAndRunningConnectionsLiveOn) {
  Start();
  TlsClient old = Connect();
  ASSERT_TRUE(old.Send(kHello));
  ASSERT_THAT(old.ReceiveUntil("hello"), HasSubstr("200"));

  const testing::TestAuthority next("the next");
  const std::string next_ca = folder_.file("next.crt");
  testing::WriteInOneStep(next_ca, next.Pem());
  EXPECT_FALSE(Connect({.ca = next_ca}).connected());
  const auto made = next.Issue({"localhost"});
  testing::WriteInOneStep(files_.key, made.key);
  testing::WriteInOneStep(files_.certificate, made.chain);
  while (!Connect({.ca = next_ca}).connected()) std::this_thread::yield();

  ASSERT_TRUE(old.Send(kHello));
  EXPECT_THAT(old.ReceiveUntil("hello"), HasSubstr("200"));
}

TEST_F(TlsServerTest, ABrokenPairKeepsTheOldOne) {
  Start();
  testing::WriteInOneStep(files_.certificate, "-----BEGIN CERTIFICATE-----\nbroken\n");
  Counter& refused = metrics_.GetCounter("stockroom_tls_reloads_total", "",
                                         {{"use", "gateway"}, {"result", "refused"}});
  while (refused.value() == 0) std::this_thread::yield();
  EXPECT_TRUE(Connect().connected());
  EXPECT_GT(metrics_.GetGauge("stockroom_tls_certificate_expiry_seconds", "", {{"use", "gateway"}})
                .value(),
            absl::ToUnixSeconds(absl::Now()));
}

TEST_F(TlsServerTest, AClientThatSaysGoodbyeAndGoesCancelsItsRequest) {
  Start();
  TlsClient client = Connect();
  ASSERT_TRUE(client.Send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
  entered_.get_future().wait();
  client.SayGoodbye();
  client.ResetSocket();
  EXPECT_EQ(cancelled_.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(TlsServerTest, AClientThatOnlySaysGoodbyeGetsItsAnswer) {
  Start();
  TlsClient client = Connect();
  ASSERT_TRUE(client.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  client.SayGoodbye();
  client.FinishSending();
  EXPECT_GT(client.ReceiveUntil("END").size(), 3'000'000u);
}

TEST_F(TlsServerTest, BodiesHaveTheTimeOfARecordMore) {
  options_.min_bytes_per_second = 1 << 10;
  options_.grace = absl::Seconds(10);
  ServerState state(options_, Router(), metrics_);
  EXPECT_EQ(state.BodyPace().grace, absl::Seconds(10));
  state.tls = TlsListener::Start(options_.tls, {"gateway", absl::Hours(1)}, metrics_).value();
  EXPECT_EQ(state.BodyPace().grace, absl::Seconds(26));
  EXPECT_EQ(state.AnswerPace().grace, absl::Seconds(10)) << "what the client acknowledges shows";
}

TEST_F(TlsServerTest, AClientThatTakesNothingIsGivenUp) {
  options_.write_idle_timeout = absl::Milliseconds(100);
  options_.linger = absl::Milliseconds(100);
  Start();
  TlsClient client = Connect();
  std::string many;
  for (int i = 0; i < 20; ++i) many += "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_TRUE(client.Send(many));
  while (OpenConnections() > 0) std::this_thread::yield();
}

TEST_F(TlsServerTest, DrainingEndsIdleConnections) {
  Start();
  TlsClient client = Connect();
  ASSERT_TRUE(client.Send(kHello));
  ASSERT_THAT(client.ReceiveUntil("hello"), HasSubstr("200"));
  server_->Drain(absl::Seconds(20));
  EXPECT_EQ(OpenConnections(), 0);
}

TEST_F(TlsServerTest, DrainingDoesNotWaitForHandshakes) {
  options_.handshake_deadline = absl::Hours(1);
  Start();
  RawClient silent(server_->port());
  while (OpenConnections() == 0) std::this_thread::yield();
  server_->Drain(absl::Hours(1));
  EXPECT_TRUE(silent.ClosedSilently());
}

TEST_F(TlsServerTest, FilesThatDoNotFitStopTheStart) {
  Metrics metrics;
  ServerOptions options = options_;
  options.tls.key = "";
  EXPECT_FALSE(Server::Start(options, Router(), metrics).ok());
  options.tls.key = files_.certificate;
  EXPECT_FALSE(Server::Start(options, Router(), metrics).ok());
}

}  // namespace
}  // namespace stockroom::http
