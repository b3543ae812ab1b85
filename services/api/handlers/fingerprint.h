// What tells one request from another.
#pragma once

#include <google/protobuf/message.h>

#include "services/common/base/digest.h"

namespace stockroom::api {

// SHA-256 of the message's type and content: what a repetition under an idempotency key is compared
// by. A field `if_revision` is left out: a client that repeats a write may have read the image in
// between, and the answer is still that of the write.
Digest FingerprintOf(const google::protobuf::Message& message);

}  // namespace stockroom::api
