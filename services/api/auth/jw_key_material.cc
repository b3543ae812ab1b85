#include "services/api/auth/jw_key_material.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace stockroom::api {
namespace {

constexpr int kMinRsaBits = 2048;
// Verifying costs time by the square of the size: 8,192 bits take 0.4 ms.
constexpr int kMaxRsaBits = 8192;
constexpr int kMaxExponentBits = 64;
constexpr size_t kMaxSecretBytes = 4096;

struct BnDeleter {
  void operator()(BIGNUM* n) const { BN_free(n); }
};
using BnPtr = std::unique_ptr<BIGNUM, BnDeleter>;
struct PkeyCtxDeleter {
  void operator()(EVP_PKEY_CTX* ctx) const { EVP_PKEY_CTX_free(ctx); }
};
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, PkeyCtxDeleter>;
struct ParamBuilderDeleter {
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
};
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, ParamBuilderDeleter>;

const unsigned char* Bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

absl::Status Weak(std::string_view what) {
  return absl::FailedPreconditionError(absl::string_view(what.data(), what.size()));
}
absl::Status Malformed(const char* what) { return absl::InvalidArgumentError(what); }

constexpr std::array kCurves = {
    Curve{"P-256", "prime256v1", 32, JwsAlgorithm::kEs256},
    Curve{"P-384", "secp384r1", 48, JwsAlgorithm::kEs384},
    Curve{"P-521", "secp521r1", 66, JwsAlgorithm::kEs512},
};

// CVE-2017-15361 ("ROCA"): a chip's library made primes of the form k * M + (65537^a mod M), with M
// a product of the first primes. So the modulus is a power of 65537 modulo each of them, which a
// sound one is for all of these with a probability of about 2^-27 (Nemec et al., CCS 2017).
bool HasRocaFingerprint(const BIGNUM* n) {
  for (const unsigned prime :
       {3,  5,  7,  11, 13, 17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
        73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167}) {
    const BN_ULONG remainder = BN_mod_word(n, prime);
    unsigned power = 1;
    bool is_power = false;
    do {
      is_power = is_power || power == remainder;
      power = power * (65537 % prime) % prime;
    } while (power != 1);
    if (!is_power) return false;
  }
  return true;
}

// Builds a public key out of what was pushed into `builder`.
PkeyPtr MakePublicKey(const char* type, OSSL_PARAM_BLD* builder) {
  OSSL_PARAM* params = OSSL_PARAM_BLD_to_param(builder);
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  const bool made = params != nullptr && ctx != nullptr && EVP_PKEY_fromdata_init(ctx.get()) == 1 &&
                    EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params) == 1;
  OSSL_PARAM_free(params);
  ERR_clear_error();
  return PkeyPtr(made ? key : nullptr);
}

// For elliptic curves: the point is on the curve, of the right order and not at infinity.
bool IsSound(EVP_PKEY* key) {
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  const bool sound = ctx != nullptr && EVP_PKEY_public_check(ctx.get()) == 1;
  ERR_clear_error();
  return sound;
}

}  // namespace

KeyMaterial::~KeyMaterial() { OPENSSL_cleanse(secret.data(), secret.size()); }

const Curve* CurveNamed(std::string_view name) {
  for (const Curve& curve : kCurves) {
    if (curve.name == name) return &curve;
  }
  return nullptr;
}

const Curve* CurveOfGroup(std::string_view group) {
  for (const Curve& curve : kCurves) {
    if (curve.group == group) return &curve;
  }
  return nullptr;
}

absl::StatusOr<MaterialPtr> OctMaterial(std::string secret, JwsAlgorithm algorithm) {
  auto material = std::make_shared<KeyMaterial>();
  material->secret = std::move(secret);
  const size_t bytes = material->secret.size();
  if (bytes < HashBytesOf(algorithm)) {
    return Weak(absl::StrCat("a secret of ", bytes, " bytes, at least ", HashBytesOf(algorithm),
                             " are needed (RFC 7518, section 3.2)"));
  }
  if (bytes > kMaxSecretBytes)
    return Weak(absl::StrCat("a secret over ", kMaxSecretBytes, " bytes"));
  return material;
}

absl::StatusOr<MaterialPtr> RsaMaterial(std::string_view n, std::string_view e) {
  // Before OpenSSL computes with numbers of any length.
  if (n.size() > kMaxRsaBits / 8 + 1 || e.size() > kMaxExponentBits / 8 + 1) {
    return Weak(
        absl::StrCat("RSA over ", kMaxRsaBits, " bits, or an exponent over ", kMaxExponentBits));
  }
  const BnPtr modulus(BN_bin2bn(Bytes(n), static_cast<int>(n.size()), nullptr));
  const BnPtr exponent(BN_bin2bn(Bytes(e), static_cast<int>(e.size()), nullptr));
  if (modulus == nullptr || exponent == nullptr) return Malformed("no memory for its numbers");
  const int bits = BN_num_bits(modulus.get());
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return Weak(
        absl::StrCat("RSA of ", bits, " bits, ", kMinRsaBits, " to ", kMaxRsaBits, " are taken"));
  }
  if (!BN_is_odd(modulus.get())) return Malformed("an even RSA modulus");
  if (!BN_is_odd(exponent.get()) || BN_is_one(exponent.get()) ||
      BN_num_bits(exponent.get()) > kMaxExponentBits) {
    return Weak("an RSA exponent that is 1, even, or over 64 bits");
  }
  if (HasRocaFingerprint(modulus.get())) {
    return Weak("an RSA key that can be factored (CVE-2017-15361)");
  }
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr ||
      !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) ||
      !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get())) {
    return Malformed("no memory for an RSA key");
  }
  auto material = std::make_shared<KeyMaterial>();
  material->pkey = MakePublicKey("RSA", builder.get());
  if (material->pkey == nullptr) return Malformed("not an RSA key");
  return material;
}

absl::StatusOr<MaterialPtr> EcMaterial(const Curve& curve, std::string_view x, std::string_view y) {
  if (x.size() != curve.bytes || y.size() != curve.bytes) {
    return Malformed("coordinates that are not as long as the curve's field");
  }
  const std::string point = absl::StrCat("\x04", std::string(x), std::string(y));
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr ||
      !OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0) ||
      !OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                        point.size())) {
    return Malformed("no memory for an EC key");
  }
  auto material = std::make_shared<KeyMaterial>();
  material->pkey = MakePublicKey("EC", builder.get());
  if (material->pkey == nullptr || !IsSound(material->pkey.get())) {
    return Malformed("a point that is not on its curve");
  }
  BIGNUM* order = nullptr;
  if (EVP_PKEY_get_bn_param(material->pkey.get(), OSSL_PKEY_PARAM_EC_ORDER, &order) != 1) {
    return Malformed("a curve without an order");
  }
  const BnPtr owned(order);
  material->order.resize(curve.bytes);
  if (BN_bn2binpad(order, reinterpret_cast<unsigned char*>(material->order.data()),
                   static_cast<int>(curve.bytes)) < 0) {
    return Malformed("an order longer than the field");
  }
  return material;
}

absl::StatusOr<MaterialPtr> Ed25519Material(std::string_view x) {
  if (x.size() != 32) return Malformed("an Ed25519 key that is not 32 bytes long");
  auto material = std::make_shared<KeyMaterial>();
  material->pkey.reset(
      EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, Bytes(x), x.size()));
  ERR_clear_error();
  if (material->pkey == nullptr) return Malformed("not an Ed25519 key");
  return material;
}

}  // namespace stockroom::api
