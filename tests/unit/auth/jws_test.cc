// The signature layer: every algorithm, the examples of the RFCs, and what attackers try.
#include "services/api/auth/jws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "services/api/auth/jw_refusal.h"
#include "services/api/auth/jw_text.h"
#include "services/common/base/strings.h"
#include "tests/support/jws_signer.h"

namespace stockroom::api {
namespace {

using test::JwsSigner;

const char* const kAll[] = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256",
                            "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"};

// RSA keys take long to make, so there is one for each algorithm.
JwsSigner SignerOf(const std::string& alg) {
  if (alg.starts_with("HS")) return JwsSigner::Hmac(alg, std::string(64, 's'));
  if (!alg.starts_with("RS") && !alg.starts_with("PS")) return JwsSigner::Generate(alg);
  static std::map<std::string, JwsSigner> made;
  const auto found = made.find(alg);
  if (found != made.end()) return found->second;
  return made.emplace(alg, JwsSigner::Generate(alg)).first->second;
}

JwkSet KeysOf(const std::string& json, const JwkOptions& options = {}) {
  auto keys = JwkSet::Parse(json, options);
  EXPECT_TRUE(keys.ok()) << keys.status();
  return keys.ok() ? *std::move(keys) : JwkSet();
}

// "" if the token is good.
std::string RefusedFor(std::string_view token, const JwkSet& keys, const JwsLimits& limits = {}) {
  const auto jws = VerifyJws(token, keys, limits);
  if (jws.ok()) return "";
  const std::string detail = RefusalDetail(jws.status());
  return detail.empty() ? jws.status().ToString() : detail;
}

std::vector<std::string> PartsOf(const std::string& token) {
  const size_t first = token.find('.');
  const size_t second = token.find('.', first + 1);
  return {token.substr(0, first), token.substr(first + 1, second - first - 1),
          token.substr(second + 1)};
}

TEST(JwsTest, EveryAlgorithmVerifiesWhatItSigned) {
  for (const std::string alg : kAll) {
    const JwsSigner signer = SignerOf(alg);
    const auto jws = VerifyJws(signer.Sign("any \xff bytes"), KeysOf(signer.JwkSet()));
    ASSERT_TRUE(jws.ok()) << alg << ": " << jws.status();
    EXPECT_EQ(jws->payload, "any \xff bytes");
    EXPECT_EQ(NameOf(jws->algorithm), alg);
    EXPECT_EQ(jws->kid, "key-1");
  }
}

TEST(JwsTest, EveryChangedBitOfASignatureIsFound) {
  for (const std::string alg : {"HS256", "RS256", "PS256", "ES256", "EdDSA"}) {
    const JwsSigner signer = SignerOf(alg);
    const JwkSet keys = KeysOf(signer.JwkSet());
    const auto parts = PartsOf(signer.Sign("{}"));
    const std::string good = *DecodeBase64Url(parts[2]);
    for (size_t bit = 0; bit < good.size() * 8; bit += 7) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      EXPECT_EQ(RefusedFor(parts[0] + "." + parts[1] + "." + ToBase64Url(bad), keys),
                "BAD_SIGNATURE")
          << alg << " bit " << bit;
    }
  }
}

TEST(JwsTest, SignaturesOfAnyOtherLengthAreRefused) {
  for (const std::string alg : kAll) {
    const JwsSigner signer = SignerOf(alg);
    const JwkSet keys = KeysOf(signer.JwkSet());
    const auto parts = PartsOf(signer.Sign("{}"));
    const std::string good = *DecodeBase64Url(parts[2]);
    for (const std::string& bad : {std::string(), good.substr(1), good.substr(0, good.size() - 1),
                                   good + '\0', '\0' + good, good + good}) {
      EXPECT_EQ(RefusedFor(parts[0] + "." + parts[1] + "." + ToBase64Url(bad), keys),
                "BAD_SIGNATURE")
          << alg << " of " << bad.size() << " bytes";
    }
  }
}

