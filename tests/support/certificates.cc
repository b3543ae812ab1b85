#include "tests/support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"

namespace stockroom::testing {
namespace {

void Require(bool done) {
  if (!done) std::abort();
}

template <typename Write>
std::string Text(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  Require(write(bio) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

void Extend(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  Require(extension != nullptr && X509_add_ext(cert, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

X509* NewCertificate(const std::string& name, EVP_PKEY* key, absl::Time ends) {
  X509* cert = X509_new();
  Require(X509_set_version(cert, 2) == 1);
  uint64_t serial = 0;
  Require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  Require(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) == 1);
  ASN1_TIME_set(X509_getm_notBefore(cert), absl::ToTimeT(absl::Now() - absl::Hours(1)));
  ASN1_TIME_set(X509_getm_notAfter(cert), absl::ToTimeT(ends));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  Require(X509_set_pubkey(cert, key) == 1);
  return cert;
}

}  // namespace

struct TestAuthority::Pair {
  explicit Pair(const std::string& name, absl::Time ends)
      : key(EVP_EC_gen("P-256")), cert(NewCertificate(name, key, ends)) {}
  ~Pair() {
    X509_free(cert);
    EVP_PKEY_free(key);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  EVP_PKEY* const key;
  X509* const cert;
};

TestAuthority::TestAuthority(std::string_view name)
    : own_(std::make_unique<Pair>(std::string(name), absl::Now() + absl::Hours(240))) {
  X509_set_issuer_name(own_->cert, X509_get_subject_name(own_->cert));
  Extend(own_->cert, own_->cert, NID_basic_constraints, "critical,CA:TRUE");
  Require(X509_sign(own_->cert, own_->key, EVP_sha256()) > 0);
}

TestAuthority::~TestAuthority() = default;

TestAuthority::Made TestAuthority::Issue(const std::vector<std::string>& names,
                                         absl::Time ends) const {
  const Pair made(names.front(), ends);
  X509_set_issuer_name(made.cert, X509_get_subject_name(own_->cert));
  std::string alternatives;
  for (const std::string& name : names) {
    if (!alternatives.empty()) alternatives += ",";
    alternatives += name.substr(0, 3) == "IP:" ? name : "DNS:" + name;
  }
  Extend(made.cert, own_->cert, NID_subject_alt_name, alternatives);
  Require(X509_sign(made.cert, own_->key, EVP_sha256()) > 0);
  return {Text([&](BIO* bio) { return PEM_write_bio_X509(bio, made.cert); }), Text([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, made.key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

std::string TestAuthority::Pem() const {
  return Text([&](BIO* bio) { return PEM_write_bio_X509(bio, own_->cert); });
}

TlsFiles TestAuthority::WriteTo(const std::string& directory, const std::string& stem,
                                const std::vector<std::string>& names, absl::Time ends) const {
  const Made made = Issue(names, ends);
  TlsFiles files{directory + "/" + stem + ".crt", directory + "/" + stem + ".key",
                 directory + "/ca.crt"};
  WriteInOneStep(files.ca, Pem());
  WriteInOneStep(files.key, made.key);
  WriteInOneStep(files.certificate, made.chain);
  return files;
}

void WriteInOneStep(const std::string& path, std::string_view text) {
  std::ofstream(path + ".new", std::ios::binary) << text;
  std::filesystem::rename(path + ".new", path);
}

}  // namespace stockroom::testing
