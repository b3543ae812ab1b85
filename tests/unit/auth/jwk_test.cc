#include "services/api/auth/jwk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "services/api/auth/jws.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "tests/support/jws_signer.h"

namespace stockroom::api {
namespace {

using test::JwsSigner;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

std::string SetOf(const std::string& keys) { return "{\"keys\":[" + keys + "]}"; }

std::string ReasonOf(const absl::Status& status) { return DetailsOf(status).reason; }

// The reason why the text is refused, "" if it is not.
std::string RefusedFor(const std::string& json, const JwkOptions& options = {}) {
  return ReasonOf(JwkSet::Parse(json, options).status());
}

std::string MessageFor(const std::string& json, const JwkOptions& options = {}) {
  return std::string(Sv(JwkSet::Parse(json, options).status().message()));
}

std::string OctJwk(size_t bytes, const std::string& alg = "HS256") {
  return R"({"kty":"oct","alg":")" + alg + R"(","k":")" + ToBase64Url(std::string(bytes, 'k')) +
         "\"}";
}

std::string RsaJwk(const std::string& n, const std::string& e) {
  return R"({"kty":"RSA","n":")" + ToBase64Url(n) + R"(","e":")" + ToBase64Url(e) + "\"}";
}

TEST(JwkTest, ASetAndASingleKeyAreBothRead) {
  const JwsSigner signer = JwsSigner::Generate("ES256");
  EXPECT_THAT(JwkSet::Parse(signer.JwkSet())->keys(), SizeIs(1));
  EXPECT_THAT(JwkSet::Parse(signer.Jwk())->keys(), SizeIs(1));
  EXPECT_EQ(RefusedFor(R"({"kty":"EC","keys":[]})"), "BAD_JWKS");
}

TEST(JwkTest, PrivateMembersAreIgnored) {
  const JwsSigner signer = JwsSigner::Generate("ES256");
  EXPECT_EQ(RefusedFor(signer.Jwk(R"("d":"what ever")")), "");
}

TEST(JwkTest, TextsThatAreNoKeySetAreRefused) {
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("{"),
        std::string(R"({"keys":{}})"), std::string(R"({"keys":null})"),
        std::string(R"({"keys":[1]})"), std::string(R"({"keys":[{}]})"),
        std::string(R"({"keys":[],"keys":[]})"),
        std::string(R"({"keys":[{"kty":"oct","kty":"oct","k":"AA"}]})"),
        std::string("{\"keys\":[]}\0", 12), std::string("\xEF\xBB\xBF{\"keys\":[]}"),
        "{\"keys\":" + std::string(100, '[') + std::string(100, ']') + "}"}) {
    EXPECT_EQ(RefusedFor(text), "BAD_JWKS") << text;
  }
  EXPECT_EQ(RefusedFor(R"({"keys":[]})"), "NO_USABLE_KEYS");
}

TEST(JwkTest, MalformedKeysAreNamedByTheirIndexAndNothingElse) {
  const std::string good = JwsSigner::Generate("ES256").Jwk();
  for (const std::string bad : {R"({"kty":1})",
                                R"({"kty":"oct"})",
                                R"({"kty":"oct","k":5})",
                                R"({"kty":"oct","k":"SECRET=="})",
                                R"({"kty":"oct","k":"SEC RET"})",
                                R"({"kty":"RSA","n":"AQAB"})",
                                R"({"kty":"EC","x":"AA","y":"AA"})",
                                R"({"kty":"EC","crv":"P-256","x":"SECRET","y":"AA"})",
                                R"({"kty":"OKP"})",
                                R"({"kty":"OKP","crv":"Ed25519","x":"SECRET"})",
                                R"({"kty":"EC","kid":7})",
                                R"({"kty":"EC","use":["sig"]})",
                                R"({"kty":"EC","alg":256})",
                                R"({"kty":"EC","key_ops":"verify"})",
                                R"({"kty":"EC","key_ops":["verify","verify"]})",
                                R"({"kty":"EC","key_ops":[1]})",
                                R"({"kty":"EC","crv":"P-256","alg":"RS256"})",
                                R"({"kty":"EC","crv":"P-256","alg":"ES384","x":"AA","y":"AA"})",
                                R"({"kty":"RSA","alg":"HS256"})",
                                R"({"kty":"oct","alg":"RS256"})",
                                R"({"kty":"OKP","crv":"Ed25519","alg":"ES256"})"}) {
    const std::string message = MessageFor(SetOf(good + "," + bad));
    EXPECT_THAT(message, HasSubstr("key 1:")) << bad;
    EXPECT_THAT(message, Not(HasSubstr("SECRET"))) << bad;
    EXPECT_EQ(RefusedFor(SetOf(good + "," + bad)), "BAD_JWKS") << bad;
  }
}