TEST(JwsTest, EcdsaNumbersOutsideTheirRangeAreRefused) {
  const JwsSigner signer = SignerOf("ES256");
  const JwkSet keys = KeysOf(signer.JwkSet());
  const auto parts = PartsOf(signer.Sign("{}"));
  const std::string signed_text = parts[0] + "." + parts[1] + ".";
  const std::string good = *DecodeBase64Url(parts[2]);
  // The order of P-256 (FIPS 186-4, D.1.2.3).
  const std::string order =
      *FromHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  const std::string zero(32, '\0');
  for (const std::string& bad :
       {zero + good.substr(32), good.substr(0, 32) + zero, zero + zero, order + good.substr(32),
        good.substr(0, 32) + order, order + order, std::string(64, '\xff')}) {
    EXPECT_EQ(RefusedFor(signed_text + ToBase64Url(bad), keys), "BAD_SIGNATURE");
  }
}

TEST(JwsTest, AnEcdsaSignatureInDerIsRefused) {
  const JwsSigner signer = SignerOf("ES256");
  const auto parts = PartsOf(signer.Sign("{}"));
  const std::string raw = *DecodeBase64Url(parts[2]);
  const std::string der = std::string("\x30\x46\x02\x21\x00", 5) + raw.substr(0, 32) +
                          std::string("\x02\x21\x00", 3) + raw.substr(32);
  EXPECT_EQ(RefusedFor(parts[0] + "." + parts[1] + "." + ToBase64Url(der), KeysOf(signer.JwkSet())),
            "BAD_SIGNATURE");
}

TEST(JwsTest, NoneIsRefusedInEverySpelling) {
  const JwsSigner signer = SignerOf("RS256");
  const JwkSet keys = KeysOf(signer.JwkSet());
  for (const std::string alg : {"none", "None", "NONE", "nOnE", "none ", ""}) {
    const std::string header = ToBase64Url(R"({"alg":")" + alg + R"(","kid":"key-1"})");
    EXPECT_EQ(RefusedFor(header + "." + ToBase64Url("{}") + ".", keys), "ALGORITHM_NOT_ALLOWED");
    const std::string text = header + "." + ToBase64Url("{}");
    EXPECT_EQ(RefusedFor(text + "." + ToBase64Url(signer.Signature(text)), keys),
              "ALGORITHM_NOT_ALLOWED");
  }
}

TEST(JwsTest, APublicKeyIsNeverTakenForASecret) {
  for (const std::string alg : {"RS256", "ES256", "EdDSA"}) {
    const JwsSigner signer = SignerOf(alg);
    const JwkSet keys = KeysOf(signer.JwkSet());
    const std::string pem = signer.PublicPem();
    for (const std::string& secret :
         {pem, pem.substr(0, pem.size() - 1), signer.Jwk(), signer.JwkSet()}) {
      for (const char* hs : {"HS256", "HS384", "HS512"}) {
        EXPECT_EQ(RefusedFor(JwsSigner::Hmac(hs, secret).Sign("{}"), keys),
                  "ALGORITHM_NOT_ALLOWED");
      }
    }
  }
}

TEST(JwsTest, AKeyWorksWithItsOneAlgorithmOnly) {
  const std::string others[] = {"HS256", "RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA"};
  for (const std::string& mine : others) {
    const JwsSigner signer = SignerOf(mine);
    const JwkSet keys = KeysOf(signer.JwkSet());
    for (const std::string& other : others) {
      if (other == mine) continue;
      EXPECT_EQ(RefusedFor(signer.Sign(R"({"alg":")" + other + R"(","kid":"key-1"})", "{}"), keys),
                "ALGORITHM_NOT_ALLOWED")
          << mine << " as " << other;
      EXPECT_EQ(RefusedFor(SignerOf(other).Sign("{}"), keys), "ALGORITHM_NOT_ALLOWED");
    }
  }
}

TEST(JwsTest, WithoutAlgAnRsaKeyIsForRs256AndASecretForHs256) {
  const JwsSigner rsa = SignerOf("RS256");
  const JwkSet rsa_keys = KeysOf(rsa.Jwk("", /*with_alg=*/false));
  EXPECT_EQ(RefusedFor(rsa.Sign("{}"), rsa_keys), "");
  EXPECT_EQ(RefusedFor(SignerOf("PS256").Sign("{}"), rsa_keys), "ALGORITHM_NOT_ALLOWED");

  const JwsSigner secret = SignerOf("HS512");
  EXPECT_EQ(RefusedFor(secret.Sign("{}"), KeysOf(secret.Jwk("", false))), "ALGORITHM_NOT_ALLOWED");
  EXPECT_EQ(RefusedFor(secret.Sign("{}"),
                       KeysOf(secret.Jwk("", false), {.oct_algorithm = JwsAlgorithm::kHs512})),
            "");
}

