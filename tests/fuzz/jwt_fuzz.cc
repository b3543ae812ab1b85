// Tokens, claims and keys from hostile hands. The first byte of the input says as what the rest is
// read.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "services/api/auth/jwt.h"
#include "tests/fuzz/target.h"
#include "tests/support/jws_signer.h"

namespace {

using stockroom::api::JwkSet;
using stockroom::test::JwsSigner;

// RFC 7515, appendix A.1; RFC 8037, appendix A.4.
constexpr char kHs256Key[] =
    R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})";
constexpr char kHs256Token[] =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr char kEd25519Key[] =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
constexpr char kEd25519Token[] =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
// RFC 7515, appendix A.3.
constexpr char kEs256Key[] =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";

// RFC 7515, appendix A.2.
constexpr char kRs256Key[] =
    R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB","use":"sig","key_ops":["verify"],"x5c":["A"]})";
// RFC 8410, section 10.1.
constexpr char kEd25519Pem[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PUBLIC KEY-----\n";

constexpr int64_t kNow = 1'700'000'000;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

// Nobody but the signer makes tokens; another text of the same token is another token.
void TryToken(std::string_view token) {
  static const JwkSet hs256 = JwkSet::Parse(kHs256Key).value();
  static const JwkSet ed25519 = JwkSet::Parse(kEd25519Key).value();
  if (VerifyJws(token, hs256).ok()) Require(token == kHs256Token, "a forged HS256 token");
  if (VerifyJws(token, ed25519).ok()) Require(token == kEd25519Token, "a forged EdDSA token");
}

// A header and, after a line feed, claims, both signed as they are: what a hostile client of a
// careless issuer can reach.
void TrySigned(std::string_view text) {
  static const JwsSigner signer = JwsSigner::Hmac("HS256", std::string(32, 's'));
  static const JwkSet keys = JwkSet::Parse(signer.JwkSet()).value();
  static const stockroom::api::JwtPolicy policy{.issuers = {"me"}, .audiences = {"us"}};
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view payload = text.substr(std::min(end + 1, text.size()));
  const auto claims = VerifyJwt(signer.Sign(text.substr(0, end), payload), keys, policy,
                                absl::FromUnixSeconds(kNow));
  if (!claims.ok()) {
    Require(absl::IsUnauthenticated(claims.status()), "a refusal that is none");
    return;
  }
  Require(!claims->subject().empty() && claims->issuer() == "me", "claims that were not checked");
  Require(claims->expires() > absl::FromUnixSeconds(kNow - 31), "an expired token");
  for (size_t i = 0; i < payload.size(); i += 7) {
    const std::string_view name = payload.substr(i, 12);
    (void)claims->Words(name);
    (void)claims->Scalar(name);
    (void)claims->Text("/" + std::string(name));
  }
}

void TryKeys(std::string_view text, bool pem) {
  const auto keys = pem ? JwkSet::ParsePem(text) : JwkSet::Parse(text);
  if (!keys.ok()) return;
  Require(!keys->keys().empty(), "a set of no keys");
  for (const auto& key : keys->keys()) {
    Require(!key.Verify("input", "signature"), "a key that takes anything");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      TryToken(text);
      break;
    case 1:
      TrySigned(text);
      break;
    default:
      TryKeys(text, data[0] % 4 == 3);
  }
  return 0;
}

std::vector<std::string> FuzzSeeds() {
  const std::string header = R"({"alg":"HS256","kid":"key-1","typ":"JWT"})";
  const std::string claims =
      R"({"iss":"me","aud":["us","x"],"sub":"alice","exp":1700000100,"nbf":1.7e9,"iat":1699999999,)"
      R"("scope":"a b","realm":{"roles":["admin",1,null,true]},"email":"\u00e4"})";
  return {std::string("0") + kHs256Token,
          std::string("0") + kEd25519Token,
          "1" + header + "\n" + claims,
          R"(1{"alg":"HS256","crit":["b64"],"b64":false})"
          "\n" +
              claims,
          "2{\"keys\":[" + std::string(kEs256Key) + "," + kEd25519Key + "]}",
          "2{\"keys\":[" + std::string(kHs256Key) + "]}",
          "2" + std::string(kRs256Key),
          "3" + std::string(kEd25519Pem)};
}
