#include "tests/support/memory_s3.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/common/base/digest.h"
#include "services/common/base/strings.h"
#include "services/common/s3/xml.h"

namespace stockroom::testing {
namespace {

using s3::Fields;
using s3::HttpRequest;
using s3::HttpResponse;

std::string Decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      decoded +=
          static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string Md5Of(std::string_view bytes) {
  StreamHasher hasher(StreamHasher::Md5::kYes);
  hasher.Update(bytes);
  return hasher.FinishMd5();
}

std::string Find(const Fields& fields, std::string_view name) {
  for (const auto& [field, value] : fields) {
    if (absl::AsciiStrToLower(field) == name) return value;
  }
  return "";
}

bool HasField(const Fields& fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(), [&](const auto& f) { return f.first == name; });
}

absl::Time ParseAmzDate(const std::string& text) {
  absl::Time time;
  std::string error;
  return absl::ParseTime("%E4Y%m%dT%H%M%SZ", text, &time, &error) ? time : absl::InfinitePast();
}

std::string IsoTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

}  // namespace

struct MemoryS3::Parsed {
  std::string method;
  std::string host;
  std::string path;
  std::string key;
  Fields query;
  Fields headers;  // names in lower case
  std::string body;
};

void MemoryS3::SetFault(Fault fault) {
  MutexLock lock(mu_);
  fault_ = std::move(fault);
}