TEST(JwsTest, OnlyThreePartsInStrictBase64UrlAreAToken) {
  const JwsSigner signer = SignerOf("HS256");
  const JwkSet keys = KeysOf(signer.JwkSet());
  const std::string token = signer.Sign("Test");  // ends "VGVzdA": 4 unused bits
  const auto p = PartsOf(token);
  ASSERT_EQ(RefusedFor(token, keys), "");
  ASSERT_EQ(p[1], "VGVzdA");
  const auto resigned = [&](const std::string& text) {
    return text + "." + ToBase64Url(signer.Signature(text));
  };
  for (const std::string& bad : {std::string(),
                                 std::string("."),
                                 std::string(".."),
                                 std::string("..."),
                                 p[0],
                                 p[0] + "." + p[1],
                                 token + ".",
                                 token + ".x",
                                 "." + token,
                                 "." + p[1] + "." + p[2],
                                 token + "=",
                                 token + "\n",
                                 " " + token,
                                 p[0] + " ." + p[1] + "." + p[2],
                                 resigned(p[0] + ".VGVzdA=="),
                                 resigned(p[0] + ".VGVzdB"),
                                 resigned(p[0] + ".VGVz dA"),
                                 resigned(p[0] + ".VGVz\ndA"),
                                 resigned(p[0] + ".VGVzd"),
                                 resigned(p[0] + ".VGVz+A"),
                                 resigned(p[0] + ".VGVz/A"),
                                 resigned(p[0] + "?.VGVzdA"),
                                 resigned(p[0] + "=.VGVzdA"),
                                 std::string(R"({"payload":"VGVzdA","protected":")") + p[0] +
                                     R"(","signature":")" + p[2] + "\"}",
                                 p[0] + "." + p[1] + "." + p[1] + "." + p[1] + "." + p[2]}) {
    EXPECT_EQ(RefusedFor(bad, keys), "MALFORMED") << bad;
  }
  // The last character of a MAC of 32 bytes has two unused bits.
  std::string other = token;
  other.back() = static_cast<char>(other.back() + 1);
  EXPECT_EQ(RefusedFor(other, keys), "MALFORMED");
}

TEST(JwsTest, HeadersWithTwoReadingsAreRefused) {
  const JwsSigner signer = SignerOf("HS256");
  const JwkSet keys = KeysOf(signer.JwkSet());
  ASSERT_EQ(RefusedFor(signer.Sign(R"( { "alg" : "HS256" , "x" : [1] } )", "{}"), keys), "");
  for (const std::string& header :
       {std::string(R"({"alg":"none","alg":"HS256"})"),
        std::string(R"({"alg":"HS256","alg":"HS256"})"),
        std::string(R"({"alg":"HS256","x":{"a":1,"a":2}})"),
        std::string(R"({"alg":"HS256","\u0061lg":"HS256"})"),
        std::string(R"({"alg":"HS256"}{})"),
        std::string(R"({"alg":"HS256"} x)"),
        std::string("{\"alg\":\"HS256\"}\0x", 17),
        std::string("\xEF\xBB\xBF{\"alg\":\"HS256\"}"),
        std::string(R"({"alg":"HS256","x":1e999})"),
        std::string(R"({"alg":"HS256","x":NaN})"),
        std::string("{\"alg\":\"HS256\",\"x\":\"\xC0\xAF\"}"),
        std::string(R"({"alg":"HS256","x":"\ud800"})"),
        std::string(R"(["alg","HS256"])"),
        std::string(R"("HS256")"),
        std::string(),
        std::string("{}"),
        std::string(R"({"alg":1})"),
        std::string(R"({"alg":null})"),
        std::string(R"({"alg":["HS256"]})"),
        std::string(R"({"alg":"HS256",})"),
        std::string(R"({'alg':'HS256'})"),
        std::string(R"({"alg":"HS256"/**/})"),
        std::string(R"({"alg":"HS256","kid":1})"),
        std::string(R"({"alg":"HS256","kid":null})"),
        std::string(R"({"alg":"HS256","kid":["key-1"]})"),
        std::string(R"({"alg":"HS256","typ":1})"),
        std::string(R"({"alg":"HS256","crit":[]})"),
        std::string(R"({"alg":"HS256","crit":"x"})"),
        R"({"alg":"HS256","x":)" + std::string(20, '[') + std::string(20, ']') + "}"}) {
    EXPECT_EQ(RefusedFor(signer.Sign(header, "{}"), keys), "MALFORMED") << header;
  }
  EXPECT_EQ(RefusedFor(signer.Sign(R"({"ALG":"HS256"})", "{}"), keys), "MALFORMED");
}

