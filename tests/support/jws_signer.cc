#include "tests/support/jws_signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>

#include "services/common/base/strings.h"

namespace stockroom::test {
namespace {

void Require(bool fine, const char* what) {
  if (fine) return;
  std::fprintf(stderr, "JwsSigner: %s\n", what);
  std::abort();
}

const EVP_MD* HashOf(const std::string& alg) {
  if (alg.ends_with("256")) return EVP_sha256();
  if (alg.ends_with("384")) return EVP_sha384();
  return alg.ends_with("512") ? EVP_sha512() : nullptr;
}

size_t CoordinateBytes(const std::string& alg) {
  return alg == "ES256" ? 32 : alg == "ES384" ? 48 : 66;
}

const char* CurveName(const std::string& alg) {
  return alg == "ES256" ? "P-256" : alg == "ES384" ? "P-384" : "P-521";
}

std::string Number(const BIGNUM* n, size_t bytes) {
  std::string text(bytes, '\0');
  BN_bn2binpad(n, reinterpret_cast<unsigned char*>(text.data()), static_cast<int>(bytes));
  return text;
}

std::string NumberOf(EVP_PKEY* key, const char* name, size_t bytes) {
  BIGNUM* n = nullptr;
  Require(EVP_PKEY_get_bn_param(key, name, &n) == 1, "no such number");
  std::string text = Number(n, bytes == 0 ? static_cast<size_t>(BN_num_bytes(n)) : bytes);
  BN_free(n);
  return text;
}

std::string RawOfDer(const std::string& der, size_t half) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size()));
  Require(pair != nullptr, "not a signature");
  std::string raw = Number(ECDSA_SIG_get0_r(pair), half) + Number(ECDSA_SIG_get0_s(pair), half);
  ECDSA_SIG_free(pair);
  return raw;
}

std::string Drain(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(length));
  BIO_free(bio);
  return text;
}

}  // namespace

JwsSigner JwsSigner::Hmac(std::string_view alg, std::string_view secret) {
  JwsSigner signer;
  signer.alg_ = alg;
  signer.secret_ = secret;
  return signer;
}

JwsSigner JwsSigner::Generate(std::string_view alg, int rsa_bits) {
  JwsSigner signer;
  signer.alg_ = alg;
  EVP_PKEY* key = nullptr;
  if (alg.starts_with("ES")) {
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", CurveName(signer.alg_));
  } else if (alg == "EdDSA") {
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  } else {
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<size_t>(rsa_bits));
  }
  Require(key != nullptr, "can not make a key");
  signer.key_ = std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
  return signer;
}

std::string JwsSigner::Signature(std::string_view input) const {
  const auto* data = reinterpret_cast<const unsigned char*>(input.data());
  std::string out(1024, '\0');
  auto* room = reinterpret_cast<unsigned char*>(out.data());
  if (key_ == nullptr) {
    unsigned length = 0;
    HMAC(HashOf(alg_), secret_.data(), static_cast<int>(secret_.size()), data, input.size(), room,
         &length);
    out.resize(length);
    return out;
  }
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX* padding = nullptr;
  bool fine = EVP_DigestSignInit(ctx, &padding, HashOf(alg_), nullptr, key_.get()) == 1;
  if (alg_.starts_with("PS")) {
    fine = fine && EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  size_t length = out.size();
  fine = fine && EVP_DigestSign(ctx, room, &length, data, input.size()) == 1;
  EVP_MD_CTX_free(ctx);
  Require(fine, "can not sign");
  out.resize(length);
  return alg_.starts_with("ES") ? RawOfDer(out, CoordinateBytes(alg_)) : out;
}

std::string JwsSigner::Sign(std::string_view header, std::string_view payload) const {
  const std::string text = ToBase64Url(header) + "." + ToBase64Url(payload);
  return text + "." + ToBase64Url(Signature(text));
}

std::string JwsSigner::Sign(std::string_view payload) const {
  const std::string kid = kid_.empty() ? "" : ",\"kid\":\"" + kid_ + "\"";
  return Sign("{\"alg\":\"" + alg_ + "\"" + kid + "}", payload);
}

std::string JwsSigner::Jwk(std::string_view more, bool with_alg) const {
  std::string jwk = "{";
  const auto add = [&](const char* name, const std::string& text) {
    jwk += std::string(jwk.size() > 1 ? "," : "") + "\"" + name + "\":\"" + text + "\"";
  };
  if (!kid_.empty()) add("kid", kid_);
  if (with_alg) add("alg", alg_);
  if (key_ == nullptr) {
    add("kty", "oct");
    add("k", ToBase64Url(secret_));
  } else if (alg_ == "EdDSA") {
    std::string raw(32, '\0');
    size_t length = raw.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &length);
    add("kty", "OKP");
    add("crv", "Ed25519");
    add("x", ToBase64Url(raw));
  } else if (alg_.starts_with("ES")) {
    add("kty", "EC");
    add("crv", CurveName(alg_));
    const size_t bytes = CoordinateBytes(alg_);
    add("x", ToBase64Url(NumberOf(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, bytes)));
    add("y", ToBase64Url(NumberOf(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, bytes)));
  } else {
    add("kty", "RSA");
    add("n", ToBase64Url(NumberOf(key_.get(), OSSL_PKEY_PARAM_RSA_N, 0)));
    add("e", ToBase64Url(NumberOf(key_.get(), OSSL_PKEY_PARAM_RSA_E, 0)));
  }
  return jwk + (more.empty() ? "" : "," + std::string(more)) + "}";
}

std::string JwsSigner::PublicPem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key_.get());
  return Drain(bio);
}

std::string JwsSigner::PrivatePem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return Drain(bio);
}

std::string JwsSigner::CertificatePem() const {
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key_.get());
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  Require(X509_sign(certificate, key_.get(), HashOf(alg_)) > 0, "can not certify");
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  X509_free(certificate);
  return Drain(bio);
}

}  // namespace stockroom::test
