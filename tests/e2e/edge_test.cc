// TLS at every port of real processes, and one trace through all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "services/common/rpc/channel.h"
#include "tests/support/certificates.h"
#include "tests/support/cluster.h"
#include "tests/support/temp_folder.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::vector<std::string> Flags(const std::string& prefix, const std::string& ca,
                               const TlsFiles& files) {
  std::vector<std::string> flags = {"--" + prefix + "certificate=" + files.certificate,
                                    "--" + prefix + "key=" + files.key};
  if (!ca.empty()) flags.push_back("--" + prefix + ca + "=" + files.ca);
  return flags;
}

class Edge : public ::testing::Test {
 protected:
  Edge() { std::ofstream(folder_.file("image.png"), std::ios::binary) << MakePng(80, 60, 5); }

  // The line of a process's log that holds all of `parts`.
  static std::string LineOf(Cluster& cluster, const std::string& process,
                            const std::vector<std::string>& parts) {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    do {
      std::istringstream lines(cluster.LogOf(process));
      std::string line;
      while (std::getline(lines, line)) {
        const bool all = std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
          return line.find(part) != std::string::npos;
        });
        if (all) return line;
      }
      absl::SleepFor(absl::Milliseconds(20));
    } while (absl::Now() < end);
    return "";
  }

  const testing::TempFolder folder_;
  TestAuthority authority_{"the cluster's"};
};

TEST_F(Edge, AnUploadGoesThroughTlsAtEveryHopAndItsTraceWithIt) {
  const TlsFiles fileserver =
      authority_.WriteTo(folder_.path(), "fileserver", {"fileserver.internal"});
  const TlsFiles worker = authority_.WriteTo(folder_.path(), "worker", {"worker.internal"});
  const TlsFiles api = authority_.WriteTo(folder_.path(), "api", {"api.internal"});
  const TlsFiles outside =
      authority_.WriteTo(folder_.path(), "public", {"localhost", "IP:127.0.0.1"});
  Cluster::Options options{.workers = 1, .gateway_tls = true};
  options.fileserver_flags = Flags("tls.", "ca", fileserver);
  options.worker_flags = Flags("tls.", "ca", worker);
  options.worker_flags.push_back("--fileserver.tls_name=fileserver.internal");
  options.api_flags = Flags("tls.", "ca", api);
  for (const auto& flags : {Flags("gateway.tls_", "", outside), Flags("rpc.tls_", "", outside)}) {
    options.api_flags.insert(options.api_flags.end(), flags.begin(), flags.end());
  }
  options.api_flags.push_back("--fileserver.tls_name=fileserver.internal");
  options.api_flags.push_back("--workers.tls_name=worker.internal");
  Cluster cluster(options);
  const absl::Status started = cluster.StartAll();
  ASSERT_TRUE(started.ok()) << started;

  const std::string curl = "--cacert " + outside.ca + " --tlsv1.2 ";
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const CurlAnswer answer =
      Curl(curl + "-H 'traceparent: 00-" + trace + "-00f067aa0ba902b7-01' -F image=@" +
           folder_.path() + "/image.png " + cluster.gateway() + "/images");
  ASSERT_EQ(answer.status, 201) << answer.body;
  EXPECT_EQ(answer.Header("x-request-id"), trace);

  const std::string in_log = "\"trace_id\":\"" + trace + "\"";
  EXPECT_NE(LineOf(cluster, "api", {"\"request\"", in_log}), "");
  EXPECT_NE(LineOf(cluster, "fileserver", {"\"stored\"", in_log}), "");
  EXPECT_NE(LineOf(cluster, "worker-0", {"\"image processed\"", in_log}), "");

  EXPECT_NE(Curl(cluster.gateway() + "/healthz").exit_code, 0) << "an authority it does not know";
  const std::string plain = "http" + cluster.gateway().substr(5);
  EXPECT_NE(Curl(plain + "/healthz").exit_code, 0);
  const CurlAnswer metrics = Curl(curl + cluster.gateway() + "/metrics");
  EXPECT_THAT(metrics.body, HasSubstr("stockroom_tls_certificate_expiry_seconds{use=\"gateway\"}"));
  EXPECT_THAT(metrics.body,
              HasSubstr("stockroom_tls_certificate_expiry_seconds{use=\"internal\"}"));
  EXPECT_FALSE(Client(cluster.rpc_address()).Get("0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f").ok())
      << "plain text at the public gRPC port";
}

TEST_F(Edge, HalfOfAPairStopsTheStartAndNamesTheKey) {
  const TlsFiles files = authority_.WriteTo(folder_.path(), "x");
  const auto error = [](const Cluster::Options& options) {
    Cluster cluster(options);
    return std::string(cluster.StartAll().message());
  };
  EXPECT_THAT(error({.workers = 0, .fileserver_flags = {"--tls.certificate=" + files.certificate}}),
              HasSubstr("tls.key"));
  EXPECT_THAT(error({.workers = 0, .api_flags = {"--gateway.tls_key=" + files.key}}),
              HasSubstr("gateway.tls_certificate"));
  EXPECT_THAT(error({.workers = 1,
                     .api_flags = {"--rpc.tls_certificate=" + files.certificate,
                                   "--rpc.tls_key=" + files.certificate}}),
              HasSubstr("private key"));
}

}  // namespace
}  // namespace stockroom::testing