TEST(JwsTest, ExtensionsThatChangeTheMeaningAreRefused) {
  const JwsSigner signer = SignerOf("HS256");
  const JwkSet keys = KeysOf(signer.JwkSet());
  for (const char* more :
       {R"("crit":["exp"],"exp":1)", R"("crit":["b64"],"b64":true)", R"("b64":false)",
        R"("b64":"false")", R"("zip":"DEF")", R"("enc":"A128GCM")"}) {
    EXPECT_EQ(RefusedFor(signer.Sign(std::string(R"({"alg":"HS256",)") + more + "}", "{}"), keys),
              "UNSUPPORTED_HEADER")
        << more;
  }
  EXPECT_EQ(RefusedFor(signer.Sign(R"({"alg":"HS256","b64":true})", "{}"), keys), "");
}

TEST(JwsTest, KeysThatTheTokenBringsAlongAreNotTrusted) {
  const JwsSigner mine = SignerOf("ES256");
  const JwsSigner attacker = SignerOf("ES256");
  const JwkSet keys = KeysOf(mine.JwkSet());
  for (const std::string& more :
       {R"("jwk":)" + attacker.Jwk(), std::string(R"("jku":"http://127.0.0.1:1/keys")"),
        std::string(R"("x5u":"http://127.0.0.1:1/cert")"), std::string(R"("x5c":["AAAA"])")}) {
    const std::string header = R"({"alg":"ES256","kid":"key-1",)" + more + "}";
    EXPECT_EQ(RefusedFor(attacker.Sign(header, "{}"), keys), "BAD_SIGNATURE");
    EXPECT_EQ(RefusedFor(mine.Sign(header, "{}"), keys), "");
  }
}

TEST(JwsTest, TheKidChoosesAmongKeys) {
  JwsSigner a = SignerOf("ES256");
  JwsSigner b = SignerOf("ES256");
  a.set_kid("a");
  b.set_kid("b");
  const JwkSet keys = KeysOf("{\"keys\":[" + a.Jwk() + "," + b.Jwk() + "]}");
  EXPECT_EQ(RefusedFor(a.Sign("{}"), keys), "");
  EXPECT_EQ(RefusedFor(b.Sign("{}"), keys), "");
  EXPECT_EQ(RefusedFor(a.Sign(R"({"alg":"ES256","kid":"b"})", "{}"), keys), "BAD_SIGNATURE");
  EXPECT_EQ(RefusedFor(a.Sign(R"({"alg":"ES256","kid":"c"})", "{}"), keys), "UNKNOWN_KEY");
  EXPECT_EQ(RefusedFor(a.Sign(R"({"alg":"ES256","kid":""})", "{}"), keys), "UNKNOWN_KEY");
  // Without one, all that fit are tried.
  EXPECT_EQ(RefusedFor(b.Sign(R"({"alg":"ES256"})", "{}"), keys), "");
  // A key without a name serves tokens that name one.
  b.set_kid("");
  EXPECT_EQ(RefusedFor(b.Sign(R"({"alg":"ES256","kid":"c"})", "{}"), KeysOf(b.JwkSet())), "");
}

TEST(JwsTest, OnlySoManyKeysAreTried) {
  std::string list;
  JwsSigner last = JwsSigner::Hmac("HS256", std::string(32, 'x'));
  for (char c = 'a'; c < 'a' + 9; ++c) {
    last = JwsSigner::Hmac("HS256", std::string(32, c));
    last.set_kid(std::string(1, c));
    list += (list.empty() ? "" : ",") + last.Jwk();
  }
  const JwkSet keys = KeysOf("{\"keys\":[" + list + "]}");
  const std::string nameless = last.Sign(R"({"alg":"HS256"})", "{}");
  EXPECT_EQ(RefusedFor(nameless, keys), "BAD_SIGNATURE");
  EXPECT_EQ(RefusedFor(nameless, keys, {.max_keys_tried = 9}), "");
  EXPECT_EQ(RefusedFor(last.Sign("{}"), keys), "");
}

TEST(JwsTest, HugeTokensAreRefusedUnread) {
  const JwsSigner signer = SignerOf("HS256");
  const JwkSet keys = KeysOf(signer.JwkSet());
  EXPECT_EQ(RefusedFor(signer.Sign(std::string(9000, ' ')), keys), "TOO_LARGE");
  EXPECT_EQ(RefusedFor(signer.Sign(std::string(9000, ' ')), keys, {.max_token_bytes = 16 << 10}),
            "");
  EXPECT_EQ(RefusedFor(std::string(10 << 20, 'A'), keys), "TOO_LARGE");
  EXPECT_EQ(
      RefusedFor(signer.Sign(R"({"alg":"HS256","x":")" + std::string(4100, 'x') + "\"}", ""), keys),
      "TOO_LARGE");
}

TEST(JwsTest, NoPartOfATokenIsInTheMessage) {
  const JwsSigner signer = SignerOf("HS256");
  const JwkSet keys = KeysOf(signer.JwkSet());
  for (const std::string header : {R"({"alg":"PRIVATE"})", R"({"alg":"HS256","kid":"PRIVATE"})",
                                   R"({"PRIVATE":1,"PRIVATE":2})"}) {
    const auto jws = VerifyJws(signer.Sign(header, "PRIVATE"), keys);
    ASSERT_FALSE(jws.ok());
    EXPECT_THAT(jws.status().ToString(), ::testing::Not(::testing::HasSubstr("PRIVATE")));
  }
}

// RFC 7515, appendix A.1.
TEST(JwsTest, TheHs256ExampleOfRfc7515Verifies) {
  const JwkSet keys = KeysOf(
      R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})");
  const auto jws = VerifyJws(
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
      ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
      "lfQ"
      ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
      keys);
  ASSERT_TRUE(jws.ok()) << jws.status();
  EXPECT_EQ(jws->typ, "JWT");
  EXPECT_THAT(jws->payload, ::testing::HasSubstr(R"("iss":"joe")"));
}

// RFC 7515, appendix A.2; the private members of the key are left out.
TEST(JwsTest, TheRs256ExampleOfRfc7515Verifies) {
  const JwkSet keys = KeysOf(
      R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})");
  EXPECT_EQ(RefusedFor("eyJhbGciOiJSUzI1NiJ9"
                       ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS"
                       "9pc19yb290Ijp0cnVlfQ"
                       ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-"
                       "0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
                       "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_"
                       "dO--xi12jzDwusC-"
                       "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXL"
                       "IhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
                       keys),
            "");
}

// RFC 7515, appendix A.3.
TEST(JwsTest, TheEs256ExampleOfRfc7515Verifies) {
  const JwkSet keys = KeysOf(
      R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
  EXPECT_EQ(
      RefusedFor(
          "eyJhbGciOiJFUzI1NiJ9"
          ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp"
          "0cnVlfQ"
          ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
          keys),
      "");
}

// RFC 7515, appendix A.4.
TEST(JwsTest, TheEs512ExampleOfRfc7515Verifies) {
  const JwkSet keys = KeysOf(
      R"({"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})");
  const auto jws = VerifyJws(
      "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA"
      ".AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_"
      "7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_"
      "Jn",
      keys);
  ASSERT_TRUE(jws.ok()) << jws.status();
  EXPECT_EQ(jws->payload, "Payload");
}

// RFC 8037, appendix A.4; the key is of A.2.
TEST(JwsTest, TheEd25519ExampleOfRfc8037Verifies) {
  const JwkSet keys =
      KeysOf(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
  const auto jws = VerifyJws(
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
      ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
      keys);
  ASSERT_TRUE(jws.ok()) << jws.status();
  EXPECT_EQ(jws->payload, "Example of Ed25519 signing");
}

}  // namespace
}  // namespace stockroom::api
