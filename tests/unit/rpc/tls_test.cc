#include "services/common/rpc/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "absl/time/clock.h"
#include "services/common/rpc/channel.h"
#include "services/common/rpc/server.h"
#include "services/common/rpc/status.h"
#include "stockroom/internal/blobs.grpc.pb.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_folder.h"

namespace stockroom::rpc {
namespace {

using ::testing::HasSubstr;

class Answering final : public internal::BlobService::CallbackService {
 public:
  grpc::ServerUnaryReactor* StatBlob(grpc::CallbackServerContext* context,
                                     const internal::StatBlobRequest*,
                                     internal::BlobInfo*) override {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

class TlsTest : public ::testing::Test {
 protected:
  ~TlsTest() override { server_.reset(); }
  std::shared_ptr<TlsCertificates> Load(const TlsFiles& files) {
    auto made =
        TlsCertificates::Start(files, {.use = "test", .every = absl::Milliseconds(5)}, metrics_);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *made : nullptr;
  }
  void StartServer(const TlsFiles& files) {
    auto server = Server::Start({.listen = "127.0.0.1:0", .tls = Load(files)}, {&service_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  // One call over a connection of its own.
  absl::Status Call(const PeerTls& tls) {
    const auto channel = MakeChannel("127.0.0.1:" + std::to_string(server_->port()),
                                     {.pool_index = next_channel_++, .tls = tls});
    const auto stub = internal::BlobService::NewStub(channel);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    internal::BlobInfo response;
    return FromGrpc(stub->StatBlob(&context, {}, &response));
  }

  Metrics metrics_;
  const testing::TempFolder folder_;
  testing::TestAuthority authority_{"ours"};
  testing::TestAuthority stranger_{"a stranger"};
  Answering service_;
  std::unique_ptr<Server> server_;
  int next_channel_ = 0;
};

TEST_F(TlsTest, AClientSpeaksToTheServerThatItTrustsAndToNoOther) {
  const TlsFiles files = authority_.WriteTo(folder_.path(), "server");
  StartServer({files.certificate, files.key, ""});
  EXPECT_TRUE(Call({Load({"", "", files.ca}), ""}).ok());

  std::filesystem::create_directory(folder_.file("stranger"));
  const TlsFiles others = stranger_.WriteTo(folder_.file("stranger"), "x");
  EXPECT_TRUE(absl::IsUnavailable(Call({Load({"", "", others.ca}), ""})));
  EXPECT_TRUE(absl::IsUnavailable(Call({}))) << "plain";
}

TEST_F(TlsTest, TheNameInTheCertificateCounts) {
  const TlsFiles files = authority_.WriteTo(folder_.path(), "server", {"fileserver.internal"});
  StartServer({files.certificate, files.key, ""});
  const auto client = Load({"", "", files.ca});
  EXPECT_TRUE(absl::IsUnavailable(Call({client, ""}))) << "it is no certificate for 127.0.0.1";
  EXPECT_TRUE(Call({client, "fileserver.internal"}).ok());
  EXPECT_TRUE(absl::IsUnavailable(Call({client, "worker.internal"})));
}

TEST_F(TlsTest, MutualTlsWantsAClientCertificateOfTheSameAuthority) {
  const TlsFiles files = authority_.WriteTo(folder_.path(), "server");
  StartServer(files);
  EXPECT_TRUE(absl::IsUnavailable(Call({Load({"", "", files.ca}), ""}))) << "no certificate";
  std::filesystem::create_directory(folder_.file("stranger"));
  TlsFiles others = stranger_.WriteTo(folder_.file("stranger"), "client");
  others.ca = files.ca;
  EXPECT_TRUE(absl::IsUnavailable(Call({Load(others), ""}))) << "a stranger's certificate";
  EXPECT_TRUE(Call({Load(authority_.WriteTo(folder_.path(), "client")), ""}).ok());
}

TEST_F(TlsTest, NewFilesAreUsedAndBrokenOnesAreNot) {
  const TlsFiles files = authority_.WriteTo(folder_.path(), "server");
  StartServer({files.certificate, files.key, ""});
  std::filesystem::create_directory(folder_.file("new"));
  const std::string next_ca = folder_.file("new/ca.crt");
  testing::WriteInOneStep(next_ca, stranger_.Pem());
  const auto old_client = Load({"", "", files.ca});
  const auto next_client = Load({"", "", next_ca});
  ASSERT_TRUE(Call({old_client, ""}).ok());

  const auto refused = [&]() -> Counter& {
    return metrics_.GetCounter("stockroom_tls_reloads_total", "",
                               {{"use", "test"}, {"result", "refused"}});
  };
  const uint64_t before = refused().value();
  testing::WriteInOneStep(files.certificate, "broken");
  while (refused().value() == before) std::this_thread::yield();
  // Longer than gRPC's own watcher takes.
  for (int i = 0; i < 15; ++i) {
    ASSERT_TRUE(Call({old_client, ""}).ok());
    absl::SleepFor(absl::Milliseconds(100));
  }

  const auto made = stranger_.Issue({"localhost", "IP:127.0.0.1"});
  testing::WriteInOneStep(files.key, made.key);
  testing::WriteInOneStep(files.certificate, made.chain);
  absl::Status called;
  for (int i = 0; i < 200 && !(called = Call({next_client, ""})).ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_TRUE(called.ok()) << called;
}

TEST_F(TlsTest, WithoutFilesThereIsNoTls) {
  const auto made = TlsCertificates::Start({}, {.use = "test"}, metrics_);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(*made, nullptr);
  EXPECT_FALSE(TlsCertificates::Start({"/none", "/none", ""}, {.use = "test"}, metrics_).ok());
}

}  // namespace
}  // namespace stockroom::rpc
