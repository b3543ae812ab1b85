// Certificate, key and authorities from PEM files, checked, and loaded again when the files change.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/config.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom {

struct TlsFiles {
  std::string certificate;  // the chain, own certificate first
  std::string key;          // unencrypted
  std::string ca;           // whom to trust; its use is the listener's or the channel's

  bool empty() const { return certificate.empty() && key.empty() && ca.empty(); }
  bool HasPair() const { return !certificate.empty() && !key.empty(); }
};

// INVALID_ARGUMENT if only one of certificate and key is given, or an authority without them.
// `prefix` is how the keys begin in the configuration ("rpc.tls_"), `ca` what follows for `ca`.
absl::Status CheckTlsPair(std::string_view prefix, std::string_view ca, const TlsFiles& files);

// What connects the processes of a Stockroom is either plain or mutual TLS. INVALID_ARGUMENT if
// some of the three are given and others not.
absl::Status CheckMutualTls(std::string_view prefix, const TlsFiles& files);

// Declares <prefix>certificate, <prefix>key, <prefix><ca>; `use` says what the three are for.
void DeclareTls(ConfigSchema& schema, std::string_view prefix, std::string_view ca, TlsFiles* files,
                std::string_view use, std::string_view ca_use);

struct Certificates {
  std::string chain;  // PEM; empty if there is none
  std::string key;
  std::string ca;
  // When the first certificate of the chain ends; of authorities alone: when the first of them
  // does.
  absl::Time expires = absl::InfiniteFuture();
};

// Reads the files that are named. INVALID_ARGUMENT names the file that can not be read or holds no
// PEM of its kind, and a key that is not the certificate's.
absl::StatusOr<Certificates> LoadCertificates(const TlsFiles& files);

// Looks at the files again and again, on a thread of its own, and hands out what it loads. A new
// set that is broken, or has expired while the one in use has not, changes nothing: it is logged
// once and counted. Metrics: stockroom_tls_certificate_expiry_seconds{use} (Unix time),
// stockroom_tls_reloads_total{use,result}.
class CertificateWatch {
 public:
  struct Options {
    std::string use;  // "gateway", "rpc", …: for logs and metrics
    absl::Duration every = absl::Seconds(10);
  };
  // Called before Start returns and then on the watch's thread; an error keeps the old ones.
  using Use = std::function<absl::Status(const Certificates&)>;

  // The error of the first load or use. `metrics` must outlive the watch.
  static absl::StatusOr<std::unique_ptr<CertificateWatch>> Start(TlsFiles files, Options options,
                                                                 Use use, Metrics& metrics);
  // Waits for a `use` that runs.
  ~CertificateWatch();

 private:
  CertificateWatch(TlsFiles files, Options options, Use use, Metrics& metrics);
  absl::Status Load();
  void LookAgain();
  void Run();
  std::string Stamp() const;

  const TlsFiles files_;
  const Options options_;
  const Use use_;
  Gauge& expiry_;
  Counter& reloaded_;
  Counter& kept_;
  absl::Time expires_ = absl::InfinitePast();
  std::string seen_;

  Mutex mu_;
  CondVar changed_;
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace stockroom
