#include "services/common/base/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "tests/support/certificates.h"
#include "tests/support/temp_folder.h"

namespace stockroom {
namespace {

using ::testing::HasSubstr;

class CertificatesTest : public ::testing::Test {
 protected:
  // Waits until the watch has looked at a change.
  static void Await(const Counter& counter, uint64_t value) {
    while (counter.value() < value) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Counter& Reloads(const std::string& result) {
    return metrics_.GetCounter("stockroom_tls_reloads_total", "",
                               {{"use", "test"}, {"result", result}});
  }
  int64_t Expiry() {
    return metrics_.GetGauge("stockroom_tls_certificate_expiry_seconds", "", {{"use", "test"}})
        .value();
  }

  Metrics metrics_;
  const testing::TempFolder folder_;
  testing::TestAuthority authority_{"authority"};
};

TEST_F(CertificatesTest, APairAndItsAuthorityAreLoaded) {
  const absl::Time ends = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 3600);
  const TlsFiles files = authority_.WriteTo(folder_.path(), "server", {"localhost"}, ends);
  const auto loaded = LoadCertificates(files);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->expires, ends);
  EXPECT_EQ(loaded->ca, authority_.Pem());
}

TEST_F(CertificatesTest, WhatDoesNotFitIsNamed) {
  const TlsFiles files = authority_.WriteTo(folder_.path(), "server");
  const TlsFiles other = authority_.WriteTo(folder_.path(), "other");
  const auto error = [](const TlsFiles& f) {
    return std::string(LoadCertificates(f).status().message());
  };
  EXPECT_THAT(error({files.certificate, other.key, ""}), HasSubstr("is not the key of"));
  EXPECT_THAT(error({folder_.file("none"), files.key, ""}), HasSubstr("none: can not be read"));
  EXPECT_THAT(error({files.key, files.key, ""}), HasSubstr("holds no certificate"));
  EXPECT_THAT(error({files.certificate, files.certificate, ""}), HasSubstr("private key"));
  EXPECT_THAT(error({files.certificate, files.key, files.key}), HasSubstr("holds no certificate"));
  std::ofstream(folder_.file("huge")) << std::string(2 << 20, 'x');
  EXPECT_THAT(error({folder_.file("huge"), files.key, ""}), HasSubstr("too long"));
}

TEST_F(CertificatesTest, HalfOfAPairIsRefusedByTheNameOfItsKey) {
  EXPECT_TRUE(CheckTlsPair("rpc.tls_", "client_ca", {}).ok());
  EXPECT_TRUE(CheckTlsPair("rpc.tls_", "client_ca", {"c", "k", ""}).ok());
  EXPECT_THAT(std::string(CheckTlsPair("rpc.tls_", "client_ca", {"c", "", ""}).message()),
              HasSubstr("rpc.tls_key"));
  EXPECT_THAT(std::string(CheckTlsPair("rpc.tls_", "client_ca", {"", "k", ""}).message()),
              HasSubstr("rpc.tls_certificate"));
  EXPECT_FALSE(CheckTlsPair("rpc.tls_", "client_ca", {"", "", "a"}).ok());
  EXPECT_FALSE(CheckMutualTls("tls.", {"c", "k", ""}).ok());
  EXPECT_FALSE(CheckMutualTls("tls.", {"", "", "a"}).ok());
  EXPECT_TRUE(CheckMutualTls("tls.", {"c", "k", "a"}).ok());
  EXPECT_TRUE(CheckMutualTls("tls.", {}).ok());
}

TEST_F(CertificatesTest, ANewPairIsTakenAndABrokenOneChangesNothing) {
  const absl::Time ends = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 3600);
  const TlsFiles files = authority_.WriteTo(folder_.path(), "server", {"localhost"}, ends);
  Mutex mu;
  std::string in_use;
  auto watch = CertificateWatch::Start(
      files, {.use = "test", .every = absl::Milliseconds(1)},
      [&](const Certificates& c) {
        MutexLock lock(mu);
        in_use = c.chain;
        return absl::OkStatus();
      },
      metrics_);
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_EQ(Expiry(), absl::ToUnixSeconds(ends));
  const auto chain = [&] {
    MutexLock lock(mu);
    return in_use;
  };
  const std::string first = chain();

  // The files of a pair can not change at once: what was seen in between is only refused.
  const TlsFiles second =
      authority_.WriteTo(folder_.path(), "server", {"localhost"}, ends + absl::Hours(1));
  while (chain() == first) std::this_thread::yield();
  while (Expiry() != absl::ToUnixSeconds(ends + absl::Hours(1))) std::this_thread::yield();
  const std::string good = chain();
  Await(Reloads("taken"), 1);
  const uint64_t taken = Reloads("taken").value();

  const uint64_t refused = Reloads("refused").value();
  testing::WriteInOneStep(second.certificate, "nothing of use");
  Await(Reloads("refused"), refused + 1);
  EXPECT_EQ(chain(), good);
  EXPECT_EQ(Expiry(), absl::ToUnixSeconds(ends + absl::Hours(1)));

  const auto expired = authority_.Issue({"localhost"}, absl::Now() - absl::Minutes(1));
  testing::WriteInOneStep(second.key, expired.key);
  Await(Reloads("refused"), refused + 2);
  testing::WriteInOneStep(second.certificate, expired.chain);
  Await(Reloads("refused"), refused + 3);
  EXPECT_EQ(chain(), good);
  EXPECT_EQ(Reloads("taken").value(), taken);
}

}  // namespace
}  // namespace stockroom
