// Who is asking, and what they may do.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "services/api/domain/image.h"

namespace stockroom::api {

// What a caller may be allowed to do. Names as in proto/stockroom/v1/options.proto.
enum class Scope : uint8_t {
  kRead = 1,      // images:read
  kWrite = 2,     // images:write: upload, and change what is one's own
  kModerate = 4,  // images:moderate: see and change everybody's
  kAdmin = 8,     // admin: keys, webhooks, re-processing
};

class Scopes {
 public:
  constexpr Scopes() = default;
  constexpr Scopes(Scope scope) : bits_(static_cast<uint8_t>(scope)) {}  // NOLINT: a set of one
  constexpr bool Has(Scope scope) const { return (bits_ & static_cast<uint8_t>(scope)) != 0; }
  constexpr bool Contains(Scopes other) const { return (other.bits_ & ~bits_) == 0; }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr Scopes operator|(Scopes a, Scopes b) { return FromBits(a.bits_ | b.bits_); }
  friend constexpr Scopes operator&(Scopes a, Scopes b) { return FromBits(a.bits_ & b.bits_); }
  friend constexpr bool operator==(Scopes, Scopes) = default;

  // As stored in the database.
  constexpr int bits() const { return bits_; }
  static constexpr Scopes FromBits(int bits) {
    Scopes scopes;
    scopes.bits_ = static_cast<uint8_t>(bits);
    return scopes;
  }

 private:
  uint8_t bits_ = 0;
};
constexpr Scopes operator|(Scope a, Scope b) { return Scopes(a) | Scopes(b); }

// Every use case takes one.
struct Principal {
  // Owns what has this owner; strangers who may only look have none, and own nothing.
  std::string subject;
  bool anonymous = true;
  Scopes scopes;
  // What a token says about its bearer that images uploaded with it are to carry as attributes.
  std::map<std::string, std::string> attributes;
  // Id of the API key that was shown; empty for tokens and anonymous callers.
  std::string key_id;

  // Where nobody has to log in: may do everything with what is public or nobody's.
  static Principal Anonymous() {
    return {.subject = "anonymous",
            .anonymous = true,
            .scopes = Scope::kRead | Scope::kWrite | Scope::kAdmin};
  }
};

// How long a stream of answers goes on under one look at who is asking. Then its caller comes back
// and is looked at again: a key may have been revoked, a token may have expired.
inline constexpr absl::Duration kLongestTrust = absl::Minutes(5);

// Knows the link or the id: public, unlisted, or their own.
inline bool MayRead(const Principal& who, const std::string& owner, Visibility visibility) {
  return visibility != Visibility::kPrivate || owner == who.subject ||
         who.scopes.Has(Scope::kModerate);
}
inline bool MayRead(const Principal& who, const Image& image) {
  return MayRead(who, image.owner, SeenAs(image));
}
// Comes upon it by listing or search: public, or their own.
inline bool MayFind(const Principal& who, const std::string& owner, Visibility visibility) {
  return visibility == Visibility::kPublic || owner == who.subject ||
         who.scopes.Has(Scope::kModerate);
}
inline bool MayFind(const Principal& who, const Image& image) {
  return MayFind(who, image.owner, SeenAs(image));
}
// The picture, as opposed to what is written about it: strangers only once it passed moderation
// (READY), and of what moderation hides not even its owner.
inline bool MaySeePicture(const Principal& who, const Image& image) {
  if (who.scopes.Has(Scope::kModerate)) return true;
  if (IsHidden(image.state) || !MayRead(who, image)) return false;
  // One that is made anew has passed before.
  const bool passed = image.state == ImageState::kReady || !image.work_plan.empty();
  return passed || image.owner == who.subject;
}
inline bool MayChange(const Principal& who, const Image& image) {
  return image.owner == who.subject || who.scopes.Has(Scope::kModerate);
}

}  // namespace stockroom::api
