#include "services/api/domain/authenticator.h"

#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

class Nobody final : public Authenticator {
 public:
  std::optional<absl::StatusOr<Principal>> TryAuthenticate(const Credentials&) override {
    return Principal::Anonymous();
  }
  void Authenticate(const CallContext&, const Credentials&, Done done) override {
    done(Principal::Anonymous());
  }
};

}  // namespace

absl::Status InvalidCredentials(std::string_view why) {
  return MakeStatus(absl::StatusCode::kUnauthenticated, why, {.reason = "CREDENTIALS_INVALID"});
}

Authenticator& EverybodyIsAnonymous() {
  static Nobody nobody;
  return nobody;
}

}  // namespace stockroom::api