HttpResponse MemoryS3::Answer(int status, std::string body, Fields headers) const {
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.headers.emplace_back(
      "date",
      absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", options_.clock->Now(), absl::UTCTimeZone()));
  if (!HasField(response.headers, "content-length")) {
    response.headers.emplace_back("content-length", absl::StrCat(body.size()));
  }
  response.body = std::move(body);
  response.head_seen = s3::SteadyNow();
  return response;
}

HttpResponse MemoryS3::Refuse(int status, const std::string& code, Fields headers) const {
  return Answer(status,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code +
                    "</Code><Message>because</Message></Error>",
                std::move(headers));
}

absl::StatusOr<HttpResponse> MemoryS3::Send(const HttpRequest& request) {
  Parsed parsed{.method = request.method};
  const std::string rest = request.url.substr(request.url.find("://") + 3);
  const size_t slash = rest.find('/');
  const size_t question = std::min(rest.find('?'), rest.size());
  parsed.host = rest.substr(0, slash);
  parsed.path = Decoded(std::string_view(rest).substr(slash, question - slash));
  for (const absl::string_view pair : absl::StrSplit(
           Av(rest).substr(std::min(question + 1, rest.size())), '&', absl::SkipEmpty())) {
    const std::vector<std::string> sides = absl::StrSplit(pair, absl::MaxSplits('=', 1));
    parsed.query.emplace_back(Decoded(sides[0]), sides.size() > 1 ? Decoded(sides[1]) : "");
  }
  for (const auto& [name, value] : request.headers) {
    parsed.headers.emplace_back(absl::AsciiStrToLower(name), value);
  }
  if (request.body != nullptr) {
    parsed.body.resize(static_cast<size_t>(request.body->size()));
    const absl::Status read = request.body->ReadAt(0, parsed.body.data(), parsed.body.size());
    if (!read.ok()) return read;
  }
  const std::string bucket = "/" + options_.bucket;
  if (parsed.path.size() > bucket.size()) parsed.key = parsed.path.substr(bucket.size() + 1);
  Fault fault;
  {
    MutexLock lock(mu_);
    log_.push_back(request.method + " " + parsed.key);
    fault = fault_;
  }
  if (fault) {
    if (auto instead = fault(request, parsed.key)) return *std::move(instead);
  }
  MutexLock lock(mu_);
  if (auto refused = CheckAccess(parsed)) return *std::move(refused);
  if (parsed.path != bucket && !std::string_view(parsed.path).starts_with(bucket + "/")) {
    return Refuse(404, "NoSuchBucket");
  }
  HttpResponse response = parsed.key.empty() ? ServeBucket(parsed) : Serve(parsed);
  if (request.method == "HEAD") response.body.clear();
  if (static_cast<int64_t>(response.body.size()) > request.max_response_bytes) {
    return absl::OutOfRangeError("the answer is too long");
  }
  return response;
}

std::optional<HttpResponse> MemoryS3::CheckAccess(const Parsed& parsed) const {
  const absl::Time now = options_.clock->Now();
  s3::RequestToSign request{.method = parsed.method,
                            .path = parsed.path,
                            .query = parsed.query,
                            .headers = {{"host", parsed.host}}};
  std::string payload = s3::kUnsignedPayload;
  std::string signature;
  absl::Time time;
  std::string credential;
  if (const std::string expires = Find(parsed.query, "x-amz-expires"); !expires.empty()) {
    signature = Find(parsed.query, "x-amz-signature");
    credential = Find(parsed.query, "x-amz-credential");
    time = ParseAmzDate(Find(parsed.query, "x-amz-date"));
    request.query.clear();
    for (const auto& field : parsed.query) {
      if (field.first != "X-Amz-Signature") request.query.push_back(field);
    }
    const std::string names = Find(parsed.query, "x-amz-signedheaders");
    for (const absl::string_view name : absl::StrSplit(names, ';')) {
      if (name == "host") continue;
      request.headers.emplace_back(name, Find(parsed.headers, Sv(name)));
    }
    if (now > time + absl::Seconds(std::atoi(expires.c_str()))) {
      return Refuse(403, "AccessDenied");
    }
  } else {
    const std::string authorization = Find(parsed.headers, "authorization");
    if (authorization.empty()) return Refuse(403, "AccessDenied");
    signature = authorization.substr(authorization.rfind('=') + 1);
    const size_t at = authorization.find("Credential=") + 11;
    credential = authorization.substr(at, authorization.find(',') - at);
    time = ParseAmzDate(Find(parsed.headers, "x-amz-date"));
    if (absl::AbsDuration(now - time) > absl::Minutes(15)) {
      return Refuse(403, "RequestTimeTooSkewed");
    }
    for (const auto& field : parsed.headers) {
      if (field.first != "authorization") request.headers.push_back(field);
    }
    payload = Find(parsed.headers, "x-amz-content-sha256");
  }
  if (!std::string_view(credential).starts_with(options_.credentials.access_key + "/")) {
    return Refuse(403, "InvalidAccessKeyId");
  }
  if (s3::Signature(options_.credentials, {.region = "us-east-1"}, time,
                    s3::CanonicalRequest(request, payload)) != signature) {
    return Refuse(403, "SignatureDoesNotMatch");
  }
  if (payload != s3::kUnsignedPayload && payload != Digest::Of(parsed.body).hex()) {
    return Refuse(400, "XAmzContentSHA256Mismatch");
  }
  const std::string md5 = Find(parsed.headers, "content-md5");
  if (!md5.empty() && md5 != absl::Base64Escape(Md5Of(parsed.body)))
    return Refuse(400, "BadDigest");
  return std::nullopt;
}

HttpResponse MemoryS3::Serve(const Parsed& parsed) {
  if (HasField(parsed.query, "uploads") || HasField(parsed.query, "uploadId")) {
    return ServeUpload(parsed);
  }
  if (parsed.method == "PUT") {
    Fields metadata;
    for (const auto& [name, value] : parsed.headers) {
      if (absl::StartsWith(name, "x-amz-meta-") || name == "content-type") {
        metadata.emplace_back(name, value);
      }
    }
    return Store(parsed, parsed.body, ToHex(Md5Of(parsed.body)), std::move(metadata));
  }
  if (parsed.method == "DELETE") {
    objects_.erase(parsed.key);
    return Answer(204);
  }
  return Read(parsed);
}

HttpResponse MemoryS3::Store(const Parsed& parsed, std::string bytes, std::string etag,
                             Fields metadata) {
  if (!Find(parsed.headers, "if-none-match").empty()) {
    if (options_.conditions == Options::Conditions::kRefused) return Refuse(501, "NotImplemented");
    if (options_.conditions == Options::Conditions::kHonoured && objects_.contains(parsed.key)) {
      return Refuse(412, "PreconditionFailed");
    }
  }
  size_t described = 0;
  for (const auto& [name, value] : metadata) {
    if (name != "content-type") described += name.size() - 11 + value.size();
  }
  if (described > 2048) return Refuse(400, "MetadataTooLarge");
  objects_[parsed.key] = {.bytes = std::move(bytes),
                          .etag = etag,
                          .modified = options_.clock->Now(),
                          .metadata = std::move(metadata)};
  return Answer(200, "", {{"etag", "\"" + etag + "\""}});
}

HttpResponse MemoryS3::Read(const Parsed& parsed) {
  const auto it = objects_.find(parsed.key);
  if (it == objects_.end()) return Refuse(404, "NoSuchKey");
  const Object& object = it->second;
  const std::string wanted = Find(parsed.headers, "if-match");
  if (!wanted.empty() && wanted != "\"" + object.etag + "\"") {
    return Refuse(412, "PreconditionFailed");
  }
  Fields headers = object.metadata;
  headers.emplace_back("etag", "\"" + object.etag + "\"");
  headers.emplace_back("last-modified", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                                                         object.modified, absl::UTCTimeZone()));
  const std::string range = Find(parsed.headers, "range");
  if (range.empty()) return Answer(200, object.bytes, std::move(headers));
  const std::vector<std::string> ends = absl::StrSplit(range.substr(6), '-');
  const size_t first = std::stoul(ends[0]);
  if (first >= object.bytes.size()) return Refuse(416, "InvalidRange");
  const size_t last = std::min(std::stoul(ends[1]), object.bytes.size() - 1);
  headers.emplace_back("content-range",
                       absl::StrCat("bytes ", first, "-", last, "/", object.bytes.size()));
  return Answer(206, object.bytes.substr(first, last - first + 1), std::move(headers));
}

