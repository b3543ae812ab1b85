// Makes keys and signs tokens, good and bad ones. Shares nothing with services/api/auth.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace stockroom::test {

class JwsSigner {
 public:
  // `alg` as in a token's header. A secret for HS…, else a new key: RSA of 2,048 bits, the curve
  // that belongs to ES…, Ed25519. Ends the program if OpenSSL can not.
  static JwsSigner Hmac(std::string_view alg, std::string_view secret);
  static JwsSigner Generate(std::string_view alg, int rsa_bits = 2048);

  // The algorithm's signature: R and S side by side for ES….
  std::string Signature(std::string_view input) const;

  // Encodes header and payload, whatever they are, and signs them.
  std::string Sign(std::string_view header, std::string_view payload) const;
  // With the header {"alg": …, "kid": …}; without a kid if that is empty.
  std::string Sign(std::string_view payload) const;

  // The public key, or the secret, as a JWK with kid, and alg if wanted. `more` are members to add,
  // e.g. R"("use":"sig")".
  std::string Jwk(std::string_view more = "", bool with_alg = true) const;
  // {"keys":[…]} with this one.
  std::string JwkSet() const { return "{\"keys\":[" + Jwk() + "]}"; }

  std::string PublicPem() const;
  std::string PrivatePem() const;
  // A self-signed certificate of the key for 127.0.0.1, as PEM.
  std::string CertificatePem() const;

  const std::string& alg() const { return alg_; }
  const std::string& kid() const { return kid_; }
  void set_kid(std::string_view kid) { kid_ = kid; }

 private:
  std::string alg_;
  std::string kid_ = "key-1";
  std::string secret_;
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace stockroom::test
