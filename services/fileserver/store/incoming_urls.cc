#include "services/fileserver/store/incoming_urls.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::fileserver {
namespace {

std::string PathOf(const IncomingSpec& spec) { return "/incoming/" + spec.id; }

UrlParameters ParametersOf(const IncomingSpec& spec) {
  UrlParameters parameters = {{"size", absl::StrCat(spec.size)}};
  if (!spec.content_type.empty()) parameters.emplace_back("type", spec.content_type);
  if (spec.sha256) parameters.emplace_back("sha256", spec.sha256->hex());
  if (!spec.md5.empty()) parameters.emplace_back("md5", ToHex(spec.md5));
  if (spec.crc32c) parameters.emplace_back("crc32c", absl::StrFormat("%08x", *spec.crc32c));
  return parameters;
}

}  // namespace

absl::StatusOr<IncomingTicket> IncomingUrls::TicketOf(const IncomingSpec& spec) const {
  IncomingTicket ticket;
  SR_ASSIGN_OR_RETURN(ticket.put_url,
                      urls_.Sign(kPutMethod, PathOf(spec), ParametersOf(spec), spec.expires));
  if (!spec.content_type.empty()) ticket.put_headers = {{"Content-Type", spec.content_type}};
  SR_ASSIGN_OR_RETURN(ticket.tus_url, TusUrl(spec));
  ticket.tus_endpoint = ticket.tus_url;
  if (direct_ == nullptr) return ticket;
  if (std::optional<DirectUrls::Put> put = direct_->ToPut(spec)) {
    ticket.put_url = std::move(put->url);
    ticket.put_headers = std::move(put->headers);
  }
  return ticket;
}

absl::StatusOr<std::string> IncomingUrls::TusUrl(const IncomingSpec& spec) const {
  return urls_.Sign(kTusMethod, PathOf(spec), ParametersOf(spec), spec.expires);
}

absl::StatusOr<UrlParameters> IncomingUrls::Verify(std::string_view method, std::string_view path,
                                                   std::string_view query, absl::Time now) const {
  absl::StatusOr<UrlParameters> parameters = signer_.Verify(method, path, query, now);
  if (!parameters.ok() && DetailsOf(parameters.status()).reason == "SIGNATURE_EXPIRED") {
    return NotFound("INCOMING_EXPIRED", "the upload has expired");
  }
  return parameters;
}

absl::Status IncomingUrls::CheckIsOf(const UrlParameters& parameters, const IncomingSpec& spec) {
  if (parameters == ParametersOf(spec)) return absl::OkStatus();
  return NotFound("INCOMING_NOT_FOUND", "the upload that this URL stood for is gone");
}

}  // namespace stockroom::fileserver
