#include "services/api/auth/jwk.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/api/auth/jw_key_material.h"
#include "services/api/auth/jw_key_reader.h"
#include "services/api/auth/jw_text.h"
#include "services/common/base/digest.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

// {"keys": [{"key_ops": […]}]} needs four.
constexpr int kMaxDepth = 8;

// A JWK as text, without its key.
struct Description {
  std::string kty;
  std::optional<std::string> kid;
  std::optional<std::string> use;
  std::optional<std::string> alg;
  std::optional<std::vector<std::string>> key_ops;
};

absl::Status Malformed(std::string_view what) { return absl::InvalidArgumentError(Av(what)); }
// The key is left out.
absl::Status Unsuitable(std::string_view what) { return absl::FailedPreconditionError(Av(what)); }

// Absent, or text; anything else is an error.
absl::Status ReadText(const json& jwk, const char* name, std::optional<std::string>& text) {
  const auto member = jwk.find(name);
  if (member == jwk.end()) return absl::OkStatus();
  if (!member->is_string()) return Malformed(absl::StrCat("\"", name, "\" must be a text"));
  text = member->get<std::string>();
  return absl::OkStatus();
}

absl::Status ReadKeyOps(const json& jwk, std::optional<std::vector<std::string>>& key_ops) {
  const auto member = jwk.find("key_ops");
  if (member == jwk.end()) return absl::OkStatus();
  if (!member->is_array()) return Malformed("\"key_ops\" must be a list");
  key_ops.emplace();
  for (const json& operation : *member) {
    if (!operation.is_string()) return Malformed("\"key_ops\" must be a list of texts");
    std::string name = operation.get<std::string>();
    if (std::find(key_ops->begin(), key_ops->end(), name) != key_ops->end()) {
      return Malformed("\"key_ops\" says the same twice");
    }
    key_ops->push_back(std::move(name));
  }
  return absl::OkStatus();
}

absl::StatusOr<Description> Describe(const json& jwk) {
  if (!jwk.is_object()) return Malformed("must be an object");
  std::optional<std::string> kty;
  SR_RETURN_IF_ERROR(ReadText(jwk, "kty", kty));
  if (!kty) return Malformed("\"kty\" is missing");
  Description description{.kty = *std::move(kty)};
  SR_RETURN_IF_ERROR(ReadText(jwk, "kid", description.kid));
  SR_RETURN_IF_ERROR(ReadText(jwk, "use", description.use));
  SR_RETURN_IF_ERROR(ReadText(jwk, "alg", description.alg));
  SR_RETURN_IF_ERROR(ReadKeyOps(jwk, description.key_ops));
  return description;
}

absl::Status CheckPurpose(const Description& description) {
  if (description.use && *description.use != "sig") return Unsuitable("is not for signatures");
  if (description.key_ops && std::find(description.key_ops->begin(), description.key_ops->end(),
                                       "verify") == description.key_ops->end()) {
    return Unsuitable("is not for verifying");
  }
  return absl::OkStatus();
}

// The bytes of a member that the key can not do without.
absl::StatusOr<std::string> ReadBytes(const json& jwk, const char* name) {
  std::optional<std::string> text;
  SR_RETURN_IF_ERROR(ReadText(jwk, name, text));
  if (!text) return Malformed(absl::StrCat("\"", name, "\" is missing"));
  std::optional<std::string> bytes = DecodeBase64Url(*text);
  OPENSSL_cleanse(text->data(), text->size());
  if (!bytes) return Malformed(absl::StrCat("\"", name, "\" is not base64url"));
  return *std::move(bytes);
}

// What the key says it is for, or `otherwise`; an error if keys of this type are not for that.
absl::StatusOr<JwsAlgorithm> PinnedAlgorithm(const Description& description, JwkType type,
                                             JwsAlgorithm otherwise) {
  if (!description.alg) return otherwise;
  std::optional<JwsAlgorithm> named = JwsAlgorithmNamed(*description.alg);
  // A common slip: the algorithm is called by its hash, not by its curve. Also in published
  // vectors.
  if (*description.alg == "ES521") named = JwsAlgorithm::kEs512;
  if (!named) return Unsuitable("is for an algorithm that is not supported");
  if (KeyTypeOf(*named) != type) return Malformed("\"alg\" is of another type of key");
  return *named;
}

