// A certificate authority for tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "services/common/base/certificates.h"

namespace stockroom::testing {

// Makes certificates with keys on P-256, and ends the test program if OpenSSL does not.
class TestAuthority {
 public:
  explicit TestAuthority(std::string_view name);
  ~TestAuthority();

  struct Made {
    std::string chain;  // PEM
    std::string key;
  };
  // For `names`, host names or "IP:127.0.0.1", from an hour ago until `ends`.
  Made Issue(const std::vector<std::string>& names,
             absl::Time ends = absl::Now() + absl::Hours(24)) const;
  std::string Pem() const;

  // Writes <directory>/<stem>.crt, .key and ca.crt, each in one step, and names them.
  TlsFiles WriteTo(const std::string& directory, const std::string& stem,
                   const std::vector<std::string>& names = {"localhost", "IP:127.0.0.1"},
                   absl::Time ends = absl::Now() + absl::Hours(24)) const;

 private:
  struct Pair;
  const std::unique_ptr<Pair> own_;
};

// As programs should: beside it, then renamed.
void WriteInOneStep(const std::string& path, std::string_view text);

}  // namespace stockroom::testing
