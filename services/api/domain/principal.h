// Who is asking.
#pragma once

#include <string>

#include "services/api/domain/image.h"

namespace stockroom::api {

// Every use case takes one. Authentication (a later issue) makes others than the anonymous one.
struct Principal {
  std::string subject;
  bool anonymous = true;

  static Principal Anonymous() { return {.subject = "anonymous", .anonymous = true}; }
};

// Knows the link or the id: public, unlisted, or their own.
inline bool MayRead(const Principal& who, const Image& image) {
  return image.described.visibility != Visibility::kPrivate || image.owner == who.subject;
}
// Comes upon it by listing or search: public, or their own.
inline bool MayFind(const Principal& who, const std::string& owner, Visibility visibility) {
  return visibility == Visibility::kPublic || owner == who.subject;
}
inline bool MayFind(const Principal& who, const Image& image) {
  return MayFind(who, image.owner, image.described.visibility);
}
inline bool MayChange(const Principal& who, const Image& image) {
  return image.owner == who.subject;
}

}  // namespace stockroom::api
