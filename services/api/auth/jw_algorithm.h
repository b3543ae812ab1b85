// The signature algorithms of RFC 7518, section 3, and RFC 8037 that Stockroom verifies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace stockroom::api {

enum class JwsAlgorithm : uint8_t {
  kHs256,
  kHs384,
  kHs512,
  kRs256,
  kRs384,
  kRs512,
  kPs256,
  kPs384,
  kPs512,
  kEs256,
  kEs384,
  kEs512,
  kEdDsa,  // Ed25519 only
};

enum class JwkType : uint8_t { kOct, kRsa, kEc, kOkp };

// nullopt for everything else, so for "none" in every spelling: names compare by case. "Ed25519" is
// the newer name of EdDSA with that curve (RFC 9864).
std::optional<JwsAlgorithm> JwsAlgorithmNamed(std::string_view name);
std::string_view NameOf(JwsAlgorithm algorithm);

// The only type of key that the algorithm works with.
JwkType KeyTypeOf(JwsAlgorithm algorithm);
// OpenSSL's name of the hash; nullptr for EdDSA, which brings its own.
const char* HashNameOf(JwsAlgorithm algorithm);
// 0 for EdDSA.
size_t HashBytesOf(JwsAlgorithm algorithm);

}  // namespace stockroom::api
