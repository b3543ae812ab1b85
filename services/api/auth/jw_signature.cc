#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "services/api/auth/jw_key_material.h"
#include "services/common/base/digest.h"

namespace stockroom::api {
namespace {

const unsigned char* Bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

bool VerifyHmac(const KeyMaterial& key, JwsAlgorithm algorithm, std::string_view input,
                std::string_view signature) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  size_t length = 0;
  const bool made =
      EVP_Q_mac(nullptr, "HMAC", nullptr, HashNameOf(algorithm), nullptr, key.secret.data(),
                key.secret.size(), Bytes(input), input.size(), mac, sizeof mac, &length) != nullptr;
  return made && SameSecret({reinterpret_cast<const char*>(mac), length}, signature);
}

// R||S to what OpenSSL wants. Empty if a half is zero or not below the order: OpenSSL would refuse
// that too, but a library that forgot to took zeros for anybody's signature (CVE-2022-21449).
std::string DerOfRawEcdsa(const KeyMaterial& key, std::string_view signature) {
  const size_t half = key.order.size();
  if (signature.size() != 2 * half) return "";
  const std::string_view r = signature.substr(0, half);
  const std::string_view s = signature.substr(half);
  for (const std::string_view number : {r, s}) {
    const bool zero = std::all_of(number.begin(), number.end(), [](char c) { return c == 0; });
    if (zero || std::memcmp(number.data(), key.order.data(), half) >= 0) return "";
  }
  const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> pair(ECDSA_SIG_new(), ECDSA_SIG_free);
  if (pair == nullptr) return "";
  BIGNUM* r_number = BN_bin2bn(Bytes(r), static_cast<int>(half), nullptr);
  BIGNUM* s_number = BN_bin2bn(Bytes(s), static_cast<int>(half), nullptr);
  if (r_number == nullptr || s_number == nullptr ||
      ECDSA_SIG_set0(pair.get(), r_number, s_number) != 1) {
    BN_free(r_number);
    BN_free(s_number);
    return "";
  }
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(pair.get(), &der);
  if (length <= 0) return "";
  std::string text(reinterpret_cast<const char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return text;
}

bool UsesPss(JwsAlgorithm algorithm) {
  return algorithm == JwsAlgorithm::kPs256 || algorithm == JwsAlgorithm::kPs384 ||
         algorithm == JwsAlgorithm::kPs512;
}

bool VerifyDigest(const KeyMaterial& key, JwsAlgorithm algorithm, std::string_view input,
                  std::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* padding = nullptr;  // the context's
  if (ctx == nullptr || EVP_DigestVerifyInit_ex(ctx.get(), &padding, HashNameOf(algorithm), nullptr,
                                                nullptr, key.pkey.get(), nullptr) != 1) {
    return false;
  }
  // The mask's hash is the message's unless told otherwise.
  if (UsesPss(algorithm) &&
      (EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  return EVP_DigestVerify(ctx.get(), Bytes(signature), signature.size(), Bytes(input),
                          input.size()) == 1;
}

}  // namespace

bool VerifySignature(const KeyMaterial& key, JwsAlgorithm algorithm, std::string_view input,
                     std::string_view signature) {
  const bool needs_secret = KeyTypeOf(algorithm) == JwkType::kOct;
  if (needs_secret != (key.pkey == nullptr)) return false;
  bool good = false;
  switch (KeyTypeOf(algorithm)) {
    case JwkType::kOct:
      good = VerifyHmac(key, algorithm, input, signature);
      break;
    case JwkType::kEc: {
      const std::string der = DerOfRawEcdsa(key, signature);
      good = !der.empty() && VerifyDigest(key, algorithm, input, der);
      break;
    }
    case JwkType::kRsa:
      // As long as the modulus, RFC 8017 section 8; OpenSSL checks it for one padding only.
      good = signature.size() == static_cast<size_t>(EVP_PKEY_get_size(key.pkey.get())) &&
             VerifyDigest(key, algorithm, input, signature);
      break;
    case JwkType::kOkp:
      good = signature.size() == 64 && VerifyDigest(key, algorithm, input, signature);
      break;
  }
  // A refused signature leaves entries in this thread's queue, where TLS would find them.
  ERR_clear_error();
  return good;
}

}  // namespace stockroom::api