HttpResponse MemoryS3::ServeUpload(const Parsed& parsed) {
  const std::string id = Find(parsed.query, "uploadid");
  if (id.empty()) {
    const std::string fresh = absl::StrCat("upload/", next_upload_++, "+=");
    Fields metadata;
    for (const auto& [name, value] : parsed.headers) {
      if (absl::StartsWith(name, "x-amz-meta-")) metadata.emplace_back(name, value);
    }
    uploads_[fresh] = {.key = parsed.key,
                       .metadata = std::move(metadata),
                       .parts = {},
                       .initiated = options_.clock->Now()};
    return Answer(200, "<InitiateMultipartUploadResult><UploadId>" + fresh +
                           "</UploadId></InitiateMultipartUploadResult>");
  }
  const auto it = uploads_.find(id);
  if (it == uploads_.end() || it->second.key != parsed.key) return Refuse(404, "NoSuchUpload");
  Running& upload = it->second;
  if (parsed.method == "DELETE") {
    uploads_.erase(it);
    return Answer(204);
  }
  if (parsed.method == "PUT") {
    const std::string etag = ToHex(Md5Of(parsed.body));
    upload.parts[std::stoi(Find(parsed.query, "partnumber"))] = {etag, parsed.body};
    return Answer(200, "", {{"etag", "\"" + etag + "\""}});
  }
  const absl::StatusOr<s3::XmlElement> xml = s3::ParseXml(parsed.body);
  if (!xml.ok()) return Refuse(400, "MalformedXML");
  std::string bytes;
  std::string sums;
  for (const s3::XmlElement& part : xml->children) {
    const auto sent = upload.parts.find(std::stoi(std::string(part.TextOf("PartNumber"))));
    if (sent == upload.parts.end() || part.TextOf("ETag") != "\"" + sent->second.first + "\"") {
      return Refuse(400, "InvalidPart");
    }
    bytes += sent->second.second;
    sums += Md5Of(sent->second.second);
  }
  const std::string etag = absl::StrCat(ToHex(Md5Of(sums)), "-", xml->children.size());
  HttpResponse stored = Store(parsed, bytes, etag, upload.metadata);
  if (stored.status != 200) return stored;
  uploads_.erase(it);
  return Answer(200, "<CompleteMultipartUploadResult><ETag>&quot;" + etag +
                         "&quot;</ETag></CompleteMultipartUploadResult>");
}

