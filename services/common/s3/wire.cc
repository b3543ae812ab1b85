#include "services/common/s3/wire.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::s3 {
namespace {

constexpr std::string_view kMetaPrefix = "x-amz-meta-";

absl::StatusOr<absl::Time> HttpDate(std::string_view text, std::string_view field) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", Av(text), &time, &error)) {
    return Nonsense("its " + std::string(field) + " is no date");
  }
  return time;
}

absl::StatusOr<absl::Time> IsoDate(std::string_view text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, Av(text), &time, &error)) {
    return Nonsense("a time in its list is none");
  }
  // Header fields have whole seconds: both must be equal.
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

absl::StatusOr<int64_t> Number(std::string_view text, std::string_view what) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(Av(text), &number) || number < 0) {
    return Nonsense("its " + std::string(what) + " is no number");
  }
  return number;
}

// "bytes 0-9/100"
struct ContentRange {
  int64_t first = 0;
  int64_t last = 0;
  int64_t size = 0;
};
absl::StatusOr<ContentRange> ParseContentRange(std::string_view text) {
  const std::vector<std::string> parts =
      absl::StrSplit(Av(text), absl::ByAnyChar(" -/"), absl::SkipEmpty());
  ContentRange range;
  if (parts.size() != 4 || parts[0] != "bytes" || !absl::SimpleAtoi(parts[1], &range.first) ||
      !absl::SimpleAtoi(parts[2], &range.last) || !absl::SimpleAtoi(parts[3], &range.size)) {
    return Nonsense("its Content-Range is none");
  }
  return range;
}

absl::StatusOr<ListedObject> ObjectOf(const XmlElement& contents, const std::string& prefix) {
  ListedObject object;
  const std::string_view key = contents.TextOf("Key");
  if (!key.starts_with(prefix)) return Nonsense("its list holds what was not asked for");
  object.key = key.substr(prefix.size());
  object.etag = Unquoted(contents.TextOf("ETag"));
  SR_ASSIGN_OR_RETURN(object.size, Number(contents.TextOf("Size"), "Size"));
  SR_ASSIGN_OR_RETURN(object.modified, IsoDate(contents.TextOf("LastModified")));
  return object;
}

}  // namespace

absl::Status Nonsense(std::string_view what) {
  return Unavailable("S3_NONSENSE", "the S3 server's answer makes no sense: " + std::string(what));
}

std::string Unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

bool HasOpaqueEtag(const HttpResponse& response) {
  const std::string_view encryption = response.Header("x-amz-server-side-encryption");
  return encryption.starts_with("aws:kms") ||
         !response.Header("x-amz-server-side-encryption-customer-algorithm").empty();
}

absl::StatusOr<absl::Time> DateOf(const HttpResponse& response) {
  return HttpDate(response.Header("date"), "Date");
}

absl::StatusOr<ObjectInfo> InfoOf(const HttpResponse& response) {
  ObjectInfo info;
  SR_ASSIGN_OR_RETURN(info.size, Number(response.Header("content-length"), "Content-Length"));
  SR_ASSIGN_OR_RETURN(info.modified, HttpDate(response.Header("last-modified"), "Last-Modified"));
  SR_ASSIGN_OR_RETURN(info.server_now, DateOf(response));
  info.etag = Unquoted(response.Header("etag"));
  info.opaque_etag = HasOpaqueEtag(response);
  if (info.etag.empty()) return Nonsense("an object without an ETag");
  for (const auto& [name, value] : response.headers) {
    if (std::string_view(name).starts_with(kMetaPrefix)) {
      info.metadata.emplace_back(name.substr(kMetaPrefix.size()), value);
    }
  }
  return info;
}

absl::StatusOr<ObjectBytes> RangeOf(HttpResponse response, int64_t offset, int64_t length) {
  ObjectBytes object;
  const auto got = static_cast<int64_t>(response.body.size());
  // Some servers leave Content-Length out of their own accord; the bytes were counted by then.
  if (response.Header("content-length").empty()) {
    response.headers.emplace_back("content-length", absl::StrCat(got));
  }
  SR_ASSIGN_OR_RETURN(object.info, InfoOf(response));
  if (response.status == 206) {
    SR_ASSIGN_OR_RETURN(const ContentRange range,
                        ParseContentRange(response.Header("content-range")));
    if (range.first != offset || range.last - range.first + 1 != got || range.size <= range.last ||
        got != std::min(length, range.size - offset)) {
      return Nonsense("another range than was asked for");
    }
    object.info.size = range.size;
  } else if (offset != 0 || got == 0 || got != std::min(length, object.info.size)) {
    return Nonsense("the whole object instead of a range, or a part of it");
  }
  object.bytes = std::move(response.body);
  return object;
}