absl::StatusOr<Jwk> ReadOct(const json& jwk, Description description, const JwkOptions& options) {
  if (!options.allow_oct) return Unsuitable("is a secret, and secrets are not taken from here");
  SR_ASSIGN_OR_RETURN(const JwsAlgorithm algorithm,
                      PinnedAlgorithm(description, JwkType::kOct, options.oct_algorithm));
  SR_ASSIGN_OR_RETURN(std::string secret, ReadBytes(jwk, "k"));
  SR_ASSIGN_OR_RETURN(MaterialPtr material, OctMaterial(std::move(secret), algorithm));
  return Jwk(std::move(description.kid), algorithm, std::move(material));
}

absl::StatusOr<Jwk> ReadRsa(const json& jwk, Description description, const JwkOptions& options) {
  SR_ASSIGN_OR_RETURN(const JwsAlgorithm algorithm,
                      PinnedAlgorithm(description, JwkType::kRsa, options.rsa_algorithm));
  SR_ASSIGN_OR_RETURN(const std::string n, ReadBytes(jwk, "n"));
  SR_ASSIGN_OR_RETURN(const std::string e, ReadBytes(jwk, "e"));
  SR_ASSIGN_OR_RETURN(MaterialPtr material, RsaMaterial(n, e));
  return Jwk(std::move(description.kid), algorithm, std::move(material));
}

absl::StatusOr<std::string> ReadCurveName(const json& jwk) {
  std::optional<std::string> name;
  SR_RETURN_IF_ERROR(ReadText(jwk, "crv", name));
  if (!name) return Malformed("\"crv\" is missing");
  return *std::move(name);
}

absl::StatusOr<Jwk> ReadEc(const json& jwk, Description description) {
  SR_ASSIGN_OR_RETURN(const std::string name, ReadCurveName(jwk));
  const Curve* curve = CurveNamed(name);
  if (curve == nullptr) return Unsuitable("is on a curve that is not supported");
  SR_ASSIGN_OR_RETURN(const JwsAlgorithm algorithm,
                      PinnedAlgorithm(description, JwkType::kEc, curve->algorithm));
  if (algorithm != curve->algorithm) return Malformed("\"alg\" is of another curve");
  SR_ASSIGN_OR_RETURN(const std::string x, ReadBytes(jwk, "x"));
  SR_ASSIGN_OR_RETURN(const std::string y, ReadBytes(jwk, "y"));
  SR_ASSIGN_OR_RETURN(MaterialPtr material, EcMaterial(*curve, x, y));
  return Jwk(std::move(description.kid), algorithm, std::move(material));
}

absl::StatusOr<Jwk> ReadOkp(const json& jwk, Description description) {
  SR_ASSIGN_OR_RETURN(const std::string name, ReadCurveName(jwk));
  if (name != "Ed25519") return Unsuitable("is on a curve that is not supported");
  SR_ASSIGN_OR_RETURN(const JwsAlgorithm algorithm,
                      PinnedAlgorithm(description, JwkType::kOkp, JwsAlgorithm::kEdDsa));
  SR_ASSIGN_OR_RETURN(const std::string x, ReadBytes(jwk, "x"));
  SR_ASSIGN_OR_RETURN(MaterialPtr material, Ed25519Material(x));
  return Jwk(std::move(description.kid), algorithm, std::move(material));
}

absl::StatusOr<Jwk> ReadJwk(const json& jwk, const JwkOptions& options) {
  SR_ASSIGN_OR_RETURN(Description description, Describe(jwk));
  SR_RETURN_IF_ERROR(CheckPurpose(description));
  if (description.kty == "oct") return ReadOct(jwk, std::move(description), options);
  if (description.kty == "RSA") return ReadRsa(jwk, std::move(description), options);
  if (description.kty == "EC") return ReadEc(jwk, std::move(description));
  if (description.kty == "OKP") return ReadOkp(jwk, std::move(description));
  return Unsuitable("is of a type that is not supported");
}

}  // namespace

Jwk::Jwk(std::optional<std::string> kid, JwsAlgorithm algorithm,
         std::shared_ptr<const KeyMaterial> material)
    : kid_(std::move(kid)), algorithm_(algorithm), material_(std::move(material)) {}

bool Jwk::Verify(std::string_view input, std::string_view signature) const {
  return VerifySignature(*material_, algorithm_, input, signature);
}

