#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/api/auth/jw_key_material.h"
#include "services/api/auth/jw_key_reader.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

// A number of the key, big-endian, at least `bytes` long. Empty if it has none of that name.
std::string Number(EVP_PKEY* key, const char* name, size_t bytes) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return "";
  std::string text(std::max(bytes, static_cast<size_t>(BN_num_bytes(number))), '\0');
  const int length = BN_bn2binpad(number, reinterpret_cast<unsigned char*>(text.data()),
                                  static_cast<int>(text.size()));
  BN_free(number);
  return length < 0 ? "" : text;
}

absl::StatusOr<Jwk> ReadEcKey(EVP_PKEY* key) {
  std::array<char, 64> group{};
  const Curve* curve = nullptr;
  // Keys that spell their curve out in numbers have no name.
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1) {
    curve = CurveOfGroup(group.data());
  }
  if (curve == nullptr) {
    return absl::FailedPreconditionError("is on a curve that is not supported");
  }
  SR_ASSIGN_OR_RETURN(MaterialPtr material,
                      EcMaterial(*curve, Number(key, OSSL_PKEY_PARAM_EC_PUB_X, curve->bytes),
                                 Number(key, OSSL_PKEY_PARAM_EC_PUB_Y, curve->bytes)));
  return Jwk(std::nullopt, curve->algorithm, std::move(material));
}

// Takes the key apart and checks it as if it had come as a JWK.
absl::StatusOr<Jwk> ReadPublicKey(EVP_PKEY* key, const JwkOptions& options) {
  if (EVP_PKEY_is_a(key, "RSA")) {
    SR_ASSIGN_OR_RETURN(MaterialPtr material, RsaMaterial(Number(key, OSSL_PKEY_PARAM_RSA_N, 0),
                                                          Number(key, OSSL_PKEY_PARAM_RSA_E, 0)));
    return Jwk(std::nullopt, options.rsa_algorithm, std::move(material));
  }
  if (EVP_PKEY_is_a(key, "EC")) return ReadEcKey(key);
  if (EVP_PKEY_is_a(key, "ED25519")) {
    std::string raw(32, '\0');
    size_t length = raw.size();
    EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &length);
    SR_ASSIGN_OR_RETURN(MaterialPtr material, Ed25519Material(raw));
    return Jwk(std::nullopt, JwsAlgorithm::kEdDsa, std::move(material));
  }
  return absl::FailedPreconditionError("is of a type that is not supported");
}

struct PemBlock {
  std::string label;
  std::string der;
};

// The next block, or nullopt after the last.
absl::StatusOr<std::optional<PemBlock>> NextBlock(BIO* bio) {
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* der = nullptr;
  long length = 0;
  if (PEM_read_bio(bio, &label, &header, &der, &length) != 1) {
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (at_end) return std::nullopt;
    return InvalidArgument("BAD_JWKS", "a PEM block is damaged");
  }
  PemBlock block{.label = label,
                 .der = std::string(reinterpret_cast<char*>(der), static_cast<size_t>(length))};
  OPENSSL_free(label);
  OPENSSL_free(header);
  OPENSSL_clear_free(der, static_cast<size_t>(length));
  return block;
}

absl::StatusOr<Jwk> ReadBlock(const PemBlock& block, const JwkOptions& options) {
  const auto* der = reinterpret_cast<const unsigned char*>(block.der.data());
  const long length = static_cast<long>(block.der.size());
  PkeyPtr key;
  if (block.label == PEM_STRING_PUBLIC) {
    key.reset(d2i_PUBKEY(nullptr, &der, length));
  } else if (block.label == PEM_STRING_RSA_PUBLIC) {
    key.reset(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &der, length));
  } else if (block.label == PEM_STRING_X509) {
    const std::unique_ptr<X509, void (*)(X509*)> certificate(d2i_X509(nullptr, &der, length),
                                                             X509_free);
    if (certificate != nullptr) key.reset(X509_get_pubkey(certificate.get()));
  } else {
    return absl::FailedPreconditionError("is neither a public key nor a certificate");
  }
  ERR_clear_error();
  if (key == nullptr) return absl::InvalidArgumentError("can not be read");
  return ReadPublicKey(key.get(), options);
}

}  // namespace

absl::StatusOr<JwkSet> JwkSet::ParsePem(std::string_view pem, const JwkOptions& options) {
  SR_RETURN_IF_ERROR(CheckText(pem, options));
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  if (bio == nullptr) return absl::ResourceExhaustedError("no memory for PEM");
  JwkSetReader reader;
  for (size_t index = 0;; ++index) {
    SR_ASSIGN_OR_RETURN(const std::optional<PemBlock> block, NextBlock(bio.get()));
    if (!block) return reader.Finish();
    if (block->label.find("PRIVATE KEY") != std::string::npos) {
      return InvalidArgument("PRIVATE_KEY",
                             "this is a private key; verifying needs only the public one, and the "
                             "private one should be nowhere near");
    }
    if (index >= options.max_keys) {
      return InvalidArgument("BAD_JWKS", absl::StrCat("over ", options.max_keys, " keys"));
    }
    SR_RETURN_IF_ERROR(reader.Add(ReadBlock(*block, options), index));
  }
}

}  // namespace stockroom::api
