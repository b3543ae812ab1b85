#include "services/fileserver/store/url_signer.h"

#define OPENSSL_SUPPRESS_DEPRECATED  // see KeyState

#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "services/common/base/ascii.h"
#include "services/common/base/digest.h"
#include "services/common/base/signing_keys.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::fileserver {
namespace {

constexpr std::string_view kVersion = "stockroom-url-1\n";
constexpr std::string_view kExpires = "expires";
constexpr std::string_view kSignature = "signature";

absl::Status Refused(std::string_view reason, std::string_view message) {
  return MakeStatus(absl::StatusCode::kPermissionDenied, message, {.reason = std::string(reason)});
}

absl::Status Invalid() {
  return Refused("SIGNATURE_INVALID", "the URL's signature does not fit the request");
}

// HMAC-SHA256 (RFC 2104): both hashes as they are after the key's block. OpenSSL's HMAC looks up
// and allocates for each message, which costs several times the hashing of a URL; the older
// interface is deprecated for that, but its state can be copied.
struct KeyState {
  SHA256_CTX inner;
  SHA256_CTX outer;
};

void BeginHash(const std::string& key, unsigned char pad, SHA256_CTX* hash) {
  unsigned char block[SHA256_CBLOCK];
  for (size_t i = 0; i < sizeof block; ++i) {
    block[i] = pad ^ (i < key.size() ? static_cast<unsigned char>(key[i]) : 0);
  }
  SHA256_Init(hash);
  SHA256_Update(hash, block, sizeof block);
}

std::string Prepared(std::string key) {
  if (key.size() > SHA256_CBLOCK) key = Digest::Of(key).bytes();
  KeyState state;
  BeginHash(key, 0x36, &state.inner);
  BeginHash(key, 0x5c, &state.outer);
  return {reinterpret_cast<const char*>(&state), sizeof state};
}

std::string Signature(const std::string& prepared, std::string_view method, std::string_view path,
                      std::string_view query) {
  KeyState state;
  std::memcpy(&state, prepared.data(), sizeof state);
  unsigned char hash[SHA256_DIGEST_LENGTH];
  for (const std::string_view part :
       {kVersion, method, std::string_view("\n"), path, std::string_view("\n"), query}) {
    SHA256_Update(&state.inner, part.data(), part.size());
  }
  SHA256_Final(hash, &state.inner);
  SHA256_Update(&state.outer, hash, sizeof hash);
  SHA256_Final(hash, &state.outer);
  return ToBase64Url({reinterpret_cast<const char*>(hash), sizeof hash});
}

// Line breaks would let one part reach into the next, and a '?' let a path end early.
bool AreParts(std::string_view method, std::string_view path, std::string_view query) {
  return IsVisibleAscii(method) && IsVisibleAscii(path) && IsVisibleAscii(query) &&
         path.find('?') == std::string_view::npos;
}

// Nothing unless AppendPercentEncoded wrote it.
std::optional<std::string> Decoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsUnreserved(text[i])) {
      out.push_back(text[i]);
      continue;
    }
    if (text[i] != '%' || text.size() - i < 3) return std::nullopt;
    const size_t high = kHex.find(text[i + 1]);
    const size_t low = kHex.find(text[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    if (IsUnreserved(out.back())) return std::nullopt;
    i += 2;
  }
  return out;
}

// Nothing unless StrCat wrote it.
std::optional<int64_t> Seconds(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool all = error == std::errc() && end == text.data() + text.size();
  const bool plain = !text.empty() && text.front() != '-' && (text.front() != '0' || value == 0);
  return all && plain && (value != 0 || text.size() == 1) ? std::optional(value) : std::nullopt;
}

// What is signed of a query: it holds the only spelling of each of its parts.
std::string SignedQuery(const UrlParameters& parameters, int64_t expires) {
  std::string query;
  for (const auto& [name, value] : parameters) {
    AppendPercentEncoded(name, "", query);
    query.push_back('=');
    AppendPercentEncoded(value, "", query);
    query.push_back('&');
  }
  absl::StrAppend(&query, Av(kExpires), "=", expires);
  return query;
}

bool HasNamesOfItsOwn(const UrlParameters& parameters) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i].first;
    if (name == kExpires || name == kSignature) return false;
    for (size_t j = 0; j < i; ++j) {
      if (parameters[j].first == name) return false;
    }
  }
  return true;
}

// Nothing unless SignedQuery wrote it.
std::optional<UrlSigner::Signed> ParseSigned(std::string_view query) {
  UrlSigner::Signed parsed;
  while (true) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view value = pair.substr(equals + 1);
    if (end == std::string_view::npos) {
      const std::optional<int64_t> expires = Seconds(value);
      if (pair.substr(0, equals) != kExpires || !expires) return std::nullopt;
      parsed.expires = absl::FromUnixSeconds(*expires);
      break;
    }
    std::optional<std::string> name = Decoded(pair.substr(0, equals));
    std::optional<std::string> text = Decoded(value);
    if (!name || !text) return std::nullopt;
    parsed.parameters.emplace_back(*std::move(name), *std::move(text));
    query.remove_prefix(end + 1);
  }
  if (!HasNamesOfItsOwn(parsed.parameters)) return std::nullopt;
  return parsed;
}

int64_t SecondsRoundedUp(absl::Time time) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  const bool more = absl::FromUnixSeconds(seconds) < time && time != absl::InfiniteFuture();
  return std::max<int64_t>(0, seconds + (more ? 1 : 0));
}

}  // namespace

absl::StatusOr<UrlSigner> UrlSigner::Create(std::vector<std::string> keys) {
  SR_RETURN_IF_ERROR(CheckSigningKeys(keys));
  std::transform(keys.begin(), keys.end(), keys.begin(), Prepared);
  return UrlSigner(std::move(keys));
}

std::string UrlSigner::Sign(std::string_view method, std::string_view path,
                            const UrlParameters& parameters, absl::Time expires) const {
  const std::string query = SignedQuery(parameters, SecondsRoundedUp(expires));
  return absl::StrCat(Av(path), "?", query, "&", Av(kSignature), "=",
                      Signature(keys_.front(), method, path, query));
}

absl::StatusOr<UrlSigner::Signed> UrlSigner::Read(std::string_view method, std::string_view path,
                                                  std::string_view query, absl::Time now) const {
  constexpr std::string_view kSeparator = "&signature=";
  const size_t at = query.rfind(kSeparator);
  if (at == std::string_view::npos || !AreParts(method, path, query)) return Invalid();
  const std::string_view signature = query.substr(at + kSeparator.size());
  query = query.substr(0, at);
  int fits = 0;
  for (const std::string& key : keys_) {
    // Texts are compared, not bytes: the last digit of base64 has spellings that mean the same.
    fits |= SameSecret(Signature(key, method, path, query), signature);
  }
  if (fits == 0) return Invalid();
  std::optional<Signed> parsed = ParseSigned(query);
  if (!parsed) return Invalid();
  if (now >= parsed->expires) {
    return Refused("SIGNATURE_EXPIRED", "the signed URL has expired");
  }
  return *std::move(parsed);
}

absl::StatusOr<UrlParameters> UrlSigner::Verify(std::string_view method, std::string_view path,
                                                std::string_view query, absl::Time now) const {
  SR_ASSIGN_OR_RETURN(Signed verified, Read(method, path, query, now));
  return std::move(verified.parameters);
}

}  // namespace stockroom::fileserver
