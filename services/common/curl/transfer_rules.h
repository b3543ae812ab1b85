// What the services' transfers by libcurl have in common: whom they believe, and where they go.
#pragma once

#include <curl/curl.h>

#include <string>

#include "absl/status/status.h"

namespace stockroom {

// Sets libcurl up, once in a process. INTERNAL: it can not be used. Thread-safe.
absl::Status StartCurl();

// The transfer is with the server of its URL and nobody else: no redirects, no proxy of the
// environment, no .netrc; TLS 1.2 or newer, certificate and name verified. `ca_file`: PEM, the
// authorities that are believed, and they alone; the system's if empty.
void KeepToServer(CURL* transfer, const std::string& ca_file);

}  // namespace stockroom
