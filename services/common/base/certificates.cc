#include "services/common/base/certificates.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/files.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

// Chains and authorities have some KiB; a path that leads elsewhere must not fill the memory.
constexpr int64_t kMaxFileBytes = 1 << 20;

struct Free {
  void operator()(BIO* p) const { BIO_free_all(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Cert = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

absl::Status Bad(const std::string& path, std::string_view what) {
  ERR_clear_error();
  return InvalidArgument("BAD_CERTIFICATE", absl::StrCat(path, ": ", Av(what)));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFileAtMost(path, kMaxFileBytes);
  if (absl::IsOutOfRange(text.status())) return Bad(path, "is too long for a PEM file");
  if (!text.ok() || text->empty()) return Bad(path, "can not be read, or is empty");
  return text;
}

Bio Reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::vector<Cert> ReadCertificates(const std::string& pem) {
  std::vector<Cert> all;
  const Bio bio = Reader(pem);
  while (Cert cert{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    all.push_back(std::move(cert));
  }
  ERR_clear_error();  // the end of the file is an error to OpenSSL
  return all;
}

absl::Time EndOf(const Cert& cert) {
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(cert.get()), &end) != 1) return absl::InfinitePast();
  return absl::FromTM(end, absl::UTCTimeZone());
}

// An encrypted key would ask on the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

absl::Status LoadPair(const TlsFiles& files, Certificates& out) {
  SR_ASSIGN_OR_RETURN(out.chain, ReadFile(files.certificate));
  SR_ASSIGN_OR_RETURN(out.key, ReadFile(files.key));
  const std::vector<Cert> chain = ReadCertificates(out.chain);
  if (chain.empty()) return Bad(files.certificate, "holds no certificate (PEM)");
  const Key key(PEM_read_bio_PrivateKey(Reader(out.key).get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) return Bad(files.key, "holds no unencrypted private key (PEM)");
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    return Bad(files.key, absl::StrCat("is not the key of the certificate in ", files.certificate));
  }
  out.expires = EndOf(chain.front());
  return absl::OkStatus();
}

absl::Status LoadAuthorities(const TlsFiles& files, Certificates& out) {
  SR_ASSIGN_OR_RETURN(out.ca, ReadFile(files.ca));
  const std::vector<Cert> all = ReadCertificates(out.ca);
  if (all.empty()) return Bad(files.ca, "holds no certificate (PEM)");
  if (!out.chain.empty()) return absl::OkStatus();
  for (const Cert& cert : all) out.expires = std::min(out.expires, EndOf(cert));
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTlsPair(std::string_view prefix, std::string_view ca, const TlsFiles& files) {
  if (files.empty() || files.HasPair()) return absl::OkStatus();
  const std::string certificate = absl::StrCat(Av(prefix), "certificate");
  const std::string key = absl::StrCat(Av(prefix), "key");
  if (files.certificate.empty() && files.key.empty()) {
    return InvalidField(absl::StrCat(Av(prefix), Av(ca)),
                        absl::StrCat("needs ", certificate, " and ", key));
  }
  return files.key.empty() ? InvalidField(certificate, absl::StrCat("needs ", key, " with it"))
                           : InvalidField(key, absl::StrCat("needs ", certificate, " with it"));
}

absl::Status CheckMutualTls(std::string_view prefix, const TlsFiles& files) {
  SR_RETURN_IF_ERROR(CheckTlsPair(prefix, "ca", files));
  if (files.HasPair() && files.ca.empty()) {
    return InvalidField(absl::StrCat(Av(prefix), "certificate"),
                        absl::StrCat("needs ", Av(prefix), "ca with it: the processes of a ",
                                     "Stockroom identify each other, or speak without TLS"));
  }
  return absl::OkStatus();
}

void DeclareTls(ConfigSchema& schema, std::string_view prefix, std::string_view ca, TlsFiles* files,
                std::string_view use, std::string_view ca_use) {
  schema.Text(absl::StrCat(Av(prefix), "certificate"), &files->certificate,
              absl::StrCat(Av(use),
                           " PEM file of the certificate chain, own certificate first; "
                           "read again when it changes. Empty: no TLS."));
  schema.Text(absl::StrCat(Av(prefix), "key"), &files->key,
              "PEM file of that certificate's private key, unencrypted.");
  schema.Text(absl::StrCat(Av(prefix), Av(ca)), &files->ca, std::string(ca_use));
}

absl::StatusOr<Certificates> LoadCertificates(const TlsFiles& files) {
  Certificates loaded;
  if (files.HasPair()) SR_RETURN_IF_ERROR(LoadPair(files, loaded));
  if (!files.ca.empty()) SR_RETURN_IF_ERROR(LoadAuthorities(files, loaded));
  return loaded;
}

CertificateWatch::CertificateWatch(TlsFiles files, Options options, Use use, Metrics& metrics)
    : files_(std::move(files)),
      options_(std::move(options)),
      use_(std::move(use)),
      expiry_(metrics.GetGauge("stockroom_tls_certificate_expiry_seconds",
                               "When the certificate in use ends, as Unix time.",
                               {{"use", options_.use}})),
      reloaded_(metrics.GetCounter("stockroom_tls_reloads_total",
                                   "Changed certificate files: taken, or refused and the old kept.",
                                   {{"use", options_.use}, {"result", "taken"}})),
      kept_(metrics.GetCounter("stockroom_tls_reloads_total",
                               "Changed certificate files: taken, or refused and the old kept.",
                               {{"use", options_.use}, {"result", "refused"}})) {}

absl::StatusOr<std::unique_ptr<CertificateWatch>> CertificateWatch::Start(TlsFiles files,
                                                                          Options options, Use use,
                                                                          Metrics& metrics) {
  std::unique_ptr<CertificateWatch> watch(
      new CertificateWatch(std::move(files), std::move(options), std::move(use), metrics));
  watch->seen_ = watch->Stamp();
  SR_RETURN_IF_ERROR(watch->Load());
  watch->thread_ = std::thread([raw = watch.get()] { raw->Run(); });
  return watch;
}

CertificateWatch::~CertificateWatch() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status CertificateWatch::Load() {
  SR_ASSIGN_OR_RETURN(const Certificates loaded, LoadCertificates(files_));
  const absl::Time now = absl::Now();
  if (loaded.expires <= now) {
    if (expires_ > now) {
      return InvalidArgument("BAD_CERTIFICATE", absl::StrCat(files_.certificate, ": has expired"));
    }
    LogWarning("the TLS certificate has expired", {{"use", options_.use}});
  }
  SR_RETURN_IF_ERROR(use_(loaded));
  expires_ = loaded.expires;
  expiry_.Set(absl::ToUnixSeconds(loaded.expires));
  return absl::OkStatus();
}

// Changes whenever a file is replaced or written; symbolic links are followed, as Kubernetes swaps
// those.
std::string CertificateWatch::Stamp() const {
  std::string stamp;
  for (const std::string& path : {files_.certificate, files_.key, files_.ca}) {
    struct stat found {};
    if (path.empty() || ::stat(path.c_str(), &found) != 0) found = {};
    absl::StrAppend(&stamp, found.st_dev, ":", found.st_ino, ":", found.st_size, ":",
                    found.st_mtim.tv_sec, ".", found.st_mtim.tv_nsec, " ");
  }
  return stamp;
}

void CertificateWatch::LookAgain() {
  const std::string stamp = Stamp();
  if (stamp == seen_) return;
  const absl::Status loaded = Load();
  // Written while it was read: once more next time.
  if (Stamp() == stamp) seen_ = stamp;
  if (loaded.ok()) {
    reloaded_.Add();
    LogInfo("new TLS certificate",
            {{"use", options_.use}, {"expires", absl::FormatTime(expires_, absl::UTCTimeZone())}});
  } else {
    kept_.Add();
    LogError("the new TLS certificate can not be used; the old one stays",
             {{"use", options_.use}, {"error", loaded}});
  }
}

void CertificateWatch::Run() {
  MutexLock lock(mu_);
  while (!stopping_) {
    changed_.WaitFor(mu_, options_.every);
    if (stopping_) return;
    mu_.Unlock();
    LookAgain();
    mu_.Lock();
  }
}

}  // namespace stockroom
