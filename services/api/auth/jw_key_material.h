// Keys in OpenSSL's hands. Internal to services/api/auth.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/api/auth/jw_algorithm.h"

namespace stockroom::api {

struct PkeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, PkeyDeleter>;

// Exactly one of `pkey` and `secret` is set.
struct KeyMaterial {
  PkeyPtr pkey;
  std::string secret;
  // ECDSA: the order of the base point, big-endian, as long as a coordinate.
  std::string order;

  KeyMaterial() = default;
  KeyMaterial(const KeyMaterial&) = delete;
  KeyMaterial& operator=(const KeyMaterial&) = delete;
  ~KeyMaterial();
};
using MaterialPtr = std::shared_ptr<const KeyMaterial>;

struct Curve {
  std::string_view name;  // as in a JWK
  const char* group;      // as OpenSSL calls it
  size_t bytes;           // of a coordinate, and of half a signature
  JwsAlgorithm algorithm;
};
// nullptr if unknown.
const Curve* CurveNamed(std::string_view name);
const Curve* CurveOfGroup(std::string_view group);

// Each checks what it is given. FAILED_PRECONDITION: a sound key that is too weak or unsupported;
// INVALID_ARGUMENT: no key at all. `n`, `e`, `x`, `y` are big-endian.
absl::StatusOr<MaterialPtr> OctMaterial(std::string secret, JwsAlgorithm algorithm);
absl::StatusOr<MaterialPtr> RsaMaterial(std::string_view n, std::string_view e);
absl::StatusOr<MaterialPtr> EcMaterial(const Curve& curve, std::string_view x, std::string_view y);
absl::StatusOr<MaterialPtr> Ed25519Material(std::string_view x);

// As Jwk::Verify.
bool VerifySignature(const KeyMaterial& key, JwsAlgorithm algorithm, std::string_view input,
                     std::string_view signature);

}  // namespace stockroom::api
