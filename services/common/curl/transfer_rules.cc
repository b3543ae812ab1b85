#include "services/common/curl/transfer_rules.h"

namespace stockroom {

absl::Status StartCurl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  return code == CURLE_OK ? absl::OkStatus() : absl::InternalError("libcurl can not be used");
}

void KeepToServer(CURL* transfer, const std::string& ca_file) {
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(transfer, option, value);
  };
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!ca_file.empty()) {
    set(CURLOPT_CAINFO, ca_file.c_str());
    // Or the system's authorities were believed as well.
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  // Time limits by SIGALRM are nothing for a process of many threads.
  set(CURLOPT_NOSIGNAL, 1L);
}

}  // namespace stockroom