TEST(JwkTest, KeysForOtherPurposesAreLeftOut) {
  const JwsSigner signer = JwsSigner::Generate("ES256");
  const auto set = JwkSet::Parse(
      SetOf(signer.Jwk(R"("use":"sig","key_ops":["sign","verify"])") + "," +
            signer.Jwk(R"("use":"enc")") + "," + signer.Jwk(R"("key_ops":["sign"])") + "," +
            signer.Jwk(R"("key_ops":[])") +
            R"(,{"kty":"new"},{"kty":"EC","crv":"secp256k1"},{"kty":"OKP","crv":"X25519"},)"
            R"({"kty":"RSA","alg":"RSA-OAEP"},{"kty":"oct","alg":"A256GCM","k":"AAAA"})"));
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_THAT(set->keys(), SizeIs(1));
  EXPECT_THAT(
      set->skipped(),
      ElementsAre("key 1: is not for signatures", "key 2: is not for verifying",
                  "key 3: is not for verifying", "key 4: is of a type that is not supported",
                  "key 5: is on a curve that is not supported",
                  "key 6: is on a curve that is not supported",
                  "key 7: is for an algorithm that is not supported",
                  "key 8: is for an algorithm that is not supported"));
}

TEST(JwkTest, AKeyThatCallsItsAlgorithmByTheCurveIsUnderstood) {
  const JwsSigner signer = JwsSigner::Generate("ES512");
  const auto keys = JwkSet::Parse(signer.Jwk(R"("alg":"ES521")", /*with_alg=*/false));
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_TRUE(VerifyJws(signer.Sign("{}"), *keys).ok());
  // Tokens must call it right.
  EXPECT_FALSE(VerifyJws(signer.Sign(R"({"alg":"ES521"})", "{}"), *keys).ok());
  EXPECT_EQ(RefusedFor(JwsSigner::Generate("ES256").Jwk(R"("alg":"ES521")", false)), "BAD_JWKS");
}

TEST(JwkTest, SecretsShorterThanTheirHashAreRefused) {
  const std::pair<const char*, size_t> hashes[] = {{"HS256", 32}, {"HS384", 48}, {"HS512", 64}};
  for (const auto& [alg, bytes] : hashes) {
    EXPECT_EQ(RefusedFor(OctJwk(bytes, alg)), "") << alg;
    EXPECT_EQ(RefusedFor(OctJwk(bytes - 1, alg)), "NO_USABLE_KEYS") << alg;
    EXPECT_EQ(RefusedFor(OctJwk(0, alg)), "NO_USABLE_KEYS") << alg;
  }
  EXPECT_THAT(MessageFor(OctJwk(31)), HasSubstr("a secret of 31 bytes, at least 32 are needed"));
}