bool Jwk::SameMaterial(const Jwk& other) const {
  const KeyMaterial& a = *material_;
  const KeyMaterial& b = *other.material_;
  if (a.pkey == nullptr || b.pkey == nullptr) {
    return a.pkey == b.pkey && SameSecret(a.secret, b.secret);
  }
  return EVP_PKEY_eq(a.pkey.get(), b.pkey.get()) == 1;
}

std::vector<const Jwk*> JwkSet::Candidates(const std::optional<std::string>& kid) const {
  std::vector<const Jwk*> named;
  std::vector<const Jwk*> nameless;
  for (const Jwk& key : keys_) {
    if (!kid || key.kid() == kid) named.push_back(&key);
    if (!key.kid()) nameless.push_back(&key);
  }
  return named.empty() ? nameless : named;
}

absl::Status CheckText(std::string_view text, const JwkOptions& options) {
  if (KeyTypeOf(options.rsa_algorithm) != JwkType::kRsa ||
      KeyTypeOf(options.oct_algorithm) != JwkType::kOct) {
    return InvalidArgument("BAD_JWKS",
                           "RSA keys are for RS256 to PS512, secrets for HS256 to HS512");
  }
  if (text.size() > options.max_bytes) {
    return InvalidArgument("BAD_JWKS", absl::StrCat("over ", options.max_bytes, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status JwkSetReader::Add(absl::StatusOr<Jwk> key, size_t index) {
  if (absl::IsFailedPrecondition(key.status())) {
    set_.skipped_.push_back(absl::StrCat("key ", index, ": ", key.status().message()));
    return absl::OkStatus();
  }
  if (!key.ok()) {
    return InvalidArgument("BAD_JWKS", absl::StrCat("key ", index, ": ", key.status().message()));
  }
  for (const Jwk& other : set_.keys_) {
    const bool same_name = key->kid() && key->kid() == other.kid();
    if (same_name && key->algorithm() == other.algorithm()) {
      // Some providers list a key once for each of their issuers.
      if (key->SameMaterial(other)) return absl::OkStatus();
      return InvalidArgument("BAD_JWKS", absl::StrCat("key ", index,
                                                      ": another key of the same "
                                                      "algorithm has the same \"kid\""));
    }
    if ((KeyTypeOf(key->algorithm()) == JwkType::kOct) !=
        (KeyTypeOf(other.algorithm()) == JwkType::kOct)) {
      return InvalidArgument("BAD_JWKS", absl::StrCat("key ", index,
                                                      ": secrets and public keys are mixed; is one "
                                                      "of them published by mistake?"));
    }
  }
  set_.keys_.push_back(*std::move(key));
  return absl::OkStatus();
}

absl::StatusOr<JwkSet> JwkSetReader::Finish() {
  if (set_.keys_.empty()) {
    std::string why = "there is no key to verify tokens with";
    for (const std::string& reason : set_.skipped_) absl::StrAppend(&why, "; ", reason);
    return InvalidArgument("NO_USABLE_KEYS", why);
  }
  return std::move(set_);
}

absl::StatusOr<JwkSet> JwkSet::Parse(std::string_view text, const JwkOptions& options) {
  SR_RETURN_IF_ERROR(CheckText(text, options));
  const absl::StatusOr<json> parsed = ParseStrictJson(text, kMaxDepth);
  if (!parsed.ok()) {
    return InvalidArgument("BAD_JWKS", absl::StrCat("the text ", parsed.status().message()));
  }
  if (!parsed->is_object()) return InvalidArgument("BAD_JWKS", "expected a JSON object");
  JwkSetReader reader;
  const auto keys = parsed->find("keys");
  if (keys == parsed->end()) {
    SR_RETURN_IF_ERROR(reader.Add(ReadJwk(*parsed, options), 0));
    return reader.Finish();
  }
  if (!keys->is_array() || parsed->contains("kty")) {
    return InvalidArgument("BAD_JWKS", "expected {\"keys\": […]} or one key");
  }
  if (keys->size() > options.max_keys) {
    return InvalidArgument("BAD_JWKS", absl::StrCat("over ", options.max_keys, " keys"));
  }
  for (size_t i = 0; i < keys->size(); ++i) {
    SR_RETURN_IF_ERROR(reader.Add(ReadJwk((*keys)[i], options), i));
  }
  return reader.Finish();
}

}  // namespace stockroom::api
