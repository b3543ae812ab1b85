// The keys of UrlSigner: an operator's file, or one that the file server makes for itself.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/fileserver/store/env.h"
#include "services/fileserver/store/url_signer.h"

namespace stockroom::fileserver {

// A key a line, lines that are empty or begin with '#' left out: the first signs, all verify.
// Replicas need the same file. Errors name the file, never its content: NOT_FOUND and others of
// ErrnoStatus, OUT_OF_RANGE (more than 64 KiB), INVALID_ARGUMENT as UrlSigner::Create.
absl::StatusOr<UrlSigner> ReadSigningKeys(const std::string& path);

// The key in `directory`/url-signing-key. If there is none, makes one of 256 random bits, readable
// by this user only, and durable when it returns: a URL that was handed out must not be void
// because the power went. Safe if two processes do it at once: both get the same. Errors of Env.
absl::StatusOr<UrlSigner> MakeOrReadSigningKey(Env& env, const std::string& directory);

}  // namespace stockroom::fileserver