TEST(JwkTest, WeakAndHugeRsaKeysAreRefused) {
  EXPECT_EQ(RefusedFor(JwsSigner::Generate("RS256", 2048).Jwk()), "");
  EXPECT_THAT(MessageFor(JwsSigner::Generate("RS256", 1024).Jwk()), HasSubstr("RSA of 1024 bits"));
  EXPECT_THAT(MessageFor(JwsSigner::Generate("RS256", 2040).Jwk()), HasSubstr("RSA of 2040 bits"));
  const std::string e("\x01\x00\x01", 3);
  const std::string n2048 = std::string("\xC5") + std::string(254, '\x37') + "\x01";
  EXPECT_EQ(RefusedFor(RsaJwk(n2048, e)), "");
  EXPECT_EQ(RefusedFor(RsaJwk(std::string(1, '\0') + n2048, e)), "");  // some libraries pad
  EXPECT_EQ(RefusedFor(RsaJwk("\xC5" + std::string(1024, '\x37'), e)), "NO_USABLE_KEYS");
  EXPECT_EQ(RefusedFor(RsaJwk(std::string(100'000, '\x37'), e)), "NO_USABLE_KEYS");
  EXPECT_EQ(RefusedFor(RsaJwk(n2048.substr(0, 255) + "\x02", e)), "BAD_JWKS");
  EXPECT_EQ(RefusedFor(RsaJwk("", e)), "NO_USABLE_KEYS");
  for (const std::string& bad :
       {std::string(), std::string(1, '\0'), std::string("\x01"), std::string("\x02"),
        std::string("\x01\x00\x00", 3), std::string(9, '\x11'), std::string(100, '\x11')}) {
    EXPECT_EQ(RefusedFor(RsaJwk(n2048, bad)), "NO_USABLE_KEYS") << ToHex(bad);
  }
  EXPECT_EQ(RefusedFor(RsaJwk(n2048, "\x03")), "");
}

TEST(JwkTest, KeysOfTheBrokenLibraryAreRefused) {
  // Congruent to 1 = 65537^0 modulo each of the primes that the fingerprint looks at, odd: their
  // product times a number, plus 1. A sound modulus has this shape once in 2^27 times.
  std::string n(256, '\0');
  n.back() = 1;
  // n = 1 + 2 * product(primes) * k by schoolbook arithmetic on bytes.
  std::string product(256, '\0');
  product.back() = 2;
  for (const int prime :
       {3,  5,  7,  11, 13, 17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
        73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167}) {
    int carry = 0;
    for (size_t i = product.size(); i-- > 0;) {
      const int value = static_cast<unsigned char>(product[i]) * prime + carry;
      product[i] = static_cast<char>(value & 0xFF);
      carry = value >> 8;
    }
  }
  size_t first = 0;
  while (product[first] == 0) ++first;
  n = product.substr(first) + std::string(first, '\0');  // times a power of 256
  n.back() = 1;
  ASSERT_EQ(n.size(), 256u);
  while (static_cast<unsigned char>(n[0]) < 0x80) {  // and of two, to 2,048 bits
    int carry = 0;
    for (size_t i = n.size() - 1; i-- > 0;) {
      const int value = static_cast<unsigned char>(n[i]) * 2 + carry;
      n[i] = static_cast<char>(value & 0xFF);
      carry = value >> 8;
    }
  }
  EXPECT_THAT(MessageFor(RsaJwk(n, std::string("\x01\x00\x01", 3))), HasSubstr("CVE-2017-15361"));
}

TEST(JwkTest, PointsThatAreNotOnTheirCurveAreRefused) {
  // RFC 7515, appendix A.3, with another last byte of y.
  const std::string x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
  const auto jwk = [&](const std::string& crv, const std::string& px, const std::string& py) {
    return R"({"kty":"EC","crv":")" + crv + R"(","x":")" + px + R"(","y":")" + py + "\"}";
  };
  EXPECT_EQ(RefusedFor(jwk("P-256", x, "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")), "");
  EXPECT_THAT(MessageFor(jwk("P-256", x, "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4")),
              HasSubstr("not on its curve"));
  const std::string zero = ToBase64Url(std::string(32, '\0'));
  EXPECT_EQ(RefusedFor(jwk("P-256", zero, zero)), "BAD_JWKS");
  EXPECT_EQ(RefusedFor(jwk("P-384", x, "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")), "BAD_JWKS");
  // Not as long as the field: a leading zero more or less is another text for the same key.
  EXPECT_EQ(RefusedFor(jwk("P-256", ToBase64Url('\0' + *FromBase64Url(x)),
                           "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")),
            "BAD_JWKS");
}

TEST(JwkTest, TwoKeysOfOneNameAndAlgorithmAreRefused) {
  const JwsSigner a = JwsSigner::Generate("ES256");
  const JwsSigner b = JwsSigner::Generate("ES256");
  const JwsSigner c = JwsSigner::Generate("EdDSA");
  EXPECT_THAT(MessageFor(SetOf(a.Jwk() + "," + b.Jwk())), HasSubstr("key 1: another key"));
  // The same key twice is one; equal names are told apart by the algorithm.
  EXPECT_THAT(JwkSet::Parse(SetOf(a.Jwk() + "," + a.Jwk()))->keys(), SizeIs(1));
  EXPECT_THAT(JwkSet::Parse(SetOf(a.Jwk() + "," + c.Jwk()))->keys(), SizeIs(2));
}

TEST(JwkTest, SecretsAmongPublicKeysAreRefused) {
  const std::string set = SetOf(JwsSigner::Generate("ES256").Jwk() + "," + OctJwk(32));
  EXPECT_THAT(MessageFor(set), HasSubstr("mixed"));
  EXPECT_EQ(RefusedFor(OctJwk(32), {.allow_oct = false}), "NO_USABLE_KEYS");
  EXPECT_EQ(RefusedFor(set, {.allow_oct = false}), "");
}

TEST(JwkTest, OptionsCanNotTurnAKeyIntoAnotherType) {
  const JwsSigner signer = JwsSigner::Generate("RS256");
  EXPECT_EQ(RefusedFor(signer.Jwk("", false), {.rsa_algorithm = JwsAlgorithm::kHs256}), "BAD_JWKS");
  EXPECT_EQ(RefusedFor(OctJwk(64), {.oct_algorithm = JwsAlgorithm::kRs256}), "BAD_JWKS");
  EXPECT_EQ(
      ReasonOf(
          JwkSet::ParsePem(signer.PublicPem(), {.rsa_algorithm = JwsAlgorithm::kEs256}).status()),
      "BAD_JWKS");
}

TEST(JwkTest, SizeAndNumberOfKeysAreLimited) {
  EXPECT_EQ(RefusedFor(std::string((1 << 20) + 1, ' ')), "BAD_JWKS");
  std::string keys;
  for (int i = 0; i < 101; ++i) keys += std::string(i == 0 ? "" : ",") + R"({"kty":"x"})";
  EXPECT_THAT(MessageFor(SetOf(keys)), HasSubstr("over 100 keys"));
}

TEST(JwkTest, PublicKeysAndCertificatesAreReadFromPem) {
  for (const std::string alg : {"RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"}) {
    const JwsSigner signer = JwsSigner::Generate(alg);
    JwkOptions options;
    options.rsa_algorithm = JwsAlgorithmNamed(alg).value();
    if (!alg.starts_with("RS") && !alg.starts_with("PS")) options = {};
    for (const std::string& pem : {signer.PublicPem(), "note\n" + signer.CertificatePem()}) {
      const auto set = JwkSet::ParsePem(pem, options);
      ASSERT_TRUE(set.ok()) << alg << ": " << set.status();
      EXPECT_TRUE(VerifyJws(signer.Sign("{}"), *set).ok()) << alg;
    }
  }
}

TEST(JwkTest, SeveralPemKeysAreOneSet) {
  const JwsSigner a = JwsSigner::Generate("ES256");
  const JwsSigner b = JwsSigner::Generate("EdDSA");
  const auto set = JwkSet::ParsePem(a.PublicPem() + b.PublicPem());
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_TRUE(VerifyJws(a.Sign("{}"), *set).ok());
  EXPECT_TRUE(VerifyJws(b.Sign("{}"), *set).ok());
}

TEST(JwkTest, PemThatIsNoPublicKeyIsRefused) {
  const JwsSigner signer = JwsSigner::Generate("ES256");
  const std::string pem = signer.PublicPem();
  EXPECT_EQ(ReasonOf(JwkSet::ParsePem("").status()), "NO_USABLE_KEYS");
  EXPECT_EQ(ReasonOf(JwkSet::ParsePem(signer.PrivatePem()).status()), "PRIVATE_KEY");
  EXPECT_EQ(ReasonOf(JwkSet::ParsePem(pem + signer.PrivatePem()).status()), "PRIVATE_KEY");
  EXPECT_FALSE(JwkSet::ParsePem(pem.substr(0, pem.size() / 2)).ok());
  std::string damaged = pem;
  damaged[40] = '!';
  EXPECT_FALSE(JwkSet::ParsePem(damaged).ok());
  EXPECT_EQ(ReasonOf(JwkSet::ParsePem(JwsSigner::Generate("RS256", 1024).PublicPem()).status()),
            "NO_USABLE_KEYS");
}

}  // namespace
}  // namespace stockroom::api