HttpResponse MemoryS3::ServeBucket(const Parsed& parsed) {
  if (parsed.method == "HEAD") return Answer(200);
  if (HasField(parsed.query, "uploads")) {
    std::string xml = "<ListMultipartUploadsResult>";
    for (const auto& [id, upload] : uploads_) {
      if (!absl::StartsWith(upload.key, Find(parsed.query, "prefix"))) continue;
      xml += "<Upload><Key>" + s3::XmlEscape(upload.key) + "</Key><UploadId>" + s3::XmlEscape(id) +
             "</UploadId><Initiated>" + IsoTime(upload.initiated) + "</Initiated></Upload>";
    }
    return Answer(200, xml + "</ListMultipartUploadsResult>");
  }
  if (parsed.method == "POST" && HasField(parsed.query, "delete")) {
    if (!options_.delete_many) return Refuse(501, "NotImplemented");
    const absl::StatusOr<s3::XmlElement> xml = s3::ParseXml(parsed.body);
    if (!xml.ok()) return Refuse(400, "MalformedXML");
    for (const s3::XmlElement& child : xml->children) {
      if (child.name == "Object") objects_.erase(std::string(child.TextOf("Key")));
    }
    return Answer(200, "<DeleteResult/>");
  }
  return List(parsed);
}

HttpResponse MemoryS3::List(const Parsed& parsed) {
  const std::string prefix = Find(parsed.query, "prefix");
  const std::string delimiter = Find(parsed.query, "delimiter");
  int most = options_.max_page;
  if (int asked = 0; absl::SimpleAtoi(Find(parsed.query, "max-keys"), &asked)) {
    most = std::min(most, asked);
  }
  std::string xml;
  std::set<std::string> folders;
  int count = 0;
  bool truncated = false;
  for (auto it = objects_.upper_bound(Find(parsed.query, "start-after")); it != objects_.end();
       ++it) {
    const auto& [key, object] = *it;
    if (!absl::StartsWith(key, prefix)) continue;
    const size_t cut = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    const std::string folder = cut == std::string::npos ? "" : key.substr(0, cut + 1);
    if (!folder.empty() && folders.contains(folder)) continue;
    if (count == most) {
      truncated = true;
      break;
    }
    ++count;
    if (!folder.empty()) {
      folders.insert(folder);
      continue;
    }
    xml += "<Contents><Key>" + s3::XmlEscape(key) + "</Key><LastModified>" +
           IsoTime(object.modified) + "</LastModified><ETag>&quot;" + object.etag +
           "&quot;</ETag><Size>" + absl::StrCat(object.bytes.size()) + "</Size></Contents>";
  }
  for (const std::string& folder : folders) {
    xml += "<CommonPrefixes><Prefix>" + s3::XmlEscape(folder) + "</Prefix></CommonPrefixes>";
  }
  return Answer(200, absl::StrCat("<ListBucketResult "
                                  "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                                  "<IsTruncated>",
                                  truncated ? "true" : "false", "</IsTruncated>", xml,
                                  "</ListBucketResult>"));
}

std::vector<std::string> MemoryS3::Keys() const {
  MutexLock lock(mu_);
  std::vector<std::string> keys;
  for (const auto& [key, object] : objects_) keys.push_back(key);
  return keys;
}

bool MemoryS3::Has(const std::string& key) const {
  MutexLock lock(mu_);
  return objects_.contains(key);
}

void MemoryS3::Change(const std::string& key, const std::function<void(Object&)>& change) {
  MutexLock lock(mu_);
  const auto it = objects_.find(key);
  if (it != objects_.end()) change(it->second);
}

void MemoryS3::Remove(const std::string& key) {
  MutexLock lock(mu_);
  objects_.erase(key);
}

size_t MemoryS3::running_uploads() const {
  MutexLock lock(mu_);
  return uploads_.size();
}

std::vector<std::string> MemoryS3::Log() const {
  MutexLock lock(mu_);
  return log_;
}

void MemoryS3::ClearLog() {
  MutexLock lock(mu_);
  log_.clear();
}

}  // namespace stockroom::testing
