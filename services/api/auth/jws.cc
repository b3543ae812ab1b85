#include "services/api/auth/jws.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "services/api/auth/jw_refusal.h"
#include "services/api/auth/jw_text.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

// "x5c" and "jwk" are nested that deep; nothing sensible is deeper.
constexpr int kMaxHeaderDepth = 8;

absl::Status Malformed(std::string_view what) { return RefuseToken(refusal::kMalformed, what); }

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_text;
};

absl::StatusOr<Parts> Split(std::string_view token) {
  const size_t first = token.find('.');
  const size_t second = first == token.npos ? first : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) {
    return Malformed("a token has three parts with dots between them");
  }
  return Parts{.header = token.substr(0, first),
               .payload = token.substr(first + 1, second - first - 1),
               .signature = token.substr(second + 1),
               .signed_text = token.substr(0, second)};
}

absl::Status ReadText(const json& header, const char* name, std::optional<std::string>& text) {
  const auto member = header.find(name);
  if (member == header.end()) return absl::OkStatus();
  if (!member->is_string()) {
    return Malformed(std::string("the token's \"") + name + "\" is not a text");
  }
  text = member->get<std::string>();
  return absl::OkStatus();
}

// Extensions that would change what is signed or how it is read.
absl::Status RefuseExtensions(const json& header) {
  const auto crit = header.find("crit");
  if (crit != header.end()) {
    if (!crit->is_array() || crit->empty()) return Malformed("the token's \"crit\" is malformed");
    return RefuseToken(refusal::kUnsupportedHeader,
                       "the token has extensions that it says must be "
                       "understood");
  }
  const auto b64 = header.find("b64");
  if ((b64 != header.end() && *b64 != true) || header.contains("zip") || header.contains("enc")) {
    return RefuseToken(
        refusal::kUnsupportedHeader,
        "the token is encrypted, compressed or unencoded; only signed ones are read");
  }
  return absl::OkStatus();
}

struct Header {
  JwsAlgorithm algorithm;
  std::optional<std::string> kid;
  std::optional<std::string> typ;
};

absl::StatusOr<Header> ReadHeader(std::string_view encoded, const JwsLimits& limits) {
  if (encoded.size() / 4 * 3 > limits.max_header_bytes) {
    return RefuseToken(refusal::kTooLarge, "the token's header is too large");
  }
  const std::optional<std::string> text = DecodeBase64Url(encoded);
  if (!text) return Malformed("the token's header is not base64url");
  const absl::StatusOr<json> header = ParseStrictJson(*text, kMaxHeaderDepth);
  if (!header.ok() || !header->is_object()) {
    return Malformed("the token's header is not a JSON object in which every name is there once");
  }
  std::optional<std::string> alg;
  SR_RETURN_IF_ERROR(ReadText(*header, "alg", alg));
  if (!alg) return Malformed("the token's header names no algorithm");
  Header read{};
  SR_RETURN_IF_ERROR(ReadText(*header, "kid", read.kid));
  SR_RETURN_IF_ERROR(ReadText(*header, "typ", read.typ));
  SR_RETURN_IF_ERROR(RefuseExtensions(*header));
  const std::optional<JwsAlgorithm> algorithm = JwsAlgorithmNamed(*alg);
  if (!algorithm) {
    return RefuseToken(refusal::kAlgorithmNotAllowed, "the token's algorithm is not accepted");
  }
  read.algorithm = *algorithm;
  return read;
}

absl::Status VerifyWithAny(const Header& header, std::string_view signed_text,
                           std::string_view signature, const JwkSet& keys,
                           const JwsLimits& limits) {
  const std::vector<const Jwk*> candidates = keys.Candidates(header.kid);
  if (candidates.empty()) {
    return RefuseToken(refusal::kUnknownKey, "the token is signed with a key that is not known");
  }
  int tried = 0;
  for (const Jwk* key : candidates) {
    if (key->algorithm() != header.algorithm) continue;
    if (tried == limits.max_keys_tried) break;
    ++tried;
    if (key->Verify(signed_text, signature)) return absl::OkStatus();
  }
  if (tried == 0) {
    return RefuseToken(refusal::kAlgorithmNotAllowed,
                       "the token's algorithm is not the one that its key is for");
  }
  return RefuseToken(refusal::kBadSignature, "the token's signature is wrong");
}

}  // namespace

absl::StatusOr<Jws> VerifyJws(std::string_view token, const JwkSet& keys, const JwsLimits& limits) {
  if (token.size() > limits.max_token_bytes) {
    return RefuseToken(refusal::kTooLarge, "the token is too large");
  }
  SR_ASSIGN_OR_RETURN(const Parts parts, Split(token));
  SR_ASSIGN_OR_RETURN(Header header, ReadHeader(parts.header, limits));
  std::optional<std::string> payload = DecodeBase64Url(parts.payload);
  if (!payload) return Malformed("the token's payload is not base64url");
  const std::optional<std::string> signature = DecodeBase64Url(parts.signature);
  if (!signature) return Malformed("the token's signature is not base64url");
  SR_RETURN_IF_ERROR(VerifyWithAny(header, parts.signed_text, *signature, keys, limits));
  return Jws{.payload = *std::move(payload),
             .algorithm = header.algorithm,
             .kid = std::move(header.kid),
             .typ = std::move(header.typ)};
}

}  // namespace stockroom::api
