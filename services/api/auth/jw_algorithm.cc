#include "services/api/auth/jw_algorithm.h"

#include <array>

namespace stockroom::api {
namespace {

struct Row {
  JwsAlgorithm algorithm;
  std::string_view name;
  JwkType type;
  const char* hash;
  size_t hash_bytes;
};

// In the order of the enumeration.
constexpr std::array kRows = {
    Row{JwsAlgorithm::kHs256, "HS256", JwkType::kOct, "SHA256", 32},
    Row{JwsAlgorithm::kHs384, "HS384", JwkType::kOct, "SHA384", 48},
    Row{JwsAlgorithm::kHs512, "HS512", JwkType::kOct, "SHA512", 64},
    Row{JwsAlgorithm::kRs256, "RS256", JwkType::kRsa, "SHA256", 32},
    Row{JwsAlgorithm::kRs384, "RS384", JwkType::kRsa, "SHA384", 48},
    Row{JwsAlgorithm::kRs512, "RS512", JwkType::kRsa, "SHA512", 64},
    Row{JwsAlgorithm::kPs256, "PS256", JwkType::kRsa, "SHA256", 32},
    Row{JwsAlgorithm::kPs384, "PS384", JwkType::kRsa, "SHA384", 48},
    Row{JwsAlgorithm::kPs512, "PS512", JwkType::kRsa, "SHA512", 64},
    Row{JwsAlgorithm::kEs256, "ES256", JwkType::kEc, "SHA256", 32},
    Row{JwsAlgorithm::kEs384, "ES384", JwkType::kEc, "SHA384", 48},
    Row{JwsAlgorithm::kEs512, "ES512", JwkType::kEc, "SHA512", 64},
    Row{JwsAlgorithm::kEdDsa, "EdDSA", JwkType::kOkp, nullptr, 0},
};

const Row& RowOf(JwsAlgorithm algorithm) { return kRows[static_cast<size_t>(algorithm)]; }

}  // namespace

std::optional<JwsAlgorithm> JwsAlgorithmNamed(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.algorithm;
  }
  if (name == "Ed25519") return JwsAlgorithm::kEdDsa;
  return std::nullopt;
}

std::string_view NameOf(JwsAlgorithm algorithm) { return RowOf(algorithm).name; }
JwkType KeyTypeOf(JwsAlgorithm algorithm) { return RowOf(algorithm).type; }
const char* HashNameOf(JwsAlgorithm algorithm) { return RowOf(algorithm).hash; }
size_t HashBytesOf(JwsAlgorithm algorithm) { return RowOf(algorithm).hash_bytes; }

}  // namespace stockroom::api