absl::StatusOr<XmlElement> RootOf(const HttpResponse& response, std::string_view name) {
  absl::StatusOr<XmlElement> root = ParseXml(response.body);
  if (!root.ok()) return Nonsense(Sv(root.status().message()));
  if (root->name != name) {
    return Nonsense("<" + std::string(name) + "> is expected");
  }
  return root;
}

absl::StatusOr<ListPage> PageOf(const HttpResponse& response, const ListOptions& asked,
                                const std::string& prefix) {
  SR_ASSIGN_OR_RETURN(const XmlElement root, RootOf(response, "ListBucketResult"));
  ListPage page;
  SR_ASSIGN_OR_RETURN(page.server_now, DateOf(response));
  std::string last = asked.start_after;
  for (const XmlElement& child : root.children) {
    if (child.name == "Contents") {
      SR_ASSIGN_OR_RETURN(ListedObject object, ObjectOf(child, prefix));
      last = std::max(last, object.key);
      page.objects.push_back(std::move(object));
    } else if (child.name == "CommonPrefixes") {
      const std::string_view folder = child.TextOf("Prefix");
      if (!folder.starts_with(prefix) || !folder.ends_with('/')) {
        return Nonsense("its list holds a folder that is none");
      }
      page.folders.emplace_back(folder.substr(prefix.size()));
      // '0' comes behind '/': all keys of the folder are left behind.
      std::string behind = page.folders.back();
      behind.back() = '0';
      last = std::max(last, behind);
    }
  }
  if (root.TextOf("IsTruncated") != "true") return page;
  // Else it would never end.
  if (last <= asked.start_after) return Nonsense("a list that says it goes on but does not");
  page.next_after = last;
  return page;
}

absl::StatusOr<std::vector<RunningUpload>> UploadsOf(const HttpResponse& response,
                                                     const std::string& prefix) {
  SR_ASSIGN_OR_RETURN(const XmlElement root, RootOf(response, "ListMultipartUploadsResult"));
  std::vector<RunningUpload> uploads;
  for (const XmlElement& child : root.children) {
    if (child.name != "Upload") continue;
    const std::string_view key = child.TextOf("Key");
    if (!key.starts_with(prefix)) return Nonsense("its list holds what was not asked for");
    SR_ASSIGN_OR_RETURN(const absl::Time initiated, IsoDate(child.TextOf("Initiated")));
    uploads.push_back({.key = std::string(key.substr(prefix.size())),
                       .id = std::string(child.TextOf("UploadId")),
                       .initiated = initiated});
  }
  return uploads;
}

Fields HeadersOf(const PutOptions& options) {
  Fields headers = {{"content-type", options.content_type}};
  for (const auto& [name, value] : options.metadata) {
    headers.emplace_back(std::string(kMetaPrefix) + name, value);
  }
  return headers;
}

std::string CompletionXml(const std::vector<UploadedPart>& parts) {
  std::string xml = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const UploadedPart& part : parts) {
    absl::StrAppend(&xml, "<Part><PartNumber>", part.number, "</PartNumber><ETag>&quot;",
                    XmlEscape(part.etag), "&quot;</ETag></Part>");
  }
  return xml + "</CompleteMultipartUpload>";
}

std::string DeletionXml(const std::vector<std::string>& keys, const std::string& prefix) {
  std::string xml = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const std::string& key : keys) {
    absl::StrAppend(&xml, "<Object><Key>", XmlEscape(prefix + key), "</Key></Object>");
  }
  return xml + "<Quiet>true</Quiet></Delete>";
}

absl::StatusOr<Undeleted> UndeletedOf(const HttpResponse& response) {
  SR_ASSIGN_OR_RETURN(const XmlElement root, RootOf(response, "DeleteResult"));
  Undeleted undeleted;
  for (const XmlElement& child : root.children) {
    if (child.name != "Error" || child.TextOf("Code") == "NoSuchKey") continue;
    ++undeleted.count;
    if (undeleted.code.empty()) undeleted.code = child.TextOf("Code");
  }
  return undeleted;
}

std::string ToBase64(std::string_view bytes) { return absl::Base64Escape(Av(bytes)); }

}  // namespace stockroom::s3
